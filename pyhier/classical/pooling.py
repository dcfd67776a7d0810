"""The classical answers beside the hierarchical one.

No pooling, complete pooling and the test between them; James-Stein; all poolings side by side.
They take the data of a model and leave its priors alone. Estimates of tau^2: random_effects.py.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyhier._frame import percents
from pyhier._frozen import Frozen
from pyhier._html import Fields
from pyhier._types import Floats
from pyhier._validation import check_level, not_negative
from pyhier.classical.random_effects import given_tau2, reml, require
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.requirements import need_normal
from pyhier.models.weights import residuals, weighted_mean

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CompletePooling(Fields):
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
class HomogeneityTest(Fields):
    """Cochran's chi-squared test that all groups have one effect.

    Attributes
    ----------
    statistic : float
        Q, the weighted sum of squares about the pooled mean.
    df : int
        Groups less one.
    pvalue : float
        Probability of a larger Q if all effects are equal; 1 of one group.
    """

    statistic: float
    df: int
    pvalue: float


@dataclass(frozen=True, eq=False)
class JamesStein(Fields, Frozen):
    """Effects that are all pulled to the mean by the same factor.

    Attributes
    ----------
    mean : float
        The precision-weighted mean.
    shrinkage : float
        How far each estimate is pulled to it: 0 not at all, 1 all the way.
    theta : ndarray, shape (groups,)
        The effects.
    """

    mean: float
    shrinkage: float
    theta: Floats


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

    need_normal("no_pooling", model)
    tail = 0.5 * (1.0 - check_level(level))
    frame = pd.DataFrame(dict(model.observed()), index=pd.Index(model.labels, name="group"))
    for name, q in zip(percents([tail, 1.0 - tail]), (tail, 1.0 - tail), strict=True):
        frame[name] = model.y + ndtri(q) * model.se
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
    need_normal("complete_pooling", model)
    mean, precision = weighted_mean(model.y, 1.0 / model.var)
    return CompletePooling(mean, 1.0 / precision, float(np.sqrt(1.0 / precision)))


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

    need_normal("homogeneity_test", model)
    away = residuals(model.y, 1.0 / model.var)
    q, df = float((away**2 / model.var).sum()), model.y.size - 1
    return HomogeneityTest(q, df, float(chdtrc(df, q)) if df else 1.0)


def james_stein(model: NormalNormal) -> JamesStein:
    """Positive-part James-Stein estimates, shrunk to the precision-weighted mean.

    ``theta_j = m + (1 - B) (y_j - m)`` with ``m`` the precision-weighted mean,
    ``B = min(1, (J - 3) / Q)`` and ``Q = sum (y_j - m)^2 / se_j^2``.

    Parameters
    ----------
    model : NormalNormal
        Its y and standard errors; its priors play no part.

    Returns
    -------
    JamesStein

    Raises
    ------
    ValueError
        If there are fewer than 4 groups: with the mean estimated, no fewer gain.

    Notes
    -----
    For equal standard errors this is Efron and Morris' estimator: B = (J - 3) se^2 / S, with S the
    sum of squares about the plain mean. For unequal ones it is the extended estimator of Brown
    (2008): the same formula in the scale ``y_j / se_j``. One factor serves all groups, whatever
    their standard errors; the hierarchical model pulls the uncertain ones more (`reml`).

    References
    ----------
    Efron and Morris (1975), Journal of the American Statistical Association 70, 311-319.
    Brown (2008), Annals of Applied Statistics 2, 113-152.

    Examples
    --------
    >>> import pyhier as ph
    >>> ph.james_stein(ph.NormalNormal([1.0, 3.0, 5.0, 7.0, 9.0], se=[2.0] * 5))
    JamesStein(mean=5.0, shrinkage=0.2, theta=array([1.8, 3.4, 5. , 6.6, 8.2]))
    """
    need_normal("james_stein", model)
    require(model, 4, "shrinking to an estimated mean needs")
    mean, q = complete_pooling(model).mean, homogeneity_test(model).statistic
    excess = model.y.size - 3
    shrinkage = 1.0 if q <= excess else excess / q
    theta = mean + (1.0 - shrinkage) * (model.y - mean)
    theta.flags.writeable = False
    return JamesStein(mean, shrinkage, theta)


def compare_poolings(model: NormalNormal, tau: float | None = None) -> "pd.DataFrame":
    """No pooling, complete pooling and partial pooling side by side.

    Parameters
    ----------
    model : NormalNormal
        Its y and standard errors; its priors play no part.
    tau : float, optional
        The tau of partial pooling; that of `reml` without it.

    Returns
    -------
    DataFrame
        A row a group; columns ``y``, ``se``, then ``no_pooling``, ``complete_pooling`` and
        ``partial_pooling``, then the standard deviation of each (``..._sd``), all under a flat mu.
        That of partial pooling takes tau for known.

    Raises
    ------
    ValueError, TypeError
        If tau is not a finite number from 0 up.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> table = ph.compare_poolings(model, tau=8)
    >>> table[["no_pooling", "complete_pooling", "partial_pooling"]].head(2).round(2)
           no_pooling  complete_pooling  partial_pooling
    group
    A            28.0              7.69            12.45
    B             8.0              7.69             8.01
    """
    import pandas as pd

    need_normal("compare_poolings", model)
    fit = reml(model) if tau is None else given_tau2(model, "given", _tau(tau) ** 2)
    pooled = complete_pooling(model)
    return pd.DataFrame(
        {
            **model.observed(),
            "no_pooling": model.y,
            "complete_pooling": pooled.mean,
            "partial_pooling": fit.theta,
            "no_pooling_sd": model.se,
            "complete_pooling_sd": pooled.se,
            "partial_pooling_sd": fit.theta_se,
        },
        index=pd.Index(model.labels, name="group"),
    )


def _tau(tau: object) -> float:
    """A tau whose square stays within a double."""
    found = not_negative("tau", tau)
    if found > 1e70:
        raise ValueError(f"tau is {tau!r}: it must be a finite number from 0 up, below 1e70")
    return found
