"""The joint densities of the models for counts: centred on the logit and the log scale."""

from typing import Any

import numpy as np

from pyhier.kernels.gradients import PointsGradient
from pyhier.kernels.joint_counts import CountsJoint
from pyhier.models.joint import LOG, LOGIT, Joint, choose

_NO_BETA = (
    "a beta distribution is no shift and scale of a fixed one, so there is nothing standard to "
    "draw in theta's place; take 'centred' (logit theta) or 'marginal'"
)
_NO_GAMMA = (
    "a gamma distribution's shape cannot be taken out as a scale can, so there is nothing standard "
    "to draw in theta's place; take 'centred' (log theta) or 'marginal'"
)


def _prior(model: Any) -> Any:
    """A named prior's name, or a user's prior as a density of both coordinates."""
    if isinstance(model.prior, str):
        return model.prior
    compiled = model.compiled_prior
    return PointsGradient(model.log_prior, 2) if compiled is None else compiled


def beta_binomial_joint(model: Any, parameterization: str) -> Joint:
    """The joint target of a `BetaBinomial`."""

    def centred() -> Joint:
        from scipy.special import betaln

        y, f = model.successes, model.failures
        constant = -float((betaln(y + 1.0, f + 1.0) + np.log1p(y + f)).sum())
        density = CountsJoint("beta-binomial", y, f, constant, _prior(model))
        return Joint(model, "centred", density, LOGIT)

    return choose(parameterization, {"centred": centred}, {"non-centred": _NO_BETA})


def variance_gamma_joint(model: Any, parameterization: str) -> Joint:
    """The joint target of a `VarianceGamma`."""

    def centred() -> Joint:
        from scipy.special import gammaln, xlogy

        half, squares = 0.5 * model.df, 0.5 * model.df * model.s2
        # The density of s2 is squares^half / (Gamma(half) s2) times what the kernel has.
        constant = float((xlogy(half, squares) - gammaln(half) - np.log(model.s2)).sum())
        density = CountsJoint("variance-gamma", half, squares, constant, _prior(model), model.z0)
        return Joint(model, "centred", density, LOG)

    return choose(parameterization, {"centred": centred}, {"non-centred": _NO_GAMMA})


def poisson_gamma_joint(model: Any, parameterization: str) -> Joint:
    """The joint target of a `PoissonGamma`."""

    def centred() -> Joint:
        from scipy.special import gammaln, xlogy

        y, e = model.counts, model.exposure
        constant = float((xlogy(y, e) - gammaln(y + 1.0)).sum())
        density = CountsJoint("poisson-gamma", y, e, constant, _prior(model), model.z0)
        return Joint(model, "centred", density, LOG)

    return choose(parameterization, {"centred": centred}, {"non-centred": _NO_GAMMA})
