"""Marginals that are mixtures of normal distributions; one speaks scipy.stats, many are a table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.distributions.base import Marginal, flat_points
from pyhier.distributions.far_tails import FarTails, quantile
from pyhier.kernels import mixtures as kernel

THIN = 2e-3  # tails from which on it is asked whether the nodes tell enough
NO_MOMENT = 1e-6  # a tail's exponent is known to about this


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

    def _too_far(self, x: Floats, table: Floats) -> list[int]:
        """Which of the points the nodes do not tell enough of."""
        thin = np.flatnonzero((np.minimum(table[0], table[1]) < THIN) & np.isfinite(x))
        if self._far is None or not thin.size:
            return []
        kept = self._weight > 0.0
        parts = self._weight[kept], self._mean[kept], self._sd[kept]
        far: list[int] = thin[kernel.too_far(x[thin], *parts, *self._far.whole)].tolist()
        return far

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        flat, shape = flat_points(x)
        table = self._at(flat)
        for i in self._too_far(flat, table):
            assert self._far is not None
            table[2, i] = np.exp(self._far.log_density(flat[i]))
        density: Floats = table[2].reshape(shape)
        return density

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape; without underflow."""
        flat, shape = flat_points(x)
        kept = self._weight > 0.0
        values = kernel.logpdf(flat, self._weight[kept], self._mean[kept], self._sd[kept])
        for i in self._too_far(flat, self._at(flat)):
            assert self._far is not None
            values[i] = self._far.log_density(flat[i])
        return values.reshape(shape)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        return self._tail(x, False)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        return self._tail(x, True)

    def _tail(self, x: ArrayLike, upper: bool) -> Floats:
        flat, shape = flat_points(x)
        table = self._at(flat)
        for i in self._too_far(flat, table):
            assert self._far is not None
            if table[int(upper), i] < 0.5:
                table[int(upper), i] = np.exp(self._far.log_tail(flat[i], upper))
        tail: Floats = table[int(upper)].reshape(shape)
        return tail

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        values: Floats = self._table.quantiles(q, upper)[0]
        thin = np.flatnonzero(np.minimum(q, 1.0 - q) < THIN)
        if self._far is not None and thin.size:
            for i in thin[self._too_far(values[thin], self._at(values[thin]))]:
                other = bool(q[i] > 0.5)
                tail = 1.0 - q[i] if other else q[i]
                values[i] = quantile(self._far, tail, upper != other, values[i])
        return values

    def mean(self) -> float:
        """The mean; NaN where the distribution has none (its tails are too heavy)."""
        return float(self._table.moments()[0][0])

    def var(self) -> float:
        """The variance; ``inf`` where there is none."""
        return float(self._table.moments()[1][0])
