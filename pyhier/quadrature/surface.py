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
from pyhier.quadrature.nested import Search

REACH = 14.0  # sds that a surface goes to: where quadrature looks for the mass
DEGREES = (12, 16, 20, 28, 40)
HELD_OUT = 60  # points at which it is compared
ROUGH = 3e-12  # how close it must be where there is mass
OF_SIZE = 1e-15  # of the height itself, to which sums round
FALL = 4.0  # logs below the highest at which e times as much will do
NEWTON = 30
NARROW = 0.5  # scales of a search, in sds: its first look then ends within the box

Function = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Surface(Frozen):
    """A function of two coordinates in a box, one side of which is slanted.

    Attributes
    ----------
    centre : ndarray, shape (2,)
        The box's middle.
    root : ndarray, shape (2, 2)
        Takes the places in it, from -1 to 1, to distances from there; it is an upper triangle.
    height : float
        What the polynomial leaves out.
    coefficients : ndarray, shape (m, n)
        Of products of Chebyshev polynomials.
    """

    centre: Floats
    root: Floats
    height: float
    coefficients: Floats

    def places(self, points: Floats) -> Floats:
        """Where points (n, 2) are in the box."""
        away = points - self.centre
        second = away[:, 1] / self.root[1, 1]
        first = (away[:, 0] - self.root[0, 1] * second) / self.root[0, 0]
        return np.column_stack([first, second])

    def inside(self, points: Floats) -> NDArray[np.bool_]:
        """Which points (n, 2) are in the box."""
        near: NDArray[np.bool_] = np.abs(self.places(points)) <= 1.0
        return near[:, 0] & near[:, 1]

    def __call__(self, points: Floats) -> Floats:
        """Values at points (n, 2) in the box."""
        m, n = self.coefficients.shape
        x = self.places(points)
        first = chebvander(x[:, 0], m - 1) @ self.coefficients
        values: Floats = (first * chebvander(x[:, 1], n - 1)).sum(axis=1)
        return values + self.height

    @property
    def search(self) -> Search:
        """Where a nested quadrature finds the mass: the second coordinate is the outer one."""
        (scale, slope), (_, width) = self.root.tolist()
        ends, share = np.array([-1.0, 1.0]), NARROW / REACH
        middle, outer = self.centre.tolist()
        known = outer + width * ends, middle + slope * ends, np.full(2, scale * share)
        return Search(outer, middle, width * share, known)


def surface(function: Function, centre: Floats, root: Floats) -> Surface | None:
    """The surface of a function about a mode whose covariance has a root, an upper triangle.

    None where no polynomial is close.
    """
    reach = REACH * root
    rng = np.random.default_rng(1)
    spread = np.concatenate([np.ones(HELD_OUT // 2), np.full(HELD_OUT // 2, 0.3)])
    held = rng.uniform(-1.0, 1.0, (spread.size, 2)) * spread[:, np.newaxis]
    held = centre + held @ reach.T
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
    node, to_coefficients = chebyshev_nodes(degree)
    points = np.stack(np.meshgrid(node, node, indexing="ij"), -1).reshape(-1, 2)
    values = (function(centre + points @ reach.T) - height).reshape(degree, degree)
    found: Floats = to_coefficients @ values @ to_coefficients.T
    return found


def chebyshev_nodes(n: int) -> tuple[Floats, Floats]:
    """Chebyshev's nodes, from 1 down to -1, and what takes values there to coefficients, (n, n)."""
    angles = np.pi * (np.arange(n) + 0.5) / n
    to_coefficients = np.cos(np.outer(np.arange(n), angles)) * (2.0 / n)
    to_coefficients[0] *= 0.5
    return np.cos(angles), to_coefficients


def mode_and_root(
    derivatives: Callable[[Floats], tuple[Floats, Floats]], start: Floats
) -> tuple[Floats, Floats] | None:
    """A mode by Newton's method, and the root of the normal approximation's covariance.

    The root is an upper triangle. None where there is no mode.
    """
    point = np.array(start)
    for _ in range(NEWTON):
        gradient, hessian = derivatives(point)
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            return None
        if not (np.linalg.eigvalsh(hessian) < 0.0).all():
            return None
        step = -np.linalg.solve(hessian, gradient)
        if float(step @ gradient) < 1e-4:  # of a sd a hundredth
            root: Floats = np.linalg.inv(np.linalg.cholesky(-hessian)).T
            return point, root
        point = point + step / max(1.0, float(np.abs(step).max()))
    return None
