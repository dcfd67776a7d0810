"""The evidence lower bound of a normal approximation and its gradient, without noise.

q = N(m, L L'). The bound is E_q[f] + entropy of q, f the log of likelihood times prior. E_q[f] is a
closed form for `ExponentialQuadratic` densities; for any other it is the mean over fixed points
m + L z, z quasi-random standard normals (deterministic ADVI: Giordano, Ingram and Broderick,
Journal of Machine Learning Research 25 (2024), 1-39). Either way the same parameters always give
the same value, and a quasi-Newton method finds the maximum.

The parameters are (m, log of L's diagonal), and for a full L its entries below the diagonal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, pi
from typing import Any, Protocol

import numpy as np

from pyhier._types import Floats
from pyhier.kernels.gradients import GradientDensity
from pyhier.models.exponential_quadratics import ExponentialQuadratic, Exponents, Quadratic
from pyhier.priors.differences import STEPS, H
from pyhier.quadrature.panels import HIGHEST, LOWEST

REACH, NODES = 10.0, 201  # sds, and nodes within them, of the sum over log tau
LARGEST = 700.0  # exponent


@dataclass(frozen=True)
class Gaussian:
    """q: its mean, shape (p,), and L: (p, p) lower triangular, or (p,) where it is diagonal."""

    mean: Floats
    factor: Floats

    @property
    def full(self) -> bool:
        """Whether L is more than a diagonal."""
        return self.factor.ndim == 2

    @property
    def diagonal(self) -> Floats:
        """L's diagonal."""
        return np.diag(self.factor).copy() if self.full else self.factor

    @property
    def sd(self) -> Floats:
        """The coordinates' sds."""
        return np.sqrt((self.factor**2).sum(axis=1)) if self.full else self.factor

    @property
    def entropy(self) -> float:
        """Entropy of q."""
        p = self.mean.size
        return 0.5 * p * (1.0 + log(2.0 * pi)) + float(np.log(self.diagonal).sum())

    def column(self, k: int) -> Floats:
        """Covariances with coordinate ``k``, shape (p,)."""
        if self.full:
            covariances: Floats = self.factor @ self.factor[k]
            return covariances
        column = np.zeros(self.mean.size)
        column[k] = self.factor[k] ** 2
        return column

    @property
    def cov(self) -> Floats:
        """The covariance, shape (p, p)."""
        return self.factor @ self.factor.T if self.full else np.diag(self.factor**2)

    def at(self, z: Floats) -> Floats:
        """Points m + L z, z of shape (n, p)."""
        return self.mean + (z @ self.factor.T if self.full else z * self.factor)

    def log_density(self, z: Floats) -> Floats:
        """Log density at the points of z, shape (n,)."""
        p = self.mean.size
        density: Floats = -0.5 * (z * z).sum(axis=1) - 0.5 * p * log(2.0 * pi)
        density -= np.log(self.diagonal).sum()
        return density


class Bound(Protocol):
    """E_q[f] with its gradients in m and L; of L's shape, the upper triangle unused."""

    def __call__(self, q: Gaussian) -> tuple[float, Floats, Floats]:
        """The three at one q."""


# --- Closed forms ---------------------------------------------------------------------------------


def closed_form(form: ExponentialQuadratic) -> Bound:
    """E_q[f] of normal data with normal effects."""

    def expectation(q: Gaussian) -> tuple[float, Floats, Floats]:
        p = q.mean.size
        value, of_mean, of_cov = 0.0, np.zeros(p), np.zeros((p, p) if q.full else p)
        for at, prior in form.priors.items():
            found = _prior(prior, q.mean[at], float(q.sd[at]))
            value += found[0]
            of_mean[at] += found[1]
            of_cov[(at, at) if q.full else at] += found[2]
        for exponents, term in form.terms.items():
            parts = _term(exponents, term, form.about, q)
            value += parts[0]
            of_mean += parts[1]
            of_cov += parts[2]
        # dE/dL = 2 (dE/dS) L
        of_factor = 2.0 * (of_cov @ q.factor if q.full else of_cov * q.factor)
        return value, of_mean, of_factor

    return expectation


def _term(
    exponents: Exponents, term: Quadratic, about: Floats, q: Gaussian
) -> tuple[float, Floats, Floats]:
    """One term's expectation, its gradient in m and in S; of a diagonal S its diagonal alone."""
    at = np.array([place for place, _ in exponents], dtype=np.intp)
    k = np.array([factor for _, factor in exponents], dtype=np.float64)
    column = sum((factor * q.column(place) for place, factor in exponents), np.zeros(q.mean.size))
    scale = exp(min(float(k @ q.mean[at] + 0.5 * k @ column[at]), LARGEST))
    centre = q.mean - about + column
    half = term.a @ centre
    if q.full:
        trace = float((term.a @ q.factor * q.factor).sum())
    else:
        trace = float(term.a.diagonal() @ q.factor**2)
    inner = trace + float(centre @ half) + float(term.b @ centre) + term.c
    slope = 2.0 * half + term.b
    of_mean = scale * slope
    of_mean[at] += scale * k * inner
    of_cov = term.a.toarray() if q.full else term.a.diagonal()
    if q.full:
        of_cov[at] += 0.5 * k[:, np.newaxis] * slope
        of_cov[:, at] += 0.5 * k * slope[:, np.newaxis]
        of_cov[np.ix_(at, at)] += 0.5 * np.outer(k, k) * inner
    else:
        of_cov[at] += k * slope[at] + 0.5 * k * k * inner
    return scale * inner, of_mean, scale * of_cov


