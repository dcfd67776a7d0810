"""Events in an exposure with normal effects on the log line.

y_j ~ Poisson(e_j exp(theta_j)), theta_j ~ N(mu, tau^2): the log-normal Poisson model of lme4's
``glmer(y ~ 1 + offset(log(e)) + (1 | group), family = poisson)``. The coordinates are
(mu, log tau).
"""

from collections.abc import Mapping
from functools import cached_property, partial
from inspect import Signature, signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._random import Generator, poissons
from pyhier._types import Floats
from pyhier._validation import as_array, each_group, names_aligned, positive, vector
from pyhier.distributions.tilted import Counts
from pyhier.models.count_normal import CountNormal
from pyhier.models.count_sources import EventSources
from pyhier.models.counts import new_events, whole_numbers
from pyhier.models.groups import Labels, check_lengths
from pyhier.models.own_likelihood import CountOwn
from pyhier.priors.tau import TauPrior
from pyhier.quadrature.transforms import from_line


class PoissonNormal(EventSources, CountNormal):
    """Events of groups in an exposure, with log rates from one normal distribution.

    Parameters
    ----------
    counts : array_like, shape (groups,)
        Events of each group: whole numbers.
    exposure : array_like, shape (groups,)
        What the rates are per: positive numbers.
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
        The prior of mu, the mean log rate; flat without it.
    prior_tau : str, frozen distribution or callable
        The prior of tau, the sd of the log rates, as in `NormalNormal`. The named ones that depend
        on standard errors take those of the log rates, half a count added.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first group.

    Notes
    -----
    The effects ``theta[LABEL]`` are logs of rates. They are integrated out to rounding, as those of
    `BinomialNormal` are. The flat prior of mu needs an event somewhere, and a uniform prior of tau
    three groups with events: the engines say so and name a prior that mends it.

    Source: Breslow, N. E. (1984), Applied Statistics 33, 38-44.

    Examples
    --------
    >>> import pyhier as ph
    >>> d = ph.load_dataset("pumps")
    >>> model = ph.PoissonNormal(d["failures"], d["khours"])
    >>> model
    PoissonNormal: 10 groups, mu flat, tau uniform
    """

    _both = "events"

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    with_covariates: ClassVar[type["PoissonNormal"]]  # what __new__ makes where X is given

    def __new__(cls, *_: Any, X: Any = None, **__: Any) -> "PoissonNormal":  # noqa: N803
        """Make the model; with covariates one that knows of them."""
        more = cls is PoissonNormal and X is not None
        return object.__new__(cls.with_covariates if more else cls)

    def __init__(
        self,
        counts: ArrayLike,
        exposure: ArrayLike,
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
        names_aligned("labels", labels, counts=counts, exposure=exposure)
        groups = as_array("counts", counts).size
        super().__init__(groups, labels, "counts", prior_mu, prior_tau)
        self.events = whole_numbers("counts", counts, self.label)
        self.exposure = vector("exposure", exposure)
        check_lengths(self.events, self.exposure, "counts", "exposure")
        valid = (self.exposure > 0.0) & np.isfinite(self.exposure)
        rule = "exposures must be positive and finite"
        each_group("exposure", self.exposure, valid, self.label, rule)
        for array in (self.events, self.exposure):
            array.flags.writeable = False
        self._take(Counts.of("poisson", self.events, self.exposure))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(PoissonNormal, labels=self._labels, **self._priors)
        return remake, (self.events, self.exposure)

    @cached_property
    def _approximate(self) -> tuple[Floats, Floats]:
        y = self.events + 0.5
        return np.log(y) - np.log(self.exposure), 1.0 / y

    @cached_property
    def _bounded(self) -> NDArray[np.bool_]:
        return self.events > 0.0

    def _why_not_mu(self) -> str:
        none = "there is no event, so nothing keeps mu from minus infinity"
        return "" if self.events.any() else none

    def _coefficients(self) -> Floats:
        from scipy.special import gammaln, xlogy

        logs: Floats = xlogy(self.events, self.exposure) - gammaln(self.events + 1.0)
        return logs

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of events in the same exposures, shape (..., groups)."""
        return poissons(rng, self.exposure * from_line("log", theta))

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of events of new groups in an exposure of ``size``."""
        mean = positive("size (exposure)", size) * from_line("log", theta_new)
        return new_events(rng, mean, "prior_tau=scipy.stats.halfnorm(scale=1)")

    new_counts_end: ClassVar[bool] = False
    new_counts_most: ClassVar[float] = 4e6  # probabilities at nodes, in some seconds

    def new_likelihood(self, counts: Floats, size: float) -> CountOwn:
        """What counts of new groups of a size say of their effects."""
        return CountOwn(Counts.of("poisson", counts, np.full(counts.size, float(size))))

    def with_prior(self, **priors: Any) -> "PoissonNormal":
        """The same data under another ``prior_mu=`` or ``prior_tau=``; what is not given stays."""
        return PoissonNormal(
            self.events, self.exposure, labels=self._labels, **(self._priors | priors)
        )

    @property
    def response(self) -> Floats:
        """The counts."""
        return self.events

    def estimates(self) -> tuple[Floats, Floats]:
        """The logs of the rates, minus infinity without an event, and their standard errors."""
        with np.errstate(divide="ignore"):
            return np.log(self.events) - np.log(self.exposure), 1.0 / np.sqrt(self.events)

    def observed(self) -> Mapping[str, Floats]:
        """The data: counts and exposure of each group."""
        return {"counts": self.events, "exposure": self.exposure}


_arguments = list(signature(PoissonNormal.__init__).parameters.values())[1:]
PoissonNormal.__signature__ = Signature(_arguments)
