"""R's beta, F and t distributions: d, p and q."""

from __future__ import annotations

from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.rstats import noncentral
from pyhier.rstats._families import density, positive_line, probability, quantiles, whole_line


def dbeta(
    x: ArrayLike,
    shape1: ArrayLike,
    shape2: ArrayLike,
    ncp: ArrayLike | None = None,
    log: bool = False,
) -> Floats:
    """Beta density: R's ``dbeta(x, shape1, shape2, ncp, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    shape1, shape2 : array_like
        Not negative; the mean is ``shape1 / (shape1 + shape2)``.
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
    >>> dbeta([0.1, 0.5, 0.9], shape1=2, shape2=3)
    array([0.972, 1.5  , 0.108])
    """
    if ncp is not None:
        given = {"shape1": shape1, "shape2": shape2, "ncp": ncp}
        return noncentral.density("beta", x, given, log)
    result: Floats = density("beta", x, {"shape1": shape1, "shape2": shape2}, log)
    return result


def pbeta(
    q: ArrayLike,
    shape1: ArrayLike,
    shape2: ArrayLike,
    ncp: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Beta distribution function: R's ``pbeta(q, shape1, shape2, ncp, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    shape1, shape2, ncp : array_like
        As for `dbeta`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pbeta([0.1, 0.5, 0.9], shape1=2, shape2=3)
    array([0.0523, 0.6875, 0.9963])
    """
    if ncp is not None:
        given = {"shape1": shape1, "shape2": shape2, "ncp": ncp}
        return noncentral.probability("beta", q, given, lower_tail, log_p)
    result: Floats = probability("beta", q, {"shape1": shape1, "shape2": shape2}, lower_tail, log_p)
    return result


def qbeta(
    p: ArrayLike,
    shape1: ArrayLike,
    shape2: ArrayLike,
    ncp: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Beta quantiles: R's ``qbeta(p, shape1, shape2, ncp, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    shape1, shape2, ncp : array_like
        As for `dbeta`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qbeta([0.025, 0.5], shape1=2, shape2=3)
    array([0.06758599, 0.38572757])
    """
    if ncp is not None:
        given = {"shape1": shape1, "shape2": shape2, "ncp": ncp}
        return noncentral.quantiles("beta", p, given, lower_tail, log_p)
    result: Floats = quantiles(
        "beta",
        p,
        {"shape1": shape1, "shape2": shape2},
        lower_tail,
        log_p,
        lambda shapes: (0.0, 1.0),
    )
    return result


def df(
    x: ArrayLike, df1: ArrayLike, df2: ArrayLike, ncp: ArrayLike | None = None, log: bool = False
) -> Floats:
    """F density: R's ``df(x, df1, df2, ncp, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    df1, df2 : array_like
        Degrees of freedom of the numerator and the denominator, positive.
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
    >>> df([0.5, 1.0, 3.0], df1=3, df2=8)
    array([0.62116586, 0.39223165, 0.06198605])
    """
    if ncp is not None:
        given = {"df1": df1, "df2": df2, "ncp": ncp}
        return noncentral.density("f", x, given, log)
    result: Floats = density("f", x, {"df1": df1, "df2": df2}, log)
    return result


def pf(
    q: ArrayLike,
    df1: ArrayLike,
    df2: ArrayLike,
    ncp: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """F distribution function: R's ``pf(q, df1, df2, ncp, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    df1, df2, ncp : array_like
        As for `df`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pf([0.5, 1.0, 3.0], df1=3, df2=8)
    array([0.30737513, 0.55890092, 0.90487181])
    """
    if ncp is not None:
        given = {"df1": df1, "df2": df2, "ncp": ncp}
        return noncentral.probability("f", q, given, lower_tail, log_p)
    result: Floats = probability("f", q, {"df1": df1, "df2": df2}, lower_tail, log_p)
    return result


def qf(
    p: ArrayLike,
    df1: ArrayLike,
    df2: ArrayLike,
    ncp: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """F quantiles: R's ``qf(p, df1, df2, ncp, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    df1, df2, ncp : array_like
        As for `df`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qf([0.025, 0.5], df1=3, df2=8)
    array([0.06877633, 0.86003781])
    """
    if ncp is not None:
        given = {"df1": df1, "df2": df2, "ncp": ncp}
        return noncentral.quantiles("f", p, given, lower_tail, log_p)
    result: Floats = quantiles("f", p, {"df1": df1, "df2": df2}, lower_tail, log_p, positive_line)
    return result


def dt(x: ArrayLike, df: ArrayLike, ncp: ArrayLike | None = None, log: bool = False) -> Floats:
    """Student's t density: R's ``dt(x, df, ncp, log)``.

    Parameters
    ----------
    x : array_like
        Points; all arguments are recycled as in R.
    df : array_like
        Degrees of freedom, positive; infinity is the normal distribution.
    ncp : array_like, optional
        The mean of the normal variable in the numerator; 0 without it.
    log : bool
        Whether to return the logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> dt([-1.0, 0.0, 3.0], df=4)
    array([0.21466253, 0.375     , 0.0196935 ])
    """
    if ncp is not None:
        given = {"df": df, "ncp": ncp}
        return noncentral.density("t", x, given, log)
    result: Floats = density("t", x, {"df": df}, log)
    return result


def pt(
    q: ArrayLike,
    df: ArrayLike,
    ncp: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Student's t distribution function: R's ``pt(q, df, ncp, lower.tail, log.p)``.

    Parameters
    ----------
    q : array_like
        Points; all arguments are recycled as in R.
    df, ncp : array_like
        As for `dt`.
    lower_tail, log_p : bool
        Whether to return P(X <= q), rather than P(X > q), and whether its logarithm.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> pt([-1.0, 0.0, 3.0], df=4)
    array([0.18695048, 0.5       , 0.98002902])
    """
    if ncp is not None:
        given = {"df": df, "ncp": ncp}
        return noncentral.probability("t", q, given, lower_tail, log_p)
    result: Floats = probability("t", q, {"df": df}, lower_tail, log_p)
    return result


def qt(
    p: ArrayLike,
    df: ArrayLike,
    ncp: ArrayLike | None = None,
    lower_tail: bool = True,
    log_p: bool = False,
) -> Floats:
    """Student's t quantiles: R's ``qt(p, df, ncp, lower.tail, log.p)``.

    Parameters
    ----------
    p : array_like
        Probabilities; all arguments are recycled as in R.
    df, ncp : array_like
        As for `dt`.
    lower_tail, log_p : bool
        Whether ``p`` is P(X <= x), rather than P(X > x), and whether its logarithm is given.

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, where the arguments are impossible.

    Examples
    --------
    >>> qt([0.025, 0.5], df=4)
    array([-2.77644511,  0.        ])
    """
    if ncp is not None:
        given = {"df": df, "ncp": ncp}
        return noncentral.quantiles("t", p, given, lower_tail, log_p)
    result: Floats = quantiles("t", p, {"df": df}, lower_tail, log_p, whole_line)
    return result
