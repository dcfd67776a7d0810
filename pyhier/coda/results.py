"""What diagnostics take and give: checked draws in, a result for each chain out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import numpy as np

from pyhier._html import escaped
from pyhier._types import Floats
from pyhier.coda.convert import chain_list, one_chain
from pyhier.coda.objects import Draws, Mcmc, McmcList

R = TypeVar("R")


def draws_of(x: Any, name: str = "x") -> Draws:
    """Chains of whatever has them: R's ``as.mcmc`` where there is one, a list where several.

    ``name`` is that of the argument.
    """
    if isinstance(x, Mcmc | McmcList):
        return x
    several = isinstance(x, list | tuple) and any(isinstance(item, Mcmc) for item in x)
    if several or hasattr(x, "to_mcmc") or hasattr(x, "posterior"):
        return chain_list(name, x)
    return one_chain(name, x)


def chains_in(x: Draws) -> tuple[Mcmc, ...]:
    """The chains, one or more."""
    return x.chains if isinstance(x, McmcList) else (x,)


def finite_draws(chain: Mcmc, which: int = 0, name: str = "x") -> Floats:
    """Draws as a matrix; an error that names the first one that is not finite."""
    draws = chain.matrix
    with np.errstate(invalid="ignore", over="ignore"):
        doubtful = not np.isfinite(draws.sum())
    if doubtful and not (valid := np.isfinite(draws)).all():
        i, j = np.argwhere(~valid)[0]
        raise ValueError(
            f"{name} has {draws[i, j]} for {chain.labels[j]} at iteration "
            f"{chain.start + i * chain.thin} of chain {which + 1}: diagnostics need finite draws"
        )
    return draws


def each_finite(x: Draws) -> list[Floats]:
    """Draws of every chain, all finite."""
    return [finite_draws(chain, i) for i, chain in enumerate(chains_in(x))]


@dataclass(frozen=True, repr=False)
class PerChain(Sequence[R], Generic[R]):
    """A result for each chain of a list, as R's lists; it prints as one.

    Attributes
    ----------
    results : tuple
    names : tuple of str or None
        The chains' names.
    """

    results: tuple[R, ...]
    names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[R]:
        return iter(self.results)

    @overload
    def __getitem__(self, key: int | str) -> R: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[R, ...]: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if self.names is None or key not in self.names:
                known = ", ".join(self.names) if self.names else "no names"
                raise KeyError(f"there is no chain {key!r}: there are {known}")
            return self.results[self.names.index(key)]
        return self.results[key]

    def _heads(self) -> list[str]:
        if self.names is None:
            return [f"[[{i + 1}]]" for i in range(len(self.results))]
        plain = (name.replace(".", "_") for name in self.names)
        return [
            f"${name}" if p.isidentifier() and not p.startswith("_") else f"$`{name}`"
            for p, name in zip(plain, self.names, strict=True)
        ]

    def __str__(self) -> str:
        parts = zip(self._heads(), self.results, strict=True)
        return "\n".join(f"{head}\n{result}\n" for head, result in parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heads = self.names or [f"chain {i + 1}" for i in range(len(self.results))]
        return "".join(
            f"<h4>{escaped(head)}</h4>{result._repr_html_()}"  # type: ignore[attr-defined]
            for head, result in zip(heads, self.results, strict=True)
        )


def per_chain(diagnose: Callable[[Mcmc, int], R], x: Draws) -> R | PerChain[R]:
    """The result for one chain, or those for each chain of a list."""
    if isinstance(x, Mcmc):
        return diagnose(x, 0)
    return PerChain(tuple(diagnose(chain, i) for i, chain in enumerate(x)), x.names)
