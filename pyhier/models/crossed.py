"""What models with four hyperparameters say, two of effects and two of what lies beside them."""

from typing import Any, Protocol, TypeGuard

from pyhier._types import Floats
from pyhier.models.interface import Model
from pyhier.quadrature.fitting import Coordinate


class Crossed(Model, Protocol):
    """A model of four coordinates that quadrature takes all, the effects integrated out.

    They are mean and log sd of the effects, then mean and log sd of what every group has beside
    its effect. Given a group's effect its data depends on the last two alone.
    """

    @property
    def psi(self) -> tuple[Coordinate, ...]:
        """What the coordinates are."""

    def psi_start(self) -> Floats:
        """Where the search for the mode begins, shape (4,)."""

    def psi_tails(self) -> Floats:
        """Exponents with which the density of every coordinate falls off far out, (4, 2)."""

    def psi_peaks(self) -> list[tuple[int, float, float]]:
        """Where priors given as functions have peaks: the coordinate, the place, the width."""

    @property
    def mend(self) -> str:
        """What of the model or its data to change where the quadrature is not resolved."""

    def log_psi(self, psi: Floats) -> Floats:
        """Log posterior density with all constants, at points (nodes, 4)."""

    def group_log_likelihood(self, group: int, psi: Floats) -> Floats:
        """Of one group, its effect integrated out, at points (nodes, 4)."""

    def log_given_effect(self, group: int, theta: Floats, beside: Floats) -> Floats:
        """Of one group at effects and at the last two coordinates (n, 2), shape (effects, n)."""

    def moment_index(self, name: str) -> float:
        """Exponent below which powers of a quantity have expectations."""


def is_crossed(value: object) -> TypeGuard[Crossed]:
    """Whether a model has four such coordinates."""
    return hasattr(type(value), "log_given_effect")


def coordinates_of(names: tuple[str, ...], bounds: Floats) -> tuple[Coordinate, ...]:
    """Plain ones, and logs of what comes after "log_", within bounds (2, coordinates)."""
    found: list[Any] = []
    for name, (low, high) in zip(names, bounds.T.tolist(), strict=True):
        natural = name.removeprefix("log_")
        found.append(
            Coordinate(name, natural, "identity" if natural == name else "log", (low, high))
        )
    return tuple(found)
