"""Estimates of tau^2, and what follows once one of them is taken for known.

The classical random-effects model, as R's metafor fits it. It takes the data of a model and leaves
its priors alone.
"""

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from pyhier._frozen import Frozen
from pyhier._html import InNotebooks, Shown
from pyhier._types import Floats
from pyhier.classical.coefficients import Prediction, half_width, wald
from pyhier.classical.meta_regression import (
    FIXED,
    MetaRegression,
    Test,
    check_interval,
    check_method,
    design_of,
    given,
    inflation,
    meta_regression,
)
from pyhier.classical.several_variances import (
    MultilevelEffects,
    MultivariateEffects,
    multilevel,
    multivariate,
)
from pyhier.classical.tau2 import (
    estimate,
    generalised_q,
    interval_by_profile,
    interval_by_q,
    log_likelihood,
)
from pyhier.classical.tau2_data import Data, mean_and_precision, scaled
from pyhier.models.covariates import INTERCEPT
from pyhier.models.multilevel import MultilevelNormal
from pyhier.models.multivariate import MultivariateNormal
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.normal_regression import NormalRegression
from pyhier.models.requirements import need_groups, need_normal

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class RandomEffects(InNotebooks, Frozen):
    """An estimate of tau^2, and what follows once it is taken for known.

    Attributes
    ----------
    method : str
        How tau^2 was estimated: see `random_effects`.
    tau2, tau2_raw : float
        The estimate, not less than 0, and what it was before that, possibly negative.
    tau2_se : float
        Its asymptotic standard error; NaN where tau^2 was given, and of one group.
    mu, se : float
        The mean, weighted by ``1 / (se_j^2 + tau2)``, and its standard error.
    i2, h2 : float
        Higgins and Thompson's: the share of the estimates' variance that is heterogeneity (metafor
        prints percent), and their variance by that of sampling alone.
    """

    method: str
    tau2: float
    tau2_raw: float
    tau2_se: float
    mu: float
    se: float
    i2: float
    h2: float
    test: str = "z"
    _model: NormalNormal = field(default=None, repr=False)  # type: ignore[assignment]

    @property
    def tau(self) -> float:
        """The square root of tau2."""
        return float(np.sqrt(self.tau2))

    def _shown(self) -> Shown:
        """The estimates with their standard errors, and the mean's intervals."""
        nothing = (np.nan, np.nan)
        low_high = [self.interval(), self.prediction_interval(), nothing, nothing]
        columns = {
            "estimate": [self.mu, np.nan, self.tau2, 100.0 * self.i2],
            "se": [self.se, np.nan, self.tau2_se, np.nan],
            "2.5%": [low for low, _ in low_high], "97.5%": [high for _, high in low_high],
        }  # fmt: skip
        names = ("mu", "a new group", "tau\u00b2", "I\u00b2 (%)")
        groups = self.model.labels
        caption = f"RandomEffects ({self.method}, test {self.test}) of {len(groups)} groups"
        return Shown(caption if groups else caption.split(" of ")[0], names, columns)

    @property
    def model(self) -> NormalNormal:
        """The data that it is of."""
        return self._model

    @cached_property
    def theta(self) -> Floats:
        """Empirical Bayes effects, ``mu + tau2 / (se_j^2 + tau2) (y_j - mu)``, shape (groups,)."""
        total = self._model.var + self.tau2
        theta = self._model.var / total * self.mu + (self.tau2 / total) * self._model.y
        theta.flags.writeable = False
        return theta

    @cached_property
    def theta_se(self) -> Floats:
        """The effects' standard errors: their posterior sds given tau under a flat mu.

        The uncertainty of mu is in them, that of tau is not, so they are too small; `exact` has
        both.
        """
        shrinkage = self._model.var / (self._model.var + self.tau2)
        theta_se: Floats = np.sqrt(self.tau2 * shrinkage + (shrinkage * self.se) ** 2)
        theta_se.flags.writeable = False
        return theta_se

    @cached_property
    def _data(self) -> Data:
        return scaled(self._model)

    @cached_property
    def regression(self) -> MetaRegression:
        """The same fit as one on the intercept alone: what `MetaRegression` has, this has too."""
        need_groups("regression", self.model)
        return given(self.model, design_of(self.model), self.method, self.test, self.tau2_raw)

    @property
    def beta(self) -> Floats:
        """The mean as the one coefficient, shape (1,)."""
        return np.array([self.mu])

    @property
    def QE(self) -> float:  # noqa: N802 - metafor's name
        """Cochran's Q, the test of heterogeneity."""
        return generalised_q(self._data, 0.0)

    @property
    def QM(self) -> float:  # noqa: N802 - metafor's name
        """The test of the mean: chi-squared, or F with "knha", "adhoc" and "t"."""
        return wald(self.beta, np.array([[self.se**2]]), (INTERCEPT,), self.test)

    @property
    def I2(self) -> float:  # noqa: N802 - metafor's name
        """I^2 in percent."""
        return 100.0 * self.i2

    @property
    def H2(self) -> float:  # noqa: N802 - metafor's name
        """H^2."""
        return self.h2

    @property
    def R2(self) -> float:  # noqa: N802 - metafor's name
        """NaN: there are no covariates."""
        return np.nan

    @property
    def hat_values(self) -> Floats:
        """Each estimate's share of the weights, shape (groups,)."""
        return self.regression.hat_values

    @property
    def standardized_residuals(self) -> Floats:
        """Residuals by their standard errors, shape (groups,)."""
        return self.regression.standardized_residuals

    def predict(self, level: float = 0.95) -> Prediction:
        """The mean, its interval and the prediction interval, as `MetaRegression.predict`."""
        low_high = np.array(self.interval(level)), np.array(self.prediction_interval(level))
        return Prediction(self.mu, self.se, *low_high)

    def leave_one_out(self) -> "pd.DataFrame":
        """The fit without each group in turn: see `MetaRegression.leave_one_out`."""
        return self.regression.leave_one_out()

    def tau2_interval(
        self, level: float = 0.95, method: Literal["QP", "PL"] = "QP"
    ) -> tuple[float, float]:
        """Confidence interval of tau^2: see `MetaRegression.tau2_interval`."""
        check_interval(self.method, level, method)
        data, unit = self._data, self._data.unit
        if method == "QP":
            low, high = interval_by_q(partial(generalised_q, data), data.groups - 1, 1.0, level)
        else:
            height = partial(log_likelihood, data, self.method == "REML")
            low, high = interval_by_profile(height, self.tau2 / unit, 1.0, level)
        return low * unit, high * unit

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of mu, by the normal or the t distribution, as `test` says."""
        return self._about_mu(self.se, level)

    def prediction_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval for the effect of a new group, tau^2 taken for known.

        Its half-width is the normal quantile times ``sqrt(se^2 + tau2)``, as metafor's.
        """
        return self._about_mu(float(np.hypot(self.se, self.tau)), level)

    def _about_mu(self, sd: float, level: float) -> tuple[float, float]:
        half = half_width(self.test, self._model.size - 1, level) * sd
        return self.mu - half, self.mu + half


