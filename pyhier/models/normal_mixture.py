"""Estimates with known standard errors about contaminated normal effects."""

from functools import partial
from inspect import Signature, signature
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from pyhier._validation import number
from pyhier.distributions.scale_laws import contaminated
from pyhier.models.groups import Labels
from pyhier.models.heavy_tails import NO_X, HeavyTailed
from pyhier.priors.tau import TauPrior


class NormalMixture(HeavyTailed):
    """Group estimates with known standard errors, and contaminated normal group effects.

    Parameters
    ----------
    y : array_like, shape (groups,)
        The estimate of each group.
    se, var : array_like, shape (groups,)
        Its standard error, or its sampling variance: give exactly one of them.
    weight : float
        The probability that a group's effect is of the wide law, between 0 and 1.
    ratio : float
        How many times as large as tau the wide law's sd is, from 1 on.
    X : frame or array, shape (groups,) or (groups, covariates), optional
        Covariates of the groups: the effects' laws centre on x_j' beta. An intercept is added
        where no column is constant. Categories are coded by ``from_formula``.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it: ``{"latitude": scipy.stats.norm(0, 1)}``,
        the others flat, or a normal one of all of them.
    labels : sequence, optional
        Names of the groups; "1", "2", ... without it.
    prior_mu : scipy.stats.norm(mean, sd), optional
        The prior of mu; flat without it.
    prior_tau : str, frozen distribution or callable
        The prior of tau, the sd of the narrow law, as in `NormalNormal`.

    Raises
    ------
    ValueError, TypeError
        If the data, the law or a prior cannot be used, naming the argument and the first group.

    Notes
    -----
    theta_j ~ (1 - weight) N(mu, tau^2) + weight N(mu, (ratio tau)^2), with y_j ~ N(theta_j,
    se_j^2): Tukey's contaminated normal.

    Source: Tukey, J. W. (1960), A survey of sampling from contaminated distributions, in
    Contributions to Probability and Statistics, Stanford University Press.

    Examples
    --------
    >>> import pyhier as ph
    >>> d = ph.load_dataset("eight_schools")
    >>> model = ph.NormalMixture([*d["y"], 80], se=[*d["sigma"], 10])
    >>> model
    NormalMixture: 9 groups, 0.1 of them 10 times as wide, mu flat, tau uniform
    >>> round(ph.exact(model)["theta[9]"].mean(), 1)
    77.3
    """

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    with_covariates: ClassVar[type["NormalMixture"]]  # what __new__ makes where X is given

    def __new__(cls, *_: Any, X: Any = None, **__: Any) -> "NormalMixture":  # noqa: N803
        """Make the model; with covariates one that knows of them."""
        more = cls is NormalMixture and X is not None
        return object.__new__(cls.with_covariates if more else cls)

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        weight: float = 0.1,
        ratio: float = 10.0,
        X: None = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: None = None,
        labels: Labels = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
    ) -> None:
        if prior_beta is not None:
            raise ValueError(NO_X)
        self.weight, self.ratio = number("weight", weight), number("ratio", ratio)
        if not 0.0 < self.weight < 1.0:
            raise ValueError(f"weight is {self.weight:g}: it must be between 0 and 1")
        if not 1.0 <= self.ratio <= 1e8:
            raise ValueError(f"ratio is {self.ratio:g}: it must be between 1 and 1e8")
        law = contaminated(self.weight, self.ratio)
        super().__init__(y, se, var, labels, law, prior_mu, prior_tau)

    @property
    def _arguments(self) -> dict[str, Any]:
        own = {"weight": self.weight, "ratio": self.ratio, "labels": self._labels}
        return {**self._spread, **own, **self._priors}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        return partial(NormalMixture, **self._arguments), (self.y,)

    @property
    def _law_words(self) -> str:
        return f"{self.weight:g} of them {self.ratio:g} times as wide"

    def with_prior(self, **priors: Any) -> "NormalMixture":
        """The same data under another prior, ``weight=`` or ``ratio=``.

        ``prior_mu=``, with covariates ``prior_beta=``, and ``prior_tau=``. What is not given stays.
        """
        return NormalMixture(self.y, **(self._arguments | priors))


_arguments = list(signature(NormalMixture.__init__).parameters.values())[1:]
NormalMixture.__signature__ = Signature(_arguments)
