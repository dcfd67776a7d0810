"""Markov chains: a line a chain, and correlations that die off."""

import numpy as np
from statsmodels.tsa.stattools import acf

from pyhier import plots


def test_trace_has_a_line_a_chain(chains):
    ax = plots.trace(chains, "theta[A]")
    assert len(ax.lines) == 2
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), chains.theta[1, :, 0])
    assert plots.trace(chains, "log_tau", ax) is ax
    assert ax.get_ylabel() == r"log $\tau$"


def test_autocorrelation_decays(chains):
    ax = plots.autocorr(chains, "mu", lags=20)
    values = [segment[1][1] for segment in ax.collections[0].get_segments()]
    assert len(values) == 21
    assert values[0] == 1.0
    assert values[-1] < 0.2
    expected = np.mean([acf(chain, nlags=20) for chain in chains.phi[..., 0]], axis=0)
    np.testing.assert_allclose(values, expected)
    assert plots.autocorr(chains, "mu", ax=ax) is ax
