"""Densities of one quantity: of the posterior, and of the prior beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pyhier._random import as_generator
from pyhier._types import Floats
from pyhier.distributions.draws import SampleMarginal
from pyhier.models.interface import Model, is_plane
from pyhier.plots.style import (
    POOLED,
    RAW,
    SERIES,
    legend_above,
    need,
    need_posterior,
    new_axes,
    symbol,
)
from pyhier.posterior.base import Posterior
from pyhier.quadrature.axes import coordinate_axis
from pyhier.quadrature.transforms import log_slope, to_line

PRIOR_DRAWS = 1_000_000
SEED = 20  # of the prior's draws: the same picture every time
LONG = 30.0  # medians within the range of a positive quantity, above which its axis is logarithmic


@dataclass(frozen=True)
class Range:
    """Where a density is drawn, and whether on a log axis: then it is that of the logarithm."""

    start: float
    top: float
    log: bool = False

    @classmethod
    def of(cls, marginal: Any) -> "Range":
        """The middle 99%, from 0 where that is near: the rest of a heavy tail would flatten it."""
        start, top = marginal.interval(0.99)
        if isinstance(marginal, SampleMarginal):
            positive = bool(marginal.draws.min() > 0.0)
        else:
            positive = marginal.support[0] == 0.0
        if top <= start:  # a single value
            reach = 0.5 * abs(top) or 0.5
            return cls(start - reach, top + reach)
        if positive and top > LONG * marginal.median():
            return cls(start, top, True)
        return cls(0.0 if positive and start < 0.1 * top else start, top)

    def points(self, n: int) -> Floats:
        """So many evenly spaced points."""
        if self.log:
            return np.exp(np.linspace(np.log(self.start), np.log(self.top), n))
        return np.linspace(self.start, self.top, n)

    def histogram(self, marginal: Any, bins: int) -> tuple[Floats, Floats]:
        """Heights and edges of a histogram of draws."""
        edges = self.points(bins + 1)
        below = marginal.cdf(edges)
        if edges[0] == 0.0:
            below[0] = 0.0  # draws of 0 itself
        widths = np.diff(np.log(edges)) if self.log else np.diff(edges)
        heights: Floats = np.diff(below) / widths
        return heights, edges

    def finish(self, ax: Axes, name: str, which: str) -> None:
        """Limits, scale and names of the axes."""
        ax.set_xscale("log" if self.log else "linear")
        ax.set_xlim(self.start, self.top)
        ax.set_ylim(bottom=0.0)
        ax.set_xlabel(symbol(name))
        ax.set_ylabel(f"{which} of log {symbol(name)}" if self.log else which)
        few = len(ax.get_legend_handles_labels()[0]) <= 2
        legend_above(ax, columns=2 if few else 1)


def density(posterior: Posterior, name: str, ax: Axes | None = None) -> Axes:
    """Draw the posterior density of one quantity, with median and 95% interval.

    Parameters
    ----------
    posterior : Posterior
        Draws make a histogram.
    name : str
        One of ``posterior.names``, or of the model's coordinates.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        With a log axis, and the density of the logarithm, where a positive quantity has a very
        long tail.
    """
    need_posterior("density", posterior)
    ax = new_axes(ax, height=3.6)
    marginal = posterior[name]
    low, high = marginal.interval(0.95)
    where = Range.of(marginal)
    _draw(ax, marginal, where)
    ax.axvline(marginal.median(), color=POOLED, label=f"median {marginal.median():.3g}")
    for end in (low, high):
        ax.axvline(end, color=POOLED, linestyle=":", label=None if end == high else "95% interval")
    where.finish(ax, name, "posterior density")
    return ax


def _draw(ax: Axes, marginal: Any, where: Range, label: str | None = None) -> float:
    """Draw a density, of draws as a histogram; return its height."""
    style: dict[str, Any] = {"color": POOLED, "alpha": 0.35, "linewidth": 0.0, "label": label}
    if isinstance(marginal, SampleMarginal):
        heights, edges = where.histogram(marginal, 40)
        ax.stairs(heights, edges, fill=True, **style)
    else:
        x = where.points(401)[1:]  # some densities are infinite at 0
        heights = marginal.pdf(x) * (x if where.log else 1.0)
        ax.fill_between(x, heights, **style)
    return float(np.max(heights))


def densities(posteriors: Mapping[str, Posterior], name: str, ax: Axes | None = None) -> Axes:
    """Overlay the densities of one quantity under several posteriors.

    Parameters
    ----------
    posteriors : mapping of str to Posterior
        By the names of the legend: the same model by several engines, or under several priors.
        The range is that of all of them; draws make histograms.
    name : str
        One of the names of each, or of the model's coordinates.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> from scipy import stats
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(
    ...     schools["y"], se=schools["sigma"],
    ...     prior_mu=stats.norm(0, 5), prior_tau=stats.halfcauchy(scale=5),
    ... )
    >>> ax = plots.densities(
    ...     {"exact": ph.exact(model), "mean-field": ph.vi(model, parameterization="centred")}, "mu"
    ... )
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['exact', 'mean-field']
    """
    if not isinstance(posteriors, Mapping) or not posteriors:
        raise TypeError(f"posteriors is {posteriors!r}: give a mapping of names to posteriors")
    for posterior in posteriors.values():
        need("densities", "posteriors' value", posterior, Posterior, "posteriors by name")
    ax = new_axes(ax, height=3.6)
    marginals = {label: posterior[name] for label, posterior in posteriors.items()}
    ranges = [Range.of(marginal) for marginal in marginals.values()]
    first = ranges[0]
    where = Range(min(r.start for r in ranges), max(r.top for r in ranges), first.log)
    for i, (label, marginal) in enumerate(marginals.items()):
        color = SERIES[i % len(SERIES)]
        if isinstance(marginal, SampleMarginal):
            ax.stairs(*where.histogram(marginal, 60), color=color, label=label)
        else:
            x = where.points(402)[1:]
            ax.plot(x, marginal.pdf(x) * (x if where.log else 1.0), color=color, label=label)
    where.finish(ax, name, "density")
    return ax


def prior_posterior(posterior: Posterior, name: str, ax: Axes | None = None) -> Axes:
    """Overlay the densities of one quantity before and after the data.

    Parameters
    ----------
    posterior : Posterior
    name : str
        One of ``posterior.names``, or of the model's coordinates.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        A prior that can be drawn from is a line of its density. One that cannot, because it is
        improper or known only up to a constant, has no height: its shape is drawn, dashed, with
        the other hyperparameter at the posterior median, and as high as the posterior.

    Raises
    ------
    ValueError
        If such a prior is wanted of a group's effect, of which it has no shape either.
    """
    need_posterior("prior_posterior", posterior)
    ax = new_axes(ax, height=3.6)
    marginal = posterior[name]
    where = Range.of(marginal)
    height = _draw(ax, marginal, where, "posterior")
    try:
        drawn = _prior(posterior.model, name)
    except ValueError as error:
        x = where.points(402)[1:-1]
        shape = _shape(posterior, name, x, error) * (x if where.log else 1.0)
        ax.plot(x, shape * (height / shape.max()), color=RAW, linestyle="--",
                label="prior (shape only)")  # fmt: skip
    else:
        heights, edges = where.histogram(drawn, 40)
        middle = np.sqrt(edges[1:] * edges[:-1]) if where.log else 0.5 * (edges[1:] + edges[:-1])
        ax.plot(middle, heights, color=RAW, label="prior")
    where.finish(ax, name, "density")
    return ax


def _prior(model: Model, name: str) -> SampleMarginal:
    """Draws of a quantity from its prior; an error where it is improper."""
    generator = as_generator(SEED)
    phi = model.draw_prior(PRIOR_DRAWS, generator)
    hyper = model.hyperparameters(phi)
    if name in hyper:
        return SampleMarginal(hyper[name])
    if name in model.coordinates:
        return SampleMarginal(phi[:, model.coordinates.index(name)])
    return SampleMarginal(model.draw_new_theta(phi, generator))  # of every group, a priori


def _shape(posterior: Posterior, name: str, x: Floats, error: ValueError) -> Floats:
    """A prior density up to a constant, along a hyperparameter."""
    model = posterior.model
    axis = model.axis(name) if is_plane(model) else None
    if axis is None and name in model.coordinates and is_plane(model):
        axis = coordinate_axis(model.coordinates.index(name))
    if axis is None:
        raise ValueError(f"{name} has no prior density to draw: {error}") from None
    place = to_line(axis.line, x)
    other = posterior[model.coordinates[axis.free]].median()
    logs = model.log_prior(axis.phi(place, np.full(x.size, other))) - log_slope(axis.line, place)
    shape: Floats = np.exp(logs - logs.max())
    return shape
