"""Pictures (matplotlib): each function draws on the Axes it is given, or a new one, and returns it.

matplotlib loads when this module does; ``import pyhier`` does not load it.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from pyhier._validation import count
from pyhier.inference.laplace import laplace
from pyhier.models.protocol import Model
from pyhier.posterior.base import Posterior
from pyhier.posterior.draws import DrawsPosterior
from pyhier.posterior.marginal import SampleMarginal, check_level

Floats = NDArray[np.float64]

RAW, POOLED, QUIET = "#b0651d", "#1f5a99", "0.6"
LABELLED = 100  # groups up to which each one gets its name


def _axes(ax: Axes | None, width: float = 6.4, height: float = 4.8) -> Axes:
    if ax is not None:
        return ax
    _, new = plt.subplots(figsize=(width, height), layout="constrained")
    return new


def forest(posterior: Posterior, ax: Axes | None = None, level: float = 0.95) -> Axes:
    """Raw estimates against pooled ones, a row a group, with intervals.

    Parameters
    ----------
    posterior : Posterior
        With its group effects.
    ax : Axes, optional
        Where to draw.
    level : float
        Of both intervals: the raw one is estimate and standard error under a normal distribution,
        the pooled one the central posterior interval.

    Returns
    -------
    Axes
    """
    from scipy.special import ndtri

    tail = 0.5 * (1.0 - check_level(level))
    labels = posterior.model.labels
    rows = np.arange(len(labels), dtype=np.float64)
    ax = _axes(ax, height=float(np.clip(1.4 + 0.34 * len(labels), 3.0, 40.0)))
    observed = posterior.model.observed()
    y, se = observed["y"], observed["se"]
    ends = [posterior[f"theta[{label}]"].interval(level) for label in labels]
    low, high = np.array(ends).T
    style: dict[str, Any] = {"linestyle": "none", "markersize": 4.5, "elinewidth": 1.4}
    ax.errorbar(y, rows - 0.14, xerr=-ndtri(tail) * se, fmt="s", color=RAW, label="raw", **style)
    mean = posterior.group_means()
    if mean is None:
        raise ValueError("the group effects were not drawn: ask the engine for theta=True")
    ax.errorbar(
        mean, rows + 0.14, xerr=(mean - low, high - mean), fmt="o", color=POOLED, label="pooled",
        **style,
    )  # fmt: skip
    centre = posterior["mu"].mean()
    ax.axvline(centre, color=QUIET, linewidth=1.0, zorder=0, label="mean of $\\mu$")
    _name_rows(ax, labels)
    ax.set_xlabel(f"effect, with {100 * level:g}% intervals")
    # The groups fill the axes from edge to edge, so the legend goes above them.
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return ax


def _plain(label: str) -> str:
    """A label as it stands: $ would begin a formula."""
    return label.replace("$", r"\$")


def _name_rows(ax: Axes, labels: Any) -> None:
    """Put the groups on the y axis, the first on top; a number each above `LABELLED` of them."""
    ax.set_ylim(len(labels) - 0.4, -0.6)
    if len(labels) <= LABELLED:
        ax.set_yticks(np.arange(len(labels)), [_plain(label) for label in labels])
    else:
        ax.set_ylabel("group")


def shrinkage(posterior: Posterior, ax: Axes | None = None) -> Axes:
    """Arrows from each group's raw estimate to its pooled one, against its standard error.

    Parameters
    ----------
    posterior : Posterior
        With its group effects.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    observed = posterior.model.observed()
    y, se = observed["y"], observed["se"]
    labels = posterior.model.labels
    pooled = posterior.group_means()
    if pooled is None:
        raise ValueError("the group effects were not drawn: ask the engine for theta=True")
    arrow = {"arrowstyle": "->", "color": QUIET, "shrinkA": 2.0, "shrinkB": 2.0}
    for x, start, end in zip(se, y, pooled, strict=True):
        ax.annotate("", xy=(x, end), xytext=(x, start), arrowprops=arrow)
    ax.plot(se, y, "s", color=RAW, markersize=5, label="raw")
    ax.plot(se, pooled, "o", color=POOLED, markersize=5, label="pooled")
    if len(labels) <= 30:
        for label, x, height in zip(labels, se, y, strict=True):
            ax.annotate(
                _plain(label), (x, height), xytext=(6, 0), textcoords="offset points", va="center"
            )
    ax.axhline(posterior["mu"].mean(), color=QUIET, linewidth=1.0, zorder=0)
    ax.margins(x=0.08)
    ax.set_xlabel("standard error")
    ax.set_ylabel("effect")
    ax.legend(frameon=False)
    return ax


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
    """
    ax = _axes(ax, height=3.6)
    marginal = posterior[name]
    low, high = marginal.interval(0.95)
    # The last half percent of a heavy tail would flatten the rest.
    start, top = marginal.interval(0.99)
    if isinstance(marginal, SampleMarginal):
        start = 0.0 if marginal.draws.min() >= 0.0 else start
        ax.hist(
            marginal.draws.ravel(), bins=40, range=(start, top), density=True, color=POOLED,
            alpha=0.35,
        )  # fmt: skip
    else:
        start = 0.0 if name == "tau" else start
        x = np.linspace(start, top, 400)
        ax.fill_between(x[1:], marginal.pdf(x[1:]), color=POOLED, alpha=0.35, linewidth=0.0)
        ax.set_ylim(bottom=0.0)
    ax.axvline(marginal.median(), color=POOLED, label=f"median {marginal.median():.3g}")
    for end in (low, high):
        ax.axvline(end, color=POOLED, linestyle=":", label=None if end == high else "95% interval")
    ax.set_xlim(start, top)
    ax.set_xlabel(_symbol(name))
    ax.set_ylabel("posterior density")
    ax.legend(frameon=False)
    return ax


def _symbol(name: str) -> str:
    if name.startswith("theta["):
        return f"$\\theta$ of {_plain(name[6:-1])}"
    if name.startswith("log_"):
        return f"log {_symbol(name[4:])}"
    symbols = {"mu": "$\\mu$", "tau": "$\\tau$", "theta_new": "$\\theta$ of a new group"}
    return symbols.get(name, name)


def trace(posterior: DrawsPosterior, name: str, ax: Axes | None = None) -> Axes:
    """Draws in the order they were made, a line a chain."""
    ax = _axes(ax, height=2.8)
    for chain in _chains(posterior, name):
        ax.plot(chain, linewidth=0.5)
    ax.set_xlabel("draw")
    ax.set_ylabel(_symbol(name))
    return ax


def autocorr(posterior: DrawsPosterior, name: str, lags: int = 35, ax: Axes | None = None) -> Axes:
    """Autocorrelation of the draws, averaged over the chains."""
    from statsmodels.tsa.stattools import acf

    ax = _axes(ax, height=2.8)
    last = count("lags", lags)
    values = np.mean(
        [acf(chain, nlags=last, fft=True) for chain in _chains(posterior, name)], axis=0
    )
    ax.vlines(np.arange(values.size), 0.0, values, color=POOLED, linewidth=2.0)
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.set_ylim(min(-0.1, float(values.min())), 1.05)
    ax.set_xlabel("lag")
    ax.set_ylabel(f"autocorrelation of {_symbol(name)}")
    return ax


def _chains(posterior: DrawsPosterior, name: str) -> Floats:
    return posterior[name].draws


def contour(
    target: Model | DrawsPosterior,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    levels: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """Contours of the log posterior of two hyperparameters, with the draws over them.

    Parameters
    ----------
    target : Model or DrawsPosterior
        A model with two coordinates; or a posterior, whose draws are drawn over its contours.
    x, y : array_like, optional
        Grids of the two coordinates; four standard deviations about the mode without them.
    levels : int
        Number of contours.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    posterior = target if isinstance(target, DrawsPosterior) else None
    model: Model = target.model if isinstance(target, DrawsPosterior) else target
    if len(model.coordinates) != 2:
        raise ValueError(f"contour needs two coordinates: this model has {model.coordinates}")
    grid = [_grid(model, k, values) for k, values in enumerate((x, y))]
    mesh = np.stack(np.meshgrid(*grid, indexing="xy"), axis=-1)
    height = model.log_marginal.evaluate(mesh.reshape(-1, 2), fast=True).reshape(mesh.shape[:2])
    ax.contour(*grid, height, levels=levels, colors=POOLED, linewidths=0.6, linestyles="solid")
    if posterior is not None:
        draws = posterior.phi.reshape(-1, 2)
        ax.plot(*draws.T, ".", color=RAW, markersize=2.0, alpha=0.5, zorder=1)
    ax.set_xlim(grid[0][0], grid[0][-1])
    ax.set_ylim(grid[1][0], grid[1][-1])
    ax.set_xlabel(_symbol(model.coordinates[0]))
    ax.set_ylabel(_symbol(model.coordinates[1]))
    return ax


def _grid(model: Model, k: int, values: ArrayLike | None) -> Floats:
    if values is not None:
        return np.asarray(values, dtype=np.float64)
    fit = laplace(model)
    reach = 4.0 * np.sqrt(fit.var[k, k])
    return np.linspace(fit.mode[k] - reach, fit.mode[k] + reach, 200)
