"""Successes in trials with normal effects on the logit line.

y_j ~ Binomial(n_j, expit(theta_j)), theta_j ~ N(mu, tau^2): the random-effects logistic model of
lme4's ``glmer(cbind(y, n - y) ~ 1 + (1 | group))`` and of meta-analyses of proportions. The
coordinates are (mu, log tau).
"""

from collections.abc import Mapping
from functools import cached_property, partial
from inspect import Signature, signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._random import Generator, binomials
from pyhier._types import Floats
from pyhier._validation import count, each_group, names_aligned
from pyhier.distributions.tilted import Counts
from pyhier.models.count_normal import CountNormal
from pyhier.models.count_sources import SuccessSources
from pyhier.models.counts import whole_numbers
from pyhier.models.groups import Labels, check_lengths
from pyhier.priors.tau import TauPrior
from pyhier.quadrature.transforms import from_line


class BinomialNormal(SuccessSources, CountNormal):
    """Successes of groups in trials, with effects on the logit line from one normal distribution.

    Parameters
    ----------
    successes : array_like, shape (groups,)
        Successes of each group: whole numbers. None, or nothing but successes, is as good as any.
    trials : array_like, shape (groups,)
        Trials of each group. A group with none learns only from the others.
    labels : sequence, optional
        Names of the groups; "1", "2", ... without it.
    X : frame or array, shape (groups,) or (groups, covariates), optional
        Covariates of the groups: theta_j ~ N(x_j' beta, tau^2). An intercept is added where no
        column is constant. Categories are coded by ``from_formula``.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it: ``{"dose": scipy.stats.norm(0, 1)}``, the
        others flat, or a normal one of all of them.
    prior_mu : scipy.stats.norm(mean, sd), optional
        The prior of mu, the mean logit; flat without it.
    prior_tau : str, frozen distribution or callable
        The prior of tau, the sd of the logits, as in `NormalNormal`. The named ones that depend on
        standard errors take those of the empirical logits, half a count added.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first group.

    Notes
    -----
    The effects ``theta[LABEL]`` are logits. They are integrated out by the trapezoid rule about
    each group's conditional mode, to rounding: groups without a success take no correction.
    ``empirical_bayes`` has the estimates of lme4's ``glmer``, whose 25 nodes come near them. The
    flat prior of mu needs a success and a failure somewhere, and a uniform prior of tau three
    groups with both: the engines say so and name a prior that mends it. ``exact`` works groups with
    the same counts out once; 2,000 different ones take half a minute, and more in proportion.

    Source: Breslow, N. E. and Clayton, D. G. (1993), Journal of the American Statistical
    Association 88, 9-25.

    Examples
    --------
    Deaths in cardiac surgery on babies at twelve hospitals, one without any:

    >>> import pyhier as ph
    >>> d = ph.load_dataset("surgical")
    >>> model = ph.BinomialNormal(d["deaths"], d["operations"])
    >>> model
    BinomialNormal: 12 groups, mu flat, tau uniform
    >>> {name: round(x, 4) for name, x in ph.empirical_bayes(model).estimate.items()}
    {'mu': -2.544, 'tau': 0.3577}
    """

    _both = "both successes and failures"

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    with_covariates: ClassVar[type["BinomialNormal"]]  # what __new__ makes where X is given

    def __new__(cls, *_: Any, X: Any = None, **__: Any) -> "BinomialNormal":  # noqa: N803
        """Make the model; with covariates one that knows of them."""
        more = cls is BinomialNormal and X is not None
        return object.__new__(cls.with_covariates if more else cls)

    def __init__(
        self,
        successes: ArrayLike,
        trials: ArrayLike,
        *,
        X: None = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: None = None,
        labels: Labels = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
    ) -> None:
        if prior_beta is not None:
            raise ValueError("prior_beta is the prior of covariates' coefficients: give X=")
        names_aligned("labels", labels, successes=successes, trials=trials)
        groups = np.size(np.asarray(successes))
        super().__init__(groups, labels, "successes", prior_mu, prior_tau)
        self.successes = whole_numbers("successes", successes, self.label)
        self.trials = whole_numbers("trials", trials, self.label)
        check_lengths(self.successes, self.trials, "successes", "trials")
        fits = self.successes <= self.trials
        each_group("successes", self.successes, fits, self.label, "there are fewer trials")
        self.failures = self.trials - self.successes
        for array in (self.successes, self.trials, self.failures):
            array.flags.writeable = False
        self._take(Counts.of("binomial", self.successes, self.trials))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(BinomialNormal, labels=self._labels, **self._priors)
        return remake, (self.successes, self.trials)

    @cached_property
    def _approximate(self) -> tuple[Floats, Floats]:
        y, f = self.successes + 0.5, self.failures + 0.5
        return np.log(y) - np.log(f), 1.0 / y + 1.0 / f

    @cached_property
    def _bounded(self) -> NDArray[np.bool_]:
        return (self.successes > 0.0) & (self.failures > 0.0)

    def _why_not_mu(self) -> str:
        if not self.trials.any():
            return "there are no trials"
        if not self.successes.any():
            return "there is no success, so nothing keeps mu from minus infinity"
        if not self.failures.any():
            return "there is no failure, so nothing keeps mu from infinity"
        return ""

    def _coefficients(self) -> Floats:
        from scipy.special import betaln

        y, f = self.successes, self.failures
        coefficients: Floats = -betaln(y + 1.0, f + 1.0) - np.log1p(y + f)
        return coefficients

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of successes in as many trials of the same groups, shape (..., groups)."""
        return binomials(rng, self.trials, from_line("logit", theta))

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of successes in ``size`` trials of new groups."""
        trials = np.array(count("size (trials)", size, 0))
        return binomials(rng, trials, from_line("logit", theta_new))

    def with_prior(self, **priors: Any) -> "BinomialNormal":
        """The same data under another ``prior_mu=`` or ``prior_tau=``; what is not given stays."""
        return BinomialNormal(
            self.successes, self.trials, labels=self._labels, **(self._priors | priors)
        )

    @property
    def response(self) -> Floats:
        """The successes."""
        return self.successes

    def estimates(self) -> tuple[Floats, Floats]:
        """The logits of the shares, infinite without a success or failure, and their errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            logit = np.log(self.successes) - np.log(self.failures)
            se = np.sqrt(1.0 / self.successes + 1.0 / self.failures)
        return logit, np.where(self.trials > 0.0, se, np.nan)

    def observed(self) -> Mapping[str, Floats]:
        """The data: successes and trials of each group."""
        return {"successes": self.successes, "trials": self.trials}


_arguments = list(signature(BinomialNormal.__init__).parameters.values())[1:]
BinomialNormal.__signature__ = Signature(_arguments)
