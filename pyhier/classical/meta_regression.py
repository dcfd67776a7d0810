"""The classical side with covariates: `random_effects` of a model with X=, as metafor's ``rma``."""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pyhier._types import Floats
from pyhier._validation import check_level
from pyhier.classical import tau2_covariates as estimators
from pyhier.classical.coefficients import Coefficients, Prediction, half_width, wald
from pyhier.classical.least_squares import LeastSquares, least_squares
from pyhier.classical.tau2 import METHODS, interval_by_profile, interval_by_q
from pyhier.models.covariates import INTERCEPT, Covariates, NormalPrior
from pyhier.models.normal_normal import NormalNormal

if TYPE_CHECKING:
    import pandas as pd

Test = Literal["z", "knha", "adhoc", "t"]
TESTS = ("z", "knha", "adhoc", "t")
FIXED = ("FE", "EE", "CE")


@dataclass(frozen=True, eq=False)
class MetaRegression(Coefficients):
    """An estimate of tau^2 with covariates, and what follows once it is taken for known.

    Attributes
    ----------
    method, test : str
        See `random_effects`.
    labels, names : tuple of str
        Of the groups and of the coefficients.
    tau2, tau2_se : float
        The estimate and its asymptotic standard error (NaN for FE and EE).
    tau2_raw : float
        What a moment estimate was before it was cut at 0.
    beta, se : ndarray, shape (p,)
        The coefficients and their standard errors.
    vb : ndarray, shape (p, p)
        Their covariance.
    QE : float
        The weighted squares about the fit with tau^2 = 0: the test of residual heterogeneity.
    QM : float
        The test of all coefficients but the intercept: chi-squared, or F with "knha", "adhoc" and
        "t".
    I2, H2, R2 : float
        Residual heterogeneity as a share of the unaccounted variance and as a ratio, and the share
        of tau^2 that the covariates explain; I2 and R2 in percent, as metafor prints them. R2 is
        NaN without an intercept.
    theta, theta_se : ndarray, shape (groups,)
        Empirical Bayes effects (best linear unbiased predictions), and their standard errors.
    """

    method: str
    test: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    tau2: float
    tau2_se: float
    tau2_raw: float
    beta: Floats
    se: Floats
    vb: Floats
    QE: float
    QM: float
    I2: float
    H2: float
    R2: float
    theta: Floats
    theta_se: Floats
    _model: NormalNormal = field(repr=False)
    _covariates: Covariates = field(repr=False)

    @property
    def tau(self) -> float:
        """The square root of tau2."""
        return float(np.sqrt(self.tau2))

    @property
    def model(self) -> NormalNormal:
        """The data that it is of."""
        return self._model

    @property
    def df(self) -> int:
        """Groups less coefficients."""
        return self._model.y.size - self.beta.size

    @cached_property
    def _data(self) -> tuple[Floats, Floats, Floats]:
        """y, x and var of independent estimates."""
        return self._model.independent(self._covariates.x)

    @cached_property
    def _fit(self) -> LeastSquares:
        if self._model.correlated:
            raise ValueError("this is for estimates that are independent: the model has cov=")
        return estimators.at(*self._data, self.tau2)

    @property
    def fitted(self) -> Floats:
        """The line at the groups' covariates, shape (groups,)."""
        values: Floats = self._covariates.x @ self.beta
        return values

    @property
    def residuals(self) -> Floats:
        """The estimates less the line, shape (groups,)."""
        return self._model.y - self.fitted

    @property
    def hat_values(self) -> Floats:
        """The diagonal of the hat matrix, shape (groups,)."""
        return self._fit.hat

    @property
    def standardized_residuals(self) -> Floats:
        """Residuals by their standard errors, shape (groups,): metafor's ``rstandard``."""
        spread = 1.0 / self._fit.weights
        values: Floats = self.residuals / np.sqrt(spread * (1.0 - self._fit.hat))
        return values

    def predict(self, x: Any = None, level: float = 0.95) -> Prediction:
        """The mean effect at given covariates, with confidence and prediction intervals.

        Parameters
        ----------
        x : mapping, frame or array_like, optional
            Covariates of new groups: ``{"latitude": 40}``, or an array in the order of the
            columns, the intercept left out. Without it the groups' own.
        level : float

        Returns
        -------
        Prediction
            Numbers and intervals of shape (2,) for one row of numbers, arrays for several.
        """
        rows = self._covariates.x if x is None else self._covariates.rows(x)
        mean = rows @ self.beta
        se = np.sqrt(np.einsum("ij,jk,ik->i", rows, self.vb, rows))
        quantile = half_width(self.test, self.df, level)
        spreads = (quantile * se, quantile * np.sqrt(se**2 + self.tau2))
        bands = [np.column_stack([mean - half, mean + half]) for half in spreads]
        if x is not None and len(rows) == 1:
            return Prediction(float(mean[0]), float(se[0]), bands[0][0], bands[1][0])
        return Prediction(mean, se, *bands)

    def leave_one_out(self) -> "pd.DataFrame":
        """The fit without each group in turn: a row a group left out.

        Returns
        -------
        DataFrame
            Columns the coefficients, ``tau2``, ``QE`` and ``I2``; NaN where the covariates of the
            others do not tell the coefficients apart.
        """
        import pandas as pd

        nothing = np.full(self.beta.size + 3, np.nan)
        rows = [
            nothing if fit is None else np.array([*fit.beta, fit.tau2, fit.QE, fit.I2])
            for fit in map(self.without, range(self._model.y.size))
        ]
        columns = [*self.names, "tau2", "QE", "I2"]
        return pd.DataFrame(rows, index=pd.Index(self.labels, name="left out"), columns=columns)

    def without(self, j: int) -> "MetaRegression | None":
        """The fit without one group; None where the others do not tell the coefficients apart."""
        if self._model.correlated:
            raise ValueError("this is for estimates that are independent: the model has cov=")
        kept = np.arange(self._model.y.size) != j
        x = self._covariates.x[kept]
        if len(x) <= x.shape[1] or np.linalg.matrix_rank(x) < x.shape[1]:
            return None
        rest = NormalNormal(self._model.y[kept], var=self._model.var[kept])
        return meta_regression(rest, replace(self._covariates, x=x), self.method, self.test)

    @property
    def design(self) -> Floats:
        """The covariates of the groups, with the intercept, shape (groups, p)."""
        return self._covariates.x

    def tau2_interval(
        self, level: float = 0.95, method: Literal["QP", "PL"] = "QP"
    ) -> tuple[float, float]:
        """Confidence interval of tau^2.

        Parameters
        ----------
        level : float
        method : {"QP", "PL"}
            By inverting the generalised Q (Viechtbauer 2007), or the profile likelihood of ML and
            REML.

        Returns
        -------
        (float, float)
            From 0 where the interval reaches it; (0, 0) where it is empty, as in metafor.
        """
        check_interval(self.method, level, method)
        df, (y, x, var) = self.df, self._data
        if method == "QP":
            return interval_by_q(
                lambda tau2: estimators.at(y, x, var, tau2).squares, df, float(var.min()), level
            )
        height = partial(estimators.log_likelihood, y, x, var, self.method == "REML")
        return interval_by_profile(height, self.tau2, float(var.min()), level)


