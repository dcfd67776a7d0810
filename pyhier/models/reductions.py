"""What is left of a model where most of it is integrated out in closed form."""

from dataclasses import dataclass

from pyhier._types import Floats


@dataclass(frozen=True)
class Collapsed:
    """A model with all but one hyperparameter integrated out, at nodes of that one.

    Attributes
    ----------
    rows : ndarray, shape (3, nodes)
        The log posterior density of the last coordinate, with all constants; mean and variance of
        the normal distribution of the hyperparameter integrated out, given that coordinate.
    """

    rows: Floats

    @property
    def log_density(self) -> Floats:
        """Log posterior density of the last coordinate."""
        row: Floats = self.rows[0]
        return row

    @property
    def mean(self) -> Floats:
        """Conditional mean of the hyperparameter integrated out."""
        row: Floats = self.rows[1]
        return row

    @property
    def var(self) -> Floats:
        """Its conditional variance."""
        row: Floats = self.rows[2]
        return row


@dataclass(frozen=True)
class Linear:
    """A quantity given the last coordinate: intercept + slope * mu + normal noise.

    Attributes
    ----------
    intercept, slope, var : ndarray or float
        At the nodes; ``var`` is of the noise.
    grows : bool
        Whether the sd grows without bound with the coordinate.
    """

    intercept: Floats | float
    slope: Floats | float
    var: Floats | float
    grows: bool
