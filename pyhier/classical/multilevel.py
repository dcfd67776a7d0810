"""The classical side of groups within groups, as metafor's ``rma.mv(random = ~ 1 | a/b)``."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._frame import frame
from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.classical.least_squares import least_squares
from pyhier.classical.meta_regression import Prediction, half_width, tested, wald
from pyhier.models.covariates import INTERCEPT, LOG_2PI
from pyhier.models.multilevel import MultilevelNormal
from pyhier.models.reductions import Collapsed
from pyhier.priors.differences import differences

if TYPE_CHECKING:
    import pandas as pd

RUNGS = 13  # log tau of every level among which the maximum is looked for
NOTHING = 20.0  # so far below the standard errors a log tau is as good as -inf
STEPS, CLOSE = 100, 1e-9  # of Newton's method; the last of them


@dataclass(frozen=True, eq=False)
class MultilevelEffects(Frozen):
    """Estimates of every level's tau^2, and what follows once they are taken for known.

    Attributes
    ----------
    method, test : str
        See `random_effects`.
    levels, names : tuple of str
        Of the levels, the outermost first, and of the coefficients.
    tau2 : ndarray, shape (levels,)
        metafor's ``sigma2``.
    beta, se : ndarray, shape (p,)
        The coefficients and their standard errors.
    vb : ndarray, shape (p, p)
        Their covariance.
    log_likelihood : float
        At the estimates; the restricted one of REML.
    QE : float
        The weighted squares about the fit with all tau^2 = 0.
    QM : float
        The test of all coefficients but the intercept: chi-squared, or F with "t".
    I2 : ndarray, shape (levels,)
        Every level's share of the variance of an estimate, in percent.
    theta, theta_se : ndarray, shape (groups,)
        Empirical Bayes effects of the finest groups, and their standard errors.
    """

    method: str
    test: str
    levels: tuple[str, ...]
    names: tuple[str, ...]
    tau2: Floats
    beta: Floats
    se: Floats
    vb: Floats
    log_likelihood: float
    QE: float
    QM: float
    I2: Floats
    theta: Floats
    theta_se: Floats
    _model: MultilevelNormal = field(repr=False)
    _collapsed: Collapsed = field(repr=False)

    @property
    def tau(self) -> Floats:
        """The square roots of tau2."""
        return np.sqrt(self.tau2)

    @property
    def df(self) -> int:
        """Estimates less coefficients."""
        return self._model.rows - self.beta.size

    @property
    def QEp(self) -> float:  # noqa: N802 - metafor's name
        """The probability of a larger QE where there is no heterogeneity."""
        from scipy.special import chdtrc

        return float(chdtrc(self.df, self.QE))

    @property
    def QMp(self) -> float:  # noqa: N802 - metafor's name
        """The probability of a larger QM where the covariates explain nothing."""
        from scipy.special import chdtrc, fdtrc

        m = len(tested(self.names))
        return float(chdtrc(m, self.QM) if self.test == "z" else fdtrc(m, self.df, self.QM))

    @property
    def aic(self) -> float:
        """Akaike's criterion, of the restricted likelihood for REML."""
        return -2.0 * self.log_likelihood + 2.0 * (self.beta.size + self.tau2.size)

    @property
    def bic(self) -> float:
        """Schwarz's criterion; REML counts the estimates less the coefficients, as metafor does."""
        n = self.df if self.method == "REML" else self._model.rows
        return -2.0 * self.log_likelihood + float(np.log(n)) * (self.beta.size + self.tau2.size)

    def interval(self, level: float = 0.95) -> Floats:
        """Confidence intervals of the coefficients, shape (p, 2)."""
        half = half_width(self.test, self.df, level) * self.se
        return np.column_stack([self.beta - half, self.beta + half])

    def predict(self, x: Any = None, level: float = 0.95) -> Prediction:
        """The mean effect at given covariates, and a new group's of every level.

        Parameters
        ----------
        x : mapping, frame or array_like, optional
            Covariates of new groups; without it the mean of a model without covariates, and the
            groups' own of one with them.
        level : float

        Returns
        -------
        Prediction
            Numbers and intervals of shape (2,) for one row of numbers, arrays for several.
        """
        covariates = self._model.covariates
        alone = x is None and covariates.names == ("mu",)
        rows = covariates.x[:1] if alone else covariates.x if x is None else covariates.rows(x)
        mean = rows @ self.beta
        se = np.sqrt(np.einsum("ij,jk,ik->i", rows, self.vb, rows))
        quantile = half_width(self.test, self.df, level)
        spreads = (quantile * se, quantile * np.sqrt(se**2 + self.tau2.sum()))
        bands = [np.column_stack([mean - half, mean + half]) for half in spreads]
        if len(rows) == 1:
            return Prediction(float(mean[0]), float(se[0]), bands[0][0], bands[1][0])
        return Prediction(mean, se, *bands)

    def ranef(self, level: str) -> "pd.DataFrame":
        """Every group's own effect at a level, beside that of the level above: metafor's ``ranef``.

        Parameters
        ----------
        level : str

        Returns
        -------
        DataFrame
            A row a group: its best linear unbiased prediction ``effect`` and ``se``.
        """
        if level not in self.levels:
            raise ValueError(f"level is {level!r}: the levels are {', '.join(self.levels)}")
        labels = self._model.nesting.labels[self.levels.index(level)]
        found = [self._model.own_effect(level, j, self._psi) for j in range(len(labels))]
        moments = np.array([linear.moments(self._collapsed) for linear in found])[..., 0]
        return frame({"effect": moments[:, 0], "se": moments[:, 1]}, labels, level)

    @cached_property
    def _psi(self) -> Floats:
        with np.errstate(divide="ignore"):
            return 0.5 * np.log(self.tau2)[np.newaxis]