@overload
def random_effects(  # type: ignore[overload-overlap]
    model: NormalRegression, method: str = ..., test: Test = ...
) -> MetaRegression: ...


@overload
def random_effects(
    model: MultilevelNormal, method: str = ..., test: Test = ...
) -> MultilevelEffects: ...


@overload
def random_effects(
    model: MultivariateNormal, method: str = ..., test: Test = ...
) -> MultivariateEffects: ...


@overload
def random_effects(model: NormalNormal, method: str = ..., test: Test = ...) -> RandomEffects: ...


def random_effects(
    model: NormalNormal | MultilevelNormal | MultivariateNormal,
    method: str = "REML",
    test: Test = "z",
) -> RandomEffects | MetaRegression | MultilevelEffects | MultivariateEffects:
    """Estimate tau^2 in one of eight ways, and the mean or the coefficients and effects given it.

    Parameters
    ----------
    model : NormalNormal, MultilevelNormal or MultivariateNormal
        Its y, standard errors and covariates; its priors play no part. That of `NormalSums` tells
        all but what is of the groups, such as ``theta``. Of groups within groups and of several
        outcomes there are REML and ML, and the tests "z" and "t".
    method : str
        ``"REML"``, ``"ML"`` (restricted and plain maximum likelihood), ``"DL"`` (DerSimonian and
        Laird), ``"PM"`` or ``"EB"`` (Paule and Mandel, which is empirical Bayes), ``"HE"``
        (Hedges), ``"SJ"`` (Sidik and Jonkman), ``"HS"`` (Hunter and Schmidt); ``"FE"``, ``"EE"``
        or ``"CE"`` for tau^2 = 0.
    test : {"z", "knha", "adhoc", "t"}
        How the mean or the coefficients are tested: by the normal distribution, by Knapp and
        Hartung's standard errors and the t distribution, by these where they are the larger ones,
        or by the plain ones and the t distribution.

    Returns
    -------
    RandomEffects, or MetaRegression of a model with covariates, MultilevelEffects,
    MultivariateEffects
        Where tau^2 is 0, ``tau2_raw`` of PM, ML and REML is the root of the estimating equation
        nearest to 0 from below, or ``-min(se_j^2)`` if it has none. One group tells nothing of
        tau^2: it is 0 then, without a standard error, as in metafor.

    Raises
    ------
    ValueError
        If there is no such method; of sums where ``tau2_raw`` is so far below 0 that they do not
        tell it.

    See Also
    --------
    exact : the posterior, in which tau is not taken for known.

    Notes
    -----
    It is R's metafor's ``rma`` of the same method: tau^2, its standard error, mu, its standard
    error, I^2, H^2, the prediction interval and ``blup``. The likelihoods' maxima and PM's root are
    refined until rounding stops them; metafor stops when a step is below its threshold.

    References
    ----------
    Viechtbauer (2005), Journal of Educational and Behavioral Statistics 30, 261-293.
    Sidik and Jonkman (2005), Applied Statistics 54, 367-384.
    Higgins and Thompson (2002), Statistics in Medicine 21, 1539-1558.

    Examples
    --------
    >>> import pyhier as ph
    >>> model = ph.NormalNormal([28, 8, -13, 7, -1, 21], se=[5, 10, 6, 11, 9, 4])
    >>> for method in ("DL", "PM", "SJ"):
    ...     fit = ph.random_effects(model, method)
    ...     print(f"{method} {fit.tau2:.2f} {fit.tau2_se:.2f} {fit.mu:.3f} {fit.i2:.3f}")
    DL 247.56 210.42 8.945 0.856
    PM 185.77 153.52 9.118 0.817
    SJ 185.18 116.62 9.120 0.816
    """
    if isinstance(model, MultilevelNormal):
        return multilevel(model, method, test)
    if isinstance(model, MultivariateNormal):
        return multivariate(model, method, test)
    need_normal("random_effects", model)
    check_method(method, test)
    if isinstance(model, NormalRegression):
        return meta_regression(model, model.covariates, method, test)
    if model.size == 1 or method in FIXED:
        return given_tau2(model, method, 0.0, test=test)
    data = scaled(model)
    raw, error = estimate(method, data)
    return given_tau2(model, method, raw * data.unit, error * data.unit, test)


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
        Of one group, with tau^2 = 0, as in metafor.

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
    return random_effects(model, "DL")


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
        likelihood rises all the way down to ``-min(se_j^2)``, and that is given. Of one group
        tau^2 is 0, as in metafor.

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
    return random_effects(model, "REML")


