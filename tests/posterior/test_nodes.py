"""Mixtures over nodes: quantiles by the density, and by the tails where it is too rough."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.distributions.families import Beta, Gamma, Normal
from pyhier.distributions.mixtures import FamilyMixture


def weights(n):
    w = np.random.default_rng(n).random(n)
    return w / w.sum()


def families(n):
    rng = np.random.default_rng(n + 1)
    return {
        "normal": Normal(rng.normal(size=n), rng.uniform(0.5, 2.0, n)),
        "beta": Beta(rng.uniform(0.5, 9.0, n), rng.uniform(1.5, 9.0, n)),
        "gamma": Gamma(rng.uniform(0.2, 9.0, n), rng.uniform(0.5, 5.0, n)),
    }


@pytest.mark.parametrize("name", ["normal", "beta", "gamma"])
def test_both_ways_give_the_same_quantiles(name):
    mixture = FamilyMixture(families(400)[name], weights(400))
    by_density = mixture._by_density
    assert by_density is not None
    q = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.9999])
    # Panels carry the density to 1e-10; the tails' sum knows better.
    np.testing.assert_allclose(mixture.cdf(mixture.ppf(q)), q, rtol=1e-8)
    np.testing.assert_allclose(mixture.sf(mixture.isf(q)), q, rtol=1e-8)
    x = mixture.ppf([0.2, 0.7])
    np.testing.assert_allclose(by_density.pdf(x), mixture.pdf(x), rtol=1e-9)
    assert by_density.mean() == pytest.approx(mixture.mean(), rel=1e-9)


def test_spikes_are_left_to_the_tails():
    """A hundred components far apart, ten of them as narrow as 1e-9: no panels resolve them."""
    rng = np.random.default_rng(4)
    sd = np.where(np.arange(100) % 10 == 0, 1e-9, 0.5)
    mixture = FamilyMixture(Normal(rng.normal(0, 3, 100), sd**2), np.full(100, 0.01))
    assert mixture._by_density is None
    q = np.array([0.05, 0.5, 0.93])
    np.testing.assert_allclose(mixture.cdf(mixture.ppf(q)), q, rtol=1e-6)


def test_one_node_is_its_distribution():
    mixture = FamilyMixture(Beta(np.array([5.4]), np.array([18.6])), np.ones(1))
    q = np.array([1e-9, 0.025, 0.5, 0.975])
    np.testing.assert_allclose(mixture.ppf(q), stats.beta(5.4, 18.6).ppf(q), rtol=1e-11)


@pytest.mark.parametrize("engine", [ph.empirical_bayes, lambda m: ph.given(m, mu=3.0, tau=0.0)])
def test_effects_at_tau_0_are_points(model, engine):
    """All are mu: its distribution function steps there, and no table warns."""
    post = engine(model)
    mu = post.estimate["mu"] if hasattr(post, "estimate") else 3.0
    for name in ("theta[A]", "theta_new", "mu"):
        marginal = post[name]
        assert (marginal.mean(), marginal.std(), marginal.median()) == (mu, 0.0, mu)
        np.testing.assert_array_equal(marginal.cdf([mu - 1.0, mu, mu + 1.0]), [0.0, 1.0, 1.0])
        np.testing.assert_array_equal(marginal.sf([mu - 1.0, mu, mu + 1.0]), [1.0, 0.0, 0.0])
        assert marginal.interval(0.9) == marginal.hdi(0.9) == (mu, mu)
    table = post.summary()
    assert (table.drop("tau").to_numpy() == [mu, 0.0, mu, mu, mu, mu, mu]).all()
    assert (table.loc["tau"] == 0.0).all()
