"""The coordinates (mu, log tau) of the models of a mean and a spread, and their prior."""

from collections.abc import Mapping
from functools import cached_property
from math import inf, log

import numpy as np

from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats
from pyhier._validation import not_negative, number
from pyhier.models.covariates import LOG_2PI
from pyhier.priors.differences import STEPS, five_point
from pyhier.priors.tau import ResolvedPrior
from pyhier.quadrature.axes import Axis, coordinate_axis


class NormalPriors:
    """What the coordinates are, and what follows from the resolved priors of mu and tau."""

    coordinates: tuple[str, ...] = ("mu", "log_tau")
    location = 0
    prior: ResolvedPrior

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

    @cached_property
    def support(self) -> tuple[float, float]:
        """The log tau that the prior allows."""
        low, high = self.prior.support
        return log(low) if low > 0.0 else -inf, log(high)

    def why_improper(self) -> str:
        """Which prior is improper; empty when both are proper."""
        if self.prior.mu is None:
            return "the flat prior of mu"
        return self._why_tau()

    def _why_tau(self) -> str:
        if not self.prior.proper:
            return f"the prior of tau ({self.prior.name}), which is not known to integrate to one"
        return ""

    @property
    def _flat(self) -> int:
        """How many coefficients have a flat prior."""
        return int(self.prior.mu is None)

    def log_prior_at(self, coefficient: str, value: float) -> float:
        """Log prior density of mu at a value, where it does not depend on tau."""
        if self.prior.mu is None or self.prior.tied:
            raise ValueError("the prior of mu must be a normal one of its own: prior_mu=norm(m, s)")
        mean, sd = self.prior.mu
        return float(-0.5 * ((value - mean) / sd) ** 2 - 0.5 * LOG_2PI - log(sd))

    def _prior_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Of the log prior of (mu, log tau)."""
        slope, curvature = self._tau_derivatives(phi[1])
        gradient, hessian = np.array([0.0, slope + 1.0]), np.diag([0.0, curvature])
        if self.prior.mu is not None:
            precision = self.prior.mu_precision(phi[1:])[0]
            away = phi[0] - self.prior.mu[0]
            gradient[0] -= precision * away
            hessian[0, 0] -= precision
            if self.prior.tied:
                gradient[1] += precision * away**2 - 1.0
                hessian[1, 1] -= 2.0 * precision * away**2
                hessian[[0, 1], [1, 0]] += 2.0 * precision * away
        return gradient, hessian

    def _tau_derivatives(self, log_tau: float) -> tuple[float, float]:
        """Of the log prior of tau in log tau; NaN beyond an edge."""
        return five_point(self.prior.log_density(log_tau + STEPS))

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of (mu, log tau), shape (...)."""
        log_tau = phi[..., 1]
        density = self.prior.log_density(log_tau) + log_tau
        if self.prior.mu is not None:
            with np.errstate(over="ignore", invalid="ignore"):  # tied to a tau of 0
                precision = self.prior.mu_precision(log_tau)
                away = phi[..., 0] - self.prior.mu[0]
                density = density + 0.5 * (np.log(precision) - LOG_2PI - precision * away**2)
        return np.where(log_tau == -np.inf, -np.inf, density)

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of (mu, log tau) from the prior, shape (n, 2)."""
        if self.prior.mu is None or not self.prior.proper:
            raise ValueError(f"there are no draws of {self.why_improper()}: give proper priors")
        log_tau = self.prior.draw_log_tau(uniforms(rng, n))
        sd = 1.0 / np.sqrt(self.prior.mu_precision(log_tau))
        return np.column_stack([self.prior.mu[0] + sd * normals(rng, (n,), 1)[:, 0], log_tau])
