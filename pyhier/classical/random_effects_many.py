"""Random effects of many data sets at once: what `random_effects` says of one, said of arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.classical.coefficients import half_width
from pyhier.classical.meta_regression import FIXED, Test, check_method
from pyhier.classical.random_effects import RandomEffects, random_effects
from pyhier.classical.tau2 import STEP
from pyhier.models.data_sets import DataSets, check_errors, data_of, number_of, raise_first

if TYPE_CHECKING:
    import pandas as pd

HALVES = 70  # of log(1 + tau^2), by which a root is there to the last bit
COLUMNS = ("groups", "mu", "se", "tau2", "i2", "h2", "Q", "Q_p", "statistic", "p_value")


@dataclass(frozen=True, eq=False)
class RandomEffectsMany(Frozen):
    """Random effects of many data sets, as arrays with a row a data set.

    ``fits[i]`` is `RandomEffects` of one. Data sets that failed are NaN.

    Attributes
    ----------
    method, test : str
    groups : ndarray of int, shape (data sets,)
        How many each has.
    mu, se, tau2, i2, h2 : ndarray, shape (data sets,)
        As of `RandomEffects`.
    Q, Q_p : ndarray, shape (data sets,)
        Cochran's test of heterogeneity and its p value; 1 of one group.
    statistic, p_value : ndarray, shape (data sets,)
        ``mu / se``, and its two-sided p value by the normal or the t distribution; NaN of one group
        by the latter.
    failed : mapping of int to str
        The data sets that are none, and why (``errors="mark"``).
    """

    method: str
    test: Test
    groups: Ints
    mu: Floats
    se: Floats
    tau2: Floats
    i2: Floats
    h2: Floats
    Q: Floats
    Q_p: Floats
    failed: Mapping[int, str]
    _sets: DataSets = field(repr=False)

    def __len__(self) -> int:
        return self.mu.size

    def __getitem__(self, i: int) -> RandomEffects:
        i = number_of(i, len(self), self.failed)
        return random_effects(self._sets.model(i), self.method, self.test)

    @property
    def tau(self) -> Floats:
        """The roots of tau2."""
        return np.sqrt(self.tau2)

    @cached_property
    def statistic(self) -> Floats:
        """The means by their standard errors."""
        with np.errstate(invalid="ignore", divide="ignore"):  # se is 0 of equal y, with "knha"
            return self.mu / self.se

    @cached_property
    def p_value(self) -> Floats:
        """Two-sided p values of the means."""
        from scipy.special import ndtr, stdtr

        away = -np.abs(self.statistic)
        tail = ndtr(away) if self.test == "z" else stdtr(np.maximum(self.groups - 1.0, 0.0), away)
        return 2.0 * tail

    def interval(self, level: float = 0.95) -> Floats:
        """Confidence intervals of the means, shape (data sets, 2)."""
        return self._about(self.se, level)

    def prediction_interval(self, level: float = 0.95) -> Floats:
        """Intervals for the effect of a new group, tau^2 taken for known, shape (data sets, 2)."""
        return self._about(np.sqrt(self.se**2 + self.tau2), level)

    def _about(self, sd: Floats, level: float) -> Floats:
        sizes, which = np.unique(self.groups, return_inverse=True)
        halves = np.array([half_width(self.test, int(size) - 1, level) for size in sizes])
        half = halves[which] * sd
        return np.column_stack([self.mu - half, self.mu + half])

    def to_dataframe(self, level: float = 0.95) -> "pd.DataFrame":
        """A row a data set, with the interval's ends as ``low`` and ``high``."""
        import pandas as pd

        low, high = self.interval(level).T
        columns = {name: getattr(self, name) for name in COLUMNS}
        frame = pd.DataFrame({**columns, "low": low, "high": high})
        return frame.rename_axis(index="data_set")


