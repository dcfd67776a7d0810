"""The hyperparameters: contours of their density, and what they make of the effects."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import probability_list, vector
from pyhier.inference.laplace import laplace
from pyhier.models.interface import Model, is_model, is_plane
from pyhier.plots.style import (
    POOLED,
    QUIET,
    RAW,
    SERIES,
    label_ends,
    need_posterior,
    new_axes,
    symbol,
)
from pyhier.posterior.base import Posterior
from pyhier.posterior.conditional import conditional_means as means_given
from pyhier.posterior.draws import DrawsPosterior, as_draws

HEIGHTS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9)  # of the mode's
SEED = 20  # of draws that are only looked at: the same picture every time


def contour(
    target: Model | Posterior,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    levels: int | Sequence[float] = HEIGHTS,
    ax: Axes | None = None,
    draws: int = 1_000,
) -> Axes:
    """Contours of the posterior density of two hyperparameters, with draws over them.

    Parameters
    ----------
    target : Model or Posterior
        A model with two coordinates; or a posterior of one, whose draws are put on the contours.
    x, y : array_like, optional
        Grids of the two coordinates; without them all but a few of the draws are within, or four
        standard deviations about the mode of a model.
    levels : int or sequence of float
        Heights of the contours relative to the highest; or a number of them, evenly spaced in
        log density.
    ax : Axes, optional
        Where to draw.
    draws : int
        How many to make, where the posterior is not made of draws.

    Returns
    -------
    Axes
    """
    model = target.model if isinstance(target, Posterior) else target
    if not is_model(model):
        raise TypeError(
            f"target is a {type(target).__name__}: contour takes a model or a posterior"
        )
    if len(model.coordinates) != 2:
        raise ValueError(f"contour needs two coordinates: this model has {model.coordinates}")
    ax = new_axes(ax)
    points = _points(target, draws) if isinstance(target, Posterior) else None
    reach = _reach(model) if points is None else _spread(points)
    grid = [
        np.linspace(ends[0], ends[1], 200) if values is None else vector(name, values)
        for name, ends, values in zip("xy", reach, (x, y), strict=True)
    ]
    mesh = np.stack(np.meshgrid(*grid, indexing="xy"), axis=-1)
    height = model.marginal.log_density(mesh.reshape(-1, 2)).reshape(mesh.shape[:2])
    at = levels if isinstance(levels, int) else np.log(np.sort(_heights(levels))) + height.max()
    ax.contour(*grid, height, levels=at, colors=POOLED, linewidths=0.6, linestyles="solid")
    if points is not None:
        ax.plot(*points.T, ".", color=RAW, markersize=2.0, alpha=0.5, zorder=1)
    ax.set_xlim(grid[0][0], grid[0][-1])
    ax.set_ylim(grid[1][0], grid[1][-1])
    ax.set_xlabel(symbol(model.coordinates[0]))
    ax.set_ylabel(symbol(model.coordinates[1]))
    return ax


def _heights(levels: Sequence[float]) -> Floats:
    """Heights of contours by that of the mode."""
    heights = probability_list("levels", levels)
    if heights.min() <= 0.0:
        raise ValueError(f"levels has {heights.min():g}: heights are parts of the mode's, above 0")
    return heights


def _points(posterior: Posterior, draws: int) -> Floats:
    drawn = posterior if isinstance(posterior, DrawsPosterior) else as_draws(posterior, draws, SEED)
    return drawn.phi.reshape(-1, 2)


def _spread(points: Floats) -> Floats:
    """Ends of both axes that leave a thousandth out on each side."""
    low, high = np.quantile(points, [0.001, 0.999], axis=0)
    margin = 0.1 * np.where(high > low, high - low, 1.0)
    return np.stack([low - margin, high + margin], axis=1)


def _reach(model: Model) -> Floats:
    fit = laplace(model)
    away = 4.0 * np.sqrt(np.diag(fit.var))
    return np.stack([fit.mode - away, fit.mode + away], axis=1)


def conditional_means(posterior: Posterior, ax: Axes | None = None) -> Axes:
    """Each group's posterior mean given how closely the groups hang together (BDA3 figure 5.6).

    Parameters
    ----------
    posterior : Posterior
        Of a model with two hyperparameters.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Against tau (from 0, where all groups share one effect), or against K or alpha (on a log
        axis: for large values all groups share one effect). The grey hill is their posterior
        density.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> pumps = ph.load_dataset("pumps")
    >>> model = ph.PoissonGamma(pumps["failures"], pumps["khours"], labels=pumps["pump"])
    >>> ax = plots.conditional_means(ph.exact(model))
    >>> len([line for line in ax.lines if line.get_gid() == "group"])
    10
    """
    need_posterior("conditional_means", posterior)
    model = posterior.model
    if not is_plane(model):
        raise ValueError(f"{type(model).__name__} does not have two hyperparameters")
    which = 1 - model.location
    coordinate, location = model.coordinates[which], model.coordinates[model.location]
    name = coordinate.removeprefix("log_")
    ends = np.asarray(posterior[coordinate].ppf([0.005, 0.99]))
    centre = float(posterior[location].median())
    points = np.full((2, 2), centre)
    points[:, which] = ends
    at_low, at_high = model.pooling(points).mean(axis=1)
    from_zero = at_low > at_high
    if from_zero:
        values = np.exp(ends[1]) * np.linspace(0.002, 1.0, 150)
    else:
        values = np.exp(np.linspace(ends[0] - 0.5, ends[1] + 0.5, 150))
    near = posterior[location].interval(0.999)
    reach = 3.0 * (near[1] - near[0]) or 1.0
    means = means_given(model, np.log(values), (centre - reach, centre + reach))
    ax = new_axes(ax, height=5.2)
    for j, line in enumerate(means.T):
        color = SERIES[j % len(SERIES)]
        ax.plot(values, line, color=color, linewidth=1.3 if means.shape[1] <= 30 else 0.7,
                gid="group")  # fmt: skip
    ax.set_xscale("linear" if from_zero else "log")
    ax.set_xlim(0.0 if from_zero else values[0], values[-1])
    ax.set_ylim(ax.get_ylim())
    if ends[1] > ends[0]:
        _hill(ax, posterior, name, coordinate, values, from_zero)
    ax.set_xlabel(symbol(name))
    ax.set_ylabel(f"E[$\\theta$ | {symbol(name)}, data]")
    label_ends(ax, means[-1 if from_zero else 0], model.labels, left=not from_zero)
    return ax


def _hill(
    ax: Axes, posterior: Posterior, name: str, coordinate: str, values: Floats, linear: bool
) -> None:
    """The posterior density along the bottom, a fifth of the axes high.

    It is that of what the axis shows: of the logarithm on a log axis.
    """
    density = posterior[name].pdf(values) if linear else posterior[coordinate].pdf(np.log(values))
    if np.all(np.isfinite(density)) and density.max() > 0.0:
        ax.fill_between(
            values, 0.2 * density / density.max(), color=QUIET, alpha=0.35, linewidth=0.0,
            transform=ax.get_xaxis_transform(), zorder=0,
        )  # fmt: skip
