"""The half-t distribution, which scipy.stats has not: Student's t about 0, folded onto tau > 0.

Imported by whoever asks for one, since it needs SciPy, which calls its methods by position.
"""

# mypy: disable-error-code="override"

from typing import Any

import numpy as np
from scipy.special import betainc, betainccinv, betaincinv, betaln, stdtr
from scipy.stats import rv_continuous

from pyhier._types import Floats


class HalfT(rv_continuous):
    """Half-t distribution with ``df`` degrees of freedom; ``scale`` as in scipy.stats.

    Examples
    --------
    >>> prior = halft(3, scale=2.5)
    >>> float(round(prior.cdf(2.5), 12)), float(round(prior.ppf(0.5), 12))
    (0.608997781044, 1.912230821011)
    """

    def _logpdf(self, x: Floats, df: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            distance = 2.0 * np.log(x) - np.log(df)  # x^2 itself overflows far out
        constant = np.log(2.0) - betaln(0.5, 0.5 * df) - 0.5 * np.log(df)
        density: Floats = constant - 0.5 * (df + 1.0) * np.logaddexp(0.0, distance)
        return density

    def _pdf(self, x: Floats, df: Floats) -> Floats:
        density: Floats = np.exp(self._logpdf(x, df))
        return density

    def _cdf(self, x: Floats, df: Floats) -> Floats:
        with np.errstate(divide="ignore", over="ignore"):
            inside: Any = betainc(0.5, 0.5 * df, 1.0 / (1.0 + df / x / x))
        return np.asarray(inside, dtype=np.float64)

    def _sf(self, x: Floats, df: Floats) -> Floats:
        tail: Floats = 2.0 * stdtr(df, -x)
        return tail

    def _ppf(self, q: Floats, df: Floats) -> Floats:
        return _root(df, betaincinv(0.5, 0.5 * df, q), betainccinv(0.5 * df, 0.5, q))

    def _isf(self, q: Floats, df: Floats) -> Floats:
        return _root(df, betainccinv(0.5, 0.5 * df, q), betaincinv(0.5 * df, 0.5, q))


def _root(df: Floats, inside: Any, outside: Any) -> Floats:
    """The x where x^2 / (df + x^2) is ``inside``, and df / (df + x^2) ``outside``: the smaller."""
    small = inside < 0.5
    with np.errstate(divide="ignore"):
        inside, outside = (
            np.where(small, inside, 1.0 - outside),
            np.where(small, 1.0 - inside, outside),
        )
        x: Floats = np.sqrt(df) * np.sqrt(inside) / np.sqrt(outside)
    return x


halft = HalfT(a=0.0, name="halft", shapes="df")
