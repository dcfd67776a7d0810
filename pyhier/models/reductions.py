"""What is left of a model where most of it is integrated out in closed form."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pyhier._types import Floats


@dataclass(frozen=True)
class Collapsed:
    """A model with all but one hyperparameter integrated out, at nodes of that one.

    Given it the p linear coefficients are normal: the mean mu, or beta.

    Attributes
    ----------
    rows : ndarray, shape (1 + p + p (p + 1) / 2, nodes)
        The log posterior density of the last coordinate, with all constants; the coefficients'
        means; and of their covariance the rows of an upper triangle F, the covariance being F F'.
        With ``plain`` there is one coefficient, and the last row is its variance.
    plain : bool
    """

    rows: Floats
    plain: bool = True

    @property
    def size(self) -> int:
        """The number of coefficients, p."""
        return 1 if self.plain else int((np.sqrt(8.0 * len(self.rows) + 1.0) - 3.0) / 2.0 + 0.5)

    @property
    def log_density(self) -> Floats:
        """Log posterior density of the last coordinate."""
        row: Floats = self.rows[0]
        return row

    @property
    def mean(self) -> Floats:
        """Conditional means of the coefficients: (nodes,) of mu, (p, nodes) of beta."""
        row: Floats = self.rows[1] if self.plain else self.rows[1 : 1 + self.size]
        return row

    @property
    def var(self) -> Floats:
        """Their conditional variances, of mean's shape."""
        if self.plain:
            row: Floats = self.rows[2]
            return row
        return np.array([(row * row).sum(axis=0) for row in self.factor()])

    def factor(self) -> list[Floats]:
        """The rows of F from the diagonal on, each of shape (columns, nodes)."""
        ends = 1 + self.size + np.concatenate([[0], np.cumsum(np.arange(self.size, 0, -1))])
        return [self.rows[a:b] for a, b in pairwise(ends)]

    def combined(self, direction: Floats | None) -> tuple[Floats, Floats]:
        """Mean and variance of linear combinations of the coefficients, each of shape (..., nodes).

        Parameters
        ----------
        direction : ndarray, shape (..., p, nodes) or (..., p, 1), or None
            None is the one coefficient of a plain model itself.
        """
        if direction is None or self.plain:
            factor = 1.0 if direction is None else direction[..., 0, :]
            return factor * self.rows[1], factor * factor * self.rows[2]
        mean = sum(direction[..., k, :] * self.rows[1 + k] for k in range(self.size))
        parts: list[Floats | float] = [0.0] * self.size
        for k, row in enumerate(self.factor()):
            for at, values in enumerate(row):
                parts[k + at] = parts[k + at] + direction[..., k, :] * values
        return np.asarray(mean), np.asarray(sum(np.square(part) for part in parts))


@dataclass(frozen=True)
class Linear:
    """A quantity given the last coordinate: intercept + slope * (direction' beta) + normal noise.

    Attributes
    ----------
    intercept, slope, var : ndarray or float
        At the nodes; ``var`` is of the noise.
    grows : bool
        Whether the sd grows without bound with the coordinate.
    direction : ndarray, shape (..., p, nodes) or (..., p, 1), optional
        A combination of the coefficients; without it the one coefficient that there is.
    """

    intercept: Floats | float
    slope: Floats | float
    var: Floats | float
    grows: bool
    direction: Floats | None = None

    def moments(self, collapsed: Collapsed) -> tuple[Floats, Floats]:
        """Mean and sd at the nodes of what is collapsed."""
        mean, var = collapsed.combined(self.direction)
        return self.intercept + self.slope * mean, np.sqrt(self.var + self.slope**2 * var)

    def plus_noise(self, var: Floats | float) -> "Linear":
        """The same with more noise."""
        return replace(self, var=self.var + var)

    def minus(self, other: "Linear") -> "Linear":
        """The difference of two quantities with noise of their own."""
        var = self.var + other.var
        intercept = self.intercept - other.intercept
        if self.direction is None or other.direction is None:
            return Linear(intercept, self.slope - other.slope, var, True)
        apart = self.slope * self.direction - other.slope * other.direction
        return Linear(intercept, 1.0, var, True, apart)
