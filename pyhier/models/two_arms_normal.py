"""What the models of events in two arms share: log odds ratios theta_j ~ N(mu, tau^2).

A study's likelihood of theta_j stands in a table (distributions/likelihood_tables). The coordinates
are (mu, log tau).
"""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property, partial
from inspect import Signature, signature
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._random import Generator, uniforms
from pyhier._types import Floats
from pyhier._validation import each_group, names_aligned
from pyhier.distributions.hypergeometric import Margins
from pyhier.distributions.likelihood_tables import (
    EffectLikelihood,
    LikelihoodTables,
    likelihood_tables,
)
from pyhier.distributions.tilted import Counts
from pyhier.models.count_normal import CountNormal
from pyhier.models.groups import Labels
from pyhier.models.two_arms import COLUMNS, two_arms
from pyhier.priors.tau import TauPrior


class TwoArmsNormal(CountNormal):
    """Events in two arms; subclasses give the likelihood of a log odds ratio and their words."""

    _both = "events in the first arm between the fewest and the most that there can be"

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    with_covariates: ClassVar[type["TwoArmsNormal"]]  # what __new__ makes where X is given
    most_apart: ClassVar[float]  # by how many the events of an arm may differ

    def __new__(cls, *_: Any, X: Any = None, **__: Any) -> Self:  # noqa: N803
        """Make the model; with covariates one that knows of them."""
        made: Any = object.__new__(cls if X is None else cls.with_covariates)
        whole: Self = made
        return whole

    @property
    @abstractmethod
    def _arms_likelihood(self) -> EffectLikelihood:
        """What the events say of the studies' log odds ratios."""

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
            "events", self.events, self.margins.most <= self.most_apart, self.label,
            f"given the margins they could differ by more than {self.most_apart:.0e}: give the "
            "log odds ratios and their standard errors to NormalNormal",
        )  # fmt: skip
        for array in (self.events, self.size, self.control_events, self.control_size):
            array.flags.writeable = False
        self._take(Counts.of_tables(self._arms_likelihood, self._curves))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(type(self), labels=self._labels, **self._priors)
        return remake, self._arms

    @property
    def _arms(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.events, self.size, self.control_events, self.control_size

    @cached_property
    def _curves(self) -> LikelihoodTables:
        return likelihood_tables(self._arms_likelihood)

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

    def with_prior(self, **priors: Any) -> Self:
        """The same data under another ``prior_mu=`` or ``prior_tau=``; what is not given stays."""
        return type(self)(*self._arms, labels=self._labels, **(self._priors | priors))

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


_arguments = list(signature(TwoArmsNormal.__init__).parameters.values())[1:]
TwoArmsNormal.__signature__ = Signature(_arguments)
