"""R's functions of random numbers, drawing from R's one global stream unless given another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats
from pyhier.rstats.streams import RStream, default_stream

Integers = NDArray[np.int64]


def set_seed(
    seed: int | float | None,
    kind: str | None = None,
    normal_kind: str | None = None,
    sample_kind: str | None = None,
) -> None:
    """Start R's global stream afresh: R's ``set.seed(seed, kind, normal.kind, sample.kind)``.

    It serves the functions of ``rstats`` and ``learnbayes`` that are given no ``rng``, and nothing
    else.

    Parameters
    ----------
    seed : int or float or None
        What R's ``set.seed`` takes; None starts at random.
    kind, normal_kind, sample_kind : str, optional
        R's names of its generators. Only R's defaults are offered: "Mersenne-Twister",
        "Inversion" and "Rejection".

    Raises
    ------
    ValueError
        If the seed is beyond R's range, or a kind is not R's default.

    Examples
    --------
    >>> set_seed(1)
    >>> rnorm(2)
    array([-0.62645381,  0.18364332])
    """
    default_stream().set_seed(seed, kind, normal_kind, sample_kind)


def runif(
    n: int,
    min: ArrayLike = 0.0,  # noqa: A002
    max: ArrayLike = 1.0,  # noqa: A002
    *,
    rng: RStream | None = None,
) -> Floats:
    """Uniform draws from R's global stream, or from ``rng``; see `RStream.runif`."""
    return _stream(rng).runif(n, min, max)


def rnorm(
    n: int, mean: ArrayLike = 0.0, sd: ArrayLike = 1.0, *, rng: RStream | None = None
) -> Floats:
    """Normal draws from R's global stream, or from ``rng``; see `RStream.rnorm`."""
    return _stream(rng).rnorm(n, mean, sd)


def rexp(n: int, rate: ArrayLike = 1.0, *, rng: RStream | None = None) -> Floats:
    """Exponential draws from R's global stream, or from ``rng``; see `RStream.rexp`."""
    return _stream(rng).rexp(n, rate)


def rgamma(
    n: int,
    shape: ArrayLike,
    rate: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    *,
    rng: RStream | None = None,
) -> Floats:
    """Gamma draws from R's global stream, or from ``rng``; see `RStream.rgamma`."""
    return _stream(rng).rgamma(n, shape, rate, scale)


def rchisq(
    n: int, df: ArrayLike, ncp: ArrayLike | None = None, *, rng: RStream | None = None
) -> Floats:
    """Chi-squared draws from R's global stream, or from ``rng``; see `RStream.rchisq`."""
    return _stream(rng).rchisq(n, df, ncp)


def rbeta(
    n: int,
    shape1: ArrayLike,
    shape2: ArrayLike,
    ncp: ArrayLike | None = None,
    *,
    rng: RStream | None = None,
) -> Floats:
    """Beta draws from R's global stream, or from ``rng``; see `RStream.rbeta`."""
    return _stream(rng).rbeta(n, shape1, shape2, ncp)


def rt(
    n: int, df: ArrayLike, ncp: ArrayLike | None = None, *, rng: RStream | None = None
) -> Floats:
    """Student's t draws from R's global stream, or from ``rng``; see `RStream.rt`."""
    return _stream(rng).rt(n, df, ncp)


def rcauchy(
    n: int, location: ArrayLike = 0.0, scale: ArrayLike = 1.0, *, rng: RStream | None = None
) -> Floats:
    """Cauchy draws from R's global stream, or from ``rng``; see `RStream.rcauchy`."""
    return _stream(rng).rcauchy(n, location, scale)


def rlogis(
    n: int, location: ArrayLike = 0.0, scale: ArrayLike = 1.0, *, rng: RStream | None = None
) -> Floats:
    """Logistic draws from R's global stream, or from ``rng``; see `RStream.rlogis`."""
    return _stream(rng).rlogis(n, location, scale)


def rlnorm(
    n: int, meanlog: ArrayLike = 0.0, sdlog: ArrayLike = 1.0, *, rng: RStream | None = None
) -> Floats:
    """Log-normal draws from R's global stream, or from ``rng``; see `RStream.rlnorm`."""
    return _stream(rng).rlnorm(n, meanlog, sdlog)


def rweibull(
    n: int, shape: ArrayLike, scale: ArrayLike = 1.0, *, rng: RStream | None = None
) -> Floats:
    """Weibull draws from R's global stream, or from ``rng``; see `RStream.rweibull`."""
    return _stream(rng).rweibull(n, shape, scale)


def rf(n: int, df1: ArrayLike, df2: ArrayLike, *, rng: RStream | None = None) -> Floats:
    """F draws from R's global stream, or from ``rng``; see `RStream.rf`."""
    return _stream(rng).rf(n, df1, df2)


def rbinom(n: int, size: ArrayLike, prob: ArrayLike, *, rng: RStream | None = None) -> Integers:
    """Binomial draws from R's global stream, or from ``rng``; see `RStream.rbinom`."""
    return _stream(rng).rbinom(n, size, prob)


def rpois(n: int, lambda_: ArrayLike, *, rng: RStream | None = None) -> Integers:
    """Poisson draws from R's global stream, or from ``rng``; see `RStream.rpois`."""
    return _stream(rng).rpois(n, lambda_)


def rgeom(n: int, prob: ArrayLike, *, rng: RStream | None = None) -> Integers:
    """Geometric draws from R's global stream, or from ``rng``; see `RStream.rgeom`."""
    return _stream(rng).rgeom(n, prob)


def rnbinom(
    n: int,
    size: ArrayLike,
    prob: ArrayLike | None = None,
    mu: ArrayLike | None = None,
    *,
    rng: RStream | None = None,
) -> Integers:
    """Negative binomial draws, R's global stream's or ``rng``'s; see `RStream.rnbinom`."""
    return _stream(rng).rnbinom(n, size, prob, mu)


def rmultinom(n: int, size: int, prob: ArrayLike, *, rng: RStream | None = None) -> Integers:
    """Multinomial draws from R's global stream, or from ``rng``; see `RStream.rmultinom`."""
    return _stream(rng).rmultinom(n, size, prob)


def sample(
    x: int | ArrayLike,
    size: int | None = None,
    replace: bool = False,
    prob: ArrayLike | None = None,
    *,
    rng: RStream | None = None,
) -> NDArray[Any]:
    """Draw from a population by R's global stream, or by ``rng``; see `RStream.sample`."""
    return _stream(rng).sample(x, size, replace, prob)


def _stream(rng: RStream | None) -> RStream:
    if rng is not None and not isinstance(rng, RStream):
        raise TypeError(f"rng is a {type(rng).__name__}: R's functions take an RStream, or None")
    return default_stream() if rng is None else rng
