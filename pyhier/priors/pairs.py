"""Priors of the two hyperparameters of the models for counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._types import Floats

PairPrior = str | Mapping[str, Any] | Callable[[float, float], float]


@dataclass(frozen=True)
class Chart:
    """Two hyperparameters that a prior may be given for, in place of the coordinates.

    Attributes
    ----------
    of_phi : callable
        Both at phi (..., 2).
    to_phi : callable
        The coordinates, (..., 2), of both.
    log_jacobian : callable
        Log of their area by that of phi, at phi.
    """

    of_phi: Callable[[Floats], tuple[Floats, Floats]]
    to_phi: Callable[[Floats, Floats], Floats]
    log_jacobian: Callable[[Floats], Floats]


def log_density_of_share(prior: Any) -> Callable[[Floats], Floats]:
    """The log density of a share, eta, under a frozen distribution, as a function of its logit.

    From logit 37 on no double is between eta and 1, where the density may have a pole: a beta
    distribution's is taken by the logit itself, another's at the last double before 1.
    """
    if prior.dist.name == "beta":
        (a, b), loc, scale = prior.dist._parse_args(*prior.args, **prior.kwds)
        if loc == 0.0 and scale == 1.0:
            from scipy.special import betaln

            constant = float(betaln(a, b))

            def log_density(logit: Floats) -> Floats:
                low, high = -np.logaddexp(0.0, -logit), -np.logaddexp(0.0, logit)
                density: Floats = (a - 1.0) * low + (b - 1.0) * high - constant
                return density

            return log_density

    def of_eta(logit: Floats) -> Floats:
        with np.errstate(over="ignore"):
            eta = np.minimum(1.0 / (1.0 + np.exp(-logit)), 1.0 - 2.0**-53)
        density: Floats = prior.logpdf(eta)
        return density

    return of_eta
