"""R's ``quantile``, in the nine types of Hyndman and Fan."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import numbers

_METHODS: dict[int, Any] = {
    1: "inverted_cdf",
    2: "averaged_inverted_cdf",
    3: "closest_observation",
    4: "interpolated_inverted_cdf",
    5: "hazen",
    6: "weibull",
    7: "linear",
    8: "median_unbiased",
    9: "normal_unbiased",
}


def quantile(
    x: ArrayLike,
    probs: ArrayLike = (0.0, 0.25, 0.5, 0.75, 1.0),
    type: int = 7,  # noqa: A002 (R's name)
) -> Any:
    """Sample quantiles, R's ``quantile``.

    Parameters
    ----------
    x : array_like
        The sample; its first axis is the sample's, so a matrix gives a column of quantiles for
        each of its columns.
    probs : array_like
        Probabilities.
    type : int
        Which of the nine types of Hyndman and Fan (1996); 7 is R's default.

    Returns
    -------
    ndarray, shape (probs, ...)

    Raises
    ------
    ValueError
        If ``x`` is empty or has a NaN, where R stops too, or a probability is outside [0, 1].

    References
    ----------
    Hyndman, R. J. and Fan, Y. (1996). The American Statistician 50, 361-365.

    Examples
    --------
    >>> quantile([1, 2, 4, 8], [0.25, 0.5])
    array([1.75, 3.  ])
    """
    sample, p = numbers("x", x), numbers("probs", probs)
    if type not in _METHODS:
        raise ValueError(f"type is {type!r}: it must be one of 1 to 9")
    if sample.ndim == 0 or sample.shape[0] == 0:
        raise ValueError("x is empty: give at least one number")
    if np.isnan(sample).any():
        raise ValueError("x has missing values (NaN): remove them first")
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise ValueError(f"probs are {p}: they must be between 0 and 1")
    if type == 7:
        return _linear(sample, p)
    return np.quantile(sample, p, axis=0, method=_METHODS[type])


def _linear(sample: Floats, p: Floats) -> Floats:
    """Type 7 of infinite numbers too, of which NumPy makes NaN where they are neighbours."""
    place = (len(sample) - 1) * p
    low = np.floor(place).astype(np.intp)
    high = np.ceil(place).astype(np.intp)
    ordered = np.partition(sample, np.unique(np.append(low, high)), axis=0) if p.size else sample
    share = (place - low).reshape(p.shape + (1,) * (sample.ndim - 1))
    below, above = ordered[low], ordered[high]
    with np.errstate(invalid="ignore"):
        between = (1.0 - share) * below + share * above
    return np.where((share == 0.0) | (below == above), below, between)
