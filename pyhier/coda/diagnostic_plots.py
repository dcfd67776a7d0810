"""How Gelman's and Geweke's diagnostics evolve along the chains, and their plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import check_level, checked, count, flag
from pyhier.coda.access import window
from pyhier.coda.convert import as_mcmc_list
from pyhier.coda.gelman import gelman_diag
from pyhier.coda.geweke import check_fractions, geweke_z
from pyhier.coda.graphics import COLOURS, with_graphics
from pyhier.coda.plots import Panels, panels, title
from pyhier.coda.results import chains_in, draws_of, each_finite
from pyhier.rstats.results import ByName

FIRST = 50  # draws in the first bin of Gelman and Rubin's plot


@dataclass(frozen=True)
class GelmanPlot(ByName):
    """Shrink factors of longer and longer beginnings of the chains.

    Attributes
    ----------
    shrink : ndarray, shape (bins, p, 2)
        Point estimates and upper confidence limits.
    last_iter : ndarray, shape (bins,)
        The last iteration used.
    axes : array of Axes
    """

    shrink: Floats
    last_iter: Floats
    axes: Panels


@with_graphics
@checked(bin_width=count, transform=flag, autoburnin=flag)
def gelman_plot(
    x: Any,
    bin_width: int = 10,
    max_bins: int = 50,
    confidence: float = 0.95,
    transform: bool = False,
    autoburnin: bool = True,
    axes: Any = None,
) -> GelmanPlot:
    """Gelman and Rubin's shrink factor as the number of iterations increases.

    Parameters
    ----------
    x : McmcList, posterior, ArviZ object or array_like
    bin_width : int
        Draws in a bin after the first, which has 50; the default gives coda's bins, which take no
        notice of it: as many as there are, at most ``max_bins``.
    max_bins : int
        Number of bins, the last one not counted.
    confidence, transform, autoburnin
        As in `gelman_diag`.
    axes : Axes or array of Axes, optional

    Returns
    -------
    GelmanPlot
        R's invisible value, and the Axes.
    """
    chains = as_mcmc_list(x)
    first, end, thin = chains.chains[0].mcpar
    ends = last_iterations(first, end, thin, bin_width, count("max_bins", max_bins))
    shrink = np.stack(
        [
            gelman_diag(
                window(chains, end=int(last)), confidence, transform, autoburnin, False
            ).psrf.values
            for last in ends
        ]
    )
    made = panels(shrink.shape[1], axes)
    for j, (ax, label) in enumerate(zip(made, chains.labels, strict=True)):
        ax.plot(ends, shrink[:, j, 0], color=COLOURS[0], label="median")
        ax.plot(
            ends, shrink[:, j, 1], color=COLOURS[1], linestyle="--",
            label=f"{50 * (1 + confidence):g}%",
        )  # fmt: skip
        ax.axhline(1.0, color="0.7", linewidth=0.8, zorder=0)
        ax.set_title(title(label), fontsize="medium")
        ax.set_xlabel("last iteration in chain")
        ax.set_ylabel("shrink factor")
        ax.legend(frameon=False)
    return GelmanPlot(shrink, ends, made)


def last_iterations(first: int, end: int, thin: int, bin_width: int, max_bins: int) -> Floats:
    """Last iteration of each bin: coda's, or for another ``bin_width`` bins of that many draws."""
    draws = (end - first) // thin + 1
    later = draws - FIRST
    if bin_width == 10:
        # Bins are counted in iterations, but their width in draws: so coda has it.
        bins = min(later // thin, max_bins)
        width = later // bins if bins > 0 else 0
    else:
        width = max(bin_width, -(-later // max_bins))
        bins = later // width
    if bins < 1:
        raise ValueError(
            f"Insufficient iterations to produce Gelman-Rubin plot: there are {draws} draws; it "
            f"needs {FIRST + (thin if bin_width == 10 else bin_width)}"
        )
    return np.append(first + thin * (FIRST + width * np.arange(bins)), end).astype(np.float64)


@dataclass(frozen=True)
class GewekePlot(ByName):
    """Geweke's Z-scores of the rest of the chains as more of the beginning is left out.

    Attributes
    ----------
    start_iter : ndarray, shape (bins,)
        First iterations used, ``nbins`` points up to the middle of the chain.
    z : ndarray, shape (bins, p, chains)
    axes : array of Axes
    """

    start_iter: Floats
    z: Floats
    axes: Panels


@with_graphics
def geweke_plot(
    x: Any,
    frac1: float = 0.1,
    frac2: float = 0.5,
    nbins: int = 20,
    pvalue: float = 0.05,
    axes: Any = None,
) -> GewekePlot:
    """Geweke's Z-score as more and more of the first half of the chain is left out.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    frac1, frac2 : float
        As in `geweke_diag`.
    nbins : int
        Number of segments.
    pvalue : float
        Of the confidence limits drawn.
    axes : Axes or array of Axes, optional
        One for each variable of each chain.

    Returns
    -------
    GewekePlot
        R's invisible value, and the Axes.
    """
    from scipy.special import ndtri

    check_fractions(frac1, frac2)
    check_level(pvalue, "pvalue")
    chains = draws_of(x)
    draws, labels = each_finite(chains), chains_in(chains)[0].labels
    first, end, thin = chains_in(chains)[0].mcpar
    starts = np.linspace(first, 0.5 * (first + end), count("nbins", nbins, 2))
    skipped = np.ceil((starts - first) / thin).astype(int)
    z = np.stack(
        [
            np.stack([geweke_z(chain[k:], thin, frac1, frac2) for chain in draws], axis=-1)
            for k in skipped
        ]
    )
    made = panels(len(labels) * len(draws), axes)
    limit = float(ndtri(1.0 - 0.5 * pvalue))
    for i in range(len(draws)):
        for j, label in enumerate(labels):
            ax, scores = made[i * len(labels) + j], z[:, j, i]
            ax.plot(starts, scores, "x", color=COLOURS[0])
            for end_of in (-limit, limit):
                ax.axhline(end_of, color="0.5", linestyle="--", linewidth=0.8)
            finite = np.abs(scores[np.isfinite(scores)])
            ax.set_ylim(*(np.array([-1.1, 1.1]) * max(limit, *finite, 1.0)))
            where = f" (chain {i + 1})" if len(draws) > 1 else ""
            ax.set_title(title(label) + where, fontsize="medium")
            ax.set_xlabel("First iteration in segment")
            ax.set_ylabel("Z-score")
    return GewekePlot(starts, z, made)
