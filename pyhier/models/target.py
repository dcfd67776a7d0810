"""What samplers, optimisers and variational inference are given of a model: a `Target`.

A target is a log density of a vector, with what it takes to start on it, to climb it and to come
back from it: `restore` draws what was integrated out. `MarginalTarget` is the one of the
hyperparameters, all effects integrated out; `models.joint` has those of hyperparameters and effects
together.
"""

from typing import Any, Protocol

import numpy as np

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.kernels.density import LogDensity
from pyhier.models.draws import Draws


class Target(Protocol):
    """A log density of p unconstrained coordinates, up to a constant."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the p coordinates."""

    @property
    def density(self) -> LogDensity:
        """The log density at one point, for the compiled loops."""

    @property
    def log_constant(self) -> float:
        """What the density leaves out of likelihood times prior."""

    def start(self) -> Floats:
        """A point, shape (p,), where the density is finite, for an optimiser to begin at."""

    def log_density(self, points: Floats) -> Floats:
        """The log density at many points, shape (n, p), at once."""

    def value_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """The log density at one point and its gradient, shape (p,)."""

    def derivatives(self, point: Floats) -> tuple[Floats, Floats]:
        """Gradient (p,) and Hessian (p, p) of the log density at one point."""

    def log_likelihood(self, points: Floats) -> Floats:
        """The same without the prior, shape (n,), with all constants."""

    def restore(self, points: Floats, rng: Generator, theta: bool = True) -> Draws:
        """Draw what was integrated out, given points of shape (chain, draw, p)."""


class MarginalTarget:
    """The hyperparameters' log posterior density, the effects integrated out.

    Parameters
    ----------
    model : Model
        Its coordinates are the target's.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the hyperparameters' coordinates."""
        names: tuple[str, ...] = self._model.coordinates
        return names

    @property
    def density(self) -> LogDensity:
        """The log density at one point, for the compiled loops."""
        density: LogDensity = self._model.log_marginal
        return density

    @property
    def log_constant(self) -> float:
        """What the density leaves out of likelihood times prior."""
        return float(self._model.log_constant)

    def start(self) -> Floats:
        """A point from which an optimiser finds the mode, shape (p,)."""
        point: Floats = self._model.start()
        return point

    def log_density(self, points: Floats) -> Floats:
        """The log density at many points, shape (n, p), at once."""
        values: Floats = self._model.log_posterior(points)
        return values

    def value_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """The log density at one point and its gradient, shape (p,)."""
        return float(self.density(point)), self.derivatives(point)[0]

    def derivatives(self, point: Floats) -> tuple[Floats, Floats]:
        """Gradient (p,) and Hessian (p, p) of the log density at one point."""
        gradient, hessian = self._model.derivatives(point)
        return gradient, hessian

    def log_likelihood(self, points: Floats) -> Floats:
        """The marginal log likelihood, with all constants, at points of shape (n, p)."""
        values: Floats = self._model.log_marginal_likelihood(points)
        return values

    def restore(self, points: Floats, rng: Generator, theta: bool = True) -> Draws:
        """Draw the effects, then a new group's, given phi of shape (chain, draw, p)."""
        phi = np.ascontiguousarray(points)
        effects = self._model.draw_theta(phi, rng) if theta else None
        return Draws(phi, effects, self._model.draw_new_theta(phi, rng))
