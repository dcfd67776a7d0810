"""Groups and their names, which all models have."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frozen import Frozen
from pyhier._html import InNotebooks, Shown, kept_rows
from pyhier._validation import entries_of
from pyhier.models.target import MarginalTarget

Labels = Sequence[Any] | ArrayLike | None


class Grouped(InNotebooks, Frozen):
    """Data in groups that have names; "1", "2", ... unless they are given others."""

    def __init__(self, groups: int, labels: Labels, counted: str) -> None:
        self._groups = groups
        self._labels = _as_labels(labels, groups, counted)

    def label(self, j: int) -> str:
        """Name of group ``j``, counted from 0."""
        return str(j + 1) if self._labels is None else self._labels[j]

    @cached_property
    def marginal(self) -> MarginalTarget:
        """The hyperparameters' log posterior density, the effects integrated out."""
        return MarginalTarget(self)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the groups."""
        return tuple(map(self.label, range(self._groups)))

    def _shown(self) -> Shown:
        """The data, a row a group, under what the model says of itself."""
        known: Any = self
        data = dict(known.observed()) if self._groups else {}
        if any(len(column) != self._groups for column in data.values()):
            data = {}  # of several effects a group
        kept, gap = kept_rows(self._groups)
        columns = {name: column[kept].tolist() for name, column in data.items()}
        return Shown(repr(self), [self.label(j) for j in kept], columns, gap)

    @property
    def no_groups(self) -> str:
        """Of a model of sums: why it has no groups, and what to take."""
        return ""

    @property
    def sized(self) -> str:
        """The number of groups, in words."""
        return f"{self._groups} group{'s' * (self._groups != 1)}"

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where nothing is known against it.

        The engines ask: the data, and what leaves the priors alone, do without a posterior.
        """
        return ""


def check_lengths(first: np.ndarray, second: np.ndarray, name: str, other: str) -> None:
    """Two columns of data have a row a group each."""
    if first.size != second.size:
        raise ValueError(
            f"{name} has {first.size} groups and {other} has {second.size}: "
            f"give one {other} a group"
        )


def _as_labels(labels: Labels, groups: int, counted: str) -> tuple[str, ...] | None:
    if labels is None:
        return None
    if isinstance(labels, str) or not np.iterable(labels):
        raise TypeError(f"labels is {labels!r}: give a sequence of names, one a group")
    names = tuple(map(str, entries_of(labels)))
    if len(names) != groups:
        raise ValueError(
            f"{counted} has {groups} groups and labels has {len(names)}: give one a group"
        )
    if len(set(names)) != groups:
        counts = Counter(names)
        twice = next(name for name in names if counts[name] > 1)
        raise ValueError(f"labels has {twice!r} more than once: give every group its own name")
    return names