def random_effects_many(
    y: ArrayLike,
    *,
    se: ArrayLike | None = None,
    var: ArrayLike | None = None,
    method: str = "REML",
    test: Test = "z",
    errors: str = "raise",
) -> RandomEffectsMany:
    """Estimate tau^2 and the mean of many data sets at once.

    Each is what ``random_effects(NormalNormal(y[i], se=se[i]), method, test)`` returns, to
    rounding.

    Parameters
    ----------
    y : array_like, shape (data sets, groups)
        Estimates; NaN where a data set has no such group.
    se, var : array_like, shape (data sets, groups) or (groups,)
        Their standard errors, or their variances: one of the two.
    method, test : str
        As of `random_effects`.
    errors : {"raise", "mark"}
        What a data set that cannot be used does: an error that names it, or NaN in its place and
        the reason in ``failed``.

    Returns
    -------
    RandomEffectsMany

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, naming it, the data set (from 0) and the group.

    See Also
    --------
    exact_many : Their posteriors, in which tau is not taken for known.

    Examples
    --------
    >>> import numpy as np, pyhier as ph
    >>> rng = np.random.default_rng(1)
    >>> y = rng.normal(0.3, np.hypot(0.2, 0.5), (1000, 8))  # tau = 0.2, se = 0.5
    >>> fits = ph.random_effects_many(y, se=np.full(8, 0.5), test="knha")
    >>> low, high = fits.interval(0.95).T
    >>> bool(0.92 < np.mean((low < 0.3) & (0.3 < high)) < 0.98)
    True
    """
    check_errors(errors)
    check_method(method, test)
    sets = DataSets(*data_of(y, se, var))
    failed = sets.wrong()
    raise_first(failed, errors)
    good = np.setdiff1d(np.arange(len(sets.y)), list(failed))
    groups = (~sets.missing).sum(axis=1)
    found = np.full((7, len(sets.y)), np.nan)
    if good.size:
        found[:, good] = _fitted(_Sums.of(sets, good), method, test)
    mu, spread, tau2, i2, h2, squares, p = found
    return RandomEffectsMany(
        method, test, groups, mu, spread, tau2, i2, h2, squares, p, failed, sets
    )


def _fitted(data: "_Sums", method: str, test: Test) -> Floats:
    """Mu, se, tau^2, I^2, H^2, Q and its p value, (7, data sets)."""
    from scipy.special import chdtrc

    tau2 = np.zeros(data.groups.size)
    several = np.flatnonzero(data.groups > 1)
    if method not in FIXED and several.size:
        tau2[several] = _estimate(data[several], method)
    weights = data.weights(tau2)
    mean, total = data.mean(weights), weights.sum(axis=1)
    df = data.groups - 1.0
    if test in ("knha", "adhoc"):
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = data.squares(weights, weights) / df
        least = 1.0 if test == "adhoc" else 0.0
        total = total / np.where(df > 0.0, np.maximum(factor, least), 1.0)
    plain = data.weights(np.zeros(tau2.size))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(df > 0.0, tau2 * data.spread(plain) / df, 0.0)
        se = np.sqrt(data.unit / total)
    squares = data.squares(plain, plain)
    p = np.where(df > 0.0, chdtrc(np.maximum(df, 1.0), squares), 1.0)
    return np.array(
        [data.origin + mean, se, tau2 * data.unit, ratio / (1.0 + ratio), 1.0 + ratio, squares, p]
    )


# --- Sums over the groups of every data set -------------------------------------------------------


@dataclass(frozen=True)
class _Sums:
    """Data sets so scaled that the least variance is one, y counted from where it is.

    Attributes
    ----------
    y, var : ndarray, shape (data sets, groups)
        0 and inf where a group is missing.
    unit, origin, groups : ndarray, shape (data sets,)
        The least variance, the y that was taken off, and how many groups there are.
    """

    y: Floats
    var: Floats
    unit: Floats
    origin: Floats
    groups: Floats

    @classmethod
    def of(cls, sets: DataSets, rows: Ints) -> "_Sums":
        """Of some of the data sets."""
        missing = sets.missing[rows]
        var = np.where(missing, np.inf, sets.var[rows])
        least = var.argmin(axis=1)[:, None]
        unit, origin = np.take_along_axis(var, least, 1), np.take_along_axis(sets.y[rows], least, 1)
        y = np.where(missing, 0.0, (sets.y[rows] - origin) / np.sqrt(unit))
        groups = (~missing).sum(axis=1).astype(np.float64)
        return cls(y, var / unit, unit[:, 0], origin[:, 0], groups)

    def __getitem__(self, rows: Ints) -> "_Sums":
        parts = (self.y, self.var, self.unit, self.origin, self.groups)
        return _Sums(*(part[rows] for part in parts))

    def weights(self, tau2: Floats) -> Floats:
        """Inverse variances about mu, (data sets, groups); 0 of missing groups."""
        return 1.0 / (self.var + tau2[:, None])

    def mean(self, weights: Floats) -> Floats:
        """The weighted means of y, in the unit that y had."""
        return self._centre(weights) * np.sqrt(self.unit)

    def _centre(self, weights: Floats) -> Floats:
        found: Floats = (weights * self.y).sum(axis=1) / weights.sum(axis=1)
        return found

    def squares(self, weights: Floats, factors: Floats) -> Floats:
        """Sums of factors times the squares of y less their mean by the weights."""
        away = self.y - self._centre(weights)[:, None]
        found: Floats = (factors * away**2).sum(axis=1)
        return found

    def plain_squares(self) -> Floats:
        """Sums of squares of y about their mean."""
        return self.squares(self.ones, self.ones)

    @cached_property
    def ones(self) -> Floats:
        """1, and 0 of missing groups."""
        return np.isfinite(self.var).astype(np.float64)

    def spread(self, weights: Floats) -> Floats:
        """W - sum w^2 / W, none of whose terms w_j (W - w_j) / W cancels."""
        total, rows = weights.sum(axis=1), np.arange(len(weights))
        others, largest = total[:, None] - weights, weights.argmax(axis=1)
        rest = weights.copy()
        rest[rows, largest] = 0.0
        others[rows, largest] = rest.sum(axis=1)
        found: Floats = (weights * (others / total[:, None])).sum(axis=1)
        return found

    def score(self, restricted: bool, tau2: Floats) -> Floats:
        """Twice the derivative of the log likelihood, restricted or not."""
        weights = self.weights(tau2)
        fall = self.spread(weights) if restricted else weights.sum(axis=1)
        return self.squares(weights, weights**2) - fall

    def log_likelihood(self, restricted: bool, tau2: Floats) -> Floats:
        """The log likelihood of tau^2, mu at its best or integrated out, without its constants."""
        weights = self.weights(tau2)
        logs = np.log(np.where(self.ones > 0.0, weights, 1.0)).sum(axis=1)
        value = logs - self.squares(weights, weights)
        found: Floats = 0.5 * (value - (np.log(weights.sum(axis=1)) if restricted else 0.0))
        return found


