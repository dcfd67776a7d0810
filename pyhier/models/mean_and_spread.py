"""What models of (mu, log tau) share whose effects are integrated out by a compiled kernel."""

from abc import abstractmethod
from functools import cached_property
from math import inf, log
from typing import Any

import numpy as np

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.integrated_groups import (
    IntegratedGradient,
    IntegratedGroups,
    IntegratedMarginal,
)
from pyhier.models.covariates import NormalPrior, of_mean
from pyhier.models.groups import Grouped
from pyhier.models.joint import python_prior
from pyhier.models.normal_likelihood import moments as method_of_moments
from pyhier.models.normal_likelihood import ridge as normal_ridge
from pyhier.models.normal_priors import NormalPriors
from pyhier.quadrature.surface import Surface, mode_and_root, surface

POINTS, GROUPS = 20, 100  # at once, and how many, from which a surface pays
POOLING, SHARES = 60, 0.5 ** np.arange(12.0)  # Newton's steps, and what is tried of each


class MeanAndSpread(NormalPriors, Grouped):
    """Groups about mu with a spread tau; a subclass gives the likelihood of both and its words."""

    @property
    @abstractmethod
    def _approximate(self) -> tuple[Floats, Floats]:
        """Finite estimates of the groups' effects and their variances."""

    @abstractmethod
    def _with_priors(self, posterior: bool, of_python: bool = False) -> IntegratedGroups:
        """The compiled data and priors; a prior of tau that is Python's perhaps with its slope."""

    @property
    @abstractmethod
    def tail_indices(self) -> tuple[float, float]:
        """Exponents of the posterior of log tau on both sides; inf where it falls faster."""

    @abstractmethod
    def _noise(self, rng: Generator, draws: tuple[int, ...], groups: int) -> Floats:
        """Draws of effects about a mean of 0 with a tau of 1, shape (*draws, groups)."""

    @property
    def _prior_words(self) -> str:
        """What the priors are, in words."""
        mu = self.prior.mu
        centre = "flat" if mu is None else f"normal({mu[0]:g}, {mu[1]:g})"
        return f"mu {centre}, tau {self.prior.name}"

    def _tau_prior(self, of_python: bool) -> Any:
        """Tau's prior for the kernels; one of Python's is called once for value and slope."""
        tau = self.prior.density
        if not of_python or tau is None or tau.compiled:
            return tau
        log_density = self.prior.log_density
        return python_prior(lambda log_tau: log_density(log_tau[:, 0]), 1)

    @property
    def _design(self) -> Floats | None:
        """The covariates, shape (groups, p); None where mu is all there is."""
        return None

    @property
    def _beta_prior(self) -> NormalPrior:
        """The prior of mu, as of the one coefficient."""
        return of_mean(self.prior.mu)

    @property
    @abstractmethod
    def _table(self) -> Floats:
        """The data as the kernels take it, shape (groups, k)."""

    @cached_property
    def _different(self) -> tuple[Floats, Floats | None, Floats]:
        """Data, (k, different), and covariates of groups that differ, and how many of each."""
        data, design = self._table, self._design
        own = data.shape[1]
        table = data if design is None else np.column_stack([data, design])
        table, times = np.unique(table, axis=0, return_counts=True)
        x = None if design is None else np.ascontiguousarray(table[:, own:])
        return np.ascontiguousarray(table[:, :own].T), x, times.astype(np.float64)

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of (mu, log tau), theta integrated out, with all constants.

        A compiled function: call it with a point of shape (2,).
        """
        return IntegratedMarginal(self._with_priors(True))

    def _marginal_gradient(self) -> GradientDensity:
        return IntegratedGradient(self._with_priors(True, True))

    @cached_property
    def _likelihood(self) -> IntegratedGroups:
        """The compiled data without priors."""
        return self._with_priors(False)

    @cached_property
    def _log_likelihood(self) -> LogDensity:
        return IntegratedMarginal(self._likelihood)

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of (mu, log tau), theta integrated out, with all constants, shape (n,)."""
        return self._log_likelihood.evaluate(phi)

    def log_posterior(self, phi: Floats) -> Floats:
        """``log_marginal`` at many points, shape (n, p), at once.

        Of many groups it is a polynomial's where there is mass, right to 1e-11.
        """
        if len(phi) < POINTS or (table := self.surface) is None:
            return self.log_marginal_likelihood(phi) + self._prior_of_posterior(phi)
        inside = table.inside(phi)
        values = np.empty(len(phi))
        values[inside] = table(phi[inside])
        values[~inside] = self.log_marginal_likelihood(phi[~inside])
        return values + self._prior_of_posterior(phi)

    @cached_property
    def surface(self) -> Surface | None:
        """The log likelihood where there is mass, of many groups; None of few."""
        start = self.moments()
        few = self._design is not None or self._different[2].size < GROUPS
        if few or not np.isfinite(start).all():
            return None
        found = mode_and_root(self.derivatives, start)
        return None if found is None else surface(self.log_marginal_likelihood, *found)

    def _prior_of_posterior(self, phi: Floats) -> Floats:
        """The log prior at points (n, p) as posterior densities take it."""
        return self.log_prior(phi)

    @property
    def log_constant(self) -> float:
        """Nothing: all constants are in ``log_marginal``."""
        return 0.0

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log marginal at one (mu, log tau)."""
        gradient, hessian = self.likelihood_derivatives(phi)
        more = self._prior_derivatives(phi)
        return gradient + more[0], hessian + more[1]

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log likelihood at one (mu, log tau)."""
        gradient, hessian = self._likelihood.derivatives(phi)
        return gradient, hessian

    @cached_property
    def scales(self) -> tuple[float, float]:
        """Where log tau matters: the least sd of anything at tau = 0, the widest spread."""
        y, var = self._approximate
        least = -0.5 * log(float((1.0 / var).sum()))
        widest = max(float(np.ptp(y)), float(np.sqrt(var.max())))
        low, high = self.support
        return min(max(least, low), high), min(max(log(widest), low), high)

    def start(self) -> Floats:
        """The best of a ladder of log tau, with mu at the weighted mean of the estimates."""
        ladder = self._ladder()
        y, var = self._approximate
        precision = self.prior.mu_precision(ladder)
        mean = 0.0 if self.prior.mu is None else self.prior.mu[0]
        weights = 1.0 / (var + np.exp(2.0 * ladder)[:, np.newaxis])
        mu = (weights @ y + precision * mean) / (weights.sum(axis=1) + precision)
        return self._best_of(np.column_stack([mu, ladder]))

    def _ladder(self) -> Floats:
        """Rungs of log tau where the data or the prior have structure, as the prior allows it."""
        low, high = self.scales
        known = self.prior.structure(low, high)
        low, high = min(low, known.low), max(high, known.high)
        rungs = max(25, int(2.0 * (high - low)) + 9)
        ladder = np.clip(np.linspace(low - 2.0, high + 2.0, rungs), *self.support)
        if np.ptp(ladder) < 5.0:  # a narrow prior: keep off its edges
            ends = np.clip([low - 2.0, high + 2.0], *self.support)
            ladder = np.linspace(float(ends[0]), float(ends[1]), 27)[1:-1]
        # A spike is between two rungs.
        return ladder if known.places is None else np.append(ladder, known.places)

    def _best_of(self, points: Floats) -> Floats:
        """The point with the highest posterior density."""
        density = self.log_posterior(points)
        if not (density > -np.inf).any():
            raise ValueError(
                "the posterior density is 0 or NaN wherever a search for its mass looked: check "
                f"the prior of tau ({self.prior.name}) at values like those of the data"
            )
        best: Floats = points[int(np.nanargmax(density))]
        return best

    def ridge(self) -> Floats:
        """The likelihood's ridge, (mu, log tau) of shape (n, 2), from tau = 0 on.

        At tau = 0 itself mu is where the likelihood is highest.
        """
        points = normal_ridge(*self._approximate)
        points[0, :-1] = self._pooled(points[0, :-1])
        return points

    def _pooled(self, beta: Floats) -> Floats:
        """The coefficients of greatest likelihood at tau = 0, from a point, shape (p,).

        The likelihood is log-concave; without an end it is left after some steps.
        """
        point = np.append(beta, -inf)
        height = self._log_likelihood(point)
        for _ in range(POOLING):
            gradient, hessian = self._likelihood.derivatives(point)
            step = np.linalg.lstsq(-hessian[:-1, :-1], gradient[:-1], rcond=1e-13)[0]
            for share in SHARES:
                new = np.append(point[:-1] + share * step, -inf)
                found = self._log_likelihood(new)
                if found >= height:
                    break
            else:
                break
            gain, point, height = found - height, new, found
            if gain <= 1e-15 * abs(height):
                break
        return point[:-1]

    def moments(self) -> Floats:
        """(mu, log tau) by the method of moments, tau perhaps 0.

        Of counts by estimates with half a count added.
        """
        return method_of_moments(*self._approximate)

    def _eta(self, phi: Floats) -> Floats:
        """The effects' means, shape (..., 1) or (..., groups)."""
        return phi[..., :1]

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effect of a new group, shape (...)."""
        noise = self._noise(rng, phi.shape[:-1], 1)[..., 0]
        drawn: Floats = phi[..., 0] + np.exp(phi[..., 1]) * noise
        return drawn
