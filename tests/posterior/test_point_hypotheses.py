"""Bayes factors of point hypotheses against ratios of the evidences of two models."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph

HALF = stats.halfnorm(scale=1)


def rows(formula, slope=1.0, **options):
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(8), 6)
    x = rng.normal(size=g.size)
    y = 1.0 + slope * x + rng.normal(size=8)[g] + 0.3 * rng.normal(size=8)[g] * x
    y += 0.5 * rng.normal(size=g.size)
    prior = {"Intercept": stats.norm(0, 3)} | ({"x": stats.norm(0, 3)} if "x +" in formula else {})
    model = ph.HierarchicalRegression.from_formula(
        formula, {"y": y, "x": x, "g": g}, prior_sigma=HALF, prior_tau=HALF, prior_beta=prior,
        **options,
    )  # fmt: skip
    return ph.exact(model)


@pytest.mark.parametrize(
    ("whole", "hypothesis", "part", "slope"),
    [
        ("y ~ x + (x || g)", "tau[x] = 0", "y ~ x + (1 | g)", 1.0),
        ("y ~ x + (1 | g)", "beta[x] = 0", "y ~ 1 + (1 | g)", 0.0),
        ("y ~ x + (1 | g)", "beta[x] = 0", "y ~ 1 + (1 | g)", 3.0),  # 1e-20
    ],
)
def test_it_is_the_ratio_of_evidences(whole, hypothesis, part, slope):
    first, second = rows(whole, slope), rows(part, slope)
    wanted = second.log_evidence - first.log_evidence
    assert np.log(first.bayes_factor(hypothesis)) == pytest.approx(wanted, abs=1e-8)


def test_a_correlation_of_0_is_the_uncorrelated_model():
    first, second = rows("y ~ x + (x | g)"), rows("y ~ x + (x || g)")
    wanted = second.log_evidence - first.log_evidence
    found = np.log(first.bayes_factor("rho[Intercept,x] = 0"))
    assert found == pytest.approx(wanted, abs=1e-6)  # four coordinates: 1e-7 each


def test_a_level_without_variance_is_the_model_without_it():
    y, se = [0.1, 0.4, 0.2, 0.9, 0.3, 0.5], [0.2] * 6
    levels = {"district": list("aabbcc"), "school": list(range(6))}
    priors = {"prior_tau": HALF, "prior_mu": stats.norm(0, 1)}
    whole = ph.exact(ph.MultilevelNormal(y, se=se, levels=levels, **priors))
    part = ph.exact(ph.NormalNormal(y, se=se, **priors))
    wanted = part.log_evidence - whole.log_evidence
    assert np.log(whole.bayes_factor("tau[district] = 0")) == pytest.approx(wanted, abs=1e-8)


def test_priors_without_a_density_at_0_are_named():
    post = rows("y ~ x + (1 | g)")
    model = post.model.with_prior(prior_tau=stats.gamma(2))
    with pytest.raises(ValueError, match="density of tau.Intercept. at 0 is 0 or infinite"):
        ph.exact(model).bayes_factor("tau[Intercept] = 0")
    with pytest.raises(ValueError, match="it must be 'beta"):
        post.bayes_factor("sigma = 0")
    with pytest.raises(ValueError, match="no evidence"):
        ph.exact(post.model.with_prior(prior_tau="uniform")).bayes_factor("beta[x] = 0")


def test_combinations_of_effects():
    post = rows("y ~ x + (x || g)")
    new = post.rows.fitted({"g": [3], "x": [2.0]})
    whole = post.linear({"theta[3,Intercept]": 1.0, "theta[3,x]": 2.0})
    assert whole.mean() == pytest.approx(new["mean"].iloc[0], rel=1e-12)
    assert whole.std() == pytest.approx(new["sd"].iloc[0], rel=1e-12)
    apart = post.linear({"theta[3,x]": 1.0, "theta[4,x]": -1.0}).sf(0.0)
    assert apart == pytest.approx(post.probability("theta[3,x] > theta[4,x]"), rel=1e-10)
    draws = post.to_dataframe(draws=100_000, rng=1)
    mixed = 0.5 * (draws["theta[3,x]"] + draws["theta[4,x]"]) + draws["beta[Intercept]"]
    found = post.linear({"theta[3,x]": 0.5, "theta[4,x]": 0.5, "Intercept": 1.0})
    assert found.mean() == pytest.approx(mixed.mean(), abs=4.5 * mixed.std() / 316)
    assert found.std() == pytest.approx(mixed.std(), rel=0.015)
    with pytest.raises(KeyError, match="theta.9,x"):
        post.linear({"theta[9,x]": 1.0})


def test_effects_are_ranked_among_their_own_kind():
    ranks = rows("y ~ x + (x || g)").rank(draws=500, rng=1)
    assert len(ranks) == 16
    for kind in ("Intercept", "x"):
        own = ranks[ranks.index.str.endswith(kind)]
        assert own["mean"].sum() == pytest.approx(36.0)
        assert own["largest"].sum() == pytest.approx(1.0)
