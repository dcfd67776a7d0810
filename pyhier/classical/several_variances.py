"""The classical side of models with several variances, as metafor's ``rma.mv``."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._frame import frame
from pyhier._types import Floats
from pyhier.classical.coefficients import Coefficients, Prediction, half_width, wald
from pyhier.classical.least_squares import least_squares
from pyhier.models.covariates import INTERCEPT, LOG_2PI
from pyhier.models.integrated import IntegratedModel
from pyhier.models.multilevel import MultilevelNormal
from pyhier.models.multivariate import MultivariateNormal
from pyhier.models.reductions import Collapsed
from pyhier.priors.differences import differences
from pyhier.quadrature.modes import STEPS as DIFFERENCES
from pyhier.quadrature.modes import fitting_steps

if TYPE_CHECKING:
    import pandas as pd

RUNGS = 13  # log tau of every level among which the maximum is looked for
NOTHING = 20.0  # so far below the standard errors a log tau is as good as -inf
STEPS, CLOSE = 100, 1e-9  # of Newton's method; the last of them
NEXT_TO, LEVEL = 1e-3, 1e-13  # of a top, in log tau and in height, which rounding does not tell
SHARES = 0.5 ** np.arange(12.0)  # of a step, of which the best is taken
CORRELATIONS = np.linspace(-4.0, 4.0, 11)  # atanh of those among which it is looked for
NEAR = 6.0  # the atanh from which on a correlation may well be 1
HILLS = 8  # that are climbed
SURE = 18.0  # the atanh of a correlation that is as good as 1


@dataclass(frozen=True, eq=False)
class Fitted(Coefficients):
    """Estimates of the variances of a model with several, and what follows from them.

    Attributes
    ----------
    method, test : str
        See `random_effects`.
    names : tuple of str
        Of the coefficients.
    tau2 : ndarray
        Variances of the effects, one a level or an outcome.
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
    theta, theta_se : ndarray, shape (effects,)
        Empirical Bayes effects, and their standard errors.
    rows : int
        How many estimates there are.
    """

    method: str
    test: str
    names: tuple[str, ...]
    tau2: Floats
    beta: Floats
    se: Floats
    vb: Floats
    QE: float
    QM: float
    log_likelihood: float
    theta: Floats
    theta_se: Floats
    rows: int

    @property
    def tau(self) -> Floats:
        """The square roots of tau2."""
        return np.sqrt(self.tau2)

    @property
    def variances(self) -> int:
        """How many parameters the covariance of the effects has."""
        return self.tau2.size

    @property
    def df(self) -> int:
        """Estimates less coefficients."""
        return self.rows - self.beta.size

    @property
    def aic(self) -> float:
        """Akaike's criterion, of the restricted likelihood for REML."""
        return -2.0 * self.log_likelihood + 2.0 * (self.beta.size + self.variances)

    @property
    def bic(self) -> float:
        """Schwarz's criterion; REML counts the estimates less the coefficients, as metafor does."""
        n = self.df if self.method == "REML" else self.rows
        return -2.0 * self.log_likelihood + float(np.log(n)) * (self.beta.size + self.variances)


