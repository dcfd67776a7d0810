"""What a prior of tau and the data's scales say of a posterior, for the quadrature over tau."""

from collections.abc import Callable
from math import inf

import numpy as np

from pyhier._types import Floats
from pyhier.priors.structure import around
from pyhier.priors.tau import LADDER, ResolvedPrior
from pyhier.quadrature.panels import HIGHEST, LOWEST, Falls, Shape

STEPS = 60  # of a search for a peak


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


def narrow_peak(
    log_density: Callable[[Floats], Floats], start: float, low: float, high: float
) -> Floats:
    """Places about the peak of a density that panels might pass over, found from a place near it.

    There are none where it is as wide as a panel.
    """
    centre, step = min(max(start, low), high), 1.0
    for _ in range(STEPS):
        around_it = centre + step * np.arange(-4.0, 5.0)
        values = log_density(around_it)
        best = int(values.argmax())
        centre = float(around_it[best])
        if best in (0, 8):
            continue
        if 2.0 * values[best] - values[best - 1] - values[best + 1] < 4.0:
            return around(centre, step) if step < 0.5 else np.empty(0)
        step *= 0.25
    return np.empty(0)


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
