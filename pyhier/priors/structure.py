"""Where a prior of tau has structure, so that a quadrature finds its mass, and how it falls off."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from pyhier._types import Floats
from pyhier.quadrature.panels import HIGHEST, LOWEST

LogDensity = Callable[[Floats], Floats]

STEP = 10.0  # of log tau, between which slopes far out are compared
# Upper and lower tails whose quantiles say where a distribution's mass is.
TAILS = np.array([1e-12, 1e-9, 1e-6, 1e-3, 0.02, 0.1, 0.25, 0.5])


@dataclass(frozen=True)
class Structure:
    """A prior's density of tau as the quadrature needs to know it.

    Attributes
    ----------
    low, high : float
        Log tau between which it has structure; ``inf`` and ``-inf`` where only the data's has.
    places : ndarray or None
        Log tau near which it has structure narrower than a unit.
    powers : (float, float)
        It goes as tau^powers[0] towards 0 and as tau^-powers[1] for large tau; inf where it falls
        faster than any power, or as none.
    below, above : float
        The log tau beyond which it does.
    scan : bool
        Whether it may have structure anywhere else too.
    """

    low: float = inf
    high: float = -inf
    places: Floats | None = None
    powers: tuple[float, float] = (inf, inf)
    below: float = inf
    above: float = -inf
    scan: bool = False


def of_scale(log_scale: float, width: float, powers: tuple[float, float]) -> Structure:
    """A family with one scale; ``width`` is that of its density of log tau."""
    places = around(log_scale, width) if width < 0.5 else None
    return Structure(log_scale, log_scale, places, powers, log_scale - 40.0, log_scale + 30.0)


def around(centre: float, width: float) -> Floats:
    """Places on both sides of a peak, further and further apart, a unit away at last."""
    steps = width * 2.0 ** np.arange(-1.0, np.ceil(-np.log2(width)) + 2.0)
    places: Floats = centre + np.concatenate([-steps[::-1], [0.0], steps])
    return places


def of_quantiles(
    quantile: Callable[[Floats], Floats],
    upper: Callable[[Floats], Floats],
    log_density: LogDensity,
    support: tuple[float, float],
) -> Structure | None:
    """A distribution whose quantiles are known; None where they are no numbers.

    Parameters
    ----------
    quantile, upper : callable
        Points with probabilities below them, and above them.
    log_density : callable
        Of tau, at an array of log tau.
    support : (float, float)
        In log tau.
    """
    with np.errstate(all="ignore"):  # far out in a family of scipy's; what is no number is left out
        tau = np.concatenate([quantile(TAILS), upper(TAILS)])
        places = np.log(tau[(tau > 0.0) & (tau < inf)])
    off = 1e-5 * min(1.0, support[1] - support[0])  # next to an end places tell nothing
    first, last = max(LOWEST, support[0] + off), min(HIGHEST, support[1] - off)
    places = np.unique(places[(places >= first) & (places <= last)])
    if not places.size:
        return None
    low, high, middle = float(places[0]), float(places[-1]), float(places[places.size // 2])
    reach = max(support[0], LOWEST), min(support[1], HIGHEST)
    ends = isfinite(support[0]), isfinite(support[1])
    powers, below, above = power_tails(log_density, middle, reach, ends)
    if high - low > 8.0 and np.diff(places).min() > 0.05:
        return Structure(low, high, None, powers, below, above)
    spread = max(float(places[-1] - places[0]) / 8.0, 1e-14 * max(1.0, abs(middle)))
    further = [around(low, spread), around(high, spread)] if spread < 0.5 else []
    places = np.concatenate([places, *further])
    places = places[(places >= first) & (places <= last)]
    return Structure(low, high, places, powers, below, above)


def power_tails(
    log_density: LogDensity,
    middle: float,
    reach: tuple[float, float],
    ends: tuple[bool, bool] = (False, False),
) -> tuple[tuple[float, float], float, float]:
    """The powers with which a density falls off, and the log tau beyond which it does.

    ``reach`` says how far to look, ``ends`` on which sides it ends there.
    """
    low, high = reach
    ladders = [
        middle - STEP * np.arange(np.floor((middle - low) / STEP) + 1.0),
        middle + STEP * np.arange(np.floor((high - middle) / STEP) + 1.0),
    ]
    values = log_density(np.concatenate(ladders))
    left, below = _power(ladders[0], values[: ladders[0].size], ends[0])
    right, above = _power(ladders[1], values[ladders[0].size :], ends[1])
    return (left, -right if right < inf else inf), below, above


def _power(ladder: Floats, values: Floats, ends: bool) -> tuple[float, float]:
    """The slope that the last steps of a ladder agree on, and from where; inf for none."""
    if ends or ladder.size < 5 or not np.isfinite(values[-4:]).all():
        return inf, float(ladder[-1])
    with np.errstate(invalid="ignore"):
        slopes = np.diff(values) / np.diff(ladder)
        # Beside 1 + slope, the power of the distribution function; and rounding.
        rounding = 1e-15 * float(np.abs(values).max(where=np.isfinite(values), initial=1.0))
        agree = np.abs(slopes - slopes[-1]) <= 1e-10 * abs(1.0 + float(slopes[-1])) + rounding
    first = agree.size - int(np.argmin(agree[::-1])) if not agree.all() else 0
    if agree.size - first < 3:
        return inf, float(ladder[-1])
    # Over the first step that agrees on average the slope may still have changed a little.
    return float(slopes[-1]), float(ladder[min(first + 2, ladder.size - 1)])
