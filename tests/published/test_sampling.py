"""A chapter on hierarchical models: eight schools by NUTS and VI, with its printed numbers.

It prints a mean of tau of 3.42 from 2 chains of 100 draws, "closer to 3" for the truth, R-hat 1.003
and an ESS of 1,287, which 200 draws do not give; it says that mean-field collapses to tau near 0.1.
The exact mean is 3.2904; 3.42 is within the error of such a run; the best mean-field approximation
in the centred coordinates is too narrow, but about 5.5, not 0.1: there a climb has not ended.
"""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import pyhier as ph


@cache
def model():
    d = ph.load_dataset("eight_schools")
    return ph.NormalNormal(
        d["y"], se=d["sigma"], labels=d["school"], prior_mu=stats.norm(0, 5),
        prior_tau=stats.halfnorm(scale=5),
    )  # fmt: skip


def test_data():
    d = ph.load_dataset("eight_schools")
    assert d["sigma"].tolist() == [15, 10, 16, 11, 9, 11, 10, 18]  # "ranges 9-18"
    assert d["y"].tolist() == [28, 8, -3, 7, -1, 1, 18, 12]


def test_the_mean_of_tau_is_closer_to_3():
    exact = ph.exact(model())
    assert exact["tau"].mean() == pytest.approx(3.290366660, abs=1e-8)
    assert exact["mu"].mean() == pytest.approx(4.441369516, abs=1e-8)


def test_the_short_run():
    """Its 3.42 is a fair result of a run of its size; its ESS is not."""
    means, sizes = [], []
    for seed in range(20):
        post = ph.nuts(model(), draws=100, tune=50, chains=2, target_accept=0.95, init="prior",
                       rng=seed)  # fmt: skip
        found = post.diagnostics().loc["tau"]
        means.append(post["tau"].mean())
        sizes.append(found["ess_bulk"])
        assert post.divergences <= 5
    assert abs(3.42 - np.mean(means)) < 2.0 * np.std(means)
    assert np.mean(means) == pytest.approx(3.29, abs=0.25)
    assert max(sizes) < 600.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_clean_run(seed):
    """R-hat below 1.01 everywhere, ESS in the thousands, no divergences."""
    post = ph.nuts(model(), target_accept=0.95, init="prior", rng=seed)
    table = post.diagnostics()
    assert table["r_hat"].max() < 1.01
    assert table["ess_bulk"].min() > 1_000
    assert post.divergences == 0
    assert post["tau"].mean() == pytest.approx(3.29, abs=0.15)


def test_centred_diverges_for_tau_near_zero():
    post = ph.nuts(model(), parameterization="centered", rng=1)
    at = post.sample_stats["diverging"]
    assert post.divergences > 5
    tau = np.exp(post.phi[..., 1])
    assert np.median(tau[at]) < 0.5 * np.median(tau)
    assert "non-centred" in post.advice


def test_a_higher_target_has_smaller_steps_and_fewer_divergences():
    low, high = (ph.nuts(model(), parameterization="centred", target_accept=t, rng=1)
                 for t in (0.8, 0.95))  # fmt: skip
    assert high.divergences < low.divergences
    assert high.trajectories.step_size.mean() < low.trajectories.step_size.mean()
    assert high.sample_stats["n_steps"].mean() > low.sample_stats["n_steps"].mean()


def test_mean_field_collapses_in_centred_coordinates_alone():
    exact = ph.exact(model())
    centred = ph.vi(model(), parameterization="centred", rng=1)
    assert centred["mu"].std() < 0.55 * exact["mu"].std()
    assert centred["tau"].std() < 0.55 * exact["tau"].std()
    assert centred["tau"].mean() == pytest.approx(5.514, abs=2e-3)
    assert centred.kl == pytest.approx(2.00205, abs=1e-4)
    cure = ph.vi(model(), parameterization="non-centred", rng=1)
    assert cure["tau"].mean() == pytest.approx(3.0, abs=0.06)  # "around 3"
    assert cure.kl == pytest.approx(0.28170, abs=1e-4)


def test_full_rank_can_sometimes_recover_the_funnel():
    """Its sd of mu is right; its tau is not."""
    post, exact = ph.vi(model(), "full-rank", parameterization="centred", rng=1), ph.exact(model())
    assert post["mu"].std() == pytest.approx(exact["mu"].std(), rel=0.01)
    assert post["tau"].std() < 0.5 * exact["tau"].std()


def test_predictions_have_the_schools_last():
    post = ph.nuts(model(), draws=50, chains=2, rng=1)
    assert post.predict(rng=1).shape == (2, 50, 8)
    exact = ph.exact(model())
    wanted = np.hypot(exact["theta[A]"].std(), 15.0)
    found = ph.nuts(model(), rng=1).predict(rng=1)[..., 0]
    assert found.mean() == pytest.approx(exact["theta[A]"].mean(), abs=1.0)
    assert found.std() == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("metric", ["diagonal", "dense", "identity"])
def test_metrics(metric):
    post = ph.nuts(model(), metric=metric, rng=1)
    assert ph.grade(post).right
