"""Successes in trials with normal effects on the logit line.

y_j ~ Binomial(n_j, expit(theta_j)), theta_j ~ N(mu, tau^2): the random-effects logistic model of
lme4's ``glmer(cbind(y, n - y) ~ 1 + (1 | group))`` and of meta-analyses of proportions. The
coordinates are (mu, log tau).
"""

from collections.abc import Mapping
from functools import cached_property, partial
from inspect import Signature, signature
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._random import Generator, binomials
from pyhier._types import Floats
from pyhier._validation import aligned, as_array, count, each_group, names_aligned, vector
from pyhier.distributions.tilted import Counts
from pyhier.models.count_normal import CountNormal
from pyhier.models.count_sources import SuccessSources
from pyhier.models.counts import whole_numbers
from pyhier.models.groups import Labels, check_lengths
from pyhier.models.own_likelihood import CountOwn
from pyhier.models.two_arms import COLUMNS, sizes_of_rates, two_arms
from pyhier.priors.tau import TauPrior
from pyhier.quadrature.transforms import from_line

MOST_OFFSET = 700.0


class BinomialNormal(SuccessSources, CountNormal):
    """Successes of groups in trials, with effects on the logit line from one normal distribution.

    Parameters
    ----------
    successes : array_like, shape (groups,)
        Successes of each group: whole numbers. None, or nothing but successes, is as good as any.
    trials : array_like, shape (groups,)
        Trials of each group. A group with none learns only from the others.
    offset : array_like, shape (groups,), optional
        What is added to each group's effect: its logit is theta_j + offset_j. None of new groups.
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
    the same counts out once; 2,000 different ones take some seconds, and more in proportion.

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
        offset: ArrayLike | None = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
    ) -> None:
        if prior_beta is not None:
            raise ValueError("prior_beta is the prior of covariates' coefficients: give X=")
        names_aligned("labels", labels, successes=successes, trials=trials)
        groups = as_array("successes", successes).size
        super().__init__(groups, labels, "successes", prior_mu, prior_tau)
        self.successes = whole_numbers("successes", successes, self.label)
        self.trials = whole_numbers("trials", trials, self.label)
        check_lengths(self.successes, self.trials, "successes", "trials")
        fits = self.successes <= self.trials
        each_group("successes", self.successes, fits, self.label, "there are fewer trials")
        self.failures = self.trials - self.successes
        self.offset = self._checked_offset(offset, successes)
        for array in (self.successes, self.trials, self.failures, self.offset):
            array.flags.writeable = False
        self._take(Counts.of("binomial", self.successes, self.trials, self.offset))

    def _checked_offset(self, offset: ArrayLike | None, successes: ArrayLike) -> Floats:
        if offset is None:
            return np.zeros(self._groups)
        aligned(successes=successes, offset=offset)
        checked = vector("offset", offset)
        check_lengths(self.successes, checked, "successes", "offset")
        small = np.abs(checked) <= MOST_OFFSET
        each_group("offset", checked, small, self.label, "logs of odds this far out are no doubles")
        return checked

    @classmethod
    def from_two_arms(
        cls,
        events: ArrayLike,
        size: ArrayLike,
        control_events: ArrayLike,
        control_size: ArrayLike,
        *,
        measure: Literal["OR", "IRR"] = "OR",
        **options: Any,
    ) -> Self:
        """Make the model of events in two arms, given how many there are in both.

        Of all events of a study those of its first arm are binomial, and their logit is theta_j +
        log(n_1j / n_2j). Where the events are of a Poisson process, and the sizes times at risk,
        theta_j is the log of the ratio of the rates, and this is exact. Of people with a rare event
        it is approximately the log odds ratio, or the log ratio of the risks: ``model = "CM.AL"``
        of metafor's ``rma.glmm``. `HypergeometricNormal` is the exact one for odds ratios. Studies
        without an event are kept; they say nothing of theta.

        Parameters
        ----------
        events, control_events : array_like, shape (studies,)
            Events in the first and in the second arm: whole numbers.
        size, control_size : array_like, shape (studies,)
            The people, or the times at risk, in them.
        measure : {"OR", "IRR"}
            Odds ratios, where ``size`` are people, or ratios of incidence rates, where it is time.
        **options
            As for the class: ``labels=``, ``X=``, ``prior_mu=``, ``prior_tau=``, ...

        References
        ----------
        Stijnen, T., Hamza, T. H. and Oezdemir, P. (2010), Statistics in Medicine 29, 3046-3067.

        Examples
        --------
        >>> import pyhier as ph
        >>> d = ph.load_dataset("bcg")
        >>> arms = d["vaccinated_cases"], d["vaccinated"], d["control_cases"], d["control"]
        >>> model = ph.BinomialNormal.from_two_arms(*arms)
        >>> {name: round(x, 4) for name, x in ph.empirical_bayes(model).estimate.items()}
        {'mu': -0.7221, 'tau': 0.5373}
        """
        if measure not in ("OR", "IRR"):
            raise ValueError(f"measure is {measure!r}: it must be 'OR' or 'IRR'")
        if "offset" in options:
            raise TypeError("offset= follows from the sizes of the arms: leave it out")
        given = dict(zip(COLUMNS, (events, size, control_events, control_size), strict=True))
        names_aligned("labels", options.get("labels"), **given)
        reader = two_arms if measure == "OR" else sizes_of_rates
        first, first_size, second, second_size = reader(given, options.get("labels"))
        off = np.log(first_size) - np.log(second_size)
        made: Self = cls(first, first + second, offset=off, **options)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(BinomialNormal, **self._options)
        return remake, (self.successes, self.trials)

    @property
    def _options(self) -> dict[str, Any]:
        """What the model was made of beside the counts."""
        return {"labels": self._labels, "offset": self.offset} | self._priors

    @cached_property
    def _approximate(self) -> tuple[Floats, Floats]:
        y, f = self.successes + 0.5, self.failures + 0.5
        return np.log(y) - np.log(f) - self.offset, 1.0 / y + 1.0 / f

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
        return binomials(rng, self.trials, from_line("logit", theta + self.offset))

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of successes in ``size`` trials of new groups."""
        trials = np.array(count("size (trials)", size, 0))
        return binomials(rng, trials, from_line("logit", theta_new))

    new_counts_end: ClassVar[bool] = True
    new_counts_most: ClassVar[float] = 4e6  # probabilities at nodes, in some seconds

    def new_likelihood(self, counts: Floats, size: float) -> CountOwn:
        """What counts of new groups of a size say of their effects."""
        return CountOwn(Counts.of("binomial", counts, np.full(counts.size, float(size))))

    def with_prior(self, **priors: Any) -> "BinomialNormal":
        """The same data under another ``prior_mu=`` or ``prior_tau=``; what is not given stays."""
        return BinomialNormal(self.successes, self.trials, **(self._options | priors))

    @property
    def response(self) -> Floats:
        """The successes."""
        return self.successes

    def estimates(self) -> tuple[Floats, Floats]:
        """The logits of the shares, infinite without a success or failure, and their errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            logit = np.log(self.successes) - np.log(self.failures) - self.offset
            se = np.sqrt(1.0 / self.successes + 1.0 / self.failures)
        return logit, np.where(self.trials > 0.0, se, np.nan)

    def observed(self) -> Mapping[str, Floats]:
        """The data: successes and trials of each group, and offsets where there are some."""
        moved = {"offset": self.offset} if self.offset.any() else {}
        return {"successes": self.successes, **moved, "trials": self.trials}


_arguments = list(signature(BinomialNormal.__init__).parameters.values())[1:]
BinomialNormal.__signature__ = Signature(_arguments)
