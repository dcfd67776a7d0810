"""Log densities of which every expectation under a normal distribution is a closed form.

f(x) = sum_k exp(k s) (x'A_k x + b_k'x + c_k) + g(s), s = x[at], with few whole numbers k: the joint
densities of normal data and normal effects, s = log tau. Under x ~ N(m, S) the factor exp(k s)
tilts the distribution: E[exp(k s) h(x)] = exp(k m_s + k^2 S_ss / 2) E[h(x + k S e_s)], a moment of
a normal distribution. g, the prior of tau, is left to a one-dimensional sum.
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


@dataclass(frozen=True)
class ExponentialQuadratic:
    """The terms by k, the place of s among the coordinates, and g as a function of arrays of s."""

    terms: Mapping[int, Quadratic]
    at: int
    prior: Callable[[Floats], Floats]


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
