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
    """Gradient (2,) and Hessian (2, 2) of a smooth function of points (n, 2), at one of them."""
    gradient, hessian = np.zeros(2), np.zeros((2, 2))
    for k in range(2):
        points = np.tile(phi, (5, 1))
        points[:, k] += STEPS
        gradient[k], hessian[k, k] = five_point(function(points))
    corners = phi + H * np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    a, b, c, d = function(corners)
    hessian[0, 1] = hessian[1, 0] = (a - b - c + d) / (4 * H * H)
    return gradient, hessian
