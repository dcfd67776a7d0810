"""Effects against a covariate, and groups within groups."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pyhier._types import Floats
from pyhier._validation import check_level
from pyhier.models.interface import new_effects_of
from pyhier.plots.style import (
    POOLED,
    QUIET,
    RAW,
    label_points,
    legend_above,
    name_rows,
    need_posterior,
    new_axes,
    plain,
    rows_height,
)
from pyhier.posterior import ExactPosterior, LatticePosterior, Posterior

POINTS = 41  # of the line
LARGEST = 14.0  # points across the largest bubble


def regression(
    posterior: Posterior, covariate: str, ax: Axes | None = None, level: float = 0.95
) -> Axes:
    """The line of a covariate with its bands, over bubbles of the groups' own estimates.

    Parameters
    ----------
    posterior : Posterior
        By quadrature, of a model with covariates.
    covariate : str
        A column of the design; the other columns are at their means over the groups.
    ax : Axes, optional
        Where to draw.
    level : float
        Of the band of the mean effect, and of the dashed one of a new group's effect.

    Returns
    -------
    Axes
        The area of a bubble goes with the precision of its estimate.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> schools = ph.load_dataset("teacher_expectancy")
    >>> model = ph.NormalNormal(schools["y"], var=schools["var"], X=schools[["weeks"]])
    >>> plots.regression(ph.exact(model), "weeks").get_xlabel()
    'weeks'
    """
    need_posterior("regression", posterior)
    tail = 0.5 * (1.0 - check_level(level))
    design: Any = getattr(posterior.model, "covariates", None)
    names: tuple[str, ...] = () if design is None else design.names
    whole = len(new_effects_of(posterior.model)) == 1 and covariate in names
    if not whole or not isinstance(posterior, ExactPosterior | LatticePosterior):
        raise ValueError(
            f"covariate is {covariate!r}: give one of {', '.join(names) or 'none'}, of exact(model)"
        )
    ax = new_axes(ax)
    column = names.index(covariate)
    values, (own, se) = design.x[:, column], posterior.model.estimates()
    places = np.linspace(values.min(), values.max(), POINTS)
    rows = np.tile(design.x.mean(axis=0), (POINTS, 1))
    rows[:, column] = places
    means = [posterior.linear(dict(zip(names, row, strict=True))) for row in rows.tolist()]
    middle, low, high = (np.array([m.ppf(q) for m in means]) for q in (0.5, tail, 1.0 - tail))
    kept = [k for k, name in enumerate(names) if name != "Intercept"]
    new = np.array([posterior.theta_new(row[kept]).ppf([tail, 1.0 - tail]) for row in rows]).T
    ax.fill_between(places, low, high, color=POOLED, alpha=0.2, linewidth=0)
    ax.plot(places, middle, color=POOLED, label=f"mean effect, {100 * level:g}% band")
    for k, end in enumerate(new):
        label = "a new group" if k == 0 else None
        ax.plot(places, end, color=POOLED, linestyle="--", linewidth=0.9, label=label)
    ax.scatter(values, own, s=_areas(se), facecolors="none", edgecolors=RAW, label="estimates")
    ax.set(xlabel=plain(covariate), ylabel="effect")
    ax.margins(x=0.08, y=0.08)
    ax.set_xlim(ax.get_xlim())
    ax.set_ylim(ax.get_ylim())
    radius = 0.0 * own
    away = np.abs(own - np.interp(values, places, middle))
    label_points(ax, values, own, posterior.model.labels, away, (own - radius, own + radius))
    legend_above(ax)
    return ax


def _areas(se: Floats) -> Floats:
    areas: Floats = LARGEST**2 * (se.min() / se) ** 2
    return np.maximum(areas, 12.0)


def levels(
    posterior: Posterior, level: str, ax: Axes | None = None, interval: float = 0.95
) -> Axes:
    """Effects of the groups of an upper level, a row each, over the estimates that lie in it.

    Parameters
    ----------
    posterior : Posterior
        By quadrature, of a model with levels.
    level : str
        An upper level.
    ax : Axes, optional
        Where to draw.
    interval : float
        Of the central posterior intervals.

    Returns
    -------
    Axes
    """
    need_posterior("levels", posterior)
    tail = 0.5 * (1.0 - check_level(interval, "interval"))
    nesting: Any = getattr(posterior.model, "nesting", None)
    upper: tuple[str, ...] = () if nesting is None else nesting.levels[:-1]
    if level not in upper or not isinstance(posterior, LatticePosterior):
        raise ValueError(
            f"level is {level!r}: give one of {', '.join(upper) or 'none'}, of exact(model)"
        )
    place = upper.index(level)
    table = posterior.effects(level, probs=(tail, 1.0 - tail)).to_numpy()
    rows = np.arange(len(table), dtype=np.float64)
    ax = new_axes(ax, height=rows_height(rows.size))
    own, se = posterior.model.estimates()
    ax.scatter(
        own, nesting.above(place) - 0.16, s=0.3 * _areas(se), facecolors="none", edgecolors=RAW,
        label=f"estimates ({nesting.levels[-1]})",
    )  # fmt: skip
    mean, low, high = table[:, 0], table[:, 2], table[:, 3]
    ax.errorbar(
        mean, rows + 0.16, xerr=(mean - low, high - mean), fmt="o", color=POOLED, markersize=4.5,
        label=f"{level}, {100 * interval:g}% interval",
    )  # fmt: skip
    centre = posterior["theta_new"].median()
    ax.axvline(centre, color=QUIET, linewidth=1.0, zorder=0, label="median of a new one")
    name_rows(ax, [plain(label) for label in nesting.labels[place]])
    ax.set(xlabel="effect", ylabel=plain(level))
    legend_above(ax)
    return ax