def require(model: NormalNormal, groups: int, what: str) -> None:
    """Say so if there are fewer groups than something needs."""
    if model.y.size < groups:
        has = f"{model.y.size} group{'s' * (model.y.size > 1)}"
        raise ValueError(f"y has {has}: {what} at least {groups}")


def given_tau2(
    model: NormalNormal, method: str, raw: float, error: float = np.nan, test: Test = "z"
) -> RandomEffects:
    """The mean once tau^2 is known, and what follows from it: BDA3 eqs. 5.17 and 5.20."""
    tau2, data = max(raw, 0.0), scaled(model)
    mu, precision = mean_and_precision(model, tau2)
    if test in ("knha", "adhoc"):  # the factor is of the variance
        squares = generalised_q(data, tau2 / data.unit)
        precision /= inflation(squares, test, data.groups - 1)
    by_sampling = tau2 / (data.unit * _typical_variance(data))
    return RandomEffects(
        method, tau2, raw, error, mu, float(np.sqrt(1.0 / precision)),
        by_sampling / (1.0 + by_sampling), 1.0 + by_sampling, test, model,
    )  # fmt: skip


def _typical_variance(data: Data) -> float:
    """The sampling variance of a typical group (Higgins and Thompson 2002, eq. 9)."""
    return 1.0 if data.groups == 1 else (data.groups - 1) / data.spread(data.weights(0.0))
