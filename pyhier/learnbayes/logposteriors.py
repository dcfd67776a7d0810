"""LearnBayes' log posteriors: callables in Python, compiled in the samplers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._validation import each_group, float_array
from pyhier.kernels.density import LogDensity, NormalMarginal


class _Normnormexch:
    """Log posterior of (mu, log tau) in the normal exchangeable model, theta integrated out.

    The group estimates are y_j ~ N(theta_j, sigma2_j) with known variances, and the effects
    theta_j ~ N(mu, tau^2) with (mu, tau) uniform.

    Parameters
    ----------
    theta : array_like, shape (2,)
        mu and log tau.
    data : array_like, shape (groups, 2)
        Estimates and *variances*, a row a group, as in R.

    Returns
    -------
    float

    Examples
    --------
    >>> round(normnormexch([8, 2], [[28, 225], [8, 100], [-3, 256]]), 6)
    -9.873255
    """

    __name__ = "normnormexch"

    def __call__(self, theta: ArrayLike, data: ArrayLike) -> float:
        return self.compiled_for(data)(theta)

    def compiled_for(self, data: Any = None, *more: Any) -> LogDensity:
        """The compiled density for this data."""
        if data is None or more:
            raise TypeError("normnormexch takes one argument after theta: data")
        table = float_array("data", data, 2)
        if table.shape[1] < 2 or not len(table):
            raise ValueError(
                f"data has shape {table.shape}: give two columns, estimates and variances"
            )
        y, var = np.ascontiguousarray(table.T[:2])
        each_group("data[:, 0]", y, np.isfinite(y), _row, "estimates must be finite")
        valid = (var >= 0.0) & np.isfinite(var)
        each_group("data[:, 1]", var, valid, _row, "variances must be finite, and not negative")
        return NormalMarginal(y, var, form="dnorm")

    def __repr__(self) -> str:
        return "<log posterior normnormexch(theta, data)>"


def _row(j: int) -> str:
    return str(j + 1)


normnormexch = _Normnormexch()
normnormexch.__doc__ = _Normnormexch.__doc__
