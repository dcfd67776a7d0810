"""The marginal likelihood's highest hill, whatever the prior, against what climbs it otherwise."""

import numpy as np
import pytest
from scipy import optimize, stats

import pyhier as ph

PRIORS = {
    "uniform": "uniform",
    "ends at 5": stats.uniform(0, 5),
    "next to 0": stats.halfnorm(0, 1e-6),
    "callable": lambda tau: -((tau - 3.0) ** 2),
}


@pytest.mark.parametrize("name", PRIORS)
def test_no_prior_has_a_part_in_it(name):
    """Equal standard errors: tau^2 is the mean squared deviation less se^2."""
    y = np.array([-30.0, -10.0, 0.0, 10.0, 30.0, 50.0])
    model = ph.NormalNormal(y, se=[5.0] * 6, prior_tau=PRIORS[name])
    post = ph.empirical_bayes(model)
    assert post.estimate["tau"] == pytest.approx(np.sqrt(y.var() - 25.0), rel=1e-12)  # 25.6038
    assert post.estimate["mu"] == pytest.approx(y.mean(), rel=1e-12)
    assert not post.edge


def test_the_higher_of_two_hills():
    """Two hills, one at tau = 6.150 and the higher one, by 3.3, at 0."""
    y, se = np.array([15.5, -2.1, 15.3]), np.array([0.1, 5.0, 0.2])
    post = ph.empirical_bayes(ph.NormalNormal(y, se=se))
    assert post.estimate["tau"] == 0.0
    assert post.estimate["mu"] == pytest.approx(np.average(y, weights=se**-2.0), rel=1e-14)
    assert post.edge
    top = stats.norm.logpdf(y, post.estimate["mu"], se).sum()
    assert top == pytest.approx(-7.02, abs=5e-3)
    assert post.model.marginal.log_likelihood(post.phi)[0] == (pytest.approx(top, rel=1e-12))


def test_random_sets_as_by_random_effects():
    """It maximises the likelihood in tau^2 alone, by roots of the score."""
    rng = np.random.default_rng(12)
    for i in range(250):
        groups = rng.integers(2, 9)
        y = 10.0 * rng.normal(size=groups)
        se = 10.0 ** rng.uniform(-2.0, 1.2, groups) if i % 2 else rng.uniform(1.0, 15.0, groups)
        model = ph.NormalNormal(y, se=se, prior_tau=stats.halfcauchy(scale=5))
        post, other = ph.empirical_bayes(model), ph.random_effects(model, "ML")
        # Roots of the score are good to 1e-9 of tau where its slope is small.
        assert post.estimate["tau"] == pytest.approx(other.tau, rel=1e-8, abs=1e-8 * se.min())
        assert post.estimate["mu"] == pytest.approx(other.mu, abs=1e-8 * other.se)
        assert post.edge == (other.tau2 == 0.0)


@pytest.mark.parametrize("scale", [1e-60, 1e-8, 1e8, 1e60])
def test_the_scale_of_the_data_is_that_of_the_estimate(scale):
    y = np.array([-30.0, -10.0, 0.0, 10.0, 30.0, 50.0])
    post = ph.empirical_bayes(ph.NormalNormal(scale * y, se=[5.0 * scale] * 6))
    assert post.estimate["tau"] == pytest.approx(scale * np.sqrt(y.var() - 25.0), rel=1e-9)


def count_model(rng, kind):
    """Random counts, under priors that have nothing to do with them."""
    groups = int(rng.integers(1, 8))
    size = np.ceil(10.0 ** rng.uniform(0.0, rng.choice([1.0, 3.0, 6.0]), groups))
    if kind == "binomial":
        share = rng.beta(*10.0 ** rng.uniform(-1.0, 2.0, 2), size=groups)
        prior = {"eta": stats.beta(1, 50), "K": stats.lognorm(0.1, scale=1e4)}
        return ph.BetaBinomial(rng.binomial(size.astype(int), share), size, prior=prior)
    alpha = 10.0 ** rng.uniform(-1.0, 2.0)
    rates = rng.gamma(alpha, 10.0 ** rng.uniform(-3.0, 1.0) / alpha, size=groups)
    prior = {"alpha": stats.expon(scale=0.01), "mu": stats.expon(scale=1e3)}
    return ph.PoissonGamma(rng.poisson(rates * size), size, prior=prior)


@pytest.mark.parametrize("kind", ["binomial", "events"])
def test_no_counts_have_a_higher_hill(kind):
    """Against a plane of points and simplexes from the best of them."""
    rng = np.random.default_rng(5)
    for _ in range(15):
        model = count_model(rng, kind)
        post = ph.empirical_bayes(model)
        centre = model.ridge()[:, model.location].mean()
        across, along = np.meshgrid(centre + np.linspace(-14, 14, 57), np.linspace(-10, 24, 69))
        plane = np.stack([across, along][:: 1 if model.location == 0 else -1], axis=-1)
        plane = plane.reshape(-1, 2)
        best = plane[np.argmax(model.marginal.log_likelihood(plane))]
        found = optimize.minimize(
            lambda x, model=model: -model.marginal.log_likelihood(x[np.newaxis])[0], best,
            method="Nelder-Mead", options={"fatol": 1e-12, "xatol": 1e-8, "maxiter": 4_000},
        )  # fmt: skip
        height = model.marginal.log_likelihood(post.phi)[0]
        assert height >= -found.fun - 1e-7  # on the way to an edge slopes are rounding at last
        assert np.isfinite(list(post.estimate.values())).all()
        assert np.isfinite(post.summary().to_numpy()).all()


def test_effects_at_the_edge_share_their_ranks(model):
    """All effects are one at tau = 0: none of them is the largest one."""
    table = ph.empirical_bayes(model).rank(draws=10, rng=1)
    np.testing.assert_allclose(table["mean"], 4.5)
    np.testing.assert_allclose(table[["largest", "smallest"]], 1.0 / 8.0)
