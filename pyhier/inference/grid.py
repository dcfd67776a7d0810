"""The textbook's grid: the posterior at equally spaced points of the hyperparameters."""

import warnings
from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG, as_generator, uniforms
from pyhier._types import Floats
from pyhier._validation import amount, count, float_array, numbers
from pyhier.inference.laplace import laplace
from pyhier.models.interface import Model
from pyhier.models.requirements import need_posterior
from pyhier.posterior.nodes import NodesPosterior

DROP = 16.0  # how far below the mode's the log density is at the limits: a factor of 1e-7
NEGLIGIBLE = 1e-14  # share of the weight in all points that are left out
# How far the share of every other point may be from half: means are off by about its square then,
# in sds.
COARSE = 0.1


class GridPosterior(NodesPosterior):
    """The posterior on a grid; the nodes are the points that carry weight.

    Attributes
    ----------
    axes : tuple of ndarray
        The points along each coordinate.
    log_density : ndarray, shape (size, ...)
        Log posterior density at all points of the grid, 0 at the highest; axis k belongs to
        coordinate k: ``contour(*post.axes, post.log_density.T)`` for two.
    limits : ndarray, shape (p, 2)
    log_z : float
        Log of the sum over the grid of likelihood times prior; the evidence where the prior is
        proper.
    """

    def __init__(
        self, model: Model, axes: tuple[Floats, ...], log_density: Floats, top: float
    ) -> None:
        cell = sum(log(axis[1] - axis[0]) for axis in axes)
        total = log(float(np.exp(log_density).sum()))
        self.log_z = top + total + cell + model.marginal.log_constant
        self.axes, self.log_density = axes, log_density
        self.limits = np.array([[axis[0], axis[-1]] for axis in axes])
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        weight = np.exp(log_density).ravel()
        order = np.argsort(weight)
        some = order[np.cumsum(weight[order]) > NEGLIGIBLE * weight.sum()]
        some.sort()
        super().__init__(model, points[some], weight[some])
        for array in (*axes, log_density):
            array.flags.writeable = False

    def draw_phi(self, n: int, rng: RNG = None) -> Floats:
        """Points drawn by their weights, each moved at random within its cell, shape (n, p)."""
        generator = as_generator(rng)
        phi = super().draw_phi(n, generator)
        for k, axis in enumerate(self.axes):
            phi[:, k] += (axis[1] - axis[0]) * (uniforms(generator, len(phi)) - 0.5)
        return phi


