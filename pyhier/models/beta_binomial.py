"""The beta-binomial model: groups of trials with successes.

y_j ~ Binomial(n_j, theta_j), theta_j ~ Beta(alpha, beta): Gelman et al., Bayesian Data Analysis
(3rd ed.), section 5.3. The coordinates are those of Albert's Bayesian Computation with R, section
5.4: logit eta and log K, with eta = alpha / (alpha + beta) and K = alpha + beta.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import Signature, signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, betas, binomials
from pyhier._types import Floats, Ints
from pyhier._validation import as_array, count, each_group, names_aligned
from pyhier.distributions.families import Beta
from pyhier.kernels.count_density import BetaBinomialMarginal
from pyhier.kernels.count_masses import log_mass
from pyhier.models.count_joint import beta_binomial_joint
from pyhier.models.count_sources import SuccessSources
from pyhier.models.counts import (
    FAR,
    FARTHER,
    CountModel,
    ladder,
    no_covariates,
    ridge_means,
    whole_numbers,
)
from pyhier.models.groups import Labels, check_lengths
from pyhier.models.joint import Joint
from pyhier.models.own_likelihood import BinomialOwn, OwnLikelihood, of_groups
from pyhier.priors.pairs import Chart, PairPrior
from pyhier.quadrature.axes import Axis, coordinate_axis
from pyhier.quadrature.transforms import from_line, log_slope


def _shapes(phi: Floats) -> tuple[Floats, Floats]:
    """Alpha and beta."""
    logit, log_k = phi[..., 0], phi[..., 1]
    alpha = from_line("log", log_k - np.logaddexp(0.0, -logit))
    return alpha, from_line("log", log_k - np.logaddexp(0.0, logit))


def _mean_and_size(phi: Floats) -> tuple[Floats, Floats]:
    """Eta and K."""
    return from_line("logit", phi[..., 0]), from_line("log", phi[..., 1])


def _shape_axis(sign: float) -> Axis:
    """The axis of log alpha (1) or log beta (-1): log K less log(1 + exp(-+ logit eta))."""
    return Axis("log", 0, partial(_log_shape, sign), partial(_of_log_shape, sign))


def _log_shape(sign: float, phi: Floats) -> Floats:
    place: Floats = phi[..., 1] - np.logaddexp(0.0, -sign * phi[..., 0])
    return place


def _of_log_shape(sign: float, place: Floats, logit: Floats) -> Floats:
    return np.stack([logit, place + np.logaddexp(0.0, -sign * logit)], axis=-1)


_CHARTS = {
    ("alpha", "beta"): Chart(
        _shapes,
        lambda a, b: np.stack([np.log(a) - np.log(b), np.log(a + b)], axis=-1),
        lambda phi: log_slope("logit", phi[..., 0]) + 2.0 * phi[..., 1],
        "shapes",
    ),
    ("eta", "K"): Chart(
        _mean_and_size,
        lambda eta, k: np.stack([np.log(eta) - np.log1p(-eta), np.log(k)], axis=-1),
        lambda phi: log_slope("logit", phi[..., 0]) + phi[..., 1],
        "share",
    ),
}


class BetaBinomial(SuccessSources, CountModel):
    """Successes in trials, group by group, with success probabilities from one beta distribution.

    Parameters
    ----------
    successes : array_like, shape (groups,)
        Successes of each group: whole numbers.
    trials : array_like, shape (groups,)
        Trials of each group. A group with none learns only from the others.
    prior : str, mapping or callable
        ``"bda3"``: p(alpha, beta) proportional to (alpha + beta)^(-5/2) (BDA3 eq. 5.9);
        ``"betabinexch"``: p(eta, K) proportional to 1 / (eta (1 - eta) (1 + K)^2) (LearnBayes);
        two independent ``scipy.stats`` frozen distributions, ``{"alpha": ..., "beta": ...}`` or
        ``{"eta": ..., "K": ...}``; or a callable that returns the log density at (alpha, beta).
    labels : sequence, optional
        Names of the groups; "1", "2", ... without it.
    X : frame or array, shape (groups,) or (groups, covariates), optional
        Covariates of the groups: logit eta_j = x_j' beta, with K common to all. An intercept is
        added where no column is constant. Categories are coded by ``from_formula``.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it: ``{"dose": scipy.stats.norm(0, 1)}``, the
        others flat, or a normal one of all of them.
    prior_K : frozen distribution or callable, optional
        The prior of K beside covariates: a ``scipy.stats`` frozen distribution on the half line, or
        a callable log density; p(K) = 1 / (1 + K)^2 (LearnBayes) without it.

    Raises
    ------
    ValueError, TypeError
        If the data or the prior cannot be used, naming the argument and the first group.

    Notes
    -----
    The named priors are improper. Where the data leaves no posterior under one (no group with both
    successes and failures), the engines say so and name a prior that mends it.

    Examples
    --------
    >>> import pyhier as ph
    >>> rats = ph.load_dataset("rat_tumors")
    >>> ph.BetaBinomial(rats["tumors"], rats["rats"])
    BetaBinomial: 71 groups, prior bda3
    """

    coordinates = ("logit_eta", "log_K")
    location = 0
    parameterizations: tuple[str, ...] = ("marginal", "centred")
    named = ("bda3", "betabinexch")
    charts = _CHARTS

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    with_covariates: ClassVar[type["BetaBinomial"]]  # what __new__ makes where X is given

    def __new__(cls, *_: Any, X: Any = None, **__: Any) -> "BetaBinomial":  # noqa: N803
        """Make the model; with covariates one that knows of them."""
        return object.__new__(cls.with_covariates if cls is BetaBinomial and X is not None else cls)

    def __init__(
        self,
        successes: ArrayLike,
        trials: ArrayLike,
        prior: PairPrior = "bda3",
        labels: Labels = None,
        *,
        X: None = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: None = None,
        prior_K: None = None,  # noqa: N803 - the hyperparameter's name
    ) -> None:
        no_covariates(prior_beta=prior_beta, prior_K=prior_K)
        names_aligned("labels", labels, successes=successes, trials=trials)
        super().__init__(as_array("successes", successes).size, labels, prior, "successes")
        self.successes = whole_numbers("successes", successes, self.label)
        self.trials = whole_numbers("trials", trials, self.label)
        check_lengths(self.successes, self.trials, "successes", "trials")
        fits = self.successes <= self.trials
        each_group("successes", self.successes, fits, self.label, "there are fewer trials")
        self.failures = self.trials - self.successes
        for array in (self.successes, self.trials, self.failures):
            array.flags.writeable = False
        self._take(BetaBinomialMarginal(self.successes, self.trials, ""))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(BetaBinomial, prior=self.prior, labels=self._labels)
        return remake, (self.successes, self.trials)

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where nothing is known of it.

        The named priors leave two directions to the likelihood: K to 0, and eta to an end.
        """
        successes, trials = self._totals
        if self.prior == "bda3" and not self._mixed:
            why = "no group has both successes and failures, so nothing keeps K from 0"
        elif self.prior == "betabinexch" and not successes > 0.0:
            why = "there is no success, so nothing keeps eta from 0"
        elif self.prior == "betabinexch" and not successes < trials:
            why = "there is no failure, so nothing keeps eta from 1"
        else:
            return ""
        return (
            f"the posterior is improper under the prior {self.prior!r}: {why}; give a proper "
            "prior, such as prior={'eta': scipy.stats.beta(1, 1), 'K': scipy.stats.lognorm(1, "
            "scale=10)}"
        )

    def joint(self, parameterization: str = "centred") -> Joint:
        """The log posterior density of phi and logit theta of every group, as a `Target`."""
        return beta_binomial_joint(self, parameterization)

    def _named_prior(self, phi: Floats) -> Floats:
        logit, log_k = phi[..., 0], phi[..., 1]
        if self.prior == "bda3":
            return log_slope("logit", logit) - 0.5 * log_k
        return log_k - 2.0 * np.logaddexp(0.0, log_k)

    def start(self) -> Floats:
        """The best of a ladder of log K, with eta at the share of all successes."""
        rungs = np.linspace(-4.0, 12.0, 33)
        return self._best_of(np.column_stack([np.full(rungs.size, self._pooled), rungs]))

    @property
    def _totals(self) -> tuple[float, float]:
        """All successes and all trials."""
        return float(self.successes.sum()), float(self.trials.sum())

    @property
    def _mixed(self) -> bool:
        """Whether a group has both successes and failures."""
        return bool(((self.successes > 0.0) & (self.failures > 0.0)).any())

    @property
    def _pooled(self) -> float:
        """Logit of the share of all successes, kept from its ends."""
        successes, trials = self._totals
        share = (successes + 0.5) / (trials + 1.0)
        return float(np.log(share) - np.log1p(-share))

    def ridge(self) -> Floats:
        """The likelihood's ridge, (logit eta, log K) of shape (n, 2), K from small to large."""
        log_k = ladder(self.trials.max())
        share = ridge_means(self.successes, self.trials, np.exp(log_k))
        smooth = 0.5 / (self._totals[1] + 1.0)
        eta = np.clip(share, smooth, 1.0 - smooth)
        return np.column_stack([np.log(eta) - np.log1p(-eta), log_k])

    def moments(self) -> Floats:
        """Phi at the beta distribution with the mean and variance of the groups' shares."""
        share = self.estimates()[0]
        share = share[np.isfinite(share)]
        if share.size < 2:
            raise ValueError(f"{share.size} groups have trials: moments need 2; take method='ml'")
        mean, var = share.mean(), share.var(ddof=1)
        if not 0.0 < var < mean * (1.0 - mean):
            raise ValueError(
                f"the groups' shares have mean {mean:g} and variance {var:g}: no beta distribution "
                "has these moments; take the likelihood, method='ml'"
            )
        size = mean * (1.0 - mean) / var - 1.0
        return np.array([np.log(mean) - np.log1p(-mean), np.log(size)])

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """Alpha, beta, their share eta and sum K, each of shape (...)."""
        alpha, beta = _shapes(phi)
        eta, size = _mean_and_size(phi)
        return {"alpha": alpha, "beta": beta, "eta": eta, "K": size}

    def axis(self, name: str) -> Axis | None:
        """The axis of a hyperparameter; None for a name that is none."""
        axes = {
            "eta": coordinate_axis(0, "logit"),
            "K": coordinate_axis(1, "log"),
            "alpha": _shape_axis(1.0),
            "beta": _shape_axis(-1.0),
        }
        return axes.get(name)

    def moment_index(self, name: str) -> float:
        """Exponent below which powers have expectations: the likelihood is flat for large K."""
        if name in ("eta", "theta_new", *self.coordinates):
            return np.inf
        centre = self.start()[0]
        return self._fall(np.array([centre, FAR]), np.array([centre, FARTHER]), 1)

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors K / (K + n_j), shape (..., groups)."""
        size = np.exp(np.minimum(phi[..., 1, np.newaxis], 600.0))
        factors: Floats = size / (size + self.trials)
        return factors

    def theta_given(self, quantity: int | Ints | None, phi: Floats) -> Beta:
        """Distribution of a group's probability, or of a new group's (None), given phi."""
        alpha, beta = _shapes(phi)
        if quantity is None:
            return Beta(alpha, beta)
        return Beta(alpha + self.successes[quantity], beta + self.failures[quantity])

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """What groups' counts say of their effects; nothing of a new group's (None)."""
        return BinomialOwn(*of_groups(quantities, (self.successes, 0.0), (self.failures, 0.0)))

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the probabilities given phi, shape (..., groups): BDA3 eq. 5.7."""
        alpha, beta = (part[..., np.newaxis] for part in _shapes(phi))
        return betas(rng, alpha + self.successes, beta + self.failures)

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the probability of a new group, shape (...)."""
        return betas(rng, *_shapes(phi))

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of successes in as many trials of the same groups, shape (..., groups)."""
        return binomials(rng, self.trials, theta)

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of successes in ``size`` trials of new groups."""
        return binomials(rng, np.array(count("size (trials)", size, 0)), theta_new)

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log probability of each group's successes given theta, shape (..., groups)."""
        return log_mass("binomial", self.successes, self.failures, theta)

    new_counts_end: ClassVar[bool] = True
    new_counts_most: ClassVar[float] = 1e8  # probabilities at nodes, in some seconds

    def new_likelihood(self, counts: Floats, size: float) -> BinomialOwn:
        """What counts of new groups of a size say of their effects."""
        return BinomialOwn(counts, size - counts)

    def with_prior(self, **priors: Any) -> "BetaBinomial":
        """The same data under another ``prior=``; without one it stays as it is."""
        priors = {"prior": self.prior} | priors
        return BetaBinomial(self.successes, self.trials, labels=self._labels, **priors)

    @property
    def response(self) -> Floats:
        """The successes."""
        return self.successes

    def estimates(self) -> tuple[Floats, Floats]:
        """The shares of successes and their standard errors; NaN without trials."""
        with np.errstate(invalid="ignore", divide="ignore"):
            share = self.successes / self.trials
            return share, np.sqrt(share * (1.0 - share) / self.trials)

    def observed(self) -> Mapping[str, Floats]:
        """The data: successes and trials of each group."""
        return {"successes": self.successes, "trials": self.trials}


_arguments = list(signature(BetaBinomial.__init__).parameters.values())[1:]
BetaBinomial.__signature__ = Signature(_arguments)
