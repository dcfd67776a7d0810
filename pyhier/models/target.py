"""What samplers, optimisers and variational inference are given of a model: a `Target`.

A target is a log density of a vector, with what it takes to start on it, to climb it and to come
back from it: `restore` draws what was integrated out. `MarginalTarget` is the one of the
hyperparameters, all effects integrated out; `models.joint` has those of hyperparameters and effects
together.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import Differences, GradientDensity, PointsGradient
from pyhier.models.draws import Draws

Groups = slice | NDArray[np.intp]
ALL = slice(None)


class Target(Protocol):
    """A log density of p unconstrained coordinates, up to a constant."""

    @property
    def parameterization(self) -> str:
        """``"marginal"``, ``"centred"`` or ``"non-centred"``."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the p coordinates."""

    @property
    def density(self) -> LogDensity:
        """The log density at one point, for the compiled loops."""

    @property
    def gradient(self) -> GradientDensity:
        """The log density with its gradient, for the compiled loops; perhaps with constants."""

    @property
    def bounds(self) -> Floats:
        """Ends of what each coordinate may be, shape (2, p)."""

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

    def place(self, phi: Floats, theta: Floats) -> Floats:
        """The points, shape (..., p), at hyperparameters and effects."""

    def columns(self, groups: NDArray[np.intp]) -> NDArray[np.intp]:
        """The coordinates that `restore` needs for the effects of some groups."""

    def restore(
        self, points: Floats, rng: Generator, theta: bool = True, groups: Groups = ALL
    ) -> Draws:
        """Draw what was integrated out, given points of shape (chain, draw, p).

        Of some ``groups`` alone the points are those `columns`.
        """


class MarginalTarget:
    """The hyperparameters' log posterior density, the effects integrated out.

    Parameters
    ----------
    model : Model
        Its coordinates are the target's.
    """

    parameterization = "marginal"

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the hyperparameters' coordinates."""
        names: tuple[str, ...] = self.model.coordinates
        return names

    @property
    def density(self) -> LogDensity:
        """The log density at one point, for the compiled loops."""
        density: LogDensity = self.model.log_marginal
        return density

    @property
    def gradient(self) -> GradientDensity:
        """The log density with its gradient: the model's own, or by differences."""
        own: GradientDensity | None = getattr(self.model, "log_marginal_gradient", None)
        if own is None and not self.density.compiled:
            return PointsGradient(self.log_density, len(self.coordinates))
        return Differences(self.density) if own is None else own

    @property
    def bounds(self) -> Floats:
        """Ends of what each coordinate may be; a model's support is that of the last one."""
        own: Floats | None = getattr(self.model, "bounds", None)
        if own is not None:
            return own
        ends = np.full((2, len(self.coordinates)), np.inf)
        ends[0] = -np.inf
        ends[:, -1] = getattr(self.model, "support", (-np.inf, np.inf))
        return ends

    @property
    def log_constant(self) -> float:
        """What the density leaves out of likelihood times prior."""
        return float(self.model.log_constant)

    def start(self) -> Floats:
        """A point from which an optimiser finds the mode, shape (p,)."""
        point: Floats = self.model.start()
        return point

    def log_density(self, points: Floats) -> Floats:
        """The log density at many points, shape (n, p), at once."""
        values: Floats = self.model.log_posterior(points)
        return values

    def value_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """The log density at one point and its gradient, shape (p,)."""
        return float(self.density(point)), self.derivatives(point)[0]

    def derivatives(self, point: Floats) -> tuple[Floats, Floats]:
        """Gradient (p,) and Hessian (p, p) of the log density at one point."""
        gradient, hessian = self.model.derivatives(point)
        return gradient, hessian

    def log_likelihood(self, points: Floats) -> Floats:
        """The marginal log likelihood, with all constants, at points of shape (n, p)."""
        values: Floats = self.model.log_marginal_likelihood(points)
        return values

    def place(self, phi: Floats, theta: Floats) -> Floats:
        """The points are the hyperparameters."""
        return phi

    def columns(self, groups: NDArray[np.intp]) -> NDArray[np.intp]:
        """All coordinates: the effects are drawn given them."""
        return np.arange(len(self.coordinates), dtype=np.intp)

    def restore(
        self, points: Floats, rng: Generator, theta: bool = True, groups: Groups = ALL
    ) -> Draws:
        """Draw the effects, then a new group's, given phi of shape (chain, draw, p)."""
        phi = np.ascontiguousarray(points)
        effects = self.model.draw_theta(phi, rng)[..., groups] if theta else None
        return Draws(phi, effects, self.model.draw_new_theta(phi, rng))
