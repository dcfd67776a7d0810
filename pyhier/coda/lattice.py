"""The lattice family of coda's plots: space-saving panels of traces, densities, correlations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import as_array, checked, count, flag
from pyhier.coda.access import window
from pyhier.coda.correlation import autocorrelations, crosscorr
from pyhier.coda.graphics import COLOURS, colours_of, with_graphics
from pyhier.coda.objects import Draws
from pyhier.coda.plots import Panels, panels, title
from pyhier.coda.results import chains_in, draws_of, each_finite
from pyhier.rstats.kernel_density import density


def _part(x: Any, start: int, thin: int) -> tuple[Draws, list[Floats], tuple[str, ...]]:
    """Draws from the ``start``-th on, every ``thin``-th, as R's ``subset`` takes them."""
    chains = draws_of(x)
    first, end, step = chains_in(chains)[0].mcpar
    begin = first + (count("start", start) - 1) * step
    if begin > end:
        raise ValueError(f"start is {start}: the chains have {(end - first) // step + 1} draws")
    cut: Callable[..., Draws] = window
    part = cut(chains, start=begin, thin=step * count("thin", thin))
    return part, each_finite(part), chains_in(part)[0].labels


def _cells(
    draws: list[Floats], labels: tuple[str, ...], outer: bool
) -> list[tuple[str, list[tuple[int, Floats]]]]:
    """Title of each panel and what it shows: all chains of a variable, or one of them."""
    if outer and len(draws) > 1:
        return [
            (f"{title(label)} (chain {i + 1})", [(i, chain[:, j])])
            for j, label in enumerate(labels)
            for i, chain in enumerate(draws)
        ]
    return [
        (title(label), [(i, chain[:, j]) for i, chain in enumerate(draws)])
        for j, label in enumerate(labels)
    ]


@with_graphics
@checked(outer=flag)
def xyplot(x: Any, outer: bool = False, start: int = 1, thin: int = 1, axes: Any = None) -> Panels:
    """Traces below one another, the chains of a variable in one panel.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    outer : bool
        A panel for each chain.
    start, thin : int
        First draw to show, and the interval between draws.
    axes : Axes or array of Axes, optional

    Returns
    -------
    array of Axes
    """
    part, draws, labels = _part(x, start, thin)
    first, end, step = chains_in(part)[0].mcpar
    iterations = np.arange(first, end + 1, step)
    cells = _cells(draws, labels, outer)
    made = panels(len(cells), axes, columns=1, height=1.6)
    for ax, (name, lines) in zip(made, cells, strict=True):
        for i, y in lines:
            ax.plot(iterations, y, color=COLOURS[i % len(COLOURS)], linewidth=0.5)
        ax.set_title(name, fontsize="medium")
        ax.set_xlim(iterations[0], iterations[-1])
    made[-1].set_xlabel("Iteration number")
    return made


@with_graphics
@checked(outer=flag)
def densityplot(
    x: Any, outer: bool = False, start: int = 1, thin: int = 1, axes: Any = None
) -> Panels:
    """Densities, the chains of a variable in one panel, with a rug of the draws.

    Parameters
    ----------
    x, outer, start, thin, axes
        As in `xyplot`.

    Returns
    -------
    array of Axes
    """
    _, draws, labels = _part(x, start, thin)
    cells = _cells(draws, labels, outer)
    made = panels(len(cells), axes)
    for ax, (name, lines) in zip(made, cells, strict=True):
        for i, y in lines:
            colour, fit = COLOURS[i % len(COLOURS)], density(y, n=200)
            ax.plot(fit.x, fit.y, color=colour)
            ax.plot(y, np.zeros(y.size), "|", color=colour, markersize=6, alpha=0.3, clip_on=False)
        ax.set_ylim(bottom=0.0)
        ax.set_title(name, fontsize="medium")
    for ax in made[:: 2 if len(made) > 1 else 1]:
        ax.set_ylabel("Density")
    return made


