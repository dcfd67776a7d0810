"""Estimated coefficients: their tests, intervals and table, whatever the variances are."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._frozen import Frozen
from pyhier._html import InNotebooks, Shown
from pyhier._types import Floats
from pyhier._validation import check_level
from pyhier.models.covariates import INTERCEPT

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Prediction(Frozen):
    """The mean effect at given covariates, and a new group's.

    Attributes
    ----------
    mean, se : ndarray, shape (rows,), or float
    interval : ndarray, shape (rows, 2) or (2,)
        Confidence interval of the mean.
    prediction_interval : ndarray, of that shape
        Of the effect of a new group, tau^2 taken for known.
    """

    mean: Any
    se: Any
    interval: Floats
    prediction_interval: Floats


class Coefficients(InNotebooks, Frozen):
    """What follows from coefficients, their standard errors, and two sums of squares.

    Attributes
    ----------
    test : str
        See `random_effects`.
    names : tuple of str
        Of the coefficients.
    beta, se : ndarray, shape (p,)
    QE, QM : float
    """

    test: str
    names: tuple[str, ...]
    beta: Floats
    se: Floats
    QE: float
    QM: float

    @property
    @abstractmethod
    def df(self) -> int:
        """Estimates less coefficients."""

    def _shown(self) -> Shown:
        """The coefficients' table under how it was made."""
        table = self.table()
        columns = {str(head): table[head].tolist() for head in table}
        method = getattr(self, "method", "")
        tau2 = ", ".join(f"{value:.6g}" for value in np.atleast_1d(getattr(self, "tau2", [])))
        caption = f"{type(self).__name__} ({method}): tau\u00b2 {tau2}, QE {self.QE:.6g}"
        return Shown(caption, self.names, columns)

    @property
    def QEp(self) -> float:  # noqa: N802 - metafor's name
        """The probability of a larger QE where there is no residual heterogeneity."""
        from scipy.special import chdtrc

        return float(chdtrc(self.df, self.QE))

    @property
    def QMp(self) -> float:  # noqa: N802 - metafor's name
        """The probability of a larger QM where the covariates explain nothing."""
        from scipy.special import chdtrc, fdtrc

        m = len(tested(self.names))
        return float(chdtrc(m, self.QM) if self.test == "z" else fdtrc(m, self.df, self.QM))

    def interval(self, level: float = 0.95) -> Floats:
        """Confidence intervals of the coefficients, shape (p, 2)."""
        half = half_width(self.test, self.df, level) * self.se
        return np.column_stack([self.beta - half, self.beta + half])

    def table(self, level: float = 0.95) -> "pd.DataFrame":
        """A row a coefficient: ``beta``, ``se``, the statistic, its p-value and the interval."""
        import pandas as pd
        from scipy.special import ndtr, stdtr

        ratio, half = self.beta / self.se, half_width(self.test, self.df, level) * self.se
        tail = ndtr(-abs(ratio)) if self.test == "z" else stdtr(self.df, -abs(ratio))
        columns = {
            "beta": self.beta, "se": self.se, "z" if self.test == "z" else "t": ratio,
            "p": 2.0 * tail, "lower": self.beta - half, "upper": self.beta + half,
        }  # fmt: skip
        return pd.DataFrame(columns, index=pd.Index(self.names, name="coefficient"))


def tested(names: tuple[str, ...]) -> list[int]:
    """Which coefficients the omnibus test is of: all but the intercept, or the intercept alone."""
    return [k for k, name in enumerate(names) if name != INTERCEPT] or [0]


def wald(beta: Floats, vb: Floats, names: tuple[str, ...], test: str) -> float:
    """The omnibus test of the coefficients."""
    at = tested(names)
    value = float(beta[at] @ np.linalg.solve(vb[np.ix_(at, at)], beta[at]))
    return value if test == "z" else value / len(at)


def half_width(test: str, df: int, level: float) -> float:
    """How many standard errors wide half an interval is."""
    from scipy.special import ndtri, stdtrit

    upper = 0.5 + 0.5 * check_level(level)
    return float(ndtri(upper) if test == "z" else stdtrit(df, upper))
