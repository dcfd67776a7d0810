"""Calibration: how far the truth's place in posteriors is from uniform."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from pyhier.plots.style import POOLED, SERIES, legend_above, need, new_axes, plain
from pyhier.workflow.bands import band, points
from pyhier.workflow.calibration import FALSE_ALARM, Calibration


def calibration(
    found: Calibration, names: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw empirical distribution functions of the truth's place, less the uniform one, and a band.

    Where the engine is right all lines stay within the band, 99 times of 100. A line that first
    rises and then falls has truths in the low part of the posterior, one that is steep at both
    ends truths in its tails: it is too narrow.

    Parameters
    ----------
    found : Calibration
        What `calibrate` returned.
    names : sequence of str, optional
        The quantities to draw; all without it.
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
    >>> weak = {"prior_mu": stats.norm(0, 5), "prior_tau": stats.halfnorm(scale=5)}
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], **weak)
    >>> plots.calibration(ph.calibrate(model, n=50, rng=1)).get_xlabel()
    'place of the truth in the posterior'
    """
    need("calibration", "found", found, Calibration, "what calibrate returned")
    shown = list(found.pit.columns) if names is None else names
    if isinstance(shown, str) or not isinstance(shown, Sequence) or not shown:
        raise TypeError(f"names is {names!r}: give a sequence of names, such as ['mu', 'tau']")
    for name in shown:
        if name not in found.pit.columns:
            raise KeyError(f"names has {name!r}: calibrated are {', '.join(found.pit.columns)}")
    ax = new_axes(ax, height=3.6)
    n = len(found.pit)
    z = points(n)
    low, high = band(n, 1.0 - FALSE_ALARM / len(found.table))
    ends = np.concatenate([[0.0], z, [1.0]])
    least, most = (np.concatenate([[0.0], side - z, [0.0]]) for side in (low, high))
    ax.fill_between(ends, least, most, color=POOLED, alpha=0.2, linewidth=0, label="99% band")
    for k, name in enumerate(shown):
        u = found.pit[name].to_numpy()
        share = (u[:, np.newaxis] <= z).mean(axis=0)
        line = np.concatenate([[0.0], share - z, [0.0]])
        ax.plot(ends, line, color=SERIES[k % len(SERIES)], label=plain(name))
    ax.axhline(0.0, color="0.5", linewidth=0.8)
    ax.set_xlim(0.0, 1.0)
    ax.set_xlabel("place of the truth in the posterior")
    ax.set_ylabel("share of data sets, less uniform")
    legend_above(ax)
    return ax
