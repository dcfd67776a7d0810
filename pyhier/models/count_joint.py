"""The joint densities of the models for counts: centred on the logit and the log scale."""

from typing import Any

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


def beta_binomial_joint(model: Any, parameterization: str) -> Joint:
    """The joint target of a `BetaBinomial`."""

    def centred() -> Joint:
        density = CountsJoint(
            "beta-binomial", model.successes, model.failures, model.log_constant,
            model._kernel_prior(),
        )  # fmt: skip
        return Joint(model, "centred", density, LOGIT)

    return choose(parameterization, {"centred": centred}, {"non-centred": _NO_BETA})


def poisson_gamma_joint(model: Any, parameterization: str) -> Joint:
    """The joint target of a `PoissonGamma`."""

    def centred() -> Joint:
        from scipy.special import xlogy

        constant = model.log_constant + float(xlogy(model.counts, model.exposure).sum())
        density = CountsJoint(
            "poisson-gamma", model.counts, model.exposure, constant, model._kernel_prior(), model.z0
        )
        return Joint(model, "centred", density, LOG)

    return choose(parameterization, {"centred": centred}, {"non-centred": _NO_GAMMA})
