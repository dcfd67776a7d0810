"""Simulation-based calibration of nuts: ranks of true values are uniform, by ECDF bands.

Talts and others (2018), arXiv:1804.06788; simultaneous bands by Saeilynoja, Buerkner and Vehtari,
Statistics and Computing 32 (2022), 32: the pointwise level is the one at which 95% of uniform
samples stay within the band everywhere, found by simulation. Here at 99.9%.
"""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import pyhier as ph

RUNS, RANKS = 150, 60  # simulated data sets; draws of each that the truth is ranked among
SE = np.array([3.0, 5.0, 8.0, 4.0, 10.0, 6.0])
MU, TAU = stats.norm(0, 5), stats.halfnorm(scale=5)
POINTS = np.arange(1, RANKS + 1) / (RANKS + 1)


@cache
def band(level=0.999, simulations=20_000):
    """Least and greatest number of RUNS ranks at or below each point."""
    rng = np.random.default_rng(0)
    each_rank = rng.multinomial(RUNS, np.full(RANKS + 1, 1.0 / (RANKS + 1)), simulations)
    counts = each_rank.cumsum(axis=1)[:, :RANKS]
    tails = np.minimum(stats.binom.cdf(counts, RUNS, POINTS),
                       stats.binom.sf(counts - 1, RUNS, POINTS))  # fmt: skip
    each = np.quantile(tails.min(axis=1), 1.0 - level)
    return stats.binom.ppf(each, RUNS, POINTS), stats.binom.isf(each, RUNS, POINTS)


def ranks_of(kind, prior=TAU):
    """Ranks of mu, tau and the first effect, each of shape (RUNS,)."""
    rng = np.random.default_rng(11)
    found = []
    for run in range(RUNS):
        mu, tau = MU.rvs(random_state=rng), TAU.rvs(random_state=rng)
        theta = rng.normal(mu, tau, SE.size)
        model = ph.NormalNormal(rng.normal(theta, SE), se=SE, prior_mu=MU, prior_tau=prior)
        post = ph.nuts(model, 5 * RANKS, 300, 1, parameterization=kind, rng=run, progress=False)
        drawn = np.array([post.draws_of(name)[0, ::5] for name in ("mu", "tau", "theta[1]")])
        found.append((drawn < np.array([mu, tau, theta[0]])[:, None]).sum(axis=1))
    return np.array(found).T


def outside(ranks):
    low, high = band()
    counts = (ranks[:, None] < np.arange(1, RANKS + 1)).sum(axis=0)
    return bool(((counts < low) | (counts > high)).any())


@pytest.mark.parametrize("kind", ["non-centred", "marginal"])
def test_ranks_are_uniform(kind):
    assert [outside(ranks) for ranks in ranks_of(kind)] == [False] * 3


def test_a_wrong_prior_is_seen():
    """The negative control: tau's prior half as wide as the one that made the data."""
    assert outside(ranks_of("marginal", stats.halfnorm(scale=2.5))[1])
