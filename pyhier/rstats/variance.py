"""R's ``var`` and ``sd``: divided by n - 1, summed in extended precision as R sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats
from pyhier._validation import flag
from pyhier.rstats._families import numbers


def var(x: ArrayLike, y: ArrayLike | None = None, na_rm: bool = False) -> Any:
    """Variance, covariance or covariance matrix: R's ``var(x, y, na.rm)``.

    NumPy's ``var`` divides by n; this one by n - 1, as R's.

    Parameters
    ----------
    x, y : array_like, shape (n,) or (n, columns)
        A vector, or a matrix or frame with a variable a column; with ``y`` their covariances.
    na_rm : bool
        Whether to leave out rows with NaN; else they make the result NaN.

    Returns
    -------
    float, or ndarray of shape (columns, columns)

    Raises
    ------
    ValueError
        If there are fewer than two rows (R returns NA), or as many of ``x`` as of ``y``.

    Examples
    --------
    >>> var([2.0, 4.0, 9.0])
    13.0
    >>> var([[1.0, 2.0], [3.0, 5.0], [4.0, 9.0]])
    array([[ 2.33333333,  5.16666667],
           [ 5.16666667, 12.33333333]])
    """
    first = _columns("x", x)
    second = first if y is None else _columns("y", y)
    if len(first) != len(second):
        raise ValueError(f"x has {len(first)} rows and y {len(second)}: they must be as many")
    if flag("na_rm", na_rm):
        kept = ~(np.isnan(first).any(axis=1) | np.isnan(second).any(axis=1))
        first, second = first[kept], second[kept]
    if len(first) < 2:
        raise ValueError(f"x has {len(first)} rows: a variance needs two")
    a, b = _centred(first), _centred(second)
    products = (a[:, :, np.newaxis] * b[:, np.newaxis, :]).sum(axis=0) / (len(a) - 1)
    result = products.astype(np.float64)
    plain = np.ndim(x) == 1 and (y is None or np.ndim(y) == 1)
    return float(result[0, 0]) if plain else result


def sd(x: ArrayLike, na_rm: bool = False) -> float:
    """Standard deviation: R's ``sd(x, na.rm)``, which divides by n - 1.

    Parameters
    ----------
    x : array_like
        Numbers of any shape, taken as one sample.
    na_rm : bool
        Whether to leave NaN out; else they make the result NaN.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are fewer than two numbers (R returns NA).

    Examples
    --------
    >>> sd([2.0, 4.0, 9.0])
    3.605551275463989
    """
    return float(np.sqrt(var(numbers("x", x).ravel(), na_rm=na_rm)))


def _columns(name: str, x: ArrayLike) -> Floats:
    array = numbers(name, x)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} has {array.ndim} dimensions: give a vector or a matrix")
    return array.reshape(len(array), -1)


def _centred(x: Floats) -> NDArray[np.longdouble]:
    """Deviations from the columns' means; the mean is corrected once, as R's."""
    wide = x.astype(np.longdouble)
    mean = (wide.sum(axis=0) / len(x)).astype(np.float64)
    mean = mean + (wide - mean).sum(axis=0) / len(x)
    deviations: NDArray[np.longdouble] = wide - mean
    return deviations
