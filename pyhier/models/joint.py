"""Hyperparameters and effects together: the joint densities that samplers without closed forms use.

A `Joint` is a `Target` whose points are phi, then one coordinate a group. Which coordinate that is,
its parameterisation, is an `EffectChart`. A model offers ``joint(parameterization)``, which makes
its compiled density (kernels/joint) and names its chart; one without it still has its ``marginal``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity, PointsGradient, ValueDensity
from pyhier.models.draws import Draws
from pyhier.models.exponential_quadratics import ExponentialQuadratic
from pyhier.models.target import ALL, Groups
from pyhier.quadrature.panels import HIGHEST, LOWEST

Kind = Literal["centred", "non-centred"]
PARAMETERIZATIONS = ("non-centred", "centred", "marginal")
_SPELLINGS = {
    "noncentred": "non-centred", "noncentered": "non-centred", "non-centered": "non-centred",
    "centered": "centred",
}  # fmt: skip


@dataclass(frozen=True)
class EffectChart:
    """The coordinate of a group's effect.

    Attributes
    ----------
    name : str
        What it is called before the group's label.
    to_line, from_line : callable
        The coordinates at phi (..., p) and effects (..., groups), and back; the third argument
        says which groups they are of.
    needs : callable
        The places of the coordinates that the effects of some groups are made of: their own.
    above : tuple of str
        Names of further coordinates, which come before the groups'.
    """

    name: str
    to_line: Callable[[Floats, Floats, Groups], Floats]
    from_line: Callable[[Floats, Floats, Groups], Floats]
    needs: Callable[[NDArray[np.intp]], NDArray[np.intp]] = lambda groups: groups
    above: tuple[str, ...] = ()


def _logit(theta: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(theta) - np.log1p(-theta)


def _from_logit(u: Floats) -> Floats:
    small = np.exp(-np.abs(u))
    return np.where(u < 0.0, small, 1.0) / (1.0 + small)


AS_IS = EffectChart("theta", lambda _, theta, at: theta, lambda _, u, at: u)
LOGIT = EffectChart(
    "logit_theta", lambda _, theta, at: _logit(theta), lambda _, u, at: _from_logit(u)
)
LOG = EffectChart("log_theta", lambda _, theta, at: np.log(theta), lambda _, u, at: np.exp(u))


def standard(design: Floats | None = None) -> EffectChart:
    """Standardised distances from mu, or from a linear predictor; log tau is phi's last."""

    def centre(phi: Floats, at: Groups) -> Floats:
        if design is None:
            return phi[..., :1]
        predictor: Floats = phi[..., :-1] @ design[at].T
        return predictor

    return EffectChart(
        "z",
        lambda phi, theta, at: (theta - centre(phi, at)) / np.exp(phi[..., -1:]),
        lambda phi, z, at: centre(phi, at) + np.exp(phi[..., -1:]) * z,
    )


class Joint:
    """The log posterior density of phi and all effects, with its gradient.

    Parameters
    ----------
    model : Model
        Its coordinates come first.
    parameterization : str
    gradient : GradientDensity
        Of phi and the effects' coordinates, with all constants.
    chart : EffectChart
    bounds : ndarray, shape (2, p), optional
        Ends of what phi may be; the whole line without it.
    form : callable, optional
        Makes the density's closed form, where it has one.
    """

    log_constant = 0.0

    def __init__(
        self,
        model: Any,
        parameterization: str,
        gradient: GradientDensity,
        chart: EffectChart,
        bounds: Floats | None = None,
        form: Callable[[], ExponentialQuadratic] | None = None,
    ) -> None:
        self.model, self.parameterization = model, parameterization
        self.gradient, self.chart = gradient, chart
        self._phi = len(model.coordinates)
        self._bounds, self._form = bounds, form

    def __repr__(self) -> str:
        return f"Joint: {self.gradient.ndim} coordinates, {self.parameterization}, of {self.model}"

    def __reduce__(self) -> Any:
        """Made anew: compiled densities do not pickle."""
        return target_of, (self.model, self.parameterization)

    @cached_property
    def coordinates(self) -> tuple[str, ...]:
        """Names of phi's coordinates, then of the effects'."""
        effects = (f"{self.chart.name}[{label}]" for label in self.model.labels)
        return (*self.model.coordinates, *self.chart.above, *effects)

    @property
    def density(self) -> LogDensity:
        """The log density at one point, for loops that take no gradient."""
        return ValueDensity(self.gradient)

    @property
    def bounds(self) -> Floats:
        """Ends of what each coordinate may be, shape (2, p)."""
        ends = np.full((2, self.gradient.ndim), np.inf)
        ends[0] = -np.inf
        if self._bounds is not None:
            ends[:, : self._phi] = self._bounds
        return ends

    @cached_property
    def form(self) -> ExponentialQuadratic | None:
        """The density as terms whose expectations are closed forms; None where they are not."""
        return None if self._form is None else self._form()

    def start(self) -> Floats:
        """Phi where its own search begins, with effects drawn there."""
        phi = self.model.start()
        return self.place(phi, self.model.draw_theta(phi, np.random.default_rng(0)))

    def place(self, phi: Floats, theta: Floats) -> Floats:
        """The points at hyperparameters (..., p) and effects (..., groups)."""
        return np.concatenate([phi, self.chart.to_line(phi, theta, ALL)], axis=-1)

    def log_density(self, points: Floats) -> Floats:
        """The log density at many points, shape (n, p), at once."""
        return self.gradient.evaluate(points)[0]

    def value_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """The log density at one point and its gradient, shape (p,)."""
        return self.gradient(point)

    def derivatives(self, point: Floats) -> tuple[Floats, Floats]:
        """Gradient (p,) and Hessian (p, p), this by differences of gradients."""
        h = 1e-4
        around = point + h * np.concatenate([np.eye(point.size), -np.eye(point.size)])
        slopes = self.gradient.evaluate(around)[1].reshape(2, point.size, point.size)
        hessian = (slopes[0] - slopes[1]) / (2.0 * h)
        return self.gradient(point)[1], 0.5 * (hessian + hessian.T)

    def log_likelihood(self, points: Floats) -> Floats:
        """Log density of the data given the effects, with all constants, shape (n,)."""
        phi, effects = points[..., : self._phi], points[..., self._phi :]
        values: Floats = self.model.log_likelihood(self.chart.from_line(phi, effects, ALL)).sum(
            axis=-1
        )
        return values

    def columns(self, groups: NDArray[np.intp]) -> NDArray[np.intp]:
        """Where phi and the effects of some groups are among the coordinates."""
        needed = self.chart.needs(groups) if groups.size else groups
        return np.concatenate([np.arange(self._phi), self._phi + needed]).astype(np.intp)

    def restore(
        self, points: Floats, rng: Generator, theta: bool = True, groups: Groups = ALL
    ) -> Draws:
        """The hyperparameters and effects at points (chain, draw, p); draw a new group's.

        Of some ``groups`` alone the points are the `columns`.
        """
        phi, u = np.ascontiguousarray(points[..., : self._phi]), points[..., self._phi :]
        effects = u if u.shape[-1] == 0 else self.chart.from_line(phi, u, groups) if theta else None
        return Draws(phi, effects, self.model.draw_new_theta(phi, rng))


