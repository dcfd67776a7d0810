"""R's distributions of counts (binomial, Poisson, ...): d, p and q."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.rstats._families import Kernel, density, one_of, positive_line, probability, quantiles


def _hyper_range(columns: Sequence[Floats]) -> tuple[Floats, Floats]:
    white, black, drawn = columns
    return np.maximum(0.0, drawn - black), np.minimum(drawn, white)


def _size_and_prob(
    size: ArrayLike, prob: ArrayLike | None, mu: ArrayLike | None
) -> tuple[dict[str, ArrayLike], Kernel]:
    """R's parameters as they were given, and what makes size, prob and 1 - prob of them."""
    if one_of("prob", prob, "mu", mu):
        assert mu is not None
        return {"size": size, "mu": mu}, _by_mean
    if prob is None:
        raise TypeError("prob and mu are both missing: give one")
    return {"size": size, "prob": prob}, _by_probability


def _by_probability(columns: Sequence[Floats]) -> list[Floats]:
    return [columns[0], columns[1], 1.0 - columns[1]]


def _by_mean(columns: Sequence[Floats]) -> list[Floats]:
    size, mean = columns
    impossible = np.where(mean < 0.0, np.nan, size + mean)
    return [size, size / impossible, mean / impossible]


def dbinom(x: ArrayLike, size: ArrayLike, prob: ArrayLike, log: bool = False) -> Floats:
    """Binomial probabilities: R's ``dbinom(x, size, prob, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    size, prob : array_like
        Trials, and the probability of success.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dbinom([0, 3, 10], size=10, prob=0.3)
    array([2.82475249e-02, 2.66827932e-01, 5.90490000e-06])
    """
    result: Floats = density("binom", x, {"size": size, "prob": prob}, log)
    return result


def pbinom(
    q: ArrayLike, size: ArrayLike, prob: ArrayLike, lower_tail: bool = True, log_p: bool = False
) -> Floats:
    """Binomial distribution function: R's ``pbinom(q, size, prob, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    size, prob : array_like
        As for `dbinom`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pbinom([0, 3, 10], size=10, prob=0.3)
    array([0.02824752, 0.64961072, 1.        ])
    """
    result: Floats = probability("binom", q, {"size": size, "prob": prob}, lower_tail, log_p)
    return result


def qbinom(
    p: ArrayLike, size: ArrayLike, prob: ArrayLike, lower_tail: bool = True, log_p: bool = False
) -> Floats:
    """Binomial quantiles: R's ``qbinom(p, size, prob, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    size, prob : array_like
        As for `dbinom`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qbinom([0.025, 0.5], size=10, prob=0.3)
    array([0., 3.])
    """
    result: Floats = quantiles(
        "binom", p, {"size": size, "prob": prob}, lower_tail, log_p, lambda given: (0.0, given[0])
    )
    return result


def dgeom(x: ArrayLike, prob: ArrayLike, log: bool = False) -> Floats:
    """Geometric probabilities: R's ``dgeom(x, prob, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    prob : array_like
        The probability of success; the count is of failures before it.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dgeom([0, 3, 10], prob=0.3)
    array([0.3       , 0.1029    , 0.00847426])
    """
    result: Floats = density("geom", x, {"prob": prob}, log)
    return result


def pgeom(q: ArrayLike, prob: ArrayLike, lower_tail: bool = True, log_p: bool = False) -> Floats:
    """Geometric distribution function: R's ``pgeom(q, prob, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    prob : array_like
        As for `dgeom`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pgeom([0, 3, 10], prob=0.3)
    array([0.3       , 0.7599    , 0.98022673])
    """
    result: Floats = probability("geom", q, {"prob": prob}, lower_tail, log_p)
    return result


def qgeom(p: ArrayLike, prob: ArrayLike, lower_tail: bool = True, log_p: bool = False) -> Floats:
    """Geometric quantiles: R's ``qgeom(p, prob, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    prob : array_like
        As for `dgeom`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qgeom([0.025, 0.5], prob=0.3)
    array([0., 1.])
    """
    result: Floats = quantiles("geom", p, {"prob": prob}, lower_tail, log_p, positive_line)
    return result


def dhyper(x: ArrayLike, m: ArrayLike, n: ArrayLike, k: ArrayLike, log: bool = False) -> Floats:
    """Hypergeometric probabilities: R's ``dhyper(x, m, n, k, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    m, n, k : array_like
        White balls, black balls, and how many are drawn; the count is of white ones.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dhyper([0, 3, 5], m=10, n=7, k=8)
    array([0.        , 0.10366104, 0.36281366])
    """
    result: Floats = density("hyper", x, {"m": m, "n": n, "k": k}, log)
    return result


