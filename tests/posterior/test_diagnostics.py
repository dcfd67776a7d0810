"""Diagnostics of Markov chains are ArviZ's, and bad chains are told what to do."""

import sys

import numpy as np
import pytest

import pyhier as ph
from pyhier._arviz import load_arviz
from pyhier.posterior.diagnostics import NAMES, find_trouble


def schools():
    data = ph.load_dataset("eight_schools")
    return ph.NormalNormal(data["y"], se=data["sigma"], labels=data["school"])


@pytest.fixture(scope="module")
def chains():
    return ph.rwmetrop(schools(), 4_000, burn_in=500, chains=4, rng=1)


def test_the_summary_has_arvizs_numbers(chains):
    arviz = load_arviz()
    table = chains.summary()
    assert tuple(table.columns[-4:]) == NAMES
    summary = arviz.summary(chains.to_arviz(rng=1), round_to="none")
    # Tails beyond 90% are ours and ArviZ 0.x's; the summary of 1.x has another share.
    later = not arviz.__version__.startswith("0.")
    columns = [name for name in NAMES if not (later and name == "ess_tail")]
    for name, theirs in {"mu": "mu", "tau": "tau", "theta[C]": "theta[C]"}.items():
        for column in columns:
            assert table.loc[name, column] == pytest.approx(summary.loc[theirs, column], rel=1e-9)


def test_standard_errors_cover_the_truth(chains):
    """Of means that quadrature knows: 11 quantities within four standard errors."""
    table, truth = chains.summary(), ph.exact(chains.model).summary()
    z = (table["mean"] - truth["mean"]) / table["mcse_mean"]
    assert np.all(np.abs(z) < 4.0)


def test_good_chains(chains):
    assert chains.advice.startswith("R-hat is at most 1.00")
    assert chains.advice.endswith("nothing to do.")


def test_short_chains_are_told_what_to_do():
    short = ph.rwmetrop(schools(), 200, chains=2, rng=1)
    with pytest.warns(ph.ConvergenceWarning, match="effective draws in 2 chains, fewer than 200"):
        table = short.summary()
    assert table["ess_bulk"].min() < 200
    for mend in ("Run longer", "run longer (draws=", "start elsewhere (start=)", "exact(model)"):
        assert mend.lower() in short.advice.lower()


def test_chains_that_disagree():
    """Two chains that sit apart: many draws, and no agreement."""
    start = [[7.0, 2.0], [60.0, 3.0]]
    apart = ph.rwmetrop(schools(), 2_000, scale=0.02, chains=2, start=start, rng=1)
    with pytest.warns(ph.ConvergenceWarning, match="the chains disagree"):
        table = apart.summary()
    assert table["r_hat"].max() > 1.5


def test_a_chain_that_never_moves():
    stuck = ph.rwmetrop(schools(), 500, scale=1e6, rng=1)
    assert stuck.accept == 0.0
    with pytest.warns(ph.ConvergenceWarning, match="^the draws of mu do not move"):
        assert np.isnan(stuck.summary().loc["mu", "ess_bulk"])


def test_one_chain_has_no_r_hat():
    one = ph.rwmetrop(schools(), 10_000, rng=1)
    table = one.summary()
    assert table["r_hat"].isna().all()
    assert table["ess_bulk"].min() > 100
    assert "chains=4" in one.advice


def test_independent_draws_need_none():
    drawn = ph.exact(schools()).to_draws(500, rng=1)
    assert "r_hat" not in drawn.summary().columns
    assert "no Markov chains" in drawn.advice
    assert "no Markov chains" in ph.exact(schools()).advice
    # Asked for, they are what independent draws have: 500 but for the estimate's noise.
    assert drawn.diagnostics()["ess_bulk"].min() > 300


def test_without_arviz(monkeypatch):
    chain = ph.rwmetrop(schools(), 500, rng=1)
    monkeypatch.setitem(sys.modules, "arviz", None)
    assert list(chain.summary().columns) == ["mean", "sd", "2.5%", "25%", "50%", "75%", "97.5%"]
    assert "pip install 'pyhier[arviz]'" in chain.advice
    for ask in (chain.diagnostics, chain.to_arviz):
        with pytest.raises(ImportError, match=r"pip install 'pyhier\[arviz\]'"):
            ask()


def test_diagnostics_can_be_left_out(chains):
    assert "r_hat" not in chains.summary(diagnostics=False).columns


def test_a_chain_that_stands_still():
    """Then R-hat may be no number, which is not a good one."""
    columns = {name: np.array([500.0]) for name in NAMES} | {"r_hat": np.array([np.nan])}
    assert find_trouble(("a",), columns, 2) == "a stands still within a chain"
    assert find_trouble(("a",), columns, 1) == ""  # of one chain there is none
