"""R's ``density``: a kernel estimate by binning and the fast Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import aligned, count, number, positive, returned, vector
from pyhier.rstats.moments import sd
from pyhier.rstats.quantile import quantile
from pyhier.rstats.results import ByName

Rule = Callable[[Floats], float]
WIDEST = 1e150  # bandwidths from its inverse to this: slopes of the curve are doubles there

# Half-widths of the cosine kernels with standard deviation 1.
COSINE = 1.0 / math.sqrt(1.0 / 3.0 - 2.0 / math.pi**2)
OPTCOSINE = 1.0 / math.sqrt(1.0 - 8.0 / math.pi**2)

# Kernels by the distance from the centre, with standard deviation 1.
KERNELS: dict[str, Callable[[Floats], Floats]] = {
    "gaussian": lambda u: np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi),
    "rectangular": lambda u: np.where(u < math.sqrt(3.0), 0.5 / math.sqrt(3.0), 0.0),
    "triangular": lambda u: np.maximum(1.0 - u / math.sqrt(6.0), 0.0) / math.sqrt(6.0),
    "epanechnikov": lambda u: 0.75 * np.maximum(1.0 - u * u / 5.0, 0.0) / math.sqrt(5.0),
    "biweight": lambda u: 15.0 / 16.0 * np.maximum(1.0 - u * u / 7.0, 0.0) ** 2 / math.sqrt(7.0),
    "cosine": lambda u: np.where(
        u < COSINE, 0.5 * (1.0 + np.cos(math.pi * u / COSINE)) / COSINE, 0.0
    ),
    "optcosine": lambda u: np.where(
        u < OPTCOSINE, math.pi / 4.0 * np.cos(math.pi * u / (2.0 * OPTCOSINE)) / OPTCOSINE, 0.0
    ),
}


def bw_nrd0(x: ArrayLike) -> float:
    """Silverman's rule of thumb, R's default bandwidth.

    0.9 times the least of the standard deviation and the interquartile range over 1.34, times
    n^(-1/5); what is not 0 of the standard deviation, the first value and 1 in place of a 0.

    Examples
    --------
    >>> round(bw_nrd0([1.0, 2.0, 3.0, 5.0]), 6)
    0.890766
    """
    draws = _sample(x)
    spread = sd(draws)
    lower, upper = quantile(draws, [0.25, 0.75])
    least = min(spread, (upper - lower) / 1.34) or spread or abs(float(draws[0])) or 1.0
    return float(0.9 * least * draws.size**-0.2)


def bw_nrd(x: ArrayLike) -> float:
    """Scott's variation of the rule of thumb: with a factor of 1.06.

    Examples
    --------
    >>> round(bw_nrd([1.0, 2.0, 3.0, 5.0]), 6)
    1.049125
    """
    draws = _sample(x)
    lower, upper = quantile(draws, [0.25, 0.75])
    least = min(sd(draws), (upper - lower) / 1.34)
    return float(1.06 * least * draws.size**-0.2)


RULES: dict[str, Rule] = {"nrd0": bw_nrd0, "nrd": bw_nrd}


def _sample(x: ArrayLike) -> Floats:
    draws = vector("x", x)
    if draws.size < 2:
        raise ValueError("need at least 2 data points: x has 1")
    return _finite(draws)


def _finite(draws: Floats) -> Floats:
    if not np.isfinite(draws).all():
        raise ValueError(f"x[{np.flatnonzero(~np.isfinite(draws))[0]}] is not finite")
    return draws


@dataclass(frozen=True)
class Density(ByName):
    """A kernel density estimate.

    Attributes
    ----------
    x, y : ndarray, shape (n,)
        Points and the density there.
    bw : float
        Standard deviation of the kernel.
    n : int
        Size of the sample.
    """

    x: Floats
    y: Floats
    bw: float
    n: int


def density(
    x: ArrayLike,
    bw: float | str | Rule = "nrd0",
    adjust: float = 1.0,
    kernel: str = "gaussian",
    weights: ArrayLike | None = None,
    n: int = 512,
    from_: float | None = None,
    to: float | None = None,
    cut: float = 3.0,
) -> Density:
    """Kernel density estimate, R's ``density`` (version 4.2).

    The sample is spread over a regular grid, convolved with the kernel by the fast Fourier
    transform, and the result interpolated to the points asked for.

    Parameters
    ----------
    x : array_like
        The sample.
    bw : float, {"nrd0", "nrd"} or callable
        Bandwidth, the standard deviation of the kernel, or a rule for it.
    adjust : float
        The bandwidth is ``adjust * bw``.
    kernel : str
        gaussian, epanechnikov, rectangular, triangular, biweight, cosine or optcosine.
    weights : array_like, optional
        Weights of the observations.
    n : int
        Number of points.
    from_, to : float, optional
        First and last point; ``cut`` bandwidths beyond the sample without them.
    cut : float

    Returns
    -------
    Density

    Examples
    --------
    >>> fit = density([1.0, 2.0, 3.0, 5.0], n=3)
    >>> fit.x.round(3), fit.y.round(3)
    (array([-1.672,  3.   ,  7.672]), array([0.001, 0.19 , 0.001]))
    """
    aligned(x=x, weights=weights)
    draws = _finite(vector("x", x))
    if kernel not in KERNELS:
        raise ValueError(f"kernel is {kernel!r}: it must be one of {', '.join(KERNELS)}")
    width = positive("adjust", adjust) * positive("bw", _bandwidth(draws, bw))
    if not 1.0 / WIDEST <= width <= WIDEST or np.abs(draws).max() > WIDEST:
        raise ValueError(
            f"x is up to {np.abs(draws).max():g} and its bandwidth {width:g}: scale it, "
            f"so that they lie between {1.0 / WIDEST:g} and {WIDEST:g}"
        )
    points, beyond = count("n", n), number("cut", cut) * width
    first = draws.min() - beyond if from_ is None else number("from_", from_)
    last = draws.max() + beyond if to is None else number("to", to)
    size = max(512, points)
    size = size if size == 512 else 2 ** math.ceil(math.log2(size))
    low, high = first - 4.0 * width, last + 4.0 * width
    mass = linear_bins(draws, _weights(weights, draws.size), low, high, size)
    # The kernel at the distances 0, 1, ..., 2 size - 1 of a circular grid.
    step = 2.0 * (high - low) / (2 * size - 1)
    distance = step * np.minimum(np.arange(2 * size), 2 * size - np.arange(2 * size))
    heights = KERNELS[kernel](distance / width) / width
    spectrum = np.fft.rfft(mass) * np.conj(np.fft.rfft(heights))
    smooth = np.fft.irfft(spectrum, 2 * size)[:size]
    at = np.linspace(first, last, points)
    grid = np.linspace(low, high, size)
    return Density(at, np.interp(at, grid, np.maximum(smooth, 0.0)), width, draws.size)


def linear_bins(x: Floats, weights: Floats, low: float, high: float, size: int) -> Floats:
    """Mass at ``size`` points from ``low`` to ``high``, each value's shared by its neighbours.

    Values outside are left out. The array has as many zeros again, to keep a circular convolution
    from meeting itself.
    """
    place = (x - low) / ((high - low) / (size - 1))
    below = np.floor(place).astype(np.int64)
    share = place - below
    out = np.zeros(2 * size)
    inside = (below >= 0) & (below <= size - 2)
    np.add.at(out, below[inside], ((1.0 - share) * weights)[inside])
    np.add.at(out, below[inside] + 1, (share * weights)[inside])
    out[0] += (share * weights)[below == -1].sum()
    out[size - 1] += ((1.0 - share) * weights)[below == size - 1].sum()
    return out


def _bandwidth(draws: Floats, bw: float | str | Rule) -> float:
    if isinstance(bw, str):
        if bw not in RULES:
            raise ValueError(f"bw is {bw!r}: it must be a number, {', '.join(RULES)} or a function")
        return RULES[bw](draws)
    return returned("bw", bw(draws)) if callable(bw) else number("bw", bw)


def _weights(weights: ArrayLike | None, n: int) -> Floats:
    if weights is None:
        return np.full(n, 1.0 / n)
    values = vector("weights", weights)
    if values.size != n or not (np.isfinite(values) & (values >= 0.0)).all():
        raise ValueError(f"weights must be {n} numbers from 0 up, one an observation")
    return values
