"""R's normal, log-normal, logistic, Cauchy and uniform distributions: d, p and q."""

from __future__ import annotations

from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.rstats._families import density, positive_line, probability, quantiles, whole_line


def dnorm(x: ArrayLike, mean: ArrayLike = 0.0, sd: ArrayLike = 1.0, log: bool = False) -> Floats:
    """Normal density: R's ``dnorm(x, mean, sd, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    mean, sd : array_like
        The mean and the standard deviation, which is not negative.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dnorm([-1.0, 0.0, 3.0], mean=1.0)
    array([0.05399097, 0.24197072, 0.05399097])
    """
    result: Floats = density("norm", x, {"mean": mean, "sd": sd}, log)
    return result


def pnorm(
    q: ArrayLike,
    mean: ArrayLike = 0.0,
    sd: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Normal distribution function: R's ``pnorm(q, mean, sd, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    mean, sd : array_like
        As for `dnorm`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pnorm([-1.0, 0.0, 3.0], mean=1.0)
    array([0.02275013, 0.15865525, 0.97724987])
    """
    result: Floats = probability("norm", q, {"mean": mean, "sd": sd}, lower_tail, log_p)
    return result


def qnorm(
    p: ArrayLike,
    mean: ArrayLike = 0.0,
    sd: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Normal quantiles: R's ``qnorm(p, mean, sd, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    mean, sd : array_like
        As for `dnorm`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qnorm([0.025, 0.5], mean=1.0)
    array([-0.95996398,  1.        ])
    """
    result: Floats = quantiles("norm", p, {"mean": mean, "sd": sd}, lower_tail, log_p, whole_line)
    return result


def dlnorm(
    x: ArrayLike, meanlog: ArrayLike = 0.0, sdlog: ArrayLike = 1.0, log: bool = False
) -> Floats:
    """Log-normal density: R's ``dlnorm(x, meanlog, sdlog, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    meanlog, sdlog : array_like
        Mean and standard deviation of the logarithm.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dlnorm([0.5, 1.0, 3.0], sdlog=0.5)
    array([0.6104553 , 0.79788456, 0.02379448])
    """
    result: Floats = density("lnorm", x, {"meanlog": meanlog, "sdlog": sdlog}, log)
    return result


def plnorm(
    q: ArrayLike,
    meanlog: ArrayLike = 0.0,
    sdlog: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Log-normal distribution function: R's ``plnorm(q, meanlog, sdlog, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    meanlog, sdlog : array_like
        As for `dlnorm`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> plnorm([0.5, 1.0, 3.0], sdlog=0.5)
    array([0.08282852, 0.5       , 0.98599779])
    """
    result: Floats = probability(
        "lnorm", q, {"meanlog": meanlog, "sdlog": sdlog}, lower_tail, log_p
    )
    return result


def qlnorm(
    p: ArrayLike,
    meanlog: ArrayLike = 0.0,
    sdlog: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Log-normal quantiles: R's ``qlnorm(p, meanlog, sdlog, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    meanlog, sdlog : array_like
        As for `dlnorm`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qlnorm([0.025, 0.5], sdlog=0.5)
    array([0.37531786, 1.        ])
    """
    result: Floats = quantiles(
        "lnorm", p, {"meanlog": meanlog, "sdlog": sdlog}, lower_tail, log_p, positive_line
    )
    return result


def dlogis(
    x: ArrayLike, location: ArrayLike = 0.0, scale: ArrayLike = 1.0, log: bool = False
) -> Floats:
    """Logistic density: R's ``dlogis(x, location, scale, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    location, scale : array_like
        The centre, and a positive scale.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dlogis([-1.0, 0.0, 3.0], scale=2.0)
    array([0.11750186, 0.125     , 0.07457323])
    """
    result: Floats = density("logis", x, {"location": location, "scale": scale}, log)
    return result


def plogis(
    q: ArrayLike,
    location: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Logistic distribution function: R's ``plogis(q, location, scale, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    location, scale : array_like
        As for `dlogis`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> plogis([-1.0, 0.0, 3.0], scale=2.0)
    array([0.37754067, 0.5       , 0.81757448])
    """
    result: Floats = probability(
        "logis", q, {"location": location, "scale": scale}, lower_tail, log_p
    )
    return result


def qlogis(
    p: ArrayLike,
    location: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Logistic quantiles: R's ``qlogis(p, location, scale, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    location, scale : array_like
        As for `dlogis`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qlogis([0.025, 0.5], scale=2.0)
    array([-7.32712329,  0.        ])
    """
    result: Floats = quantiles(
        "logis", p, {"location": location, "scale": scale}, lower_tail, log_p, whole_line
    )
    return result


def dcauchy(
    x: ArrayLike, location: ArrayLike = 0.0, scale: ArrayLike = 1.0, log: bool = False
) -> Floats:
    """Cauchy density: R's ``dcauchy(x, location, scale, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    location, scale : array_like
        The centre, and a positive scale.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dcauchy([-1.0, 0.0, 3.0], scale=2.0)
    array([0.12732395, 0.15915494, 0.04897075])
    """
    result: Floats = density("cauchy", x, {"location": location, "scale": scale}, log)
    return result


def pcauchy(
    q: ArrayLike,
    location: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Cauchy distribution function: R's ``pcauchy(q, location, scale, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    location, scale : array_like
        As for `dcauchy`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pcauchy([-1.0, 0.0, 3.0], scale=2.0)
    array([0.35241638, 0.5       , 0.81283296])
    """
    result: Floats = probability(
        "cauchy", q, {"location": location, "scale": scale}, lower_tail, log_p
    )
    return result


def qcauchy(
    p: ArrayLike,
    location: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Cauchy quantiles: R's ``qcauchy(p, location, scale, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    location, scale : array_like
        As for `dcauchy`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qcauchy([0.025, 0.5], scale=2.0)
    array([-25.41240947,   0.        ])
    """
    result: Floats = quantiles(
        "cauchy", p, {"location": location, "scale": scale}, lower_tail, log_p, whole_line
    )
    return result


def dunif(
    x: ArrayLike,
    min: ArrayLike = 0.0,  # noqa: A002
    max: ArrayLike = 1.0,  # noqa: A002
    log: bool = False,
) -> Floats:
    """Uniform density: R's ``dunif(x, min, max, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    min, max : array_like
        The ends.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dunif([0.5, 1.0, 3.0], max=4.0)
    array([0.25, 0.25, 0.25])
    """
    result: Floats = density("unif", x, {"min": min, "max": max}, log)
    return result


def punif(
    q: ArrayLike,
    min: ArrayLike = 0.0,  # noqa: A002
    max: ArrayLike = 1.0,  # noqa: A002
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Uniform distribution function: R's ``punif(q, min, max, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    min, max : array_like
        As for `dunif`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> punif([0.5, 1.0, 3.0], max=4.0)
    array([0.125, 0.25 , 0.75 ])
    """
    result: Floats = probability("unif", q, {"min": min, "max": max}, lower_tail, log_p)
    return result


def qunif(
    p: ArrayLike,
    min: ArrayLike = 0.0,  # noqa: A002
    max: ArrayLike = 1.0,  # noqa: A002
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Uniform quantiles: R's ``qunif(p, min, max, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    min, max : array_like
        As for `dunif`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qunif([0.025, 0.5], max=4.0)
    array([0.1, 2. ])
    """
    result: Floats = quantiles(
        "unif", p, {"min": min, "max": max}, lower_tail, log_p, lambda ends: (ends[0], ends[1])
    )
    return result
