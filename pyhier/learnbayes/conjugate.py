"""LearnBayes' conjugate priors: mixtures, predictive distributions, tests of one parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, logsumexp, ndtr

from pyhier._types import Floats
from pyhier._validation import count, float_array, positive
from pyhier.kernels.count_masses import log_mass
from pyhier.learnbayes._arguments import counts, entries, flat, number, numbers
from pyhier.rstats.results import ByName


@dataclass(frozen=True)
class BetaMixture(ByName):
    """A mixture of beta distributions.

    Attributes
    ----------
    probs : ndarray, shape (k,)
        The components' probabilities.
    betapar : ndarray, shape (k, 2)
        Their shape parameters.
    """

    probs: Floats
    betapar: Floats


@dataclass(frozen=True)
class GammaMixture(ByName):
    """A mixture of gamma distributions.

    Attributes
    ----------
    probs : ndarray, shape (k,)
        The components' probabilities.
    gammapar : ndarray, shape (k, 2)
        Their shapes and rates.
    """

    probs: Floats
    gammapar: Floats


@dataclass(frozen=True)
class NormalMixture(ByName):
    """A mixture of normal distributions.

    Attributes
    ----------
    probs : ndarray, shape (k,)
        The components' probabilities.
    normalpar : ndarray, shape (k, 2)
        Their means and *variances*.
    """

    probs: Floats
    normalpar: Floats


@dataclass(frozen=True)
class OneSidedTest(ByName):
    """What LearnBayes' ``mnormt.onesided`` returns.

    Attributes
    ----------
    BF : float
        Bayes factor in favour of the hypothesis.
    prior_odds, post_odds : float
        Odds of the hypothesis (R's ``prior.odds`` and ``post.odds``).
    postH : float
        Its posterior probability.
    """

    BF: float
    prior_odds: float
    post_odds: float
    postH: float  # noqa: N815


@dataclass(frozen=True)
class PointTest(ByName):
    """A test that a parameter has one value.

    Attributes
    ----------
    bf : float or ndarray
        Bayes factor in favour of the hypothesis.
    post : float or ndarray
        Its posterior probability.
    """

    bf: Any
    post: Any


def _mixture(probs: ArrayLike, name: str, par: ArrayLike, first: str) -> tuple[Floats, Floats]:
    """Weights and parameters of a mixture; its second parameter is positive."""
    weights = probabilities("probs", probs)
    table = float_array(name, par, 2)
    if table.shape != (weights.size, 2):
        raise ValueError(f"{name} has shape {table.shape}: it must be ({weights.size}, 2)")
    numbers(f"{name}[:, 0]", table[:, 0], rule=first)
    numbers(f"{name}[:, 1]", table[:, 1], rule="positive")
    return weights, table


def probabilities(name: str, value: ArrayLike) -> Floats:
    """Weights of a discrete distribution: not negative, some of them positive."""
    weights = numbers(name, flat(value), rule="not negative")
    if not weights.any():
        raise ValueError(f"{name} are all 0: at least one must be positive")
    return weights


def updated(weights: Floats, log_likelihood: Floats) -> Floats:
    """Posterior probabilities by the logarithms of the likelihoods."""
    with np.errstate(divide="ignore"):
        logs = np.log(weights) + log_likelihood
    total = logsumexp(logs)
    if not np.isfinite(total):
        raise ValueError("the data is impossible under every value that the prior allows")
    return np.asarray(np.exp(logs - total))


def binomial_beta_mix(probs: ArrayLike, betapar: ArrayLike, data: ArrayLike) -> BetaMixture:
    """Posterior of a proportion whose prior is a mixture of betas.

    Parameters
    ----------
    probs : array_like, shape (k,)
        Prior probabilities of the components.
    betapar : array_like, shape (k, 2)
        Their shape parameters.
    data : array_like, shape (2,)
        Successes and failures.

    Returns
    -------
    BetaMixture

    Raises
    ------
    ValueError
        If a weight is negative, a shape not positive, or a count negative.

    Examples
    --------
    >>> post = binomial_beta_mix([0.5, 0.5], [[15, 5], [10, 10]], [20, 15])
    >>> post.probs.round(4), post.betapar
    (array([0.2918, 0.7082]), array([[35., 20.],
           [30., 25.]]))
    """
    weights, prior = _mixture(probs, "betapar", betapar, "positive")
    s, f = numbers("data", flat(data), 2, "not negative")
    likelihood = log_mass("beta-binomial", s, f, *prior.T)
    return BetaMixture(updated(weights, likelihood), prior + np.array([s, f]))


def poisson_gamma_mix(probs: ArrayLike, gammapar: ArrayLike, data: Any) -> GammaMixture:
    """Posterior of a Poisson rate whose prior is a mixture of gammas.

    Parameters
    ----------
    probs : array_like, shape (k,)
        Prior probabilities of the components.
    gammapar : array_like, shape (k, 2)
        Their shapes and rates.
    data : mapping
        ``{"y": counts, "t": time intervals}``.

    Returns
    -------
    GammaMixture

    Raises
    ------
    ValueError
        If a weight or a count is negative, or a parameter or a time not positive.

    Examples
    --------
    >>> data = {"y": [1, 3, 2, 4, 10], "t": [1, 1, 1, 1, 1]}
    >>> post = poisson_gamma_mix([0.5, 0.5], [[1, 1], [10, 2]], data)
    >>> post.probs.round(4), post.gammapar
    (array([0.0911, 0.9089]), array([[21.,  6.],
           [30.,  7.]]))
    """
    weights, prior = _mixture(probs, "gammapar", gammapar, "positive")
    y, t = entries("data", data, "y", "t")
    y = counts("data['y']", numbers("data['y']", flat(y)))
    t = numbers("data['t']", flat(t), y.size, "positive")
    likelihood = log_mass("poisson-gamma", y.sum(), t.sum(), *prior.T)
    return GammaMixture(updated(weights, likelihood), prior + np.array([y.sum(), t.sum()]))


def normal_normal_mix(probs: ArrayLike, normalpar: ArrayLike, data: ArrayLike) -> NormalMixture:
    """Posterior of a normal mean whose prior is a mixture of normals.

    Parameters
    ----------
    probs : array_like, shape (k,)
        Prior probabilities of the components.
    normalpar : array_like, shape (k, 2)
        Their means and *variances*.
    data : array_like, shape (2,)
        The observation and its *variance*.

    Returns
    -------
    NormalMixture

    Raises
    ------
    ValueError
        If a weight is negative or a variance not positive.

    Examples
    --------
    >>> post = normal_normal_mix([0.5, 0.5], [[0, 1], [2, 0.5]], [1, 0.5])
    >>> post.probs.round(4), post.normalpar.round(4)
    (array([0.491, 0.509]), array([[0.6667, 0.3333],
           [1.5   , 0.25  ]]))
    """
    weights, prior = _mixture(probs, "normalpar", normalpar, "finite")
    y, sigma2 = numbers("data", flat(data), 2)
    positive("data[1] (the variance)", float(sigma2))
    mean, var = prior.T
    total = var + sigma2
    prior_share, share = sigma2 / total, var / total
    post = np.column_stack([mean * prior_share + y * share, var * prior_share])
    away = _sds("data[0] (the observation)", y - mean, np.sqrt(total))
    return NormalMixture(updated(weights, -0.5 * (np.log(total) + away**2)), post)


def _sds(name: str, distance: Any, sd: Any) -> Any:
    """A distance in sds, of which the square is a double."""
    with np.errstate(over="ignore"):
        z = np.divide(distance, sd)
    if not np.all(np.abs(z) <= 1e150):
        raise ValueError(f"{name} is more than 1e150 standard deviations away: no odds are left")
    return z


def mnormt_onesided(m0: float, normpar: ArrayLike, data: ArrayLike) -> OneSidedTest:
    """Test that a normal mean is at most ``m0``, under a normal prior of it.

    Parameters
    ----------
    m0 : float
        The limit.
    normpar : array_like, shape (2,)
        The prior's mean and standard deviation.
    data : array_like, shape (3,)
        The sample's mean and size, and the known standard deviation of an observation.

    Returns
    -------
    OneSidedTest

    Raises
    ------
    ValueError
        If a standard deviation or the size is not positive.

    Examples
    --------
    >>> test = mnormt_onesided(175, [170, 1000], [176, 10, 3])
    >>> round(test.BF, 4), round(test.postH, 4)
    (0.1695, 0.1459)
    """
    mean, sd = numbers("normpar", flat(normpar), 2)
    centre, error = _normal_sample(data)
    positive("normpar[1] (the prior's sd)", float(sd))
    limit, whole = number("m0", m0), np.hypot(sd, error)
    post_mean = mean * (error / whole) ** 2 + centre * (sd / whole) ** 2
    prior = _sds("m0", limit - mean, sd)
    post = _sds("m0", limit - post_mean, sd * (error / whole))
    log_prior, log_post = (float(log_ndtr(z) - log_ndtr(-z)) for z in (prior, post))
    with np.errstate(over="ignore"):
        factor, odds, after = np.exp([log_post - log_prior, log_prior, log_post])
    return OneSidedTest(float(factor), float(odds), float(after), float(ndtr(post)))


def _normal_sample(data: ArrayLike) -> tuple[float, float]:
    """Mean and standard error of a sample given by its mean, its size and the sd."""
    mean, n, sd = numbers("data", flat(data), 3)
    return float(mean), positive("data[2] (the sd)", float(sd)) / np.sqrt(
        positive("data[1] (the sample's size)", float(n))
    )


def mnormt_twosided(m0: float, prob: float, t: ArrayLike, data: ArrayLike) -> PointTest:
    """Test that a normal mean is ``m0``, against a normal prior about it.

    Parameters
    ----------
    m0 : float
        The value.
    prob : float
        Prior probability of the hypothesis.
    t : float or array_like
        Prior standard deviations under the alternative, each of which is tried.
    data : array_like, shape (3,)
        The sample's mean and size, and the known standard deviation of an observation.

    Returns
    -------
    PointTest
        Of the shape of ``t``.

    Raises
    ------
    ValueError
        If ``prob`` is no probability, or a standard deviation or the size not positive.

    Examples
    --------
    >>> mnormt_twosided(170, 0.5, [0.5, 1, 2], [176, 10, 3]).post.round(8)
    array([1.441076e-02, 3.897000e-05, 1.900000e-07])
    """
    centre, error = _normal_sample(data)
    tau = numbers("t", flat(t), rule="positive")
    away = _sds("m0", centre - number("m0", m0), error)
    # The factor in favour of the hypothesis: N(mean; m0, var) by N(mean; m0, var + tau^2).
    wide = np.hypot(error, tau)
    log_bf = np.log(wide / error) - 0.5 * (away * (tau / wide)) ** 2
    return _point_test(prob, log_bf if np.ndim(t) else log_bf[0])


def _point_test(prob: float, log_bf: Any) -> PointTest:
    weight = float(probability("prob", prob))
    with np.errstate(over="ignore", divide="ignore"):
        bf = np.exp(log_bf)
        log_odds = np.log(weight) - np.log1p(-weight) + log_bf
        post = np.exp(-np.logaddexp(0.0, -log_odds))
    return PointTest(bf, post) if np.ndim(log_bf) else PointTest(float(bf), float(post))


def probability(name: str, value: float) -> float:
    """A number from 0 to 1."""
    chance = number(name, value)
    if not 0.0 <= chance <= 1.0:
        raise ValueError(f"{name} is {value!r}: a probability is from 0 to 1")
    return chance


def pbetat(p0: float, prob: float, ab: ArrayLike, data: ArrayLike) -> PointTest:
    """Test that a proportion is ``p0``, against a beta prior.

    Parameters
    ----------
    p0 : float
        The value.
    prob : float
        Prior probability of the hypothesis.
    ab : array_like, shape (2,)
        Shape parameters of the prior under the alternative.
    data : array_like, shape (2,)
        Successes and failures.

    Returns
    -------
    PointTest

    Raises
    ------
    ValueError
        If ``p0`` or ``prob`` is no probability, a shape not positive, or a count negative.

    Examples
    --------
    >>> test = pbetat(0.5, 0.5, [10, 10], [5, 15])
    >>> round(test.bf, 4), round(test.post, 4)
    (0.3893, 0.2802)
    """
    a, b = numbers("ab", flat(ab), 2, "positive")
    s, f = numbers("data", flat(data), 2, "not negative")
    p = probability("p0", p0)
    log_bf = log_mass("binomial", s, f, p) - log_mass("beta-binomial", s, f, a, b)
    return _point_test(prob, float(log_bf))


def pbetap(ab: ArrayLike, n: float, s: ArrayLike) -> Floats:
    """Predictive probabilities of a binomial count, under a beta prior of the proportion.

    Parameters
    ----------
    ab : array_like, shape (2,)
        Shape parameters of the prior.
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
        If a shape is not positive or ``n`` no count.

    Examples
    --------
    >>> pbetap([3, 12], 10, [0, 1, 2]).round(5)
    array([0.17984, 0.25692, 0.23123])
    """
    a, b = numbers("ab", flat(ab), 2, "positive")
    n, s, inside = future(n, s)
    out = np.zeros(s.size)
    k = s[inside]
    out[inside] = np.exp(log_mass("beta-binomial", k, n - k, a, b))
    return out


def future(n: float, s: ArrayLike) -> tuple[float, Floats, Any]:
    """Size of a future sample, numbers of successes in it, and which of them are possible."""
    size = float(count("n", n, 0))
    successes = numbers("s", flat(s))
    fractions = np.flatnonzero(successes != np.floor(successes))
    if fractions.size:
        i = fractions[0]
        raise ValueError(f"s[{i}] is {successes[i]}: numbers of successes are whole")
    return size, successes, (successes >= 0.0) & (successes <= size)
