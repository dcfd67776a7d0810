"""What models with four hyperparameters say, two of effects and two of what lies beside them."""

from typing import Any, Protocol, TypeGuard

from pyhier._types import Floats
from pyhier.models.interface import OfPsi
from pyhier.quadrature.fitting import Coordinate


class Crossed(OfPsi, Protocol):
    """A model whose effects are integrated out; psi is all of its four coordinates.

    They are mean and log sd of the effects, then mean and log sd of what every group has beside
    its effect. Given a group's effect its data depends on the last two alone.
    """

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
