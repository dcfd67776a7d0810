"""Where Hamiltonian chains on a model start."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyhier._random import Generator, uniforms
from pyhier._types import Floats
from pyhier.inference.laplace import laplace
from pyhier.kernels.gradients import GradientDensity, unconstrain
from pyhier.models.interface import Model
from pyhier.rstats.linalg import chol

Init = str | Mapping[str, Any] | None
TRIES = 100


def model_starts(
    model: Model, target: Any, density: GradientDensity, init: Init, generators: Sequence[Generator]
) -> Floats:
    """A point for each chain, shape (chains, p), in the coordinates of ``density``.

    These are the target's on the whole line.
    """
    if isinstance(init, Mapping):
        return np.array([_given(model, target, density, init, rng) for rng in generators])
    if init not in (None, "prior", "uniform"):
        raise ValueError(f"init is {init!r}: it must be 'prior', 'uniform' or a mapping of values")
    if init == "prior" and model.why_improper():
        raise ValueError(
            f"init='prior' needs proper priors, and there are no draws of {model.why_improper()}: "
            "leave init out, give a mapping of values or take 'uniform'"
        )
    kind = init or ("wide" if model.why_improper() else "prior")
    mode = _mode(model) if kind == "wide" else None
    return np.array([_drawn(model, target, density, kind, mode, rng) for rng in generators])


def _drawn(
    model: Model, target: Any, density: GradientDensity, kind: str, mode: Any, rng: Generator
) -> Floats:
    """The first draw at which value and gradient are finite."""
    for _ in range(TRIES):
        if kind == "uniform":
            point = 4.0 * uniforms(rng, density.ndim) - 2.0
        else:
            phi = model.draw_prior(1, rng)[0] if kind == "prior" else _wide(mode, rng)
            point = _on_line(target, _place(model, target, phi, rng))
        if is_finite(density, point):
            return point
    raise ValueError(
        f"the log density was not finite at any of {TRIES} starts (init={kind!r}): give init= a "
        "mapping of values where it is"
    )


def _given(
    model: Model, target: Any, density: GradientDensity, init: Mapping[str, Any], rng: Generator
) -> Floats:
    values = dict(init)
    theta = values.pop("theta", None)
    try:
        phi = model.phi_at(**values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"init: {error}") from error
    point = _on_line(target, _place(model, target, phi, rng, theta))
    check_start(density, point, target.coordinates)
    return point


def _place(model: Model, target: Any, phi: Floats, rng: Generator, theta: Any = None) -> Floats:
    """The target's point at hyperparameters; effects are drawn given these where not given."""
    with np.errstate(all="ignore"):  # where it is not finite the point is refused
        effects = model.draw_theta(phi, rng) if theta is None else np.asarray(theta, float)
        if effects.shape != (len(model.labels),):
            raise ValueError(
                f"init['theta'] has shape {effects.shape}: give one effect a group, "
                f"({len(model.labels)},)"
            )
        point: Floats = target.place(phi, effects)
    return point


def _on_line(target: Any, point: Floats) -> Floats:
    ends = target.bounds
    return unconstrain(point, ends[0], ends[1]) if np.isfinite(ends).any() else point


def _mode(model: Model) -> tuple[Floats, Floats]:
    """The marginal mode and a factor of its covariance; a unit one where there is no mode."""
    try:
        fit = laplace(model)
        return fit.mode, chol(fit.var)
    except ValueError:
        point = model.marginal.start()
        return point, np.eye(point.size)


def _wide(mode: tuple[Floats, Floats], rng: Generator) -> Floats:
    """A draw twice as wide as the normal approximation."""
    centre, upper = mode
    point: Floats = centre + 2.0 * (rng.standard_normal(centre.size) @ upper)
    return point


def is_finite(density: GradientDensity, point: Floats) -> bool:
    """Whether a chain may start at a point."""
    if not np.all(np.isfinite(point)):
        return False
    value, gradient = density(point)
    return bool(np.isfinite(value) and np.all(np.isfinite(gradient)))


def check_start(density: GradientDensity, point: Floats, names: Sequence[str]) -> None:
    """Raise where the density or its gradient is not finite."""
    value, gradient = density(point)
    if not np.isfinite(value):
        raise ValueError(f"the log density is {value} at the start: start where it is finite")
    wrong = np.flatnonzero(~np.isfinite(gradient))
    if wrong.size:
        k = int(wrong[0])
        raise ValueError(
            f"the gradient is {gradient[k]} along {names[k]} at the start: start where it is finite"
        )
