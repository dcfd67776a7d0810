"""The classical answers beside the hierarchical one.

No pooling, complete pooling and the test between them; tau^2 by moments and by restricted
likelihood; James-Stein. They take the data of a model and leave its priors alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pyhier._restricted import restricted_maximum, root_below, weight_spread
from pyhier.models.normal_normal import NormalNormal
from pyhier.posterior.marginal import check_level

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


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


@dataclass(frozen=True, eq=False)
class RandomEffects:
    """An estimate of tau^2, and what follows once it is taken for known.

    Attributes
    ----------
    method : str
        "DL" or "REML".
    tau2, tau2_raw : float
        The estimate, not less than 0, and what it was before that, possibly negative.
    mu, se : float
        The mean, weighted by ``1 / (se_j^2 + tau2)``, and its standard error.
    theta, theta_se : ndarray, shape (groups,)
        Empirical Bayes effects, ``mu + tau2 / (se_j^2 + tau2) (y_j - mu)``, and their standard
        errors: the posterior of theta given tau under a flat mu. The uncertainty of mu is in them,
        that of tau is not, so they are too small; `rwmetrop` has both.
    """

    method: str
    tau2: float
    tau2_raw: float
    mu: float
    se: float
    theta: Floats
    theta_se: Floats

    @property
    def tau(self) -> float:
        """The square root of tau2."""
        return float(np.sqrt(self.tau2))


@dataclass(frozen=True, eq=False)
class JamesStein:
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
    mean, precision = _mean(model, 0.0)
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

    residuals = model.y - complete_pooling(model).mean
    q, df = float((residuals**2 / model.var).sum()), model.y.size - 1
    return HomogeneityTest(q, df, float(chdtrc(df, q)))


def dersimonian_laird(model: NormalNormal) -> RandomEffects:
    """Tau^2 by moments, from Cochran's Q (DerSimonian and Laird 1986), and effects given it.

    ``tau2_raw = (Q - (J - 1)) / (W - sum w_j^2 / W)`` with ``w_j = 1 / se_j^2``, ``W = sum w_j``.

    Parameters
    ----------
    model : NormalNormal
        Its y and standard errors; its priors play no part.

    Returns
    -------
    RandomEffects

    Raises
    ------
    ValueError
        If there is only one group.

    See Also
    --------
    anova : the same estimate of tau^2 from raw observations.

    Notes
    -----
    It is the moment estimate of the analysis of variance, from summaries: with standard errors from
    the pooled variance the two are equal. statsmodels' ``combine_effects`` goes on with the raw
    value where it is negative: on the eight schools it has tau^2 = -44.55, hence weights that are
    none, and a mean of 7.05. Here, as in R's metafor, tau^2 is then 0 and the mean 7.69.

    References
    ----------
    DerSimonian and Laird (1986), Controlled Clinical Trials 7, 177-188.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> fit = ph.dersimonian_laird(ph.NormalNormal(schools["y"], se=schools["sigma"]))
    >>> print(f"{fit.tau2_raw:.2f} {fit.tau2:.2f} {fit.mu:.4f} {fit.se:.4f}")
    -44.55 0.00 7.6856 4.0719
    """
    _require(model, 2, "tau^2 needs")
    weights = 1.0 / model.var
    q, spread = homogeneity_test(model).statistic, weight_spread(weights, int(np.argmax(weights)))
    return _given_tau2(model, "DL", float((q - (model.y.size - 1)) / spread))


def reml(model: NormalNormal) -> RandomEffects:
    """Tau^2 where its restricted likelihood is largest (Viechtbauer 2005), and effects given it.

    Parameters
    ----------
    model : NormalNormal
        Its y and standard errors; its priors play no part.

    Returns
    -------
    RandomEffects
        ``tau2_raw`` is ``tau2`` where that is positive. Where it is 0, ``tau2_raw`` is the root of
        the score nearest to 0 from below, above ``-min(se_j^2)``; if there is none, the restricted
        likelihood rises all the way down to ``-min(se_j^2)``, and that is given.

    Raises
    ------
    ValueError
        If there is only one group.

    Notes
    -----
    The maximum is over all tau^2 from 0 up, though there may be several local ones: the score (the
    derivative of the restricted log likelihood) is taken on a ladder up to a tau^2 beyond which it
    is negative, each fall through 0 is refined until rounding stops it, and the likelihoods there
    and at 0 are compared. R's metafor climbs from one start and by default stops when tau^2 moves
    by less than 1e-5.

    References
    ----------
    Viechtbauer (2005), Journal of Educational and Behavioral Statistics 30, 261-293.

    Examples
    --------
    >>> import pyhier as ph
    >>> fit = ph.reml(ph.NormalNormal([28, 8, -13, 7, -1, 21], se=[5, 10, 6, 11, 9, 4]))
    >>> print(f"{fit.tau2:.4f} {fit.mu:.4f} {fit.se:.4f}")
    209.5516 9.0408 6.6716
    """
    _require(model, 2, "tau^2 needs")
    smallest = int(np.argmin(model.var))  # its variance is the unit, its y the origin
    y = (model.y - model.y[smallest]) / model.se[smallest]
    var = model.var / model.var[smallest]
    tau2 = restricted_maximum(y, var, smallest)
    raw = tau2 if tau2 > 0.0 else root_below(y, var, smallest)
    return _given_tau2(model, "REML", raw * float(model.var[smallest]))


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
    _require(model, 4, "shrinking to an estimated mean needs")
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
        If tau is not a finite number from 0 up; if there is one group and no tau.

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

    fit = reml(model) if tau is None else _given_tau2(model, "given", _tau(tau) ** 2)
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


def _require(model: NormalNormal, groups: int, what: str) -> None:
    if model.y.size < groups:
        has = f"{model.y.size} group{'s' * (model.y.size > 1)}"
        raise ValueError(f"y has {has}: {what} at least {groups}")


def _tau(tau: object) -> float:
    """A tau whose square stays within a double."""
    try:
        number = float(tau)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"tau is {tau!r}: it must be a number from 0 up") from None
    if not 0.0 <= number <= 1e70:
        raise ValueError(f"tau is {tau!r}: it must be a finite number from 0 up")
    return number


def _mean(model: NormalNormal, tau2: float) -> tuple[float, float]:
    """The precision-weighted mean and its precision; about a y, so that a shift costs nothing."""
    weights, origin = 1.0 / (model.var + tau2), model.y[0]
    precision = weights.sum()
    return float(origin + (weights * (model.y - origin)).sum() / precision), float(precision)


def _given_tau2(model: NormalNormal, method: str, raw: float) -> RandomEffects:
    """BDA3 eqs. 5.17 and 5.20, theta integrated over mu."""
    tau2 = max(raw, 0.0)
    mu, precision = _mean(model, tau2)
    shrinkage = model.var / (model.var + tau2)
    theta = model.y + shrinkage * (mu - model.y)
    theta_se = np.sqrt(tau2 * shrinkage + shrinkage**2 / precision)
    for array in (theta, theta_se):
        array.flags.writeable = False
    return RandomEffects(method, tau2, raw, mu, float(np.sqrt(1.0 / precision)), theta, theta_se)
