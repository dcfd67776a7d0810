"""Priors of the two hyperparameters of the models for counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pyhier._types import Floats
from pyhier.kernels.pair_priors import IndependentPair, SharePrior
from pyhier.priors.tau import scale_density

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
    kernel : {"log", "share", "shapes", "rate"}
        Its name in kernels/pair_priors.
    """

    of_phi: Callable[[Floats], tuple[Floats, Floats]]
    to_phi: Callable[[Floats, Floats], Floats]
    log_jacobian: Callable[[Floats], Floats]
    kernel: Literal["log", "share", "shapes", "rate"]


def share_density(prior: Any) -> SharePrior | None:
    """A frozen distribution of a share for the kernels: a beta one; None for another."""
    if prior.dist.name != "beta":
        return None
    (a, b), loc, scale = prior.dist._parse_args(*prior.args, **prior.kwds)
    return SharePrior(float(a), float(b)) if loc == 0.0 and scale == 1.0 else None


def compiled_pair(chart: Chart, first: Any, second: Any) -> IndependentPair | None:
    """Two frozen distributions as one density of the coordinates; None if one is not compiled."""
    one = share_density(first) if chart.kernel == "share" else scale_density(first)
    other = scale_density(second)
    if one is None or other is None:
        return None
    return IndependentPair(chart.kernel, one, other)


def log_density_of_share(prior: Any) -> Callable[[Floats], Floats]:
    """The log density of a share, eta, under a frozen distribution, as a function of its logit.

    From logit 37 on no double is between eta and 1, where the density may have a pole: a beta
    distribution's is taken by the logit itself, another's at the last double before 1.
    """
    compiled = share_density(prior)
    if compiled is not None:
        return lambda logit: compiled.evaluate(np.reshape(logit, (-1, 1))).reshape(np.shape(logit))

    def of_eta(logit: Floats) -> Floats:
        with np.errstate(over="ignore"):
            eta = np.minimum(1.0 / (1.0 + np.exp(-logit)), 1.0 - 2.0**-53)
        density: Floats = prior.logpdf(eta)
        return density

    return of_eta
