"""What a model's ``prior_mu=`` and ``prior_tau=`` take, turned into what the kernels take.

Priors are scipy.stats frozen distributions, improper ones are named, and any callable log density
of tau works. SciPy itself is not imported: whoever has a frozen distribution has loaded it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pyhier.kernels.density import CallableDensity, LogDensity, ScalePrior

TauPrior = str | Callable[[float], float] | Any

_COMPILED = ("halfnorm", "halfcauchy", "expon")


def _is_frozen(prior: object) -> bool:
    return hasattr(prior, "dist") and hasattr(prior, "logpdf")


def mu_parameters(prior: Any) -> tuple[float, float] | None:
    """Mean and sd of a normal prior of mu, or None for the flat one."""
    if prior is None:
        return None
    if not (_is_frozen(prior) and prior.dist.name == "norm"):
        raise TypeError(
            f"prior_mu is {prior!r}: it must be None (flat) or scipy.stats.norm(mean, sd)"
        )
    mean, sd = float(prior.mean()), float(prior.std())
    if not (np.isfinite(mean) and np.isfinite(sd) and sd > 0.0):
        raise ValueError(f"prior_mu is norm({mean}, {sd}): its sd must be positive and finite")
    return mean, sd


def tau_density(prior: TauPrior) -> LogDensity | None:
    """The log density of tau at x = log tau, or None for the uniform prior."""
    if isinstance(prior, str):
        if prior != "uniform":
            raise ValueError(
                f"prior_tau is {prior!r}: the named prior is 'uniform'; any scipy.stats frozen "
                "distribution on the half line and any callable log density work too"
            )
        return None
    if _is_frozen(prior):
        return _frozen_density(prior)
    if callable(prior):
        return CallableDensity(lambda x: prior(float(np.exp(x[0]))), (), 1)
    raise TypeError(
        f"prior_tau is {prior!r}: it must be 'uniform', a scipy.stats frozen distribution or a "
        "callable log density of tau"
    )


def _frozen_density(prior: Any) -> LogDensity:
    low, _ = prior.support()
    if low < 0.0:
        raise ValueError(
            f"prior_tau ({prior.dist.name}) starts at {low}: tau is positive, so take a "
            "distribution on the half line, such as halfnorm for norm"
        )
    _, loc, scale = prior.dist._parse_args(*prior.args, **prior.kwds)
    if prior.dist.name in _COMPILED and loc == 0.0:
        return ScalePrior(prior.dist.name, float(scale))
    return CallableDensity(lambda x: float(prior.logpdf(np.exp(x[0]))), (), 1)
