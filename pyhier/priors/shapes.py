"""What a prior of tau and the data's scales say of a posterior, for the quadrature over tau."""

from math import inf

from pyhier.priors.tau import LADDER, ResolvedPrior
from pyhier.quadrature.panels import HIGHEST, LOWEST, Falls, Shape


def shape_of(
    prior: ResolvedPrior,
    scales: tuple[float, float],
    indices: tuple[float, float],
    support: tuple[float, float],
) -> Shape:
    """What is known of the posterior density of log tau.

    Parameters
    ----------
    prior : ResolvedPrior
    scales : (float, float)
        Between which the data have structure.
    indices : (float, float)
        Exponents of the posterior on both sides.
    support : (float, float)
        Of the prior.
    """
    structure, (low, high), (left, right) = prior.structure(*scales), scales, indices
    below, above = min(low - 20.0, structure.below), max(high + 30.0, structure.above)
    powers = Falls(left, right, below, above, moments=2)
    if structure.scan:
        limits = max(LOWEST, low - LADDER), min(HIGHEST, high + LADDER)
        return Shape(
            low, high, _reach(right), support, None, powers, limits, False, prior.log_density
        )
    low, high = min(low, structure.low), max(high, structure.high)
    limits, smooth = (LOWEST, HIGHEST), prior.powers is not None
    return Shape(low, high, _reach(right), support, structure.places, powers, limits, smooth)


def _reach(index: float) -> float:
    """How far beyond all structure a power tail is followed before its closed form takes over.

    Moments of order k leave exp(-(index - k) * reach) of their mass to the closed form, which is
    good to exp(-reach): together below 1e-13.
    """
    if index == inf:
        return 0.0
    order = max((k for k in (0, 1, 2) if index - k > 1e-6), default=0)
    far = 30.0 / (1.0 + index - order)
    return far if far > 1.0 else 0.0