@with_graphics
@checked(outer=flag)
def qqmath(x: Any, outer: bool = False, start: int = 1, thin: int = 1, axes: Any = None) -> Panels:
    """Quantiles of the draws against those of a normal distribution.

    Parameters
    ----------
    x, outer, start, thin, axes
        As in `xyplot`.

    Returns
    -------
    array of Axes
    """
    from scipy.special import ndtri

    _, draws, labels = _part(x, start, thin)
    cells = _cells(draws, labels, outer)
    made = panels(len(cells), axes)
    for ax, (name, lines) in zip(made, cells, strict=True):
        for i, y in lines:
            # R's ppoints, and its line through the quartiles.
            shift = 0.375 if y.size <= 10 else 0.5
            at = ndtri((np.arange(1, y.size + 1) - shift) / (y.size + 1 - 2.0 * shift))
            colour = COLOURS[i % len(COLOURS)]
            ax.plot(at, np.sort(y), ".", color=colour, markersize=3)
            low, high = np.quantile(y, [0.25, 0.75])
            slope = (high - low) / (2.0 * ndtri(0.75))
            ax.axline((0.0, 0.5 * (low + high)), slope=slope, color=colour, linewidth=0.7)
        ax.set_title(name, fontsize="medium")
        ax.set_xlabel("qnorm")
    return made


@with_graphics
@checked(outer=flag)
def acfplot(
    x: Any,
    outer: bool = False,
    start: int = 1,
    thin: int = 1,
    lag_max: int | None = None,
    axes: Any = None,
) -> Panels:
    """Autocorrelations of the variables, the chains of one in one panel.

    Parameters
    ----------
    x, outer, start, thin, axes
        As in `xyplot`.
    lag_max : int, optional
        Largest lag, in draws; R's ``10 log10 n`` without it.

    Returns
    -------
    array of Axes
    """
    part, draws, labels = _part(x, start, thin)
    step = chains_in(part)[0].thin
    cells = _cells(draws, labels, outer)
    made = panels(len(cells), axes, height=1.9)
    for ax, (name, lines) in zip(made, cells, strict=True):
        for i, y in lines:
            _draw_acf(ax, y, step, lag_max, COLOURS[i % len(COLOURS)], bars=len(lines) == 1)
        ax.set_title(name, fontsize="medium")
    _outer_labels(made, "Lag", "Autocorrelation")
    return made


def _outer_labels(made: Panels, below: str, left: str) -> None:
    columns = 1 if len(made) == 1 else 2
    for k, ax in enumerate(made):
        if k % columns == 0:
            ax.set_ylabel(left)
        if k >= len(made) - columns:
            ax.set_xlabel(below)


def _draw_acf(ax: Any, y: Floats, step: int, lag_max: int | None, colour: str, bars: bool) -> None:
    last = default_lag(y.size) if lag_max is None else min(count("lag_max", lag_max), y.size - 1)
    values = autocorrelations(y[:, np.newaxis], last)[:, 0]
    lags = step * np.arange(last + 1)
    ax.axhline(0.0, color="black", linewidth=0.7)
    if bars:
        ax.vlines(lags, 0.0, values, color=colour, linewidth=2.0)
    else:
        ax.plot(lags[1:], values[1:], "o-", color=colour, markersize=3, linewidth=0.8)


def default_lag(n: int) -> int:
    """R's largest lag for one series of n values."""
    return min(n - 1, math.floor(10.0 * math.log10(n)))


