"""Priors of log odds ratios' mean and spread, and of those of the studies' risks."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats
from pyhier.kernels.density import LogDensity
from pyhier.models.covariates import LOG_2PI
from pyhier.models.level_priors import level_priors
from pyhier.priors.differences import STEPS, five_point
from pyhier.priors.tau import ResolvedPrior, TauPrior, resolve_prior

MEANS, SPREADS = ("mu", "alpha"), ("tau", "sigma")
INSIDE = 0.05  # share of a narrow range that a ladder keeps off both ends


@dataclass(frozen=True, eq=False)
class RiskPriors(Frozen):
    """Independent priors of (mu, log tau, alpha, log sigma).

    Attributes
    ----------
    resolved : (ResolvedPrior, ResolvedPrior)
        Of (mu, tau), and of (alpha, sigma).
    """

    resolved: tuple[ResolvedPrior, ResolvedPrior]

    @property
    def words(self) -> str:
        """The priors as a model shows them."""
        parts = []
        for prior, mean, spread in zip(self.resolved, MEANS, SPREADS, strict=True):
            centre = "flat" if prior.mu is None else f"normal({prior.mu[0]:g}, {prior.mu[1]:g})"
            parts += [f"{mean} {centre}", f"{spread} {prior.name}"]
        return ", ".join(parts)

    @property
    def flat(self) -> tuple[bool, bool]:
        """Whether the priors of mu and of alpha are flat."""
        first, second = self.resolved
        return first.mu is None, second.mu is None

    @property
    def normal(self) -> tuple[Floats, Floats, float]:
        """Means and roots of the precisions of mu and alpha, 0 where flat; the log constant."""
        known = [prior.mu for prior in self.resolved]
        mean = np.array([0.0 if one is None else one[0] for one in known])
        root = np.array([0.0 if one is None else 1.0 / one[1] for one in known])
        constant = sum(np.log(one) - 0.5 * LOG_2PI for one in root[root > 0.0])
        return mean, root, float(constant)

    @property
    def densities(self) -> tuple[LogDensity | None, LogDensity | None]:
        """Log densities of both spreads at their logs, for the kernels."""
        first, second = self.resolved
        return first.density, second.density

    @property
    def compiled(self) -> bool:
        """Whether none of them is a function in Python."""
        return all(one is None or one.compiled for one in self.densities)

    @property
    def why_improper(self) -> str:
        """Which is improper; empty when none is."""
        for prior, mean, spread in zip(self.resolved, MEANS, SPREADS, strict=True):
            if prior.mu is None:
                return f"the flat prior of {mean}"
            if not prior.proper:
                name = f"the prior of {spread} ({prior.name})"
                return f"{name}, which is not known to integrate to one"
        return ""

    @property
    def bounds(self) -> Floats:
        """Ends of what each coordinate may be, shape (2, 4)."""
        with np.errstate(divide="ignore"):
            ends = [np.log(np.array(prior.support)) for prior in self.resolved]
        line = np.array([-np.inf, np.inf])
        return np.column_stack([line, ends[0], line, ends[1]])

    def ladder(self, k: int, middle: float, rungs: Floats) -> Floats:
        """Places of a log spread about one, or about where the prior is, within its ends."""
        low, high = self.bounds[:, 2 * k + 1]
        known = self.resolved[k].structure(middle, middle)
        middle = min(max(middle, known.low), known.high) if known.low < known.high else middle
        if high - low < 10.0:
            return np.linspace(low, high, rungs.size + 2)[1:-1]
        room = INSIDE * min(high - low, 20.0)
        found = np.clip(middle + rungs, low + room, high - room)
        return found if np.unique(found).size == rungs.size else found[0] + 0.1 * rungs

    def log_density(self, phi: Floats) -> Floats:
        """Log prior density, shape (...); flat ones count as 1."""
        logs = phi[..., 1::2]
        density = logs.sum(axis=-1)
        mean, root, constant = self.normal
        away = root * (phi[..., ::2] - mean)
        density = density + constant - 0.5 * (away * away).sum(axis=-1)
        for k, prior in enumerate(self.resolved):
            if prior.density is not None:
                density = density + prior.log_density(logs[..., k])
        return np.where((logs == -np.inf).any(axis=-1), -np.inf, density)

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Slopes and curvatures of it at one point, each (4,)."""
        mean, root, _ = self.normal
        slope, curvature = np.zeros(4), np.zeros(4)
        slope[::2], curvature[::2] = -(root**2) * (phi[::2] - mean), -(root**2)
        for k, prior in enumerate(self.resolved):
            at = 2 * k + 1
            slope[at], curvature[at] = five_point(prior.log_density(phi[at] + STEPS))
            slope[at] += 1.0
        return slope, curvature

    def draws(self, n: int, rng: Generator) -> Floats:
        """Draws of proper ones, shape (n, 4)."""
        mean, root, _ = self.normal
        found = np.empty((n, 4))
        for k, prior in enumerate(self.resolved):
            found[:, 2 * k + 1] = prior.draw_log_tau(uniforms(rng, n))
        found[:, ::2] = mean + normals(rng, (n,), 2) / root
        return found


def risk_priors(
    prior_mu: Any,
    prior_tau: TauPrior,
    prior_alpha: Any,
    prior_sigma: TauPrior,
    var: Floats,
    var_of_risks: Floats,
) -> RiskPriors:
    """Check a model's prior arguments and resolve them."""
    effects = resolve_prior(None, prior_mu, prior_tau, var)
    spread = level_priors({"sigma": prior_sigma}, ("sigma",), "prior_sigma").resolved[0]
    try:
        centre = resolve_prior(None, prior_alpha, "uniform", var_of_risks).mu
    except (ValueError, TypeError) as error:
        raise type(error)(str(error).replace("prior_mu", "prior_alpha")) from error
    return RiskPriors((effects, replace(spread, mu=centre)))
