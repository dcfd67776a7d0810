"""A quantity that is normal on the whole line, seen where it lives: log-normal, logit-normal."""

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.distributions.base import Marginal
from pyhier.distributions.line_panels import ENDS
from pyhier.quadrature.transforms import Line, from_line, log_slope, to_line

Z = np.linspace(-12.0, 12.0, 401)  # of the trapezoid rule, which converges exponentially here
WEIGHT = np.exp(-0.5 * Z * Z) / np.exp(-0.5 * Z * Z).sum()


class NormalOnLine(Marginal):
    """The distribution of x where the line's coordinate of x is N(mean, sd^2).

    Parameters
    ----------
    line : {"identity", "log", "logit"}
        The map from x to the line.
    mean, sd : float
        On the line.

    Examples
    --------
    >>> round(NormalOnLine("log", 0.0, 1.0).mean(), 6)
    1.648721
    """

    def __init__(self, line: Line, mean: float, sd: float) -> None:
        self._line, self._mean, self._sd = line, float(mean), float(sd)
        self.support = ENDS[line]

    def _standard(self, x: ArrayLike) -> Floats:
        points = np.asarray(x, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            place = to_line(self._line, np.clip(points, *self.support))
        z: Floats = (place - self._mean) / self._sd
        return z

    def _at(self, z: Floats) -> Floats:
        return from_line(self._line, self._mean + self._sd * z)

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape."""
        points, z = np.asarray(x, dtype=np.float64), self._standard(x)
        inside = (points > self.support[0]) & (points < self.support[1])
        place = np.where(inside, self._mean + self._sd * z, 0.0)
        with np.errstate(invalid="ignore"):
            value = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi) - np.log(self._sd)
            value = value - log_slope(self._line, place)
        return np.where(inside, value, np.where(np.isnan(points), np.nan, -np.inf))

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        density: Floats = np.exp(self.logpdf(x))
        return density

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        from scipy.special import ndtr

        return np.asarray(ndtr(self._standard(x)), dtype=np.float64)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape."""
        from scipy.special import ndtr

        return np.asarray(ndtr(-self._standard(x)), dtype=np.float64)

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        from scipy.special import ndtri

        z = np.asarray(ndtri(q), dtype=np.float64)
        return self._at(-z if upper else z)

    def mean(self) -> float:
        """The mean."""
        if self._line == "log":
            return float(np.exp(self._mean + 0.5 * self._sd**2))
        return self._mean if self._line == "identity" else float(WEIGHT @ self._at(Z))

    def var(self) -> float:
        """The variance."""
        if self._line == "log":
            return float(np.expm1(self._sd**2) * self.mean() ** 2)
        if self._line == "identity":
            return self._sd**2
        return float(WEIGHT @ (self._at(Z) - self.mean()) ** 2)
