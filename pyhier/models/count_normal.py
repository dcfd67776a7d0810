"""What the models of counts with normal effects share: theta_j ~ N(mu, tau^2), a logit or a log.

The data are binomial or Poisson. The effects are integrated out group by group, to rounding
(kernels/normal_effects); the coordinates are (mu, log tau).
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats, Ints
from pyhier.distributions.families import Normal
from pyhier.distributions.tilted import Counts, TiltedNormal
from pyhier.kernels import normal_effects as kernel
from pyhier.kernels.joint import NormalEffects
from pyhier.models.covariates import LOG_2PI
from pyhier.models.groups import Labels
from pyhier.models.joint import AS_IS, Joint, Kind, NormalEffectTargets, standard
from pyhier.models.mean_and_spread import MeanAndSpread
from pyhier.models.own_likelihood import CountOwn, OwnLikelihood
from pyhier.priors.tau import TauPrior, resolve_prior

BLOCK = 2**18  # effects drawn at a time


class CountNormal(MeanAndSpread, NormalEffectTargets):
    """Counts with normal effects; subclasses give the data and their words.

    They set ``data`` (`Counts`) and ``_approximate``, and call `_take`.
    """

    counts: Counts

    def __init__(
        self, groups: int, labels: Labels, counted: str, prior_mu: Any, prior_tau: TauPrior
    ) -> None:
        super().__init__(groups, labels, counted)
        self._priors: dict[str, Any] = {"prior_mu": prior_mu, "prior_tau": prior_tau}

    def _take(self, counts: Counts) -> None:
        """Take checked counts; priors that the data scale need them."""
        self.counts = counts
        counts.data.flags.writeable = False
        prior_mu, prior_tau = self._priors["prior_mu"], self._priors["prior_tau"]
        self.prior = resolve_prior(None, prior_mu, prior_tau, self._approximate[1])

    def __repr__(self) -> str:
        name = type(self).__name__.removesuffix("Regression")
        return f"{name}: {self.sized}, {self._prior_words}"

    # --- What a subclass must say ---------------------------------------------------------------

    @property
    @abstractmethod
    def _bounded(self) -> NDArray[np.bool_]:
        """Which groups' data keep their effects from both ends of the line."""

    @abstractmethod
    def _why_not_mu(self) -> str:
        """Why nothing keeps mu from an end under a flat prior; empty where something does."""

    @abstractmethod
    def _coefficients(self) -> Floats:
        """Logs of binomial coefficients, or of their like, shape (groups,)."""

    @property
    def _growing(self) -> int:
        """How many groups' likelihoods grow like the size of their effects."""
        return 0

    _both: str  # what groups must have for their data to bound their effects

    @property
    def _table(self) -> Floats:
        return self.counts.data.T

    # --- Targets --------------------------------------------------------------------------------

    def _with_priors(self, posterior: bool, of_python: bool = False) -> kernel.CountsWithPriors:
        data, x, times = self._different
        beta = self._beta_prior
        return kernel.CountsWithPriors(
            self.counts.kind, data, self.counts.tables, times, x, beta.mean,
            np.ascontiguousarray(beta.root), float(beta.log_density(beta.mean)),
            self._tau_prior(of_python) if posterior else None, posterior,
        )  # fmt: skip

    def _joint(self, kind: Kind) -> Joint:
        beta, design = self._beta_prior, self._design
        y, size, *_, offset, start = self.counts.data
        constant = float(self._coefficients().sum()) - 0.5 * y.size * LOG_2PI
        constant += float(beta.log_density(beta.mean))
        density = NormalEffects(
            self.counts.kind, y, size, kind == "centred", constant, beta.mean,
            np.ascontiguousarray(beta.root), self._tau_prior(True), 0.0, design, offset,
            self.counts.tables, start,
        )  # fmt: skip
        chart = standard(design) if kind == "non-centred" else AS_IS
        return Joint(self, kind, density, chart, self.marginal.bounds)

    # --- Where there is mass --------------------------------------------------------------------

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where it is proper."""
        if self.prior.mu is None and (why := self._why_not_mu()):
            return (
                f"the posterior is improper under the flat prior of mu: {why}; give a proper "
                "prior, such as prior_mu=scipy.stats.norm(0, 2)"
            )
        return self._why_not_tau()

    def _why_not_tau(self) -> str:
        """Why tau has no posterior; empty where it has."""
        left, right = self.tail_indices
        if left > 1e-6 and right > 1e-6:
            return ""
        bounded = int(self._bounded.sum())
        if self.prior.name == "uniform":
            need = 2 + self._flat + self._growing
            why = f"the uniform prior of tau, which needs at least {need} groups with {self._both}"
        else:
            where = "tau = 0" if left <= 1e-6 else "large tau"
            why = f"this prior of tau: it has infinite mass at {where}"
        return (
            f"the posterior of {self.sized}, {bounded} of them with {self._both}, is improper "
            f"under {why}: give a proper prior, such as "
            "prior_tau=scipy.stats.halfnorm(scale=1)"
        )

    @cached_property
    def tail_indices(self) -> tuple[float, float]:
        """Exponents of the posterior of log tau on both sides; inf where it falls faster.

        It behaves like exp(left * log tau) towards tau = 0 and exp(-right * log tau) for large
        tau: there a group whose data bound its effect has a probability that falls as 1 / tau, and
        one whose data do not has half of one, or grows as tau.
        """
        zero, far = self.prior.structure(*self.scales).powers
        held = float(self._bounded.sum()) - self._growing
        return zero + 1.0, far + held - 1.0 - self._flat

    # --- Effects --------------------------------------------------------------------------------

    def moment_index(self, name: str) -> float:
        """Exponent below which powers of mu, tau or theta_new have expectations."""
        own = name == "mu" and self.prior.mu is not None
        return np.inf if own or name == "log_tau" else self.tail_indices[1]

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors, shape (..., groups): an effect's variance given phi over tau^2.

        In a normal model that is var_j / (var_j + tau^2).
        """
        flat = np.ascontiguousarray(phi).reshape(-1, phi.shape[-1])
        log_tau = np.maximum(flat[:, -1], -300.0)
        eta = self._eta(flat).T
        var = self.counts.laws(eta, log_tau)[2]
        factors = np.minimum(var * np.exp(-2.0 * log_tau), 1.0).T
        return np.ascontiguousarray(factors).reshape(*phi.shape[:-1], -1)

    def theta_given(self, quantity: int | Ints | None, phi: Floats) -> Normal | TiltedNormal:
        """Distribution of a group's effect, or of a new group's (None), given phi (nodes, 2)."""
        if quantity is None:
            return Normal(phi[:, 0], np.exp(2.0 * phi[:, 1]))
        return TiltedNormal(self.counts.take(quantity), phi[:, 0], phi[:, 1])

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """What groups' counts say of their effects; nothing of a new group's (None)."""
        places = [len(self.labels) if k is None else k for k in quantities]
        return CountOwn(self.counts.with_none().take(places))

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of theta given phi, shape (..., groups), by rejection."""
        groups = len(self.labels)
        flat = np.ascontiguousarray(phi).reshape(-1, phi.shape[-1])
        eta = np.broadcast_to(self._eta(flat), (len(flat), groups)).ravel()
        row, group = np.divmod(np.arange(eta.size), groups)
        drawn = drawn_effects(self.counts, group, eta, flat[row, -1], rng)
        return drawn.reshape(*phi.shape[:-1], groups)

    def _noise(self, rng: Generator, draws: tuple[int, ...], groups: int) -> Floats:
        return normals(rng, draws, groups)

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log probability of each group's count given theta, shape (..., groups)."""
        return self.counts.log_likelihood(theta)


def drawn_effects(
    counts: Counts, group: Ints, eta: Floats, log_tau: Floats, rng: Generator
) -> Floats:
    """Exact draws of effects of groups, one each, given their means and log sds, (n,)."""
    drawn = np.empty(eta.size)
    for start in range(0, eta.size, BLOCK):
        left = np.arange(start, min(start + BLOCK, eta.size))
        while left.size:
            u = uniforms(rng, 2 * left.size)
            found = kernel.draws(
                counts.kind, counts.data, counts.tables, group[left].astype(np.int64), eta[left],
                log_tau[left], u[: left.size], u[left.size :],
            )  # fmt: skip
            taken = ~np.isnan(found)
            drawn[left[taken]] = found[taken]
            left = left[~taken]
    return drawn
