"""Markov chains: their paths and how long they remember."""

import numpy as np
from matplotlib.axes import Axes

from pyhier._validation import count
from pyhier.plots.style import POOLED, need, new_axes, symbol
from pyhier.posterior.draws import DrawsPosterior

DRAWS = "a posterior made of draws, such as ph.rwmetrop(model, 10_000) or post.to_draws(10_000)"


def trace(posterior: DrawsPosterior, name: str, ax: Axes | None = None) -> Axes:
    """Draws in the order they were made, a line a chain."""
    need("trace", "posterior", posterior, DrawsPosterior, DRAWS)
    chains = posterior.draws_of(name)
    ax = new_axes(ax, height=2.8)
    for chain in chains:
        ax.plot(chain, linewidth=0.5)
    ax.set_xlabel("draw")
    ax.set_ylabel(symbol(name))
    return ax


def autocorr(posterior: DrawsPosterior, name: str, lags: int = 35, ax: Axes | None = None) -> Axes:
    """Autocorrelation of the draws, averaged over the chains."""
    need("autocorr", "posterior", posterior, DrawsPosterior, DRAWS)
    from statsmodels.tsa.stattools import acf

    last, chains = count("lags", lags), posterior.draws_of(name)
    ax = new_axes(ax, height=2.8)
    values = np.mean([acf(chain, nlags=last, fft=True) for chain in chains], axis=0)
    ax.vlines(np.arange(values.size), 0.0, values, color=POOLED, linewidth=2.0)
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.set_ylim(min(-0.1, float(values.min())), 1.05)
    ax.set_xlabel("lag")
    ax.set_ylabel(f"autocorrelation of {symbol(name)}")
    return ax
