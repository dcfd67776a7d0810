"""LearnBayes' discrete priors: posteriors, summaries, highest-probability sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from pyhier._types import Floats
from pyhier._validation import aligned, float_array, function
from pyhier.kernels.count_masses import log_mass
from pyhier.learnbayes._arguments import flat, matched, numbers
from pyhier.learnbayes.conjugate import future, probabilities, probability, updated
from pyhier.rstats.format import format_number, vector_text
from pyhier.rstats.results import ByName

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Bayes(ByName):
    """A discrete posterior of one parameter; R's class ``bayes``.

    Attributes
    ----------
    prob : Series
        Posterior probabilities; the index holds the values of the parameter.
    pred : float
        Prior predictive probability of the data.
    """

    prob: pd.Series[float]
    pred: float

    @property
    def values(self) -> Floats:
        """The values of the parameter, as numbers."""
        return self.prob.index.to_numpy(dtype=np.float64)

    def __str__(self) -> str:
        return vector_text(self.prob.to_numpy(), [_name(value) for value in self.prob.index])


def _name(value: Any) -> str:
    """A parameter's value as R names it: text as it is, numbers to 15 digits."""
    return value if isinstance(value, str) else format_number(float(value), 15)


@dataclass(frozen=True)
class Bayes2(ByName):
    """A discrete posterior of two parameters; R's class ``bayes2``.

    Attributes
    ----------
    prob : DataFrame
        Posterior probabilities; rows are values of the first parameter, columns of the second.
    pred : float
        Prior predictive probability of the data.
    """

    prob: pd.DataFrame
    pred: float


@dataclass(frozen=True)
class DiscreteInterval(ByName):
    """A highest-probability set of a discrete distribution.

    Attributes
    ----------
    prob : float
        Its probability.
    set : ndarray
        Its values, ascending.
    """

    prob: float
    set: Floats


@dataclass(frozen=True)
class BayesSummary(ByName):
    """What ``summary`` of a discrete posterior returns.

    Attributes
    ----------
    mean, sd : float
        Of the parameter.
    coverage : float
        Probability of the set.
    set : ndarray
        The highest-probability set.
    """

    mean: float
    sd: float
    coverage: float
    set: Floats


def _series(name: str, value: Any) -> pd.Series[float]:
    import pandas as pd

    if not isinstance(value, pd.Series | Mapping):
        raise TypeError(
            f"{name} is a {type(value).__name__}: give a pandas Series whose index holds the "
            "values of the parameter, or a dict of them"
        )
    series = pd.Series(dict(value) if isinstance(value, Mapping) else value)
    try:
        series.index.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} has names that are no numbers: {list(series.index)}") from None
    return pd.Series(probabilities(name, series.to_numpy()), index=series.index)


def _log_likelihood(values: Any, shape: tuple[int, ...]) -> Floats:
    try:
        density = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"df returned {values!r}: a density is a number") from None
    if np.any(np.isnan(density)) or np.any(density < 0.0):
        raise ValueError(f"df returned {density}: a density is a number, and not negative")
    with np.errstate(divide="ignore"):
        return np.broadcast_to(np.log(density), np.broadcast_shapes(density.shape, shape))


