"""R's normal distribution function and quantiles, bit for bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.kernels.random import fill_pnorm, fill_qnorm


def pnorm(q: ArrayLike, mean: ArrayLike = 0.0, sd: ArrayLike = 1.0) -> Floats:
    """Normal distribution function: R's ``pnorm(q, mean, sd)``.

    Parameters
    ----------
    q, mean, sd : array_like
        Broadcast against each other; sds are positive.

    Returns
    -------
    ndarray
        Of the common shape; a number for numbers.

    Raises
    ------
    ValueError
        If an sd is not positive and finite.

    Examples
    --------
    >>> pnorm([-1.0, 0.0, 3.0], mean=1.0)
    array([0.02275013, 0.15865525, 0.97724987])
    """
    x, centre, spread = _normal(q, mean, sd)
    result: Floats = _apply(fill_pnorm, (x - centre) / spread)
    return result


def qnorm(p: ArrayLike, mean: ArrayLike = 0.0, sd: ArrayLike = 1.0) -> Floats:
    """Normal quantiles: R's ``qnorm(p, mean, sd)``.

    Parameters
    ----------
    p, mean, sd : array_like
        Broadcast against each other; probabilities from 0 to 1, positive sds.

    Returns
    -------
    ndarray
        Of the common shape; a number for numbers.

    Raises
    ------
    ValueError
        If a probability is outside [0, 1], or an sd is not positive and finite.

    Examples
    --------
    >>> qnorm([0.025, 0.5, 1.0])
    array([-1.95996398,  0.        ,         inf])
    """
    x, centre, spread = _normal(p, mean, sd)
    bad = ~((x >= 0.0) & (x <= 1.0))
    if bad.any():
        raise ValueError(f"p holds {x[bad][0]}: probabilities are from 0 to 1")
    result: Floats = centre + spread * _apply(fill_qnorm, x)
    return result


def _normal(x: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> tuple[Floats, Floats, Floats]:
    values, centre, spread = (np.asarray(part, dtype=np.float64) for part in (x, mean, sd))
    bad = ~((spread > 0.0) & np.isfinite(spread))
    if bad.any():
        raise ValueError(f"sd holds {spread[bad][0]}: sds are positive and finite")
    return values, centre, spread


def _apply(kernel: Callable[[Any, Any], None], x: Floats) -> Any:
    flat = np.array(x, dtype=np.float64).ravel()
    out = np.empty_like(flat)
    kernel(flat, out)
    return out.reshape(np.shape(x))[()]
