"""Derivatives of priors that are given as functions: central differences, one rule for all."""

from collections.abc import Callable

import numpy as np

from pyhier._types import Floats

H = 1e-3  # step, on the unconstrained line
STEPS = H * np.arange(-2.0, 3.0)


def five_point(values: Floats) -> tuple[float, float]:
    """Slope and curvature from values at a point plus `STEPS`; errors of order H^4."""
    a, b, c, d, e = values.tolist()
    slope = (a - 8 * b + 8 * d - e) / (12 * H)
    curvature = (-a + 16 * b - 30 * c + 16 * d - e) / (12 * H * H)
    return slope, curvature


def differences(function: Callable[[Floats], Floats], phi: Floats) -> tuple[Floats, Floats]:
    """Gradient (p,) and Hessian (p, p) of a smooth function of points (n, p), at one of them."""
    p = phi.size
    gradient, hessian = np.zeros(p), np.zeros((p, p))
    for k in range(p):
        gradient[k], hessian[k, k] = five_point(function(phi + STEPS[:, None] * np.eye(p)[k]))
        for j in range(k):
            hessian[j, k] = hessian[k, j] = _mixed(function, phi, j, k)
    return gradient, hessian


def _mixed(function: Callable[[Floats], Floats], phi: Floats, j: int, k: int) -> float:
    """The mixed second derivative, by the corners of a square."""
    corners = np.tile(phi, (4, 1))
    corners[:, j] += H * np.array([1.0, 1.0, -1.0, -1.0])
    corners[:, k] += H * np.array([1.0, -1.0, 1.0, -1.0])
    a, b, c, d = function(corners).tolist()
    return float(a - b - c + d) / (4 * H * H)
