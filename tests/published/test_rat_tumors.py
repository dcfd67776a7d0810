"""Every number of a lecture's first half (seed 002): free throws, and a drug test after 70 others.

The tumours are Tarone's (1982), as in Bayesian Data Analysis, chapter 5. The lecture misprints one
of the historical groups (2/10 for 2/20) and calls a standard deviation a variance.
"""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph


@pytest.fixture(scope="module")
def rats():
    return ph.load_dataset("rat_tumors")


@pytest.fixture(scope="module")
def full(rats):
    return ph.BetaBinomial(rats["tumors"], rats["rats"])


@pytest.fixture(scope="module")
def historical(rats):
    return ph.BetaBinomial(rats["tumors"][:70], rats["rats"][:70])


@pytest.mark.parametrize(
    ("season", "a", "b"),
    [("2012-2013", 26, 22), ("2013-2014", 42, 53), ("2014-2015", 94, 84), ("2015-2016", 80, 42)],
)
def test_free_throws_season_by_season(season, a, b):
    """A uniform prior for each season by itself: the beta posteriors of the lecture's table."""
    data = ph.load_dataset("free_throws")
    model = ph.BetaBinomial(data["made"], data["attempts"], labels=data["season"])
    marginal = ph.given(model, alpha=1, beta=1)[f"theta[{season}]"]
    beta = stats.beta(a, b)
    x = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(marginal.pdf(x), beta.pdf(x), rtol=1e-11)
    np.testing.assert_allclose(marginal.ppf([0.025, 0.5]), beta.ppf([0.025, 0.5]), rtol=1e-11)
    assert marginal.mean() == pytest.approx(a / (a + b), rel=1e-14)


def test_free_throws_together():
    """The seasons inform each other: every one moves towards the player's mean."""
    data = ph.load_dataset("free_throws")
    model = ph.BetaBinomial(data["made"], data["attempts"], labels=data["season"])
    shares = (data["made"] / data["attempts"]).to_numpy()
    post = ph.exact(model)
    left = (post.group_means() - post["eta"].mean()) / (shares - post["eta"].mean())
    assert np.all((left > 0.0) & (left < 1.0))


def test_seventy_historical_experiments(rats, historical):
    share = (rats["tumors"] / rats["rats"])[:70]
    assert f"{share.mean():.3f}" == "0.136"
    assert f"{int(1000 * share.std()) / 1000}" == "0.103"  # 0.1035, cut rather than rounded
    estimate = historical.hyperparameters(historical.moments())
    assert (f"{estimate['alpha']:.1f}", f"{estimate['beta']:.1f}") == ("1.4", "8.6")


def test_the_lectures_misprint(rats):
    """With its 2/10 in place of a 2/20 the mean would be 0.137: the numbers are the book's."""
    trials = rats["rats"][:70].to_numpy().copy()
    trials[np.flatnonzero((rats["tumors"][:70] == 2) & (trials == 20))[0]] = 10
    assert f"{(rats['tumors'][:70] / trials).mean():.3f}" == "0.137"


def test_empirical_bayes(full, historical):
    """Beta(5.4, 18.6), mean 0.223; the 0.083 is its sd."""
    marginal = ph.given(full, alpha=1.4, beta=8.6)["theta[71]"]
    assert marginal.ppf(0.9) == pytest.approx(stats.beta(5.4, 18.6).ppf(0.9), rel=1e-11)
    assert f"{marginal.std():.3f}" == "0.084"
    estimate = historical.hyperparameters(historical.moments())
    unrounded = {name: float(estimate[name]) for name in ("alpha", "beta")}
    plugged_in = ph.given(full, **unrounded)["theta[71]"]
    assert (f"{plugged_in.mean():.3f}", f"{plugged_in.std():.3f}") == ("0.223", "0.083")


def test_full_bayes(full):
    """The book reads (-1.75, 2.8) off its contours of (log(alpha/beta), log(alpha + beta))."""
    post = ph.exact(full)
    assert post["theta[71]"].mean() == pytest.approx(0.21085684, abs=5e-9)
    assert post["eta"].mean() == pytest.approx(0.14429731, abs=5e-9)
    mode = ph.laplace(full).mode
    np.testing.assert_allclose(mode, [-1.75, 2.8], atol=0.07)
    assert post["logit_eta"].mode() == pytest.approx(mode[0], abs=0.01)


def test_full_bayes_is_wider_than_the_plug_in_at_its_own_maximum(full):
    """Empirical Bayes ignores that alpha and beta are uncertain."""
    best = full.hyperparameters(ph.laplace(full).mode)
    plugged_in = ph.given(full, alpha=float(best["alpha"]), beta=float(best["beta"]))
    post = ph.exact(full)
    wider = [post[name].std() > plugged_in[name].std() for name in ("theta[1]", "theta_new")]
    assert all(wider)
