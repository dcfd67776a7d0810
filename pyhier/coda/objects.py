"""The two objects of coda: a Markov chain, and chains run in parallel.

A chain is an array of draws with the iterations that it stands for: ``start``, ``end`` and
``thin``. Taking columns of a chain gives a chain, and so does a slice of its rows, whose iterations
stay equally spaced; rows picked by hand are a plain array. Chains compute (arithmetic.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._frozen import Frozen
from pyhier._html import html_table
from pyhier._types import Floats
from pyhier._validation import float_array
from pyhier.coda.arithmetic import ChainArithmetic, ListArithmetic
from pyhier.coda.iterations import Names, check_names, iterations
from pyhier.rstats.format import format_number, format_numbers, matrix_text, vector_text


@dataclass(frozen=True, eq=False, repr=False)
class Mcmc(ChainArithmetic, Frozen):
    """A Markov chain, made by `mcmc`; it prints as R's and converts with ``numpy.asarray``.

    Attributes
    ----------
    values : ndarray, shape (iterations,) or (iterations, variables)
        The draws, read-only.
    start, end, thin : int
        The first and last iteration and the thinning interval.
    varnames : tuple of str or None
        The variables' names.
    rownames : tuple of str or None
        The rows' names, which R's chains may have.
    title : str or None
        What R's chains may be titled.

    Examples
    --------
    >>> x = mcmc([[1.0, 5.0], [2.0, 7.0], [4.0, 6.0]], start=11, thin=5, varnames=["mu", "tau"])
    >>> print(x)
    Markov Chain Monte Carlo (MCMC) output:
    Start = 11
    End = 21
    Thinning interval = 5
         mu tau
    [1,]  1   5
    [2,]  2   7
    [3,]  4   6
    >>> float(x["tau"][1]), x[1:, "tau"].values, x[1:].mcpar
    (7.0, array([7., 6.]), (16, 21, 5))
    >>> np.mean(x["mu"] < 3.0).round(2), np.log(x / x["mu"]).varnames
    (np.float64(0.67), ('mu', 'tau'))
    """

    values: Floats
    start: int
    end: int
    thin: int
    varnames: Names | None = None
    rownames: Names | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        self.values.flags.writeable = False

    @property
    def mcpar(self) -> tuple[int, int, int]:
        """``(start, end, thin)``."""
        return self.start, self.end, self.thin

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the draws: (iterations,) or (iterations, variables)."""
        return self.values.shape

    @property
    def ndim(self) -> int:
        """1 for a chain of one variable that is a vector, as in R, 2 for a matrix."""
        return self.values.ndim

    @property
    def matrix(self) -> Floats:
        """The draws as a matrix, shape (iterations, variables)."""
        return np.asarray(self.values, dtype=np.float64).reshape(len(self.values), -1)

    @property
    def labels(self) -> Names:
        """The variables' names, ``var1``, ``var2``, ... where there are none."""
        if self.varnames is not None:
            return self.varnames
        return tuple(f"var{j + 1}" for j in range(self.matrix.shape[1]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype) if copy else np.asarray(self.values, dtype=dtype)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str) or (
            isinstance(key, list) and bool(key) and all(isinstance(item, str) for item in key)
        ):
            key = (slice(None), key)
        if isinstance(key, slice):
            return self._rows(key)
        if not isinstance(key, tuple):
            return self.values[np.asarray(key) if isinstance(key, Mcmc) else key]
        if self.ndim == 1:
            raise IndexError("this chain is a vector: it takes one index, its iterations")
        rows, columns = key
        columns = self._columns(columns)
        if isinstance(rows, slice) and rows != slice(None):
            return self._rows(rows)[:, columns]
        if not isinstance(rows, slice):
            return self.values[rows, :][..., columns]
        picked = self.values[:, columns]
        names = None
        if self.varnames is not None and picked.ndim == 2:
            names = tuple(np.array(self.varnames, dtype=object)[columns])
        return replace(self, values=picked.copy(), varnames=names, title=None)

    def _rows(self, rows: slice) -> Any:
        """Equally spaced rows, forwards, with the iterations that they stand for."""
        places = range(len(self))[rows]
        if not places or places.step < 1:
            return self.values[rows]
        first = self.start + places[0] * self.thin
        thin = self.thin * places.step
        names = None if self.rownames is None else self.rownames[rows]
        return replace(
            self, values=self.values[rows].copy(), start=first,
            end=first + (len(places) - 1) * thin, thin=thin, rownames=names, title=None,
        )  # fmt: skip

    def _columns(self, columns: Any) -> Any:
        """Columns by name as columns by place."""
        if isinstance(columns, str):
            if self.varnames is None or columns not in self.varnames:
                known = ", ".join(self.varnames) if self.varnames else "no names"
                raise KeyError(f"there is no variable {columns!r}: there are {known}")
            return self.varnames.index(columns)
        if isinstance(columns, list | tuple):
            return [self._columns(column) for column in columns]
        return columns

    def to_dataframe(self) -> Any:
        """The draws as a pandas DataFrame, a row an iteration, a column a variable."""
        import pandas as pd

        index = pd.RangeIndex(self.start, self.end + 1, self.thin, name="iter")
        return pd.DataFrame(self.matrix.copy(), index=index, columns=list(self.labels))

    def __str__(self) -> str:
        start, end, thin = (format_number(value) for value in self.mcpar)
        head = (
            "Markov Chain Monte Carlo (MCMC) output:\n"
            f"Start = {start} \nEnd = {end} \nThinning interval = {thin} \n"
        )
        if self.ndim == 1:
            return head + vector_text(self.values, self.rownames)
        text = head + matrix_text(self.values, self.rownames, self.varnames)
        return text if self.title is None else f'{text}\nattr(,"title")\n[1] "{self.title}"'

    __repr__ = __str__

    def _repr_html_(self) -> str:
        shown = self.matrix[:10]
        start, end, thin = self.mcpar
        rows = [str(start + i * thin) for i in range(len(shown))]
        more = f", first {len(shown)} of {len(self)} shown" if len(self) > len(shown) else ""
        return html_table(
            [format_numbers(column) for column in shown.T],
            rows,
            self.labels,
            f"MCMC output: start {start}, end {end}, thin {thin}{more}",
        )


