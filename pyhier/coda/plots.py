"""coda's plots (matplotlib): a panel a variable; each function returns its Axes.

Axes come as an array, one for each panel, made in one figure unless given. matplotlib loads when a
plot is drawn.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier._validation import (
    checked,
    flag,
    function,
    matplotlib_axes,
    optional,
    positive,
    probability_list,
)
from pyhier.coda.graphics import COLOURS, with_graphics
from pyhier.coda.objects import Draws
from pyhier.coda.results import chains_in, draws_of, each_finite
from pyhier.rstats.kernel_density import density
from pyhier.rstats.moments import sd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Panels = NDArray[np.object_]
BandwidthRule = Callable[[Floats], float]


def panels(count: int, axes: Any = None, columns: int = 0, height: float = 2.4) -> Panels:
    """Axes for ``count`` panels: the given ones, or those of a new figure."""
    if axes is not None:
        given = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
        for ax in given:
            matplotlib_axes("axes", ax)
        if given.size < count:
            raise ValueError(f"axes has {given.size} Axes: {count} are needed, one a panel")
        return given[:count]
    import matplotlib.pyplot as plt

    wide = columns or (1 if count == 1 else 2)
    rows = -(-count // wide)
    size = (4.2 * wide if wide > 1 else 6.4, height * rows + 0.4)
    figure, made = plt.subplots(rows, wide, figsize=size, layout="constrained", squeeze=False)
    for extra in made.ravel()[count:]:
        figure.delaxes(extra)
    kept: Panels = made.ravel()[:count]
    return kept


def title(name: str) -> str:
    """A variable's name as it stands: $ would begin a formula."""
    return name.replace("$", r"\$")


def _of(x: Any) -> tuple[Draws, list[Floats], tuple[str, ...], Floats]:
    """Chains, their draws, the variables' names and the iterations."""
    chains = draws_of(x)
    first = chains_in(chains)[0]
    iterations = first.start + first.thin * np.arange(len(first), dtype=np.float64)
    return chains, each_finite(chains), first.labels, iterations


@with_graphics
@checked(smooth=flag)
def traceplot(x: Any, smooth: bool = False, axes: Any = None) -> Panels:
    """Sampled values against iterations, a line a chain.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    smooth : bool
        Draw a smooth line (lowess) through each trace.
    axes : Axes or array of Axes, optional
        Where to draw, one for each variable.

    Returns
    -------
    array of Axes
    """
    _, draws, labels, iterations = _of(x)
    made = panels(len(labels), axes)
    for j, (ax, label) in enumerate(zip(made, labels, strict=True)):
        for i, chain in enumerate(draws):
            colour = COLOURS[i % len(COLOURS)]
            ax.plot(iterations, chain[:, j], color=colour, linewidth=0.5)
            if smooth:
                ax.plot(iterations, lowess(chain[:, j], iterations), color="black", linewidth=1.2)
        ax.set_title(f"Trace of {title(label)}", fontsize="medium")
        ax.set_xlabel("Iterations")
        ax.set_xlim(iterations[0], iterations[-1])
    return made


def lowess(y: Floats, x: Floats) -> Floats:
    """R's ``lowess`` of a series: two thirds of the points, three robust iterations."""
    from statsmodels.nonparametric.smoothers_lowess import lowess as smoother

    delta = 0.01 * float(x[-1] - x[0])
    found: Floats = smoother(y, x, frac=2.0 / 3.0, it=3, delta=delta, return_sorted=False)
    return found


def bandwidth(y: Floats) -> float:
    """coda's: 1.06 times the least of standard deviation and IQR / 1.34, times n^(-1/5)."""
    lower, upper = np.quantile(y, [0.25, 0.75])
    spread = min(sd(y), (upper - lower) / 1.34) or sd(y)
    return float(1.06 * spread * y.size**-0.2)


def bandwidth_rule(name: str, value: Any) -> BandwidthRule:
    """A user's function from draws to a bandwidth, whose answers are checked."""
    function(name, value, "an array of draws")
    return lambda y: positive(f"what {name} returns", value(y))


def bounded_density(y: Floats, bw: float) -> tuple[Floats, Floats]:
    """Density of draws, reflected at 0, or at 0 and 1, where they crowd against those bounds.

    Parameters
    ----------
    y : array, shape (n,)
    bw : float

    Returns
    -------
    x, height : arrays
    """
    low = y.min() >= 0.0 and y.min() < 2.0 * bw
    high = bool(low) and y.max() <= 1.0 and 1.0 - y.max() < 2.0 * bw
    copies = [y, -y] if low else [y]
    if high:
        copies.append(2.0 - y)
    fit = density(np.concatenate(copies), bw=bw)
    kept = (fit.x >= (0.0 if low else -np.inf)) & (fit.x <= (1.0 if high else np.inf))
    return fit.x[kept], fit.y[kept] * len(copies)


