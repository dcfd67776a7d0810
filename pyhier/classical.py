"""The classical answers beside the hierarchical one: no pooling, complete pooling, homogeneity."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyhier.models.normal_normal import NormalNormal
from pyhier.posterior.marginal import check_level

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CompletePooling:
    """All groups taken for one: the precision-weighted mean (BDA3 eq. 5.19 at tau = 0).

    Attributes
    ----------
    mean, var, se : float
        The mean, its variance and standard error.
    """

    mean: float
    var: float
    se: float


@dataclass(frozen=True)
class HomogeneityTest:
    """Cochran's chi-squared test that all groups have one effect.

    Attributes
    ----------
    statistic : float
        Q, the weighted sum of squares about the pooled mean.
    df : int
        Groups less one.
    pvalue : float
        Probability of a larger Q if all effects are equal.
    """

    statistic: float
    df: int
    pvalue: float


def no_pooling(model: NormalNormal, level: float = 0.95) -> "pd.DataFrame":
    """Each group by itself, under a flat prior.

    Parameters
    ----------
    model : NormalNormal
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        A row a group; columns ``y``, ``se`` and the two ends of the central interval.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> ph.no_pooling(model).head(2)
              y    se      2.5%     97.5%
    group
    A      28.0  15.0  -1.39946  57.39946
    B       8.0  10.0 -11.59964  27.59964
    """
    import pandas as pd
    from scipy.special import ndtri

    tail = 0.5 * (1.0 - check_level(level))
    frame = pd.DataFrame(dict(model.observed()), index=pd.Index(model.labels, name="group"))
    for q in (tail, 1.0 - tail):
        frame[f"{100 * q:g}%"] = model.y + ndtri(q) * model.se
    return frame


def complete_pooling(model: NormalNormal) -> CompletePooling:
    """All groups taken for one, under a flat prior.

    Parameters
    ----------
    model : NormalNormal

    Returns
    -------
    CompletePooling

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> ph.complete_pooling(ph.NormalNormal(schools["y"], se=schools["sigma"]))
    CompletePooling(mean=7.68561672495..., var=16.580525632..., se=4.071919158...)
    """
    precision = 1.0 / model.var
    var = 1.0 / precision.sum()
    return CompletePooling(
        float((precision * model.y).sum() * var), float(var), float(np.sqrt(var))
    )


def homogeneity_test(model: NormalNormal) -> HomogeneityTest:
    """Test whether all groups could have one effect (Cochran 1954, Biometrics 10, 101-129).

    Parameters
    ----------
    model : NormalNormal

    Returns
    -------
    HomogeneityTest

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> ph.homogeneity_test(ph.NormalNormal(schools["y"], se=schools["sigma"]))
    HomogeneityTest(statistic=4.7070..., df=7, pvalue=0.69565...)
    """
    from scipy.special import chdtrc

    residuals = model.y - complete_pooling(model).mean
    q, df = float((residuals**2 / model.var).sum()), model.y.size - 1
    return HomogeneityTest(q, df, float(chdtrc(df, q)))