def discrete_bayes(
    df: Callable[..., Any], prior: Any, y: ArrayLike, *args: Any, **kwargs: Any
) -> Bayes:
    """Posterior of one parameter with a discrete prior.

    Parameters
    ----------
    df : callable
        ``df(y, value, *args, **kwargs)``: the sampling density at each of ``y``, for one value of
        the parameter.
    prior : Series or dict
        Prior probabilities by the parameter's values. They need not sum to 1.
    y : array_like
        The observations.
    *args, **kwargs
        What ``df`` takes besides. As in R, what is given by name is not filled by position:
        ``discrete_bayes(rstats.dbinom, prior, y, size=10)`` is of the probability.

    Returns
    -------
    Bayes

    Raises
    ------
    ValueError, TypeError
        If the prior has no names or negative weights, or the data is impossible.

    Examples
    --------
    >>> from pyhier import rstats
    >>> prior = {0.2: 0.25, 0.25: 0.25, 0.3: 0.25, 0.35: 0.25}
    >>> post = discrete_bayes(rstats.dbinom, prior, 5, size=10)
    >>> print(post)
          0.2      0.25       0.3      0.35
    0.0774190 0.1711016 0.3015394 0.4499400
    >>> round(post.pred, 8)
    0.08532827
    """
    import pandas as pd

    weights = _series("prior", prior)
    function("df", df, "the observations and a value")
    data, density = flat(np.asarray(y)), matched(df, kwargs)
    logs = np.array(
        [
            np.sum(_log_likelihood(density(data, value, *args), ()))
            for value in weights.index.to_numpy(dtype=np.float64)
        ]
    )
    prior_weights: Floats = np.asarray(weights, dtype=np.float64)
    prob = updated(prior_weights, logs)
    return Bayes(pd.Series(prob, index=weights.index), _predictive(prior_weights, logs))


def _predictive(weights: Floats, logs: Floats) -> float:
    """Prior predictive probability, the weights made to sum to 1."""
    return float(np.exp(logsumexp(logs, b=weights / weights.sum())))


def discrete_bayes_2(
    df: Callable[..., Any], prior: pd.DataFrame, y: Any = None, *args: Any, **kwargs: Any
) -> Bayes2:
    """Posterior of two parameters with a discrete prior.

    Parameters
    ----------
    df : callable
        ``df(y, first, second, *args, **kwargs)``: the sampling density of one observation (a row of
        ``y``, or a number) for all values at once: ``first`` and ``second`` have the prior's shape.
    prior : DataFrame
        Prior probabilities; the index holds the first parameter's values, the columns the second's
        (see `prior_two_parameters`). They need not sum to 1.
    y : array_like, optional
        The observations, a row each. Without any the posterior is the prior.
    *args, **kwargs
        What ``df`` takes besides.

    Returns
    -------
    Bayes2

    Raises
    ------
    ValueError, TypeError
        If the prior is no frame or has negative weights, or the data is impossible.

    Examples
    --------
    >>> from scipy import stats
    >>> def two_binomials(y, p1, p2):
    ...     return stats.binom.pmf(y[0], 5, p1) * stats.binom.pmf(y[1], 5, p2)
    >>> prior = prior_two_parameters([0.2, 0.5], [0.1, 0.4])
    >>> discrete_bayes_2(two_binomials, prior, [[2, 3]]).prob.round(4)
            0.1     0.4
    0.2  0.0134  0.3825
    0.5  0.0205  0.5836
    """
    import pandas as pd

    if not isinstance(prior, pd.DataFrame):
        raise TypeError(
            f"prior is a {type(prior).__name__}: give a DataFrame, of prior_two_parameters say"
        )
    shape = prior.shape
    first, second = np.meshgrid(
        numbers("prior.index", prior.index), numbers("prior.columns", prior.columns), indexing="ij"
    )
    weights = probabilities("prior", prior.to_numpy().ravel())
    logs, density = np.zeros(shape), matched(df, kwargs)
    if y is not None:
        function("df", df, "an observation and two values")
    for row in [] if y is None else np.asarray(y):
        logs = logs + _log_likelihood(density(row, first, second, *args), shape)
    prob = updated(weights, logs.ravel()).reshape(shape)
    frame = pd.DataFrame(prob, index=prior.index, columns=prior.columns)
    return Bayes2(frame, _predictive(weights, logs.ravel()))


def prior_two_parameters(parameter1: ArrayLike, parameter2: ArrayLike) -> pd.DataFrame:
    """A uniform prior on a grid of two parameters.

    Parameters
    ----------
    parameter1, parameter2 : array_like
        Their values.

    Returns
    -------
    DataFrame
        Equal probabilities; rows are values of the first parameter, columns of the second.

    Examples
    --------
    >>> prior_two_parameters([1, 2], [2, 4, 7]).round(3)
         2.0    4.0    7.0
    1.0  0.167  0.167  0.167
    2.0  0.167  0.167  0.167
    """
    import pandas as pd

    rows, columns = numbers("parameter1", parameter1), numbers("parameter2", parameter2)
    prob = np.full((rows.size, columns.size), 1.0 / (rows.size * columns.size))
    return pd.DataFrame(prob, index=rows, columns=columns)


