"""The groups: their own estimates beside the pooled ones."""

import numpy as np
from matplotlib.axes import Axes

from pyhier._types import Floats
from pyhier.plots.style import (
    POOLED,
    QUIET,
    RAW,
    Groups,
    centre_line,
    effects,
    group_size,
    groups_of,
    intervals,
    label_points,
    legend_above,
    need_posterior,
    new_axes,
)
from pyhier.posterior.base import Posterior


def shrinkage(posterior: Posterior, ax: Axes | None = None, effect: str | None = None) -> Axes:
    """Arrows from each group's raw estimate to its pooled one, against the group's size.

    Parameters
    ----------
    posterior : Posterior
        With its group effects.
    ax : Axes, optional
        Where to draw.
    effect : str, optional
        Which one of those of a group, where it has several: a varying coefficient or an outcome,
        the first without it.

    Returns
    -------
    Axes
        Groups far from the others get their labels first; where labels would overlap, one is left
        out.
    """
    need_posterior("shrinkage", posterior)
    ax, groups = new_axes(ax), groups_of(posterior, effect)
    own = posterior.model.estimates()[0][groups.at]
    name, size = group_size(posterior, groups)
    pooled = effects(posterior, groups)
    known = np.isfinite(own)
    arrow = {"arrowstyle": "->", "color": QUIET, "shrinkA": 2.0, "shrinkB": 2.0}
    for x, start, end in zip(size[known], own[known], pooled[known], strict=True):
        ax.annotate("", xy=(x, end), xytext=(x, start), arrowprops=arrow)
    mark = 5.0 if size.size <= 30 else 3.5
    ax.plot(size, own, "s", color=RAW, markersize=mark, label="raw")
    ax.plot(size, pooled, "o", color=POOLED, markersize=mark, label="pooled")
    heights = np.where(known, own, pooled)
    _finish(ax, posterior, groups, name, size, heights, pooled, heights)
    return ax


def by_size(
    posterior: Posterior, ax: Axes | None = None, level: float = 0.95, effect: str | None = None
) -> Axes:
    """Pooled estimates with their intervals against the groups' sizes.

    Parameters
    ----------
    posterior : Posterior
        With its group effects.
    ax : Axes, optional
        Where to draw.
    level : float
        Of the central posterior intervals.
    effect : str, optional
        Which one of those of a group, where it has several: a varying coefficient or an outcome,
        the first without it.

    Returns
    -------
    Axes
    """
    need_posterior("by_size", posterior)
    ax, groups = new_axes(ax), groups_of(posterior, effect)
    own = posterior.model.estimates()[0][groups.at]
    name, size = group_size(posterior, groups)
    mean = effects(posterior, groups)
    low, high = intervals(posterior, level, groups)
    mark = 5.0 if size.size <= 30 else 3.5
    ax.plot(size, own, "s", color=RAW, markersize=0.7 * mark, alpha=0.7, label="raw")
    ax.errorbar(
        size, mean, yerr=(mean - low, high - mean), fmt="o", color=POOLED, markersize=mark,
        elinewidth=0.8, label=f"pooled, {100 * level:g}% interval",
    )  # fmt: skip
    own = np.where(np.isfinite(own), own, mean)
    _finish(ax, posterior, groups, name, size, mean, np.fmin(low, own), np.fmax(high, own))
    return ax


def _finish(
    ax: Axes,
    posterior: Posterior,
    groups: Groups,
    name: str,
    size: Floats,
    heights: Floats,
    low: Floats,
    high: Floats,
) -> None:
    """Centre line, scales, labels and legend of a picture against the groups' sizes.

    Each group is labelled at its height, and drawn from ``low`` to ``high``, or the other way.
    """
    centre = centre_line(ax.axhline, posterior, groups)
    if size.min() > 0.0 and size.max() > 20.0 * size.min():
        ax.set_xscale("log")
    ax.margins(x=0.12, y=0.1)
    ax.set_xlabel(name)
    ax.set_ylabel(groups.word)
    legend_above(ax)
    ax.set_xlim(ax.get_xlim())
    ax.set_ylim(ax.get_ylim())
    span = np.minimum(low, high), np.maximum(low, high)
    label_points(ax, size, heights, groups.labels, np.abs(heights - centre), span)
