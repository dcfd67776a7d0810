"""LearnBayes' functions of two-way tables of counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from pyhier._types import Floats
from pyhier._validation import amount, count, float_array, positive
from pyhier.kernels.count_masses import factorial_rest, log_mass
from pyhier.learnbayes._arguments import numbers
from pyhier.rstats import RStream, rgamma
from pyhier.rstats.results import ByName


@dataclass(frozen=True)
class IndependenceTest(ByName):
    """What LearnBayes' ``bfindep`` returns.

    Attributes
    ----------
    bf : float
        Bayes factor against independence.
    nse : float
        Its simulation standard error.
    """

    bf: float
    nse: float


def _log_dirichlet(a: Floats, axes: tuple[int, ...]) -> Floats:
    """Log of the Dirichlet normalising constant, over some axes of an array of parameters."""
    return np.asarray(gammaln(a).sum(axis=axes) - gammaln(a.sum(axis=axes)))


def _log_multinomial(y: Floats, a: Floats) -> float:
    """Log probability of counts whose probabilities are Dirichlet(a): one beta-binomial a cell."""
    others, rest = (np.cumsum(x[::-1])[::-1][1:] for x in (y, a))
    return float(log_mass("beta-binomial", y[:-1], others, a[:-1], rest).sum())


def _log_given_margins(y: Floats) -> float:
    """Log probability of a table given its margins, rows and columns being independent."""
    rows, columns, total = y.sum(axis=1), y.sum(axis=0), y.sum()
    if total == 0.0:
        return 0.0
    cells = log_mass("cell", y, total, rows[:, np.newaxis], columns)
    margins = factorial_rest(np.concatenate([rows, columns]))
    return float(cells.sum() + margins.sum() - factorial_rest(np.array([total]))[0])


def _table(name: str, value: ArrayLike) -> Floats:
    table = float_array(name, value, 2)
    if min(table.shape) < 2:
        raise ValueError(f"{name} has shape {table.shape}: give at least two rows and two columns")
    bad = np.argwhere(~(np.isfinite(table) & (table >= 0.0)))
    if len(bad):
        i, j = bad[0]
        raise ValueError(f"{name}[{i}, {j}] is {table[i, j]}: it must be finite and not negative")
    return table


def ctable(y: ArrayLike, a: ArrayLike) -> float:
    """Bayes factor against independence in a two-way table, Dirichlet priors.

    The cells are Dirichlet(a); under independence the rows' probabilities are Dirichlet with
    parameters ``a.sum(axis=1) - (columns - 1)``, and the columns' accordingly (Gunel and Dickey
    1974). With ``a`` of ones all three are uniform.

    Parameters
    ----------
    y : array_like, shape (rows, columns)
        Counts.
    a : array_like, shape (rows, columns)
        Prior parameters of the cells.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a count is negative, or a parameter so small that a prior is improper.

    References
    ----------
    Gunel, E. and Dickey, J. (1974), Biometrika 61, 545-557.

    Examples
    --------
    >>> round(ctable([[10, 6, 6], [4, 3, 10]], np.ones((2, 3))), 6)
    2.288513
    """
    y, a = _table("y", y), _table("a", a)
    if y.shape != a.shape:
        raise ValueError(f"y has shape {y.shape} and a {a.shape}: they must be the same")
    numbers("a (raveled)", a.ravel(), rule="positive")
    log_bf = _log_multinomial(y.ravel(), a.ravel()) - _log_given_margins(y)
    for axis in (0, 1):
        margin = a.sum(axis=axis) - (y.shape[axis] - 1)
        if np.any(margin <= 0.0):
            raise ValueError(
                f"a is too small: its sums over axis {axis} must exceed {y.shape[axis] - 1}"
            )
        log_bf -= _log_multinomial(y.sum(axis=axis), margin)
    return float(np.exp(log_bf))


def bfindep(
    y: ArrayLike,
    K: float,  # noqa: N803
    m: int,
    *,
    rng: RStream | None = None,
) -> IndependenceTest:
    """Bayes factor against independence, the alternative being close to independence.

    Under the alternative the cells are Dirichlet(K alpha_i beta_j), with alpha and beta, the
    margins' probabilities, uniform. The factor is an average over draws of them from their
    posterior under independence.

    Parameters
    ----------
    y : array_like, shape (rows, columns)
        Counts.
    K : float
        Precision of the alternative: the larger, the closer to independence.
    m : int
        The number of simulations.
    rng : RStream, optional
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    IndependenceTest

    Raises
    ------
    ValueError
        If a count is negative, K not positive, or m less than 2.

    Examples
    --------
    >>> from pyhier import rstats
    >>> rstats.set_seed(1)
    >>> test = bfindep([[10, 6, 6], [4, 3, 10]], 20, 1000)
    >>> round(test.bf, 5), round(test.nse, 5)
    (0.93594, 0.06026)
    """
    y, precision, m = _table("y", y), positive("K", K), amount("m", m, np.size(y), 2)
    rows, columns = y.sum(axis=1), y.sum(axis=0)
    alpha, beta = _dirichlet(m, rows + 1.0, rng), _dirichlet(m, columns + 1.0, rng)
    prior = precision * alpha[:, :, np.newaxis] * beta[:, np.newaxis, :]
    log_weights = (
        _log_dirichlet(prior + y, (1, 2)) - _log_dirichlet(prior, (1, 2))
        - np.log(alpha) @ rows - np.log(beta) @ columns
    )  # fmt: skip
    weights = np.exp(log_weights)
    return IndependenceTest(float(weights.mean()), float(weights.std(ddof=1) / np.sqrt(m)))


def _dirichlet(m: int, par: Floats, rng: RStream | None) -> Floats:
    """Dirichlet draws, a row each; the gammas come row by row, as bfindep takes them in R."""
    draws = rgamma(m * par.size, np.tile(par, m), rng=rng).reshape(m, par.size)
    return np.asarray(draws / draws.sum(axis=1, keepdims=True))


def regroup(data: ArrayLike, g: int) -> Floats:
    """Collapse a matrix by summing over groups of rows.

    Parameters
    ----------
    data : array_like, shape (rows, columns)
        A matrix or frame.
    g : int
        Rows a group; the last group takes what is left over as well.

    Returns
    -------
    ndarray, shape (rows // g, columns)

    Raises
    ------
    ValueError
        If ``g`` is less than 1 or more than the rows.

    Examples
    --------
    >>> regroup(np.arange(1, 21).reshape(5, 4).T, 2)
    array([[ 3., 11., 19., 27., 35.],
           [ 7., 15., 23., 31., 39.]])
    """
    matrix, size = float_array("data", data, 2), count("g", g)
    groups = len(matrix) // size
    if not groups:
        raise ValueError(f"g is {g}: data has {len(matrix)} rows only")
    return np.add.reduceat(matrix, np.arange(groups) * size, axis=0)