@dataclass(frozen=True, eq=False, repr=False)
class McmcList(ListArithmetic):
    """Chains run in parallel, made by `mcmc_list`; a sequence of `Mcmc`.

    Attributes
    ----------
    chains : tuple of Mcmc
        All with the same iterations and variables.
    names : tuple of str or None
        The chains' names.

    Examples
    --------
    >>> both = mcmc_list(a=mcmc([1.0, 2.0]), b=mcmc([3.0, 5.0]))
    >>> len(both), both["b"].values, both.end
    (2, array([3., 5.]), 2)
    """

    chains: tuple[Mcmc, ...]
    names: Names | None = None

    @property
    def start(self) -> int:
        """The first iteration."""
        return self.chains[0].start

    @property
    def end(self) -> int:
        """The last iteration."""
        return self.chains[0].end

    @property
    def thin(self) -> int:
        """Iterations from one draw to the next."""
        return self.chains[0].thin

    @property
    def varnames(self) -> Names | None:
        """The variables' names."""
        return self.chains[0].varnames

    @property
    def labels(self) -> Names:
        """The variables' names, ``var1``, ``var2``, ... where there are none."""
        return self.chains[0].labels

    def __len__(self) -> int:
        return len(self.chains)

    def __iter__(self) -> Iterator[Mcmc]:
        return iter(self.chains)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            picked = [chain[key] for chain in self.chains]
            return mcmc_list(picked, names=self.names) if is_mcmc(picked[0]) else picked
        if isinstance(key, str):
            if self.names is None or key not in self.names:
                known = ", ".join(self.names) if self.names else "no names"
                raise KeyError(f"there is no chain {key!r}: there are {known}")
            return self.chains[self.names.index(key)]
        if isinstance(key, int | np.integer):
            return self.chains[key]
        places = np.arange(len(self))[key]
        names = None if self.names is None else tuple(self.names[i] for i in places)
        return McmcList(tuple(self.chains[i] for i in places), names)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(np.stack([chain.values for chain in self.chains], axis=-1), dtype=dtype)

    def to_dataframe(self) -> Any:
        """The draws as a pandas DataFrame, indexed by chain and iteration."""
        import pandas as pd

        frames = [chain.to_dataframe() for chain in self.chains]
        keys = self.names or range(1, len(self) + 1)
        return pd.concat(frames, keys=list(keys), names=["chain", "iter"])

    def __str__(self) -> str:
        heads = (
            [f"[[{i + 1}]]" for i in range(len(self))]
            if self.names is None
            else [f"${name}" if _is_syntactic(name) else f"$`{name}`" for name in self.names]
        )
        parts = [f"{head}\n{chain}\n\n" for head, chain in zip(heads, self.chains, strict=True)]
        return "".join(parts) + 'attr(,"class")\n[1] "mcmc.list"'

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heads = self.names or [f"chain {i + 1}" for i in range(len(self))]
        return "".join(
            f"<h4>{head}</h4>{chain._repr_html_()}"
            for head, chain in zip(heads, self.chains, strict=True)
        )


