"""LearnBayes' Gibbs samplers for the two-way table of grade point averages (Albert 2009, ch. 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._random import RNG
from pyhier._types import Floats
from pyhier._validation import amount
from pyhier.kernels.gibbs import hierarchical_regression, ordered_means
from pyhier.learnbayes._arguments import rows, table
from pyhier.learnbayes.simulation import stream
from pyhier.rstats.linalg import solve
from pyhier.rstats.results import ByName
from pyhier.rstats.streams import RStream

SD = 0.65  # of one student's average, taken as known
# The prior from the year before: LearnBayes' numbers, read off its draws.
BETA0 = np.array([0.55, 0.018, 0.033])
COVARIANCE0 = np.array(
    [
        [8.49e-03, -1.94e-05, -2.88e-04],
        [-1.94e-05, 7.34e-07, -1.52e-06],
        [-2.88e-04, -1.52e-06, 1.71e-05],
    ]
)
PRIOR_DF, PRIOR_SQUARES, FIRST_VARIANCE = 16.0, 0.02, 0.006
# Where the restricted sampler starts: about the least squares fit of the observed means that
# rises along both margins. Rows are high-school ranks, columns ACT scores, from the lowest.
ORDERED = np.array(
    [
        [1.59, 1.59, 1.59, 1.67, 1.88],
        [1.85, 1.85, 1.85, 1.88, 1.88],
        [1.85, 1.85, 1.85, 2.10, 2.10],
        [2.04, 2.11, 2.11, 2.33, 2.33],
        [2.31, 2.33, 2.33, 2.33, 2.33],
        [2.37, 2.47, 2.64, 2.66, 2.66],
        [2.37, 2.63, 2.74, 2.76, 2.91],
        [2.64, 3.02, 3.02, 3.07, 3.34],
    ]
)


@dataclass(frozen=True)
class HiergibbsResult(ByName):
    """What LearnBayes' ``hiergibbs`` returns.

    Attributes
    ----------
    beta : ndarray, shape (m, 3)
        Draws of the regression coefficients.
    mu : ndarray, shape (m, k)
        Draws of the cell means.
    var : ndarray, shape (m,)
        Draws of the variance of the means about the regression.
    """

    beta: Floats
    mu: Floats
    var: Floats


def _means(data: Any, columns: str) -> Floats:
    cells = table("data", data, columns)
    rows("data[:, 1]", cells[1], cells[1] > 0.0, "sample sizes are positive")
    return cells


def hiergibbs(data: Any, m: int, *, rng: RNG = None) -> HiergibbsResult:
    """Gibbs sampling of cell means about a regression: LearnBayes' ``hiergibbs(data, m)``.

    The observed means have standard deviations 0.65 / sqrt(n); the true ones scatter about a
    regression on two covariates, whose coefficients and variance have the informative priors of the
    book's grade point averages.

    Parameters
    ----------
    data : array_like or DataFrame, shape (k, 4)
        Observed means, sample sizes and two covariates.
    m : int
        The number of cycles.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    HiergibbsResult

    Raises
    ------
    ValueError
        If a number is missing, or a sample size is not positive.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import learnbayes as lb
    >>> sim = lb.hiergibbs(ph.load_dataset("iowagpa"), 1000, rng=ph.RStream(1))
    >>> sim.beta.mean(axis=0).round(3)
    array([0.521, 0.019, 0.029])
    """
    y, n, first, second = _means(data, "mean, size, covariate 1, covariate 2")[:4]
    size, source = amount("m", m, y.size), stream(rng)
    x = np.column_stack([np.ones(y.size), first, second])
    beta, mu, var = np.empty((size, 3)), np.empty((size, y.size)), np.empty(size)
    bits = source.bit_generator
    with bits.lock:
        hierarchical_regression(
            bits, isinstance(source, RStream), y.copy(), n / SD**2, x, BETA0, solve(COVARIANCE0),
            PRIOR_SQUARES, PRIOR_DF, FIRST_VARIANCE, beta, mu, var,
        )  # fmt: skip
    return HiergibbsResult(beta, mu, var)


def ordergibbs(data: Any, m: int, *, rng: RNG = None) -> Floats:
    """Gibbs sampling of a table of means in order: LearnBayes' ``ordergibbs(data, m)``.

    The means have a flat prior where they rise with both classifications, and nothing elsewhere.

    Parameters
    ----------
    data : array_like or DataFrame, shape (40, 2)
        Observed means and sample sizes of the table's 8 x 5 cells: the highest row first, its
        columns ascending, as in ``iowagpa``. More columns are not used.
    m : int
        The number of cycles.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ndarray, shape (m, 40)
        A row a cycle: the table from its lowest row on, column after column.

    Raises
    ------
    ValueError
        If there are not 40 cells (R recycles them), or an observed mean is so far from what the
        order allows that the distribution function underflows (R returns infinite draws).

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import learnbayes as lb
    >>> sim = lb.ordergibbs(ph.load_dataset("iowagpa"), 1000, rng=ph.RStream(1))
    >>> sim.shape, bool(np.all(np.diff(sim[:, :8]) >= 0.0))
    ((1000, 40), True)
    """
    y, n = _means(data, "mean, size")[:2]
    if y.size != ORDERED.size:
        raise ValueError(f"data has {y.size} rows: the table is 8 x 5, so give 40")
    size, source = amount("m", m, y.size), stream(rng)
    means, sizes = y.reshape(ORDERED.shape)[::-1], n.reshape(ORDERED.shape)[::-1]
    out, state = np.empty((size, y.size)), ORDERED.copy()
    bits = source.bit_generator
    with bits.lock:
        ordered_means(
            bits, isinstance(source, RStream), means.copy(), SD / np.sqrt(sizes), state, out
        )
    bad = np.argwhere(~np.isfinite(out))
    if bad.size:
        cycle, cell = map(int, bad[0])
        row, column = cell % 8, cell // 8
        raise ValueError(
            f"data: the mean {means[row, column]} of row {row + 1} (from the lowest) and column "
            f"{column + 1} is too many standard errors from what the order allows, in cycle "
            f"{cycle + 1}"
        )
    return out