def grid(
    model: Model, size: int | Sequence[int] = 100, limits: ArrayLike | None = None
) -> GridPosterior:
    """Evaluate a model's posterior on a grid of its hyperparameters (BDA3 section 3.7).

    Sums over equally spaced points of a smooth density that has fallen to nothing at the limits are
    accurate far beyond what the points' number suggests: it is the limits that matter.

    Parameters
    ----------
    model : Model
        Any model with up to three coordinates.
    size : int or sequence of int
        Points along each coordinate; LearnBayes' ``simcontour`` takes 50.
    limits : array_like, shape (p, 2), or (2 * p,), optional
        Least and greatest value of each coordinate. Without it the least box about the mode outside
        which the density is below 1e-7 of its highest is taken.

    Returns
    -------
    GridPosterior
        Its draws are moved at random within the points' cells.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, the density is zero all over the grid, or no limits are
        found.

    Warns
    -----
    RuntimeWarning
        If the points are too far apart for the posterior, as where its ridge is narrow and long.

    Examples
    --------
    >>> import pyhier as ph
    >>> rats = ph.load_dataset("rat_tumors")
    >>> model = ph.BetaBinomial(rats["tumors"], rats["rats"])
    >>> post = ph.grid(model)
    >>> abs(post["theta[71]"].mean() - ph.exact(model)["theta[71]"].mean()) < 1e-6
    True
    >>> ph.grid(model, 50, limits=[(-2.3, -1.3), (1, 5)]).log_density.shape
    (50, 50)
    """
    need_posterior("grid", model)
    p = len(model.coordinates)
    if p > 3:
        raise ValueError(f"the model has {p} coordinates: a grid of so many has too many points")
    given_sizes = [size] * p if isinstance(size, str) or not np.iterable(size) else list(size)
    if len(given_sizes) != p:
        raise ValueError(f"size has {len(given_sizes)} entries: give one, or {p}")
    sizes = [count("size", n, 2) for n in given_sizes]
    amount("size", max(sizes), 8 * int(np.prod(sizes, dtype=object)) // max(sizes))
    box = _find_limits(model) if limits is None else _check_limits(limits, p)
    axes = tuple(np.linspace(low, high, n) for (low, high), n in zip(box, sizes, strict=True))
    log_density = _on_grid(model, axes)
    top = log_density.max()
    if not np.isfinite(top):
        raise ValueError(f"the log density is {top} all over the grid: give other limits")
    _warn_if_coarse(model, log_density - top)
    return GridPosterior(model, axes, log_density - top, float(top))


def _warn_if_coarse(model: Model, log_density: Floats) -> None:
    """Every other point along a coordinate is a grid of its own: both must find half the mass."""
    weight = np.exp(log_density)
    for k, name in enumerate(model.coordinates):
        along = np.moveaxis(weight, k, 0)
        even = along[::2].sum() / along.sum()
        if abs(even - 0.5) > COARSE:
            warnings.warn(
                f"the grid is too coarse for the posterior: of the points along {name} every other "
                f"one holds {max(even, 1.0 - even):.0%} of the mass, not half; give a greater "
                "size= or narrower limits=, or take exact(model)",
                RuntimeWarning,
                stacklevel=3,
            )
            return


def _on_grid(model: Model, axes: Sequence[Floats]) -> Floats:
    """The log density at all points; where it is NaN there is none."""
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = model.marginal.log_density(np.ascontiguousarray(points.reshape(-1, len(axes))))
    found: Floats = np.where(np.isnan(values), -np.inf, values).reshape(points.shape[:-1])
    return found


def _check_limits(limits: ArrayLike, p: int) -> Floats:
    given = numbers("limits", limits)
    if given.shape not in ((p, 2), (2 * p,)):
        raise ValueError(f"limits has shape {given.shape}: give ({p}, 2), least and greatest")
    box = float_array("limits", given.reshape(p, 2), 2)
    for k, (low, high) in enumerate(box):
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ValueError(f"limits[{k}] is ({low}, {high}): give least and greatest, finite")
    return box


def _find_limits(model: Model) -> Floats:
    """Grow a box about the mode until the density on each face is negligible, then trim it."""
    fit = laplace(model)
    sd = np.sqrt(np.diag(fit.var))
    top = model.marginal.density(fit.mode)
    box = np.stack([fit.mode - 4.0 * sd, fit.mode + 4.0 * sd], axis=1)
    for _ in range(60):
        profile = [_faces(model, box, k) - top for k in range(len(box))]
        rises = np.array([[face.max() > -DROP for face in faces] for faces in profile])
        if not rises.any():
            return _trim(model, box, top)
        width = np.diff(box)
        box[:, 0] -= np.where(rises[:, 0], 0.25 * width[:, 0], 0.0)
        box[:, 1] += np.where(rises[:, 1], 0.25 * width[:, 0], 0.0)
    raise ValueError(
        f"the posterior has not fallen off at {box.tolist()}: it has tails too heavy for a grid; "
        "give limits=, or take exact(model)"
    )


def _faces(model: Model, box: Floats, k: int) -> Floats:
    """The log density on the two faces of a box across coordinate k, shape (2, points)."""
    axes = [np.linspace(low, high, 41) for low, high in box]
    axes[k] = box[k]
    return np.moveaxis(_on_grid(model, axes), k, 0).reshape(2, -1)


def _trim(model: Model, box: Floats, top: float) -> Floats:
    """Cut off what is negligible all across, to a point of 81 along each coordinate."""
    axes = [np.linspace(low, high, 81) for low, high in box]
    matters = _on_grid(model, axes) - top > -DROP
    for k, axis in enumerate(axes):
        others = tuple(i for i in range(len(axes)) if i != k)
        inside = np.flatnonzero(matters.any(axis=others))
        box[k] = axis[max(inside[0] - 1, 0)], axis[min(inside[-1] + 1, axis.size - 1)]
    return box