Draws = Mcmc | McmcList


def _is_syntactic(name: str) -> bool:
    """Whether R shows a name without backquotes."""
    plain = name.replace(".", "_")
    return plain.isidentifier() and not name.startswith("_")


def mcmc(
    data: ArrayLike,
    start: int | None = None,
    end: int | None = None,
    thin: int = 1,
    varnames: Sequence[str] | None = None,
) -> Mcmc:
    """Make a Markov chain of draws.

    Parameters
    ----------
    data : array_like, DataFrame, shape (iterations,) or (iterations, variables)
        The draws; a DataFrame names the variables.
    start, end, thin : int
        The first and last iteration and the thinning interval that the draws stand for; `start`
        is 1 unless `end` alone is given: it is the last draw's then. Of both, draws past `end` are
        left out.
    varnames : sequence of str, optional
        The variables' names.

    Returns
    -------
    Mcmc

    Raises
    ------
    ValueError, TypeError
        If there are no draws, they are not numbers, or do not reach to `end`.

    Examples
    --------
    >>> mcmc([[1.0, 5.0], [2.0, 7.0]], start=100, thin=10, varnames=["mu", "tau"]).mcpar
    (100, 110, 10)
    >>> mcmc([1.0, 2.0, 3.0], end=300, thin=100).start
    100
    """
    return chain_from("data", data, start, end, thin, varnames)


