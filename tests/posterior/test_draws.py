"""Draws and what is read off them."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.posterior import SampleMarginal


@pytest.fixture(scope="module")
def posterior():
    schools = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    return ph.rwmetrop(model, 4_000, chains=2, rng=1)


def test_names_and_marginals(posterior):
    assert posterior.names == ("mu", "tau", *(f"theta[{c}]" for c in "ABCDEFGH"), "theta_new")
    assert list(posterior) == list(posterior.names)
    np.testing.assert_array_equal(posterior["theta[C]"].draws, posterior.theta[..., 2])
    np.testing.assert_array_equal(posterior["tau"].draws, np.exp(posterior.phi[..., 1]))
    np.testing.assert_array_equal(posterior["log_tau"].draws, posterior.phi[..., 1])
    with pytest.raises(KeyError, match="no quantity is named 'theta'"):
        posterior["theta"]


def test_draws_are_frozen(posterior):
    for array in (posterior.phi, posterior.theta, posterior["mu"].draws, posterior.theta_new):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


def test_summary(posterior):
    table = posterior.summary(probs=(0.1, 0.5))
    assert list(table.columns[:4]) == ["mean", "sd", "10%", "50%"]
    assert list(table.index) == list(posterior.names)
    draws = posterior.theta[..., 0].ravel()
    expected = [draws.mean(), draws.std(ddof=1), *np.quantile(draws, [0.1, 0.5])]
    np.testing.assert_allclose(table.loc["theta[A]"].iloc[:4], expected)


def test_shrinkage(posterior, schools):
    table = posterior.shrinkage()
    tau2 = np.exp(2 * posterior.phi[..., 1]).ravel()
    expected = [np.mean(s**2 / (s**2 + tau2)) for s in schools["sigma"]]
    np.testing.assert_allclose(table["shrinkage"], expected)
    np.testing.assert_array_equal(table["rank_shrinkage"], table["rank_se"])
    np.testing.assert_allclose(table["theta"], posterior.theta.mean(axis=(0, 1)))


def test_probability(posterior):
    a, c = posterior.theta[..., 0], posterior.theta[..., 2]
    assert posterior.probability("theta[A] > 28") == np.mean(a > 28)
    assert posterior.probability(" theta[A]>=theta[C] ") == np.mean(a >= c)
    assert posterior.probability("5 < mu") == np.mean(posterior["mu"].draws > 5)
    assert posterior.probability(lambda d: d["theta[A]"] > d["theta[C]"]) == np.mean(a > c)
    largest = posterior.probability(lambda d: d["theta"].argmax(axis=-1) == 0)
    assert largest == posterior.rank().loc["A", "largest"]


def test_events_of_labels_with_signs_in_them():
    model = ph.NormalNormal([1, 2, 3], se=[1, 1, 1], labels=["a<b", "c > d", "e"])
    post = ph.rwmetrop(model, 500, rng=1)
    first, second = post.theta[0, :, 0], post.theta[0, :, 1]
    assert post.probability("theta[a<b] > 3") == np.mean(first > 3)
    assert post.probability("theta[a<b] < theta[c > d]") == np.mean(first < second)


def test_one_draw_has_no_standard_deviation(posterior):
    with pytest.raises(ValueError, match="it takes two"):
        ph.rwmetrop(posterior.model, 1, rng=1).summary()


def test_bad_events(posterior):
    with pytest.raises(ValueError, match="no comparison"):
        posterior.probability("theta[A]")
    with pytest.raises(KeyError, match=r"theta\[Z\]"):
        posterior.probability("theta[Z] > 1")
    with pytest.raises(TypeError, match="array of bool"):
        posterior.probability(lambda d: d["mu"])
    with pytest.raises(ValueError, match="one bool a draw"):
        posterior.probability(lambda d: d["theta"] > 0.0)


def test_predictions(posterior):
    predicted = posterior.predict(rng=2)
    assert predicted.shape == posterior.theta.shape
    noise = (predicted - posterior.theta).reshape(-1, 8)
    np.testing.assert_allclose(noise.std(axis=0), posterior.model.se, rtol=0.05)
    z = (posterior.theta_new - posterior.phi[..., 0]) / np.exp(posterior.phi[..., 1])
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4


def test_sample(posterior):
    draws = posterior.sample(500, rng=1)
    assert draws["mu"].shape == draws["theta_new"].shape == (500,)
    assert draws["theta"].shape == (500, 8)
    rows = {tuple(row) for row in posterior.theta.reshape(-1, 8)}
    assert all(tuple(row) in rows for row in draws["theta"])
    np.testing.assert_array_equal(draws["mu"], posterior.sample(500, rng=1)["mu"])
    assert posterior.sample(3, rng=ph.RStream(1))["tau"].shape == (3,)


def test_marginal_speaks_scipy_stats():
    draws = stats.gamma(3.0).rvs(200_000, random_state=1)
    marginal, truth = SampleMarginal(draws), stats.gamma(3.0)
    x = np.array([[0.5, 2.0], [4.0, 9.0]])
    np.testing.assert_allclose(marginal.cdf(x), truth.cdf(x), atol=0.005)
    np.testing.assert_allclose(marginal.sf(x), truth.sf(x), atol=0.005)
    np.testing.assert_allclose(marginal.cdf(x) + marginal.sf(x), 1.0)
    np.testing.assert_allclose(marginal.ppf([0.1, 0.9]), truth.ppf([0.1, 0.9]), rtol=0.01)
    np.testing.assert_allclose(marginal.pdf(x), truth.pdf(x), atol=0.01)
    np.testing.assert_allclose(marginal.logpdf(x), np.log(marginal.pdf(x)), rtol=1e-9)
    assert marginal.mean() == pytest.approx(3.0, abs=0.02)
    assert marginal.std() == pytest.approx(np.sqrt(3.0), abs=0.02)
    assert marginal.var() == pytest.approx(marginal.std() ** 2)
    assert marginal.median() == pytest.approx(truth.median(), abs=0.02)
    np.testing.assert_allclose(marginal.interval(0.9), truth.interval(0.9), rtol=0.03)
    low, high = marginal.hdi(0.9)
    assert high - low < np.diff(marginal.interval(0.9))[0]
    assert np.mean((draws >= low) & (draws <= high)) == pytest.approx(0.9, abs=1e-5)
    assert set(marginal.rvs(100, rng=1)) <= set(draws)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_levels(posterior, level):
    with pytest.raises(ValueError, match="level is"):
        posterior["mu"].interval(level)
    with pytest.raises(ValueError, match="level is"):
        posterior["mu"].hdi(level)
