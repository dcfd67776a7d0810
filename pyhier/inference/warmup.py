"""When the warm-up of a Hamiltonian chain learns what: windows that double, as Stan's."""

from dataclasses import dataclass

import numpy as np

from pyhier._types import Ints

FIRST, LAST, BASE = 75, 50, 25  # Stan's init_buffer, term_buffer and window


@dataclass(frozen=True)
class Schedule:
    """The iterations after which a chain's metric is renewed.

    Attributes
    ----------
    early : ndarray of int
        Where a diagonal is made of the spread of the points and of the gradients, on the way to
        the stationary law.
    windows : ndarray of int
        The iteration from which the draws count, then the ends of the windows whose draws make
        the metric; empty where the warm-up is too short for one.
    """

    early: Ints
    windows: Ints


def schedule(tune: int) -> Schedule:
    """Lay out a warm-up of ``tune`` iterations.

    As in Stan (reference manual, "Automatic parameter tuning"): 75 iterations without a metric of
    draws, windows of 25, 50, 100, ... iterations, the last one up to 50 before the end. A shorter
    warm-up has one window, of three quarters of it; with fewer than 20 only the step size is
    learned.

    Examples
    --------
    >>> schedule(1_000).windows
    array([ 75, 100, 150, 250, 450, 950])
    >>> schedule(100).windows
    array([15, 90])
    """
    if tune < 20:
        return Schedule(np.zeros(0, np.int64), np.zeros(0, np.int64))
    first, last, width = FIRST, LAST, BASE
    if first + last + width > tune:
        first, last = int(0.15 * tune), int(0.1 * tune)
        width = tune - first - last
    ends = [first]
    while ends[-1] < tune - last:
        left = tune - last - ends[-1]
        # The next one would not fit after this one, so this one takes what is left.
        ends.append(ends[-1] + (width if left >= 3 * width else left))
        width *= 2
    early = [n for n in (10, 25, 50) if n < first] + [first]
    return Schedule(np.array(early, np.int64), np.array(ends, np.int64))
