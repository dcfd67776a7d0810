"""Joint draws as a value: hyperparameters, effects and a new group's effect."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats


@dataclass(frozen=True, eq=False)
class Draws(Frozen):
    """Draws of phi and, given each, of the effects; the arrays are read-only.

    Attributes
    ----------
    phi : ndarray, shape (chain, draw, p)
        Hyperparameters in the coordinates of the model.
    theta : ndarray, shape (chain, draw, effects), or None
        The groups' effects; None where they were not drawn.
    theta_new : ndarray, shape (chain, draw) or (chain, draw, effects)
        The effect of a new group, or its several ones.
    """

    phi: Floats
    theta: Floats | None
    theta_new: Floats

    def __post_init__(self) -> None:
        for array in (self.phi, self.theta, self.theta_new):
            if array is not None:
                array.flags.writeable = False

    def pick(self, at: NDArray[np.intp]) -> "Draws":
        """The draws at places in the flat arrays, as one chain."""
        new = self.theta_new
        theta_new = new.reshape(-1, *new.shape[2:])[at][np.newaxis]
        return Draws(_rows(self.phi, at), None if self.theta is None else _rows(self.theta, at),
                     theta_new)  # fmt: skip

    def in_chains(self, chains: int) -> "Draws":
        """The same independent draws, cut into chains of equal length."""
        theta = None if self.theta is None else _cut(self.theta, chains)
        new = self.theta_new
        return Draws(_cut(self.phi, chains), theta, new.reshape(chains, -1, *new.shape[2:]))


class LateDraws(Draws):
    """Draws whose new effects are made when they are first asked for, once.

    Parameters
    ----------
    phi, theta
        As of `Draws`.
    make : callable
        Draws the new effects; it pickles.
    """

    def __init__(self, phi: Floats, theta: Floats | None, make: Callable[[], Floats]) -> None:
        self.__dict__.update(phi=phi, theta=theta, _make=make)
        for array in (phi, theta):
            if array is not None:
                array.flags.writeable = False

    @cached_property
    def theta_new(self) -> Floats:
        """The effect of a new group, or its several ones."""
        make: Callable[[], Floats] = self.__dict__["_make"]
        made = make()
        made.flags.writeable = False
        return made


def _rows(array: Floats, at: NDArray[np.intp]) -> Floats:
    return array.reshape(-1, array.shape[-1])[at][np.newaxis]


def _cut(array: Floats, chains: int) -> Floats:
    return array.reshape(chains, array.shape[0] * array.shape[1] // chains, array.shape[-1])