# --- Estimates of tau^2 ---------------------------------------------------------------------------


def _estimate(data: _Sums, method: str) -> Floats:
    """Tau^2 of data sets of two groups and more, in their units."""
    if method in ("ML", "REML"):
        return _by_likelihood(data, method == "REML")
    if method in ("PM", "EB"):
        return _by_generalised_q(data)
    return np.maximum(_by_moments(data, method), 0.0)


def _by_moments(data: _Sums, method: str) -> Floats:
    """Moments of quadratic forms, as tau2.py has them for one data set."""
    df = data.groups - 1.0
    crude = data.plain_squares() / data.groups
    weights = data.weights(crude if method == "SJ" else np.zeros(df.size))
    weights = data.ones if method == "HE" else weights
    found: Floats = data.squares(weights, weights)
    if method == "DL":
        found = (found - df) / data.spread(weights)
    elif method == "HE":
        sampling = np.where(data.ones > 0.0, data.var, 0.0).sum(axis=1)
        found = found / df - sampling / data.groups
    elif method == "HS":
        found = (found - data.groups) / weights.sum(axis=1)
    else:
        found = found * (crude / df)
    return found


def _by_generalised_q(data: _Sums) -> Floats:
    """Where the weighted sum of squares is its expectation; 0 where it never is so large."""

    def excess(rows: Ints, tau2: Floats) -> Floats:
        part = data[rows]
        weights = part.weights(tau2)
        return part.squares(weights, weights) - (part.groups - 1.0)

    every, found = np.arange(data.groups.size), np.zeros(data.groups.size)
    some = np.flatnonzero(excess(every, found) > 0.0)
    found[some] = _roots(excess, some, np.zeros(some.size), data[some].plain_squares())
    return found


def _by_likelihood(data: _Sums, restricted: bool) -> Floats:
    """The highest of all hills from 0 up, on a ladder as `random_effects` has it."""

    def score(rows: Ints, tau2: Floats) -> Floats:
        return data[rows].score(restricted, tau2)

    most = np.where(data.ones > 0.0, data.var, 0.0).max(axis=1)
    top = np.log1p(most + 2.0 * data.plain_squares() / (data.groups - 1.0))
    rungs = 1 + (top / STEP).astype(np.intp)
    best = np.zeros(top.size)
    before, rising = np.zeros(top.size), data.score(restricted, best) > 0.0
    height = np.where(rising, -np.inf, data.log_likelihood(restricted, best))
    for k in range(1, int(rungs.max()) + 1):
        rows = np.flatnonzero(k <= rungs)
        place = np.expm1(top[rows] * (k / rungs[rows]))
        now = score(rows, place) > 0.0
        fall = rising[rows] & ~now
        hills = rows[fall]
        tau2 = _roots(score, hills, before[hills], place[fall])
        found = data[hills].log_likelihood(restricted, tau2)
        higher = found > height[hills]
        best[hills[higher]], height[hills[higher]] = tau2[higher], found[higher]
        before[rows], rising[rows] = place, now
    return best


def _roots(
    function: Callable[[Ints, Floats], Floats], rows: Ints, low: Floats, high: Floats
) -> Floats:
    """Where functions of tau^2 fall through 0, by halves of log(1 + tau^2)."""
    low, high = np.log1p(low), np.log1p(high)
    for _ in range(HALVES if rows.size else 0):
        middle = 0.5 * (low + high)
        above: NDArray[np.bool_] = function(rows, np.expm1(middle)) > 0.0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    found: Floats = np.expm1(0.5 * (low + high))
    return found
