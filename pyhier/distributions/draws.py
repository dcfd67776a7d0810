"""A marginal known by its draws; it speaks scipy.stats."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG, as_generator, uniforms
from pyhier._types import Floats
from pyhier._validation import amount, check_level, numbers
from pyhier.distributions.base import Marginal
from pyhier.rstats.moments import mean_and_sd, sd


class SampleMarginal(Marginal):
    """The distribution of one quantity, by its draws from the posterior.

    Parameters
    ----------
    draws : ndarray
        Draws of any shape.

    Examples
    --------
    >>> marginal = SampleMarginal(np.arange(101.0))
    >>> marginal.mean(), marginal.median(), round(float(marginal.sf(90.0)), 6)
    (50.0, 50.0, 0.09901)
    """

    def __init__(self, draws: Floats) -> None:
        self.draws = draws

    @property
    def support(self) -> tuple[float, float]:  # type: ignore[override]
        """The least and the greatest draw."""
        return float(self._sorted[0]), float(self._sorted[-1])

    def __repr__(self) -> str:
        return f"SampleMarginal({self.draws.size} draws, mean {self.mean():g}, sd {self.std():g})"

    @cached_property
    def _sorted(self) -> Floats:
        return np.sort(self.draws, axis=None)

    def mean(self) -> float:
        """Mean of the draws."""
        return float(mean_and_sd(self.draws.ravel())[0])

    def var(self) -> float:
        """Variance of the draws, over n - 1."""
        return self.std() ** 2

    def std(self) -> float:
        """Standard deviation of the draws, over n - 1."""
        return sd(self.draws.ravel())

    def cdf(self, x: ArrayLike) -> Floats:
        """Share of the draws at or below ``x``, of ``x``'s shape."""
        points = numbers("x", x)
        share = np.searchsorted(self._sorted, points, side="right") / self._sorted.size
        return np.where(np.isnan(points), np.nan, share)

    def sf(self, x: ArrayLike) -> Floats:
        """Share of the draws above ``x``, of ``x``'s shape."""
        return 1.0 - self.cdf(x)

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        """R's type 7, NumPy's default."""
        return np.quantile(self._sorted, 1.0 - q if upper else q)

    def mode(self) -> float:
        """Where the density by `pdf` is largest."""
        low, high = self.support
        return super().mode() if low < high else low

    def hdi(self, level: float = 0.95) -> tuple[float, float]:
        """Shortest interval that holds this share of the draws."""
        n = self._sorted.size
        inside = min(n - 1, int(np.ceil(check_level(level) * n)) - 1)
        low = int(np.argmin(self._sorted[inside:] - self._sorted[: n - inside]))
        return float(self._sorted[low]), float(self._sorted[low + inside])

    @cached_property
    def _kde(self) -> Any:
        from scipy.stats import gaussian_kde

        return gaussian_kde(self._sorted)

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x`` by a Gaussian kernel (Scott's bandwidth), of ``x``'s shape."""
        points = numbers("x", x)
        density: Floats = self._kde(points.ravel()).reshape(points.shape)
        return density

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of `pdf`."""
        points = numbers("x", x)
        density: Floats = self._kde.logpdf(points.ravel()).reshape(points.shape)
        return density

    def rvs(self, size: int = 1, rng: RNG = None) -> Floats:
        """Draws picked from the draws, with replacement, shape (size,)."""
        u = uniforms(as_generator(rng), amount("size", size))
        return self.draws.ravel()[(u * self._sorted.size).astype(np.intp)]


class WeightedMarginal(SampleMarginal):
    """The distribution of one quantity by weighted values.

    Parameters
    ----------
    values, weight : ndarray, shape (n,)
        The weights add up to one.

    Examples
    --------
    >>> marginal = WeightedMarginal(np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.25, 0.25]))
    >>> marginal.mean(), marginal.median(), float(marginal.cdf(2.0))
    (2.0, 1.0, 0.75)
    """

    def __init__(self, values: Floats, weight: Floats) -> None:
        super().__init__(values)
        order = np.argsort(values)
        self._order, self._weight = values[order], weight[order]
        self._below = np.cumsum(self._weight)

    def __repr__(self) -> str:
        return f"WeightedMarginal({self.draws.size} values, mean {self.mean():g})"

    def mean(self) -> float:
        """The weighted mean."""
        return float(self._weight @ self._order)

    def var(self) -> float:
        """The weighted variance."""
        return float(self._weight @ (self._order - self.mean()) ** 2)

    def std(self) -> float:
        """The weighted standard deviation."""
        return float(np.sqrt(self.var()))

    def cdf(self, x: ArrayLike) -> Floats:
        """Weight at or below ``x``, of ``x``'s shape."""
        points = numbers("x", x)
        below = np.append(0.0, self._below)[np.searchsorted(self._order, points, side="right")]
        return np.where(np.isnan(points), np.nan, np.minimum(below, 1.0))

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        """The least values with at least that share of the weight at or below them."""
        wanted = (1.0 - q if upper else q) * self._below[-1]
        at = np.searchsorted(self._below, wanted * (1.0 - 1e-15), side="left")
        quantiles: Floats = self._order[np.minimum(at, self._order.size - 1)]
        return quantiles

    def hdi(self, level: float = 0.95) -> tuple[float, float]:
        """Shortest interval that holds this share of the weight."""
        inside = check_level(level) * self._below[-1]
        before = self._below - self._weight
        last = np.searchsorted(self._below, (before + inside) * (1.0 - 1e-15))
        start = np.flatnonzero(last < self._order.size)
        if start.size == 0:
            return float(self._order[0]), float(self._order[-1])
        best = start[int(np.argmin(self._order[last[start]] - self._order[start]))]
        return float(self._order[best]), float(self._order[last[best]])

    @cached_property
    def _kde(self) -> Any:
        from scipy.stats import gaussian_kde

        return gaussian_kde(self._order, weights=self._weight)

    def rvs(self, size: int = 1, rng: RNG = None) -> Floats:
        """Values picked by their weights, shape (size,)."""
        return self.ppf(uniforms(as_generator(rng), amount("size", size)))