@with_graphics
@checked(show_obs=flag, bwf=optional(bandwidth_rule), right=flag)
def densplot(
    x: Any,
    show_obs: bool = True,
    bwf: BandwidthRule | None = None,
    right: bool = True,
    axes: Any = None,
) -> Panels:
    """Densities of the draws, chains put together; histograms of whole numbers.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    show_obs : bool
        Mark the draws along the axis.
    bwf : callable, optional
        Bandwidth of an array of draws; `bandwidth` without it.
    right : bool
        Whether a histogram's bars stand to the left of their ticks.
    axes : Axes or array of Axes, optional

    Returns
    -------
    array of Axes
    """
    _, draws, labels, _ = _of(x)
    together = np.concatenate(draws)
    made = panels(len(labels), axes)
    for j, (ax, label) in enumerate(zip(made, labels, strict=True)):
        y = together[:, j]
        if (y == np.floor(y)).all():
            _bars(ax, y, right)
        else:
            _curve(ax, y, (bwf or bandwidth)(y), len(draws[0]), show_obs)
        ax.set_ylim(bottom=0.0)
        ax.set_title(f"Density of {title(label)}", fontsize="medium")
    return made


def _curve(ax: Axes, y: Floats, bw: float, iterations: int, show_obs: bool) -> None:
    at, height = bounded_density(y, bw)
    ax.plot(at, height, color=COLOURS[0])
    if show_obs:
        ax.plot(y, np.zeros(y.size), "|", color="black", markersize=5, alpha=0.4, clip_on=False)
    ax.set_xlabel(f"N = {iterations}   Bandwidth = {bw:.4g}")


def _bars(ax: Axes, y: Floats, right: bool) -> None:
    first, last = int(y.min()), int(y.max())
    step = max(1, -(-(last - first + 1) // 30))  # thirty bars at most
    edges = np.arange(first, last + step + 1, step) - (1.0 if right else 0.0)
    heights, _ = np.histogram(y - (0.5 if right else -0.5), bins=edges)
    ax.bar(
        edges[:-1], heights / y.size / step, width=step, align="edge", color=COLOURS[0], alpha=0.4,
        edgecolor=COLOURS[0],
    )  # fmt: skip


@with_graphics
@checked(trace=flag, density=flag, smooth=flag, bwf=optional(bandwidth_rule))
def plot(
    x: Any,
    trace: bool = True,
    density: bool = True,
    smooth: bool = False,
    bwf: BandwidthRule | None = None,
    axes: Any = None,
) -> Panels:
    """Trace and density of every variable, a row a variable.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    trace, density : bool
        What to draw.
    smooth : bool
        Draw a smooth line through each trace.
    bwf : callable, optional
        Bandwidth of an array of draws.
    axes : array of Axes, optional

    Returns
    -------
    array of Axes, shape (variables, 1 or 2)
    """
    if not (trace or density):
        raise ValueError("trace and density are both False: nothing is left to plot")
    labels, wide = _of(x)[2], int(trace) + int(density)
    made = panels(len(labels) * wide, axes, columns=wide).reshape(len(labels), wide)
    if trace:
        traceplot(x, smooth, made[:, 0])
    if density:
        densplot(x, bwf=bwf, axes=made[:, -1])
    return made


def cumulative_quantiles(y: Floats, probs: Sequence[float]) -> Floats:
    """Quantiles (R's type 7) of the first 1, 2, ..., n values, shape (n, probs)."""
    ordered: list[float] = []
    out = np.empty((y.size, len(probs)))
    for n, value in enumerate(y.tolist()):
        insort(ordered, value)
        for k, p in enumerate(probs):
            below = int(n * p)
            above = min(below + 1, n)
            h = n * p - below
            out[n, k] = (1.0 - h) * ordered[below] + h * ordered[above]
    return out


@with_graphics
@checked(probs=probability_list)
def cumuplot(x: Any, probs: Sequence[float] = (0.025, 0.5, 0.975), axes: Any = None) -> Panels:
    """Evolution of sample quantiles with the number of iterations, a panel a variable and chain.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    probs : sequence of float
        The middle one is drawn as a full line.
    axes : Axes or array of Axes, optional

    Returns
    -------
    array of Axes
    """
    _, draws, labels, iterations = _of(x)
    made = panels(len(labels) * len(draws), axes)
    middle = len(probs) // 2
    for i, chain in enumerate(draws):
        for j, label in enumerate(labels):
            ax = made[i * len(labels) + j]
            for k, line in enumerate(cumulative_quantiles(chain[:, j], probs).T):
                ax.plot(
                    iterations, line, color=COLOURS[0], linestyle="-" if k == middle else "--",
                    linewidth=1.6 if k == middle else 1.0,
                )  # fmt: skip
            ax.set_title(title(label) + _which(i, len(draws)), fontsize="medium")
            ax.set_xlabel("Iterations")
    return made


def _which(i: int, chains: int) -> str:
    return f" (chain {i + 1})" if chains > 1 else ""
