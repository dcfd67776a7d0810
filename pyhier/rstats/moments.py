"""Means and standard deviations that are exact where all numbers are one.

R sums in long double, where a constant's mean is that constant and its sd 0; sums in double leave a
mean an ulp off and a standard deviation of 1e-17, which a bandwidth or a table then shows.
"""

from __future__ import annotations

import numpy as np

from pyhier._types import Floats


def mean_and_sd(x: Floats, axis: int = 0) -> tuple[Floats, Floats]:
    """Means and standard deviations (over n - 1; NaN of one number) along an axis."""
    first = np.take(x, 0, axis)
    constant = np.all(x == np.expand_dims(first, axis), axis=axis) & np.isfinite(first)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite numbers have no spread
        mean = x.mean(axis=axis)
        sd = x.std(axis=axis, ddof=1) if x.shape[axis] > 1 else np.full_like(mean, np.nan)
    return np.where(constant, first, mean), np.where(constant & (x.shape[axis] > 1), 0.0, sd)


def sd(x: Floats) -> float:
    """The standard deviation of a sample, shape (n,)."""
    return float(mean_and_sd(x)[1])
