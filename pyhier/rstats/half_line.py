"""R's exponential, gamma, chi-squared and Weibull distributions: d, p and q."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.rstats import noncentral
from pyhier.rstats._families import Kernel, density, one_of, positive_line, probability, quantiles


def _inverse(columns: Sequence[Floats]) -> list[Floats]:
    """The scale of a rate."""
    return [1.0 / columns[0]]


def _shape_and_scale(
    shape: ArrayLike, rate: ArrayLike | None, scale: ArrayLike | None
) -> tuple[dict[str, ArrayLike], Kernel | None]:
    """R's parameters as they were given, and what makes a shape and a scale of them."""
    if one_of("rate", rate, "scale", scale):
        assert scale is not None
        return {"shape": shape, "scale": scale}, None
    return {"shape": shape, "rate": 1.0 if rate is None else rate}, _scale_of_rate


def _scale_of_rate(columns: Sequence[Floats]) -> list[Floats]:
    return [columns[0], 1.0 / columns[1]]


def dexp(x: ArrayLike, rate: ArrayLike = 1.0, log: bool = False) -> Floats:
    """Exponential density: R's ``dexp(x, rate, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    rate : array_like
        Positive; the mean is ``1 / rate``.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dexp([0.5, 1.0, 3.0], rate=2.0)
    array([0.73575888, 0.27067057, 0.0049575 ])
    """
    result: Floats = density("exp", x, {"rate": rate}, log, _inverse)
    return result


def pexp(
    q: ArrayLike, rate: ArrayLike = 1.0, lower_tail: bool = True, log_p: bool = False
) -> Floats:
    """Exponential distribution function: R's ``pexp(q, rate, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    rate : array_like
        As for `dexp`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pexp([0.5, 1.0, 3.0], rate=2.0)
    array([0.63212056, 0.86466472, 0.99752125])
    """
    result: Floats = probability("exp", q, {"rate": rate}, lower_tail, log_p, _inverse)
    return result


def qexp(
    p: ArrayLike, rate: ArrayLike = 1.0, lower_tail: bool = True, log_p: bool = False
) -> Floats:
    """Exponential quantiles: R's ``qexp(p, rate, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    rate : array_like
        As for `dexp`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qexp([0.025, 0.5], rate=2.0)
    array([0.0126589 , 0.34657359])
    """
    result: Floats = quantiles("exp", p, {"rate": rate}, lower_tail, log_p, positive_line, _inverse)
    return result


def dgamma(
    x: ArrayLike,
    shape: ArrayLike,
    rate: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    log: bool = False,
) -> Floats:
    """Gamma density: R's ``dgamma(x, shape, rate, scale, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    shape : array_like
        Not negative.
    rate, scale : array_like, optional
        Positive; one of them, 1 without either. The mean is ``shape / rate``.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dgamma([0.5, 1.0, 3.0], shape=2.5, rate=2.0)
    array([0.55347666, 0.57590364, 0.05480924])
    """
    given, kernel = _shape_and_scale(shape, rate, scale)
    result: Floats = density("gamma", x, given, log, kernel)
    return result


def pgamma(
    q: ArrayLike,
    shape: ArrayLike,
    rate: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Gamma distribution function: R's ``pgamma(q, shape, rate, scale, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    shape, rate, scale : array_like
        As for `dgamma`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pgamma([0.5, 1.0, 3.0], shape=2.5, rate=2.0)
    array([0.15085496, 0.45058405, 0.96521222])
    """
    given, kernel = _shape_and_scale(shape, rate, scale)
    result: Floats = probability("gamma", q, given, lower_tail, log_p, kernel)
    return result


def qgamma(
    p: ArrayLike,
    shape: ArrayLike,
    rate: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Gamma quantiles: R's ``qgamma(p, shape, rate, scale, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    shape, rate, scale : array_like
        As for `dgamma`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qgamma([0.025, 0.5], shape=2.5, rate=2.0)
    array([0.2078029 , 1.08786505])
    """
    given, kernel = _shape_and_scale(shape, rate, scale)
    result: Floats = quantiles("gamma", p, given, lower_tail, log_p, positive_line, kernel)
    return result


def dchisq(x: ArrayLike, df: ArrayLike, ncp: ArrayLike | None = None, log: bool = False) -> Floats:
    """Chi-squared density: R's ``dchisq(x, df, ncp, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    df : array_like
        Degrees of freedom, not negative.
    ncp : array_like, optional
        Noncentrality; without it, or 0, the central distribution.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dchisq([0.5, 1.0, 3.0], df=4)
    array([0.0973501 , 0.15163266, 0.16734762])
    """
    if ncp is not None:
        given = {"df": df, "ncp": ncp}
        return noncentral.density("chisq", x, given, log)
    result: Floats = density("chisq", x, {"df": df}, log)
    return result


def pchisq(
    q: ArrayLike,
    df: ArrayLike,
    ncp: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Chi-squared distribution function: R's ``pchisq(q, df, ncp, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    df, ncp : array_like
        As for `dchisq`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pchisq([0.5, 1.0, 3.0], df=4)
    array([0.02649902, 0.09020401, 0.4421746 ])
    """
    if ncp is not None:
        given = {"df": df, "ncp": ncp}
        return noncentral.probability("chisq", q, given, lower_tail, log_p)
    result: Floats = probability("chisq", q, {"df": df}, lower_tail, log_p)
    return result


def qchisq(
    p: ArrayLike,
    df: ArrayLike,
    ncp: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Chi-squared quantiles: R's ``qchisq(p, df, ncp, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    df, ncp : array_like
        As for `dchisq`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qchisq([0.025, 0.5], df=4)
    array([0.48441856, 3.35669398])
    """
    if ncp is not None:
        given = {"df": df, "ncp": ncp}
        return noncentral.quantiles("chisq", p, given, lower_tail, log_p)
    result: Floats = quantiles("chisq", p, {"df": df}, lower_tail, log_p, positive_line)
    return result


def dweibull(x: ArrayLike, shape: ArrayLike, scale: ArrayLike = 1.0, log: bool = False) -> Floats:
    """Weibull density: R's ``dweibull(x, shape, scale, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    shape, scale : array_like
        Both positive.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dweibull([0.5, 1.0, 3.0], shape=1.5, scale=2.0)
    array([0.33093634, 0.37239169, 0.14630426])
    """
    result: Floats = density("weibull", x, {"shape": shape, "scale": scale}, log)
    return result


def pweibull(
    q: ArrayLike,
    shape: ArrayLike,
    scale: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Weibull distribution function: R's ``pweibull(q, shape, scale, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    shape, scale : array_like
        As for `dweibull`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pweibull([0.5, 1.0, 3.0], shape=1.5, scale=2.0)
    array([0.1175031 , 0.2978115 , 0.84072409])
    """
    result: Floats = probability("weibull", q, {"shape": shape, "scale": scale}, lower_tail, log_p)
    return result


def qweibull(
    p: ArrayLike,
    shape: ArrayLike,
    scale: ArrayLike = 1.0,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Weibull quantiles: R's ``qweibull(p, shape, scale, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    shape, scale : array_like
        As for `dweibull`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qweibull([0.025, 0.5], shape=1.5, scale=2.0)
    array([0.17244373, 1.56643954])
    """
    result: Floats = quantiles(
        "weibull", p, {"shape": shape, "scale": scale}, lower_tail, log_p, positive_line
    )
    return result
