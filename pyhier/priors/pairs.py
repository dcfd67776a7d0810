"""Priors of the two hyperparameters of the models for counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._types import Floats

PairPrior = str | Mapping[str, Any] | Callable[[float, float], float]

H = 1e-3  # step of the differences of a prior


@dataclass(frozen=True)
class Chart:
    """Two hyperparameters that a prior may be given for, in place of the coordinates.

    Attributes
    ----------
    of_phi : callable
        Both at phi (..., 2).
    to_phi : callable
        The coordinates, (..., 2), of both.
    log_jacobian : callable
        Log of their area by that of phi, at phi.
    """

    of_phi: Callable[[Floats], tuple[Floats, Floats]]
    to_phi: Callable[[Floats, Floats], Floats]
    log_jacobian: Callable[[Floats], Floats]


def differences(function: Callable[[Floats], Floats], phi: Floats) -> tuple[Floats, Floats]:
    """Gradient and Hessian of a smooth function by central differences."""
    step = H * np.arange(-2.0, 3.0)
    gradient, hessian = np.zeros(2), np.zeros((2, 2))
    for k in range(2):
        points = np.tile(phi, (5, 1))
        points[:, k] += step
        a, b, c, d, e = function(points)
        gradient[k] = (a - 8 * b + 8 * d - e) / (12 * H)
        hessian[k, k] = (-a + 16 * b - 30 * c + 16 * d - e) / (12 * H * H)
    corners = phi + H * np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    a, b, c, d = function(corners)
    hessian[0, 1] = hessian[1, 0] = (a - b - c + d) / (4 * H * H)
    return gradient, hessian
