"""Pictures of meta-analyses: funnels of estimates, influence, and Galbraith's radial plot."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pyhier._types import Floats
from pyhier._validation import check_level
from pyhier.classical.coefficients import half_width
from pyhier.classical.influence import baujat as baujat_points
from pyhier.classical.influence import need_fit
from pyhier.classical.influence import radial as radial_points
from pyhier.classical.meta_regression import MetaRegression
from pyhier.classical.random_effects import RandomEffects
from pyhier.plots.style import POOLED, QUIET, RAW, label_points, legend_above, new_axes

SIGNIFICANT = (0.90, 0.95, 0.99)  # levels of a contour-enhanced funnel
SHADES = ("0.93", "0.86", "0.78")  # between them, and beyond the last
EDGE = 1.06  # of the largest standard error or precision, where the axis ends
POINTS = 33  # of an edge of a region


def funnel_of_estimates(fit: RandomEffects, ax: Axes | None, level: float, contours: bool) -> Axes:
    """Standard errors against estimates, within the region where sampling alone would put them."""
    need_fit("plots.funnel", fit)
    half = half_width("z", 1, check_level(level))
    ax = new_axes(ax)
    y, se = fit.model.y, fit.model.se
    depth = np.linspace(0.0, EDGE * se.max(), POINTS)
    if contours:
        reach = _regions(ax, depth, y)
    else:
        reach = half * depth[-1]
        ax.fill_betweenx(depth, fit.mu - half * depth, fit.mu + half * depth, color=POOLED,
                         alpha=0.12, linewidth=0, label=f"{100 * level:g}% of sampling alone",
                         gid="region")  # fmt: skip
        for side in (-1.0, 1.0):
            ax.plot(fit.mu + side * half * depth, depth, color=POOLED, linewidth=0.8,
                    linestyle=(0, (4, 3)))  # fmt: skip
    ax.axvline(fit.mu, color=POOLED, linewidth=1.0, label=f"{fit.method} mean")
    ax.plot(y, se, "o", color=RAW, markersize=4.5, markeredgecolor="white", markeredgewidth=0.4,
            gid="estimates", zorder=3)  # fmt: skip
    centre = 0.0 if contours else fit.mu
    ends = [*y.tolist(), centre - reach, centre + reach]
    margin = 0.03 * (max(ends) - min(ends))
    ax.set_xlim(min(ends) - margin, max(ends) + margin)
    ax.set_ylim(depth[-1], 0.0)
    ax.set(xlabel="estimate", ylabel="standard error")
    legend_above(ax, columns=4, fontsize="small")
    return ax


def _regions(ax: Axes, depth: Floats, y: Floats) -> float:
    """Shade by how far from no effect an estimate is; half the width that shows all shades."""
    bounds = [half_width("z", 1, level) * depth for level in SIGNIFICANT]
    reach = 1.15 * float(bounds[-1][-1])
    outer = [*bounds[1:], np.full(depth.size, 2.0 * max(reach, float(np.abs(y).max())))]
    names = [f"{a:.2g} < p < {b:.2g}" for a, b in ((0.05, 0.10), (0.01, 0.05))] + ["p < 0.01"]
    for inner, out, shade, name in zip(bounds, outer, SHADES, names, strict=True):
        style: dict[str, Any] = {"color": shade, "linewidth": 0, "zorder": 0}
        ax.fill_betweenx(depth, inner, out, label=name, gid="region", **style)
        ax.fill_betweenx(depth, -out, -inner, gid="region", **style)
    return reach


def baujat(fit: RandomEffects | MetaRegression, ax: Axes | None = None) -> Axes:
    """Each group's influence on the fit against its share of the heterogeneity.

    Parameters
    ----------
    fit : RandomEffects or MetaRegression
        A result of `random_effects` with three and more groups.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Groups on the right disagree with the others; those on top move the mean. The numbers are
        `pyhier.classical.baujat`'s, which are metafor's; those farthest out get their labels first.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> fit = ph.reml(ph.NormalNormal([28, 8, -13, 7, -1, 21], se=[5, 10, 6, 11, 9, 4]))
    >>> plots.baujat(fit).get_ylabel()
    'influence on the fitted value'
    """
    need_fit("plots.baujat", fit, covariates=True)
    x, y = baujat_points(fit)
    known = np.isfinite(y)
    if not known.any():
        raise ValueError("fit has too few groups: none can be left out")
    ax = new_axes(ax)
    _labelled(ax, x[known], y[known], [fit.model.labels[j] for j in np.flatnonzero(known)])
    ax.set(xlabel="share of heterogeneity (squared Pearson residual)",
           ylabel="influence on the fitted value")  # fmt: skip
    return ax


def _labelled(ax: Axes, x: Floats, y: Floats, labels: list[str]) -> None:
    """Points with labels, from 0; those farthest out in either direction are labelled first."""
    ax.plot(x, y, "o", color=RAW, markersize=4.5, gid="estimates")
    top = [1.15 * float(values.max()) or 1.0 for values in (x, y)]
    ax.set_xlim(-0.03 * top[0], top[0])
    ax.set_ylim(-0.03 * top[1], top[1])
    label_points(ax, x, y, labels, np.maximum(x / top[0], y / top[1]), (y, y))


def radial(fit: RandomEffects, ax: Axes | None = None, level: float = 0.95) -> Axes:
    """Galbraith's plot: estimates over their standard errors against precision.

    Parameters
    ----------
    fit : RandomEffects
        A result of `random_effects`; with ``method="FE"`` the standard errors are those of
        sampling, otherwise tau^2 is in them.
    ax : Axes, optional
        Where to draw.
    level : float
        Of the band about the mean.

    Returns
    -------
    Axes
        Lines from the origin have one effect, which the right axis reads off; the numbers are
        `pyhier.classical.radial`'s, which are metafor's.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> fit = ph.random_effects(ph.NormalNormal([28, 8, -3], se=[15, 10, 16]), "FE")
    >>> plots.radial(fit).get_xlabel()
    'precision (1 / standard error)'
    """
    need_fit("plots.radial", fit)
    half = half_width("z", 1, check_level(level))
    x, z = radial_points(fit)
    ax = new_axes(ax)
    end = EDGE * float(x.max())
    line = np.array([0.0, end])
    ax.fill_between(line, fit.mu * line - half, fit.mu * line + half, color=POOLED, alpha=0.12,
                    linewidth=0, label=f"{100 * level:g}% of groups", gid="region")  # fmt: skip
    ax.plot(line, fit.mu * line, color=POOLED, linewidth=1.0, label=f"{fit.method} mean")
    ax.axhline(0.0, color=QUIET, linewidth=0.8, zorder=0)
    ax.plot(x, z, "o", color=RAW, markersize=4.5, gid="estimates", zorder=3)
    shown = np.concatenate([z, [-half, half], fit.mu * end + np.array([-half, half])])
    low, high = float(shown.min()), float(shown.max())
    ax.set_xlim(0.0, line[1])
    ax.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    away = np.abs(z - fit.mu * x)
    label_points(ax, x, z, fit.model.labels, away, (z, z))
    forth: Any = lambda v: v / end  # noqa: E731 - Matplotlib's types take no arrays
    back: Any = lambda v: v * end  # noqa: E731
    right = ax.secondary_yaxis("right", functions=(forth, back))
    right.set_ylabel("effect")
    tau = "" if fit.tau2 == 0.0 else ", tau in it"
    ax.set(xlabel=f"precision (1 / standard error{tau})", ylabel="estimate / standard error")
    legend_above(ax)
    return ax
