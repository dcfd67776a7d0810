"""Marginals that are mixtures of normal distributions; one speaks scipy.stats, many are a table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.distributions.base import Marginal, flat_points
from pyhier.kernels import mixtures as kernel

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
    """

    def __init__(
        self, weight: Floats, mean: Floats, sd: Floats, growth: float = np.inf, beyond: float = 0.0
    ) -> None:
        self._weight, self._mean, self._sd = (
            np.ascontiguousarray(part, dtype=np.float64) for part in (weight, mean, sd)
        )
        self._table = Mixtures(
            self._weight, self._mean[np.newaxis], self._sd[np.newaxis], growth, beyond
        )

    def _at(self, x: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
        flat, shape = flat_points(x)
        return kernel.tails(flat, self._weight, self._mean, self._sd), shape

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        table, shape = self._at(x)
        density: Floats = table[2].reshape(shape)
        return density

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape; without underflow."""
        flat, shape = flat_points(x)
        kept = self._weight > 0.0
        values = kernel.logpdf(flat, self._weight[kept], self._mean[kept], self._sd[kept])
        return values.reshape(shape)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        table, shape = self._at(x)
        below: Floats = table[0].reshape(shape)
        return below

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        table, shape = self._at(x)
        above: Floats = table[1].reshape(shape)
        return above

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        return self._table.quantiles(q, upper=upper)

    def mean(self) -> float:
        """The mean; NaN where the distribution has none (its tails are too heavy)."""
        return float(self._table.moments()[0][0])

    def var(self) -> float:
        """The variance; ``inf`` where there is none."""
        return float(self._table.moments()[1][0])