@dataclass(frozen=True, eq=False)
class MultilevelEffects(Fitted):
    """Estimates of every level's tau^2, and what follows once they are taken for known.

    What every such fit has (`Fitted`): ``tau2`` (metafor's ``sigma2``), ``beta``, ``se``, ``vb``,
    ``log_likelihood``, ``QE``, ``QM``, ``theta``, ``theta_se``, ``interval``, ``table``, ...

    Attributes
    ----------
    levels : tuple of str
        The outermost first.
    I2 : ndarray, shape (levels,)
        Every level's share of the variance of an estimate, in percent.
    """

    levels: tuple[str, ...]
    I2: Floats
    _model: MultilevelNormal = field(repr=False)
    _collapsed: Collapsed = field(repr=False)

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
    flat = model.with_prior(prior_beta=None, prior_mu=None, prior_tau="uniform")
    psi, found, fitted = fit(flat, model.design, model.by_row, method, test)
    return MultilevelEffects(
        **fitted, levels=model.nesting.levels, I2=100.0 * flat.shares(psi)[0], _model=flat,
        _collapsed=found,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class MultivariateEffects(Fitted):
    """Estimates of the covariance of several outcomes' effects, and what follows from it.

    What every such fit has (`Fitted`): ``tau2`` of every outcome, ``beta``, ``se``, ``vb``,
    ``log_likelihood``, ``QE``, ``QM``, ``theta``, ``theta_se``, ``interval``, ``table``, ...

    Attributes
    ----------
    outcomes : tuple of str
    sigma : ndarray, shape (q, q)
        The covariance of the effects.
    """

    outcomes: tuple[str, ...]
    sigma: Floats

    @property
    def rho(self) -> Floats:
        """The correlations of the effects, shape (q, q); NaN beside a tau of 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation: Floats = self.sigma / np.outer(self.tau, self.tau)
        return correlation

    @property
    def variances(self) -> int:
        """How many parameters the covariance of the effects has."""
        q = len(self.outcomes)
        return q * (q + 1) // 2


def multivariate(model: MultivariateNormal, method: str, test: str) -> MultivariateEffects:
    """Estimate the covariance of the outcomes, and the coefficients and effects given it."""
    flat = model.with_prior(prior_beta=None, prior_tau="uniform", prior_rho=1.0)
    psi, _, fitted = fit(flat, model.design, model.by_row, method, test)
    sigma = flat.sigma(psi)[0]
    return MultivariateEffects(**fitted, outcomes=model.outcomes, sigma=sigma)


def fit(
    model: IntegratedModel,
    design: Floats,
    independent: tuple[Floats, Floats, Floats],
    method: str,
    test: str,
) -> tuple[Floats, Collapsed, dict[str, Any]]:
    """The greatest likelihood of a model with flat priors: psi (1, d), and what `Fitted` takes.

    ``independent`` are the estimates, their design and variances, without heterogeneity.
    """
    if method not in ("REML", "ML"):
        raise ValueError(f"method is {method!r}: of several variances it must be 'REML' or 'ML'")
    if test not in ("z", "t"):
        raise ValueError(f"test is {test!r}: of several variances it must be 'z' or 't'")
    n, p = design.shape
    if n <= p:
        raise ValueError(f"y has {n} estimates: tau^2 and {p} coefficients need at least {p + 1}")
    psi, height = _highest(model, design, method == "REML")
    found = model.collapse_psi(psi)
    beta, vb = np.atleast_2d(found.mean)[:, 0], _covariance(found)
    names = (INTERCEPT,) if model.covariates.names == ("mu",) else model.covariates.names
    theta, theta_se = model.given_psi(slice(0, len(model.labels)), psi).moments(found)
    logs, (y, x, var) = [one.line == "log" for one in model.psi], independent
    fitted = {
        "method": method, "test": test, "names": names, "tau2": np.exp(2.0 * psi[0][logs]),
        "beta": beta, "se": np.sqrt(np.diag(vb)), "vb": vb, "log_likelihood": height,
        "QE": least_squares(y, x, 1.0 / var).squares, "QM": wald(beta, vb, names, test),
        "theta": theta[:, 0], "theta_se": theta_se[:, 0], "rows": n,
    }  # fmt: skip
    for value in fitted.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return psi, found, fitted


def _covariance(found: Collapsed) -> Floats:
    """The covariance of the coefficients at the one node."""
    if found.plain:
        return found.rows[2:3, :1].copy()
    factor = np.zeros((found.size, found.size))
    for k, row in enumerate(found.factor()):
        factor[k, k:] = row[:, 0]
    covariance: Floats = factor @ factor.T
    return covariance


def log_likelihood(model: IntegratedModel, x: Floats, psi: Floats, restricted: bool) -> Floats:
    """Log likelihood of psi (nodes, d), beta at its best or, restricted, integrated out.

    The restricted one has metafor's constant, half the log determinant of X'X.
    """
    found = model.collapse_psi(psi)
    height: Floats = found.log_density - model.prior.log_density(psi)
    p = x.shape[1]
    if restricted:
        return height + 0.5 * float(np.linalg.slogdet(x.T @ x)[1])
    diagonal = np.array([row[0] for row in found.factor()])
    if found.plain:
        diagonal = np.sqrt(found.rows[2:3])
    height -= np.log(diagonal).sum(axis=0) + 0.5 * p * LOG_2PI
    return height


def _highest(model: IntegratedModel, x: Floats, restricted: bool) -> tuple[Floats, float]:
    """Psi, (1, d), where the likelihood is greatest, and its log there.

    The greatest hills of a ladder are climbed; a tau may be 0 and a correlation 1 or -1.
    """
    low, high = model.ladder_ends
    zero = low - NOTHING
    rungs = np.concatenate([[zero], np.linspace(low - 1.0, high + 1.0, RUNGS)])
    logs = np.array([one.line == "log" for one in model.psi])
    points = np.array([*product(*(rungs if log else CORRELATIONS for log in logs))])
    ends = np.array([np.where(logs, zero, -SURE), np.where(logs, np.inf, SURE)])
    margin = np.where(logs, 0.5 * NOTHING, 2.0)

    def height(psi: Floats) -> Floats:
        return log_likelihood(model, x, psi, restricted)

    starts = points[_hills(height(points), logs)]
    tops = [_climb(height, start, ends, margin) for start in starts]
    # Towards a correlation of 1 the height rises ever less: its end is tried as well.
    close = [np.where(logs | (abs(psi) < NEAR), psi, np.sign(psi) * SURE) for psi, _ in tops]
    tops += [_climb(height, start, ends, margin) for start in close]
    best = tops[int(np.argmax([top[1] for top in tops]))]
    psi = np.where(logs & (best[0] <= zero + 1.0), -np.inf, best[0])
    return psi[np.newaxis], best[1]


def _hills(values: Floats, logs: Any) -> Any:
    """Which points of a ladder to climb from: the highest few that no neighbour is above.

    A tau of 0 is an end, where no step leads away: one beside it is tried as well.
    """
    from scipy.ndimage import maximum_filter

    shape = [RUNGS + 1 if log else CORRELATIONS.size for log in logs]
    grid = values.reshape(shape)
    tops = np.argwhere(grid == maximum_filter(grid, 3, mode="nearest"))
    tops = tops[np.argsort(grid[tuple(tops.T)])[::-1][:HILLS]]
    starts = set()
    for top in tops.tolist():
        pairs = zip(top, logs, strict=True)
        starts |= {*product(*((0, 1) if log and not at else (at,) for at, log in pairs))}
    return np.ravel_multi_index(np.array(sorted(starts)).T, shape)


def _climb(height: Any, start: Floats, ends: Floats, margin: Floats) -> tuple[Floats, float]:
    """Newton's method on what is not at an end (2, d); what comes within a margin of one stays.

    Far out the height hardly rises in a correlation, and a step in all coordinates finds nothing:
    then those without an upper end go alone.
    """
    psi, value = start.copy(), float(height(start[np.newaxis])[0])
    for _ in range(STEPS):
        inside = (psi > ends[0]) & (psi < ends[1])
        for free in (np.flatnonzero(inside), np.flatnonzero(inside & np.isinf(ends[1]))):
            if not free.size:
                continue
            tried = np.tile(psi, (SHARES.size, 1))
            tried[:, free] += SHARES[:, np.newaxis] * _newton(height, psi, free)
            tried = np.where(tried < ends[0] + margin, ends[0], tried)
            tried = np.where(tried > ends[1] - margin, ends[1], tried)
            found = height(tried)
            best = int(np.argmax(found))
            moved = float(np.abs(tried[best] - psi).max())
            if found[best] > value:
                psi, value = tried[best], float(found[best])
                if moved > CLOSE:
                    break
        else:
            break
    return _polished(height, psi, value, ends)


def _polished(height: Any, psi: Floats, value: float, ends: Floats) -> tuple[Floats, float]:
    """One more step, that of the slopes alone: heights cannot tell the top from what is near it."""
    free = np.flatnonzero((psi > ends[0]) & (psi < ends[1]))
    if free.size:
        tried = psi.copy()
        tried[free] += _newton(height, psi, free)
        found = float(height(tried[np.newaxis])[0])
        near = np.abs(tried - psi).max() < NEXT_TO
        if near and found > value - LEVEL * max(1.0, abs(value)):
            return tried, found
    return psi, value


def _newton(height: Any, psi: Floats, free: Any) -> Floats:
    """A step uphill on the free coordinates, at most 2 in each."""
    here = psi[free]

    def along(points: Floats) -> Floats:
        whole = np.tile(psi, (len(points), 1))
        whole[:, free] = points
        found: Floats = height(whole)
        return found

    # Estimates that nearly agree make ridges far narrower than a unit of log tau.
    scale = fitting_steps(along, here, float(along(here[np.newaxis])[0])) / DIFFERENCES.max()
    gradient, hessian = differences(lambda u: along(here + u * scale), np.zeros(free.size))
    curvature, axes = np.linalg.eigh(hessian)
    step: Floats = axes @ ((axes.T @ gradient) / np.maximum(np.abs(curvature), 1e-8)) * scale
    return step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
