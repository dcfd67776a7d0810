"""Raftery and Lewis's diagnostic: how long a chain must be to know a quantile."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, xlogy

from pyhier._types import Floats
from pyhier._validation import check_level, positive
from pyhier.coda.objects import Mcmc
from pyhier.coda.results import PerChain, draws_of, finite_draws, per_chain
from pyhier.coda.vectors import NamedMatrix, NamedVector
from pyhier.rstats.format import NA, cells_text, format_number, format_numbers, signif
from pyhier.rstats.results import ByName

COLUMNS = ("M", "N", "Nmin", "I")
LARGEST = 2**31 - 1  # R's largest integer: longer runs are NA there


@dataclass(frozen=True, repr=False)
class RafteryDiag(ByName):
    """Run lengths of each variable; it prints as R's.

    Attributes
    ----------
    params : NamedVector
        ``r``, ``s`` and ``q``.
    resmatrix : NamedMatrix, shape (p, 4), or tuple
        Columns ``M`` (burn-in), ``N`` (total), ``Nmin`` (for independent draws) and ``I``, the
        dependence factor; R's ``("Error", Nmin)`` where the chain is shorter than Nmin.
    """

    params: NamedVector
    resmatrix: NamedMatrix | tuple[str, str]

    def __str__(self) -> str:
        r, s, q = map(format_number, self.params)
        head = f"\nQuantile (q) = {q}\nAccuracy (r) = +/- {r}\nProbability (s) = {s} \n"
        if isinstance(self.resmatrix, tuple):
            return (
                f"{head}\nYou need a sample size of at least {self.resmatrix[1]} with these values "
                "of q, r and s"
            )
        names = self.resmatrix.rownames
        stub = [""] * len(self.resmatrix) if names is None else [f" {name}" for name in names]
        burn_in, total, least, factor = self.resmatrix.values.T
        cells = [
            ["Burn-in ", "(M)", *map(_text, burn_in)],
            ["Total", "(N)", *map(_text, total)],
            ["Lower bound ", "(Nmin)", *map(_text, least)],
            ["Dependence", "factor (I)", *format_numbers(factor, 3)],
        ]
        return head + cells_text(cells, ["", "", *stub], [""] * 4, left=True) + "\n"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if isinstance(self.resmatrix, tuple):
            return f"<p>at least {self.resmatrix[1]} draws are needed</p>"
        return self.resmatrix.html(digits=7)


def _text(number: float) -> str:
    return "<NA>" if math.isnan(number) else format_number(number, 15)


def raftery_diag(
    data: Any, q: float = 0.025, r: float = 0.005, s: float = 0.95, converge_eps: float = 0.001
) -> RafteryDiag | PerChain[RafteryDiag]:
    """Raftery and Lewis's run length control diagnostic.

    Parameters
    ----------
    data : Mcmc, McmcList, posterior or array_like
    q : float
        The quantile to estimate.
    r : float
        Margin of error.
    s : float
        Probability of an estimate within ``(q - r, q + r)``.
    converge_eps : float
        Precision required for the time to convergence.

    Returns
    -------
    RafteryDiag
        One for each chain of a list.

    References
    ----------
    Raftery, A. E. and Lewis, S. M. (1992). One long run with diagnostics: implementation strategies
    for Markov chain Monte Carlo. Statistical Science 7, 493-497.

    Examples
    --------
    >>> import numpy as np
    >>> from pyhier import coda
    >>> x = coda.mcmc(np.sin(np.arange(4000.0) ** 2), varnames=["mu"])
    >>> coda.raftery_diag(x).resmatrix["mu", "Nmin"]
    3746.0
    """
    for name, value in (("q", q), ("r", r), ("s", s)):
        check_level(value, name)
    precision = positive("converge_eps", converge_eps)
    least = math.ceil(q * (1.0 - q) * (ndtri(0.5 * (1.0 + s)) / r) ** 2)

    def diagnose(chain: Mcmc, which: int) -> RafteryDiag:
        draws = finite_draws(chain, which, "data")
        params = NamedVector(np.array([r, s, q]), ("r", "s", "q"))
        if least > len(draws):
            return RafteryDiag(params, ("Error", str(least)))
        rows = np.empty((draws.shape[1], 4))
        for j, label in enumerate(chain.labels):
            burn_in, total = run_length(draws[:, j], chain.thin, q, r, s, precision)
            if max(abs(burn_in), abs(total)) > LARGEST:
                warnings.warn(
                    f"no run length for {label}: the two-state chain of its quantile is periodic "
                    "or sticks",
                    RuntimeWarning,
                    stacklevel=4,
                )
                burn_in = total = NA
            rows[j] = burn_in, total, least, signif(total / least, 3)
        rows[np.isnan(rows)] = NA
        return RafteryDiag(params, NamedMatrix(rows, chain.varnames, COLUMNS))

    return per_chain(diagnose, draws_of(data, "data"))


def run_length(
    x: Floats, thin: int, q: float, r: float, s: float, converge_eps: float
) -> tuple[float, float]:
    """Burn-in and total iterations for one series; NaN where it is constant.

    The indicator of the lower q is thinned until a first-order Markov chain fits it better than a
    second-order one, by BIC; the run lengths are those of that two-state chain.
    """
    low = (x <= _quantile(x, q)).astype(np.int8)
    k = 1
    while second_order_bic(low[::k]) >= 0.0:
        k += 1
    thinned = low[::k]
    moves = np.bincount(2 * thinned[:-1] + thinned[1:], minlength=4).reshape(2, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        up, down = (moves[[0, 1], [1, 0]] / moves.sum(axis=1)).tolist()
        both, phi = up + down, ndtri(0.5 * (1.0 + s))
        # Time for (1 - both)^m max(up, down) / both to fall to converge_eps.
        ratio = np.log(np.divide(converge_eps * both, max(up, down)))
        burn_in = np.ceil(ratio / np.log(abs(1.0 - up - down)))  # R's order: it decides where 0
        variance = np.divide((2.0 - both) * up * down, both**3)
        kept = np.ceil(variance * (phi / r) ** 2)
    return float(burn_in * k * thin), float((burn_in + kept) * k * thin)


def second_order_bic(low: NDArray[np.int8]) -> float:
    """BIC of a first-order Markov chain of 0 and 1 against a second-order one: below 0 it fits."""
    n = low.size
    if n < 3:
        raise ValueError(
            "the draws depend on each other at every thinning interval that the chain is long "
            "enough for: run it longer"
        )
    counts = np.bincount(4 * low[:-2] + 2 * low[1:-1] + low[2:], minlength=8).reshape(2, 2, 2)
    # Expected under independence of the first and the third value, given the second.
    pairs = counts.sum(axis=2, keepdims=True) * counts.sum(axis=0, keepdims=True)
    expected = pairs / np.maximum(counts.sum(axis=(0, 2), keepdims=True), 1)
    terms = xlogy(counts, counts / np.where(counts > 0, expected, 1.0))
    return float(2.0 * terms.sum() - 2.0 * math.log(n - 2))


def _quantile(x: Floats, q: float) -> float:
    """R's type 7; between two equal values it is that value, exactly, since draws meet it."""
    place = (x.size - 1) * q
    below = math.floor(place)
    above = min(below + 1, x.size - 1)
    ordered = np.partition(x, [below, above])
    a, b = float(ordered[below]), float(ordered[above])
    h = place - below
    return a if h == 0.0 or a == b else (1.0 - h) * a + h * b
