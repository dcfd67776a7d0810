"""The normal model's densities with gradients: marginal, centred and non-centred."""

from math import log
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.joint import NormalEffects, NormalMarginalGradient
from pyhier.models.joint import AS_IS, STANDARD, EffectChart, Joint, choose
from pyhier.priors.tau import ResolvedPrior

LOG_2PI = float(np.log(2.0 * np.pi))


def normal_marginal_gradient(model: Any) -> GradientDensity:
    """The log marginal posterior of (mu, log tau) with its gradient and all constants."""
    mean, precision, kappa = _mu(model.prior)
    return NormalMarginalGradient(
        model.log_marginal, model.y, model.var, model.log_constant, mean, precision,
        model.prior.density, kappa,
    )  # fmt: skip


def normal_joint(model: Any, parameterization: str) -> Joint:
    """The joint target of the normal model."""
    return choose(
        parameterization,
        {
            "centred": lambda: _joint(model, "centred", AS_IS),
            "non-centred": lambda: _joint(model, "non-centred", STANDARD),
        },
        {},
    )


def _joint(model: Any, parameterization: str, chart: EffectChart) -> Joint:
    mean, precision, kappa = _mu(model.prior)
    # 2 pi of the data and of the effects; the data's variances; mu's prior.
    constant = -model.y.size * LOG_2PI - 0.5 * float(np.log(model.var).sum())
    if kappa > 0.0:
        constant += 0.5 * (log(kappa) - LOG_2PI)
    elif precision[0] > 0.0:
        constant += 0.5 * (log(precision[0]) - LOG_2PI)
    density = NormalEffects(
        "normal", model.y, model.var, parameterization == "centred", constant, mean, precision,
        model.prior.density, kappa,
    )  # fmt: skip
    return Joint(model, parameterization, density, chart, model.marginal.bounds)


def _mu(prior: ResolvedPrior) -> tuple[Floats, Floats, float]:
    """Mean and precision of mu's prior as arrays, and its kappa."""
    mean, precision, kappa = prior.mu_normal
    return np.array([mean]), np.array([precision]), kappa