def check_interval(fitted: str, level: float, method: str) -> None:
    """Raise where there is no such interval of tau^2 by a fit's method."""
    check_level(level)
    if method != "QP" and (method != "PL" or fitted not in ("ML", "REML")):
        raise ValueError(f"method is {method!r}: it must be 'QP', or 'PL' with ML and REML")


def design_of(model: NormalNormal) -> Covariates:
    """The design of the intercept alone."""
    flat = NormalPrior(np.zeros(1), np.empty((0, 1)), np.full(1, np.inf))
    return Covariates((INTERCEPT,), np.ones((model.y.size, 1)), flat)


def meta_regression(
    model: NormalNormal, covariates: Covariates, method: str, test: str
) -> MetaRegression:
    """Estimate tau^2, and the coefficients and effects given it."""
    y, x, var = model.independent(covariates.x)
    groups, p = x.shape
    if groups <= p:
        raise ValueError(f"y has {groups} groups: tau^2 and {p} coefficients need at least {p + 1}")
    if method in FIXED:
        return given(model, covariates, method, test, 0.0)
    unit = float(var.min())
    raw, error = estimators.estimate(method, y / np.sqrt(unit), x, var / unit)
    return given(model, covariates, method, test, raw * unit, error * unit)


def given(
    model: NormalNormal,
    covariates: Covariates,
    method: str,
    test: str,
    raw: float,
    error: float = np.nan,
) -> MetaRegression:
    """The coefficients and effects once tau^2 is known."""
    y, x, var = model.independent(covariates.x)
    tau2, df = max(raw, 0.0), y.size - x.shape[1]
    fit, fixed = estimators.at(y, x, var, tau2), estimators.at(y, x, var, 0.0)
    vb = fit.cov * inflation(fit.squares, test, df)
    theta, theta_se = _effects(model, covariates.x, tau2, fit.beta, vb)
    result = MetaRegression(
        method, test, tuple(model.labels), covariates.names, tau2, error, raw,
        fit.beta, np.sqrt(np.diag(vb)), vb, fixed.squares,
        wald(fit.beta, vb, covariates.names, test), *_heterogeneity(fixed, method, tau2, df),
        _explained(model, covariates, method, tau2, fixed), theta, theta_se, model, covariates,
    )  # fmt: skip
    for array in (result.beta, result.se, vb, theta, theta_se):
        array.flags.writeable = False
    return result


