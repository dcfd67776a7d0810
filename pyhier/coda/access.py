"""What R's accessor functions say about chains, and parts of them: window, head, tail."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier._validation import checked, flag, is_number
from pyhier.coda.iterations import Names, check_names, whole
from pyhier.coda.objects import Draws, Mcmc, McmcList, chains_of, map_chains, require_draws

D = TypeVar("D", Mcmc, McmcList)


def start(x: Draws) -> int:
    """First iteration.

    Examples
    --------
    >>> from pyhier import coda
    >>> x = coda.mcmc([[1.0, 5.0], [2.0, 7.0]], start=100, thin=10, varnames=["mu", "tau"])
    >>> coda.start(x), coda.end(x), coda.thin(x), coda.time(x), coda.frequency(x)
    (100, 110, 10, array([100, 110]), 0.1)
    >>> coda.niter(x), coda.nvar(x), coda.nchain(x), coda.varnames(x), coda.chanames(x)
    (2, 2, 1, ('mu', 'tau'), None)
    """
    return chains_of(x)[0].start


def end(x: Draws) -> int:
    """Last iteration."""
    return chains_of(x)[0].end


def thin(x: Draws) -> int:
    """Thinning interval."""
    return chains_of(x)[0].thin


def frequency(x: Draws) -> float:
    """Draws an iteration: one over the thinning interval."""
    return 1.0 / thin(x)


def time(x: Draws) -> NDArray[np.int64]:
    """The iterations the draws stand for."""
    first, last, step = chains_of(x)[0].mcpar
    return np.arange(first, last + 1, step)


def mcpar(x: Draws) -> tuple[int, int, int]:
    """First iteration, last iteration, thinning interval."""
    return chains_of(x)[0].mcpar


def niter(x: Draws) -> int:
    """Number of draws in each chain."""
    return len(chains_of(x)[0])


def nvar(x: Draws) -> int:
    """Number of variables."""
    columns: int = chains_of(x)[0].matrix.shape[1]
    return columns


def nchain(x: Draws) -> int:
    """Number of chains."""
    return len(chains_of(x))


@checked(allow_null=flag)
def varnames(x: Draws, allow_null: bool = True) -> Names | None:
    """Names of the variables.

    Parameters
    ----------
    x : Mcmc or McmcList
    allow_null : bool
        Whether to return None where there are none, rather than ``var1``, ``var2``, ...
    """
    draws = require_draws(x)
    return draws.varnames if allow_null else draws.labels


@checked(allow_null=flag)
def chanames(x: Draws, allow_null: bool = True) -> Names | None:
    """Names of the chains.

    Parameters
    ----------
    x : Mcmc or McmcList
    allow_null : bool
        Whether to return None where there are none, rather than ``chain1``, ``chain2``, ...
        A single chain has no name, as in R.
    """
    draws = require_draws(x)
    if isinstance(draws, Mcmc):
        return None
    if draws.names is None and not allow_null:
        return tuple(f"chain{i + 1}" for i in range(len(draws)))
    return draws.names


def set_varnames(x: D, names: Sequence[str]) -> D:
    """The same chains with other names of variables, R's ``varnames(x) <- names``.

    Examples
    --------
    >>> from pyhier import coda
    >>> coda.set_varnames(coda.mcmc([1.0, 2.0]), ["mu"]).varnames
    ('mu',)
    """
    given = check_names("names", names, nvar(x))

    def renamed(chain: Mcmc) -> Mcmc:
        return replace(chain, values=chain.matrix.copy(), varnames=given)

    return map_chains(renamed, x)


def window(
    x: D,
    start: int | None = None,
    end: int | None = None,
    thin: int | None = None,
) -> D:
    """Cut chains to some of their iterations.

    Parameters
    ----------
    x : Mcmc or McmcList
    start, end : int, optional
        First and last iteration to keep; one that is outside the chain is left as it was, with a
        warning, and one between two draws moves inward, as in R.
    thin : int, optional
        New thinning interval, a multiple of the old one; another is left out, with a warning.

    Returns
    -------
    Mcmc or McmcList

    Examples
    --------
    >>> from pyhier import coda
    >>> x = coda.mcmc(range(10))
    >>> coda.window(x, start=3, thin=3).values, coda.head(x, 2).end
    (array([2., 5., 8.]), 3)
    """
    require_draws(x)
    old = mcpar(x)
    step = _new_thin(old, thin)
    first, last = _new_start(old, start), _new_end(old, end)
    if first > last:
        raise ValueError(f"start cannot be after end: they are {first} and {last}")
    rows = range(
        ceil((first - old[0]) / old[2]), int((last - old[0]) // old[2]) + 1, step // old[2]
    )
    if len(rows) == 0:
        raise ValueError(f"there is no draw from iteration {first} to {last}")
    places = np.arange(rows.start, rows.stop, rows.step)
    begin = old[0] + rows[0] * old[2]
    kept = (begin, begin + (len(rows) - 1) * step, step)
    return map_chains(lambda chain: _rows(chain, places, kept), x)


def _rows(chain: Mcmc, places: NDArray[np.intp], kept: tuple[int, int, int]) -> Mcmc:
    rownames = None if chain.rownames is None else tuple(chain.rownames[i] for i in places)
    begin, last, step = kept
    return Mcmc(chain.values[places], begin, last, step, chain.varnames, rownames)


def _new_thin(old: tuple[int, int, int], thin: object) -> int:
    if thin is None:
        return old[2]
    if isinstance(thin, float) and np.isfinite(thin) and not thin.is_integer():
        warnings.warn(f"Thin value not changed: {thin} is not whole", stacklevel=3)
        return old[2]
    step = whole("thin", thin)
    if step < 1:
        raise ValueError(f"thin is {step}: it must be a multiple of {old[2]}")
    if step % old[2]:
        warnings.warn(f"Thin value not changed: {step} is not a multiple of {old[2]}", stacklevel=3)
        return old[2]
    return step


def _one(name: str, value: Any) -> float:
    if not is_number(value) or not np.isfinite(value):
        raise ValueError(f"bad value for {name}: {value!r} must be one iteration")
    return float(value)


def _new_start(old: tuple[int, int, int], start: object) -> float:
    if start is None:
        return old[0]
    first = _one("start", start)
    if first < old[0]:
        warnings.warn(
            f"start value not changed: {start} is before the chain's, {old[0]}", stacklevel=3
        )
        return old[0]
    return first


def _new_end(old: tuple[int, int, int], end: object) -> float:
    if end is None:
        return old[1]
    last = _one("end", end)
    if last > old[1]:
        warnings.warn(f"end value not changed: {end} is after the chain's, {old[1]}", stacklevel=3)
        return old[1]
    return last


def head(x: D, n: int = 6) -> D:
    """The first ``n + 1`` draws of chains.

    R counts thinning intervals from the first draw, so there is one draw more than `n`.
    """
    first, last, step = mcpar(x)
    return window(x, end=min(first + whole("n", n) * step, last))


def tail(x: D, n: int = 6) -> D:
    """The last ``n + 1`` draws of chains, counted as `head` counts."""
    first, last, step = mcpar(x)
    return window(x, start=max(last - whole("n", n) * step, first))


@checked(iters=flag, chains=flag)
def as_matrix(x: Draws, iters: bool = False, chains: bool = False) -> Floats:
    """Draws as one matrix, chains below one another.

    Parameters
    ----------
    x : Mcmc or McmcList
    iters : bool
        Whether to put a column of iterations before the variables.
    chains : bool
        Whether to put a column of the chains' numbers, from 1, before everything.

    Returns
    -------
    ndarray, shape (iterations x chains, variables)

    Examples
    --------
    >>> from pyhier import coda
    >>> both = coda.mcmc_list(coda.mcmc([1.5, 2.5]), coda.mcmc([3.5, 4.5]))
    >>> coda.as_matrix(both, iters=True, chains=True)
    array([[1. , 1. , 1.5],
           [1. , 2. , 2.5],
           [2. , 1. , 3.5],
           [2. , 2. , 4.5]])
    >>> coda.as_array(both)
    array([[1.5, 3.5],
           [2.5, 4.5]])
    """
    members = chains_of(x)
    parts = [np.concatenate([chain.matrix for chain in members])]
    if iters:
        parts.insert(0, np.tile(time(x), len(members))[:, np.newaxis].astype(np.float64))
    if chains and isinstance(x, McmcList):
        numbers = np.arange(1.0, len(members) + 1.0)
        parts.insert(0, np.repeat(numbers, niter(x))[:, np.newaxis])
    return np.hstack(parts)


@checked(drop=flag)
def as_array(x: McmcList, drop: bool = True) -> Floats:
    """Draws as an array of shape (iterations, variables, chains).

    Parameters
    ----------
    x : McmcList
    drop : bool
        Whether to leave dimensions of extent 1 out, as R does.
    """
    array = np.stack([chain.matrix for chain in chains_of(x)], axis=-1)
    return array.squeeze() if drop else array


def as_data_frame(x: Draws) -> Any:
    """Draws as a pandas DataFrame; of a list the index has the chain and the iteration."""
    return require_draws(x).to_dataframe()
