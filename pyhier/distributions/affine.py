"""A linear function of a quantity that has a distribution."""

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.distributions.base import Marginal


class Affine(Marginal):
    """The distribution of shift + scale * X.

    Parameters
    ----------
    of : Marginal
        X's.
    shift, scale : float
        The scale is not 0; it may be negative.

    Examples
    --------
    >>> from pyhier.distributions.draws import SampleMarginal
    >>> falling = Affine(SampleMarginal(np.arange(101.0)), 1.0, -0.01)
    >>> round(falling.mean(), 6), round(float(falling.ppf(0.9)), 6)
    (0.5, 0.9)
    """

    def __init__(self, of: Marginal, shift: float, scale: float) -> None:
        self._of, self._shift, self._scale = of, shift, scale
        ends = sorted(shift + scale * end for end in of.support)
        self.support = (ends[0], ends[1])

    def _inverse(self, y: ArrayLike) -> Floats:
        inverse: Floats = (np.asarray(y, dtype=np.float64) - self._shift) / self._scale
        return inverse

    def _forward(self, x: Floats) -> Floats:
        return self._shift + self._scale * x

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        return self._of.pdf(self._inverse(x)) / abs(self._scale)

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        tail = self._of.cdf if self._scale > 0.0 else self._of.sf
        return tail(self._inverse(x))

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape."""
        tail = self._of.sf if self._scale > 0.0 else self._of.cdf
        return tail(self._inverse(x))

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        inverse = self._of.isf if upper == (self._scale > 0.0) else self._of.ppf
        return self._forward(inverse(q))

    def mean(self) -> float:
        """The mean."""
        return self._shift + self._scale * self._of.mean()

    def var(self) -> float:
        """The variance."""
        return self._scale**2 * self._of.var()
