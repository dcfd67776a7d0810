"""R's gamma and beta functions and binomial coefficients, with R's digits.

They are compiled from the algorithms that R's own go back to (Fullerton's FNLIB, Amos's Algorithm
610), so that a log posterior written with them has R's bits; ``scipy.special`` has other last ones.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.kernels.special import fill
from pyhier.rstats._families import numbers, recycled


def gamma(x: ArrayLike) -> Floats:
    """The gamma function: R's ``gamma(x)``.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    ndarray
        A number for numbers; NaN, with a warning, at 0 and the negative whole numbers, as in R.

    Examples
    --------
    >>> gamma([0.5, 5.0])
    array([ 1.77245385, 24.        ])
    """
    result: Floats = _apply("gamma", {"x": x})
    return result


def lgamma(x: ArrayLike) -> Floats:
    """The logarithm of the gamma function's modulus: R's ``lgamma(x)``.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> lgamma([0.5, 200.0])
    array([5.72364943e-01, 8.57933670e+02])
    """
    result: Floats = _apply("lgamma", {"x": x})
    return result


def beta(a: ArrayLike, b: ArrayLike) -> Floats:
    """The beta function: R's ``beta(a, b)``.

    Parameters
    ----------
    a, b : array_like
        Not negative; recycled as in R.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> beta(2, [3, 4])
    array([0.08333333, 0.05      ])
    """
    result: Floats = _apply("beta", {"a": a, "b": b})
    return result


def lbeta(a: ArrayLike, b: ArrayLike) -> Floats:
    """The logarithm of the beta function: R's ``lbeta(a, b)``.

    Parameters
    ----------
    a, b : array_like
        Not negative; recycled as in R.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> lbeta([20, 2000], 30)
    array([ -33.96882079, -156.98647326])
    """
    result: Floats = _apply("lbeta", {"a": a, "b": b})
    return result


def choose(n: ArrayLike, k: ArrayLike) -> Floats:
    """Binomial coefficients: R's ``choose(n, k)``.

    Parameters
    ----------
    n, k : array_like
        Any numbers ``n``; ``k`` is rounded to whole ones. Recycled as in R.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> choose([5, 50], 3)
    array([1.00e+01, 1.96e+04])
    """
    result: Floats = _apply("choose", {"n": n, "k": k})
    return result


def lchoose(n: ArrayLike, k: ArrayLike) -> Floats:
    """Logarithms of binomial coefficients: R's ``lchoose(n, k)``.

    Parameters
    ----------
    n, k : array_like
        As for `choose`.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> lchoose(5000, [3, 2500])
    array([  23.75922   , 3461.25146485])
    """
    result: Floats = _apply("lchoose", {"n": n, "k": k})
    return result


def factorial(x: ArrayLike) -> Floats:
    """Factorials, ``gamma(x + 1)``: R's ``factorial(x)``.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> factorial([0, 5])
    array([  1., 120.])
    """
    return gamma(numbers("x", x) + 1.0)


def lfactorial(x: ArrayLike) -> Floats:
    """Logarithms of factorials, ``lgamma(x + 1)``: R's ``lfactorial(x)``.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> lfactorial(1000)
    np.float64(5912.128178488164)
    """
    return lgamma(numbers("x", x) + 1.0)


def digamma(x: ArrayLike) -> Floats:
    """The derivative of `lgamma`: R's ``digamma(x)``.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> digamma([1.0, 10.0])
    array([-0.57721566,  2.25175259])
    """
    result: Floats = _apply("psigamma", {"x": x, "deriv": 0})
    return result


def trigamma(x: ArrayLike) -> Floats:
    """The second derivative of `lgamma`: R's ``trigamma(x)``.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> trigamma([1.0, 10.0])
    array([1.64493407, 0.10516634])
    """
    result: Floats = _apply("psigamma", {"x": x, "deriv": 1})
    return result


def psigamma(x: ArrayLike, deriv: ArrayLike = 0) -> Floats:
    """Derivatives of `digamma`: R's ``psigamma(x, deriv)``.

    Parameters
    ----------
    x : array_like
    deriv : array_like
        Which derivative: 0 is `digamma`, 1 `trigamma`; up to 100, up to 5 for negative ``x``.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> psigamma(2.0, [0, 1, 2])
    array([ 0.42278434,  0.64493407, -0.40411381])
    """
    orders = numbers("deriv", deriv)
    bad = ~((orders >= 0.0) & (orders <= 100.0) & (orders == np.rint(orders)))
    if bad.any():
        raise ValueError(f"deriv is {orders[bad][0]:g}: it must be a whole number from 0 to 100")
    result: Floats = _apply("psigamma", {"x": x, "deriv": deriv})
    return result


def _apply(name: str, given: dict[str, Any]) -> Any:
    columns, shape = recycled(given)
    out = np.empty(columns[0].size)
    fill(name, columns[0], columns[-1], out)
    bad = np.isnan(out) & ~np.isnan(columns).any(axis=0)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        at = ", ".join(f"{column[i]:g}" for column in columns)
        warnings.warn(f"NaNs produced: {name}({at})", RuntimeWarning, stacklevel=3)
    return out.reshape(shape)[()]
