"""Estimates with known standard errors about effects whose law is a scale mixture of normal ones.

y_j ~ N(theta_j, se_j^2), (theta_j - mu) / tau of Student's t or of a contaminated normal law. The
coordinates are (mu, log tau); the effects are integrated out component by component, to rounding
(distributions/scale_laws.py).
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats, Ints
from pyhier.distributions.scale_laws import ScaleLaw
from pyhier.distributions.scale_mixtures import ScaleMixture, TiltedMixture
from pyhier.kernels import scale_mixtures as kernel
from pyhier.kernels.gradients import GradientDensity
from pyhier.models.groups import Labels
from pyhier.models.mean_and_spread import MeanAndSpread
from pyhier.models.normal_data import EstimatedGroups
from pyhier.models.own_likelihood import MixtureOwn, OwnLikelihood
from pyhier.models.sources import Sources
from pyhier.priors.tau import TauPrior, resolve_prior

FEW, MOST = 100, 24  # groups of which each may be a hill of its own; else so many places
WORTH = 400  # groups from which fewer are looked at
RUNGS = 12
LEAST_PRIOR = -1e6
DEEP = 40.0  # logs below the highest at which a hill is none
NO_X = "prior_beta is the prior of covariates' coefficients: give X="


class HeavyTailed(Sources, EstimatedGroups, MeanAndSpread):
    """Estimates about effects with a heavy-tailed law; a subclass gives the law and its words."""

    law: ScaleLaw

    def __init__(
        self, y: ArrayLike, se: ArrayLike | None, var: ArrayLike | None, labels: Labels,
        law: ScaleLaw, prior_mu: Any, prior_tau: TauPrior,
    ) -> None:  # fmt: skip
        self._take_estimates(y, se, var, labels)
        self.law = law
        self._priors: dict[str, Any] = {"prior_mu": prior_mu, "prior_tau": prior_tau}
        self.prior = resolve_prior(None, prior_mu, prior_tau, self.var)

    @property
    @abstractmethod
    def _law_words(self) -> str:
        """What the law is, in words."""

    def __repr__(self) -> str:
        name = type(self).__name__.removesuffix("Regression")
        return f"{name}: {self.sized}, {self._law_words}, {self._prior_words}"

    @property
    def _approximate(self) -> tuple[Floats, Floats]:
        return self.y, self.var

    @property
    def _table(self) -> Floats:
        return np.column_stack([self.y, self.var])

    # --- The target -----------------------------------------------------------------------------

    def _with_priors(self, posterior: bool, of_python: bool = False) -> kernel.MixturesWithPriors:
        (y, var), x, times = self._different
        beta = self._beta_prior
        return kernel.MixturesWithPriors(
            self.law.kernel, y, var, times, x, beta.mean, np.ascontiguousarray(beta.root),
            float(beta.log_density(beta.mean)), self._tau_prior(of_python) if posterior else None,
            posterior,
        )  # fmt: skip

    @cached_property
    def log_marginal_gradient(self) -> GradientDensity:
        """The log marginal posterior with its gradient and all constants."""
        return self._marginal_gradient()

    def _prior_of_posterior(self, phi: Floats) -> Floats:
        """The log prior at points (n, p), as posterior densities take it.

        A prior of tau that is next to nothing is held at exp(-1e6), or the likelihood would be lost
        in its rounding, and with it where the effects' means are.
        """
        log_tau = phi[:, -1]
        tau = self.prior.log_density(log_tau)
        held = np.where(tau == -np.inf, -np.inf, np.maximum(tau, LEAST_PRIOR)) + log_tau
        found: Floats = held + self._beta_prior.log_density(phi[:, :-1])
        return found

    # --- Where there is mass --------------------------------------------------------------------

    def _best_of(self, points: Floats) -> Floats:
        """The point with the highest posterior density; an error where the prior is held there."""
        best = super()._best_of(points)
        if not self.prior.log_density(best[-1:])[0] > LEAST_PRIOR:
            raise ValueError(
                f"the prior of tau ({self.prior.name}) is next to nothing wherever a search for "
                "mass looked: its peak is too narrow, or too far from what the data say; take a "
                "scipy.stats distribution, or a wider one"
            )
        return best

    @cached_property
    def tail_indices(self) -> tuple[float, float]:
        """Exponents of the posterior of log tau on both sides; inf where it falls faster.

        The law has a bounded density, which at large tau is flat over the estimates: a group has
        a power of tau as in the normal model, whatever the tails are.
        """
        zero, far = self.prior.structure(*self.scales).powers
        return zero + 1.0, far + self.y.size - 1.0 - self._flat

    def moment_index(self, name: str) -> float:
        """Exponent below which powers of mu, tau or theta_new have expectations.

        At a given tau the likelihood falls off in mu as a power, if the law does.
        """
        if name == "log_tau":
            return np.inf
        of_mu = np.inf
        if self.prior.mu is None:
            of_mu = min(self.tail_indices[1], self.y.size * (self.law.index + 1.0) - 1.0)
        if name == "mu":
            return of_mu
        of_tau = self.tail_indices[1]
        return of_tau if name == "tau" else min(of_mu, of_tau, self.law.index)

    def hills(self) -> tuple[Floats, float, float]:
        """The log tau at which the density in mu has several hills; the middle and reach of them.

        Each is at one of the estimates, or one of the many groups' quantiles.
        """
        low, high = self.scales
        rungs = np.linspace(low - 1.0, high, RUNGS if self.y.size < WORTH else 4)
        rungs = np.unique(np.clip(rungs, *self.support))
        mu = np.unique(self.y)
        if mu.size > FEW or self.y.size >= WORTH:
            mu = np.unique(np.quantile(self.y, np.linspace(0.0, 1.0, MOST)))
        mu = np.sort(np.concatenate([mu, 0.5 * (mu[1:] + mu[:-1])]))
        at = np.stack(np.broadcast_arrays(mu, rungs[:, None]), axis=-1).reshape(-1, 2)
        height = self.log_posterior(at).reshape(rungs.size, mu.size)
        padded = np.pad(height, ((0, 0), (1, 1)), constant_values=-np.inf)
        top = (height > padded[:, :-2]) & (height > padded[:, 2:]) & (height > height.max() - DEEP)
        middle = 0.5 * float(mu[0] + mu[-1])
        reach = max(0.25 * float(mu[-1] - mu[0]), float(self.se.max()))
        return rungs[top.sum(axis=1) > 1], middle, reach

    def inner_guess(self) -> tuple[Floats, Floats, Floats]:
        """Log tau, and the means and sds of mu in the normal model, each (n,)."""
        low, high = self.scales
        log_tau = np.linspace(low - 5.0, high + 60.0, 4 * int(high - low) + 260)
        precision = self.prior.mu_precision(log_tau)
        mean = 0.0 if self.prior.mu is None else self.prior.mu[0]
        least = float(self.var.min())
        share = least / (self.var + np.exp(2.0 * log_tau)[:, None])
        total = share.sum(axis=1) + precision * least
        centre = (share @ self.y + precision * least * mean) / total
        return log_tau, centre, np.sqrt(least / total)

    # --- Effects --------------------------------------------------------------------------------

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors, shape (..., groups): the part of the way from y to mu.

        Of a group's mean effect given phi; in a normal model that is var_j / (var_j + tau^2).
        """
        flat = np.ascontiguousarray(phi).reshape(-1, phi.shape[-1])
        factors = self._given_phi(flat)[3].T
        return np.ascontiguousarray(factors).reshape(*phi.shape[:-1], -1)

    def _given_phi(self, flat: Floats) -> Floats:
        """Log densities of estimates, moments and shrinkage of effects, (4, groups, nodes)."""
        log_tau = np.ascontiguousarray(flat[:, -1])
        return self.law.kernel.laws(self.y, self.var, self._eta(flat).T, log_tau)

    def theta_given(self, quantity: int | Ints | None, phi: Floats) -> ScaleMixture | TiltedMixture:
        """Distribution of a group's effect, or of a new group's (None), given phi (nodes, 2)."""
        if quantity is None:
            return ScaleMixture(self.law, phi[:, 0], phi[:, 1])
        own = np.ravel(quantity)
        return TiltedMixture(self.law, self.y[own], self.var[own], phi[:, 0], phi[:, 1])

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """Groups' own estimates; nothing of a new one (None)."""
        return MixtureOwn.of(quantities, self.y, self.var, self.law)

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of theta given phi, shape (..., groups): a component, then a normal."""
        groups = self.y.size
        flat = np.ascontiguousarray(phi).reshape(-1, phi.shape[-1])
        u = uniforms(rng, len(flat) * groups).reshape(len(flat), groups)
        z = np.ascontiguousarray(normals(rng, (len(flat),), groups))
        drawn = self.law.kernel.draws(
            self.y, self.var, np.ascontiguousarray(self._eta(flat)),
            np.ascontiguousarray(flat[:, -1]), u, z,
        )  # fmt: skip
        return drawn.reshape(*phi.shape[:-1], groups)

    def _noise(self, rng: Generator, draws: tuple[int, ...], groups: int) -> Floats:
        return self.law.draws(rng, (*draws, groups))
