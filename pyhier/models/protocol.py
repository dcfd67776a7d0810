"""What a model offers and an engine may ask for; neither knows more of the other."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity
from pyhier.rstats.streams import RStream

Floats = NDArray[np.float64]
Generator = np.random.Generator | RStream


class Model(Protocol):
    """A hierarchical model with its data: hyperparameters phi, group effects theta.

    ``phi`` is an array of shape (..., p) in unconstrained coordinates.
    """

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the p coordinates of phi."""

    @property
    def labels(self) -> Sequence[str]:
        """Names of the groups."""

    @property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of phi, theta integrated out, up to a constant."""

    def start(self) -> Floats:
        """A phi, shape (p,), from which an optimiser finds the mode."""

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (p,) and Hessian (p, p) of the log marginal at one phi."""

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The hyperparameters under their textbook names, each of shape (...)."""

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors, shape (..., groups): 0 is no pooling, 1 is complete pooling."""

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the group effects given phi and the data, shape (..., groups)."""

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effect of a new group given phi, shape (...)."""

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of new data for the same groups, shape (..., groups)."""

    def observed(self) -> Mapping[str, Floats]:
        """Estimate and standard error of each group, unpooled, under the names a table shows."""


def is_model(value: object) -> TypeGuard[Model]:
    """Whether something is a model rather than a bare log density."""
    return hasattr(type(value), "draw_theta") and hasattr(type(value), "log_marginal")
