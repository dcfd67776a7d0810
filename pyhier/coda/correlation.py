"""Correlations within chains: of variables with their own past, and with each other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._html import html_table
from pyhier._types import Floats
from pyhier._validation import checked, flag, float_array
from pyhier.coda.objects import Mcmc
from pyhier.coda.results import PerChain, chains_in, draws_of, each_finite, finite_draws, per_chain
from pyhier.coda.vectors import NamedMatrix
from pyhier.kernels.series import centre, lagged_products
from pyhier.rstats.format import NA, format_numbers, matrix_text

Names = tuple[str, ...]

LAGS = (0, 1, 5, 10, 50)


@dataclass(frozen=True, eq=False, repr=False)
class AutocorrArray(Frozen):
    """Auto- and cross-correlations of one chain; they print as R's array.

    Attributes
    ----------
    values : ndarray, shape (lags, p, p)
        At ``[k, i, j]`` the correlation of variable i, lag k later, with variable j.
    lags : tuple of str
        ``Lag 0``, ``Lag 1``, ...
    names : tuple of str or None
        The variables'.
    """

    values: Floats
    lags: Names
    names: Names | None

    def __post_init__(self) -> None:
        self.values.flags.writeable = False

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype) if copy else np.asarray(self.values, dtype=dtype)

    def __getitem__(self, key: Any) -> Any:
        return self.values[key]

    def _slices(self) -> list[tuple[str, Floats]]:
        heads = self.names or [str(j + 1) for j in range(self.values.shape[2])]
        return [(head, self.values[:, :, j]) for j, head in enumerate(heads)]

    def __str__(self) -> str:
        return "\n".join(
            f", , {head}\n\n{matrix_text(matrix, self.lags, self.names)}\n"
            for head, matrix in self._slices()
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(
            html_table([format_numbers(c) for c in matrix.T], self.lags, self.names, head)
            for head, matrix in self._slices()
        )


@checked(relative=flag)
def autocorr(
    x: Any, lags: Sequence[int] = LAGS, relative: bool = True
) -> AutocorrArray | PerChain[AutocorrArray]:
    """Autocorrelations and cross-correlations at some lags.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    lags : sequence of int
        Those as long as the chain or longer are left out.
    relative : bool
        Whether lags count draws, or iterations (then multiples of the thinning interval).

    Returns
    -------
    AutocorrArray
        One for each chain of a list.

    Examples
    --------
    >>> from pyhier import coda
    >>> found = coda.autocorr(coda.mcmc([1.0, 2.0, 3.0, 2.0, 1.0, 2.0]), lags=[0, 1])
    >>> found.values.ravel().round(3)
    array([ 1.  , -0.01])
    """

    def diagnose(chain: Mcmc, which: int) -> AutocorrArray:
        draws, steps = finite_draws(chain, which), _steps(chain, lags, relative)
        labels = tuple(f"Lag {step * chain.thin}" for step in steps)
        return AutocorrArray(cross_autocorrelations(draws, steps), labels, chain.varnames)

    return per_chain(diagnose, draws_of(x))


@checked(relative=flag)
def autocorr_diag(x: Any, lags: Sequence[int] = LAGS, relative: bool = True) -> NamedMatrix:
    """Autocorrelations of each variable with itself, averaged over the chains of a list.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    lags, relative
        As in `autocorr`.

    Returns
    -------
    NamedMatrix, shape (lags, p)

    Examples
    --------
    >>> from pyhier import coda
    >>> x = coda.mcmc([[1.0], [2.0], [3.0], [2.0], [1.0], [2.0]], varnames=["mu"])
    >>> print(coda.autocorr_diag(x, lags=[0, 1]))
                    mu
    Lag 0  1.000000000
    Lag 1 -0.009803922
    """
    chains = chains_in(draws := draws_of(x))
    steps = _steps(chains[0], lags, relative)
    values = np.mean([autocorrelations(m, max(steps))[steps] for m in each_finite(draws)], axis=0)
    labels = tuple(f"Lag {step * chains[0].thin}" for step in steps)
    return NamedMatrix(values, labels, chains[0].varnames)


def _steps(chain: Mcmc, lags: Sequence[int], relative: bool) -> list[int]:
    """Lags in draws, those within the chain."""
    steps = []
    wanted = np.atleast_1d(float_array("lags", lags, None))
    if wanted.ndim > 1 or not wanted.size:
        raise ValueError(f"lags is {lags!r}: give a sequence of whole numbers from 0 up")
    for lag in wanted.tolist():
        if not (lag >= 0.0 and lag.is_integer()):
            raise ValueError(f"lags has {lag:g}: lags must be whole numbers from 0 up")
        if not relative and lag % chain.thin:
            raise ValueError(
                f"Lags do not conform to thinning interval: {lag:g} is no multiple of {chain.thin}"
            )
        steps.append(int(lag) if relative else int(lag) // chain.thin)
    within = [step for step in steps if step < len(chain)]
    if not within:
        raise ValueError(f"all lags are as long as the chain, {len(chain)} draws, or longer")
    return within


def autocorrelations(x: Floats, last: int) -> Floats:
    """Autocorrelations of each column at lags 0 to ``last``, as R's ``acf``; NaN if constant.

    Sums of products about the mean at every lag, over that at lag 0: not corrected for the number
    of products.

    Parameters
    ----------
    x : array, shape (n, p)
    last : int
        Less than n.

    Returns
    -------
    array, shape (last + 1, p)
    """
    out = np.full((last + 1, x.shape[1]), np.nan)
    x = _of_one(x)
    for j in range(x.shape[1]):
        column, products = x[:, j].copy(), np.empty(last + 1)
        if (column != column[0]).any():
            centre(column)
            lagged_products(column, products)
            out[:, j] = products / products[0]
    return out


def _of_one(x: Floats) -> Floats:
    """Columns about as large as one, by a power of two: correlations keep every bit of theirs."""
    scaled: Floats = np.ldexp(x, -np.frexp(np.abs(x).max(axis=0, initial=0.0))[1])
    return scaled


def cross_autocorrelations(x: Floats, steps: Sequence[int]) -> Floats:
    """Correlations of column i, some steps later, with column j, shape (steps, p, p)."""
    n, x = x.shape[0], _of_one(x)
    centred = x - x.mean(axis=0)
    centred[:, (x == x[0]).all(axis=0)] = 0.0
    scale = np.sqrt((centred**2).sum(axis=0))
    products = np.stack([centred[k:].T @ centred[: n - k] for k in steps])
    with np.errstate(invalid="ignore"):
        correlations: Floats = products / (scale[:, np.newaxis] * scale)
    return correlations


def crosscorr(x: Any) -> NamedMatrix:
    """Correlations of the variables with each other, the chains of a list put together.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like

    Returns
    -------
    NamedMatrix, shape (p, p)
        NA, with a warning, for variables that are constant.

    Examples
    --------
    >>> from pyhier import coda
    >>> print(coda.crosscorr(coda.mcmc([[1.0, 2.0], [2.0, 3.0], [3.0, 1.0]])))
         var1 var2
    var1  1.0 -0.5
    var2 -0.5  1.0
    """
    chains = draws_of(x)
    draws = np.concatenate(each_finite(chains))
    constant = (draws == draws[0]).all(axis=0)
    if constant.any():
        warnings.warn("the standard deviation is zero", RuntimeWarning, stacklevel=2)
    values = cross_autocorrelations(draws, [0])[0]
    values[constant] = values[:, constant] = NA
    np.fill_diagonal(values, 1.0)
    labels = chains_in(chains)[0].labels
    return NamedMatrix(np.clip(values, -1.0, 1.0), labels, labels)
