"""A log density of two coordinates near its mode, by a polynomial of both.

Sums over many groups take long at each point, and are smooth where there is mass: a few hundred
points say what they are at all others there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats

REACH = 14.0  # sds that a surface goes to: where quadrature looks for the mass
DEGREES = (20, 28, 40)
HELD_OUT = 60  # points at which it is compared
ROUGH = 1e-11  # how close it must be where there is mass
OF_SIZE = 1e-15  # of the height itself, to which sums round
FALL = 4.0  # logs below the highest at which e times as much will do
NEWTON = 30

Function = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Surface(Frozen):
    """A function of two coordinates in a box.

    Attributes
    ----------
    centre, reach : ndarray, shape (2,)
        The box's middle and half its sides.
    height : float
        What the polynomial leaves out.
    coefficients : ndarray, shape (m, n)
        Of products of Chebyshev polynomials.
    """

    centre: Floats
    reach: Floats
    height: float
    coefficients: Floats

    def inside(self, points: Floats) -> NDArray[np.bool_]:
        """Which points (n, 2) are in the box."""
        near: NDArray[np.bool_] = np.abs(points - self.centre) <= self.reach
        return near[:, 0] & near[:, 1]

    def __call__(self, points: Floats) -> Floats:
        """Values at points (n, 2) in the box."""
        m, n = self.coefficients.shape
        x = (points - self.centre) / self.reach
        first = chebvander(x[:, 0], m - 1) @ self.coefficients
        values: Floats = (first * chebvander(x[:, 1], n - 1)).sum(axis=1)
        return values + self.height


def surface(function: Function, centre: Floats, sd: Floats) -> Surface | None:
    """The surface of a function about a mode with these sds; None where no polynomial is close."""
    reach = REACH * sd
    rng = np.random.default_rng(1)
    spread = np.concatenate([np.ones(HELD_OUT // 2), np.full(HELD_OUT // 2, 0.3)])
    held = centre + reach * rng.uniform(-1.0, 1.0, (spread.size, 2)) * spread[:, np.newaxis]
    wanted, height = function(held), float(function(centre[np.newaxis])[0])
    if not (np.isfinite(wanted).all() and np.isfinite(height)):
        return None
    enough = max(ROUGH, OF_SIZE * abs(height)) * np.exp(np.maximum(height - wanted, 0.0) / FALL)
    for degree in DEGREES:
        found = Surface(
            centre, reach, height, _coefficients(function, centre, reach, height, degree)
        )
        if (np.abs(found(held) - wanted) <= enough).all():
            return found
    return None


def _coefficients(
    function: Function, centre: Floats, reach: Floats, height: float, degree: int
) -> Floats:
    angles = np.pi * (np.arange(degree) + 0.5) / degree
    node = np.cos(angles)
    points = centre + reach * np.stack(np.meshgrid(node, node, indexing="ij"), -1).reshape(-1, 2)
    values = (function(points) - height).reshape(degree, degree)
    to_coefficients = np.cos(np.outer(np.arange(degree), angles)) * (2.0 / degree)
    to_coefficients[0] *= 0.5
    found: Floats = to_coefficients @ values @ to_coefficients.T
    return found


def mode_and_sds(
    derivatives: Callable[[Floats], tuple[Floats, Floats]], start: Floats
) -> tuple[Floats, Floats] | None:
    """A mode by Newton's method and the normal approximation's sds; None where there is none."""
    point = np.array(start)
    for _ in range(NEWTON):
        gradient, hessian = derivatives(point)
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            return None
        if not (np.linalg.eigvalsh(hessian) < 0.0).all():
            return None
        step = -np.linalg.solve(hessian, gradient)
        if float(step @ gradient) < 1e-4:  # of a sd a hundredth
            return point, np.sqrt(np.diagonal(np.linalg.inv(-hessian)))
        point = point + step / max(1.0, float(np.abs(step).max()))
    return None
