"""From raw observations to a mean and a standard error a group, and the analysis of variance."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier._validation import each_group, entries_of, float_array, names_aligned, vector

LARGEST = 1e70  # as NormalNormal has it: squares must stay within a double


@dataclass(frozen=True, eq=False)
class GroupSummaries(Frozen):
    """What the normal model needs to know of raw observations.

    Attributes
    ----------
    labels : tuple of str
        Names of the groups, in the order of their first observations.
    y, se : ndarray, shape (groups,)
        Mean of each group and its standard error, ``sqrt(var / n)``.
    n : ndarray of int, shape (groups,)
        Observations in each group.
    var : ndarray, shape (groups,)
        Variance of one observation within each group; the same for all if pooled.
    """

    labels: tuple[str, ...]
    y: Floats
    se: Floats
    n: Ints
    var: Floats


@dataclass(frozen=True, eq=False)
class _Sums(Frozen):
    """Sizes, means and sums of squares of the groups; ``centred`` are the means less a constant."""

    labels: tuple[str, ...]
    n: Ints
    mean: Floats
    centred: Floats
    ss: Floats


def group_summaries(
    values: ArrayLike, groups: Iterable[Any], pooled: bool = True
) -> GroupSummaries:
    """Mean and standard error of each group, from raw observations.

    Parameters
    ----------
    values : array_like, shape (observations,)
        The observations, in any order.
    groups : sequence, length observations
        The group of each; groups are told apart by their names, ``str(group)``.
    pooled : bool
        Whether all groups share one variance, the sum of squares within groups over its N - J
        degrees of freedom (BDA3 section 5.4 takes it as known), or each has its own.

    Returns
    -------
    GroupSummaries

    Raises
    ------
    ValueError, TypeError
        If lengths differ, a value is not finite or a group is missing (the message names the
        observation); if a group of one observation needs a variance of its own; if no group has
        more than one observation; if a variance is 0.

    Notes
    -----
    A variance of its own from a few observations is itself uncertain, which the normal model with
    known standard errors does not know: pool, unless the groups are large.

    Examples
    --------
    >>> import pyhier as ph
    >>> ph.group_summaries([3.0, 5.0, 10.0, 6.0, 8.0], ["b", "b", "a", "a", "a"])
    GroupSummaries(labels=('b', 'a'), y=array([4., 8.]), se=array([1.290..., 1.054...]),
                   n=array([2, 3]), var=array([3.333..., 3.333...]))
    """
    sums = group_sums(values, groups)
    return summaries_of(sums.labels, sums.n, sums.mean, sums.ss, pooled)


def summaries_of(
    labels: tuple[str, ...], n: Ints, mean: Floats, ss: Floats, pooled: bool
) -> GroupSummaries:
    """The same of groups' sizes, means and sums of squares about them."""
    var = np.full(n.size, pooled_variance(n, ss)) if pooled else _own_variances(labels, n, ss)
    se = np.sqrt(var / n)
    for array in (mean, se, n, var):
        array.flags.writeable = False
    return GroupSummaries(labels, mean, se, n, var)


def pooled_of(variance: str) -> bool:
    """Whether a model's variance= says that all groups share one."""
    if not isinstance(variance, str) or variance not in ("pooled", "per-group"):
        raise ValueError(f"variance is {variance!r}: it must be 'pooled' or 'per-group'")
    return variance == "pooled"


def group_sums(values: ArrayLike, groups: Iterable[Any]) -> _Sums:
    """Check raw data and sum it, in two passes: means first, then squares about them."""
    x, names = observations(values, groups)
    vector("values", x)
    each_group("values", x, np.isfinite(x), names.__getitem__, "drop it, or give a finite value")
    small = np.abs(x) <= LARGEST
    each_group("values", x, small, names.__getitem__, "rescale the data: its square is too large")
    code, index = coded(names)
    n, first, mean, ss = moments(x, code)
    return _Sums(tuple(index), n, first + mean, (first - first[0]) + mean, ss)


def observations(values: ArrayLike, groups: Iterable[Any]) -> tuple[Floats, list[str]]:
    """Values and the names of their groups, as many."""
    names_aligned("groups", groups, values=values)
    x = float_array("values", values, 1)
    names = _names(groups)
    if len(names) != x.size:
        raise ValueError(
            f"values has {x.size} observations and groups has {len(names)}: give a group for each"
        )
    return x, names


def coded(names: Iterable[str]) -> tuple[Ints, dict[str, int]]:
    """Numbers of names, and which number each has, in the order of their first places."""
    index: dict[str, int] = {}
    return np.array([index.setdefault(name, len(index)) for name in names]), index


def moments(x: Floats, code: Ints) -> tuple[Ints, Floats, Floats, Floats]:
    """Sizes, first values, means less these, and sums of squares about means, (groups,) each."""
    first = x[np.unique(code, return_index=True)[1]]
    n = np.bincount(code)
    # From the first of its group on, so that neither a shift of all nor the groups' distances cost
    # digits, and equal observations have variance 0 exactly, which their mean need not equal.
    from_first = x - first[code]
    mean = np.bincount(code, from_first) / n
    return n, first, mean, np.bincount(code, (from_first - mean[code]) ** 2).astype(np.float64)


def _names(groups: Iterable[Any]) -> list[str]:
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise TypeError(f"groups is {groups!r}: give a sequence with the group of each observation")
    if getattr(groups, "ndim", 1) != 1:
        raise ValueError("groups has more than one dimension: give the group of each observation")
    names = []
    for i, group in enumerate(entries_of(groups)):
        name = str(group)
        if name in _MISSING and not isinstance(group, str):
            raise ValueError(f"groups[{i}] is missing ({name}): drop it, or name its group")
        names.append(name)
    return names


# How None and the missing values of NumPy and pandas print.
_MISSING = frozenset({"None", "nan", "NaT", "<NA>"})


def pooled_variance(n: Ints, ss: Floats) -> float:
    """Variance within groups, over its degrees of freedom."""
    df = int(n.sum()) - n.size
    if df == 0:
        raise ValueError(
            "no degrees of freedom are left for the variance within groups: every group has one "
            "observation; give at least one of them more, or means with known standard errors"
        )
    variance = float(ss.sum()) / df
    if variance == 0.0:
        raise ValueError(
            "the variance within groups is 0: the observations of every group are all equal; give "
            "values that were not rounded, or means with known standard errors"
        )
    return variance


def _own_variances(labels: tuple[str, ...], n: Ints, ss: Floats) -> Floats:
    single = np.flatnonzero(n == 1)
    if single.size:
        raise ValueError(
            f"group {labels[single[0]]} has one observation and so no variance of its own: "
            "pool the variance, or leave the group out"
        )
    variances = ss / (n - 1)
    zero = np.flatnonzero(variances == 0.0)
    if zero.size:
        raise ValueError(
            f"group {labels[zero[0]]} has variance 0, its observations are all equal: "
            "pool the variance, or leave the group out"
        )
    return variances