def inflation(squares: float, test: str, df: int) -> float:
    """Knapp and Hartung's (2003) factor of the coefficients' covariance, by weighted squares."""
    if test in ("z", "t") or df < 1:
        return 1.0
    factor = squares / df
    return max(1.0, factor) if test == "adhoc" else factor


def _heterogeneity(fixed: LeastSquares, method: str, tau2: float, df: int) -> tuple[float, float]:
    """I^2 in percent and H^2 (Higgins and Thompson 2002), of the residual heterogeneity."""
    if method in FIXED:
        ratio = fixed.squares / df
        return max(0.0, 100.0 * (1.0 - 1.0 / ratio)) if ratio > 0.0 else 0.0, ratio
    by_sampling = tau2 * fixed.trace / df
    return 100.0 * by_sampling / (1.0 + by_sampling), 1.0 + by_sampling


def _explained(
    model: NormalNormal, covariates: Covariates, method: str, tau2: float, fixed: LeastSquares
) -> float:
    """The share of the intercept-only tau^2 that is gone, in percent (Raudenbush 2009)."""
    if INTERCEPT not in covariates.names or covariates.size == 1:
        return np.nan
    y, alone, var = model.independent(np.ones((model.y.size, 1)))
    unit = float(var.min())
    if method in FIXED:
        before = least_squares(y, alone, 1.0 / var).squares / (y.size - 1)
        after = fixed.squares / (y.size - covariates.size)
    else:
        raw, _ = estimators.estimate(method, y / np.sqrt(unit), alone, var / unit)
        before, after = max(raw, 0.0) * unit, tau2
    return 100.0 * max(0.0, (before - after) / before) if before > 0.0 else 0.0


def _effects(
    model: NormalNormal, x: Floats, tau2: float, beta: Floats, vb: Floats
) -> tuple[Floats, Floats]:
    """Best linear unbiased predictions and their standard errors."""
    with np.errstate(divide="ignore"):
        log_tau = 0.5 * np.log(np.array([tau2]))
    given_tau = model.given(slice(0, model.y.size), log_tau)
    direction = x[..., np.newaxis] if given_tau.direction is None else given_tau.direction
    along = (given_tau.slope * (direction * beta[:, np.newaxis]).sum(axis=-2))[:, 0]
    theta = np.asarray(given_tau.intercept)[:, 0] + along
    rows = (np.asarray(given_tau.slope)[..., np.newaxis] * direction)[..., 0]
    spread = np.asarray(given_tau.var)[:, 0] + np.einsum("ij,jk,ik->i", rows, vb, rows)
    return theta, np.sqrt(spread)


def check_method(method: str, test: str) -> None:
    """Raise where either is none that there is."""
    if method not in (*METHODS, *FIXED):
        raise ValueError(f"method is {method!r}: it must be one of {', '.join((*METHODS, *FIXED))}")
    if test not in TESTS:
        raise ValueError(f"test is {test!r}: it must be one of {', '.join(TESTS)}")
