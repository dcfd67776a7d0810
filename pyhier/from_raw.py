"""From raw observations to a mean and a standard error a group, and the analysis of variance."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._validation import each_group, vector

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GroupSummaries:
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


@dataclass(frozen=True)
class AnovaTable:
    """One-way analysis of variance; ``str()`` prints it as a table.

    Attributes
    ----------
    ss_between, ss_within : float
        Sums of squares between the groups' means and within groups.
    df_between, df_within : int
        Their degrees of freedom, J - 1 and N - J.
    ms_between, ms_within : float
        Mean squares.
    statistic, pvalue : float
        F, and the probability of a larger one if all groups have one mean.
    n0 : float
        ``(N - sum n_j^2 / N) / (J - 1)``, the size of a group if all sizes are equal.
    tau2_raw, tau2 : float
        The method-of-moments estimate of tau^2, ``(ms_between - ms_within) / n0``, as it comes
        (negative where the groups differ less than chance has it) and not less than 0.
    """

    ss_between: float
    ss_within: float
    df_between: int
    df_within: int
    ms_between: float
    ms_within: float
    statistic: float
    pvalue: float
    n0: float
    tau2_raw: float
    tau2: float

    def __str__(self) -> str:
        tests = f"{self.statistic:>12.5g}{self.pvalue:>12.4g}"
        raw = "" if self.tau2_raw >= 0.0 else f" (moments give {self.tau2_raw:.5g})"
        return "\n".join(
            [
                f"{'':<8}{'df':>8}{'sum sq':>12}{'mean sq':>12}{'F':>12}{'p':>12}",
                f"{'between':<8}{self.df_between:>8}"
                f"{self.ss_between:>12.5g}{self.ms_between:>12.5g}{tests}",
                f"{'within':<8}{self.df_within:>8}{self.ss_within:>12.5g}{self.ms_within:>12.5g}",
                f"tau^2 = {self.tau2:.5g}{raw}",
            ]
        )


@dataclass(frozen=True, eq=False)
class _Sums:
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
    sums = _group_sums(values, groups)
    var = np.full(sums.mean.size, _pooled_variance(sums)) if pooled else _own_variances(sums)
    se = np.sqrt(var / sums.n)
    for array in (sums.mean, se, sums.n, var):
        array.flags.writeable = False
    return GroupSummaries(sums.labels, sums.mean, se, sums.n, var)


def anova(values: ArrayLike, groups: Iterable[Any]) -> AnovaTable:
    """One-way analysis of variance, and the estimate of tau^2 that it gives.

    Parameters
    ----------
    values : array_like, shape (observations,)
        The observations, in any order.
    groups : sequence, length observations
        The group of each; groups are told apart by their names, ``str(group)``.

    Returns
    -------
    AnovaTable

    Raises
    ------
    ValueError, TypeError
        As `group_summaries`; and if there is only one group.

    See Also
    --------
    dersimonian_laird : the same estimate of tau^2 where only means and standard errors are known:
        with standard errors from the pooled variance the two are equal, whatever the sizes.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed.), section 5.4; for unequal sizes Searle, Casella
    and McCulloch (1992), Variance Components, section 3.6.

    Examples
    --------
    >>> import pyhier as ph
    >>> print(ph.anova([3.0, 5.0, 10.0, 6.0, 8.0, 1.0, 3.0], list("bbaaacc")))
                  df      sum sq     mean sq           F           p
    between        2      46.857      23.429      7.8095     0.04157
    within         4          12           3
    tau^2 = 8.9375
    """
    from scipy.special import fdtrc

    sums = _group_sums(values, groups)
    j, total = sums.n.size, int(sums.n.sum())
    if j < 2:
        raise ValueError(f"all observations are in group {sums.labels[0]}: give at least 2 groups")
    within = _pooled_variance(sums)
    grand = (sums.n * sums.centred).sum() / total
    ss = float((sums.n * (sums.centred - grand) ** 2).sum())
    between = ss / (j - 1)
    n0 = (total - float((sums.n / total * sums.n).sum())) / (j - 1)
    f, raw = between / within, (between - within) / n0
    p = float(fdtrc(j - 1, total - j, f))
    ss_within = float(sums.ss.sum())
    return AnovaTable(
        ss, ss_within, j - 1, total - j, between, within, f, p, n0, raw, max(raw, 0.0)
    )


def _group_sums(values: ArrayLike, groups: Iterable[Any]) -> _Sums:
    """Check raw data and sum it, in two passes: means first, then squares about them."""
    x = vector("values", values)
    names = _names(groups)
    if len(names) != x.size:
        raise ValueError(
            f"values has {x.size} observations and groups has {len(names)}: give a group for each"
        )
    each_group("values", x, np.isfinite(x), names.__getitem__, "drop it, or give a finite value")
    small = np.abs(x) <= 1e70  # as NormalNormal has it: squares must stay within a double
    each_group("values", x, small, names.__getitem__, "rescale the data: its square is too large")
    index: dict[str, int] = {}
    code = np.array([index.setdefault(name, len(index)) for name in names])
    first = x[np.unique(code, return_index=True)[1]]
    n = np.bincount(code)
    # From the first of its group on, so that neither a shift of all nor the groups' distances cost
    # digits, and equal observations have variance 0 exactly, which their mean need not equal.
    from_first = x - first[code]
    mean = np.bincount(code, from_first) / n
    ss = np.bincount(code, (from_first - mean[code]) ** 2).astype(np.float64)
    return _Sums(tuple(index), n, first + mean, (first - first[0]) + mean, ss)


def _names(groups: Iterable[Any]) -> list[str]:
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise TypeError(f"groups is {groups!r}: give a sequence with the group of each observation")
    if getattr(groups, "ndim", 1) != 1:
        raise ValueError("groups has more than one dimension: give the group of each observation")
    names = []
    for i, group in enumerate(groups):
        name = str(group)
        if name in _MISSING and not isinstance(group, str):
            raise ValueError(f"groups[{i}] is missing ({name}): drop it, or name its group")
        names.append(name)
    return names


# How None and the missing values of NumPy and pandas print.
_MISSING = frozenset({"None", "nan", "NaT", "<NA>"})


def _pooled_variance(sums: _Sums) -> float:
    df = int(sums.n.sum()) - sums.n.size
    if df == 0:
        raise ValueError(
            "no degrees of freedom are left for the variance within groups: every group has one "
            "observation; give at least one of them more, or means with known standard errors"
        )
    variance = float(sums.ss.sum()) / df
    if variance == 0.0:
        raise ValueError(
            "the variance within groups is 0: the observations of every group are all equal; give "
            "values that were not rounded, or means with known standard errors"
        )
    return variance


def _own_variances(sums: _Sums) -> Floats:
    single = np.flatnonzero(sums.n == 1)
    if single.size:
        raise ValueError(
            f"group {sums.labels[single[0]]} has one observation and so no variance of its own: "
            "pool the variance, or leave the group out"
        )
    variances = sums.ss / (sums.n - 1)
    zero = np.flatnonzero(variances == 0.0)
    if zero.size:
        raise ValueError(
            f"group {sums.labels[zero[0]]} has variance 0, its observations are all equal: "
            "pool the variance, or leave the group out"
        )
    return variances