def phyper(
    q: ArrayLike,
    m: ArrayLike,
    n: ArrayLike,
    k: ArrayLike,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Hypergeometric distribution function: R's ``phyper(q, m, n, k, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    m, n, k : array_like
        As for `dhyper`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> phyper([0, 3, 5], m=10, n=7, k=8)
    array([0.        , 0.11703003, 0.7821884 ])
    """
    result: Floats = probability("hyper", q, {"m": m, "n": n, "k": k}, lower_tail, log_p)
    return result


def qhyper(
    p: ArrayLike,
    m: ArrayLike,
    n: ArrayLike,
    k: ArrayLike,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Hypergeometric quantiles: R's ``qhyper(p, m, n, k, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    m, n, k : array_like
        As for `dhyper`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qhyper([0.025, 0.5], m=10, n=7, k=8)
    array([3., 5.])
    """
    result: Floats = quantiles(
        "hyper", p, {"m": m, "n": n, "k": k}, lower_tail, log_p, _hyper_range
    )
    return result


def dnbinom(
    x: ArrayLike,
    size: ArrayLike,
    prob: ArrayLike | None = None,
    mu: ArrayLike | None = None,
    log: bool = False,
) -> Floats:
    """Negative-binomial probabilities: R's ``dnbinom(x, size, prob, mu, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    size : array_like
        Successes to wait for, not negative and perhaps no whole number.
    prob, mu : array_like
        The probability of success, or the mean ``size (1 - prob) / prob``: one of them.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dnbinom([0, 3, 10], size=3, mu=4.0)
    array([0.0787172 , 0.14687758, 0.0192856 ])
    """
    given, kernel = _size_and_prob(size, prob, mu)
    result: Floats = density("nbinom", x, given, log, kernel)
    return result


def pnbinom(
    q: ArrayLike,
    size: ArrayLike,
    prob: ArrayLike | None = None,
    mu: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Negative-binomial's distribution: R's ``pnbinom(q, size, prob, mu, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    size, prob, mu : array_like
        As for `dnbinom`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pnbinom([0, 3, 10], size=3, mu=4.0)
    array([0.0787172 , 0.51476001, 0.96216473])
    """
    given, kernel = _size_and_prob(size, prob, mu)
    result: Floats = probability("nbinom", q, given, lower_tail, log_p, kernel)
    return result


def qnbinom(
    p: ArrayLike,
    size: ArrayLike,
    prob: ArrayLike | None = None,
    mu: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Negative-binomial quantiles: R's ``qnbinom(p, size, prob, mu, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    size, prob, mu : array_like
        As for `dnbinom`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qnbinom([0.025, 0.5], size=3, mu=4.0)
    array([0., 3.])
    """
    given, kernel = _size_and_prob(size, prob, mu)
    result: Floats = quantiles("nbinom", p, given, lower_tail, log_p, positive_line, kernel)
    return result


def dpois(x: ArrayLike, lambda_: ArrayLike, log: bool = False) -> Floats:
    """Poisson probabilities: R's ``dpois(x, lambda, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    lambda_ : array_like
        The mean: R's ``lambda``, which is a keyword of Python.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dpois([0, 3, 10], lambda_=2.5)
    array([0.082085  , 0.21376302, 0.00021573])
    """
    result: Floats = density("pois", x, {"lambda_": lambda_}, log)
    return result


def ppois(q: ArrayLike, lambda_: ArrayLike, lower_tail: bool = True, log_p: bool = False) -> Floats:
    """Poisson distribution function: R's ``ppois(q, lambda, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    lambda_ : array_like
        As for `dpois`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> ppois([0, 3, 10], lambda_=2.5)
    array([0.082085  , 0.75757613, 0.99993837])
    """
    result: Floats = probability("pois", q, {"lambda_": lambda_}, lower_tail, log_p)
    return result


def qpois(p: ArrayLike, lambda_: ArrayLike, lower_tail: bool = True, log_p: bool = False) -> Floats:
    """Poisson quantiles: R's ``qpois(p, lambda, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    lambda_ : array_like
        As for `dpois`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qpois([0.025, 0.5], lambda_=2.5)
    array([0., 2.])
    """
    result: Floats = quantiles("pois", p, {"lambda_": lambda_}, lower_tail, log_p, positive_line)
    return result
