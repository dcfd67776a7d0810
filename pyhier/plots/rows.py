"""All groups' posteriors in rows: their densities, and their intervals in order."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pyhier._types import Floats
from pyhier._validation import check_level
from pyhier.classical.meta_regression import MetaRegression
from pyhier.classical.random_effects import RandomEffects
from pyhier.plots.forest_rows import ordered, source_of
from pyhier.plots.style import (
    POOLED,
    QUIET,
    centre_line,
    groups_of,
    name_rows,
    need_posterior,
    new_axes,
    plain,
    rows_height,
    rows_width,
)
from pyhier.posterior.base import Posterior

POINTS = 161  # of a density
TALLEST = 2.2  # rows that the highest density takes
RARE = 5e-4  # of a density on either side, that is not drawn
INNER = 0.5  # level of the thick intervals


def ridges(
    posterior: Posterior,
    ax: Axes | None = None,
    effect: str | None = None,
    order: Any = None,
) -> Axes:
    """Posterior densities of all groups' effects, a row each, on one scale.

    Parameters
    ----------
    posterior : Posterior
        With its group effects; draws are smoothed by a kernel.
    ax : Axes, optional
        Where to draw.
    effect, order
        See `forest`.

    Returns
    -------
    Axes
        Every density has the same area; the line is the median effect of a new group.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> ax = plots.ridges(ph.exact(model), order="estimate")
    >>> [tick.get_text() for tick in ax.get_yticklabels()][:3]
    ['C', 'E', 'F']
    """
    need_posterior("ridges", posterior)
    source = source_of(posterior, 0.95, effect)
    groups = groups_of(posterior, effect)
    at = ordered(source, order)
    own = posterior.model.labels[groups.at]
    curves = [_density(posterior[f"theta[{own[j]}]"]) for j in at]
    scale = TALLEST / max(float(height.max()) for _, height in curves)
    tops = [row - scale * height for row, (_, height) in enumerate(curves)]
    ax = new_axes(ax, rows_width(source.labels), rows_height(at.size + 1))
    for row, ((x, _), top) in enumerate(zip(curves, tops, strict=True)):
        style: dict[str, Any] = {"zorder": 2.0 + row / at.size, "color": POOLED}
        ax.fill_between(x, top, float(row), alpha=0.35, linewidth=0, gid="density", **style)
        ax.plot(x, top, linewidth=0.9, **style)
    centre_line(ax.axvline, posterior, groups)
    name_rows(ax, [plain(source.labels[j]) for j in at])
    ax.set_ylim(at.size - 0.5, min(float(top.min()) for top in tops) - 0.2)
    ax.set_xlabel(source.word)
    return ax


def _density(marginal: Any) -> tuple[Floats, Floats]:
    """Where a density is worth drawing, and its heights."""
    low, high = marginal.ppf([RARE, 1.0 - RARE])
    x = np.linspace(low, high, POINTS)
    return x, np.asarray(marginal.pdf(x))


def caterpillar(
    posterior: Posterior | RandomEffects | MetaRegression,
    ax: Axes | None = None,
    level: float = 0.95,
    effect: str | None = None,
    order: Any = "effect",
) -> Axes:
    """Effects of the groups in ascending order, with a thick and a thin interval each.

    Parameters
    ----------
    posterior : Posterior, RandomEffects or MetaRegression
        Medians and central intervals; or best linear unbiased predictions and their normal ones.
    ax : Axes, optional
        Where to draw.
    level : float
        Of the thin intervals; the thick ones hold half.
    effect : str, optional
        See `forest`.
    order : "effect", or as of `forest`
        Of the rows.

    Returns
    -------
    Axes
        Effects whose interval does not reach the groups' mean are filled.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> ax = plots.caterpillar(ph.exact(model))
    >>> [tick.get_text() for tick in ax.get_yticklabels()][-2:]
    ['G', 'A']
    """
    source = source_of(posterior, check_level(level), effect)
    inner = source_of(posterior, INNER, effect).pooled
    effects = source.pooled
    by_effect = isinstance(order, str) and order == "effect"
    at = np.argsort(effects.middle, kind="stable") if by_effect else ordered(source, order)
    rows = np.arange(at.size)
    ax = new_axes(ax, rows_width(source.labels), rows_height(at.size))
    size = 4.5 if at.size <= 30 else 3.0
    ax.hlines(rows, effects.low[at], effects.high[at], color=POOLED, linewidth=0.25 * size)
    ax.hlines(rows, inner.low[at], inner.high[at], color=POOLED, linewidth=0.7 * size)
    ax.plot(effects.middle[at], rows, "o", color=POOLED, markerfacecolor="white",
            markersize=size, zorder=3, gid="effects")  # fmt: skip
    if source.total is not None:
        mean = source.total.middle
        apart = (effects.low[at] > mean) | (effects.high[at] < mean)
        ax.plot(effects.middle[at][apart], rows[apart], "o", color=POOLED, markersize=size,
                zorder=3, gid="apart")  # fmt: skip
        ax.axvline(mean, color=QUIET, linewidth=1.0, zorder=0)
    name_rows(ax, [plain(source.labels[j]) for j in at])
    ax.set_xlabel(f"{source.word}, with {100 * INNER:g}% and {100 * level:g}% intervals")
    return ax
