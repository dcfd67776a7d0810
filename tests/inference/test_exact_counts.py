"""Exact posteriors of counts with covariates: against brute force, and the models without."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import pyhier as ph

Y, N = np.array([2, 5, 1, 9, 4, 11.0]), np.array([12, 20, 9, 25, 8, 18.0])
X = np.array([-2, -1, 0, 0.5, 1.5, 2.0])
FAMILIES = pytest.mark.parametrize("family", ["beta-binomial", "poisson-gamma"])

# By count_brute_force.py: log Z, E theta[4], E u, E u^2, E log K; distribution functions of
# theta[4] and of theta_new at x = 1.
KNOWN = {
    "beta-binomial": (
        (-13.73358174617, 0.363292716598, -0.54811351025, 0.421098720936, 3.09540117572),
        {0.2: 0.01319648029, 0.35: 0.44120615703, 0.6: 0.99779538252},
        {0.1: 0.02403804719, 0.7: 0.94442629843},
    ),
    "poisson-gamma": (
        (-14.27072596017, 1.75925465259, 0.55481658262, 0.39476687671, 2.20815705263),
        {0.9: 0.01562725791, 1.7: 0.48832005769, 2.9: 0.98044273831},
        {0.3: 0.0178792217, 4.0: 0.93636014436},
    ),
}


@cache
def posterior(family):
    return ph.exact(model_of(family, X={"x": X}))


def model_of(family, **more):
    if family == "beta-binomial":
        return ph.BetaBinomial(Y, N, **more)
    return ph.PoissonGamma(Y, N / 5.0, **more)


@FAMILIES
def test_by_brute_force(family):
    post = posterior(family)
    (log_z, theta, u, squares, v), own, new = KNOWN[family]
    assert post.log_z == pytest.approx(log_z, abs=1e-8)
    assert post["theta[4]"].mean() == pytest.approx(theta, rel=1e-8)
    assert post.group_means()[3] == pytest.approx(theta, rel=1e-8)
    line = post.linear({"Intercept": 1.0, "x": 0.5})
    far = 1e-8 if family == "beta-binomial" else 3e-8  # a cone of large means, with edges
    assert line.mean() == pytest.approx(u, abs=far)
    assert line.var() == pytest.approx(squares - u * u, rel=20.0 * far)
    assert post[post.model.coordinates[-1]].mean() == pytest.approx(v, abs=1e-7)
    for marginal, known in ((post["theta[4]"], own), (post.theta_new({"x": 1.0}), new)):
        points = np.array(list(known))
        np.testing.assert_allclose(marginal.cdf(points), list(known.values()), atol=1e-8)
        np.testing.assert_allclose(marginal.ppf(marginal.cdf(points)), points, rtol=1e-8)


@FAMILIES
def test_the_intercept_alone_is_the_plain_model(family):
    """LearnBayes' prior of eta and K (of alpha and mu) is the flat one of the predictor."""
    plain = model_of(family, prior="betabinexch" if family == "beta-binomial" else "poissgamexch")
    ours, known = ph.exact(model_of(family, X=np.ones(6))), ph.exact(plain)
    names = dict.fromkeys([f"theta[{j}]" for j in (1, 4, 6)] + ["theta_new"])
    names = {name: name for name in names} | {ours.model.coordinates[-1]: plain.coordinates[
        1 - plain.location], "beta[x1]": plain.coordinates[plain.location]}  # fmt: skip
    for name, same in names.items():
        q = np.array([0.001, 0.3, 0.9])
        np.testing.assert_allclose(ours[name].ppf(q), known[same].ppf(q), rtol=1e-7)
    assert ours.log_z == pytest.approx(known.log_z, abs=1e-8)
    assert np.isinf(ours["theta_new"].mean()) == (family == "poisson-gamma")


def test_offsets_and_units_of_covariates_change_nothing():
    post = posterior("beta-binomial")
    far = ph.exact(ph.BetaBinomial(Y, N, X={"year": 2000.0 + 10.0 * X}))
    q = np.array([0.01, 0.5, 0.99])
    np.testing.assert_allclose(10.0 * far["beta[year]"].ppf(q), post["beta[x]"].ppf(q), rtol=1e-7)
    np.testing.assert_allclose(far["theta[2]"].ppf(q), post["theta[2]"].ppf(q), rtol=1e-7)
    assert far.log_z + np.log(10.0) == pytest.approx(post.log_z, abs=1e-7)  # of flat coefficients


