"""Log densities of which every expectation under a normal distribution is a closed form.

f(x) = sum_k exp(k's) (d'A_k d + b_k'd + c_k) + sum_i g_i(s_i), d = x - about, with s some of the
coordinates and few vectors k of whole numbers: the joint densities of normal data and normal
effects, s the log taus. Under x ~ N(m, S) the factor exp(k's) tilts the distribution:
E[exp(k's) h(x)] = exp(k'm + k'S k / 2) E[h(x + S k)], a moment of a normal distribution. g_i, the
prior of a tau, is left to a one-dimensional sum. Quadratics about a point near the data's keep
their digits where the data are far from 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._types import Floats


@dataclass(frozen=True)
class Quadratic:
    """x'Ax + b'x + c; A is symmetric, a scipy.sparse matrix of shape (p, p)."""

    a: Any
    b: Floats
    c: float

    def __add__(self, other: "Quadratic") -> "Quadratic":
        return Quadratic(self.a + other.a, self.b + other.b, self.c + other.c)


Exponents = tuple[tuple[int, int], ...]  # a coordinate and its factor k, of each that is there


@dataclass(frozen=True)
class ExponentialQuadratic:
    """The terms by their exponents, the g by their coordinates, and where d is 0, shape (p,).

    ``about`` is 0 at coordinates that have exponents.
    """

    terms: Mapping[Exponents, Quadratic]
    priors: Mapping[int, Callable[[Floats], Floats]]
    about: Floats


def squares(rows: Any, weight: Floats, offset: Floats) -> Quadratic:
    """-1/2 sum_j weight_j (offset_j - rows_j x)^2; rows are sparse, shape (n, p)."""
    weighted = rows.multiply(weight[:, np.newaxis]).tocsr()
    return Quadratic(
        -0.5 * (rows.T @ weighted), weighted.T @ offset, -0.5 * float(weight @ offset**2)
    )


def products(first: Any, second: Any, weight: Floats, offset: Floats) -> Quadratic:
    """sum_j weight_j (offset_j - first_j x) (second_j x)."""
    weighted = second.multiply(weight[:, np.newaxis]).tocsr()
    cross = first.T @ weighted
    return Quadratic(-0.5 * (cross + cross.T), weighted.T @ offset, 0.0)


def linear(p: int, at: int, slope: float, constant: float) -> Quadratic:
    """The term ``slope x[at] + constant``."""
    import scipy.sparse as sp

    b = np.zeros(p)
    b[at] = slope
    return Quadratic(sp.csr_matrix((p, p)), b, constant)


def known_quadratic(root: Floats, away: Floats, p: int) -> Quadratic:
    """-|root (d - away)|^2 / 2 of the first coordinates: a normal prior of coefficients."""
    import scipy.sparse as sp

    known, k = root.shape
    rows = sp.hstack([sp.csr_matrix(root), sp.csr_matrix((known, p - k))]).tocsr()
    return squares(rows, np.ones(known), root @ away)
