"""What chains say about each variable: moments, their errors, quantiles, intervals, rejections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import number, probability_list
from pyhier.coda.objects import Draws, Mcmc, chains_of
from pyhier.coda.results import PerChain, draws_of, per_chain
from pyhier.coda.spectrum import ar_at_zero
from pyhier.coda.vectors import NamedMatrix, NamedVector
from pyhier.rstats.format import DIGITS, NA, format_number
from pyhier.rstats.moments import mean_and_sd
from pyhier.rstats.quantile import quantile
from pyhier.rstats.results import ByName

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)
COLUMNS = ("Mean", "SD", "Naive SE", "Time-series SE")


@dataclass(frozen=True, eq=False, repr=False)
class SummaryMcmc(ByName):
    """What `summary` returns; it prints as R's.

    Attributes
    ----------
    statistics : NamedMatrix or NamedVector
        Mean, standard deviation, and standard errors of the mean, naive and with the chain's
        autocorrelation; a row a variable, or, as in R, a vector where there is one variable.
    quantiles : NamedMatrix or NamedVector
        A row a variable, a column a quantile; a vector where either is alone.
    start, end, thin, nchain : int
    """

    statistics: NamedMatrix | NamedVector
    quantiles: NamedMatrix | NamedVector
    start: int
    end: int
    thin: int
    nchain: int

    def text(self, digits: int = DIGITS - 3) -> str:
        """What R's ``print(x, digits)`` shows."""
        size = (self.end - self.start) // self.thin + 1
        iterations = f"{format_number(self.start)}:{format_number(self.end)}"
        return (
            f"\nIterations = {iterations}\n"
            f"Thinning interval = {format_number(self.thin)} \n"
            f"Number of chains = {self.nchain} \n"
            f"Sample size per chain = {format_number(size)} \n"
            "\n1. Empirical mean and standard deviation for each variable,"
            "\n   plus standard error of the mean:\n\n"
            f"{self.statistics.text(digits)}\n"
            "\n2. Quantiles for each variable:\n\n"
            f"{self.quantiles.text(digits)}\n"
        )

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        about = (
            f"<p>Iterations {self.start} to {self.end} by {self.thin}, {self.nchain} chain(s)</p>"
        )
        return about + self.statistics._repr_html_() + self.quantiles._repr_html_()


def summary(x: Any, quantiles: Sequence[float] = QUANTILES) -> SummaryMcmc:
    """Means, standard deviations, standard errors and quantiles, over all chains.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    quantiles : sequence of float
        Probabilities.

    Returns
    -------
    SummaryMcmc

    Raises
    ------
    ValueError
        If a draw is missing, as in R, or a probability is outside [0, 1].

    Notes
    -----
    The time-series standard error takes the spectral density at frequency zero from an
    autoregressive model (`spectrum0_ar`). It is missing where that is: of infinite draws and of
    chains of one draw.

    Examples
    --------
    >>> from pyhier import coda
    >>> x = coda.mcmc([[1.0, 5.0], [3.0, 7.5], [2.0, 6.0], [4.0, 5.5]], varnames=["mu", "tau"])
    >>> s = coda.summary(x)
    >>> s.statistics["mu", "Mean"], s.quantiles[:, "50%"].tolist()
    (2.5, [2.5, 5.75])
    >>> print(s.statistics.text(4))
        Mean   SD Naive SE Time-series SE
    mu   2.5 1.291   0.6455         0.6455
    tau  6.0 1.080   0.5401         0.5401
    """
    draws = draws_of(x)
    alone = np.isscalar(quantiles) and not isinstance(quantiles, str)
    probs = probability_list("quantiles", [quantiles] if alone else quantiles)
    chains = [chain.matrix for chain in chains_of(draws)]
    _refuse_missing(draws)
    pooled = np.concatenate(chains)
    first = chains_of(draws)[0]
    return SummaryMcmc(
        _statistics(pooled, chains, first.varnames),
        _quantile_table(pooled, probs, draws),
        *first.mcpar,
        len(chains),
    )


def _refuse_missing(x: Draws, name: str = "x") -> None:
    for k, chain in enumerate(chains_of(x)):
        missing = np.argwhere(np.isnan(chain.matrix))
        if missing.size:
            i, j = missing[0]
            raise ValueError(
                f"{name} is missing (NaN) for {chain.labels[j]} at iteration "
                f"{chain.start + i * chain.thin} of chain {k + 1}: remove it first"
            )


def _statistics(
    pooled: Floats, chains: list[Floats], names: tuple[str, ...] | None
) -> NamedMatrix | NamedVector:
    n = len(pooled)
    mean, sd = mean_and_sd(pooled)
    if n == 1:
        sd = np.full(mean.size, NA)
    spectrum = np.mean([_spectrum(chain) for chain in chains], axis=0)
    table = np.column_stack([mean, sd, sd / np.sqrt(n), np.sqrt(spectrum / n)])
    if len(table) == 1:
        return NamedVector(table[0], COLUMNS)
    return NamedMatrix(table, names, COLUMNS)


