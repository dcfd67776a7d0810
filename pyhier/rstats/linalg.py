"""``solve`` and ``chol`` of small matrices in the order of the reference LAPACK, for R's bits.

R as Debian ships it calls the reference BLAS and LAPACK; NumPy calls OpenBLAS, whose sums run in
another order. The matrices here are covariances of a handful of hyperparameters, so plain Python
floats are fast enough.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import as_array, float_array, square_matrix


def lu(a: ArrayLike) -> tuple[list[list[float]], list[int]]:
    """LU factors of a square matrix with partial pivoting, as LAPACK's dgetrf lays them out.

    Raises
    ------
    ValueError
        If the matrix is exactly singular.
    """
    matrix = square_matrix("a", a)
    if not np.all(np.isfinite(matrix)):
        raise ValueError("a has an entry that is not finite")
    rows: list[list[float]] = matrix.tolist()
    n = len(rows)
    order = list(range(n))
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(rows[i][k]))  # the first of equals, as idamax
        rows[k], rows[pivot] = rows[pivot], rows[k]
        order[k], order[pivot] = order[pivot], order[k]
        if rows[k][k] == 0.0:
            raise ValueError(f"a is exactly singular: its pivot {k + 1} is 0")
        reciprocal = 1.0 / rows[k][k]
        for i in range(k + 1, n):
            rows[i][k] *= reciprocal
            for j in range(k + 1, n):
                rows[i][j] -= rows[i][k] * rows[k][j]
    return rows, order


def solve(a: ArrayLike, b: ArrayLike | None = None) -> Floats:
    """Invert a square matrix, or solve equations in it: R's ``solve(a, b)``, bit for bit.

    Parameters
    ----------
    a : array_like, shape (n, n)
    b : array_like, shape (n,) or (n, k), optional
        Right sides; the inverse without.

    Returns
    -------
    ndarray, shape (n, n) or that of ``b``

    Raises
    ------
    ValueError
        If the matrix is exactly singular, or its inverse overflows, or ``b`` does not fit.

    Examples
    --------
    >>> solve([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    >>> solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 2.0])
    array([0.5, 0.5])
    """
    factors, order = lu(a)
    wanted = np.eye(len(factors)) if b is None else _right_sides(b, len(factors))
    found = np.empty_like(wanted)
    for k, column in enumerate(wanted.T):
        found[:, k] = _substituted(factors, [float(column[row]) for row in order])
    if not np.all(np.isfinite(found)):
        what = "its inverse" if b is None else "the solution"
        raise ValueError(f"a is computationally singular: {what} overflows")
    return found[:, 0] if b is not None and np.ndim(b) == 1 else found


def _right_sides(b: ArrayLike, n: int) -> Floats:
    """One column for each right side."""
    ndim = as_array("b", b).ndim
    sides = float_array("b", b, ndim if ndim in (1, 2) else 1)
    if len(sides) != n:
        raise ValueError(f"b has {len(sides)} rows: a has {n}")
    return sides.reshape(n, -1)


def _substituted(factors: list[list[float]], b: list[float]) -> list[float]:
    """A right side, permuted, through both triangles."""
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            b[i] -= factors[i][k] * b[k]
    for k in reversed(range(n)):
        b[k] /= factors[k][k]
        for i in range(k):
            b[i] -= factors[i][k] * b[k]
    return b


def log_determinant(a: ArrayLike) -> tuple[float, float]:
    """Return the sign of a matrix's determinant and the log of its size."""
    factors, order = lu(a)
    swaps = sum(order[i] > order[j] for i in range(len(order)) for j in range(i, len(order)))
    diagonal = [factors[k][k] for k in range(len(factors))]
    sign = (-1.0) ** (swaps + sum(value < 0.0 for value in diagonal))
    return sign, sum(math.log(abs(value)) for value in diagonal)


def chol(a: ArrayLike) -> Floats:
    """Return the upper Cholesky factor of a covariance matrix: R's ``chol``, bit for bit.

    Only the upper triangle is read, as in R.

    Parameters
    ----------
    a : array_like, shape (n, n)

    Returns
    -------
    ndarray, shape (n, n)
        Upper triangular ``U`` with ``U.T @ U`` equal to ``a``.

    Raises
    ------
    ValueError
        If the matrix is not positive definite.

    Examples
    --------
    >>> chol([[4.0, 2.0], [2.0, 5.0]])
    array([[2., 1.],
           [0., 2.]])
    """
    upper = np.triu(square_matrix("a", a))
    _chol_in_place(upper, 0, len(upper))
    return upper


def _chol_in_place(a: Floats, start: int, stop: int) -> None:
    """Factor a diagonal block by halves, as LAPACK's dpotrf2 does.

    The recursion decides which products are summed before they are subtracted, and so the bits.
    """
    if stop - start == 1:
        if not a[start, start] > 0.0:
            raise ValueError(
                f"the leading minor of order {start + 1} is not positive: "
                "the matrix is not positive definite"
            )
        a[start, start] = math.sqrt(a[start, start])
        return
    half = start + (stop - start) // 2
    _chol_in_place(a, start, half)
    for j in range(half, stop):
        for i in range(start, half):
            for k in range(start, i):
                a[i, j] -= a[k, i] * a[k, j]
            a[i, j] /= a[i, i]
    for j in range(half, stop):
        for i in range(half, j + 1):
            total = 0.0
            for k in range(start, half):
                total += a[k, i] * a[k, j]
            a[i, j] -= total
    _chol_in_place(a, half, stop)
