"""Counts of any number of groups as numbers of groups: of different pairs, or three histograms.

Of y successes in n trials with failures f = n - y, theta ~ Beta(alpha, beta), the log likelihood is

    sum_i C_y[i] log(alpha + i) + C_f[i] log(beta + i) - C_n[i] log(alpha + beta + i)

with C[i] the number of groups that have more than i, and the log binomial coefficients take the
same C: three histograms are all there is to know. Different pairs are kept while they are few; of
large counts they make the better sums.

All numbers are whole, so that sums are the same bits however the groups come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats, Ints
from pyhier.kernels.count_data import Counts, above
from pyhier.kernels.count_masses import log_mass_given
from pyhier.models.sums import whole_counts
from pyhier.models.variance_bins import TERMS

MOST_PAIRS = 2**18  # 6 MB
MOST_TRIALS = 2**20  # where there are more pairs: 25 MB
EACH = 200  # counts from which on few stand for many
MOST_SIZE = 4e9  # of sums over few: they are rounded to 1e-17 of it
LARGEST = 2.0**53


@dataclass(frozen=True)
class Totals:
    """Sums over groups.

    Attributes
    ----------
    successes, trials : float
    squares : tuple of float
        Of successes, failures and trials.
    mixed : bool
        Whether a group has both successes and failures.
    """

    successes: float
    trials: float
    squares: tuple[float, float, float]
    mixed: bool

    def log_size(self, most: float) -> float:
        """Log K by the squares of y about n times the share of all successes, or an end.

        Their expectation is eta (1 - eta) (sum n + rho sum n (n - 1)), rho = 1 / (K + 1).
        """
        eta, (yy, ff, nn) = self.successes / max(self.trials, 1.0), self.squares
        spread = yy - eta * (nn + yy - ff) + eta * eta * nn  # n^2 = y^2 + 2 y f + f^2
        unit, pairs = eta * (1.0 - eta), nn - self.trials
        excess = spread / unit - self.trials if unit > 0.0 else 0.0
        if not 0.0 < excess < pairs:
            return most if excess < pairs or pairs == 0.0 else -most
        return float(np.clip(np.log(pairs - excess) - np.log(excess), -7.0, most))


@dataclass(frozen=True)
class Histograms:
    """Numbers of groups with 0, 1, 2, ... successes, failures and trials."""

    successes: Floats
    failures: Floats
    trials: Floats

    @classmethod
    def of(cls, y: Floats, n: Floats, times: Floats | None = None) -> Self:
        """Of columns; ValueError where there are too many trials."""
        if n.max() > MOST_TRIALS:
            raise ValueError(
                f"successes and trials make more than {MOST_PAIRS:,} different pairs, and a group "
                f"has {n.max():,.0f} trials: then sums take up to {MOST_TRIALS:,}; take "
                "BetaBinomial(successes, trials)"
            )
        parts = (part.astype(np.int64) for part in (y, n - y, n))
        return cls(*(np.bincount(part, times).astype(np.float64) for part in parts))

    @property
    def groups(self) -> int:
        """How many groups there were."""
        return int(self.trials.sum())

    @property
    def histograms(self) -> "Histograms":
        """Itself: pairs have them too."""
        return self

    def __add__(self, other: "Tally") -> "Histograms":
        """Of the groups of both."""
        a, b = self, other.histograms
        return Histograms(
            added(a.successes, b.successes),
            added(a.failures, b.failures),
            added(a.trials, b.trials),
        )

    def arrays(self) -> dict[str, Any]:
        """What a file holds."""
        return {"successes": self.successes, "failures": self.failures, "trials": self.trials}

    @property
    def counts(self) -> tuple[Counts, Counts, Counts]:
        """Successes, failures and trials as `shortened`."""
        return shortened(self.successes), shortened(self.failures), shortened(self.trials)

    def log_likelihood(self, logit: float, log_size: float) -> float:
        """The log likelihood at one (logit eta, log K), binomial coefficients included."""
        inverse, shares = np.exp(-log_size), 1.0 / (1.0 + np.exp([-logit, logit]))
        y, f = steps(self.successes, shares[0], inverse), steps(self.failures, shares[1], inverse)
        return float(y + f - steps(self.trials, 1.0, inverse))

    @property
    def totals(self) -> Totals:
        """Sums over groups."""
        (y, yy), (_, ff), (n, nn) = map(_powers, (self.successes, self.failures, self.trials))
        none = self.successes[0] + self.failures[0] - self.trials[0]
        return Totals(y, n, (yy, ff, nn), bool(none < self.groups))


@dataclass(frozen=True)
class Pairs:
    """Different pairs of successes and trials, in order of the trials, and numbers of groups."""

    successes: Floats
    trials: Floats
    times: Floats

    @property
    def groups(self) -> int:
        """How many groups there were."""
        return int(self.times.sum())

    def log_likelihood(self, logit: float, log_size: float) -> float:
        """The log likelihood at one (logit eta, log K), binomial coefficients included."""
        some, phi = self.trials > 0.0, np.array([[logit, log_size]])
        y, n = self.successes[some], self.trials[some]
        logs = log_mass_given("beta-binomial", y, n - y, phi)[:, 0]
        return float((self.times[some] * logs).astype(np.longdouble).sum())

    @property
    def histograms(self) -> Histograms:
        """The three histograms of these groups."""
        return Histograms.of(self.successes, self.trials, self.times)

    def __add__(self, other: "Tally") -> "Tally":
        """Of the groups of both."""
        if isinstance(other, Histograms):
            return other + self
        successes, trials, times = (
            np.concatenate([getattr(self, key), getattr(other, key)])
            for key in ("successes", "trials", "times")
        )
        return _of_pairs(successes, trials, times)

    def arrays(self) -> dict[str, Any]:
        """What a file holds."""
        return {"pairs": np.column_stack([self.successes, self.trials, self.times])}

    @property
    def totals(self) -> Totals:
        """Sums over groups."""
        y, n, times = self.successes, self.trials, self.times
        yy, ff, nn = (float(times @ part**2) for part in (y, n - y, n))
        mixed = bool(((y > 0.0) & (y < n)).any())
        return Totals(float(times @ y), float(times @ n), (yy, ff, nn), mixed)


Tally = Histograms | Pairs


def tally(y: Floats, n: Floats) -> Tally:
    """Of the groups of a chunk."""
    return _of_pairs(y, n, None)


def few(pairs: Pairs) -> Tally:
    """Pairs if they are few, histograms of more."""
    return pairs if pairs.times.size <= MOST_PAIRS else pairs.histograms


def _of_pairs(y: Floats, n: Floats, times: Floats | None) -> Tally:
    first, second, which = different(y, n)
    return few(Pairs(first, second, np.bincount(which, times).astype(np.float64)))


def different(first: Floats, second: Floats) -> tuple[Floats, Floats, Ints]:
    """Different pairs, in order of the second and the first, and the place of each pair."""
    parts = (first, second)
    whole = all(((part < 2.0**31) & (part == np.floor(part))).all() for part in parts)
    if not whole:
        pairs, which = np.unique(second + 1j * first, return_inverse=True)
        return pairs.imag.copy(), pairs.real.copy(), which
    width = int(first.max()) + 1
    key = second.astype(np.int64) * width + first.astype(np.int64)
    if key.max() < key.size:  # a table of all there may be
        keys = np.flatnonzero(np.bincount(key))
        place = np.empty(int(keys[-1]) + 1, dtype=np.int64)
        place[keys] = np.arange(keys.size)
        which = place[key]
    else:
        keys, which = np.unique(key, return_inverse=True)
    return (keys % width).astype(np.float64), (keys // width).astype(np.float64), which


def steps(histogram: Floats, share: float, inverse: float) -> np.longdouble:
    """The sum of C[i] log((share + i inverse) / (1 + i)), C[i] the groups with more than i."""
    more = above(histogram)
    i = np.arange(more.size, dtype=np.longdouble)
    found: np.longdouble = (more * np.log((share + i * inverse) / (1.0 + i))).sum()
    return found


def shortened(histogram: Floats) -> Counts:
    """A histogram as the numbers of groups above each count, few of which stand for many.

    Functions of log(a + i) are analytic in log i, as are those of variances: see `variance_bins`.
    Sums over few are rounded more: all stay where that would show.
    """
    more, groups = above(histogram), float(histogram.sum())
    size = float(more.sum()) * min(1.0, 8.0 / np.sqrt(groups))  # as far as the posterior is wide
    if more.size <= 2 * EACH or size > MOST_SIZE:
        return Counts(more[0] if more.size else 0.0, more[1:])
    place, weight = _few_places(more)
    each = np.arange(1.0, float(EACH))
    return Counts(more[0], np.append(more[1:EACH], weight), np.append(each, place))


def _few_places(more: Floats) -> tuple[Floats, Floats]:
    """Chebyshev's nodes of log i from EACH on, and what stands there for the numbers above i."""
    x = np.log(np.arange(EACH, more.size, dtype=np.longdouble))
    start = np.floor(x)
    degree = np.arange(TERMS, dtype=np.longdouble)[:, None]
    series = np.cos(degree * np.arccos(np.clip(2.0 * (x - start) - 1.0, -1.0, 1.0)))
    first = np.flatnonzero(np.diff(start, prepend=-1.0))
    sums = np.add.reduceat(series * more[EACH:], first, axis=1)
    angle = (degree.T + 0.5) * (np.arccos(np.longdouble(-1.0)) / TERMS)
    basis = np.cos(degree * angle) * np.where(degree == 0, 1.0, 2.0) / TERMS
    place = np.exp(start[first, None] + 0.5 * (np.cos(angle) + 1.0))
    weight = sums.T @ basis
    return place.astype(np.float64).ravel(), weight.astype(np.float64).ravel()


