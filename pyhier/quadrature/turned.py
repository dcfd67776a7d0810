"""A density in other linear coordinates: ones in which it is round, or one of which is given."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyhier._types import Floats

LogDensity = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Turned:
    """A log density of (beta, v) as one of (gamma, v), beta being offset + basis gamma.

    Attributes
    ----------
    log_density : callable
        At points (n, p + 1).
    offset : ndarray, shape (p,)
    basis : ndarray, shape (p, p)
    """

    log_density: LogDensity
    offset: Floats
    basis: Floats

    @classmethod
    def whitened(cls, log_density: LogDensity, mode: Floats, precision: Floats) -> "Turned":
        """About a mode, (p,), in units of its sds: the basis' square is the precision's inverse."""
        size = 1.0 / np.sqrt(np.diag(precision))
        root = np.linalg.cholesky(precision * np.outer(size, size))
        return cls(log_density, mode, size[:, np.newaxis] * np.linalg.inv(root).T)

    def along(self, vector: Floats) -> "Turned":
        """With a combination of beta, (p,), itself the first coordinate, the others as they were.

        These are at right angles to it where the basis whitens.
        """
        part = self.basis.T @ vector
        length = float(np.sqrt(part @ part))
        turn = np.linalg.qr(np.column_stack([part / length, np.eye(part.size)]))[0]
        turn[:, 0] = part / length
        basis = self.basis @ turn
        basis[:, 0] /= length
        return Turned(self.log_density, self.offset - basis[:, 0] * (vector @ self.offset), basis)

    @property
    def log_area(self) -> float:
        """Log of beta's volume by gamma's."""
        return float(np.linalg.slogdet(self.basis)[1])

    def psi(self, points: Floats) -> Floats:
        """The coordinates (beta, v) at points (n, p + 1)."""
        beta = self.offset + points[:, :-1] @ self.basis.T
        return np.column_stack([beta, points[:, -1]])

    def points(self, psi: Floats) -> Floats:
        """The points at coordinates (n, p + 1)."""
        gamma = np.linalg.solve(self.basis, (psi[:, :-1] - self.offset).T).T
        return np.column_stack([gamma, psi[:, -1]])

    def __call__(self, points: Floats) -> Floats:
        """The log density at points (n, p + 1)."""
        return self.log_density(self.psi(points)) + self.log_area


@dataclass(frozen=True)
class Fixed:
    """A density with its first coordinate at a value."""

    log_density: LogDensity
    value: float

    def __call__(self, points: Floats) -> Floats:
        """The log density at the other coordinates, (n, p)."""
        first = np.full((len(points), 1), self.value)
        return self.log_density(np.hstack([first, points]))
