"""What marginals share: everything that follows from a density, its tails and their inverses."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frozen import Frozen
from pyhier._random import RNG, as_generator, uniforms
from pyhier._types import Floats
from pyhier._validation import amount, check_level, numbers, probabilities


class Marginal(Frozen):
    """What ``post[name]`` is: scipy.stats' functions of one quantity.

    Subclasses give ``pdf``, ``cdf``, ``sf``, ``_quantiles``, ``mean`` and ``var``; what follows
    from these is here, and what they know better they replace (not ``ppf``, ``isf``: they check).

    Attributes
    ----------
    support : (float, float)
        Ends of what the quantity can be.
    """

    support: tuple[float, float] = (-np.inf, np.inf)

    pdf: Callable[[ArrayLike], Floats]
    cdf: Callable[[ArrayLike], Floats]
    sf: Callable[[ArrayLike], Floats]
    mean: Callable[[], float]
    var: Callable[[], float]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean {self.mean():g}, sd {self.std():g})"

    def ppf(self, q: ArrayLike) -> Floats:
        """Quantiles, of ``q``'s shape."""
        chances = probabilities("q", q)
        return self._quantiles(chances.ravel(), False).reshape(chances.shape)

    def isf(self, q: ArrayLike) -> Floats:
        """Points with ``q`` above them, of ``q``'s shape; accurate for small ``q``."""
        chances = probabilities("q", q)
        return self._quantiles(chances.ravel(), True).reshape(chances.shape)

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        """Points with ``q``, shape (n,), below them; with ``upper``, above them."""
        raise NotImplementedError

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape."""
        with np.errstate(divide="ignore"):
            return np.log(self.pdf(x))

    def logcdf(self, x: ArrayLike) -> Floats:
        """Log of the probability of at most ``x``, of ``x``'s shape."""
        with np.errstate(divide="ignore"):
            return np.log(self.cdf(x))

    def logsf(self, x: ArrayLike) -> Floats:
        """Log of the probability of more than ``x``, of ``x``'s shape."""
        with np.errstate(divide="ignore"):
            return np.log(self.sf(x))

    def median(self) -> float:
        """The median."""
        return float(self.ppf(0.5))

    def std(self) -> float:
        """The standard deviation; ``inf`` where there is none."""
        return float(np.sqrt(self.var()))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Central interval: equal tails."""
        tail = 0.5 * (1.0 - check_level(level))
        return float(self.ppf(tail)), float(self.isf(tail))

    def mode(self) -> float:
        """Where the density is largest."""
        from scipy.optimize import minimize_scalar

        grid = self.ppf(np.linspace(0.002, 0.998, 200))
        grid = np.concatenate([[max(self.support[0], float(grid[0] - 9.0 * np.ptp(grid)))], grid])
        height = self.pdf(grid)
        best = int(np.argmax(height))
        if best == 0:
            return float(grid[0])
        ends = grid[best - 1], grid[min(best + 1, grid.size - 1)]
        found = minimize_scalar(
            lambda x: -float(self.logpdf(x)), bounds=ends, method="bounded",
            options={"xatol": 1e-10 * float(np.ptp(ends))},
        )  # fmt: skip
        at_edge = self.support[0]
        if np.isfinite(at_edge) and float(self.pdf(at_edge)) >= float(self.pdf(found.x)):
            return at_edge
        return float(found.x)

    def hdi(self, level: float = 0.95) -> tuple[float, float]:
        """Shortest interval of this probability (for a density with one peak).

        Both ends have the same density, unless the density is largest at the edge of the support.
        """
        from scipy.optimize import brentq

        outside = 1.0 - check_level(level)

        def ends(below: float) -> tuple[float, float]:
            low = float(self.ppf(below)) if below > 0.0 else self.support[0]
            return low, float(self.isf(outside - below))

        def slope(below: float) -> float:
            low, high = ends(below)
            return float(self.pdf(high)) - float(self.pdf(low))

        tiny = 1e-9 * outside
        if slope(tiny) <= 0.0:  # the lowest end is the densest
            return ends(0.0)
        if slope(outside - tiny) >= 0.0:
            return ends(outside - tiny)
        return ends(brentq(slope, tiny, outside - tiny, xtol=1e-15, rtol=1e-14))

    def rvs(self, size: int = 1, rng: RNG = None) -> Floats:
        """Independent draws, shape (size,), by inversion."""
        u = uniforms(as_generator(rng), amount("size", size))
        return self.ppf(u)


def flat_points(x: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
    """Points in one dimension, and their shape."""
    points = numbers("x", x)
    return np.ascontiguousarray(points.ravel()), points.shape