def _powers(histogram: Floats) -> tuple[float, float]:
    """The sums of counts and of their squares."""
    i = np.arange(float(histogram.size))
    return float(histogram @ i), float(histogram @ i**2)


def added(first: Floats, second: Floats) -> Floats:
    """The sum of two histograms."""
    longer, shorter = (first, second) if first.size >= second.size else (second, first)
    found = longer.copy()
    found[: shorter.size] += shorter
    return found


def read_tally(arrays: Mapping[str, NDArray[Any]]) -> Tally:
    """What a file holds; ValueError or KeyError where it holds none."""
    if "pairs" in arrays:
        y, n, times = whole_counts("pairs", arrays["pairs"]).reshape(-1, 3).T
        if not times.size or not (times > 0.0).all() or (y > n).any():
            raise ValueError("pairs are none")
        return _of_pairs(y, n, times)
    names = ("successes", "failures", "trials")
    found = Histograms(*(whole_counts(name, arrays[name]).ravel() for name in names))
    groups = {float(part.sum()) for part in (found.successes, found.failures, found.trials)}
    events = [_powers(part)[0] for part in (found.successes, found.failures, found.trials)]
    if len(groups) != 1 or groups == {0.0} or events[0] + events[1] != events[2]:
        raise ValueError("its histograms are of different groups")
    return found
