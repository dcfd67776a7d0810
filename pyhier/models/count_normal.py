"""What the models of counts with normal effects share: theta_j ~ N(mu, tau^2), a logit or a log.

The data are binomial or Poisson. The effects are integrated out group by group, to rounding
(kernels/normal_effects); the coordinates are (mu, log tau).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats, Ints
from pyhier._validation import not_negative, number
from pyhier.distributions.families import Normal
from pyhier.distributions.tilted import Counts, TiltedNormal
from pyhier.kernels import normal_effects as kernel
from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.joint import NormalEffects
from pyhier.models.covariates import LOG_2PI, NormalPrior, of_mean
from pyhier.models.groups import Grouped, Labels
from pyhier.models.joint import AS_IS, Joint, Kind, NormalEffectTargets, python_prior, standard
from pyhier.models.normal_likelihood import ridge as normal_ridge
from pyhier.models.normal_priors import NormalPriors
from pyhier.models.own_likelihood import CountOwn, OwnLikelihood
from pyhier.models.weights import residuals, weight_spread, weighted_mean
from pyhier.priors.tau import TauPrior, resolve_prior
from pyhier.quadrature.axes import Axis, coordinate_axis

BLOCK = 2**18  # effects drawn at a time
POOLING, SHARES = 60, 0.5 ** np.arange(12.0)  # Newton's steps, and what is tried of each


class CountNormal(NormalEffectTargets, NormalPriors, Grouped):
    """Counts with normal effects; subclasses give the data and their words.

    They set ``data`` (`Counts`) and ``_approximate``, and call `_take`.
    """

    coordinates: tuple[str, ...] = ("mu", "log_tau")
    location = 0
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
        mu = self.prior.mu
        centre = "flat" if mu is None else f"normal({mu[0]:g}, {mu[1]:g})"
        return f"{type(self).__name__}: {self.sized}, mu {centre}, tau {self.prior.name}"

    # --- What a subclass must say ---------------------------------------------------------------

    @property
    @abstractmethod
    def _approximate(self) -> tuple[Floats, Floats]:
        """Finite estimates of the groups' effects and their variances: half a count is added."""

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

    _both: str  # what groups must have for their data to bound their effects

    # --- Targets --------------------------------------------------------------------------------

    def _with_priors(self, posterior: bool, of_python: bool = False) -> kernel.CountsWithPriors:
        """The compiled data and priors; a prior of tau that is Python's perhaps with its slope."""
        table, design = self.counts.data.T, self._design
        if design is not None:
            table = np.column_stack([table, design])
        table, times = np.unique(table, axis=0, return_counts=True)
        own = len(self.counts.data)
        x = None if design is None else np.ascontiguousarray(table[:, own:])
        beta = self._beta_prior
        return kernel.CountsWithPriors(
            self.counts.kind, np.ascontiguousarray(table[:, :own].T), self.counts.tables,
            times.astype(np.float64), x, beta.mean, np.ascontiguousarray(beta.root),
            float(beta.log_density(beta.mean)), self._tau_prior(of_python) if posterior else None,
            posterior,
        )  # fmt: skip

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

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of (mu, log tau), theta integrated out, with all constants.

        A compiled function: call it with a point of shape (2,).
        """
        return kernel.CountsMarginal(self._with_priors(True))

    def _marginal_gradient(self) -> GradientDensity:
        return kernel.CountsMarginalGradient(self._with_priors(True, True))

    @cached_property
    def _likelihood(self) -> kernel.CountsWithPriors:
        return self._with_priors(False)

    @cached_property
    def _log_likelihood(self) -> LogDensity:
        return kernel.CountsMarginal(self._likelihood)

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of (mu, log tau), theta integrated out, with all constants, shape (n,)."""
        return self._log_likelihood.evaluate(phi)

    def log_posterior(self, phi: Floats) -> Floats:
        """``log_marginal`` at many points, shape (n, 2), at once."""
        return self.log_marginal_likelihood(phi) + self.log_prior(phi)

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
        return self._likelihood.derivatives(phi)

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
            need = 2 + self._flat
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
    def scales(self) -> tuple[float, float]:
        """Where log tau matters: the least sd of anything at tau = 0, the widest spread."""
        y, var = self._approximate
        least = -0.5 * log(float((1.0 / var).sum()))
        widest = max(float(np.ptp(y)), float(np.sqrt(var.max())))
        low, high = self.support
        return min(max(least, low), high), min(max(log(widest), low), high)

    @cached_property
    def support(self) -> tuple[float, float]:
        """The log tau that the prior allows."""
        low, high = self.prior.support
        return log(low) if low > 0.0 else -inf, log(high)

    @cached_property
    def tail_indices(self) -> tuple[float, float]:
        """Exponents of the posterior of log tau on both sides; inf where it falls faster.

        It behaves like exp(left * log tau) towards tau = 0 and exp(-right * log tau) for large
        tau: there a group whose data bound its effect has a probability that falls as 1 / tau, and
        one whose data do not has half of one.
        """
        zero, far = self.prior.structure(*self.scales).powers
        return zero + 1.0, far + float(self._bounded.sum()) - 1.0 - self._flat

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
        return ladder

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
        """(mu, log tau) by the method of moments (DerSimonian and Laird 1986), tau perhaps 0.

        Of the estimates with half a count added.
        """
        y, var = self._approximate
        weights, spare = 1.0 / var, weight_spread(1.0 / var)
        excess = float(weights @ residuals(y, weights) ** 2) - (y.size - 1)
        tau2 = max(0.0, excess / spare) if y.size > 1 else 0.0
        with np.errstate(divide="ignore"):
            log_tau = 0.5 * np.log(tau2)
        return np.array([weighted_mean(y, 1.0 / (var + tau2))[0], log_tau])

    # --- Effects --------------------------------------------------------------------------------

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """Mu and tau, each of shape (...)."""
        return {"mu": phi[..., 0], "tau": np.exp(phi[..., 1])}

    def phi_at(self, **values: float) -> Floats:
        """(mu, log tau) at ``mu=`` and ``tau=``; tau may be 0."""
        if set(values) != {"mu", "tau"}:
            raise ValueError(f"the hyperparameters are mu and tau: {sorted(values)} were given")
        mu, tau = number("mu", values["mu"]), not_negative("tau", values["tau"])
        with np.errstate(divide="ignore"):
            return np.array([mu, np.log(tau)])

    def axis(self, name: str) -> Axis | None:
        """The axis of mu or of tau; None for a name that is neither."""
        axes = {"mu": coordinate_axis(0), "tau": coordinate_axis(1, "log")}
        return axes.get(name)

    def moment_index(self, name: str) -> float:
        """Exponent below which powers of mu, tau or theta_new have expectations."""
        own = name == "mu" and self.prior.mu is not None
        return np.inf if own or name == "log_tau" else self.tail_indices[1]

    def _eta(self, phi: Floats) -> Floats:
        """The effects' means, shape (..., 1) or (..., groups)."""
        return phi[..., :1]

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
        drawn = np.empty(eta.size)
        for start in range(0, eta.size, BLOCK):
            left = np.arange(start, min(start + BLOCK, eta.size))
            while left.size:
                u = uniforms(rng, 2 * left.size)
                row, group = np.divmod(left, groups)
                found = kernel.draws(
                    self.counts.kind, self.counts.data, self.counts.tables, group.astype(np.int64),
                    eta[left], np.ascontiguousarray(flat[row, -1]), u[: left.size], u[left.size :],
                )  # fmt: skip
                taken = ~np.isnan(found)
                drawn[left[taken]] = found[taken]
                left = left[~taken]
        return drawn.reshape(*phi.shape[:-1], groups)

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effect of a new group, N(mu, tau^2), shape (...)."""
        return phi[..., 0] + np.exp(phi[..., 1]) * normals(rng, phi.shape[:-1], 1)[..., 0]

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log probability of each group's count given theta, shape (..., groups)."""
        return self.counts.log_likelihood(theta)
