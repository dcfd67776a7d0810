"""What makes chains compute: arithmetic, comparisons, NumPy's functions, stacks, as R's matrices.

What has a row for each iteration stays a chain, with its iterations and its variables' names;
anything else (a sum, a product of matrices) is an array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

Operation = Callable[..., Any]

ELEMENTWISE = {np.round, np.around, np.clip, np.where, np.nan_to_num, np.cumsum, np.cumprod}
STACKS = {np.concatenate, np.vstack, np.hstack, np.column_stack}


class ChainArithmetic(NDArrayOperatorsMixin):
    """For `Mcmc`: operators and NumPy's functions keep the iterations and the names."""

    __hash__ = object.__hash__  # a chain is itself; == compares its draws

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(x, ListArithmetic) for x in inputs):
            return NotImplemented
        options.pop("out", None)  # x += 1 makes another chain
        if method != "__call__":
            return getattr(ufunc, method)(*plain(inputs), **options)
        chains = [x for x in inputs if isinstance(x, ChainArithmetic)]
        check_iterations(ufunc.__name__, chains)
        result = ufunc(*_aligned(inputs, chains), **options)
        return rewrapped(chains, result)

    def __array_function__(
        self, function: Operation, types: Any, args: Any, options: dict[str, Any]
    ) -> Any:
        if function in STACKS and not options.get("axis"):
            return _stacked(function, list(args[0]))
        result = function(*plain(args), **{key: plain(value) for key, value in options.items()})
        if function in ELEMENTWISE:
            chains: list[Any] = [x for x in args if isinstance(x, ChainArithmetic)]
            return rewrapped(chains, result)
        return result


class ListArithmetic(NDArrayOperatorsMixin):
    """For `McmcList`: chain by chain."""

    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        options.pop("out", None)
        if method != "__call__":
            return getattr(ufunc, method)(*plain(inputs), **options)
        lists = [x for x in inputs if isinstance(x, ListArithmetic)]
        chains: Sequence[Any] = lists[0].chains  # type: ignore[attr-defined]
        sizes = {len(x.chains) for x in lists}  # type: ignore[attr-defined]
        if len(sizes) > 1:
            raise ValueError(
                f"{ufunc.__name__}: lists of {sorted(sizes)} chains do not go together"
            )
        rows = [
            [x.chains[i] if isinstance(x, ListArithmetic) else x for x in inputs]  # type: ignore[attr-defined]
            for i in range(len(chains))
        ]
        results = tuple(ufunc(*row, **options) for row in rows)
        if not all(isinstance(result, ChainArithmetic) for result in results):
            return results
        return replace(lists[0], chains=results)  # type: ignore[type-var]


def plain(value: Any) -> Any:
    """Chains as arrays, inside sequences too."""
    if isinstance(value, ChainArithmetic | ListArithmetic):
        return np.asarray(value)
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    return value


def check_iterations(what: str, chains: Sequence[Any]) -> None:
    """Refuse chains of different iterations: they would be paired by place."""
    for chain in chains[1:]:
        if chain.mcpar != chains[0].mcpar:
            raise ValueError(
                f"{what}: the chains' iterations differ, {chains[0].mcpar} and {chain.mcpar} "
                "(start, end, thin): window() cuts them alike, numpy.asarray() leaves them behind"
            )


def _aligned(inputs: Sequence[Any], chains: Sequence[Any]) -> list[Any]:
    """Arrays that go together: a chain of one variable beside one of several is its column."""
    wide = any(chain.ndim == 2 for chain in chains)
    return [
        (x.values[:, np.newaxis] if wide and x.ndim == 1 else x.values)  # type: ignore[attr-defined]
        if isinstance(x, ChainArithmetic)
        else x
        for x in inputs
    ]


def rewrapped(chains: Sequence[Any], result: Any) -> Any:
    """The result as a chain where it has a row an iteration, an array else."""
    if isinstance(result, tuple):
        return tuple(rewrapped(chains, item) for item in result)
    if not chains or np.ndim(result) not in (1, 2) or len(result) != len(chains[0].values):
        return result
    columns = result.shape[1] if result.ndim == 2 else 1
    known = {
        chain.varnames for chain in chains
        if chain.varnames is not None and len(chain.varnames) == columns and chain.ndim == 2
    }  # fmt: skip
    names = known.pop() if len(known) == 1 and result.ndim == 2 else None
    return replace(chains[0], values=np.array(result), varnames=names, title=None)


def _stacked(function: Operation, parts: list[Any]) -> Any:
    """Chains beside or below one another, R's ``cbind`` and ``rbind``."""
    result = function([plain(part) for part in parts])
    chains: list[Any] = [part for part in parts if isinstance(part, ChainArithmetic)]
    beside = function is np.column_stack or (function is np.hstack and np.ndim(result) == 2)
    if len(chains) < len(parts):
        return result
    if beside:
        check_iterations(function.__name__, chains)
        return replace(
            chains[0], values=np.array(result), varnames=_joined_names(chains), title=None
        )
    return _below(chains, np.asarray(result))


def _joined_names(chains: Sequence[Any]) -> tuple[str, ...] | None:
    """The names of all columns; var1, ... where a chain of one variable has none."""
    if all(chain.varnames is None for chain in chains):
        return None
    names: list[str] = []
    for chain in chains:
        own = chain.varnames or [f"var{len(names) + j + 1}" for j in range(chain.matrix.shape[1])]
        names += own
    return tuple(names)


def _below(chains: Sequence[Any], result: Any) -> Any:
    """One chain after another: the first one's iterations go on."""
    first = chains[0]
    if len(result) != sum(len(chain) for chain in chains):
        return result
    same = all(chain.varnames == first.varnames for chain in chains)
    end = first.start + (len(result) - 1) * first.thin
    names = first.varnames if same else None
    return replace(
        first, values=np.array(result), end=end, varnames=names, rownames=None, title=None
    )
