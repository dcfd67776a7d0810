"""Estimates of tau^2: closed forms, 30-digit arithmetic, limits.

"Rounding" below is 1e-12: some 50 additions and divisions, times what cancels among them.
"""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

import pyhier as ph
from pyhier.classical.pooling import HomogeneityTest

ESTIMATORS = [ph.dersimonian_laird, ph.reml]


def random_model(seed, tau=1.0):
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(3, 25))
    se = np.exp(rng.normal(0.0, 0.7, groups))
    return ph.NormalNormal(rng.normal(3.0, np.hypot(tau, se)), se=se)


# tau^2


def restricted_score(y, var, tau2):
    """Twice the score, in mpmath, straight from the trace form: y'PPy - tr P."""
    w = [1 / (mp.mpf(v) + tau2) for v in var]
    total = mp.fsum(w)
    mean = mp.fsum(a * mp.mpf(b) for a, b in zip(w, y, strict=True)) / total
    fit = mp.fsum((a * (b - mean)) ** 2 for a, b in zip(w, y, strict=True))
    return fit - total + mp.fsum(a * a for a in w) / total


def loglik(y, var, tau2):
    """Restricted log likelihood by scipy: that of the contrasts of y with its first element."""
    contrast = np.hstack([-np.ones((y.size - 1, 1)), np.eye(y.size - 1)])
    covariance = contrast @ np.diag(var + tau2) @ contrast.T
    return stats.multivariate_normal.logpdf(contrast @ y, cov=covariance, allow_singular=False)


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_eight_schools(estimate, model):
    fit = estimate(model)
    assert fit.tau2 == fit.tau == 0.0
    # metafor prints 7.6856 and 4.0719; with tau = 0 both are complete pooling.
    assert (round(fit.mu, 4), round(fit.se, 4)) == (7.6856, 4.0719)
    pooled = ph.complete_pooling(model)
    assert (fit.mu, fit.se) == (pooled.mean, pooled.se)
    np.testing.assert_allclose(fit.theta, fit.mu, rtol=1e-14)
    np.testing.assert_allclose(fit.theta_se, fit.se, rtol=1e-14)


def test_statsmodels_goes_on_below_zero(model):
    theirs = combine_effects(model.y, model.var, method_re="dl")
    fit = ph.dersimonian_laird(model)
    assert fit.tau2_raw == pytest.approx(theirs.tau2, rel=1e-12)  # rounding
    assert round(fit.tau2_raw, 2) == -44.55
    assert round(theirs.mean_effect_re, 2) == 7.05
    assert round(fit.mu, 2) == 7.69


@pytest.mark.parametrize("seed", range(10))
def test_dersimonian_laird_against_statsmodels(seed):
    model = random_model(seed, tau=2.0)
    theirs = combine_effects(model.y, model.var, method_re="dl")
    fit = ph.dersimonian_laird(model)
    assert fit.tau2 > 0.0
    assert fit.tau2_raw == pytest.approx(theirs.tau2, rel=1e-12)  # rounding
    assert fit.mu == pytest.approx(theirs.mean_effect_re, rel=1e-12)
    assert fit.se == pytest.approx(theirs.sd_eff_w_re, rel=1e-12)


@pytest.mark.parametrize("estimate", ESTIMATORS)
@pytest.mark.parametrize("se", [0.1, 1.5, 2.5])
def test_equal_variances(estimate, se):
    """Both are then the sample variance of y less se^2, wherever that is."""
    y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    raw = y.var(ddof=1) - se**2
    fit = estimate(ph.NormalNormal(y, se=[se] * 8))
    assert fit.tau2_raw == pytest.approx(raw, rel=1e-12)  # rounding
    assert fit.tau2 == pytest.approx(max(raw, 0.0), rel=1e-12)
    assert fit.mu == pytest.approx(y.mean(), rel=1e-14)
    assert fit.se == pytest.approx(np.sqrt((se**2 + fit.tau2) / 8), rel=1e-12)


def test_two_groups_and_one_need_no_posterior():
    """1 and 3 with variances 1/2: S / (J - 1) = 2 less 1/2 is tau^2, and (1/2 + tau^2) / 2 se^2."""
    model = ph.NormalNormal([1, 3], var=[0.5, 0.5])
    for method in ("REML", "DL", "PM", "EB", "HE"):
        fit = ph.random_effects(model, method)
        assert (fit.tau2, fit.mu, fit.se) == pytest.approx((1.5, 2.0, 1.0), rel=1e-14)
    assert ph.random_effects(model, "ML").tau2 == pytest.approx(0.5, rel=1e-14)
    assert ph.empirical_bayes(model).estimate == pytest.approx({"mu": 2.0, "tau": 0.5**0.5})
    assert ph.given(model, mu=2, tau=1)["theta[1]"].mean() == pytest.approx(4.0 / 3.0)
    assert ph.complete_pooling(model).se == pytest.approx(0.5)
    assert ph.compare_poolings(model)["partial_pooling"].tolist() == pytest.approx([1.25, 2.75])
    alone = ph.NormalNormal([4.0], se=[2.0])
    assert ph.homogeneity_test(alone) == HomogeneityTest(0.0, 0, 1.0)
    assert (ph.reml(alone).mu, ph.reml(alone).se, ph.reml(alone).tau2) == (4.0, 2.0, 0.0)
    assert ph.no_pooling(alone)["y"].tolist() == [4.0]
    assert ph.empirical_bayes(alone).estimate == pytest.approx({"mu": 4.0, "tau": 0.0}, abs=1e-6)
    assert ph.given(alone, mu=0, tau=2)["theta[1]"].mean() == 2.0


