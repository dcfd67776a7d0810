"""The normal model with known standard errors, the one of the eight schools.

y_j ~ N(theta_j, se_j^2), theta_j ~ N(mu, tau^2): Gelman et al., Bayesian Data Analysis (3rd ed.),
section 5.4, whose notation this file keeps. The coordinates are (mu, log tau).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._random import normals
from pyhier._validation import each_group, vector
from pyhier.kernels.density import LogDensity, NormalMarginal
from pyhier.models.protocol import Generator
from pyhier.priors import TauPrior, mu_parameters, tau_density

Floats = NDArray[np.float64]


class NormalNormal:
    """Group estimates with known standard errors, and normally distributed group effects.

    Parameters
    ----------
    y : array_like, shape (groups,)
        The estimate of each group.
    se, var : array_like, shape (groups,)
        Its standard error, or its sampling variance: give exactly one of them.
    labels : sequence, optional
        Names of the groups; "1", "2", ... without it.
    prior_mu : scipy.stats.norm(mean, sd), optional
        The prior of mu; flat without it.
    prior_tau : "uniform", frozen distribution or callable
        The prior of tau: flat, a ``scipy.stats`` frozen distribution on the half line, or a
        callable that returns the log density at a tau. It is independent of mu.

    Raises
    ------
    ValueError, TypeError
        If the data cannot be used, naming the argument and the first group; or if the posterior is
        improper, naming a prior that mends it.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    NormalNormal: 8 groups, standard errors given (se), mu flat, tau uniform
    """

    coordinates = ("mu", "log_tau")

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        labels: Sequence[Any] | ArrayLike | None = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
    ) -> None:
        if (se is None) == (var is None):
            raise ValueError(
                "give se= (standard errors) or var= (sampling variances): "
                + ("neither was given" if se is None else "both were given")
            )
        self.y = vector("y", y)
        self._labels = _as_labels(labels, self.y.size)
        self._given = "se" if var is None else "var"
        spread = vector(self._given, se if var is None else var)
        self._check_groups(spread)
        self.var = spread * spread if var is None else spread
        self.se = spread if var is None else np.sqrt(spread)
        self.prior_mu, self.prior_tau = prior_mu, prior_tau
        self._mu = mu_parameters(prior_mu)
        self._log_prior_tau = tau_density(prior_tau)
        self._check_proper()
        for array in (self.y, self.se, self.var):
            array.flags.writeable = False

    def _check_groups(self, spread: Floats) -> None:
        name, y = self._given, self.y
        if spread.size != y.size:
            raise ValueError(
                f"y has {y.size} groups and {name} has {spread.size}: give one {name} a group"
            )
        each_group("y", y, np.isfinite(y), self.label, "estimates must be finite")
        kind = "standard errors" if name == "se" else "sampling variances"
        square = spread * spread if name == "se" else spread
        valid = (spread > 0.0) & np.isfinite(spread)
        each_group(name, spread, valid, self.label, f"{kind} must be positive and finite")
        # Squares of the numbers, and those over one another, must stay within a double.
        valid = (square >= 1e-140) & (square <= 1e140) & (np.abs(y) <= 1e70)
        each_group(name, spread, valid, self.label, "rescale the data: its square leaves a double")

    def _check_proper(self) -> None:
        """A uniform tau needs its likelihood to fall faster than 1 / tau."""
        needed = 3 if self._mu is None else 2
        if self._log_prior_tau is None and self.y.size < needed:
            scale = float(f"{np.max(self.se):.1g}")
            raise ValueError(
                f"the posterior of {self.y.size} group{'s' * (self.y.size > 1)} is improper under "
                f"the uniform prior of tau, which needs at least {needed}: give a proper prior, "
                f"such as prior_tau=scipy.stats.halfcauchy(scale={scale:g})"
            )

    def __repr__(self) -> str:
        given = "standard errors given (se)" if self._given == "se" else "variances given (var)"
        mu = "flat" if self._mu is None else f"normal({self._mu[0]:g}, {self._mu[1]:g})"
        tau = self.prior_tau if isinstance(self.prior_tau, str) else "callable"
        if hasattr(self.prior_tau, "dist"):
            tau = self.prior_tau.dist.name
        return f"NormalNormal: {self.y.size} groups, {given}, mu {mu}, tau {tau}"

    def label(self, j: int) -> str:
        """Name of group ``j``, counted from 0."""
        return str(j + 1) if self._labels is None else self._labels[j]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the groups."""
        return tuple(map(self.label, range(self.y.size)))

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of (mu, log tau), theta integrated out, up to a constant.

        A compiled function: call it with a point of shape (2,). The terms and the sum are taken
        in R's order, without the constant 2 pi.
        """
        return NormalMarginal(self.y, self.var, self._mu, self._log_prior_tau)

    def start(self) -> Floats:
        """The best of a ladder of log tau, each with the mu that is most likely there."""
        top = max(np.ptp(self.y), np.max(self.se))
        ladder = np.linspace(np.log(np.min(self.se) / 10.0), np.log(10.0 * top), 25)
        points = np.array(
            [
                [self._mu_given(tau)[0], log_tau]
                for tau, log_tau in zip(np.exp(ladder), ladder, strict=True)
            ]
        )
        best: Floats = points[np.argmax(self.log_marginal.evaluate(points, fast=True))]
        return best

    def _mu_given(self, tau: float) -> tuple[float, float]:
        """Mean and precision of mu given tau: BDA3 eq. 5.20, with the prior of mu added."""
        weights = 1.0 / (self.var + tau * tau)
        precision, total = weights.sum(), (weights * self.y).sum()
        if self._mu is not None:
            precision += 1.0 / self._mu[1] ** 2
            total += self._mu[0] / self._mu[1] ** 2
        return total / precision, precision

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log marginal at one (mu, log tau)."""
        tau2 = np.exp(2.0 * phi[1])
        weights = 1.0 / (self.var + tau2)
        residuals = self.y - phi[0]
        pull = weights * residuals  # d / d mu
        share = weights * tau2
        excess = pull * residuals - 1.0
        mu_gradient, mu_precision = pull.sum(), weights.sum()
        if self._mu is not None:
            mu_gradient += (self._mu[0] - phi[0]) / self._mu[1] ** 2
            mu_precision += 1.0 / self._mu[1] ** 2
        slope, curvature = self._prior_derivatives(phi[1])
        cross = -2.0 * (share * pull).sum()
        tau_curvature = 2.0 * (share * (excess * (1.0 - share) - share * (excess + 1.0))).sum()
        gradient = np.array([mu_gradient, (share * excess).sum() + 1.0 + slope])
        hessian = np.array([[-mu_precision, cross], [cross, tau_curvature + curvature]])
        return gradient, hessian

    def _prior_derivatives(self, log_tau: float) -> tuple[float, float]:
        """First and second derivative in log tau of the prior of tau, by five-point differences."""
        prior = self._log_prior_tau
        if prior is None:
            return 0.0, 0.0
        h = 1e-3
        a, b, c, d, e = (prior(np.array([log_tau + k * h])) for k in (-2, -1, 0, 1, 2))
        slope = (a - 8 * b + 8 * d - e) / (12 * h)
        return slope, (-a + 16 * b - 30 * c + 16 * d - e) / (12 * h * h)

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """Mu and tau, each of shape (...)."""
        return {"mu": phi[..., 0], "tau": np.exp(phi[..., 1])}

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors B_j = var_j / (var_j + tau^2), shape (..., groups)."""
        tau2 = np.exp(2.0 * phi[..., 1, np.newaxis])
        factors: Floats = self.var / (self.var + tau2)
        return factors

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of theta given (mu, tau), shape (..., groups): BDA3 eq. 5.17."""
        shrinkage = self.pooling(phi)
        theta = normals(rng, phi.shape[:-1], self.y.size)
        theta *= np.exp(phi[..., 1, np.newaxis]) * np.sqrt(shrinkage)  # V_j = tau^2 B_j
        theta += self.y + shrinkage * (phi[..., 0, np.newaxis] - self.y)
        return theta

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effect of a new group, N(mu, tau^2), shape (...)."""
        return phi[..., 0] + np.exp(phi[..., 1]) * normals(rng, phi.shape[:-1], 1)[..., 0]

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of new estimates of the same groups, N(theta_j, se_j^2), shape (..., groups)."""
        return theta + self.se * normals(rng, theta.shape[:-1], self.y.size)

    def observed(self) -> Mapping[str, Floats]:
        """The data: y and se of each group."""
        return {"y": self.y, "se": self.se}


def _as_labels(labels: Any, groups: int) -> tuple[str, ...] | None:
    if labels is None:
        return None
    names = tuple(map(str, labels))
    if len(names) != groups:
        raise ValueError(f"y has {groups} groups and labels has {len(names)}: give one a group")
    if len(set(names)) != groups:
        twice = next(name for j, name in enumerate(names) if name in names[:j])
        raise ValueError(f"labels has {twice!r} more than once: give every group its own name")
    return names
