"""Distributions of new groups' counts, against sums over the hyperparameters and the effect."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import comb, expit

import pyhier as ph

Y, N = np.array([3, 0, 7, 5.0]), np.array([12, 9, 20, 14.0])
NORMAL = {"prior_mu": stats.norm(-1, 0.8), "prior_tau": stats.lognorm(0.4, scale=0.6)}
K = np.arange(11)


def effects_by_sums(model, log_density, x=None):
    """Means over mu, log tau (and a slope) of a new effect's law, as nodes and weights."""
    z = np.linspace(-8.0, 8.0, 61)
    height = stats.norm.pdf(z) * (z[1] - z[0])
    axes = [np.linspace(-5.0, 3.0, 61), np.linspace(-3.3, 2.3, 61)]
    if x is not None:
        axes = [np.linspace(-4.8, 2.8, 39), np.linspace(-3.6, 3.6, 33), axes[1][::2]]
    phi = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    density = log_density(phi)
    weight = np.exp(density - density.max())
    kept = weight > 1e-14
    phi, weight = phi[kept], weight[kept] / weight[kept].sum()
    mean = phi[:, 0] if x is None else phi[:, 0] + x * phi[:, 1]
    theta = mean[:, None] + np.exp(phi[:, -1:]) * z
    return theta, weight[:, None] * height


@pytest.mark.parametrize("kind", ["binomial", "Poisson"])
def test_normal_effects(kind):
    """The sum over a grid of mu and log tau and the effect itself."""
    if kind == "binomial":
        model = ph.BinomialNormal(Y, N, **NORMAL)
    else:
        model = ph.PoissonNormal(Y, N, **NORMAL)
    found = ph.exact(model).predictive(10)
    theta, weight = effects_by_sums(model, model.log_posterior)
    if kind == "binomial":
        p = expit(theta)
        wanted = [(stats.binom.pmf(k, 10, p) * weight).sum() for k in K]
        assert found.support == (0.0, 10.0)
        assert found.pmf(K).sum() == pytest.approx(1.0, abs=1e-12)
        assert found.mean() == pytest.approx((10 * p * weight).sum(), abs=1e-7)
        assert found.var() == pytest.approx(K**2 @ wanted - (K @ wanted) ** 2, abs=1e-6)
    else:
        wanted = [(stats.poisson.pmf(k, 10 * np.exp(theta)) * weight).sum() for k in K]
        assert 0.0 < found.rest < 1e-4
        with pytest.raises(ValueError, match="mean of a count without end"):
            found.mean()
    np.testing.assert_allclose(found.pmf(K), wanted, atol=1e-8)
    np.testing.assert_allclose(found.cdf(K), np.cumsum(wanted), atol=1e-8)
    np.testing.assert_allclose(found.sf(K), 1.0 - np.cumsum(wanted), atol=1e-8)
    assert found.ppf(0.5) == np.searchsorted(np.cumsum(wanted), 0.5)
    assert found.median() == found.ppf(0.5)


def test_a_covariate():
    """With a row of the design, by the same sums; draws of a sampler come near."""
    x = np.array([-1.0, 0.5, 0.0, 1.5])
    beta = {"Intercept": stats.norm(-1, 0.8), "x": stats.norm(0, 0.7)}
    model = ph.BinomialNormal(Y, N, X={"x": x}, prior_beta=beta, prior_tau=NORMAL["prior_tau"])
    found = ph.exact(model).predictive(8, x={"x": 1.2})
    theta, weight = effects_by_sums(model, model.log_posterior, 1.2)
    p = expit(theta)
    wanted = [comb(8, k) * (p**k * (1.0 - p) ** (8 - k) * weight).sum() for k in range(9)]
    np.testing.assert_allclose(found.pmf(np.arange(9)), wanted, atol=1e-7)
    draws = ph.rwmetrop(model, 4_000, rng=1).predictive(8, x={"x": 1.2})
    np.testing.assert_allclose(draws.pmf(np.arange(9)), wanted, atol=0.02)


