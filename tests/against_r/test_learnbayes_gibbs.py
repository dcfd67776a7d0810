"""LearnBayes' samplers of standard models against a live LearnBayes: long chains, other functions.

`pyhier.r_bridge.validation.comparisons.standard_models` compares their draws on random data.
"""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier import RStream, rstats
from pyhier import learnbayes as lb


@pytest.mark.parametrize("case", range(30))
def test_rtruncated_beta(r, case):
    """Of functions that are not R's own, to the accuracy of R's qbeta."""
    rng = np.random.default_rng(case)
    a, b = 10.0 ** rng.uniform(-0.3, 1, 2)
    lo, hi = np.sort(stats.beta.rvs(a, b, size=2, random_state=rng))
    stream = RStream(case)
    ours = lb.rtruncated(20, lo, hi, stats.beta.cdf, stats.beta.ppf, a, b, rng=stream)
    code = f"set.seed({case}); x <- LearnBayes::rtruncated(20, lo, hi, pbeta, qbeta, a, b)"
    theirs, state = r(f"{code}; list(x, .Random.seed)", lo=lo, hi=hi, a=a, b=b)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    np.testing.assert_array_equal(stream.random_seed, state)


def test_hiergibbs_long(r):
    """Ten thousand cycles: rounding does not grow."""
    ours = lb.hiergibbs(ph.load_dataset("iowagpa"), 10_000, rng=RStream(1))
    theirs = r("library(LearnBayes); set.seed(1); hiergibbs(iowagpa, 10000)")
    for name in ("beta", "mu", "var"):
        mine = getattr(ours, name)
        expected, scale = np.reshape(theirs[name], mine.shape), np.abs(mine).max()
        np.testing.assert_allclose(mine, expected, rtol=1e-11, atol=1e-11 * scale, err_msg=name)


def test_careertraj_setup(r):
    """All players, and tables of a few of their seasons."""
    players = ph.load_dataset("sluggerdata")
    ours = lb.careertraj_setup(players)
    theirs = r("library(LearnBayes); careertraj.setup(sluggerdata)")
    assert ours.player_names == list(theirs["player.names"])
    assert theirs["N"] == ours.N
    for case in range(10):
        for name in ("y", "n", "x", "T"):
            np.testing.assert_array_equal(getattr(ours, name), theirs[name], err_msg=name)
        some = players.sample(60, random_state=case).sort_index()
        some = some[some["Player"].isin(some["Player"].unique()[:5])]
        rows = some.index.to_numpy() + 1
        code = "library(LearnBayes); careertraj.setup(droplevels(sluggerdata[rows, ]))"
        theirs, ours = r(code, rows=rows.astype(np.int32)), lb.careertraj_setup(some)


@pytest.mark.parametrize("case", range(10))
def test_beta_select(r, case):
    """LearnBayes' answer misses the quantiles a little; ours has them to the two digits."""
    rng = np.random.default_rng(case)
    shapes = rng.uniform(0.5, 30.0, 2)
    p = np.array([rng.uniform(0.1, 0.45), rng.uniform(0.55, 0.9)])
    x = stats.beta.ppf(p, *shapes)
    first, second = ({"p": p[k], "x": x[k]} for k in (0, 1))
    ours = lb.beta_select(second, first)
    np.testing.assert_allclose(ours, shapes, rtol=0.0, atol=0.00501)
    theirs = r("library(LearnBayes); beta.select(a, b)", a=first, b=second)
    np.testing.assert_allclose(ours, theirs, rtol=0.02)


def test_normal_distribution(r):
    """The functions themselves, from the far tails to the branch points."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=20_000) * 3.0, rng.uniform(-40, 10, 20_000), [0.67448975]])
    np.testing.assert_array_equal(rstats.pnorm(x), r("pnorm(x)", x=x))
    p = np.concatenate([rng.random(20_000), 10.0 ** rng.uniform(-300, 0, 20_000), [0.0, 1.0]])
    np.testing.assert_array_equal(rstats.qnorm(p), r("qnorm(p)", p=p))
