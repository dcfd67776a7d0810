"""Draws from priors have the priors' distributions, and so has the data made of them."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph


def normal(**priors):
    schools = ph.load_dataset("eight_schools")
    priors = {"prior_mu": stats.norm(0, 20), "prior_tau": stats.halfnorm(scale=10)} | priors
    return ph.NormalNormal(
        schools["y"], se=schools["sigma"], labels=schools["school"], **priors
    )  # fmt: skip


def ks(draws, cdf):
    """Kolmogorov-Smirnov p-value; a seed is fixed, so 1e-3 is no coin toss."""
    return stats.kstest(np.ravel(draws), cdf).pvalue


def test_normal_model():
    model = normal()
    prior = ph.prior_predictive(model, 20_000, rng=1)
    assert ks(prior["mu"].draws, stats.norm(0, 20).cdf) > 1e-3
    assert ks(prior["tau"].draws, stats.halfnorm(scale=10).cdf) > 1e-3
    z = (prior.theta - prior["mu"].draws[..., None]) / prior["tau"].draws[..., None]
    assert ks(z[..., ::3], stats.norm.cdf) > 1e-3
    noise = (prior.y - prior.theta) / model.se
    assert ks(noise[..., ::3], stats.norm.cdf) > 1e-3
    # Var y = sd_mu^2 + E tau^2 + se^2; its sampling error of 20,000 draws is about 1.3%.
    expected = 400.0 + 100.0 + model.var
    np.testing.assert_allclose(prior.y[0].var(axis=0), expected, rtol=0.06)


def test_binomial_model_against_the_beta_binomial():
    """With alpha, beta all but fixed the data is beta-binomial."""
    rats = ph.load_dataset("rat_tumors").tail(3)
    narrow = {"alpha": stats.uniform(2.0, 1e-6), "beta": stats.uniform(14.0, 1e-6)}
    model = ph.BetaBinomial(rats["tumors"], rats["rats"], prior=narrow)
    prior = ph.prior_predictive(model, 20_000, rng=1)
    for j, trials in enumerate(model.trials):
        expected = stats.betabinom(int(trials), 2.0, 14.0)
        k = np.arange(5)
        found = (prior.y[0, :, j, None] == k).mean(axis=0)
        # Four standard errors of a share of 20,000.
        assert np.all(np.abs(found - expected.pmf(k)) < 4.0 * np.sqrt(0.25 / 20_000))
    assert ks(prior.theta, stats.beta(2.0, 14.0).cdf) > 1e-3
    # The effects of one draw are independent given alpha and beta.
    assert abs(np.corrcoef(prior.theta[0].T)[0, 1]) < 4.0 / np.sqrt(20_000)


def test_poisson_model_against_the_negative_binomial():
    pumps = ph.load_dataset("pumps")
    narrow = {"alpha": stats.uniform(3.0, 1e-6), "mu": stats.uniform(0.8, 1e-6)}
    model = ph.PoissonGamma(pumps["failures"], pumps["khours"], prior=narrow)
    prior = ph.prior_predictive(model, 20_000, rng=1)
    mean = 0.8 * model.exposure
    expected = stats.nbinom(3.0, 3.0 / (3.0 + mean))
    found = (prior.y[0] == 0.0).mean(axis=0)
    assert np.all(np.abs(found - expected.pmf(0)) < 4.0 * np.sqrt(0.25 / 20_000))


def test_it_speaks_like_a_posterior():
    prior = ph.prior_predictive(normal(), 4_000, rng=1)
    assert prior.names[:3] == ("mu", "tau", "theta[A]")
    assert prior.summary().loc["tau", "mean"] == pytest.approx(10 * np.sqrt(2 / np.pi), rel=0.05)
    assert 0.45 < prior.probability("theta[A] > theta[B]") < 0.55
    assert list(prior.to_dataframe().columns) == ["chain", "draw", *prior.names]
    with pytest.raises(ValueError, match="read-only"):
        prior.y[0] = 0.0


def test_prior_and_data_that_contradict_each_other():
    good = ph.prior_predictive(normal(), 4_000, rng=1).predictive_check("max")
    bad = ph.prior_predictive(normal(prior_mu=stats.norm(200, 5)), 4_000, rng=1)
    assert 0.05 < good["max"] < 0.95
    assert bad.predictive_check("max")["max"] == 1.0


def test_to_arviz():
    prior = ph.prior_predictive(normal(), 100, rng=1)
    data = prior.to_arviz()
    for group in ("prior", "prior_predictive", "observed_data", "constant_data"):
        assert len(data[group].data_vars) > 0
    np.testing.assert_array_equal(data["prior_predictive"]["y"], prior.y)


@pytest.mark.parametrize("prior", ["bda3", "betabinexch"])
def test_improper_priors(prior):
    rats = ph.load_dataset("rat_tumors")
    with pytest.raises(ValueError, match=f"no draws of the prior {prior}"):
        ph.prior_predictive(ph.BetaBinomial(rats["tumors"], rats["rats"], prior=prior), 10, rng=1)
    with pytest.raises(ValueError, match="no draws of the flat prior of mu"):
        ph.prior_predictive(normal(prior_mu=None), 10, rng=1)


def test_priors_too_wide_for_counts():
    wide = {"alpha": stats.expon(), "mu": stats.lognorm(60.0)}
    with pytest.raises(ValueError, match="give a narrower prior"):
        ph.prior_predictive(ph.PoissonGamma([1, 2, 0], [1.0, 1.0, 2.0], prior=wide), 1_000, rng=1)
