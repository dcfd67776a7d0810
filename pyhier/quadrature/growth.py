"""The nodes of a lattice that matter, found by growing from a seed: neighbours of what matters."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats

Index = NDArray[np.int64]
# Log densities at nodes, and heights by which to judge which of them matter.
Evaluate = Callable[[Index], tuple[Floats, Floats]]

ROUNDS = 2_000  # steps away from the seeds
FIRST = 12  # half-width of the box to begin with, in steps
LARGEST = 400_000_000  # cells of the box: about 2 GB with what is kept of each


class UnresolvedError(ValueError):
    """A quadrature that would take more nodes than are allowed."""


@dataclass(frozen=True)
class Grown:
    """What was evaluated.

    Attributes
    ----------
    index : ndarray of int, shape (nodes, d)
    values : ndarray, shape (nodes,)
    top : ndarray, shape (problems,)
        The greatest height of each problem.
    """

    index: Index
    values: Floats
    top: Floats


def grow(
    evaluate: Evaluate,
    seeds: Index,
    depth: float,
    limit: int,
    problems: bool = False,
    rounds: int = ROUNDS,
) -> Grown:
    """Evaluate all nodes that can be reached from the seeds, and their neighbours.

    Parameters
    ----------
    evaluate : callable
    seeds : ndarray of int, shape (seeds, d)
    depth : float
        Only from nodes within so much of the greatest height does it go on.
    limit : int
        The most nodes.
    problems : bool
        Whether the first column numbers separate problems, each with its own top, along which there
        are no steps.

    rounds : int
        The most steps away from the seeds.

    Raises
    ------
    UnresolvedError
        If there are more nodes than ``limit``, or ones farther away.
    """
    box = _Box(seeds, problems)
    top = np.full(int(seeds[:, 0].max()) + 1 if problems else 1, -np.inf)
    found: list[Index] = []
    values: list[Floats] = []
    new, total = seeds, 0
    for _ in range(rounds):
        value, height = evaluate(new)
        total += len(new)
        if total > limit:
            raise UnresolvedError(f"more than {limit:,} nodes matter")
        which = new[:, 0] if problems else np.zeros(len(new), dtype=np.int64)
        np.maximum.at(top, which, height)
        found.append(new)
        values.append(value)
        new = box.neighbours(new[height > top[which] - depth], found)
        if not new.size:
            return Grown(np.concatenate(found), np.concatenate(values), top)
    raise UnresolvedError(f"the mass goes on for more than {rounds:,} steps")


class _Box:
    """Which cells of a box were seen; it is widened when something leaves it."""

    def __init__(self, seeds: Index, problems: bool) -> None:
        d = seeds.shape[1]
        self._axes = range(1 if problems else 0, d)
        pad = np.full(d, FIRST)
        pad[: self._axes.start] = 0
        self._low, self._high = seeds.min(axis=0) - pad, seeds.max(axis=0) + pad
        self._make([seeds])

    def _make(self, known: list[Index]) -> None:
        shape = self._high - self._low + 1
        if np.prod(shape.astype(np.float64)) > LARGEST:
            raise UnresolvedError("the mass goes on too far")
        self._strides = np.append(np.cumprod(shape[:0:-1])[::-1], 1).tolist()
        self._seen = np.zeros(int(np.prod(shape)), dtype=np.bool_)
        for index in known:
            self._seen[self._cells(index)] = True

    def _cells(self, index: Index) -> Index:
        cells = np.zeros(len(index), dtype=np.int64)
        for k, stride in enumerate(self._strides):
            cells += (index[:, k] - self._low[k]) * stride
        return cells

    def neighbours(self, index: Index, known: list[Index]) -> Index:
        """Those neighbours that were not seen yet, each once; they count as seen from now on."""
        if not index.size:
            return index
        self._hold(index, known)
        cells, found = self._cells(index), []
        for k in self._axes:
            for side in (-1, 1):
                near = cells + side * self._strides[k]
                fresh = np.flatnonzero(~self._seen[near])
                self._seen[near[fresh]] = True
                new = index[fresh]
                new[:, k] += side
                found.append(new)
        return np.concatenate(found) if found else index[:0]

    def _hold(self, index: Index, known: list[Index]) -> None:
        """Widen the box where neighbours would leave it."""
        low, high = index.min(axis=0), index.max(axis=0)
        low[self._axes.start :] -= 1
        high[self._axes.start :] += 1
        if (low >= self._low).all() and (high <= self._high).all():
            return
        more = (self._high - self._low) // 2 + 2
        self._low = np.where(low < self._low, np.minimum(low, self._low - more), self._low)
        self._high = np.where(high > self._high, np.maximum(high, self._high + more), self._high)
        self._make(known)