def print_bayes(x: Bayes) -> pd.Series[float]:
    """Print a discrete posterior's probabilities as R does, and return them.

    Parameters
    ----------
    x : Bayes
        A posterior by `discrete_bayes`.

    Returns
    -------
    Series

    Examples
    --------
    >>> from scipy import stats
    >>> post = discrete_bayes(stats.poisson.pmf, {1: 0.5, 2: 0.5}, [1, 3])
    >>> _ = print_bayes(post)
            1         2
    0.3159194 0.6840806
    """
    print(_one_parameter("x", x))
    return x.prob


def _one_parameter(name: str, x: Any) -> Bayes:
    if not isinstance(x, Bayes):
        raise TypeError(f"{name} is a {type(x).__name__}: give what discrete_bayes returns")
    return x


def summary_bayes(object: Bayes, coverage: float = 0.9) -> BayesSummary:  # noqa: A002
    """Mean, standard deviation and highest-probability set of a discrete posterior.

    Parameters
    ----------
    object : Bayes
        A posterior by `discrete_bayes`.
    coverage : float
        The least probability of the set.

    Returns
    -------
    BayesSummary

    Examples
    --------
    >>> from scipy import stats
    >>> post = discrete_bayes(stats.poisson.pmf, {1: 0.2, 2: 0.5, 3: 0.3}, [1, 3])
    >>> found = summary_bayes(post)
    >>> round(found.mean, 4), round(found.sd, 4), found.set
    (2.1418, 0.5943, array([1., 2., 3.]))
    """
    values, prob = _one_parameter("object", object).values, object.prob.to_numpy()
    probability("coverage", coverage)
    mean = float(np.sum(values * prob))
    sd = float(np.sqrt(np.sum((values - mean) ** 2 * prob)))
    found = discint(np.column_stack([values, prob]), coverage)
    return BayesSummary(mean, sd, found.prob, found.set)


def discint(dist: ArrayLike, prob: float) -> DiscreteInterval:
    """Highest-probability set of a discrete distribution.

    Parameters
    ----------
    dist : array_like, shape (k, 2)
        Values and their probabilities.
    prob : float
        The least probability of the set.

    Returns
    -------
    DiscreteInterval

    Raises
    ------
    ValueError
        If all probabilities together are less than ``prob``.

    Examples
    --------
    >>> discint([[1, 0.2], [2, 0.5], [3, 0.3]], 0.7)
    DiscreteInterval(prob=0.8, set=array([2., 3.]))
    """
    table = float_array("dist", dist, 2)
    if table.shape[1] < 2:
        raise ValueError(f"dist has shape {table.shape}: give the columns values, probabilities")
    values = numbers("dist[:, 0]", table[:, 0])
    weights = probabilities("dist[:, 1]", table[:, 1])
    order = np.argsort(weights, kind="stable")[::-1]  # of equals the last one first, as in R
    total = np.cumsum(weights[order])
    enough = np.flatnonzero(total >= probability("prob", prob))
    if not enough.size:
        if prob - total[-1] > 1e-9:  # more than rounding
            raise ValueError(f"prob is {prob}: the probabilities of dist sum to {total[-1]} only")
        enough = np.array([weights.size - 1])
    chosen = order[: enough[0] + 1]
    return DiscreteInterval(float(np.sum(weights[chosen])), np.sort(values[chosen]))