def _prior(g: Callable[[Floats], Floats], mean: float, sd: float) -> tuple[float, float, float]:
    """E[g(s)], s ~ N(mean, sd^2), and its slopes in mean and variance.

    By the trapezoid rule, which converges exponentially for a normal weight.
    """
    z = np.linspace(-REACH, REACH, NODES)
    weight = np.exp(-0.5 * z * z)
    weight /= weight.sum()
    log_tau = (mean + sd * z)[:, np.newaxis] + STEPS
    values = g(np.clip(log_tau, LOWEST, HIGHEST))
    slopes = (values[:, 0] - 8.0 * values[:, 1] + 8.0 * values[:, 3] - values[:, 4]) / (12.0 * H)
    of_var = float(weight @ (slopes * z)) / (2.0 * sd)
    return float(weight @ values[:, 2]), float(weight @ slopes), of_var


# --- Fixed points ---------------------------------------------------------------------------------


def by_points(density: GradientDensity, z: Floats) -> Bound:
    """E_q[f] as a mean over the points m + L z, z of shape (n, p)."""

    def expectation(q: Gaussian) -> tuple[float, Floats, Floats]:
        values, slopes = density.evaluate(q.at(z))
        if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
            return -np.inf, np.zeros(z.shape[1]), np.zeros_like(q.factor)
        of_factor = slopes.T @ z / len(z) if q.full else (slopes * z).mean(axis=0)
        return float(values.mean()), slopes.mean(axis=0), of_factor

    return expectation


def quasi_normals(n: int, p: int) -> Floats:
    """``n`` quasi-random standard normals and their negatives, shape (2 n, p): Sobol's points.

    Their mean is 0 and their covariance the identity to rounding, so that the mean of a quadratic
    is exact, and with it the fit to a normal density. Of more than n / 2 coordinates only the
    variances are 1.
    """
    from scipy.special import ndtri
    from scipy.stats import qmc

    points = qmc.Sobol(p, scramble=True, seed=np.random.default_rng(20240)).random(n)
    z: Floats = ndtri(np.clip(points, 1e-12, 1.0 - 1e-12))
    if 2 * p <= n:
        z = z @ np.linalg.inv(np.linalg.cholesky(z.T @ z / n)).T
    else:
        z /= np.sqrt((z * z).mean(axis=0))
    return np.concatenate([z, -z])


# --- The maximum ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fitted:
    """Where the bound is largest, and the largest slope left, in units of the first guess."""

    q: Gaussian
    elbo: float
    slope: float
    iterations: int


def maximise(bound: Bound, mean: Floats, sd: Floats, full: bool) -> Fitted:
    """Climb from a diagonal q to the maximum of the bound."""
    import scipy.optimize

    minimize: Any = scipy.optimize.minimize
    pack = _Packing(mean, sd, full)

    def objective(x: Floats) -> tuple[float, Floats]:
        with np.errstate(all="ignore"):  # a step too far is looked at here
            q = pack.unpack(x)
            value, of_mean, of_factor = bound(q)
            slope = -pack.gradient(q, of_mean, of_factor)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return 1e300, np.zeros_like(x)
        return -(value + q.entropy), slope

    method = "BFGS" if pack.size <= 600 else "L-BFGS-B"
    options: dict[str, Any] = {"maxiter": 20_000, "gtol": 1e-9}
    if method == "L-BFGS-B":
        options |= {"maxfun": 50_000, "ftol": 1e-15, "maxcor": 30}
    found: Any = minimize(objective, np.zeros(pack.size), jac=True, method=method, options=options)
    value, slope = objective(found.x)
    return Fitted(pack.unpack(found.x), -value, float(np.abs(slope).max()), int(found.nit))


@dataclass(frozen=True)
class _Packing:
    """Parameters in units of a first guess: 0 is q = N(mean, diag(sd^2))."""

    mean: Floats
    sd: Floats
    full: bool

    @property
    def size(self) -> int:
        p = self.mean.size
        return 2 * p + (p * (p - 1) // 2 if self.full else 0)

    def unpack(self, x: Floats) -> Gaussian:
        p = self.mean.size
        mean = self.mean + self.sd * x[:p]
        diagonal = self.sd * np.exp(np.clip(x[p : 2 * p], -LARGEST, LARGEST))
        if not self.full:
            return Gaussian(mean, diagonal)
        factor = np.diag(diagonal)
        factor[np.tril_indices(p, -1)] = x[2 * p :] * np.repeat(self.sd, np.arange(p))
        return Gaussian(mean, factor)

    def gradient(self, q: Gaussian, of_mean: Floats, of_factor: Floats) -> Floats:
        p = self.mean.size
        own = np.diag(of_factor) if self.full else of_factor
        parts = [of_mean * self.sd, own * q.diagonal + 1.0]
        if self.full:
            below = of_factor[np.tril_indices(p, -1)]
            parts.append(below * np.repeat(self.sd, np.arange(p)))
        return np.concatenate(parts)
