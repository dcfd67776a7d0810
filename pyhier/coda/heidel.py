"""Heidelberger and Welch's diagnostic, and the Cramer-von Mises distribution that it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import kve

from pyhier._types import Floats
from pyhier._validation import checked, not_negative, numbers, real
from pyhier.coda.objects import Mcmc
from pyhier.coda.results import PerChain, draws_of, finite_draws, per_chain
from pyhier.coda.spectrum import ar_at_zero
from pyhier.coda.vectors import NamedMatrix
from pyhier.rstats.format import NA, cells_text, format_numbers
from pyhier.rstats.results import ByName

COLUMNS = ("stest", "start", "pvalue", "htest", "mean", "halfwidth")
TERMS = 4  # of the series that coda sums
FAR = 10.0  # from where four terms are not enough for three digits of the p-value


@checked(q=numbers, eps=not_negative)
def pcramer(q: ArrayLike, eps: float = 1e-5) -> Floats:
    """Distribution function of the Cramer-von Mises statistic, in the limit of large samples.

    Four terms of Anderson and Darling's series up to q = 10, as in coda, and as many as there are
    beyond, where coda's four fall to zero again.

    Parameters
    ----------
    q : array_like
    eps : float
        Terms with an exponential factor below this are left out.

    Returns
    -------
    ndarray
        NaN for negative and infinite ``q``, as in coda.

    References
    ----------
    Anderson, T. W. and Darling, D. A. (1952). Asymptotic theory of certain "goodness of fit"
    criteria based on stochastic processes. Annals of Mathematical Statistics 23, 193-212.

    Examples
    --------
    >>> pcramer([0.1, 0.46136, 1.0]).round(5)
    array([0.41513, 0.95   , 0.99754])
    """
    values = np.atleast_1d(np.asarray(q, dtype=np.float64)).ravel()
    out = np.zeros(values.size)
    out[~((values >= 0.0) & np.isfinite(values))] = np.nan
    for i in np.flatnonzero(values * (values < np.inf) > 0.0):
        # The terms grow like exp(-k^2 / q) times k^-1/2: 3 sqrt(q) of them hold all digits.
        terms = TERMS if values[i] <= FAR else TERMS + math.ceil(6.0 * math.sqrt(values[i]))
        out[i] = _series(float(values[i]), eps, terms) if values[i] < 1e6 else 1.0
    return out


def _series(q: float, eps: float, terms: int) -> float:
    k = np.arange(terms)
    u = (4 * k + 1.0) ** 2 / (16.0 * q)
    weight = np.cumprod(np.concatenate([[math.sqrt(math.pi)], (k[1:] - 0.5) / k[1:]]))
    term = weight * np.sqrt(4 * k + 1.0) * np.exp(-2.0 * u) * kve(0.25, u)
    kept = u <= -math.log(eps) if eps > 0.0 else u < np.inf
    return float(term[kept].sum() / (math.pi**1.5 * math.sqrt(q)))


@dataclass(frozen=True, repr=False)
class HeidelDiag(ByName):
    """Stationarity and half-width tests of each variable; it prints as R's.

    Attributes
    ----------
    table : NamedMatrix, shape (p, 6)
        R's matrix: a row a variable, columns ``stest``, ``start``, ``pvalue``, ``htest``, ``mean``
        and ``halfwidth``; tests are 1 where passed. Columns are attributes too.
    """

    table: NamedMatrix

    @property
    def stest(self) -> Floats:
        """1 where the chain, or what is left of it, passed as stationary."""
        return self._column("stest")

    @property
    def start(self) -> Floats:
        """First iteration to keep; NaN where the test failed."""
        return self._column("start")

    @property
    def pvalue(self) -> Floats:
        """Of the stationarity test, the last that was made."""
        return self._column("pvalue")

    @property
    def htest(self) -> Floats:
        """1 where the mean is known well enough; NaN where the chain is not stationary."""
        return self._column("htest")

    @property
    def mean(self) -> Floats:
        """Mean of the draws that are kept."""
        return self._column("mean")

    @property
    def halfwidth(self) -> Floats:
        """Half the width of the mean's 95% interval."""
        return self._column("halfwidth")

    def _column(self, name: str) -> Floats:
        return self.table.values[:, COLUMNS.index(name)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.table.__array__(dtype, copy)

    def __str__(self) -> str:
        names = self.table.rownames or tuple(f"[,{i + 1}]" for i in range(len(self.table.values)))
        stationary = [
            ["Stationarity", "test", *map(_verdict, self.stest)],
            ["start", "iteration", *format_numbers(self.start, 3)],
            ["p-value", "", *format_numbers(self.pvalue, 3)],
        ]
        halfwidth = [
            ["Halfwidth", "test", *map(_verdict, self.htest)],
            ["Mean", "", *format_numbers(self.mean, 3)],
            ["Halfwidth", "", *format_numbers(self.halfwidth, 3)],
        ]
        stub = ("", "", *names)
        return "\n".join(
            cells_text(cells, stub, ("", "", ""), left=True) for cells in (stationary, halfwidth)
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table.html(digits=3)


def _verdict(passed: float) -> str:
    return "<NA>" if np.isnan(passed) else "passed" if passed else "failed"


@checked(eps=real, pvalue=real)
def heidel_diag(
    x: Any, eps: float = 0.1, pvalue: float = 0.05
) -> HeidelDiag | PerChain[HeidelDiag]:
    """Heidelberger and Welch's convergence diagnostic.

    The Cramer-von Mises test for a stationary chain, first on all of it, then without its first
    10%, 20%, ... until it passes or half is gone; then the test that half the width of the 95%
    interval of the mean is less than ``eps`` times the mean.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    eps : float
        Target for the ratio of half-width to mean.
    pvalue : float
        Significance level of the test for a stationary chain.

    Returns
    -------
    HeidelDiag
        One for each chain of a list. Iterations count from 1 in steps of 1, whatever the start and
        thinning interval of ``x``, as in coda.

    References
    ----------
    Heidelberger, P. and Welch, P. D. (1983). Simulation run length control in the presence of an
    initial transient. Operations Research 31, 1109-1144.

    Examples
    --------
    >>> import numpy as np
    >>> from pyhier import coda
    >>> x = coda.mcmc(3 + np.sin(np.arange(100.0) ** 2), varnames=["mu"])
    >>> coda.heidel_diag(x).stest
    array([1.])
    """

    def diagnose(chain: Mcmc, which: int) -> HeidelDiag:
        rows = heidel_rows(finite_draws(chain, which), eps, pvalue)
        return HeidelDiag(NamedMatrix(rows, chain.labels, COLUMNS))

    return per_chain(diagnose, draws_of(x))


def heidel_rows(x: Floats, eps: float, pvalue: float) -> Floats:
    """Both tests of each column, in the order of `COLUMNS`.

    The spectrum at zero of the test for a stationary chain comes from its second half.

    Parameters
    ----------
    x : array, shape (n, p)

    Returns
    -------
    array, shape (p, 6)
        Tests are 1 where passed; NaN (R's NA) what a failed test leaves unknown.
    """
    n, p = x.shape
    if n < 2:
        raise ValueError(f"x has {n} iteration: heidel_diag needs at least 2")
    out = np.full((p, 6), NA)
    second_half, _ = ar_at_zero(x[math.ceil(n / 2) - 1 :])
    for j in range(p):
        column = np.ascontiguousarray(x[:, j])
        first, out[j, 2] = _stationary_from(column, second_half[j], pvalue)
        out[j, 2] = NA if math.isnan(out[j, 2]) else out[j, 2]
        out[j, 0] = first is not None
        if first is not None:
            kept = column[first:, np.newaxis]
            mean = float(kept.mean())
            half = 1.96 * math.sqrt(ar_at_zero(kept)[0][0] / len(kept))
            ratio = abs(half / mean) if mean != 0.0 else math.inf if half else math.nan
            verdict = NA if math.isnan(ratio) else float(ratio <= eps)
            out[j, 1], out[j, 3:] = first + 1, (verdict, mean, half)
    return out


def _stationary_from(x: Floats, spectrum: float, pvalue: float) -> tuple[int | None, float]:
    """First row from which the chain passes as stationary, or None; and the last p-value."""
    n, found = x.size, NA
    for step in range(6):
        begin = 1.0 + step * n / 10.0
        if begin > n / 2.0:
            break
        first = math.ceil(begin) - 1
        found = 1.0 - bridge_probability(x[first:], spectrum)
        if found > pvalue:
            return first, found
    return None, found


def bridge_probability(x: Floats, spectrum: float) -> float:
    """Distribution function at Schruben's Brownian bridge statistic of a series."""
    if spectrum == 0.0:
        return math.nan
    bridge = np.cumsum(x - x.mean())
    statistic = float(np.square(bridge).sum()) / (x.size**2 * spectrum)
    return float(pcramer(statistic)[0])