def multilevel(model: MultilevelNormal, method: str, test: str) -> MultilevelEffects:
    """Estimate every level's tau^2, and the coefficients and effects given them."""
    if method not in ("REML", "ML"):
        raise ValueError(f"method is {method!r}: of groups within groups it must be 'REML' or 'ML'")
    if test not in ("z", "t"):
        raise ValueError(f"test is {test!r}: of groups within groups it must be 'z' or 't'")
    n, p = model.y.size, model.covariates.size
    if n <= p:
        raise ValueError(f"y has {n} groups: tau^2 and {p} coefficients need at least {p + 1}")
    flat = model.with_prior(prior_beta=None, prior_mu=None, prior_tau="uniform")
    psi, height = _highest(flat, method == "REML")
    with np.errstate(under="ignore"):
        tau2 = np.exp(2.0 * psi[0])
    found = flat.collapse_psi(psi)
    beta = np.atleast_2d(found.mean)[:, 0]
    vb = _covariance(found)
    names = (INTERCEPT,) if model.covariates.names == ("mu",) else model.covariates.names
    theta, theta_se = flat.given_psi(slice(0, n), psi).moments(found)
    result = MultilevelEffects(
        method, test, model.nesting.levels, names, tau2, beta, np.sqrt(np.diag(vb)), vb, height,
        _heterogeneity(model), wald(beta, vb, names, test), 100.0 * flat.shares(psi)[0],
        theta[:, 0], theta_se[:, 0], flat, found,
    )  # fmt: skip
    for array in (tau2, beta, result.se, vb):
        array.flags.writeable = False
    return result


def _covariance(found: Collapsed) -> Floats:
    """The covariance of the coefficients at the one node."""
    if found.plain:
        return found.rows[2:3, :1].copy()
    factor = np.zeros((found.size, found.size))
    for k, row in enumerate(found.factor()):
        factor[k, k:] = row[:, 0]
    covariance: Floats = factor @ factor.T
    return covariance


def _heterogeneity(model: MultilevelNormal) -> float:
    y, x, var = model.by_row
    return least_squares(y, x, 1.0 / var).squares


def log_likelihood(model: MultilevelNormal, psi: Floats, restricted: bool) -> Floats:
    """Log likelihood of log tau (nodes, levels), beta at its best or, restricted, integrated out.

    The restricted one has metafor's constant, half the log determinant of X'X.
    """
    found = model.collapse_psi(psi)
    height: Floats = found.log_density - psi.sum(axis=1)
    x = model.by_row[1]
    p = x.shape[1]
    if restricted:
        return height + 0.5 * float(np.linalg.slogdet(x.T @ x)[1])
    diagonal = np.array([row[0] for row in found.factor()])
    if found.plain:
        diagonal = np.sqrt(found.rows[2:3])
    height -= np.log(diagonal).sum(axis=0) + 0.5 * p * LOG_2PI
    return height


def _highest(model: MultilevelNormal, restricted: bool) -> tuple[Floats, float]:
    """Log tau of every level, (1, levels), where the likelihood is greatest, and its log there.

    The greatest hills of a ladder are climbed, each with some levels' tau at 0.
    """
    low, high = model.ladder_ends
    zero = low - NOTHING
    rungs = np.concatenate([[zero], np.linspace(low - 1.0, high + 1.0, RUNGS)])
    points = np.array([*product(rungs, repeat=model.nesting.depth)])

    def height(psi: Floats) -> Floats:
        return log_likelihood(model, psi, restricted)

    values = height(points)
    starts = points[np.argsort(values)[::-1][: 4 * model.nesting.depth]]
    tops = [_climb(height, start, zero) for start in starts]
    best = tops[int(np.argmax([top[1] for top in tops]))]
    psi = np.where(best[0] <= zero + 1.0, -np.inf, best[0])
    return psi[np.newaxis], best[1]


def _climb(height: Any, start: Floats, zero: float) -> tuple[Floats, float]:
    """Newton's method on the log tau that are not 0; one that goes there stays."""
    psi, value = start.copy(), float(height(start[np.newaxis])[0])
    for _ in range(STEPS):
        free = np.flatnonzero(psi > zero + 1.0)
        if not free.size:
            break
        step = _newton(height, psi, free)
        moved = False
        for share in 0.5 ** np.arange(12.0):
            tried = psi.copy()
            tried[free] = np.maximum(psi[free] + share * step, zero)
            tried[tried < zero + 10.0] = zero
            found = float(height(tried[np.newaxis])[0])
            if found >= value:
                moved = bool(np.abs(tried - psi).max() > CLOSE)
                psi, value = tried, found
                break
        if not moved:
            break
    return psi, value


def _newton(height: Any, psi: Floats, free: Any) -> Floats:
    """A step uphill on the free coordinates, at most 2 in each."""

    def along(points: Floats) -> Floats:
        whole = np.tile(psi, (len(points), 1))
        whole[:, free] = points
        found: Floats = height(whole)
        return found

    gradient, hessian = differences(along, psi[free])
    curvature, axes = np.linalg.eigh(hessian)
    step: Floats = axes @ ((axes.T @ gradient) / np.maximum(np.abs(curvature), 1e-8))
    return step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
