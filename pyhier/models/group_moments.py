"""Raw observations of groups in chunks: the size, mean and squares of each group are kept.

Moments of parts are merged as Chan, Golub and LeVeque (1983), The American Statistician 37, do it,
here from a value of the group's own on, so that data far from 0 lose no digit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats, Ints
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.raw import (
    LARGEST,
    GroupSummaries,
    coded,
    moments,
    observations,
    pooled_of,
    summaries_of,
)
from pyhier.models.sums import Sums, each_row, in_words, whole_counts

LENGTHS = "lengths"


@dataclass(frozen=True, eq=False)
class Moments:
    """What is kept of groups.

    Attributes
    ----------
    index : dict of str to int
        The number of each group by its name, in the order of first observations.
    n : ndarray of int, shape (groups,)
    origin, off : ndarray, shape (groups,)
        The means are their sums; the origin is a value of the group.
    ss : ndarray, shape (groups,)
        Sums of squares about the means.
    """

    index: dict[str, int]
    n: Ints
    origin: Floats
    off: Floats
    ss: Floats

    @property
    def groups(self) -> int:
        """How many groups there were."""
        return len(self.index)

    def __add__(self, other: "Moments") -> "Moments":
        """Of the observations of both."""
        index = dict(self.index)
        at = np.array([index.setdefault(name, len(index)) for name in other.index], dtype=np.intp)
        new = len(index) - self.n.size
        n = np.append(self.n, np.zeros(new, self.n.dtype))
        origin, off, ss = (
            np.append(part, np.zeros(new)).astype(np.float64)
            for part in (self.origin, self.off, self.ss)
        )
        origin[at] = np.where(n[at] > 0, origin[at], other.origin)
        both = n[at] + other.n
        apart = (other.origin - origin[at]) + (other.off - off[at])
        share = other.n / both
        ss[at] += other.ss + apart**2 * (n[at] * share)
        off[at] += apart * share
        n[at] = both
        return Moments(index, n, origin, off, ss)

    def arrays(self) -> dict[str, Any]:
        """What a file holds."""
        names = list(self.index)
        text = "".join(names).encode("utf-8", "surrogatepass")
        return {
            "names": np.frombuffer(text, dtype=np.uint8), LENGTHS: [len(name) for name in names],
            "n": self.n, "origin": self.origin, "off": self.off, "ss": self.ss,
        }  # fmt: skip

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Moments":
        """What a file holds; ValueError or KeyError where it holds none."""
        coded_names = np.asarray(arrays["names"], dtype=np.uint8).tobytes()
        text = coded_names.decode("utf-8", "surrogatepass")
        ends = np.cumsum(whole_counts(LENGTHS, arrays[LENGTHS])).astype(np.int64).tolist()
        if (ends or [0])[-1] != len(text):
            raise ValueError("its names are not as long as they should be")
        _, index = coded(text[a:b] for a, b in zip([0, *ends], ends, strict=False))
        n = whole_counts("n", arrays["n"]).astype(np.int64)
        origin, off, ss = (np.asarray(arrays[k], np.float64) for k in ("origin", "off", "ss"))
        whole = all(part.shape == (len(ends),) for part in (n, origin, off, ss))
        if not whole or len(index) != len(ends) or not len(ends):
            raise ValueError("its arrays are not of one group each")
        if not ((n > 0) & np.isfinite(origin + off) & (ss >= 0.0) & np.isfinite(ss)).all():
            raise ValueError("its moments are none")
        return cls(index, n, origin, off, ss)


class GroupMoments(Sums[Moments]):
    """Sizes, means and sums of squares of groups whose raw observations come in chunks.

    A group may be split over chunks, files and machines: moments of parts add up, to rounding in
    any order. What is kept grows with the groups alone.

    Attributes
    ----------
    groups, observations : int
        How many were given.

    Notes
    -----
    A file's arrays are ``n``, ``origin + off`` (the means), ``ss`` (sums of squares about them) and
    the groups' ``names``, one after the other in UTF-8, of so many characters (``lengths``).

    Examples
    --------
    >>> import pyhier as ph
    >>> moments = ph.GroupMoments()
    >>> moments.update([3.0, 10.0, 6.0], ["b", "a", "a"])
    >>> moments.update([8.0, 5.0, 1.0, 3.0], ["a", "b", "c", "c"])
    >>> moments
    GroupMoments of 3 groups, 7 observations
    >>> moments.summaries().y, moments.model().se
    (array([4., 8., 2.]), array([1.224..., 1. , 1.224...]))

    Very many groups go on into sums:

    >>> found, sums = moments.summaries(), ph.NormalSums()
    >>> sums.update(found.y, found.se)
    """

    _version, _columns = 1, "values, groups"
    _of_arrays = staticmethod(Moments.of_arrays)

    @property
    def observations(self) -> int:
        """How many observations were given."""
        return 0 if self._kept is None else int(self._kept.n.sum())

    def __repr__(self) -> str:
        rows = self.observations
        return f"GroupMoments of {in_words(self.groups)}, {rows:,} observation{'s' * (rows != 1)}"

    def update(self, values: ArrayLike, groups: Iterable[Any]) -> None:
        """Add a chunk of observations, or nothing of it where a row cannot be used.

        Parameters
        ----------
        values : array_like, shape (observations,)
        groups : sequence, length observations
            The group of each; groups are told apart by their names, ``str(group)``.

        Raises
        ------
        ValueError, TypeError
            If the data cannot be used, naming the first row, counted from 0 over all chunks.
        """
        x, names = observations(values, groups)
        before = self.observations
        each_row("values", x, np.isfinite(x), "drop it, or give a finite value", before)
        small = np.abs(x) <= LARGEST
        each_row("values", x, small, "rescale the data: its square is too large", before)
        if x.size:
            code, index = coded(names)
            self._add(Moments(index, *moments(x, code)))

    def summaries(self, pooled: bool = True) -> GroupSummaries:
        """Mean and standard error of each group, as `group_summaries` has them of all rows.

        Parameters
        ----------
        pooled : bool
            Whether all groups share one variance, or each has its own.

        Returns
        -------
        GroupSummaries

        Raises
        ------
        ValueError
            If there are no observations; if a group of one needs a variance of its own; if no group
            has two; if a variance is 0.
        """
        kept = self._needed()
        mean = kept.origin + kept.off
        return summaries_of(tuple(kept.index), kept.n.copy(), mean, kept.ss, pooled)

    def model(
        self, *, variance: Literal["pooled", "per-group"] = "pooled", **priors: Any
    ) -> NormalNormal:
        """The normal model of the groups' means, as `NormalNormal.from_raw` of all rows.

        Parameters
        ----------
        variance : {"pooled", "per-group"}
            Whether all groups share one within-group variance or each has its own.
        **priors
            As for `NormalNormal`.

        Returns
        -------
        NormalNormal
        """
        found = self.summaries(pooled=pooled_of(variance))
        return NormalNormal(found.y, se=found.se, labels=found.labels, **priors)