@pytest.mark.parametrize("difference", [3.1, 1.5, 9.0, 1e6])
def test_reml_of_two_groups(difference):
    """Their difference is N(0, v1 + v2 + 2 tau^2), all that the restricted likelihood has."""
    fit = ph.reml(ph.NormalNormal([0, difference], var=[1, 2]))
    assert fit.tau2_raw == pytest.approx((difference**2 - 3.0) / 2.0, rel=1e-12)  # rounding
    assert fit.tau2 == max(fit.tau2_raw, 0.0)


@pytest.mark.parametrize("tau", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(15))
def test_reml_is_a_root_of_the_exact_score(seed, tau):
    model = random_model(seed, tau)
    fit = ph.reml(model)
    with mp.workdps(50):
        if fit.tau2_raw > -model.var.min():
            # A change of sign within 1e-12 (of tau^2 + min(se^2), on which the score depends).
            delta = 1e-12 * (fit.tau2_raw + model.var.min())
            assert restricted_score(model.y, model.var, mp.mpf(fit.tau2_raw) - delta) > 0
            assert restricted_score(model.y, model.var, mp.mpf(fit.tau2_raw) + delta) < 0
        points = 400
        least = max(fit.tau2_raw, -model.var.min())
        if fit.tau2 == 0.0:  # and no root between it and 0
            for k in range(1, points):
                between = mp.mpf(least) * (points - k) / points
                assert restricted_score(model.y, model.var, between) < 0


def test_reml_where_the_likelihood_rises_to_the_edge():
    model = ph.NormalNormal([1.0, 1.0, 1.0], se=[1.0, 2.0, 3.0])
    assert ph.reml(model).tau2_raw == -1.0
    nearly = ph.NormalNormal([1.0, 1.1, 0.9], se=[1.0, 2.0, 3.0])
    with mp.workdps(50):
        signs = [restricted_score(nearly.y, nearly.var, mp.mpf(k) / 100) < 0 for k in range(-99, 1)]
    assert all(signs)
    assert ph.reml(nearly).tau2_raw == -1.0


# Two hills each, found by search: (y, se, where the higher is).
HILLS = [
    ([4479.459, 6.738, 5.822], [1847.701, 5.703, 2.27], "at 0"),
    ([0.583, -2.886, -327.974], [0.076, 8.995, 125.646], "at 0"),
    ([-0.935, 109.817, -0.208], [13.954, 42.467, 0.109], "above"),
    ([0.604, -0.075, -0.09], [0.147, 0.004, 0.004], "above"),
    ([-0.526, -0.11, 13.597], [0.257, 0.103, 4.806], "above"),
    # The narrowest of 30,000 random data sets: a ladder of steps of 1 steps over it.
    (
        [-1.639, 4.676, 0.25, 1.444, -0.072, 0.194],
        [0.84, 1.93, 1.258, 3.668, 0.449, 0.451],
        "above",
    ),
]


@pytest.mark.parametrize(("y", "se", "where"), HILLS)
def test_reml_takes_the_higher_hill(y, se, where):
    model = ph.NormalNormal(y, se=se)
    fit = ph.reml(model)
    grid = np.concatenate(
        [[0.0], np.geomspace(1e-4 * model.var.min(), 1e3 * model.var.max(), 4000)]
    )
    values = np.array([loglik(model.y, model.var, tau2) for tau2 in grid])
    rising = np.diff(values) > 0.0
    hills = int(not rising[0]) + int((rising[:-1] & ~rising[1:]).sum())
    assert hills == 2  # or the test tests nothing
    assert (fit.tau2 == 0.0) == (where == "at 0")
    assert loglik(model.y, model.var, fit.tau2) >= values.max() - 1e-10  # rounding at |l| ~ 30


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-3, 3)), min_size=3, max_size=9),
)
def test_no_tau2_has_a_higher_restricted_likelihood(groups):
    y, log_se = np.array(groups).T
    model = ph.NormalNormal(y, se=np.exp(log_se))
    fit = ph.reml(model)
    grid = np.concatenate([[0.0], np.geomspace(1e-3 * model.var.min(), 1e5, 200)])
    best = max(loglik(model.y, model.var, tau2) for tau2 in grid)
    # Rounding of a Cholesky factor whose condition is up to 1e6, in a quadratic form up to 1e7.
    ours = loglik(model.y, model.var, fit.tau2)
    assert ours >= best - 1e-9 * max(1.0, abs(best))
    assert fit.tau2 == max(fit.tau2_raw, 0.0)
    assert fit.tau2_raw >= -model.var.min()