def _spectrum(chain: Floats) -> Floats:
    """Spectral density at zero of each column, missing where there is none."""
    found = np.full(chain.shape[1], NA)
    finite = np.isfinite(chain).all(axis=0)
    if len(chain) > 1 and finite.any():
        found[finite] = ar_at_zero(np.ascontiguousarray(chain[:, finite]))[0]
    return found


def _quantile_table(pooled: Floats, probs: Floats, draws: Draws) -> NamedMatrix | NamedVector:
    table = quantile(pooled, probs).T
    heads = tuple(f"{format_number(100.0 * p)}%" for p in probs.tolist())
    # R numbers the variables without a name of one chain, but not those of a list.
    names = draws.labels if isinstance(draws, Mcmc) else draws.varnames
    vector = chains_of(draws)[0].ndim == 1
    if len(probs) == 1 and not (vector and isinstance(draws, Mcmc)):
        return NamedVector(table[:, 0], draws.labels if vector else names)
    if len(table) == 1:
        return NamedVector(table[0], heads)
    return NamedMatrix(table, names, heads)


@dataclass(frozen=True, eq=False, repr=False)
class HPDInterval(NamedMatrix):
    """Highest posterior density intervals: columns ``lower`` and ``upper``, a row a variable.

    Attributes
    ----------
    Probability : float
        The probability content: the multiple of one over the number of draws next to the one
        asked for.
    """

    Probability: float = 0.95

    def text(self, digits: int = DIGITS) -> str:
        """What R's ``print(x, digits)`` shows."""
        content = format_number(self.Probability, digits)
        return f'{super().text(digits)}\nattr(,"Probability")\n[1] {content}'


def HPDinterval(obj: Any, prob: float = 0.95) -> HPDInterval | PerChain[HPDInterval]:  # noqa: N802
    """Highest posterior density intervals: the shortest that hold so much of the draws.

    Parameters
    ----------
    obj : Mcmc, McmcList, posterior or array_like
    prob : float
        The probability content; taken to the nearest multiple of one over the number of draws.

    Returns
    -------
    HPDInterval
        With ``Probability``; one for each chain of a list.

    Raises
    ------
    ValueError
        If there is one draw only, or `prob` is not a probability.

    Examples
    --------
    >>> from pyhier import coda
    >>> coda.HPDinterval(coda.mcmc([1.0, 2.0, 2.5, 3.0, 9.0], varnames=["mu"]), 0.6)
       lower upper
    mu     1     3
    attr(,"Probability")
    [1] 0.6
    """
    if not 0.0 <= number("prob", prob) <= 1.0:
        raise ValueError(f"prob is {prob!r}: it must be between 0 and 1")
    draws = draws_of(obj, "obj")
    _refuse_missing(draws, "obj")
    return per_chain(lambda chain, _: _shortest(chain, float(prob)), draws)


def _shortest(chain: Mcmc, prob: float) -> HPDInterval:
    n = len(chain)
    if n < 2:
        raise ValueError(f"obj must have nsamp > 1: there is {n} draw")
    gap = max(1, min(n - 1, int(np.rint(n * prob))))
    ordered = np.sort(chain.matrix, axis=0)
    lower, upper = ordered[: n - gap], ordered[gap:]
    with np.errstate(invalid="ignore"):  # from -Inf to -Inf
        widths = upper - lower
    place = np.argmin(np.where(np.isnan(widths), np.inf, widths), axis=0)
    ends = [np.take_along_axis(side, place[np.newaxis], axis=0)[0] for side in (lower, upper)]
    return HPDInterval(np.column_stack(ends), chain.labels, ("lower", "upper"), gap / n)


def rejectionRate(x: Any) -> NamedVector:  # noqa: N802 (R's name)
    """The share of proposals a Metropolis chain rejected: draws equal to the one before.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like

    Returns
    -------
    NamedVector
        Of a list, the chains' mean.

    Examples
    --------
    >>> from pyhier import coda
    >>> coda.rejectionRate(coda.mcmc([1.0, 1.0, 2.0, 2.0, 2.0], varnames=["mu"]))
      mu
    0.75
    """
    draws = draws_of(x)
    chains = chains_of(draws)
    if len(chains[0]) < 2:
        raise ValueError("x has one draw: a rejection is seen from two")
    rates = np.mean([(m[1:] == m[:-1]).mean(axis=0) for m in (c.matrix for c in chains)], axis=0)
    missing = np.any([np.isnan(chain.matrix).any(axis=0) for chain in chains], axis=0)
    return NamedVector(np.where(missing, NA, rates), draws.labels)
