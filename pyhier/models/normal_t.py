"""Estimates with known standard errors about effects of Student's t: outliers stay outliers."""

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import Signature, signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from pyhier._validation import number
from pyhier.distributions.scale_laws import LEAST_NU, MOST_NU, student
from pyhier.models.groups import Labels
from pyhier.models.heavy_tails import NO_X, HeavyTailed
from pyhier.priors.tau import TauPrior

Nu = float | Sequence[float] | Mapping[float, float]


class NormalT(HeavyTailed):
    """Group estimates with known standard errors, and group effects of Student's t.

    Parameters
    ----------
    y : array_like, shape (groups,)
        The estimate of each group.
    se, var : array_like, shape (groups,)
        Its standard error, or its sampling variance: give exactly one of them.
    nu : float, sequence of float, or mapping of float to float
        The degrees of freedom, from 0.1 to 1e7, or ``inf``, which is the normal model. With several
        values nu is unknown: a sequence has equal prior probabilities, a mapping gives them,
        ``{1: 0.2, 4: 0.3, inf: 0.5}``, and so does a Series with an index of its own.
    X : frame or array, shape (groups,) or (groups, covariates), optional
        Covariates of the groups: theta_j ~ t_nu(x_j' beta, tau). An intercept is added where no
        column is constant. Categories are coded by ``from_formula``.
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
        The prior of tau, as in `NormalNormal`. Tau is the scale of Student's t, not its sd, which
        is tau sqrt(nu / (nu - 2)).

    Raises
    ------
    ValueError, TypeError
        If the data, nu or a prior cannot be used, naming the argument and the first group.

    Notes
    -----
    y_j ~ N(theta_j, se_j^2), theta_j ~ t_nu(mu, tau). Student's t is a scale mixture of normal
    laws; on a grid of log scale the sum over its components is the integral over the effect to
    rounding. Given (mu, tau) a group far from the others keeps its own estimate: its effect goes
    back to mu by no more than about (nu + 1) se^2 / (y - mu). The flat priors make a posterior of
    three groups or more, as in the normal model.

    With a few groups the posterior of mu may have several hills, one a cluster of groups. ``exact``
    works them all out where its nodes reach them, and else says so.

    With an unknown nu `exact` has its posterior, ``post["nu"]`` and ``post.case_probabilities``,
    the evidence of each value, ``post.case_log_evidence``, the posteriors given each,
    ``post.cases``, and everything else averaged over nu. The other engines take one nu.

    Source: West, M. (1984), Outlier models and prior distributions in Bayesian linear regression,
    Journal of the Royal Statistical Society B 46, 431-439.

    Examples
    --------
    The eight schools, and a ninth far from them:

    >>> import pyhier as ph
    >>> d = ph.load_dataset("eight_schools")
    >>> y, se = [*d["y"], 80], [*d["sigma"], 10]
    >>> model = ph.NormalT(y, se=se, nu=4)
    >>> model
    NormalT: 9 groups, nu 4, mu flat, tau uniform
    >>> both = ph.NormalNormal(y, se=se), model
    >>> [round(ph.exact(each)["theta[9]"].mean(), 1) for each in both]
    [71.7, 74.1]

    With a covariate, and one study far off the line, which tilts the normal model's:

    >>> x, y = [0, 1, 2, 3, 4, 5, 6, 7], [0.1, 0.9, 2.2, 2.8, 4.1, 5.2, 5.9, 20.0]
    >>> from scipy import stats
    >>> given = {"se": [0.5] * 8, "X": {"x": x}, "prior_tau": stats.halfnorm(scale=1)}
    >>> both = (make(y, **given) for make in (ph.NormalNormal, ph.NormalT))
    >>> [round(ph.exact(each)["beta[x]"].mean(), 2) for each in both]
    [2.08, 1.1]
    """

    nu: float

    __signature__: ClassVar[Signature]  # of __init__: __new__'s own says nothing to a user
    over_grid: ClassVar[type[Any]]  # what __new__ makes where nu has several values
    with_covariates: ClassVar[type["NormalT"]]  # and where X is given

    def __new__(cls, *arguments: Any, nu: Nu = 4.0, **others: Any) -> "NormalT":
        """Make the model; with several values of nu one that averages over them."""
        if cls is NormalT and not np.isscalar(nu) and nu is not None:
            averaged: NormalT = cls.over_grid(*arguments, nu=nu, **others)
            return averaged
        more = cls is NormalT and others.get("X") is not None
        return object.__new__(cls.with_covariates if more else cls)

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        nu: Nu = 4.0,
        X: None = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: None = None,
        labels: Labels = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
    ) -> None:
        if prior_beta is not None:
            raise ValueError(NO_X)
        self.nu = degrees_of_freedom("nu", nu)
        super().__init__(y, se, var, labels, student(self.nu), prior_mu, prior_tau)

    @property
    def _arguments(self) -> dict[str, Any]:
        return {**self._spread, "nu": self.nu, "labels": self._labels, **self._priors}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        return partial(NormalT, **self._arguments), (self.y,)

    @property
    def _law_words(self) -> str:
        return f"nu {self.nu:g}"

    def with_prior(self, **priors: Any) -> "NormalT":
        """The same data under another ``prior_mu=``, ``prior_beta=``, ``prior_tau=`` or ``nu=``.

        What is not given stays.
        """
        return NormalT(self.y, **(self._arguments | priors))


def degrees_of_freedom(name: str, nu: Any) -> float:
    """A checked number of degrees of freedom: inf, or of a size that is worked out."""
    if nu is not None and not isinstance(nu, str | bytes) and np.ndim(nu) == 0 and nu == np.inf:
        return float(np.inf)
    value = number(name, nu)
    if not value > 0.0:
        raise ValueError(f"{name} is {value:g}: degrees of freedom must be above 0; inf is normal")
    if value < LEAST_NU:
        raise ValueError(f"{name} is {value:g}: below {LEAST_NU:g} no double holds the effects")
    if value > MOST_NU:
        raise ValueError(f"{name} is {value:g}: give inf, the normal law, beyond {MOST_NU:g}")
    return value


_arguments = list(signature(NormalT.__init__).parameters.values())[1:]
NormalT.__signature__ = Signature(_arguments)