@pytest.mark.parametrize("tau", [0.0, 2.0])
@pytest.mark.parametrize("estimate", ESTIMATORS)
@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_scale(estimate, scale, tau):
    model = random_model(2, tau)
    a = estimate(model)
    b = estimate(ph.NormalNormal(scale * model.y, se=scale * model.se))
    # The products round the data: 1e-16, times the condition of tau^2, some hundreds.
    assert b.tau2_raw == pytest.approx(scale**2 * a.tau2_raw, rel=1e-12)
    assert (b.mu, b.se) == pytest.approx((scale * a.mu, scale * a.se), rel=1e-12)
    np.testing.assert_allclose(b.theta, scale * a.theta, rtol=1e-12)
    np.testing.assert_allclose(b.theta_se, scale * a.theta_se, rtol=1e-12)


@pytest.mark.parametrize("tau", [0.0, 2.0])
@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_shift(estimate, tau):
    model = random_model(2, tau)
    y = np.round(model.y * 2**20) / 2**20  # so that 1e8 more leaves it exact
    a = estimate(ph.NormalNormal(y, se=model.se))
    b = estimate(ph.NormalNormal(y + 1e8, se=model.se))
    # REML looks only at differences of y: exact. DL's residuals are from a mean rounded at 1e8
    # (1e-8), where Q is least: 1e-8 squared, plus 2e-8 times a sum that is 0 but for 1e-8.
    assert b.tau2_raw == pytest.approx(a.tau2_raw, rel=1e-12)
    ulp = 1e8 * 2**-52
    assert b.mu - 1e8 == pytest.approx(a.mu, abs=2 * ulp)
    np.testing.assert_allclose(b.theta - 1e8, a.theta, atol=4 * ulp)
    np.testing.assert_allclose(b.theta_se, a.theta_se, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_effects_are_those_of_the_joint_normal(seed):
    """theta and mu given tau are jointly normal: their precision matrix, inverted."""
    model = random_model(seed, 2.0)
    fit, j = ph.reml(model), model.y.size
    assert fit.tau2 > 0.0
    precision = np.diag(np.append(1.0 / model.var + 1.0 / fit.tau2, j / fit.tau2))
    precision[:j, j] = precision[j, :j] = -1.0 / fit.tau2
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.append(model.y / model.var, 0.0)
    # Inverting loses the condition of the matrix, below 1e4 here.
    np.testing.assert_allclose(fit.theta, mean[:j], rtol=1e-11)
    np.testing.assert_allclose(fit.theta_se, np.sqrt(np.diag(covariance)[:j]), rtol=1e-11)
    assert (fit.mu, fit.se) == pytest.approx((mean[j], np.sqrt(covariance[j, j])), rel=1e-11)


def test_priors_play_no_part(model):
    other = ph.NormalNormal(model.y, se=model.se, prior_mu=stats.norm(0, 1))
    for estimate in ESTIMATORS:
        assert estimate(other).mu == estimate(model).mu


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_one_group_has_no_tau2(estimate):
    found = estimate(ph.NormalNormal([1.0], se=[1.0]))
    assert (found.mu, found.se, found.tau2) == (1.0, 1.0, 0.0)
    assert np.isnan(found.tau2_se)


def test_results_are_frozen(model):
    fit = ph.reml(model)
    with pytest.raises(ValueError, match="read-only"):
        fit.theta[0] = 1.0
    with pytest.raises(AttributeError, match="cannot assign"):
        fit.mu = 1.0


@pytest.mark.parametrize("estimate", ESTIMATORS)
@pytest.mark.parametrize("size", [1e-60, 1e60])
def test_extreme_units(estimate, size):
    """The edges of what NormalNormal takes, with standard errors over nine decades."""
    se = size * np.array([1e-4, 1.0, 2.0, 1e5])
    fit = estimate(ph.NormalNormal(size * np.array([0.0, 30.0, -50.0, 10.0]), se=se))
    assert np.all(np.isfinite([fit.tau2_raw, fit.mu, fit.se, *fit.theta, *fit.theta_se]))
    assert 10.0 < fit.tau / size < 100.0


def test_common_effects_by_all_their_names():
    model = ph.NormalNormal([1.0, 3.0, 2.0], se=[1.0, 0.5, 2.0])
    fits = [ph.random_effects(model, method) for method in ("FE", "EE", "CE")]
    weight = 1.0 / np.square([1.0, 0.5, 2.0])
    for fit in fits:
        assert fit.mu == pytest.approx(weight @ [1.0, 3.0, 2.0] / weight.sum(), rel=1e-14)
        assert fit.se == pytest.approx(weight.sum() ** -0.5, rel=1e-14)
