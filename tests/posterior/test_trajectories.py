"""What Hamiltonian chains say of themselves, and what to do."""

import itertools
import warnings

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.posterior.trajectories import Trajectories, of_chains

NAMES = ("lp", "energy", "acceptance_rate", "step_size", "tree_depth", "n_steps", "diverging",
         "reached_max_treedepth")  # fmt: skip


def trajectories(energy, diverging=0, deep=0, **details):
    table = np.zeros((*energy.shape, len(NAMES)))
    table[..., 1] = energy
    table[0, :diverging, 6] = 1.0
    table[0, :deep, 7] = 1.0
    given = {"step_size": np.ones(2), "metric": np.ones((2, 1)), "tune": 10, "target_accept": 0.8}
    return Trajectories.of(NAMES, table, **(given | details))


def fresh(n=1_000):
    return np.random.default_rng(1).standard_normal((2, n))


def test_nothing_is_bad():
    found = trajectories(fresh())
    assert found.trouble() == []
    np.testing.assert_allclose(found.bfmi, 2.0, rtol=0.1)  # of independent energies


def test_bfmi_is_its_definition():
    """A random walk of steps of sd 1 has a BFMI of n / sum of squares about the mean."""
    energy = np.cumsum(fresh(), axis=1)
    found = trajectories(energy)
    for k, path in enumerate(energy):
        wanted = sum((b - a) ** 2 for a, b in itertools.pairwise(path))
        wanted /= sum((a - sum(path) / len(path)) ** 2 for a in path)
        assert found.bfmi[k] == pytest.approx(wanted)
    assert "BFMI is 0.0" in found.trouble()[0]
    assert "reparameterise" in found.trouble()[0]


@pytest.mark.parametrize(
    ("details", "mend"),
    [
        ({"parameterization": "centred"},
         "take target_accept=0.95, or parameterization='non-centred' or 'marginal'"),
        ({"parameterization": "non-centred", "target_accept": 0.95},
         "take target_accept=0.99, or parameterization='marginal'"),
        ({"parameterization": "centred", "target_accept": 0.99},
         "take parameterization='non-centred' or 'marginal'"),
        ({"parameterization": "marginal"}, "take target_accept=0.95"),
        ({"target_accept": 0.995}, "take other coordinates"),
    ],
)  # fmt: skip
def test_divergences_are_told_what_to_do(details, mend):
    (told,) = trajectories(fresh(), diverging=3, **details).trouble()
    assert told.startswith("3 of 2000 trajectories diverged: the draws are biased")
    assert told.endswith(mend)


def test_cut_trees():
    (told,) = trajectories(fresh(), deep=7).trouble()
    assert "7 of 2000 trajectories reached the greatest tree depth" in told
    assert "raise max_treedepth=" in told


@pytest.fixture(scope="module")
def model():
    d = ph.load_dataset("eight_schools")
    return ph.NormalNormal(
        d["y"], se=d["sigma"], prior_mu=stats.norm(0, 5), prior_tau=stats.halfnorm(scale=5)
    )


def test_good_chains_are_left_alone(model):
    post = ph.nuts(model, target_accept=0.95, rng=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = post.summary()
    assert table["r_hat"].max() < 1.01
    assert "nothing to do" in post.advice


@pytest.mark.parametrize(
    ("ess", "r_hat", "told"),
    [
        (401.0, 1.005, None),
        (399.0, 1.005, "399 effective draws in 4 chains, fewer than 400: run longer (draws=)"),
        (800.0, 1.02, "R-hat of 1.020, above 1.01: the chains disagree: more warm-up (tune=)"),
    ],
)
def test_chains_are_told_to_run_longer_or_to_warm_up(ess, r_hat, told):
    found = {"ess_bulk": np.array([900.0, ess]), "ess_tail": np.array([950.0, 900.0]),
             "r_hat": np.array([1.001, r_hat])}  # fmt: skip
    said = of_chains(("a", "b"), found, 4)
    assert [one.removeprefix("b has ").removeprefix("an ") for one in said] == (
        [told] if told else []
    )


def test_chains_that_disagree_are_told_to_warm_up(model):
    post = ph.nuts(model, 1_000, 0, init={"mu": 0.0, "tau": 0.01}, max_treedepth=1, rng=1)
    assert np.nanmax(post.diagnostics()["r_hat"]) > 1.01
    with pytest.warns(ph.ConvergenceWarning, match=r"above 1\.01: .*more warm-up \(tune=\)"):
        post.summary()


def test_centred_chains_are_told_everything(model):
    post = ph.nuts(model, parameterization="centred", rng=1)
    for words in ("trajectories diverged", "target_accept=0.95", "non-centred", "BFMI",
                  "effective draws", "exact(model)"):  # fmt: skip
        assert words in post.advice
