"""Events in two arms, both binomial, with normal log odds ratios and normal risks.

The arms' logits are a_j + c theta_j and a_j + (c - 1) theta_j, with a_j ~ N(alpha, sigma^2) and
theta_j ~ N(mu, tau^2), both integrated out: ``model = "UM.RS"`` of metafor's ``rma.glmm``. The
coordinates are (mu, log tau, alpha, log sigma).
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats
from pyhier._validation import names_aligned, not_negative, number
from pyhier.distributions.families import Normal
from pyhier.distributions.hypergeometric import Margins
from pyhier.distributions.two_risks import ALPHA, LOG_SIGMA, LOG_TAU, MU, Arms, EffectOfRisks
from pyhier.kernels import two_risks as kernel
from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.models.count_normal import drawn_effects
from pyhier.models.groups import Labels
from pyhier.models.own import HierarchicalModel
from pyhier.models.risk_priors import RiskPriors, risk_priors
from pyhier.models.two_arms import COLUMNS, two_arms
from pyhier.models.two_risks_axes import OnAxes
from pyhier.models.two_risks_tails import tail_exponents, why_improper
from pyhier.priors.tau import TauPrior

CODINGS = (0.0, 0.5, 1.0)
TRIES = 16  # of a draw, of which three quarters are rejected
RUNGS = np.linspace(-3.0, 2.0, 6)  # of log sds, about the spreads of the estimates
STEPS = 1e-3 * np.array([-2.0, -1.0, 1.0, 2.0])
BY_STEPS = np.array([1.0, -8.0, 8.0, -1.0]) / (12.0 * 1e-3)


class TwoBinomialNormalRisks(OnAxes, HierarchicalModel):
    """Events in two arms, both binomial, with normal log odds ratios and normal risks.

    Parameters
    ----------
    events, control_events : array_like, shape (studies,)
        Events in the first and in the second arm: whole numbers.
    size, control_size : array_like, shape (studies,)
        The people in them.
    coding : {0.5, 1, 0}
        What a study's risk a_j is: the middle of both logits, the logit of the second arm, or that
        of the first.
    labels : sequence, optional
        Names of the studies; "1", "2", ... without it.
    prior_mu : scipy.stats.norm(mean, sd), optional
        The prior of mu, the mean log odds ratio; flat without it.
    prior_tau : str, frozen distribution or callable
        The prior of tau, the sd of the log odds ratios, as in `NormalNormal`. The named ones that
        depend on standard errors take those of the log odds ratios, half a count added.
    prior_alpha : scipy.stats.norm(mean, sd), optional
        The prior of alpha, the mean of the risks' logits; flat without it.
    prior_sigma : "uniform", frozen distribution or callable
        The prior of sigma, their sd.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first study.

    Notes
    -----
    ``events`` are binomial with logit a_j + coding theta_j, ``control_events`` with a_j + (coding -
    1) theta_j; a_j ~ N(alpha, sigma^2) and theta_j ~ N(mu, tau^2) are independent, which is another
    assumption with each coding: with 0.5 the arms may change places. Both are integrated out, to
    rounding. The effects ``theta[LABEL]`` are log odds ratios. Studies without an event, or with
    nothing but events, take no correction; the risks' distribution makes something of them.

    ``empirical_bayes`` maximises the likelihood that ``rma.glmm(measure = "OR", model = "UM.RS")``
    takes by Laplace's approximation, which is low where studies have few events: of 13 trials of
    BCG its tau^2 is 0.3198, and 0.3218 by the integral. ``cor = TRUE`` is not here.

    `exact` takes all four hyperparameters by a lattice: six seconds for 13 trials, half a minute
    for their summary. Where few studies leave both spreads almost free it takes too many nodes, and
    says so; the samplers and `laplace` take them all. ``predict`` draws the events in the first arm
    given those in both.

    `TwoBinomialNormal` takes all risks alike, which suits few events badly; `HypergeometricNormal`
    does without their distribution. Source: Turner, R. M., Omar, R. Z., Yang, M., Goldstein, H. and
    Thompson, S. G. (2000), Statistics in Medicine 19, 3417-3432; Jackson, D., Law, M., Stijnen, T.,
    Viechtbauer, W. and White, I. R. (2018), Statistics in Medicine 37, 1059-1085 (model 4).

    Examples
    --------
    Tuberculosis with and without the BCG vaccine:

    >>> import pyhier as ph
    >>> d = ph.load_dataset("bcg")
    >>> arms = d["vaccinated_cases"], d["vaccinated"], d["control_cases"], d["control"]
    >>> model = ph.TwoBinomialNormalRisks(*arms, labels=d["trial"])
    >>> model
    TwoBinomialNormalRisks: 13 groups, mu flat, tau uniform, alpha flat, sigma uniform
    >>> {name: round(x, 4) for name, x in ph.empirical_bayes(model).estimate.items()}
    {'mu': -0.7617, 'tau': 0.5672, 'alpha': -4.4938, 'sigma': 1.3652}
    """

    coordinates = ("mu", "log_tau", "alpha", "log_sigma")

    def __init__(
        self,
        events: ArrayLike,
        size: ArrayLike,
        control_events: ArrayLike,
        control_size: ArrayLike,
        *,
        coding: float = 0.5,
        labels: Labels = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
        prior_alpha: Any = None,
        prior_sigma: TauPrior = "uniform",
    ) -> None:
        self.coding = number("coding", coding)
        if self.coding not in CODINGS:
            raise ValueError(f"coding is {coding!r}: it must be 0.5, 1 or 0")
        given = dict(zip(COLUMNS, (events, size, control_events, control_size), strict=True))
        names_aligned("labels", labels, **given)
        self.events, self.size, self.control_events, self.control_size = two_arms(given, labels)
        super().__init__(self.events.size, labels)
        for array in self._columns:
            array.flags.writeable = False
        self._priors: dict[str, Any] = {
            "prior_mu": prior_mu, "prior_tau": prior_tau, "prior_alpha": prior_alpha,
            "prior_sigma": prior_sigma,
        }  # fmt: skip
        var = self._approximate[1]
        self.prior: RiskPriors = risk_priors(**self._priors, var=var[0], var_of_risks=var[1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.sized}, {self.prior.words}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        return _remade, (self._columns, self._arguments)

    @property
    def _arguments(self) -> dict[str, Any]:
        return {"coding": self.coding, "labels": self._labels, **self._priors}

    def with_prior(self, **priors: Any) -> "TwoBinomialNormalRisks":
        """The same data under other priors; what is not given stays."""
        return TwoBinomialNormalRisks(*self._columns, **(self._arguments | priors))

    # --- The data -------------------------------------------------------------------------------

    @property
    def _columns(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.events, self.size, self.control_events, self.control_size

    @cached_property
    def arms(self) -> Arms:
        """Both arms as the kernels take them."""
        return Arms.of(*self._columns, self.coding)

    @cached_property
    def _logits(self) -> tuple[Floats, Floats]:
        """Both arms' logits, half a count added, and their variances, each (2, studies)."""
        y = np.array([self.events, self.control_events])
        with_event, without = y + 0.5, np.array([self.size, self.control_size]) - y + 0.5
        return np.log(with_event) - np.log(without), 1.0 / with_event + 1.0 / without

    @cached_property
    def _approximate(self) -> tuple[Floats, Floats]:
        """Log odds ratios and logits of risks, and their variances, each (2, studies)."""
        logits, var = self._logits
        shares = np.array([[1.0, -1.0], [1.0 - self.coding, self.coding]])
        return shares @ logits, shares**2 @ var

    def estimates(self) -> tuple[Floats, Floats]:
        """The log odds ratios that make the events likeliest, and their standard errors.

        Infinite where a count is 0; NaN where those of both arms are.
        """
        y = np.array([self.events, self.control_events])
        others = np.array([self.size, self.control_size]) - y
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second = np.log(y) - np.log(others)
            se = np.sqrt((1.0 / y + 1.0 / others).sum(axis=0))
            hat = first - second
        return hat, np.where(np.isnan(hat), np.nan, se)

    def observed(self) -> Mapping[str, Floats]:
        """The data: events and people in both arms."""
        return {
            "events": self.events,
            "control_events": self.control_events,
            "control_size": self.control_size,
            "size": self.size,
        }

    @cached_property
    def _margins(self) -> Margins:
        return Margins.of(*self._columns)

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of events in the first arm, given as many in both arms, shape (..., groups)."""
        return self._margins.draws(theta, uniforms(rng, theta.size))

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """There is none: a new study's events depend on the risk in its second arm."""
        raise ValueError(
            "size says too little of a new study, whose events depend on the risk in its second "
            "arm: theta_new is its log odds ratio"
        )

    def log_likelihood(self, theta: Floats) -> Floats:
        """There is none without the hyperparameters, on which the risks depend."""
        raise ValueError(
            "the events' probability given theta depends on alpha and sigma: take "
            "log_likelihood_given(phi, theta)"
        )

    def log_likelihood_given(self, phi: Floats, theta: Floats) -> Floats:
        """Log probability of each study's events given (phi, theta), shape (..., groups)."""
        studies = theta.shape[-1]
        each = np.broadcast_to(phi[..., np.newaxis, :], (*theta.shape, 4)).reshape(-1, 4)
        study = np.broadcast_to(np.arange(studies), theta.shape).ravel()
        return self.arms.log_likelihood(study, each, theta.ravel()).reshape(theta.shape)

    # --- The marginal density -------------------------------------------------------------------

    def _with_priors(self, posterior: bool) -> kernel.TwoRisks:
        arms, times, _ = self._different
        mean, root, constant = self.prior.normal
        spreads = self.prior.densities if posterior else (None, None)
        return kernel.TwoRisks(
            arms.data, times, arms.first, mean, root, constant, spreads, posterior
        )

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of the coordinates, with all constants."""
        if self.prior.compiled:
            return kernel.TwoRisksMarginal(self._with_priors(True), self._tables)
        return super().log_marginal

    @property
    def log_marginal_gradient(self) -> GradientDensity | None:
        """The same with its gradient; None where a prior is Python's."""
        if not self.prior.compiled:
            return None
        return kernel.TwoRisksGradient(self._with_priors(True))

    @cached_property
    def _log_likelihood(self) -> LogDensity:
        return kernel.TwoRisksMarginal(self._with_priors(False), self._tables)

    @cached_property
    def _likelihood_gradient(self) -> GradientDensity:
        return kernel.TwoRisksGradient(self._with_priors(False))

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of the coordinates, with all constants, shape (n,)."""
        return self._log_likelihood.evaluate(np.ascontiguousarray(phi))

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (4,) and Hessian (4, 4) of the log posterior at one point."""
        gradient, hessian = self.likelihood_derivatives(phi)
        slope, curvature = self.prior.derivatives(phi)
        return gradient + slope, hessian + np.diag(curvature)

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """The same of the log likelihood; second derivatives by differences of the first."""
        steps = (np.eye(4)[:, np.newaxis] * STEPS[:, np.newaxis]).reshape(-1, 4)
        points = np.vstack([phi, phi + np.where(np.isfinite(phi), steps, 0.0)])
        slopes = self._likelihood_gradient.evaluate(np.ascontiguousarray(points))[1]
        hessian = np.einsum("s,ksj->kj", BY_STEPS, slopes[1:].reshape(4, 4, 4))
        return slopes[0], 0.5 * (hessian + hessian.T)

    # --- Priors ---------------------------------------------------------------------------------

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of the coordinates, shape (...)."""
        return self.prior.log_density(phi)

    def why_improper(self) -> str:
        """Which prior is improper; empty when all are proper."""
        return self.prior.why_improper

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of the coordinates from the prior, shape (n, 4)."""
        if why := self.why_improper():
            raise ValueError(f"there are no draws of {why}: give proper priors")
        return self.prior.draws(n, rng)

    @property
    def bounds(self) -> Floats:
        """Ends of what each coordinate may be, shape (2, 4)."""
        return self.prior.bounds

    @cached_property
    def tails(self) -> Floats:
        """Exponents with which the posterior of log tau and log sigma falls off, shape (2, 2)."""
        return tail_exponents(self._columns, self.coding, self.prior, self._scales)

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where it is proper."""
        return why_improper(self._columns, self.coding, self.prior, self.tails, self.sized)

    @cached_property
    def _scales(self) -> Floats:
        """Between which log tau, and log sigma, the data have structure, shape (2, 2)."""
        y, var = self._approximate
        least = -0.5 * np.log((1.0 / var).sum(axis=1))
        widest = np.log(np.maximum(np.ptp(y, axis=1), np.sqrt(var.max(axis=1))))
        return np.column_stack([least, widest])

    # --- Places ---------------------------------------------------------------------------------

    def _means(self, log_sds: Floats) -> Floats:
        """Points (n, 4) at log sds (n, 2), with weighted means of estimates and priors."""
        y, var = self._approximate
        mean, root, _ = self.prior.normal
        weight = 1.0 / (var + np.exp(2.0 * log_sds)[..., np.newaxis])
        precision = root**2
        middle = ((weight * y).sum(axis=-1) + precision * mean) / (weight.sum(axis=-1) + precision)
        return np.stack([middle[:, 0], log_sds[:, 0], middle[:, 1], log_sds[:, 1]], axis=-1)

    def _ladder(self) -> Floats:
        """Log sds about those of the estimates, shape (n, 2), as the priors allow them."""
        middle = 0.5 * self._scales.sum(axis=1)
        rungs = [self.prior.ladder(k, float(middle[k]), RUNGS) for k in range(2)]
        return np.stack(np.meshgrid(*rungs, indexing="ij"), axis=-1).reshape(-1, 2)

    def start(self) -> Floats:
        """The best of a ladder of both spreads, with weighted means of estimates."""
        points = self._means(self._ladder())
        density = self.log_posterior(points)
        if not (density > -np.inf).any():
            raise ValueError(
                "the posterior density is 0 or NaN wherever a search for its mass looked: check "
                f"the priors ({self.prior.words}) at values like those of the data"
            )
        best: Floats = points[int(np.nanargmax(density))]
        return best

    def moments(self) -> Floats:
        """The coordinates by the method of moments, of estimates with half a count added."""
        from pyhier.models.normal_likelihood import moments

        found: Floats = np.concatenate(
            [moments(y, var) for y, var in zip(*self._approximate, strict=True)]
        )
        return found

    def ridge(self) -> Floats:
        """The likelihood's ridge, shape (n, 4), from tau = 0 through a ladder to sigma = 0."""
        ladder = self._ladder()
        inside = self._means(ladder)
        best = inside[int(np.argmax(self.log_marginal_likelihood(inside)))]
        path = np.tile(best, (RUNGS.size, 1))
        path[:, LOG_TAU] = np.unique(ladder[:, 0])
        return np.vstack([self._edge(best, LOG_TAU), path, self._edge(best, LOG_SIGMA)])

    def _edge(self, point: Floats, zero: int) -> Floats:
        """Where the likelihood is highest with one spread 0, from a point, shape (4,)."""
        from scipy.optimize import minimize

        free = [k for k in range(4) if k != zero]
        at = point.copy()
        at[zero] = -np.inf

        def negative(x: Floats) -> tuple[float, Floats]:
            at[free] = x
            value, gradient = self._likelihood_gradient(at)
            return -value, -gradient[free]

        at[free] = minimize(negative, point[free], jac=True, method="BFGS",
                            options={"gtol": 1e-9}).x  # fmt: skip
        return at

    # --- Names and effects ----------------------------------------------------------------------

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """Mu, tau, alpha and sigma, each of shape (...)."""
        return {
            "mu": phi[..., MU],
            "tau": np.exp(phi[..., LOG_TAU]),
            "alpha": phi[..., ALPHA],
            "sigma": np.exp(phi[..., LOG_SIGMA]),
        }

    def phi_at(self, **values: float) -> Floats:
        """The coordinates at ``mu=``, ``tau=``, ``alpha=`` and ``sigma=``; sds may be 0."""
        names = ("mu", "tau", "alpha", "sigma")
        if set(values) != set(names):
            raise ValueError(f"the hyperparameters are {', '.join(names)}: give all of them")
        mu, alpha = number("mu", values["mu"]), number("alpha", values["alpha"])
        tau, sigma = not_negative("tau", values["tau"]), not_negative("sigma", values["sigma"])
        with np.errstate(divide="ignore"):
            return np.array([mu, np.log(tau), alpha, np.log(sigma)])

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors, shape (..., groups): an effect's variance given phi over tau^2."""
        flat = np.array(phi, dtype=np.float64).reshape(-1, 4)
        different = self._tables.laws(flat)[2]
        factors = np.minimum(different[self._different[2]].T, 1.0)
        return np.ascontiguousarray(factors).reshape(*phi.shape[:-1], -1)

    def theta_given(self, quantity: int | None, phi: Floats) -> Any:
        """Distribution of a study's effect, or of a new study's (None), given phi (nodes, 4).

        A study's is of no exponential family.
        """
        if quantity is None:
            return Normal(phi[:, MU], np.exp(2.0 * phi[:, LOG_TAU]))
        return EffectOfRisks(self.arms.take(quantity), np.ascontiguousarray(phi))

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of theta given phi, shape (..., groups), by rejection."""
        flat = np.ascontiguousarray(phi).reshape(-1, 4)
        row, study = np.divmod(np.arange(len(flat) * self._groups), self._groups)
        drawn = np.empty((4, row.size))
        left = np.arange(row.size)
        while left.size:
            u = uniforms(rng, 2 * TRIES * left.size).reshape(left.size, -1)
            drawn[:, left] = kernel.outer_draws(
                self.arms.data, self.coding, study[left].astype(np.int64), flat[row[left]], u
            )
            left = left[np.isnan(drawn[0, left])]
        _, part, eta, log_s = drawn
        inner = drawn_effects(self._inner, study, eta, log_s, rng)
        sign = np.where(kernel.outer_arms(self.arms.data) == 1, 1.0, -1.0)[study]
        theta: Floats = flat[row, MU] + part + sign * (inner - eta)
        return theta.reshape(*phi.shape[:-1], self._groups)

    @cached_property
    def _inner(self) -> Any:
        return self.arms.inner()

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effect of a new study given phi, shape (...)."""
        noise = normals(rng, phi.shape[:-1], 1)[..., 0]
        drawn: Floats = phi[..., MU] + np.exp(phi[..., LOG_TAU]) * noise
        return drawn


def _remade(columns: tuple[Floats, ...], arguments: dict[str, Any]) -> TwoBinomialNormalRisks:
    return TwoBinomialNormalRisks(*columns, **arguments)