def test_draws_are_of_the_marginals():
    post = posterior("beta-binomial")
    drawn = post.to_draws(20_000, rng=1)
    name = post.model.precision
    for key in ("beta[Intercept]", "beta[x]", name, "theta[4]", "theta_new"):
        u = post[key].cdf(drawn.draws_of(key).ravel())
        assert stats.kstest(u, "uniform").pvalue > 1e-4
    new = post.predict_new(20.0, x={"x": [1.0, -1.0]}, draws=20_000, rng=2)
    assert new.shape == (1, 20_000, 2)
    assert post.probability("beta[x] > 0") == pytest.approx(post["beta[x]"].sf(0.0))


def test_bayes_factors_are_ratios_of_evidences():
    """That of a coefficient against the model without its covariate."""
    prior = {"Intercept": stats.norm(0, 2), "x": stats.norm(0, 1)}
    whole = ph.exact(ph.BetaBinomial(Y, N, X={"x": X}, prior_beta=prior))
    alone = ph.exact(ph.BetaBinomial(Y, N, X={"one": np.ones(6)},
                                     prior_beta={"one": stats.norm(0, 2)}))  # fmt: skip
    ratio = np.exp(alone.log_evidence - whole.log_evidence)
    assert whole.bayes_factor("beta[x] = 0") == pytest.approx(ratio, rel=1e-8)
    density = whole["beta[x]"].pdf(0.0) / stats.norm.pdf(0.0)
    assert density == pytest.approx(ratio, rel=1e-6)
    with pytest.raises(ValueError, match="hypothesis is"):
        whole.bayes_factor("K = 0")


def test_a_predictor_that_is_known():
    """A row of zeros: the effect's law is a mixture over K alone."""
    post = ph.exact(ph.BetaBinomial(Y, N, X={"x": X}, intercept=False))
    k = np.exp(post["log_K"].ppf((np.arange(40_000) + 0.5) / 40_000))
    for point in (0.1, 0.4):
        known = stats.beta.cdf(point, 0.5 * k + 1.0, 0.5 * k + 8.0).mean()
        assert post["theta[3]"].cdf(point) == pytest.approx(known, abs=1e-6)


def test_groups_that_are_all_but_pooled():
    """Narrow components, K to a million: medians against draws of the same posterior."""
    rng = np.random.default_rng(1)
    x = np.repeat([0.0, 1.0], 4)
    n = np.full(8, 100_000)
    y = rng.binomial(n, np.where(x, 0.3, 0.2))
    post = ph.exact(ph.BetaBinomial(y, n, X={"x": x}))
    drawn = post.to_draws(40_000, rng=3)
    for key in ("theta[1]", "theta[8]", "theta_new"):
        below = (drawn.draws_of(key) < post[key].ppf(0.5)).mean()
        assert below == pytest.approx(0.5, abs=0.012)
        assert abs(post[key].log_mass) < 1e-8


def test_what_is_too_much_is_refused():
    x = np.random.default_rng(0).normal(size=(12, 4))
    model = ph.BetaBinomial(np.arange(12), np.full(12, 20), X=x)
    with pytest.raises(TypeError, match="6 coordinates .* nuts"):
        ph.exact(model)
    with pytest.raises(ValueError, match="beta\\[x1\\]"):
        ph.exact(ph.PoissonGamma([0, 0, 3, 4], [1.0] * 4, X=[0.0, 0, 1, 1]))


def test_three_coefficients():
    """Four coordinates: means against an importance sample of the same density."""
    rng = np.random.default_rng(1)
    x = np.column_stack([np.repeat([0.0, 1.0], 6), np.tile([0.0, 1.0, 2.0], 4)])
    n = rng.integers(20, 60, 12)
    y = rng.binomial(n, 1.0 / (1.0 + np.exp(0.5 - x @ [0.5, -0.3])))
    model = ph.BetaBinomial(y, n, X=x)
    post = ph.exact(model)
    other = ph.importance(model, 100_000, df=3, rng=1)
    for key in ("beta[x2]", "theta[1]"):
        error = 4.0 * post[key].std() / np.sqrt(other.ess)
        assert post[key].mean() == pytest.approx(other[key].mean(), abs=error)
    assert post["theta[1]"].mean() == pytest.approx(post.group_means()[0], rel=1e-7)


def test_errors_are_told():
    """Of six groups with events the cone of large means leaves more than half the nodes say."""
    post = posterior("poisson-gamma")
    assert post.lattice.error < 1e-10 < post.error < 1e-7
    assert posterior("beta-binomial").error < 1e-9