def negative_binomial(k, a, odds):
    """Of the shape and the exposure by the rate, by products: shapes may be without bound."""
    i = np.arange(k)[:, None]
    return np.exp(np.log((a + i) / (i + 1.0)).sum(axis=0) + k * (np.log(odds) - np.log1p(odds))
                  - a * np.log1p(odds))  # fmt: skip


def beta_binomial(k, n, a, b):
    i, j = np.arange(k)[:, None], np.arange(n - k)[:, None]
    logs = np.log((a + i) / (a + b + i)).sum(axis=0)
    return comb(n, k) * np.exp(logs + np.log((b + j) / (a + b + k + j)).sum(axis=0))


def test_conjugate_counts():
    """Beta-binomial and negative binomial given nodes; means of all hyperparameters."""
    for model, size in ((ph.BetaBinomial(Y, N), 6), (ph.PoissonGamma(Y, N), 0.7)):
        post = ph.exact(model)
        found = post.predictive(size)
        hyper = model.hyperparameters(post.phi)
        a, b = hyper["alpha"], hyper["beta"]
        k = range(7)
        if size == 6:
            wanted = np.array([beta_binomial(j, 6, a, b) @ post.weight for j in k])
        else:
            wanted = np.array([negative_binomial(j, a, size / b) @ post.weight for j in k])
        np.testing.assert_allclose(found.pmf(k), wanted, atol=1e-10)
        drawn = post.predict_new(size, draws=20_000, rng=3).ravel()
        share = np.bincount(drawn.astype(int), minlength=7)[:7] / drawn.size
        np.testing.assert_allclose(share, wanted, atol=0.015)
        low, high = found.interval(0.9)
        assert found.cdf(high) >= 0.95 - 1e-12
        assert low == 0.0 or found.cdf(low - 1) < 0.05


def test_covariates_of_conjugate_counts():
    """A regression's predictive at nodes; without x at the groups' means."""
    x = np.array([-1.0, 0.5, 0.0, 1.5])
    priors = {"prior_beta": {"x": stats.norm(0, 1)}, "prior_alpha": stats.lognorm(0.5, scale=5)}
    post = ph.exact(ph.PoissonGamma(Y, N, X={"x": x}, **priors))
    log_mean, alpha = post.phi[:, 0] + 0.4 * post.phi[:, 1], np.exp(post.phi[:, 2])
    odds = 2.5 * np.exp(np.minimum(log_mean - post.phi[:, 2], 600.0))
    k = np.arange(12)
    wanted = [negative_binomial(j, alpha, odds) @ post.weight for j in k]
    np.testing.assert_allclose(post.predictive(2.5, x=[0.4]).pmf(k), wanted, atol=1e-8)
    middle = post.predictive(2.5, x=[x.mean()])
    np.testing.assert_allclose(post.predictive(2.5).pmf(k), middle.pmf(k), atol=1e-9)


def test_ends_and_errors():
    post = ph.exact(ph.BinomialNormal(Y, N, **NORMAL))
    none = post.predictive(0)
    assert none.pmf([0, 1, 0.5, -1]).tolist() == pytest.approx([1.0, 0.0, 0.0, 0.0])
    some = post.predictive(5)
    assert some.cdf([-0.5, 4.5, 5, 99]).tolist() == pytest.approx([0, 1 - some.pmf(5), 1, 1])
    assert some.ppf([0.0, 1.0]).tolist() == [0.0, 5.0]
    with pytest.raises(ValueError, match="size is 1000000000: .*predict_new"):
        post.predictive(10**9)
    with pytest.raises(ValueError, match="x is of models with covariates"):
        post.predictive(5, x=[1.0])
    with pytest.raises((ValueError, TypeError), match="size"):
        post.predictive(2.5)
    far = ph.given(ph.PoissonNormal(Y, N), mu=3.0, tau=6.0).predictive(1e6)
    assert far.rest > 0.01
    with pytest.raises(ValueError, match="were not worked out"):
        far.ppf(0.999)
    with pytest.raises(ValueError, match="were not worked out"):
        far.cdf(1e12)
    with pytest.raises(ValueError, match="predictive is of counts"):
        ph.grid(ph.NormalNormal([1, 2, 4], se=[1, 1, 2]), 20).predictive(1.0)
