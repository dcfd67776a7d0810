"""LearnBayes' simulation of standard distributions, and two of their densities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG, as_generator, gammas, normals, uniforms
from pyhier._types import Floats
from pyhier._validation import (
    amount,
    checked,
    flag,
    float_array,
    function,
    positive,
    square_matrix,
    vector,
)
from pyhier.learnbayes._arguments import factor, flat, matched, numbers
from pyhier.rstats.linalg import log_determinant, solve
from pyhier.rstats.streams import RStream, default_stream


def stream(rng: RNG) -> np.random.Generator | RStream:
    """The generator that ``rng`` stands for: R's global stream without one."""
    return default_stream() if rng is None else as_generator(rng)


def equal_gammas(rng: np.random.Generator | RStream, n: int, shape: float, rate: float) -> Floats:
    """``n`` gamma variates of one shape and rate."""
    return gammas(rng, np.full(n, shape), np.full(n, rate))


def rdirichlet(n: int, par: ArrayLike, *, rng: RNG = None) -> Floats:
    """Dirichlet draws: LearnBayes' ``rdirichlet(n, par)``.

    Parameters
    ----------
    n : int
        The number of draws.
    par : array_like, shape (k,)
        The parameters, positive.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ndarray, shape (n, k)
        A row a draw; each sums to 1.

    Raises
    ------
    ValueError
        If a parameter is not positive and finite, or all are so small that a draw underflows.

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> lb.rdirichlet(2, [2, 5, 4], rng=1).sum(axis=1)
    array([1., 1.])
    """
    shapes = numbers("par", par, rule="positive")
    size = amount("n", n, shapes.size)
    drawn = gammas(stream(rng), np.broadcast_to(shapes, (size, shapes.size)), np.ones(1))
    total = np.zeros(size)
    for column in drawn.T:
        total += column
    if not np.all(total > 0.0):
        raise ValueError(f"par is {shapes}: so small that all gamma variates of a draw are 0")
    return drawn / total[:, None]


def rigamma(n: int, a: ArrayLike, b: ArrayLike, *, rng: RNG = None) -> Floats:
    """Inverse gamma draws: LearnBayes' ``rigamma(n, a, b)``.

    Parameters
    ----------
    n : int
        The number of draws.
    a, b : array_like
        Shape and rate, positive, recycled to ``n`` as in R; the density is proportional to
        ``y ** (-a - 1) * exp(-b / y)``.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If a parameter is not positive and finite.

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb
    >>> lb.rigamma(3, 10, 5, rng=RStream(1)).round(4)
    array([0.6521, 0.3561, 0.3616])
    """
    size = amount("n", n)
    shapes, rates = (numbers(k, flat(v), rule="positive") for k, v in (("a", a), ("b", b)))
    return 1.0 / gammas(stream(rng), np.resize(shapes, size), np.resize(rates, size))


def _location(mean: ArrayLike | None, name: str, d: int) -> Floats:
    """The mean, whose length is that of the matrix called ``name``."""
    if mean is None:
        return np.zeros(d)
    centre = numbers("mean", flat(mean))
    if centre.size != d:
        raise ValueError(f"mean has {centre.size} numbers: {name} is {d} x {d}")
    return centre


def _scale(name: str, value: ArrayLike) -> Floats:
    array = float_array(name, value, None)
    return square_matrix(name, array.reshape(1, 1) if array.ndim == 0 else array)


def rmnorm(
    n: int = 1, mean: ArrayLike | None = None, varcov: ArrayLike = 1.0, *, rng: RNG = None
) -> Floats:
    """Multivariate normal draws: LearnBayes' ``rmnorm(n, mean, varcov)``.

    Parameters
    ----------
    n : int
        The number of draws.
    mean : array_like, shape (d,), optional
        0 without it.
    varcov : array_like, shape (d, d)
        The covariance, positive definite; a number for d = 1.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ndarray, shape (n, d)

    Raises
    ------
    ValueError
        If the covariance is not positive definite, or the shapes do not fit.

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb
    >>> lb.rmnorm(2, [1, 12], [[1, 2], [2, 5]], rng=RStream(1)).round(4)
    array([[ 0.3735, 9.9115],
           [ 1.1836, 13.9626]])
    """
    upper = factor("varcov", _scale("varcov", varcov))
    centre = _location(mean, "varcov", len(upper))
    z = normals(stream(rng), (amount("n", n, len(upper)),), len(upper))
    return centre + z @ upper


def rmt(
    n: int = 1,
    mean: ArrayLike | None = None,
    S: ArrayLike = 1.0,  # noqa: N803
    df: float = math.inf,
    *,
    rng: RNG = None,
) -> Floats:
    """Multivariate t draws: LearnBayes' ``rmt(n, mean, S, df)``.

    Parameters
    ----------
    n : int
        The number of draws.
    mean : array_like, shape (d,), optional
        The location, 0 without it.
    S : array_like, shape (d, d)
        The scale matrix, positive definite; a number for d = 1.
    df : float
        Degrees of freedom; infinity gives normal draws.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ndarray, shape (n, d)

    Raises
    ------
    ValueError
        If the matrix is not positive definite, or the shapes do not fit.

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb
    >>> lb.rmt(2, [1, 12], [[1, 2], [2, 5]], 4, rng=RStream(1)).round(4)
    array([[ 2.9742, 13.5591],
           [ 1.3103, 11.9257]])
    """
    upper, nu = factor("S", _scale("S", S)), _degrees(df)
    size = amount("n", n, len(upper))
    centre, source = _location(mean, "S", len(upper)), stream(rng)
    # A chi-squared variate is a gamma one of shape df / 2 and rate 1 / 2.
    x = 1.0 if math.isinf(nu) else equal_gammas(source, size, nu / 2.0, 0.5)[:, None] / nu
    z = normals(source, (size,), len(upper))
    return centre + z @ upper / np.sqrt(x)


