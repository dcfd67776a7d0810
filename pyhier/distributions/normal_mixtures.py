"""Marginals that are mixtures of normal distributions; one speaks scipy.stats, many are a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats
from pyhier.distributions.base import Marginal, flat_points
from pyhier.distributions.far_tails import DENSITY, LOWER, UPPER, FarTails, doubled, quantile
from pyhier.kernels import mixtures as kernel
from pyhier.kernels.panels import steps

THIN = 2e-3  # tails below which it is asked whether the nodes tell enough
LOG_LEAST = -690.0  # of a tail that is a double with all its digits
HEAVY, STEP = 1e-12, 0.35  # weights that count; steps in sds up to which sums are good to 1e-12
NO_MOMENT = 1e-6  # a tail's exponent is known to about this


def steps_between(weight: Floats, mean: Floats, sd: Floats) -> Floats:
    """How far components (mixtures, nodes) are from the next at most, in their sds, (mixtures,).

    Where that is above STEP a sum of the components shows steps from one to the next. They are
    those of whole panels, the first one's perhaps cut; from one panel to the next there may be a
    gap, which is no step: nothing is in it.
    """
    return steps(weight, mean, sd, HEAVY)


@dataclass(frozen=True)
class Mixtures:
    """Mixtures of normal distributions with the same weights.

    Attributes
    ----------
    weight : ndarray, shape (nodes,)
        The weights add up to one.
    mean, sd : ndarray, shape (mixtures, nodes)
        The components.
    growth : ndarray or float, shape (mixtures,)
        Exponents of the tail of log tau where the sds grow with tau: means are finite above 1,
        variances above 2. ``inf`` for marginals that have all moments.
    beyond : ndarray or float, shape (mixtures,)
        What the components beyond the last node add to the variances.
    """

    weight: Floats
    mean: Floats
    sd: Floats
    growth: Floats | float = np.inf
    beyond: Floats | float = 0.0

    @property
    def steps(self) -> Floats:
        """`steps_between` the components, shape (mixtures,)."""
        return steps_between(self.weight, self.mean, self.sd)

    def moments(self) -> tuple[Floats, Floats]:
        """Means (NaN where there is none) and variances (``inf``), each of shape (mixtures,)."""
        mean, var = kernel.moments(self.weight, self.mean, self.sd)
        var += self.beyond
        if np.min(self.growth) <= 2.0 + NO_MOMENT:
            mean = np.where(np.asarray(self.growth) <= 1.0 + NO_MOMENT, np.nan, mean)
            var = np.where(np.asarray(self.growth) <= 2.0 + NO_MOMENT, np.inf, var)
        return mean, var

    def quantiles(self, q: Floats, upper: bool = False) -> Floats:
        """The points with each of ``q`` below (above) them, shape (mixtures, probabilities)."""
        least = min(1.0, q.min(initial=1.0), 1.0 - q.max(initial=0.0))
        if least <= 0.0:
            inside = (q > 0.0) & (q < 1.0)
            values = np.empty((self.mean.shape[0], q.size))
            values[:, ~inside] = np.where((q[~inside] == 0.0) != upper, -np.inf, np.inf)
            values[:, inside] = self.quantiles(q[inside], upper)
            return values
        # Together the components left out hold less than 1e-12 of the smaller tail.
        kept = (self.weight > 1e-15 * least).nonzero()[0]
        part = slice(kept[0], kept[-1] + 1)
        return kernel.quantiles(q, upper, self.weight[part], self.mean[:, part], self.sd[:, part])


class MixtureMarginal(Marginal):
    """A mixture of normal distributions.

    Parameters
    ----------
    weight, mean, sd : ndarray, shape (nodes,)
        The components; the weights add up to one.
    growth : float
        Exponent of the tail of log tau where the sd grows with tau: the mean is finite above 1, the
        variance above 2. ``inf`` for a marginal that has all moments.
    beyond : float
        What the components beyond the last node add to the variance.
    far : FarTails, optional
        The same mixture where its nodes do not tell enough.
    """

    def __init__(
        self,
        weight: Floats,
        mean: Floats,
        sd: Floats,
        growth: float = np.inf,
        beyond: float = 0.0,
        far: FarTails | None = None,
    ) -> None:
        self._weight, self._mean, self._sd = (
            np.ascontiguousarray(part, dtype=np.float64) for part in (weight, mean, sd)
        )
        self._table = Mixtures(
            self._weight, self._mean[np.newaxis], self._sd[np.newaxis], growth, beyond
        )
        self._far = far

    def _at(self, x: Floats) -> Floats:
        return kernel.tails(x, self._weight, self._mean, self._sd)

    @cached_property
    def _thin(self) -> float:
        """Tails below which it is asked whether the nodes tell enough: all of a stepped mixture."""
        return inf if self._table.steps[0] > STEP else THIN

    def _far_out(self, x: Floats, kind: int, where: NDArray[np.bool_]) -> Iterator[int]:
        """Which of the points the nodes do not tell enough of."""
        asked = np.flatnonzero(where & np.isfinite(x))
        if self._far is None or not asked.size:
            return iter(())
        return iter(asked[~self._far.components.enough(x[asked], kind)].tolist())

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        flat, shape = flat_points(x)
        table = self._at(flat)
        thin = np.minimum(table[0], table[1]) < self._thin
        for i in self._far_out(flat, DENSITY, thin):
            assert self._far is not None
            table[2, i] = doubled(self._far.log_density, flat[i])
        density: Floats = table[2].reshape(shape)
        return density

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape; without underflow."""
        flat, shape = flat_points(x)
        kept = self._weight > 0.0
        values = kernel.logpdf(flat, self._weight[kept], self._mean[kept], self._sd[kept])
        table = self._at(flat)
        for i in self._far_out(flat, DENSITY, np.minimum(table[0], table[1]) < self._thin):
            assert self._far is not None
            values[i] = self._far.log_density(flat[i])
        return values.reshape(shape)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        return self._tail(x, False)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        return self._tail(x, True)

    def logcdf(self, x: ArrayLike) -> Floats:
        """Log of the probability of at most ``x``, of ``x``'s shape; without underflow."""
        return self._log_tail(x, False)

    def logsf(self, x: ArrayLike) -> Floats:
        """Log of the probability of more than ``x``, of ``x``'s shape; without underflow."""
        return self._log_tail(x, True)

    def _log_tail(self, x: ArrayLike, upper: bool) -> Floats:
        flat, shape = flat_points(x)
        with np.errstate(divide="ignore"):
            logs = np.log(self._tail(flat, upper))
        if self._far is not None:
            for i in np.flatnonzero((logs < LOG_LEAST) & np.isfinite(flat)):
                logs[i] = self._far.log_tail(float(flat[i]), upper)
        values: Floats = logs.reshape(shape)
        return values

    def _tail(self, x: ArrayLike, upper: bool) -> Floats:
        flat, shape = flat_points(x)
        tail: Floats = self._at(flat)[int(upper)]
        for i in self._far_out(flat, UPPER if upper else LOWER, tail < self._thin):
            assert self._far is not None
            tail[i] = doubled(self._far.log_tail, flat[i], upper)
        return np.minimum(tail, 1.0).reshape(shape)

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        values: Floats = self._table.quantiles(q, upper)[0]
        for small in (True, False):  # each by the smaller tail
            tail, above = (q, upper) if small else (1.0 - q, not upper)
            asked = (tail < self._thin) & (tail > 0.0) & (tail <= 0.5)
            for i in self._far_out(values, UPPER if above else LOWER, asked):
                assert self._far is not None
                # A thin tail's log is straightest about the median; others need a point inside.
                middle = np.array([0.5 if tail[i] < THIN else 0.1 if above else 0.9])
                x, centre = float(values[i]), float(self._table.quantiles(middle)[0, 0])
                values[i] = quantile(self._far, float(tail[i]), above, x, centre)
        return values

    def mean(self) -> float:
        """The mean; NaN where the distribution has none (its tails are too heavy)."""
        return float(self._table.moments()[0][0])

    def var(self) -> float:
        """The variance; ``inf`` where there is none."""
        return float(self._table.moments()[1][0])
