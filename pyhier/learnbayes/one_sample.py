"""LearnBayes' posteriors of one sample: normal by `normpostsim`, with t errors by `robustt`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG, normals
from pyhier._types import Floats
from pyhier._validation import amount, positive
from pyhier.kernels.gibbs import normal_sample, robust_location
from pyhier.learnbayes._arguments import entries, flat, numbers
from pyhier.learnbayes.simulation import equal_gammas, stream
from pyhier.rstats.results import ByName
from pyhier.rstats.streams import RStream


@dataclass(frozen=True)
class NormpostsimResult(ByName):
    """What LearnBayes' ``normpostsim`` returns.

    Attributes
    ----------
    mu, sigma2 : ndarray, shape (m,)
        Draws of the mean and the variance.
    """

    mu: Floats
    sigma2: Floats


@dataclass(frozen=True)
class RobusttResult(ByName):
    """What LearnBayes' ``robustt`` returns.

    Attributes
    ----------
    mu, s2 : ndarray, shape (m,)
        Draws of the location and the squared scale.
    lam : ndarray, shape (m, n)
        The weights, a row a draw.
    """

    mu: Floats
    s2: Floats
    lam: Floats


def normpostsim(
    data: ArrayLike, prior: Mapping[str, Any] | None = None, m: int = 1000, *, rng: RNG = None
) -> NormpostsimResult:
    """Posterior draws of a normal sample's mean and variance: LearnBayes' ``normpostsim``.

    Without a prior the draws are independent, under the density 1 / sigma^2; with one they are
    made by Gibbs sampling.

    Parameters
    ----------
    data : array_like, shape (n,)
        The sample.
    prior : mapping, optional
        ``{"mu": (mean, variance), "sigma2": (a, b)}``: a normal prior of the mean, and
        independently of it an inverse gamma prior of the variance.
    m : int
        The number of draws.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    NormpostsimResult

    Raises
    ------
    ValueError
        If there are fewer than two numbers or all are equal, or a parameter is not positive.

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb
    >>> sim = lb.normpostsim([28, 8, -3, 7, -1, 1, 18, 12], m=4, rng=RStream(1))
    >>> sim.mu.round(3)
    array([1.252, 6.074, 7.89 , 8.729])
    """
    y, size, source = _spread(data), amount("m", m), stream(rng)
    n, mean = y.size, float(np.mean(y))
    squares = float(np.sum((y - mean) ** 2))
    if prior is None:
        sigma2 = squares / equal_gammas(source, size, 0.5 * (n - 1), 0.5)
        mu = mean + np.sqrt(sigma2) / math.sqrt(n) * normals(source, (size,), 1)[:, 0]
        return NormpostsimResult(mu, sigma2)
    centre, shape = entries("prior", prior, "mu", "sigma2")
    mu0, tau2 = numbers("prior mu", centre, 2)
    a, b = numbers("prior sigma2", shape, 2, "positive")
    mu, sigma2 = np.empty(size), np.empty(size)
    bits = source.bit_generator
    with bits.lock:
        normal_sample(
            bits, isinstance(source, RStream), y, mu0, positive("prior mu[1]", tau2), a, b,
            squares / n, mu, sigma2,
        )  # fmt: skip
    return NormpostsimResult(mu, sigma2)


def robustt(y: ArrayLike, v: float, m: int, *, rng: RNG = None) -> RobusttResult:
    """Gibbs sampling of a t sample's location and scale: LearnBayes' ``robustt(y, v, m)``.

    Parameters
    ----------
    y : array_like, shape (n,)
        The sample.
    v : float
        Degrees of freedom.
    m : int
        The number of cycles.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    RobusttResult

    Raises
    ------
    ValueError
        If there are fewer than two numbers or all are equal, or ``v`` is not positive.

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb
    >>> fit = lb.robustt([-67, -48, 6, 8, 14, 16, 23, 24, 28, 29], 4, 1000, rng=RStream(1))
    >>> fit.lam.shape
    (1000, 10)
    """
    sample, size, source = _spread(y, "y"), amount("m", m, np.size(y)), stream(rng)
    mu, s2, lam = np.empty(size), np.empty(size), np.empty((size, sample.size))
    bits = source.bit_generator
    with bits.lock:
        robust_location(
            bits, isinstance(source, RStream), sample, positive("v", v), float(np.mean(sample)),
            float(np.var(sample, ddof=1)), mu, s2, lam,
        )  # fmt: skip
    return RobusttResult(mu, s2, lam)


def _spread(value: ArrayLike, name: str = "data") -> Floats:
    sample = numbers(name, flat(value))
    if sample.size < 2 or np.ptp(sample) == 0.0:
        raise ValueError(f"{name} has no two different numbers: its variance cannot be estimated")
    return sample
