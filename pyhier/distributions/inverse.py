"""The inverse of a distribution function that is no density on panels.

What has panels is inverted by them, compiled (`Panels.quantiles`); mixtures of normals have an
inverter of their own beside their sums (`kernels.mixtures`), and far out, where a tail is a
quadrature for each point, steps count more than anything (`far_tails.quantile`). Everything else
comes here.
"""

from collections.abc import Callable

import numpy as np

from pyhier._types import Floats

STEPS = 200
EQUAL = 2e-15  # logs of masses that no doubles tell apart
SHUT = 4e-13  # of a bracket, by its size: about a jump the quantile is its upper side
CLOSE = 1e-13  # a step, by the place: the next one would be about its square


def invert_tail(
    log_tail: Callable[[Floats], Floats],
    log_density: Callable[[Floats], Floats],
    q: Floats,
    start: Floats,
    ends: tuple[Floats | float, Floats | float],
    upper: bool,
) -> Floats:
    """Places with mass ``q`` below them, or above them, by Newton's method on the log of the mass.

    A step out of the bracket that the masses so far make is replaced by its middle.

    Parameters
    ----------
    log_tail, log_density : callable
        At places (n,): the log of the mass below (above) them, and of the density.
    q, start : ndarray, shape (n,)
        Masses, and a guess at their places.
    ends : (float or ndarray, float or ndarray)
        The brackets to begin with, of one place or of each.
    upper : bool

    Returns
    -------
    ndarray, shape (n,)
        As they began where q is 0 or 1.
    """
    low, high = (np.full(q.size, end, dtype=np.float64) for end in ends)
    z, left = np.clip(start, low, high), np.flatnonzero((q > 0.0) & (q < 1.0) & (low < high))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(STEPS):
            if not left.size:
                break
            at = z[left]
            mass = log_tail(at)
            off = mass - np.log(q[left])
            beyond = (off < 0.0) if upper else (off > 0.0)
            high[left], low[left] = (
                np.where(beyond, at, high[left]),
                np.where(beyond, low[left], at),
            )
            least, most = low[left], high[left]
            new = at + (1.0 if upper else -1.0) * off * np.exp(mass - log_density(at))
            new = np.where((new >= least) & (new <= most), new, 0.5 * (least + most))
            new = np.where(np.abs(off) <= EQUAL, at, new)
            shut = most - least <= SHUT * np.maximum(np.abs(least), np.abs(most))
            z[left] = np.where(shut, most, new)
            left = left[~shut & (np.abs(new - at) > CLOSE * np.abs(new))]
    return z
