"""Where a sampler goes and where it should: draws and divergences on exact contours."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pyhier._types import Floats
from pyhier._validation import flag
from pyhier.classical.meta_regression import MetaRegression
from pyhier.classical.random_effects import RandomEffects
from pyhier.distributions.mixtures import flattened
from pyhier.inference.exact import exact
from pyhier.models.interface import Model, is_plane
from pyhier.models.requirements import need_groups
from pyhier.plots.hyperparameters import HEIGHTS
from pyhier.plots.small_studies import funnel_of_estimates
from pyhier.plots.style import POOLED, RAW, legend_above, need_posterior, new_axes, symbol
from pyhier.posterior.base import Posterior
from pyhier.posterior.draws import DrawsPosterior, as_draws

DRAWS, SEED = 1_000, 20  # of a posterior that is not made of draws: the same picture every time
CELLS = 120  # of the grid of a density, along each axis
NODES = 121  # of the hyperparameter that is summed over
RARE = 0.002  # what the axes may leave out of the exact posterior on either side
LOWEST = 16.0  # of a node's log density below the highest: the lowest contour is at 7
MOST = 4_000  # draws that are shown: more would hide the contours


def divergences(posterior: Posterior, ax: Axes | None = None) -> Axes:
    r"""Draws of both hyperparameters on their exact contours, diverging trajectories marked.

    Parameters
    ----------
    posterior : Posterior
        Of a model with two hyperparameters: a `NutsPosterior`, or any other, which has no
        trajectories to mark. Where it is not made of draws, 1,000 are shown.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Where the contours have mass and the draws do not go, the sampler is biased; divergences
        gather at the edge of it.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> from scipy import stats
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(
    ...     schools["y"], se=schools["sigma"], labels=schools["school"],
    ...     prior_mu=stats.norm(0, 5), prior_tau=stats.halfnorm(scale=5),
    ... )
    >>> ax = plots.divergences(ph.nuts(model, parameterization="centred", rng=1))
    >>> ax.get_ylabel()
    'log $\\tau$'
    """
    drawn = _drawn("divergences", posterior)
    model, points = drawn.model, drawn.phi.reshape(-1, 2)
    names = model.coordinates
    known = _known(model)
    grid = [np.linspace(*_ends(known, name, points[:, k]), CELLS) for k, name in enumerate(names)]
    mesh = np.stack(np.meshgrid(*grid, indexing="xy"), axis=-1)
    height = model.marginal.log_density(mesh.reshape(-1, 2)).reshape(mesh.shape[:2])
    ax = new_axes(ax)
    _picture(ax, grid, height, points, _diverging(posterior))
    ax.set_xlabel(symbol(names[0]))
    ax.set_ylabel(symbol(names[1]))
    return ax


def funnel(
    posterior: Posterior | RandomEffects,
    group: str | None = None,
    ax: Axes | None = None,
    *,
    level: float | None = None,
    contours: bool | None = None,
) -> Axes:
    r"""Two pictures of that name: of a meta-analysis' estimates, and of a sampler's draws.

    Of a result of `random_effects` it is the standard error against the estimate (metafor's
    ``funnel``); of a posterior, draws of a group's effect and of the groups' spread on their exact
    contours.

    Parameters
    ----------
    posterior : RandomEffects or Posterior
        A posterior as for `divergences`.
    group : str, optional
        Of a posterior: the group's label; the first one's without it.
    ax : Axes, optional
        Where to draw.
    level : float, optional
        Of estimates: of the region about the mean in which sampling alone would put them; 0.95
        without it.
    contours : bool, optional
        Of estimates: shade by how significant they are, about no effect, in place of that region.

    Returns
    -------
    Axes
        Estimates: where small studies lie on one side only, others may be missing. Draws: the
        effect across, log tau (log K, log alpha) up; where the groups agree the effects' range
        narrows to a neck, which a centred sampler does not enter.

    Raises
    ------
    ValueError
        If no group has the label, or the effects were not drawn.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> plots.funnel(ph.reml(model), contours=True).get_ylabel()
    'standard error'
    >>> plots.funnel(ph.exact(model), "A").get_ylabel()
    'log $\\tau$'
    """
    if isinstance(posterior, RandomEffects | MetaRegression):
        if group is not None:
            raise ValueError(f"group is {group!r}: of a classical result all groups are drawn")
        return funnel_of_estimates(posterior, ax, 0.95 if level is None else level,
                                   contours is not None and flag("contours", contours))  # fmt: skip
    for name, value in (("level", level), ("contours", contours)):
        if value is not None:
            raise ValueError(f"{name} is {value!r}: it is for a result of ph.random_effects")
    return _funnel_of_draws(posterior, group, ax)


def _funnel_of_draws(posterior: Any, group: str | None, ax: Axes | None) -> Axes:
    """Draws of a group's effect and of the groups' spread on their exact contours."""
    drawn = _drawn("funnel", posterior)
    model = drawn.model
    labels = [str(label) for label in model.labels]
    if group is not None and group not in labels:
        raise ValueError(f"group is {group!r}: no group has this label")
    j = 0 if group is None else labels.index(group)
    name = f"theta[{labels[j]}]"
    which = 1 - model.location
    points = np.stack([drawn.draws_of(name).ravel(), drawn.phi[..., which].ravel()], axis=1)
    known = _known(model)
    spread = model.coordinates[which]
    grid = [np.linspace(*_ends(known, key, points[:, k]), CELLS)
            for k, key in enumerate((name, spread))]  # fmt: skip
    with np.errstate(divide="ignore"):
        height = np.log(_joint_density(model, j, grid[0], grid[1], known, drawn))
    ax = new_axes(ax)
    _picture(ax, grid, height, points, _diverging(posterior))
    ax.set_xlabel(symbol(name))
    ax.set_ylabel(symbol(spread))
    return ax


def _drawn(picture: str, posterior: Any) -> Any:
    """A posterior as draws; its model must have two hyperparameters."""
    need_posterior(picture, posterior)
    need_groups(f"plots.{picture}", posterior.model)
    if not is_plane(posterior.model):
        raise ValueError(
            f"posterior is of a {type(posterior.model).__name__} with the coordinates "
            f"{posterior.model.coordinates}: plots.{picture} takes one of two hyperparameters"
        )
    made = isinstance(posterior, DrawsPosterior)
    return posterior if made else as_draws(posterior, DRAWS, SEED)


def _known(model: Model) -> Any:
    """The exact posterior; None where it is refused."""
    try:
        return exact(model)
    except (TypeError, ValueError):
        return None


def _ends(known: Any, name: str, draws: Floats) -> tuple[float, float]:
    """Ends of an axis: of the draws, and of the exact posterior."""
    low, high = np.quantile(draws, [RARE, 1.0 - RARE])
    if known is not None:
        more = known[name].ppf([RARE, 1.0 - RARE])
        low, high = min(low, more[0]), max(high, more[1])
    margin = 0.05 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


def _joint_density(
    model: Any, j: int, effects: Floats, spread: Floats, known: Any, posterior: Any
) -> Floats:
    """Density of an effect and a hyperparameter, the other one summed over, shape (CELLS, CELLS).

    Of an effect it is the mean over a cell, so that a neck narrower than it keeps its mass.
    """
    across = _across(model, j, effects, posterior if known is None else known)
    phi = np.empty((CELLS, across.size, 2))
    phi[..., 1 - model.location] = spread[:, np.newaxis]
    phi[..., model.location] = across
    nodes = phi.reshape(-1, 2)
    heights = model.marginal.log_density(nodes)
    some = np.flatnonzero(heights > heights.max() - LOWEST)
    law = model.theta_given(j, nodes[some])
    family, weight = flattened(law, np.exp(heights[some] - heights.max()))
    half = 0.5 * (effects[1] - effects[0])
    edges = np.append(effects - half, effects[-1] + half)
    cells = np.diff(family.cdf(edges), axis=0) * weight
    cells = cells.reshape(CELLS, some.size, -1).sum(axis=2)  # over components, where there are some
    rows = np.zeros((CELLS, CELLS))
    np.add.at(rows, some // across.size, cells.T)
    return rows


def _across(model: Any, j: int, effects: Floats, source: Any) -> Floats:
    """Nodes of the location: where it is the effects' mean, two a cell, for then a neck is even."""
    low, high = source[model.coordinates[model.location]].ppf([1e-5, 1.0 - 1e-5])
    one = np.array([[0.0, 0.0]])
    family, _ = flattened(model.theta_given(j, one), np.ones(1))
    step = 0.5 * (effects[1] - effects[0])
    if family.line != "identity" or high - low > 4 * NODES * step:
        return np.linspace(low, high, NODES)
    first = effects[0] - 0.5 * step
    nodes: Floats = first + step * np.arange(np.floor((low - first) / step), (high - first) / step)
    return nodes


def _diverging(posterior: Any) -> Any:
    stats = getattr(posterior, "sample_stats", {})
    return stats["diverging"].ravel() if "diverging" in stats else None


def _picture(ax: Axes, grid: list[Floats], height: Floats, points: Floats, diverged: Any) -> None:
    """Contours relative to the highest point, draws under them, divergences on top."""
    levels = np.log(np.sort(HEIGHTS)) + height.max()
    shown = points[:: -(-len(points) // MOST)]
    ax.plot(*shown.T, ".", color=POOLED, markersize=1.5, alpha=0.35, zorder=1, gid="draws",
            label="draws")  # fmt: skip
    ax.contour(*grid, height, levels=levels, colors="0.25", linewidths=0.7, linestyles="solid")
    if diverged is not None and diverged.any():
        ax.plot(*points[diverged].T, "x", color=RAW, markersize=4.0, zorder=3, gid="divergences",
                label=f"{int(diverged.sum())} diverged")  # fmt: skip
    ax.set_xlim(grid[0][0], grid[0][-1])
    ax.set_ylim(grid[1][0], grid[1][-1])
    legend_above(ax, markerscale=4.0)
