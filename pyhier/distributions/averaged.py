"""The marginal of a quantity averaged over a few models."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import numbers
from pyhier.distributions.base import Marginal
from pyhier.distributions.inverse import invert_tail


class AveragedMarginal(Marginal):
    """A mixture of marginals.

    Parameters
    ----------
    parts : sequence of Marginal
    weight : ndarray, shape (parts,)
        Their probabilities, all above 0.
    """

    def __init__(self, parts: Sequence[Marginal], weight: Floats) -> None:
        self._parts, self._weight = tuple(parts), weight
        ends = [part.support for part in parts]
        self.support = min(low for low, _ in ends), max(high for _, high in ends)

    def _sum(self, values: Callable[[Marginal], Floats], x: ArrayLike) -> Floats:
        points = numbers("x", x)
        parts = [w * values(part) for w, part in zip(self._weight, self._parts, strict=True)]
        total: Floats = np.asarray(np.sum(parts, axis=0)).reshape(points.shape)
        return total

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape; without underflow."""
        logs = [part.logpdf(x) for part in self._parts]
        with np.errstate(divide="ignore"):
            terms = [np.log(w) + part for w, part in zip(self._weight, logs, strict=True)]
        found: Floats = np.asarray(np.logaddexp.reduce(terms))
        return found

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        return self._sum(lambda part: part.pdf(x), x)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        return np.minimum(self._sum(lambda part: part.cdf(x), x), 1.0)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        return np.minimum(self._sum(lambda part: part.sf(x), x), 1.0)

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        """Between the parts' own."""
        parts = np.array([part.isf(q) if upper else part.ppf(q) for part in self._parts])
        tail = self.logsf if upper else self.logcdf
        ends = parts.min(axis=0), parts.max(axis=0)
        return invert_tail(tail, self.logpdf, q, self._weight @ parts, ends, upper)

    def mean(self) -> float:
        """The mean; ``inf`` where a part has none."""
        return float(sum(w * x.mean() for w, x in zip(self._weight, self._parts, strict=True)))

    def var(self) -> float:
        """The variance; ``inf`` where a part has none."""
        mean = self.mean()
        if not np.isfinite(mean):
            return np.inf
        terms = (
            w * (x.var() + (x.mean() - mean) ** 2)
            for w, x in zip(self._weight, self._parts, strict=True)
        )
        return float(sum(terms))
