"""Bands that an empirical distribution function of uniform numbers keeps everywhere at once.

At a point z the count of n uniform numbers at or below z is binomial. A band that each of these
leaves with chance gamma is left somewhere with a larger one, which follows from how counts at
neighbouring points depend on each other: given c at or below z, those up to z' are c and a binomial
number of the other n - c (Saeilynoja, Buerkner and Vehtari 2022, section 3).
"""

from functools import cache

import numpy as np

from pyhier._types import Floats, Ints

POINTS = 100  # at which the function is looked at


def points(n: int) -> Floats:
    """Where the empirical distribution function of n numbers is looked at, shape (k,)."""
    k = min(n, POINTS)
    return np.arange(1, k) / k


def deviation(u: Floats) -> float:
    """How unlikely the most unlikely count at a point is, from both sides: small is far off."""
    z, n = points(u.size), u.size
    counts = (u[:, np.newaxis] <= z).sum(axis=0)
    return float(min(1.0, 2.0 * np.minimum(_cdf(counts, n, z), _sf(counts - 1, n, z)).min()))


def chance(gamma: float, n: int) -> float:
    """The chance that n uniform numbers deviate as far as ``gamma`` somewhere, or further."""
    low, high = _kept(gamma, n)
    if (low > high).any():
        return 1.0
    before, at = 0.0, np.array([0])
    weight = np.ones(1)
    for place, first, last in zip(points(n), low, high, strict=True):
        now = np.arange(first, last + 1)
        share = (place - before) / (1.0 - before)
        weight = weight @ _steps(now - at[:, np.newaxis], n - at[:, np.newaxis], share)
        before, at = place, now
    return float(np.clip(1.0 - weight.sum(), 0.0, 1.0))


@cache
def band(n: int, level: float) -> tuple[Floats, Floats]:
    """Least and greatest share of n uniform numbers at or below each point, with this chance."""
    low, high = (1.0 - level) / POINTS, 1.0 - level  # of one point it would be the latter
    for _ in range(20):  # the widest band that is left with a chance of at most 1 - level
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if chance(middle, n) <= 1.0 - level else (low, middle)
    least, most = _kept(low, n)
    shares = np.asarray([least, most], dtype=np.float64) / n
    return shares[0], shares[1]


def _kept(gamma: float, n: int) -> tuple[Ints, Ints]:
    """Least and greatest count at each point that is likelier than ``gamma``."""
    z, counts = points(n)[:, np.newaxis], np.arange(n + 1)
    each = 2.0 * np.minimum(_cdf(counts, n, z), _sf(counts - 1, n, z))
    inside = np.minimum(each, 1.0) > gamma * (1.0 + 1e-9)  # but for rounding
    least = np.where(inside.any(axis=1), inside.argmax(axis=1), 1)
    most = np.where(inside.any(axis=1), n - inside[:, ::-1].argmax(axis=1), 0)
    return least, most


def _cdf(k: Ints, n: int, p: Floats) -> Floats:
    from scipy import special

    return np.asarray(special.bdtr(np.asarray(k, dtype=np.float64), n, p), dtype=np.float64)


def _sf(k: Ints, n: int, p: Floats) -> Floats:
    """P(count > k); 1 for k = -1."""
    from scipy import special

    tail = special.bdtrc(np.maximum(k, 0).astype(np.float64), n, p)
    return np.asarray(np.where(k < 0, 1.0, tail), dtype=np.float64)


def _steps(k: Ints, n: Ints, p: float) -> Floats:
    """The binomial probabilities of k of n; 0 where k is negative or above n."""
    from scipy import special

    ok = (k >= 0) & (k <= n)
    k = np.where(ok, k, 0)
    log = (
        special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)
        + special.xlogy(k, p) + special.xlog1py(n - k, -p)
    )  # fmt: skip
    return np.asarray(np.where(ok, np.exp(log), 0.0), dtype=np.float64)