@with_graphics
def autocorr_plot(x: Any, lag_max: int | None = None, axes: Any = None) -> Panels:
    """Autocorrelations from -1 to 1, a panel for each variable of each chain.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    lag_max : int, optional
        Largest lag, in draws; R's ``10 log10 n`` without it.
    axes : Axes or array of Axes, optional

    Returns
    -------
    array of Axes
    """
    part, draws, labels = _part(x, 1, 1)
    step = chains_in(part)[0].thin
    cells = [
        (label if len(draws) == 1 else f"{label} (chain {i + 1})", chain[:, j])
        for i, chain in enumerate(draws)
        for j, label in enumerate(map(title, labels))
    ]
    made = panels(len(cells), axes, height=1.9)
    for ax, (name, y) in zip(made, cells, strict=True):
        _draw_acf(ax, y, step, lag_max, COLOURS[0], bars=True)
        ax.set_ylim(-1.0, 1.0)
        ax.set_title(name, fontsize="medium")
    _outer_labels(made, "Lag", "Autocorrelation")
    return made


@with_graphics
def crosscorr_plot(x: Any, colours: Any = 10, axes: Any = None) -> Panels:
    """Picture of the correlations between variables.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
        The chains of a list are put together.
    colours : int or sequence of colours
        The range from -1 to 1 has as many classes as colours.
    axes : Axes, optional

    Returns
    -------
    array of Axes, shape (1,)
    """
    from matplotlib.colors import BoundaryNorm, ListedColormap

    own = isinstance(colours, str) or as_array("colours", colours).ndim == 0
    kinds = count("colours", colours, 2) if own else len(colours)
    colormap = _diverging(kinds) if own else ListedColormap(colours_of("colours", colours))
    made = panels(1, axes, height=4.4)
    norm = BoundaryNorm(np.linspace(-1.0, 1.0, kinds + 1), kinds)
    _correlations(made[0], x, colormap, norm)
    return made


@with_graphics
def levelplot(x: Any, start: int = 1, thin: int = 1, cuts: int = 10, axes: Any = None) -> Panels:
    """Correlations between the variables of a chain, as levels of colour.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    start, thin : int
        First draw to use, and the interval between draws.
    cuts : int
        Number of levels between the colours.
    axes : Axes, optional

    Returns
    -------
    array of Axes, shape (1,)
    """
    return crosscorr_plot(_part(x, start, thin)[0], count("cuts", cuts) + 1, axes)


def _diverging(kinds: int) -> Any:
    """Blue to red: the sign of a correlation shows without the scale."""
    import matplotlib

    return matplotlib.colormaps["RdBu_r"].resampled(kinds)


def _correlations(ax: Any, x: Any, colormap: Any, norm: Any) -> None:
    matrix = crosscorr(x)
    labels = [title(name) for name in matrix.colnames or ()]
    shown = np.tril(np.ones(matrix.shape, dtype=bool))
    picture = ax.imshow(np.where(shown, matrix.values, np.nan), cmap=colormap, norm=norm)
    places = np.arange(len(labels))
    turned = 90 if max(map(len, labels)) * len(labels) > 40 else 0
    ax.set_xticks(places, labels, rotation=turned)
    ax.set_yticks(places, labels)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.figure.colorbar(picture, ax=ax, shrink=0.8, label="correlation")


@with_graphics
def splom(x: Any, start: int = 1, thin: int = 1, axes: Any = None) -> Panels:
    """Scatter plots of each variable against each other one, a colour a chain.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    start, thin : int
        First draw to show, and the interval between draws.
    axes : array of Axes, optional
        One for each pair, p times p.

    Returns
    -------
    array of Axes, shape (p, p)
    """
    _, draws, labels = _part(x, start, thin)
    p = len(labels)
    made = panels(p * p, axes, columns=p, height=6.4 / max(p, 3) + 0.6).reshape(p, p)
    for i in range(p):
        for j in range(p):
            ax = made[i, j]
            if i == j:
                ax.text(
                    0.5, 0.5, title(labels[i]), ha="center", va="center", transform=ax.transAxes
                )
                ax.set_xticks([])
                ax.set_yticks([])
                continue
            for k, chain in enumerate(draws):
                colour = COLOURS[k % len(COLOURS)]
                ax.plot(chain[:, j], chain[:, i], ".", color=colour, markersize=2, alpha=0.5)
            ax.tick_params(labelbottom=i == p - 1, labelleft=j == 0, labelsize="small")
    return made