def spelled(parameterization: Any) -> str:
    """A parameterisation under the name this package has for it."""
    known = isinstance(parameterization, str)
    name = _SPELLINGS.get(parameterization, parameterization) if known else None
    if name not in PARAMETERIZATIONS:
        raise ValueError(
            f"parameterization is {parameterization!r}: it must be one of "
            + ", ".join(map(repr, PARAMETERIZATIONS))
        )
    return str(name)


def target_of(model: Any, parameterization: str | None) -> Any:
    """The target of a model under a parameterisation; without one the model's own first.

    Raises
    ------
    ValueError
        If the model lacks it, with why.
    """
    if parameterization is None:
        parameterization = getattr(type(model), "parameterizations", ("marginal",))[0]
    name = spelled(parameterization)
    if name == "marginal":
        return model.marginal
    if not hasattr(type(model), "joint"):
        raise ValueError(
            f"parameterization is {parameterization!r}: {type(model).__name__} has no joint "
            "density; take 'marginal', its hyperparameters with the effects integrated out"
        )
    return model.joint(name)


def python_prior(log_density: Callable[[Floats], Floats], size: int) -> GradientDensity:
    """A prior in Python of so many coordinates (points, size), for the kernels.

    It is called for numbers alone, however far a first step goes astray.
    """
    return PointsGradient(lambda psi: log_density(np.clip(psi, LOWEST, HIGHEST)), size)


def priors_of_psi(model: Any) -> Any:
    """The priors of psi for the kernels: compiled ones apart, or all that are Python's at once."""
    if model._compiled:
        return model.scale_priors
    return python_prior(model.prior.log_density, len(model.psi))


class NormalEffectTargets(ABC):
    """Targets of a model with normal effects beyond its marginal one."""

    parameterizations: tuple[str, ...] = ("non-centred", "centred", "marginal")

    @cached_property
    def log_marginal_gradient(self) -> GradientDensity:
        """The log marginal posterior with its gradient and all constants."""
        return self._marginal_gradient()

    def joint(self, parameterization: str = "non-centred") -> Joint:
        """The log posterior density of the hyperparameters and all effects, as a `Target`."""
        makers = {
            "centred": lambda: self._joint("centred"),
            "non-centred": lambda: self._joint("non-centred"),
        }
        return choose(parameterization, makers, {})

    @abstractmethod
    def _marginal_gradient(self) -> GradientDensity: ...

    @abstractmethod
    def _joint(self, kind: Kind) -> Joint: ...


def choose(
    parameterization: str, makers: Mapping[str, Callable[[], Joint]], refusals: Mapping[str, str]
) -> Joint:
    """The joint target of a parameterisation, or the error that says why there is none."""
    name = spelled(parameterization)
    if name in makers:
        return makers[name]()
    why = refusals.get(name, "it has no effects: take model.marginal")
    raise ValueError(f"parameterization is {parameterization!r}: {why}")
