"""The normal model with known standard errors, the one of the eight schools.

y_j ~ N(theta_j, se_j^2), theta_j ~ N(mu, tau^2): Gelman et al., Bayesian Data Analysis (3rd ed.),
section 5.4, whose notation this file keeps. The coordinates are (mu, log tau).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from inspect import Signature, signature
from math import inf, log
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, normals
from pyhier._types import Floats, Ints
from pyhier.distributions.families import Normal
from pyhier.kernels import normal_groups as kernel
from pyhier.kernels.density import LogDensity, NormalMarginal
from pyhier.models import normal_likelihood as likelihood
from pyhier.models.covariates import LOG_2PI
from pyhier.models.groups import Labels
from pyhier.models.normal_data import EstimatedGroups
from pyhier.models.normal_joint import NormalTargets
from pyhier.models.normal_priors import NormalPriors
from pyhier.models.own_likelihood import NormalOwn, OwnLikelihood, of_groups
from pyhier.models.reductions import Collapsed, Linear
from pyhier.models.sources import Sources
from pyhier.models.variance_bins import SummedGroups, binned
from pyhier.models.weights import weighted_mean
from pyhier.priors.shapes import shape_of
from pyhier.priors.structure import around
from pyhier.priors.tau import NormalInvChi2, TauPrior, resolve_prior
from pyhier.quadrature.modes import peak_on_line
from pyhier.quadrature.panels import Shape

MANY = 100_000  # groups that stand as sums
NARROW = 0.5  # of log tau: peaks that panels might pass over


class NormalNormal(Sources, NormalTargets, NormalPriors, EstimatedGroups):
    """Group estimates with known standard errors, and normally distributed group effects.

    Parameters
    ----------
    y : array_like, shape (groups,)
        The estimate of each group.
    se, var : array_like, shape (groups,)
        Its standard error, or its sampling variance: give exactly one of them.
    labels : sequence, optional
        Names of the groups; "1", "2", ... without it.
    X : frame or array, shape (groups,) or (groups, covariates), optional
        Covariates of the groups: theta_j ~ N(x_j' beta, tau^2). An intercept is added where no
        column is constant. Categories are coded by `from_formula`.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it: ``{"latitude": scipy.stats.norm(0, 1)}``,
        the others flat, or a normal one of all of them.
    cov : list of arrays, or matrix, optional
        In place of ``se`` or ``var`` the sampling covariance of all estimates, where several of a
        study share a control group: a block a study, in the order of the groups, or the whole
        matrix, dense or of scipy.sparse.
    prior_mu : scipy.stats.norm(mean, sd), optional
        The prior of mu; flat without it.
    prior_tau : str, frozen distribution or callable
        The prior of tau: ``"uniform"`` or another of `pyhier.PRIOR_NAMES` (Roever 2020), a
        ``scipy.stats`` frozen distribution on the half line, or a callable that returns the log
        density at a tau. It is independent of mu.
    prior : NormalInvChi2, optional
        A joint prior of mu and tau, in place of the two.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first group.

    Notes
    -----
    With one or two groups the flat priors make no posterior: the engines say so and name a prior
    that mends it. What leaves the priors alone, such as `random_effects`, works with any number.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    NormalNormal: 8 groups, standard errors given (se), mu flat, tau uniform
    """

    coordinates: tuple[str, ...] = ("mu", "log_tau")
    coefficients: tuple[str, ...] = ("mu",)
    location = 0

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    with_covariates: ClassVar[type["NormalNormal"]]  # what __new__ makes where X or cov is given

    def __new__(cls, *_: Any, X: Any = None, cov: Any = None, **__: Any) -> "NormalNormal":  # noqa: N803
        """Make the model; with covariates or correlated estimates one that knows of them."""
        general = cls is NormalNormal and not (X is None and cov is None)
        return object.__new__(cls.with_covariates if general else cls)

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        X: None = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: None = None,
        cov: None = None,
        labels: Labels = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
        prior: NormalInvChi2 | None = None,
    ) -> None:
        if prior_beta is not None:
            raise ValueError("prior_beta is the prior of covariates' coefficients: give X=")
        self._take_estimates(y, se, var, labels)
        self._priors = {"prior_mu": prior_mu, "prior_tau": prior_tau, "prior": prior}
        self.prior = resolve_prior(prior, prior_mu, prior_tau, self.var)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        arguments = {**self._spread, "labels": self._labels, **self._priors}
        return partial(NormalNormal, **arguments), (self.y,)

    def __repr__(self) -> str:
        given = "standard errors given (se)" if self._given == "se" else "variances given (var)"
        prior = f"prior {self.prior.name}"
        if not self.prior.tied:
            mu = self.prior.mu
            centre = "flat" if mu is None else f"normal({mu[0]:g}, {mu[1]:g})"
            prior = f"mu {centre}, tau {self.prior.name}"
        return f"NormalNormal: {self.sized}, {given}, {prior}"

    @property
    def size(self) -> int:
        """How many groups there are."""
        return self.y.size

    @property
    def terms(self) -> int:
        """How many terms sums over groups have."""
        return self.size if self._summed is None else self._summed.var.size

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of (mu, log tau), theta integrated out, up to a constant.

        A compiled function: call it with a point of shape (2,). The terms and the sum are taken
        in R's order, without the constant 2 pi.
        """
        prior = self.prior
        return NormalMarginal(self.y, self.var, prior.mu, prior.density, tied=prior.tied)

    def collapse(self, log_tau: Floats) -> Collapsed:
        """Integrate theta and mu out: BDA3 eqs. 5.20 and 5.21, with all constants.

        Parameters
        ----------
        log_tau : ndarray, shape (nodes,)

        Returns
        -------
        Collapsed
        """
        if self._summed is None:
            return self.finish(self.sums(log_tau), log_tau)
        rows = self._summed.compared(np.asarray(log_tau, dtype=np.float64), self._reference_log_tau)
        return self._with_prior_of_tau(self._over_mu(rows, log_tau, 1), log_tau)

    @cached_property
    def _summed(self) -> SummedGroups | None:
        """Sums that stand for very many groups; their likelihood is told beside a reference's."""
        if type(self) is not NormalNormal or self.size <= MANY:
            return None
        return SummedGroups(binned(self.y, self.var, 1))

    @cached_property
    def _reference_log_tau(self) -> float:
        """A log tau with which others are compared, perhaps -inf."""
        return float(self.moments()[1])

    @property
    def log_reference(self) -> float:
        """What `collapse` leaves out of its log density: the likelihood's size at the reference."""
        if self._summed is None:
            return 0.0
        row = self._summed.rows(np.array([np.exp(2.0 * self._reference_log_tau)]))[:, 0]
        return float(-0.5 * ((self.size - 1) * LOG_2PI + row[0] + row[3]))

    def sums(self, last: Floats) -> Floats:
        """Sums over groups at nodes of log tau, shape (5, nodes); sums of parts add up.

        Logs of the variances, weights, the weighted mean of y, squares about it, its rounding.
        """
        nodes = np.ascontiguousarray(last, dtype=np.float64)[np.newaxis]
        centre, low, high = self._constants
        y, var = self.y[np.newaxis], self.var[np.newaxis]
        found: Floats = kernel.sums(y, var, centre, nodes, low, high)[0]
        return found

    def finish(self, sums: Floats, last: Floats) -> Collapsed:
        """Mu integrated out of sums over all groups, with its prior, tau's and all constants."""
        return self._with_prior_of_tau(self.integrated(sums, last), last)

    def _with_prior_of_tau(self, found: Collapsed, last: Floats) -> Collapsed:
        if self.prior.density is not None:
            found.rows[0] += self.prior.log_density(np.asarray(last, dtype=np.float64))
        return found

    def integrated(self, sums: Floats, last: Floats) -> Collapsed:
        """Mu integrated out of sums over all groups, with its prior, under a flat one of tau."""
        return self._over_mu(sums, last, self.size)

    def _over_mu(self, sums: Floats, last: Floats, groups: int) -> Collapsed:
        """The same with the constants of so many groups."""
        nodes = np.ascontiguousarray(last, dtype=np.float64)[np.newaxis]
        return Collapsed(kernel.finish(sums[np.newaxis], nodes, groups, *self.prior.mu_normal)[0])

    def given(self, quantity: int | slice | str, last: Floats) -> Linear:
        """Groups' effects, mu or the effect of a new group, given log tau: BDA3 eq. 5.17."""
        if quantity == "mu":  # far out the data say nothing of it, and its own prior holds
            return Linear(0.0, 1.0, 0.0, self.prior.mu is None or self.prior.tied)
        if isinstance(quantity, slice):
            table = kernel.effects_given_tau(self.y[quantity], self.var[quantity], last)
            return Linear(table[0], table[1], table[2], False)
        if isinstance(quantity, str):
            return Linear(0.0, 1.0, np.exp(2.0 * last), True)
        return effect_given_tau(self.y[quantity], self.var[quantity], last)

    def difference(self, first: int | str, second: int | str, last: Floats) -> Linear:
        """The difference of two of these, given log tau."""
        return self.given(first, last).minus(self.given(second, last))

    def log_likelihood_at_zero(self) -> float:
        """Log likelihood at tau = 0, mu integrated over its prior."""
        log_tau = np.array([self._least_sd - 40.0])
        return float((self.integrated(self.sums(log_tau), log_tau).log_density - log_tau)[0])

    @cached_property
    def _constants(self) -> tuple[Floats, Floats, Floats]:
        """A centre of y, and the tau^2 between which products of variances stay within a double.

        See group_sums.h; each of shape (1,), for one data set.
        """
        var = self._independent_var
        centre = weighted_mean(self.y, 1.0 / var)[0]
        fits = var.max() <= 5e29 and self.y.max() < 1e60 and self.y.min() > -1e60
        low = 0.0 if var.min() >= 1e-30 else 1e-30
        ends = (low, 5e29) if fits else (np.inf, np.inf)
        centres, lows, highs = np.array([centre, *ends]).reshape(3, 1)
        return centres, lows, highs

    correlated = False  # whether the estimates' errors are

    def independent(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Y, columns of a design and var of estimates with independent errors."""
        return self.y, x, self.var

    @property
    def _independent_var(self) -> Floats:
        """Variances of the estimates that sums are made of."""
        return self.var

    @cached_property
    def scales(self) -> tuple[float, float]:
        """Where log tau matters: the least sd of anything at tau = 0, the widest spread."""
        widest = max(float(self.y.max() - self.y.min()), float(self.se.max()))
        low, high = self.support
        return min(max(self._least_sd, low), high), min(max(log(widest), low), high)

    @property
    def _least_sd(self) -> float:
        """Log of the sd of the mean at tau = 0."""
        return -0.5 * log(float((1.0 / self._independent_var).sum()))

    @cached_property
    def tail_indices(self) -> tuple[float, float]:
        """Exponents of the posterior of log tau on both sides; inf where it falls faster.

        It behaves like exp(left * log tau) towards tau = 0 and exp(-right * log tau) for large
        tau, so E[tau^k] is finite for k < right.
        """
        # The likelihood, mu integrated out: a constant at 0, one power of tau a group far out.
        zero, far = self.prior.structure(*self.scales).powers
        return zero + 1.0, far + self.size - 1.0 - self._flat

    @cached_property
    def shape(self) -> Shape:
        """What is known of the density of log tau, for a quadrature over it."""
        low, high = self.scales
        high = min(max(high, self._prior_scale), self.support[1])
        shape = shape_of(self.prior, (low, high), self.tail_indices, self.support)
        if self._summed is None:
            return shape
        start = min(max(self._reference_log_tau, low), high)
        place, width = peak_on_line(lambda x: self.collapse(x).log_density, start)
        if width >= NARROW:
            return shape
        known = () if shape.places is None else shape.places
        return replace(shape, places=np.union1d(around(place, width), known))

    @property
    def _prior_scale(self) -> float:
        """Log tau up to which the prior of mu changes the likelihood of tau."""
        if self.prior.mu is None or self.prior.tied:
            return -inf
        mean, sd = self.prior.mu
        return log(max(sd, float(np.abs(self.y - mean).max())))

    def start(self) -> Floats:
        """The best of a ladder of log tau, with the mean of mu there."""
        low, high = self.scales
        ladder = np.clip(np.linspace(low - 2.0, high + 2.0, 25), *self.support)
        if np.ptp(ladder) < 5.0:  # a narrow prior: keep off its edges
            ends = np.clip([low - 2.0, high + 2.0], *self.support)
            ladder = np.linspace(float(ends[0]), float(ends[1]), 27)[1:-1]
        found = self.collapse(ladder)
        best = int(np.argmax(found.log_density))
        return np.append(found.mean[..., best], ladder[best])

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log marginal at one (mu, log tau)."""
        gradient, hessian = self.likelihood_derivatives(phi)
        prior_gradient, prior_hessian = self._prior_derivatives(phi)
        return gradient + prior_gradient, hessian + prior_hessian

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log likelihood at one (mu, log tau)."""
        return likelihood.derivatives(self.y, self.var, phi)

    def ridge(self) -> Floats:
        """The likelihood's ridge, (mu, log tau) of shape (n, 2), from tau = 0 on."""
        return likelihood.ridge(self.y, self.var)

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors B_j = var_j / (var_j + tau^2), shape (..., groups)."""
        tau2 = np.exp(2.0 * phi[..., 1, np.newaxis])
        factors: Floats = self.var / (self.var + tau2)
        return factors

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of theta given (mu, tau), shape (..., groups): BDA3 eq. 5.17."""
        if isinstance(rng, np.random.Generator):
            drawn = np.empty((*phi.shape[:-1], self.y.size))
            flat = np.ascontiguousarray(phi).reshape(-1, 2)
            with rng.bit_generator.lock:
                kernel.draw_theta(
                    rng.bit_generator, self.y, self.var, flat, drawn.reshape(-1, self.y.size)
                )
            return drawn
        tau2 = np.exp(2.0 * phi[..., 1, np.newaxis])
        shrinkage = self.pooling(phi)
        theta = normals(rng, phi.shape[:-1], self.y.size)
        theta *= np.exp(phi[..., 1, np.newaxis]) * np.sqrt(shrinkage)  # V_j = tau^2 B_j
        theta += shrinkage * phi[..., 0, np.newaxis] + tau2 / (self.var + tau2) * self.y
        return theta

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effect of a new group, N(mu, tau^2), shape (...)."""
        return phi[..., 0] + np.exp(phi[..., 1]) * normals(rng, phi.shape[:-1], 1)[..., 0]

    def theta_given(self, quantity: int | Ints | None, phi: Floats) -> Normal:
        """Distribution of a group's effect, or of a new group's (None), given phi (nodes, 2)."""
        mu, tau2 = phi[:, 0], np.exp(2.0 * phi[:, 1])
        if quantity is None:
            return Normal(mu, tau2)
        total = self.var[quantity] + tau2
        shrinkage = self.var[quantity] / total
        mean = self.y[quantity] * (tau2 / total) + shrinkage * mu
        return Normal(mean, tau2 * shrinkage)

    def log_posterior(self, phi: Floats) -> Floats:
        """``log_marginal`` at many points, shape (n, 2), at once."""
        return self._log_likelihood(phi) + self.log_prior(phi)

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of (mu, log tau), theta integrated out, with all constants, shape (n,)."""
        return self._log_likelihood(phi) + self.log_constant

    def _log_likelihood(self, phi: Floats) -> Floats:
        return likelihood.log_likelihood(self.y, self.var, phi)

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """Groups' own estimates; nothing of a new one (None)."""
        return NormalOwn(*of_groups(quantities, (self.y, 0.0), (self.var, np.inf)))

    def moment_index(self, name: str) -> float:
        """Exponent below which powers of mu, tau or theta_new have expectations."""
        return np.inf if name == "log_tau" else self.tail_indices[1]

    @property
    def log_constant(self) -> float:
        """What ``log_marginal`` leaves out: the normal densities' constants."""
        return -0.5 * self.size * LOG_2PI

    def moments(self) -> Floats:
        """(mu, log tau) by the method of moments (DerSimonian and Laird 1986), tau perhaps 0."""
        return likelihood.moments(self.y, self.var)

    def with_prior(self, **priors: Any) -> "NormalNormal":
        """The same data under other priors: ``prior_mu=``, ``prior_tau=`` or ``prior=``.

        What is not given stays as it is; a joint prior gives way to one of the other two.
        """
        if "prior" not in priors:
            kept = {"prior_mu": self._priors["prior_mu"], "prior_tau": self._priors["prior_tau"]}
            priors = kept | priors if priors else dict(self._priors)
        return NormalNormal(self.y, labels=self._labels, **self._spread, **priors)


def effect_given_tau(y: float, var: float, log_tau: Floats) -> Linear:
    """A group's effect, given log tau: BDA3 eq. 5.17."""
    tau2 = np.exp(2.0 * log_tau)
    total = var + tau2
    shrinkage, rest = var / total, tau2 / total  # one may leave the doubles
    return Linear(y * rest, shrinkage, var * rest, False)


_arguments = list(signature(NormalNormal.__init__).parameters.values())[1:]
NormalNormal.__signature__ = Signature(_arguments)
