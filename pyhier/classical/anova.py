"""The one-way analysis of variance."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier.models.raw import group_sums, pooled_variance
from pyhier.models.weights import weight_spread


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

    sums = group_sums(values, groups)
    j, total = sums.n.size, int(sums.n.sum())
    if j < 2:
        raise ValueError(f"all observations are in group {sums.labels[0]}: give at least 2 groups")
    within = pooled_variance(sums.n, sums.ss)
    grand = (sums.n * sums.centred).sum() / total
    ss = float((sums.n * (sums.centred - grand) ** 2).sum())
    between = ss / (j - 1)
    n0 = weight_spread(sums.n.astype(np.float64)) / (j - 1)
    f, raw = between / within, (between - within) / n0
    p = float(fdtrc(j - 1, total - j, f))
    ss_within = float(sums.ss.sum())
    return AnovaTable(
        ss, ss_within, j - 1, total - j, between, within, f, p, n0, raw, max(raw, 0.0)
    )
