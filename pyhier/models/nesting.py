"""Groups within groups: who belongs to whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._validation import aligned, entries_of

MOST = 3  # levels

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Nesting(Frozen):
    """Groups of up to three levels, each within one of the level above.

    Attributes
    ----------
    levels : tuple of str
        Their names, the outermost first; the last is the finest.
    labels : tuple of tuples of str
        Names of the groups of every level, in the order in which they first appear.
    parent : tuple of ndarray of int
        For every level but the first the place of each group's own group in the level above.
    """

    levels: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    parent: tuple[Places, ...]

    @property
    def depth(self) -> int:
        """The number of levels."""
        return len(self.levels)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of groups of every level."""
        return tuple(map(len, self.labels))

    def above(self, level: int) -> Places:
        """The place of every finest group's own group at a level."""
        at: Places = np.arange(self.sizes[-1], dtype=np.intp)
        for k in range(self.depth - 1, level, -1):
            at = self.parent[k - 1][at]
        return at

    def innermost(self, path: Mapping[str, str]) -> str | None:
        """``LEVEL[LABEL]`` of the last group that is there on a way down, or None.

        The groups' own names by level, from the outermost on; below a new group all are new.
        """
        found, above = None, -1
        for level, (kind, name) in enumerate(path.items()):
            labels = self.labels[level]
            whole = (name,) if level == 0 else (name, f"{self.labels[level - 1][above]}/{name}")
            inside = (
                labels.index(one)
                for one in whole
                if one in labels
                and (level == 0 or self.parent[level - 1][labels.index(one)] == above)
            )
            above = next(inside, -1)
            if above < 0:
                break
            found = f"{kind}[{labels[above]}]"
        return found

    @cached_property
    def order(self) -> Places:
        """The finest groups, the members of every group beside one another."""
        keys = [self.above(level) for level in range(self.depth)]
        found: Places = np.lexsort(keys[::-1])
        return found

    @cached_property
    def ends(self) -> NDArray[np.int8]:
        """How many levels above the finest have a group that ends at each place of `order`."""
        ends = np.zeros(self.sizes[-1], dtype=np.int8)
        for level in range(self.depth - 1):
            group = self.above(level)[self.order]
            ends += np.append(group[1:] != group[:-1], True)
        return ends

    def within(self, top: Places) -> tuple["Nesting", tuple[Places, ...]]:
        """What belongs to some of the outermost groups, and its places here, for every level."""
        kept = [np.flatnonzero(np.isin(self.above(0), top))]
        for to in reversed(self.parent):
            kept.insert(0, np.unique(to[kept[0]]))
        labels = tuple(
            tuple(names[j] for j in at) for names, at in zip(self.labels, kept, strict=True)
        )
        inside = zip(kept, self.parent, kept[1:], strict=False)
        parent = tuple(np.searchsorted(upper, to[lower]) for upper, to, lower in inside)
        return Nesting(self.levels, labels, parent), tuple(kept)

    def gathered(self, level: int) -> tuple[Places, Places]:
        """Groups of a level, members of a group together, and where each parent's members begin."""
        order: Places = np.argsort(self.parent[level - 1], kind="stable")
        inside = self.parent[level - 1][order]
        return order, np.flatnonzero(np.append(True, inside[1:] != inside[:-1]))


def nesting_of(levels: Mapping[str, Any], **beside: Any) -> tuple[Nesting, Places]:
    """The groups of a mapping of levels, and the finest group of every row.

    Parameters
    ----------
    levels : mapping of str to sequence
        The outermost first: for each the group of every row. A group of an inner level belongs to
        the outer one beside it: two districts may each have a school 1.
    **beside
        What has a row for every entry; their names must say the same as those of the levels.
    """
    if not isinstance(levels, Mapping) or not 1 <= len(levels) <= MOST:
        told = ", ".join(map(str, levels)) if isinstance(levels, Mapping) else ""
        what = f"has {len(levels)} levels, {told}" if told else f"is {levels!r}"
        raise TypeError(
            f"levels {what}: give a mapping of one to {MOST} names to groups, the outermost first, "
            'such as {"district": d, "school": s}'
        )
    rows = min(len(values) for values in beside.values() if np.ndim(values))
    codes: list[Places] = []
    labels: list[tuple[str, ...]] = []
    for name, groups in levels.items():
        aligned(**beside, **{f"levels[{name!r}]": groups})
        own, texts = _groups_of(name, groups, rows)
        outer = codes[-1] if codes else np.zeros(rows, dtype=np.intp)
        place, first = _by_appearance(outer * len(texts) + own)
        codes.append(place)
        keys = [(int(outer[row]), texts[own[row]]) for row in first.tolist()]
        labels.append(_labels(keys, labels[-1] if labels else ("",)))
    parent = []
    for upper, lower, names in zip(codes, codes[1:], labels[1:], strict=False):
        to = np.empty(len(names), dtype=np.intp)
        to[lower] = upper
        parent.append(to)
    return Nesting(tuple(map(str, levels)), tuple(labels), tuple(parent)), codes[-1]


def _groups_of(name: str, groups: Any, rows: int) -> tuple[Places, list[str]]:
    """The code of every row's group, and the groups' names."""
    if isinstance(groups, str) or not np.iterable(groups):
        raise TypeError(f"levels[{name!r}] is {groups!r}: give the group of every row")
    code, found = _coded(entries_of(groups))
    if code.size != rows:
        raise ValueError(
            f"levels[{name!r}] has {code.size} entries and y has {rows}: give one each"
        )
    for k, group in enumerate(found):
        if group is None or group != group:
            row = int(np.flatnonzero(code == k)[0])
            raise ValueError(f"levels[{name!r}] is missing in row {row}: every row needs a group")
    place: dict[str, int] = {}
    merged = np.array([place.setdefault(text_of(group), len(place)) for group in found], np.intp)
    return merged[code], list(place)


def _coded(groups: Any) -> tuple[Places, list[Any]]:
    """Codes of entries, and the different ones: numbers of an array at once."""
    numbers = getattr(getattr(groups, "dtype", None), "kind", "O") in "iufb"
    if numbers:
        values, code = np.unique(np.asarray(groups), return_inverse=True)
        return code.ravel().astype(np.intp), list(values)
    place: dict[Any, int] = {}
    code = np.array([place.setdefault(group, len(place)) for group in groups], dtype=np.intp)
    return code, list(place)


def _by_appearance(keys: Places) -> tuple[Places, Places]:
    """Codes of keys in the order in which they first appear, and the first row of each."""
    if keys.size and keys.max() > 8 * keys.size:  # few of many: without a table of them all
        keys = np.unique(keys, return_inverse=True)[1].ravel()
    table = np.full(int(keys.max(initial=0)) + 1, -1, dtype=np.intp)
    table[keys[::-1]] = np.arange(keys.size - 1, -1, -1)  # of several the first row stays
    first = np.sort(table[table >= 0])
    rank = np.empty_like(table)
    rank[keys[first]] = np.arange(first.size)
    return rank[keys], first


def text_of(group: Any) -> str:
    """A group's name; whole numbers that came as floats, as R's data does, without their point."""
    whole = isinstance(group, float | np.floating) and float(group).is_integer()
    return str(int(group)) if whole else str(group)


def _labels(keys: list[tuple[int, str]], outer: tuple[str, ...]) -> tuple[str, ...]:
    """The groups' own names, with those above them where they are not unique."""
    own = tuple(name for _, name in keys)
    if len(set(own)) == len(own):
        return own
    return tuple(f"{outer[place]}/{name}" for place, name in keys)
