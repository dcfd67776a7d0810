"""Checks: statistics of new data, and posteriors under several priors."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from pyhier.plots.style import (
    POOLED,
    RAW,
    SERIES,
    legend_above,
    name_rows,
    need,
    new_axes,
    plain,
    rows_height,
    symbol,
)
from pyhier.posterior.checks import PredictiveCheck
from pyhier.workflow.sensitivity import Sensitivity


def predictive_check(
    check: PredictiveCheck, name: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a statistic of data from the model, with that of the data.

    Parameters
    ----------
    check : PredictiveCheck
        What ``posterior.predictive_check`` returned.
    name : str, optional
        Which statistic; there is no need to say where there is one.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> schools = ph.load_dataset("eight_schools")
    >>> post = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"]))
    >>> plots.predictive_check(post.predictive_check("max", rng=1)).get_xlabel()
    'max of new data'
    """
    how = "what post.predictive_check returned"
    need("predictive_check", "check", check, PredictiveCheck, how)
    if name is None:
        if len(check.names) > 1:
            raise ValueError(f"name is missing: the statistics are {', '.join(check.names)}")
        name = check.names[0]
    k = check.index(name)
    values, observed, p = check.replicated[k].ravel(), float(check.observed[k]), check.p[k]
    ax = new_axes(ax, height=3.6)
    low, high = np.quantile(values, [0.0005, 0.9995])
    whole = bool(np.all(values == np.floor(values))) and high - low < 80.0
    bins = (
        np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0) if whole else np.linspace(low, high, 41)
    )
    if bins[-1] <= bins[0]:
        bins = np.array([low - 0.5, low + 0.5])
    ax.hist(values, bins=bins.tolist(), density=True, color=POOLED, alpha=0.35, label="new data")
    label = f"the data: {observed:.4g}, p = {float(p):.3g}"
    ax.axvline(observed, color=RAW, linewidth=2.0, label=label)
    ax.set_xlabel(f"{plain(name)} of new data")
    ax.set_ylabel("density")
    legend_above(ax)
    return ax


def sensitivity(
    found: Sensitivity, names: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw means and 95% intervals of quantities under each prior, a row a quantity.

    Parameters
    ----------
    found : Sensitivity
        What `pyhier.sensitivity` returned.
    names : sequence of str, optional
        The quantities; the groups' effects and that of a new group without it, since they share
        one scale.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
    """
    need("sensitivity", "found", found, Sensitivity, "what ph.sensitivity returned")
    if isinstance(names, str):
        raise TypeError(f"names is {names!r}: give a sequence of quantities")
    posteriors = list(found.posteriors.items())
    if names is None:
        names = [name for name in posteriors[0][1].names if name.startswith("theta")]
    rows = np.arange(len(names), dtype=np.float64)
    least, most = 0.06 + 0.06 * len(posteriors), 0.16 + 0.1 * len(posteriors)
    ax = new_axes(ax, height=rows_height(rows.size, max(least, 0.17), most))
    offsets = np.linspace(-0.3, 0.3, len(posteriors)) if len(posteriors) > 1 else np.zeros(1)
    size = 4.0 if rows.size <= 30 else 2.5
    for i, (prior, posterior) in enumerate(posteriors):
        mean = np.array([posterior[name].mean() for name in names])
        low, high = np.array([posterior[name].interval(0.95) for name in names]).T
        ax.errorbar(
            mean, rows + offsets[i], xerr=(mean - low, high - mean), fmt="o", label=plain(prior),
            color=SERIES[i % len(SERIES)], markersize=size, elinewidth=0.3 * size,
        )  # fmt: skip
    name_rows(ax, [_short(name) for name in names])
    ax.set_xlabel("mean and 95% interval")
    legend_above(ax, columns=1, fontsize=9)
    return ax


def _short(name: str) -> str:
    """A group's label for its effect, which needs no more on an axis of groups."""
    if name.startswith("theta["):
        return plain(name[6:-1])
    return "new group" if name == "theta_new" else symbol(name)
