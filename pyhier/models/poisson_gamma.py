"""The Poisson-gamma model: groups with events in an exposure.

y_j ~ Poisson(e_j theta_j), theta_j ~ Gamma(alpha, rate alpha / mu): the heart transplants of
Albert's Bayesian Computation with R, chapter 7. The coordinates are his: log alpha and log mu.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import Signature, signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, gammas, poissons
from pyhier._types import Floats, Ints
from pyhier._validation import as_array, each_group, names_aligned, positive, vector
from pyhier.distributions.families import Gamma
from pyhier.kernels.count_density import PoissonGammaMarginal
from pyhier.kernels.count_masses import log_mass
from pyhier.models.count_joint import poisson_gamma_joint
from pyhier.models.count_sources import EventSources
from pyhier.models.counts import (
    FAR,
    FARTHER,
    CountModel,
    ladder,
    log_share_prior,
    new_events,
    no_covariates,
    ridge_means,
    whole_numbers,
)
from pyhier.models.groups import Labels, check_lengths
from pyhier.models.joint import Joint
from pyhier.models.own_likelihood import OwnLikelihood, PoissonOwn, of_groups
from pyhier.priors.pairs import Chart, PairPrior
from pyhier.quadrature.axes import Axis, coordinate_axis
from pyhier.quadrature.transforms import from_line

LOG_RATE = 660.0  # beyond which, on either side, a rate and what is made of it leave the doubles


def _shape_and_mean(phi: Floats) -> tuple[Floats, Floats]:
    return from_line("log", phi[..., 0]), from_line("log", phi[..., 1])


def _shape_and_rate(phi: Floats) -> tuple[Floats, Floats]:
    log_rate = np.clip(phi[..., 0] - phi[..., 1], -LOG_RATE, LOG_RATE)
    return from_line("log", phi[..., 0]), from_line("log", log_rate)


_CHARTS = {
    ("alpha", "mu"): Chart(
        _shape_and_mean,
        lambda a, mu: np.stack([np.log(a), np.log(mu)], axis=-1),
        lambda phi: phi[..., 0] + phi[..., 1],
        "log",
    ),
    ("alpha", "beta"): Chart(
        _shape_and_rate,
        lambda a, b: np.stack([np.log(a), np.log(a) - np.log(b)], axis=-1),
        lambda phi: 2.0 * phi[..., 0] - phi[..., 1],
        "rate",
    ),
}


def _log_rate(phi: Floats) -> Floats:
    place: Floats = phi[..., 0] - phi[..., 1]
    return place


def _of_log_rate(place: Floats, log_alpha: Floats) -> Floats:
    return np.stack([log_alpha, log_alpha - place], axis=-1)


class PoissonGamma(EventSources, CountModel):
    """Events in an exposure, group by group, with rates from one gamma distribution.

    Parameters
    ----------
    counts : array_like, shape (groups,)
        Events of each group: whole numbers.
    exposure : array_like, shape (groups,)
        What the rates are per: positive numbers.
    prior : str, mapping or callable
        ``"poissgamexch"``: p(alpha, mu) proportional to z0 / ((alpha + z0)^2 mu) (LearnBayes); two
        independent ``scipy.stats`` frozen distributions, ``{"alpha": ..., "mu": ...}`` or
        ``{"alpha": ..., "beta": ...}`` with beta = alpha / mu the gamma's rate; or a callable that
        returns the log density at (alpha, mu).
    z0 : float
        The prior median of alpha, for ``"poissgamexch"``.
    labels : sequence, optional
        Names of the groups; "1", "2", ... without it.
    X : frame or array, shape (groups,) or (groups, covariates), optional
        Covariates of the groups: log mu_j = x_j' beta, with alpha common to all, the negative
        binomial regression. An intercept is added where no column is constant. Categories are coded
        by ``from_formula``.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it: ``{"age": scipy.stats.norm(0, 1)}``, the
        others flat, or a normal one of all of them.
    prior_alpha : frozen distribution or callable, optional
        The prior of alpha beside covariates: a ``scipy.stats`` frozen distribution on the half
        line, or a callable log density; p(alpha) = z0 / (alpha + z0)^2 (LearnBayes) without it.

    Raises
    ------
    ValueError, TypeError
        If the data or the prior cannot be used, naming the argument and the first group.

    Notes
    -----
    The named prior is improper. Where no group has an event it leaves no posterior: the engines say
    so and name a prior that mends it.

    Examples
    --------
    >>> import pyhier as ph
    >>> PoissonGamma([0, 2, 1, 5], [510.0, 830.0, 1204.0, 900.0], z0=0.53)
    PoissonGamma: 4 groups, prior poissgamexch
    """

    coordinates = ("log_alpha", "log_mu")
    location = 1
    parameterizations: tuple[str, ...] = ("marginal", "centred")
    named = ("poissgamexch",)
    charts = _CHARTS

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    with_covariates: ClassVar[type["PoissonGamma"]]  # what __new__ makes where X is given

    def __new__(cls, *_: Any, X: Any = None, **__: Any) -> "PoissonGamma":  # noqa: N803
        """Make the model; with covariates one that knows of them."""
        return object.__new__(cls.with_covariates if cls is PoissonGamma and X is not None else cls)

    def __init__(
        self,
        counts: ArrayLike,
        exposure: ArrayLike,
        prior: PairPrior = "poissgamexch",
        z0: float = 1.0,
        labels: Labels = None,
        *,
        X: None = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: None = None,
        prior_alpha: None = None,
    ) -> None:
        no_covariates(prior_beta=prior_beta, prior_alpha=prior_alpha)
        names_aligned("labels", labels, counts=counts, exposure=exposure)
        super().__init__(as_array("counts", counts).size, labels, prior, "counts")
        self.counts = whole_numbers("counts", counts, self.label)
        self.exposure = vector("exposure", exposure)
        check_lengths(self.counts, self.exposure, "counts", "exposure")
        valid = (self.exposure > 0.0) & np.isfinite(self.exposure)
        rule = "exposures must be positive and finite"
        each_group("exposure", self.exposure, valid, self.label, rule)
        self.z0 = positive("z0", z0)
        for array in (self.counts, self.exposure):
            array.flags.writeable = False
        self._take(PoissonGammaMarginal(self.counts, self.exposure, ""))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(PoissonGamma, prior=self.prior, z0=self.z0, labels=self._labels)
        return remake, (self.counts, self.exposure)

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where nothing is known of it."""
        if not isinstance(self.prior, str) or self._positive > 0:
            return ""
        return (
            f"the posterior is improper under the prior {self.prior!r}: no group has an event, so "
            "nothing keeps mu from 0; give a proper prior, such as prior={'alpha': "
            "scipy.stats.expon(scale=1), 'mu': scipy.stats.expon(scale=1)}"
        )

    def joint(self, parameterization: str = "centred") -> Joint:
        """The log posterior density of phi and log theta of every group, as a `Target`."""
        return poisson_gamma_joint(self, parameterization)

    def _named_prior(self, phi: Floats) -> Floats:
        return log_share_prior(phi[..., 0], self.z0)

    def start(self) -> Floats:
        """The best of a ladder of log alpha, with mu at the rate of all events."""
        rungs = np.linspace(-4.0, 12.0, 33)
        return self._best_of(np.column_stack([rungs, np.full(rungs.size, np.log(self._pooled))]))

    @property
    def _totals(self) -> tuple[float, float]:
        """All events and the whole exposure."""
        return float(self.counts.sum()), float(self.exposure.sum())

    @property
    def _positive(self) -> int:
        """How many groups have an event."""
        return int(np.count_nonzero(self.counts))

    @property
    def _pooled(self) -> float:
        """The rate of all events, above 0."""
        events, exposure = self._totals
        return (events + 0.5) / exposure

    def ridge(self) -> Floats:
        """The likelihood's ridge, (log alpha, log mu) of shape (n, 2), alpha growing."""
        mean = self._pooled
        log_alpha = ladder(mean * self.exposure.max())
        means = ridge_means(self.counts, self.exposure, np.exp(log_alpha) / mean)
        return np.column_stack([log_alpha, np.log(np.where(means > 0.0, means, mean))])

    def moments(self) -> Floats:
        """Phi at the gamma distribution with the rates' moments (Marshall 1991)."""
        events, total = self._totals
        mean = events / total
        spread = self._spread(mean) / total
        var = spread - mean * (self.size / total)
        if not var > 0.0:
            raise ValueError(
                f"the rates vary by {spread:g}, less than Poisson counts do by chance: the moment "
                "estimate of their variance is negative; take the likelihood, method='ml'"
            )
        return np.array([2.0 * np.log(mean) - np.log(var), np.log(mean)])

    def _spread(self, mean: float) -> float:
        """Squares of the rates about their mean, weighted by exposure."""
        return float(self.exposure @ (self.counts / self.exposure - mean) ** 2)

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """Alpha, the rate beta = alpha / mu, and mu, each of shape (...)."""
        alpha, beta = _shape_and_rate(phi)
        return {"alpha": alpha, "beta": beta, "mu": from_line("log", phi[..., 1])}

    def axis(self, name: str) -> Axis | None:
        """The axis of a hyperparameter; None for a name that is none."""
        axes = {
            "alpha": coordinate_axis(0, "log"),
            "mu": coordinate_axis(1, "log"),
            "beta": Axis("log", 0, _log_rate, _of_log_rate),
        }
        return axes.get(name)

    def moment_index(self, name: str) -> float:
        """Exponent below which powers have expectations.

        For large alpha the likelihood is flat. For large mu it falls only as a power of log mu
        (through small alpha), so that mu's prior alone gives it moments.
        """
        centre = self.start()
        if name == "log_mu":  # the density of mu falls as (log mu)^-(positive counts) / mu
            return np.inf if self._own else float(self._positive)
        if name == "log_alpha":
            return np.inf
        if name in ("mu", "theta_new"):
            return self._fall(np.array([-10.0, FAR]), np.array([-10.0, FARTHER]), 1)
        return self._fall(np.array([FAR, centre[1]]), np.array([FARTHER, centre[1]]), 0)

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors alpha / (alpha + e_j mu), shape (..., groups)."""
        apart = phi[..., :1] - phi[..., 1:] - np.log(self.exposure)
        return from_line("logit", apart)

    def theta_given(self, quantity: int | Ints | None, phi: Floats) -> Gamma:
        """Distribution of a group's rate, or of a new group's (None), given phi."""
        alpha, beta = _shape_and_rate(phi)
        if quantity is None:
            return Gamma(alpha, beta)
        return Gamma(alpha + self.counts[quantity], beta + self.exposure[quantity])

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """What groups' counts say of their effects; nothing of a new group's (None)."""
        return PoissonOwn(*of_groups(quantities, (self.counts, 0.0), (self.exposure, 0.0)))

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the rates given phi, shape (..., groups)."""
        alpha, beta = (part[..., np.newaxis] for part in _shape_and_rate(phi))
        return gammas(rng, alpha + self.counts, beta + self.exposure)

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the rate of a new group, shape (...)."""
        return gammas(rng, *_shape_and_rate(phi))

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of events in the same exposures, shape (..., groups)."""
        return poissons(rng, self.exposure * theta)

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of events of new groups in an exposure of ``size``."""
        mean = positive("size (exposure)", size) * theta_new
        return new_events(rng, mean, 'prior={"alpha": ..., "mu": scipy.stats.gamma(2)}')

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log probability of each group's events given theta, shape (..., groups)."""
        return log_mass("poisson", self.counts, self.exposure * theta)

    new_counts_end: ClassVar[bool] = False
    new_counts_most: ClassVar[float] = 1e8  # probabilities at nodes, in some seconds

    def new_likelihood(self, counts: Floats, size: float) -> PoissonOwn:
        """What counts of new groups of a size say of their effects."""
        return PoissonOwn(counts, np.full(counts.size, float(size)))

    def with_prior(self, **priors: Any) -> "PoissonGamma":
        """The same data under another ``prior=`` or ``z0=``; what is not given stays as it is."""
        priors = {"prior": self.prior, "z0": self.z0} | priors
        return PoissonGamma(self.counts, self.exposure, labels=self._labels, **priors)

    @property
    def response(self) -> Floats:
        """The counts."""
        return self.counts

    def estimates(self) -> tuple[Floats, Floats]:
        """The rates and their standard errors."""
        return self.counts / self.exposure, np.sqrt(self.counts) / self.exposure

    def observed(self) -> Mapping[str, Floats]:
        """The data: counts and exposure of each group."""
        return {"counts": self.counts, "exposure": self.exposure}


_arguments = list(signature(PoissonGamma.__init__).parameters.values())[1:]
PoissonGamma.__signature__ = Signature(_arguments)