def _degrees(df: float) -> float:
    return math.inf if df == math.inf else positive("df", df)


def _distances(
    x: ArrayLike, mean: ArrayLike | None, name: str, scale: Floats
) -> tuple[Floats, float]:
    """Squared distances of the rows of ``x``, and the log determinant of the matrix ``name``."""
    d = len(scale)
    factor(name, scale)  # for its error where the matrix is not positive definite
    points = float_array("x", x, None)
    rows = float_array(
        "x", points.reshape(-1, 1 if d == 1 else points.size) if points.ndim < 2 else points, 2
    )
    if rows.shape[1] != d:
        raise ValueError(f"x has {rows.shape[1]} columns: {name} is {d} x {d}")
    off = rows - _location(mean, name, d)
    return np.einsum("ij,jk,ik->i", off, solve(scale), off), log_determinant(scale)[1]


@checked(log=flag)
def dmnorm(
    x: ArrayLike,
    mean: ArrayLike | None = None,
    varcov: ArrayLike = 1.0,
    log: bool = False,
) -> Floats:
    """Multivariate normal density: LearnBayes' ``dmnorm(x, mean, varcov, log)``.

    Parameters
    ----------
    x : array_like, shape (d,) or (n, d)
        One point, or a point a row.
    mean : array_like, shape (d,), optional
        0 without it.
    varcov : array_like, shape (d, d)
        The covariance, positive definite; a number for d = 1.
    log : bool
        Whether to return logarithms.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If the covariance is not positive definite, or the shapes do not fit.

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> lb.dmnorm([[0, 0], [1, 2]], [0, 0], [[1, 0], [0, 4]])
    array([0.07957747, 0.02927492])
    """
    scale = _scale("varcov", varcov)
    distance, log_det = _distances(x, mean, "varcov", scale)
    value = -0.5 * (len(scale) * math.log(2.0 * math.pi) + log_det + distance)
    return value if log else np.exp(value)


@checked(log=flag)
def dmt(
    x: ArrayLike,
    mean: ArrayLike | None = None,
    S: ArrayLike = 1.0,  # noqa: N803
    df: float = math.inf,
    log: bool = False,
) -> Floats:
    """Multivariate t density: LearnBayes' ``dmt(x, mean, S, df, log)``.

    Parameters
    ----------
    x : array_like, shape (d,) or (n, d)
        One point, or a point a row.
    mean : array_like, shape (d,), optional
        The location, 0 without it.
    S : array_like, shape (d, d)
        The scale matrix, positive definite; a number for d = 1.
    df : float
        Degrees of freedom; infinity gives the normal density.
    log : bool
        Whether to return logarithms.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If the matrix is not positive definite, or the shapes do not fit.

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> lb.dmt([0, 0], [0, 0], [[1, 0], [0, 4]], 3)
    array([0.07957747])
    """
    nu, scale = _degrees(df), _scale("S", S)
    if math.isinf(nu):
        return dmnorm(x, mean, scale, log)
    d = len(scale)
    distance, log_det = _distances(x, mean, "S", scale)
    constant = math.lgamma(0.5 * (nu + d)) - math.lgamma(0.5 * nu)
    constant -= 0.5 * (d * math.log(math.pi * nu) + log_det)
    value = constant - 0.5 * (nu + d) * np.log1p(distance / nu)
    return value if log else np.exp(value)


def rtruncated(
    n: int,
    lo: ArrayLike,
    hi: ArrayLike,
    pf: Callable[..., Any],
    qf: Callable[..., Any],
    *args: Any,
    rng: RNG = None,
    **kwargs: Any,
) -> Floats:
    """Draws of a truncated distribution: LearnBayes' ``rtruncated(n, lo, hi, pf, qf, ...)``.

    Parameters
    ----------
    n : int
        The number of draws.
    lo, hi : float or array_like
        Where it is truncated; either may be infinite. They, and the parameters, may be vectors,
        recycled to the draws as in R.
    pf, qf : callable
        Its distribution function and its inverse: ``rstats.pnorm`` and ``rstats.qnorm``, or the
        ``cdf`` and ``ppf`` of a scipy.stats distribution.
    *args, **kwargs
        Parameters for both.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If the distribution has no mass between the limits that its function shows (R returns
        infinite draws, or NaN).

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb, rstats
    >>> lb.rtruncated(3, 3, np.inf, rstats.pnorm, rstats.qnorm, mean=2, sd=1, rng=RStream(1))
    array([3.19250876, 3.2837436 , 3.49261454])
    """
    size = amount("n", n)
    for name, given in (("pf", pf), ("qf", qf)):
        function(name, given, "numbers and the parameters")
    lo, hi = vector("lo", flat(lo)), vector("hi", flat(hi))
    probability, quantile = matched(pf, kwargs), matched(qf, kwargs)
    below, above = (np.ravel(np.asarray(probability(end, *args), np.float64)) for end in (lo, hi))
    longest = max(below.size, above.size)
    low, high = np.resize(below, longest), np.resize(above, longest)
    bad = np.flatnonzero(~((low >= 0.0) & (low < high) & (high <= 1.0)))
    if bad.size:
        k = int(bad[0])
        ends = [float(np.resize(end, longest)[k]) for end in (lo, hi)]
        raise ValueError(
            f"pf is {low[k]} at lo = {ends[0]} and {high[k]} at hi = {ends[1]}: between them there "
            "must be mass"
        )
    u = uniforms(stream(rng), size)
    p = np.resize(below, size) + u * np.resize(high - low, size)  # R's recycling, step by step
    return np.asarray(quantile(p, *args), dtype=np.float64)
