"""The prior of how closely effects of counts lie about their means: of K, or of alpha."""

from math import log
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.kernels.count_regression import PrecisionPrior
from pyhier.models.level_priors import level_priors
from pyhier.priors.tau import ResolvedPrior


def precision_prior(given: Any, name: str, z0: float = 1.0) -> ResolvedPrior:
    """Check the prior of K or alpha; without one it is LearnBayes', z0 / (K + z0)^2.

    Parameters
    ----------
    given : frozen distribution, callable, "uniform" or None
    name : {"K", "alpha"}
    z0 : float
        The median of LearnBayes' prior.
    """
    if given is not None:
        return level_priors({name: given}, (name,), f"prior_{name}").resolved[0]
    density = PrecisionPrior(z0)

    def log_density(log_k: Floats) -> Floats:
        points = np.ascontiguousarray(log_k, dtype=np.float64)
        return density.evaluate(points.reshape(-1, 1)).reshape(np.shape(log_k))

    def quantile(u: Floats) -> Floats:
        return z0 * u / (1.0 - u)

    shown = f"{z0:g}/({name} + {z0:g})^2"
    return ResolvedPrior(
        shown, log_density, density, True, quantile=quantile, powers=(0.0, 2.0), scale=log(z0)
    )