def chain_from(
    name: str,
    data: Any,
    start: object = None,
    end: object = None,
    thin: object = 1,
    varnames: Sequence[str] | None = None,
) -> Mcmc:
    """The chain of a vector or a matrix of draws, which is the argument ``name``."""
    names, rownames = _names_of(data)
    array = float_array(name, data, None)
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} has {array.ndim} dimensions: give a vector or a matrix with a row an "
            "iteration; as_mcmc_list takes arrays of shape (chain, iteration, variable)"
        )
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}: there must be at least one draw")
    first, last, step = iterations(len(array), start, end, thin)
    array = array[: (last - first) // step + 1]
    if varnames is not None:
        names = check_names("varnames", varnames, 1 if array.ndim == 1 else array.shape[1])
        array = array.reshape(len(array), -1)
    if rownames is not None:
        rownames = rownames[: len(array)]
    return Mcmc(array, first, last, step, names, rownames)


def _names_of(data: Any) -> tuple[Names | None, Names | None]:
    """Names of columns and rows that a chain or a DataFrame brings along."""
    if isinstance(data, Mcmc):
        return data.varnames, data.rownames
    if not hasattr(data, "to_numpy") or isinstance(data, type):
        return None, None
    rows = data.index
    text = rows.dtype.kind in "OUST" or str(rows.dtype).startswith("str")
    rownames = tuple(map(str, rows)) if text else None
    columns = getattr(data, "columns", None)
    if columns is None:
        return None, rownames
    return tuple(map(str, columns)), rownames


def mcmc_list(
    *chains: Mcmc | Sequence[Mcmc] | Mapping[str, Mcmc],
    names: Sequence[str] | None = None,
    **named: Mcmc,
) -> McmcList:
    """Put chains run in parallel together.

    Parameters
    ----------
    *chains : Mcmc
        The chains, or one sequence or mapping of them.
    names : sequence of str, optional
        The chains' names.
    **named : Mcmc
        Chains by name.

    Returns
    -------
    McmcList

    Raises
    ------
    TypeError
        If an argument is not a chain.
    ValueError
        If there is none, or their iterations or variables differ.

    Examples
    --------
    >>> both = mcmc_list(mcmc([1.0, 2.0]), mcmc([3.0, 5.0]), names=["a", "b"])
    >>> both.names
    ('a', 'b')
    """
    members, known = _gather(chains, named)
    if not members:
        raise ValueError("there are no chains: give at least one")
    for i, chain in enumerate(members):
        if not isinstance(chain, Mcmc):
            raise TypeError(
                f"Arguments must be mcmc objects: argument {i + 1} is a {type(chain).__name__}; "
                "mcmc(...) makes one of an array"
            )
        _check_alike(members[0], chain, i)
    if names is not None:
        known = check_names("names", names, len(members))
    return McmcList(tuple(members), known)


def _gather(chains: tuple[Any, ...], named: Mapping[str, Mcmc]) -> tuple[list[Mcmc], Names | None]:
    """The chains in order, and their names if all have one (R would pad with '')."""
    only = chains[0] if len(chains) == 1 and not named else None
    if isinstance(only, McmcList):
        return list(only.chains), only.names
    if isinstance(only, Mapping):
        return list(only.values()), tuple(map(str, only))
    if isinstance(only, list | tuple):
        return list(only), None
    members = [*chains, *named.values()]
    names = tuple("" for _ in chains) + tuple(named) if named else None
    return members, names


def _check_alike(first: Mcmc, chain: Mcmc, i: int) -> None:
    """Check that chain ``i`` fits the first; in R's order and words, and with the offender."""
    which = f"chain {i + 1} has"
    if chain.mcpar != first.mcpar:
        raise ValueError(
            f"Different start, end or thin values in each chain: {which} {chain.mcpar}, the first "
            f"{first.mcpar}; window() cuts them alike"
        )
    if chain.matrix.shape[1] != first.matrix.shape[1]:
        raise ValueError(
            f"Different number of variables in each chain: {which} {chain.matrix.shape[1]}, the "
            f"first {first.matrix.shape[1]}"
        )
    if chain.varnames != first.varnames:
        raise ValueError(
            f"Different variable names in each chain: {which} {chain.varnames}, the first "
            f"{first.varnames}"
        )


def is_mcmc(x: object) -> bool:
    """Whether an object is a chain."""
    return isinstance(x, Mcmc)


def is_mcmc_list(x: object) -> bool:
    """Whether an object is a list of chains."""
    return isinstance(x, McmcList)


def require_draws(x: object) -> Draws:
    """Return chains, or say how to make some."""
    if not isinstance(x, Mcmc | McmcList):
        raise TypeError(
            f"x is a {type(x).__name__}: it must be of mcmc(...) or mcmc_list(...); as_mcmc and "
            "as_mcmc_list make them of arrays, frames and posteriors"
        )
    return x


def chains_of(x: object) -> tuple[Mcmc, ...]:
    """The chains of a list, or the one chain."""
    draws = require_draws(x)
    return (draws,) if isinstance(draws, Mcmc) else draws.chains


@overload
def map_chains(function: Any, x: Mcmc) -> Mcmc: ...
@overload
def map_chains(function: Any, x: McmcList) -> McmcList: ...
def map_chains(function: Any, x: Draws) -> Draws:
    """Apply a function from chain to chain to all chains."""
    if isinstance(x, McmcList):
        return mcmc_list([function(chain) for chain in x], names=x.names)
    changed: Mcmc = function(x)
    return changed
