"""Events in two arms given both margins, with normal effects on the line of log odds ratios.

Events of a study's first arm, given its events in both, have Fisher's noncentral hypergeometric
distribution with log odds ratio theta_j ~ N(mu, tau^2): the hypergeometric-normal model of Stijnen,
Hamza and Oezdemir (2010), ``model = "CM.EL"`` of metafor's ``rma.glmm``. The coordinates are
(mu, log tau).
"""

from collections.abc import Mapping
from functools import cached_property, partial
from inspect import Signature, signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._random import Generator, uniforms
from pyhier._types import Floats
from pyhier._validation import each_group, names_aligned
from pyhier.distributions.hypergeometric import LikelihoodTables, Margins, likelihood_tables
from pyhier.distributions.tilted import Counts
from pyhier.models.count_normal import CountNormal
from pyhier.models.groups import Labels
from pyhier.models.two_arms import COLUMNS, two_arms
from pyhier.priors.tau import TauPrior

MOST = 1e7  # by how many the events of an arm may differ: sums over them take a tenth of a second


class HypergeometricNormal(CountNormal):
    """Events in two arms, with log odds ratios from one normal distribution.

    Parameters
    ----------
    events, control_events : array_like, shape (studies,)
        Events in the first and in the second arm: whole numbers.
    size, control_size : array_like, shape (studies,)
        The people in them.
    labels : sequence, optional
        Names of the studies; "1", "2", ... without it.
    X : frame or array, shape (studies,) or (studies, covariates), optional
        Covariates of the studies: theta_j ~ N(x_j' beta, tau^2). An intercept is added where no
        column is constant.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it, as in `BinomialNormal`.
    prior_mu : scipy.stats.norm(mean, sd), optional
        The prior of mu, the mean log odds ratio; flat without it.
    prior_tau : str, frozen distribution or callable
        The prior of tau, the sd of the log odds ratios, as in `NormalNormal`. The named ones that
        depend on standard errors take those of the log odds ratios, half a count added.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first study.

    Notes
    -----
    The effects ``theta[LABEL]`` are log odds ratios, of an event in the first arm against one in
    the second. The likelihood is that of the events in the first arm given those in both, so the
    studies' risks play no part. Studies with no event, with nothing but events, or with none in an
    arm take no correction; the former two say nothing of theta. ``empirical_bayes`` has the
    estimates of ``rma.glmm(measure = "OR", model = "CM.EL")``.

    The unconditional models ``UM.FS`` and ``UM.RS`` of ``rma.glmm`` are not here: they have a risk
    of every study beside theta_j, fixed or normal. `BinomialNormal.from_two_arms` is ``CM.AL``,
    for rare events and for rates.

    Source: Stijnen, T., Hamza, T. H. and Oezdemir, P. (2010), Statistics in Medicine 29, 3046-3067.

    Examples
    --------
    Tuberculosis with and without the BCG vaccine:

    >>> import pyhier as ph
    >>> d = ph.load_dataset("bcg")
    >>> arms = d["vaccinated_cases"], d["vaccinated"], d["control_cases"], d["control"]
    >>> model = ph.HypergeometricNormal(*arms, labels=d["trial"])
    >>> model
    HypergeometricNormal: 13 groups, mu flat, tau uniform
    >>> {name: round(x, 4) for name, x in ph.empirical_bayes(model).estimate.items()}
    {'mu': -0.7538, 'tau': 0.5582}
    """

    _both = "events in the first arm between the fewest and the most that there can be"

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    with_covariates: ClassVar[type["HypergeometricNormal"]]  # what __new__ makes where X is given

    def __new__(cls, *_: Any, X: Any = None, **__: Any) -> "HypergeometricNormal":  # noqa: N803
        """Make the model; with covariates one that knows of them."""
        more = cls is HypergeometricNormal and X is not None
        return object.__new__(cls.with_covariates if more else cls)

    def __init__(
        self,
        events: ArrayLike,
        size: ArrayLike,
        control_events: ArrayLike,
        control_size: ArrayLike,
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
        given = dict(zip(COLUMNS, (events, size, control_events, control_size), strict=True))
        names_aligned("labels", labels, **given)
        self.events, self.size, self.control_events, self.control_size = two_arms(given, labels)
        super().__init__(self.events.size, labels, "events", prior_mu, prior_tau)
        self.margins = Margins.of(self.events, self.size, self.control_events, self.control_size)
        each_group(
            "events", self.events, self.margins.most <= MOST, self.label,
            f"given the margins they could differ by more than {MOST:.0e}: give the log odds "
            "ratios and their standard errors to NormalNormal",
        )  # fmt: skip
        for array in (self.events, self.size, self.control_events, self.control_size):
            array.flags.writeable = False
        self._take(Counts.of_margins(self.margins, self._curves))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(HypergeometricNormal, labels=self._labels, **self._priors)
        return remake, self._arms

    def with_response(self, y: Floats) -> Any:
        """The same margins and priors with other events in the first arm."""
        make, arms = self.__reduce__()
        return make(y, arms[1], self.events + self.control_events - y, arms[3])

    @property
    def _arms(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.events, self.size, self.control_events, self.control_size

    @cached_property
    def _curves(self) -> LikelihoodTables:
        return likelihood_tables(self.margins)

    @cached_property
    def _approximate(self) -> tuple[Floats, Floats]:
        cells = [self.events, self.size - self.events, self.control_events]
        a, b, c, d = (cell + 0.5 for cell in (*cells, self.control_size - self.control_events))
        return np.log(a) - np.log(b) - np.log(c) + np.log(d), 1 / a + 1 / b + 1 / c + 1 / d

    @property
    def _sides(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether studies' events are more than the fewest, and fewer than the most."""
        return self.margins.y > 0.0, self.margins.y < self.margins.most

    @cached_property
    def _bounded(self) -> NDArray[np.bool_]:
        some, fewer = self._sides
        return some & fewer

    def _why_not_mu(self) -> str:
        if not self.margins.most.any():
            return "no study has both people with an event and people without one"
        some, fewer = self._sides
        if not some.any():
            return "no study has more events in its first arm than the fewest that there can be, " \
                   "so nothing keeps mu from minus infinity"  # fmt: skip
        if not fewer.any():
            return "no study has fewer events in its first arm than the most that there can be, " \
                   "so nothing keeps mu from infinity"  # fmt: skip
        return ""

    def _coefficients(self) -> Floats:
        return self._curves.highest

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of events in the first arm, given as many in both arms, shape (..., groups)."""
        return self.margins.draws(theta, uniforms(rng, theta.size))

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """There is none: a new study's events depend on the risk in its second arm."""
        raise ValueError(
            "size says too little of a new study, whose events depend on the risk in its second "
            "arm: theta_new is its log odds ratio"
        )

    def with_prior(self, **priors: Any) -> "HypergeometricNormal":
        """The same data under another ``prior_mu=`` or ``prior_tau=``; what is not given stays."""
        return HypergeometricNormal(*self._arms, labels=self._labels, **(self._priors | priors))

    @property
    def response(self) -> Floats:
        """The events in the first arm."""
        return self.events

    def estimates(self) -> tuple[Floats, Floats]:
        """The log odds ratios that make the events likeliest, and their standard errors.

        Infinite where the events are as few or as many as there can be; NaN where there is one way.
        """
        some = self.margins.most > 0.0
        with np.errstate(divide="ignore"):
            se = 1.0 / np.sqrt(self._curves.information)
        return np.where(some, self._curves.hat, np.nan), np.where(some, se, np.nan)

    def observed(self) -> Mapping[str, Floats]:
        """The data: events and people in both arms."""
        return {
            "events": self.events,
            "control_events": self.control_events,
            "control_size": self.control_size,
            "size": self.size,
        }


_arguments = list(signature(HypergeometricNormal.__init__).parameters.values())[1:]
HypergeometricNormal.__signature__ = Signature(_arguments)