def pdisc(p: ArrayLike, prior: ArrayLike, data: ArrayLike) -> Floats:
    """Posterior probabilities of a proportion's values.

    Parameters
    ----------
    p : array_like, shape (k,)
        The values, from 0 to 1.
    prior : array_like, shape (k,)
        Their prior probabilities, which need not sum to 1.
    data : array_like, shape (2,)
        Successes and failures.

    Returns
    -------
    ndarray, shape (k,)

    Raises
    ------
    ValueError
        If a value is no proportion, a weight or a count negative, or the data impossible.

    Examples
    --------
    >>> pdisc([0.2, 0.25, 0.3, 0.35], [0.25, 0.25, 0.25, 0.25], [5, 10]).round(4)
    array([0.1502, 0.2405, 0.3001, 0.3092])
    """
    values, weights = _proportions(p, "prior", prior)
    successes, failures = numbers("data", flat(data), 2, "not negative")
    return updated(weights, log_mass("binomial", successes, failures, values))


def _proportions(p: ArrayLike, name: str, weights: ArrayLike) -> tuple[Floats, Floats]:
    aligned(**{"p": p, name: weights})
    values, found = numbers("p", flat(p)), probabilities(name, weights)
    if values.size != found.size:
        raise ValueError(f"p has {values.size} values and {name} {found.size}: give one each")
    outside = np.flatnonzero((values < 0.0) | (values > 1.0))
    if outside.size:
        raise ValueError(f"p[{outside[0]}] is {values[outside[0]]}: proportions are from 0 to 1")
    return values, found


def pdiscp(p: ArrayLike, probs: ArrayLike, n: float, s: ArrayLike) -> Floats:
    """Predictive probabilities of a binomial count, under a discrete prior of the proportion.

    Parameters
    ----------
    p : array_like, shape (k,)
        Values of the proportion.
    probs : array_like, shape (k,)
        Their probabilities.
    n : int
        Size of the future sample.
    s : array_like
        Numbers of successes.

    Returns
    -------
    ndarray
        A probability for each of ``s``; 0 outside 0, ..., n.

    Raises
    ------
    ValueError
        If a value is no proportion, or a weight negative.

    Examples
    --------
    >>> pdiscp([0.1, 0.5, 0.9], [0.2, 0.5, 0.3], 4, [0, 1, 2]).round(5)
    array([0.1625, 0.1844, 0.2118])
    """
    values, weights = _proportions(p, "probs", probs)
    n, s, inside = future(n, s)
    out = np.zeros(s.size)
    k = s[inside][:, np.newaxis]
    out[inside] = np.exp(log_mass("binomial", k, n - k, values)) @ weights
    return out


def histprior(p: ArrayLike, midpts: ArrayLike, prob: ArrayLike) -> Floats:
    """A prior by a histogram: the probability of the interval that each value lies in.

    Parameters
    ----------
    p : array_like
        Values of the parameter.
    midpts : array_like, shape (k,)
        Midpoints of intervals of one width, ascending.
    prob : array_like, shape (k,)
        Probabilities of the intervals.

    Returns
    -------
    ndarray
        For each value the probability of its interval (not divided by its width, as in R); 0
        outside all intervals.

    Raises
    ------
    ValueError
        If the intervals have not one width, or a probability is negative.

    Examples
    --------
    >>> histprior([0.05, 0.5, 1.2], [0.1, 0.3, 0.5, 0.7, 0.9], [0.2, 0.2, 0.4, 0.1, 0.1])
    array([0.2, 0.4, 0. ])
    """
    aligned(midpts=midpts, prob=prob)
    middle, weights = numbers("midpts", flat(midpts)), probabilities("prob", prob)
    if middle.size < 2 or middle.size != weights.size:
        raise ValueError(
            f"midpts has {middle.size} numbers and prob {weights.size}: give one each, at least two"
        )
    width = middle[1] - middle[0]
    if not (width > 0.0 and np.allclose(np.diff(middle), width, rtol=1e-6)):
        raise ValueError(f"midpts are {middle}: they must ascend in equal steps")
    values = numbers("p", flat(p))
    interval = np.searchsorted(middle - width / 2, values, side="right") - 1
    inside = (interval >= 0) & (values <= middle[-1] + width / 2)
    return np.where(inside, weights[np.maximum(interval, 0)], 0.0)
