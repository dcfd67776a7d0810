"""Raw data, analysis of variance, tau^2, James-Stein, poolings: closed forms, oracles, limits.

"Rounding" below is 1e-12: some 50 additions and divisions, times what cancels among them.
"""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

import pyhier as ph
from pyhier import classical, from_raw

VALUES = [3.0, 5.0, 10.0, 6.0, 8.0, 1.0, 3.0]
GROUPS = ["b", "b", "a", "a", "a", "c", "c"]
ESTIMATORS = [ph.dersimonian_laird, ph.reml]
PROPER = stats.halfcauchy(scale=1.0)  # lets a model have two groups; the estimates ignore it


def random_raw(seed, spread=1.0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, int(rng.integers(2, 15)))
    sizes[-1] = 4
    groups = rng.permutation(np.repeat(np.arange(sizes.size), sizes))
    return rng.normal(spread * rng.normal(size=sizes.size)[groups]), groups


def random_model(seed, tau=1.0):
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(3, 25))
    se = np.exp(rng.normal(0.0, 0.7, groups))
    return ph.NormalNormal(rng.normal(3.0, np.hypot(tau, se)), se=se)


# Raw observations


def test_summaries_by_hand():
    pooled = from_raw.group_summaries(VALUES, GROUPS)
    assert pooled.labels == ("b", "a", "c")  # order of first appearance
    np.testing.assert_array_equal(pooled.n, [2, 3, 2])
    np.testing.assert_array_equal(pooled.y, [4.0, 8.0, 2.0])
    np.testing.assert_array_equal(pooled.var, [3.0] * 3)  # (2 + 8 + 2) / (7 - 3)
    np.testing.assert_array_equal(pooled.se, np.sqrt(3.0 / pooled.n))
    own = from_raw.group_summaries(VALUES, GROUPS, pooled=False)
    np.testing.assert_array_equal(own.var, [2.0, 4.0, 2.0])
    np.testing.assert_array_equal(own.se, np.sqrt(own.var / own.n))
    with pytest.raises(ValueError, match="read-only"):
        own.se[0] = 1.0


@pytest.mark.parametrize("seed", range(5))
def test_summaries_against_pandas(seed):
    values, groups = random_raw(seed)
    ours = from_raw.group_summaries(values, groups)
    theirs = pd.Series(values).groupby(groups, sort=False)
    assert ours.labels == tuple(map(str, theirs.mean().index))
    np.testing.assert_array_equal(ours.n, theirs.size())
    np.testing.assert_allclose(ours.y, theirs.mean(), rtol=1e-12, atol=1e-15)  # rounding
    within = (theirs.var().fillna(0.0) * (theirs.size() - 1)).sum() / (values.size - len(theirs))
    np.testing.assert_allclose(ours.var, within, rtol=1e-12)


def test_one_observation_is_enough_if_another_group_has_two():
    ours = from_raw.group_summaries([1.0, 3.0, 9.0], ["x", "x", "y"])
    np.testing.assert_array_equal(ours.se, [1.0, np.sqrt(2.0)])


@pytest.mark.parametrize(
    "groups",
    [pd.Categorical(["z", "z", "a"]), pd.Series(["z", "z", "a"]), np.array(["z", "z", "a"])],
)
def test_groups_come_in_any_sequence(groups):
    assert from_raw.group_summaries([1.0, 2.0, 4.0], groups).labels == ("z", "a")
    assert from_raw.group_summaries([1.0, 2.0, 4.0], iter([7, 7, 2.5])).labels == ("7", "2.5")


@pytest.mark.parametrize(
    ("values", "groups", "pooled", "error", "match"),
    [
        ([1, 2, 3], ["a", "a"], True, ValueError, "3 observations and groups has 2"),
        ([], [], True, ValueError, "values is empty"),
        (
            [1, np.nan, 3],
            ["a", "b", "b"],
            True,
            ValueError,
            r"values\[1\] \(group b\) is nan: drop",
        ),
        ([1, 2, np.inf], ["a", "b", "b"], False, ValueError, r"values\[2\] \(group b\) is inf"),
        ([1, 2, 1e80], ["a", "b", "b"], True, ValueError, r"values\[2\] \(group b\) .* rescale"),
        ([1, 2, 3], ["a", None, "a"], True, ValueError, r"groups\[1\] is missing \(None\)"),
        ([1, 2, 3], [1.0, 1.0, np.nan], True, ValueError, r"groups\[2\] is missing \(nan\)"),
        ([1, 2, 3], ["a", "a", pd.NA], True, ValueError, r"groups\[2\] is missing \(<NA>\)"),
        ([1, 2, 3], "aab", True, TypeError, "groups is 'aab': give a sequence"),
        ([1, 2, 3], 4, True, TypeError, "groups is 4: give a sequence"),
        ([1, 2, 3], np.ones((3, 1)), True, ValueError, "groups has more than one dimension"),
        ([1, 2, 3], ["a", "b", "c"], True, ValueError, "no degrees of freedom"),
        ([1, 2, 3], ["a", "b", "b"], False, ValueError, "group a has one observation"),
        # The mean of three 0.1 is not 0.1: the variance has to come out as 0 all the same.
        ([0.1, 0.1, 0.1, 5.0], list("aaab"), True, ValueError, "variance within groups is 0"),
        ([1, 2, 0.1, 0.1, 0.1], list("bbaaa"), False, ValueError, "group a has variance 0"),
        (["x", 2, 3], ["a", "b", "b"], True, TypeError, "values must be numbers"),
    ],
)
def test_raw_data_that_cannot_be_used(values, groups, pooled, error, match):
    with pytest.raises(error, match=match):
        from_raw.group_summaries(values, groups, pooled)


def test_a_constant_group_keeps_its_value():
    ours = from_raw.group_summaries([0.1, 0.1, 0.1, 5.0, 7.0], list("aaabb"))
    assert ours.y[0] == 0.1
    assert ours.var[0] == 2.0 / 3.0  # (0 + 2) / (5 - 2), exactly


def test_distant_groups_keep_their_variances():
    """Groups 2^40 apart, with observations on a grid of 2^-10: 50 bits, all of them exact."""
    values, groups = random_raw(1)
    values = np.round(values * 2**10) / 2**10
    a = from_raw.group_summaries(values, groups)
    b = from_raw.group_summaries(values + 2.0**40 * groups, groups)
    np.testing.assert_allclose(b.var, a.var, rtol=1e-13)  # rounding


# Analysis of variance


def test_anova_by_hand():
    table = from_raw.anova(VALUES, GROUPS)
    ss = 2 * 16 + 3 * 64 + 2 * 4 - 36**2 / 7  # sum n y^2 - (sum x)^2 / N
    n0 = (7 - (4 + 9 + 4) / 7) / 2
    assert (table.df_between, table.df_within) == (2, 4)
    expected = (ss, 12.0, ss / 2, 3.0, ss / 6, n0, (ss / 2 - 3) / n0)
    names = ["ss_between", "ss_within", "ms_between", "ms_within", "statistic", "n0", "tau2_raw"]
    assert [getattr(table, name) for name in names] == pytest.approx(expected, rel=1e-13)
    assert table.tau2 == table.tau2_raw
    lines = str(table).splitlines()
    assert lines[1].split() == ["between", "2", "46.857", "23.429", "7.8095", "0.04157"]
    assert lines[2].split() == ["within", "4", "12", "3"]
    assert lines[3] == "tau^2 = 8.9375"


@pytest.mark.parametrize("seed", range(10))
def test_anova_against_scipy(seed):
    values, groups = random_raw(seed)
    ours = from_raw.anova(values, groups)
    theirs = stats.f_oneway(*(values[groups == g] for g in np.unique(groups)))
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12)  # rounding
    assert ours.pvalue == pytest.approx(theirs.pvalue, rel=1e-11)  # p moves by up to 10 times F
    total = ours.ss_between + ours.ss_within
    assert total == pytest.approx(values.var() * values.size, rel=1e-12)


def test_balanced_moments_are_those_of_the_textbook():
    rng = np.random.default_rng(3)
    values, groups = rng.normal(size=40), np.tile(np.arange(8), 5)
    table = from_raw.anova(values, groups)
    assert table.n0 == 5.0
    assert table.tau2_raw == (table.ms_between - table.ms_within) / 5.0  # BDA3 section 5.4


def test_negative_moments_are_kept_and_cut():
    table = from_raw.anova([0.0, 2.0, 1.0, 1.5, 0.5, 1.0], list("aabbcc"))
    assert table.tau2_raw < 0.0 == table.tau2
    assert str(table).endswith(f"tau^2 = 0 (moments give {table.tau2_raw:.5g})")


@pytest.mark.parametrize("spread", [0.0, 2.0])
@pytest.mark.parametrize("seed", range(10))
def test_dersimonian_laird_is_the_anova_estimate_from_summaries(seed, spread):
    """With pooled standard errors, whatever the sizes.

    Q is (J - 1) F, and W - sum w^2 / W is (J - 1) n0 / variance.
    """
    values, groups = random_raw(seed, spread)
    parts = from_raw.group_summaries(values, groups)
    if len(parts.labels) < 3:
        return
    fit = ph.dersimonian_laird(ph.NormalNormal(parts.y, se=parts.se))
    table = from_raw.anova(values, groups)
    scale = table.ms_within / table.n0  # what cancels if F is near 1
    assert fit.tau2_raw == pytest.approx(table.tau2_raw, rel=1e-12, abs=1e-12 * scale)


def test_anova_needs_two_groups_and_a_variance():
    with pytest.raises(ValueError, match="all observations are in group a: give at least 2"):
        from_raw.anova([1.0, 2.0], ["a", "a"])
    with pytest.raises(ValueError, match="no degrees of freedom"):
        from_raw.anova([1.0, 2.0], ["a", "b"])
    with pytest.raises(ValueError, match="variance within groups is 0"):
        from_raw.anova([1.0, 1.0, 2.0, 2.0], list("aabb"))


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_raw_scale(scale):
    values, groups = random_raw(1)
    a, b = from_raw.anova(values, groups), from_raw.anova(scale * values, groups)
    assert b.tau2_raw == pytest.approx(scale**2 * a.tau2_raw, rel=1e-12)  # rounding
    assert b.pvalue == pytest.approx(a.pvalue, rel=1e-12)
    a, b = (
        from_raw.group_summaries(values, groups),
        from_raw.group_summaries(scale * values, groups),
    )
    np.testing.assert_allclose(b.se, scale * a.se, rtol=1e-13)


def test_raw_shift():
    """Data on a grid of 2^-20, which 1e8 more leaves exact: only our own rounding is left."""
    values, groups = random_raw(1)
    values = np.round(values * 2**20) / 2**20
    a, b = from_raw.anova(values, groups), from_raw.anova(values + 1e8, groups)
    # A mean rounded at 1e8, off by 1e-8, would be seen in the sum of squares between.
    assert b.ss_within == pytest.approx(a.ss_within, rel=1e-12)
    assert b.ss_between == pytest.approx(a.ss_between, rel=1e-12)
    c = from_raw.group_summaries(values, groups)
    d = from_raw.group_summaries(values + 1e8, groups)
    np.testing.assert_allclose(d.se, c.se, rtol=1e-13)
    np.testing.assert_allclose(d.y - 1e8, c.y, atol=1e8 * 2**-52)  # an ulp of 1e8


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


@pytest.mark.parametrize("difference", [3.1, 1.5, 9.0, 1e6])
def test_reml_of_two_groups(difference):
    """Their difference is N(0, v1 + v2 + 2 tau^2), all that the restricted likelihood has."""
    fit = ph.reml(ph.NormalNormal([0, difference], var=[1, 2], prior_tau=PROPER))
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
    other = ph.NormalNormal(model.y, se=model.se, prior_mu=stats.norm(0, 1), prior_tau=PROPER)
    for estimate in ESTIMATORS:
        assert estimate(other).mu == estimate(model).mu


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_one_group_has_no_tau2(estimate):
    one = ph.NormalNormal([1.0], se=[1.0], prior_tau=PROPER)
    with pytest.raises(ValueError, match=r"y has 1 group: tau\^2 needs at least 2"):
        estimate(one)


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


# James-Stein


def test_baseball():
    """Efron and Morris (1975): 18 players after 45 at bats, in the batting averages themselves.

    Efron and Morris (1977, Scientific American 236(5)) print the shrinking factor 0.212 and
    Clemente's 0.294.
    """
    hits = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7])
    y = hits / 45
    ours = classical.james_stein(
        ph.NormalNormal(y, var=np.full(18, y.mean() * (1 - y.mean()) / 45))
    )
    assert round(1.0 - ours.shrinkage, 3) == 0.212
    assert round(ours.theta[0], 3) == 0.294
    assert ours.mean == pytest.approx(y.mean(), rel=1e-14)


def test_james_stein_of_equal_variances():
    y = np.array([1.0, 3.0, 5.0, 7.0, 9.0])
    ours = classical.james_stein(ph.NormalNormal(y, se=[2.0] * 5))
    assert ours.shrinkage == pytest.approx(2 * 4.0 / 40.0, rel=1e-14)  # (J - 3) se^2 / S
    np.testing.assert_allclose(ours.theta, 5.0 + 0.8 * (y - 5.0), rtol=1e-14)


def test_james_stein_of_unequal_variances():
    """The same formula in the scale y / se."""
    model = random_model(4, 2.0)
    ours = classical.james_stein(model)
    mean = np.average(model.y, weights=1.0 / model.var)
    q = (((model.y - mean) / model.se) ** 2).sum()
    assert 0.0 < ours.shrinkage < 1.0
    assert ours.shrinkage == pytest.approx((model.y.size - 3) / q, rel=1e-12)  # rounding
    expected = mean + (1.0 - (model.y.size - 3) / q) * (model.y - mean)
    np.testing.assert_allclose(ours.theta, expected, rtol=1e-12)


def test_james_stein_has_lower_risk():
    """Where all effects are equal: at most 3 of the 10 that the estimates themselves risk."""
    rng = np.random.default_rng(5)
    losses = []
    for y in rng.normal(size=(2000, 10)):
        theta = classical.james_stein(ph.NormalNormal(y, se=np.ones(10))).theta
        losses.append((theta**2).sum())
    # Without the positive part it is 10 - 7^2 E[1 / chi^2_9] = 3; with it less, but more than the 1
    # of the mean. The standard error of this average is 0.04.
    assert 1.0 < np.mean(losses) < 3.0


@pytest.mark.parametrize("y", [[28, 8, -3, 7, -1, 1, 18, 12], [5.0] * 8])
def test_the_positive_part(y):
    ours = classical.james_stein(ph.NormalNormal(y, se=[15, 10, 16, 11, 9, 11, 10, 18]))
    assert ours.shrinkage == 1.0
    np.testing.assert_array_equal(ours.theta, ours.mean)


def test_james_stein_needs_four_groups():
    with pytest.raises(ValueError, match="y has 3 groups: shrinking .* needs at least 4"):
        classical.james_stein(ph.NormalNormal([1, 2, 3], se=[1, 1, 1]))
    assert classical.james_stein(ph.NormalNormal([1, 2, 3, 9], se=[1] * 4)).shrinkage < 1.0


# Side by side


def test_compare_poolings_by_hand():
    model = ph.NormalNormal([0.0, 3.0, 9.0], se=[1.0, 1.0, 2.0], labels=["x", "y", "z"])
    table = classical.compare_poolings(model, tau=np.sqrt(3.0))
    assert list(table.index) == ["x", "y", "z"]
    assert list(table) == [
        "y", "se", "no_pooling", "complete_pooling", "partial_pooling",
        "no_pooling_sd", "complete_pooling_sd", "partial_pooling_sd",
    ]  # fmt: skip
    np.testing.assert_array_equal(table["no_pooling"], model.y)
    np.testing.assert_array_equal(table["no_pooling_sd"], model.se)
    np.testing.assert_allclose(table["complete_pooling"], 7 / 3, rtol=1e-14)  # weights 4 4 1
    np.testing.assert_allclose(table["complete_pooling_sd"], np.sqrt(4 / 9), rtol=1e-14)
    mu = (7 * 0 + 7 * 3 + 4 * 9) / 18  # weights 1/4 1/4 1/7
    shrinkage = np.array([1 / 4, 1 / 4, 4 / 7])
    np.testing.assert_allclose(
        table["partial_pooling"], shrinkage * mu + (1 - shrinkage) * model.y, rtol=1e-14
    )
    var = 3 * shrinkage + shrinkage**2 * 28 / 18
    np.testing.assert_allclose(table["partial_pooling_sd"], np.sqrt(var), rtol=1e-14)


def test_partial_pooling_lies_between_its_limits(model):
    nothing, all_ = classical.compare_poolings(model, 0.0), classical.compare_poolings(model, 1e9)
    for suffix in ("", "_sd"):
        partial = "partial_pooling" + suffix
        np.testing.assert_allclose(
            nothing[partial], nothing["complete_pooling" + suffix], rtol=1e-14
        )
        # se^2 / tau^2 = 3e-16 is left.
        np.testing.assert_allclose(all_[partial], all_["no_pooling" + suffix], rtol=1e-14)


def test_partial_pooling_is_at_reml_by_default():
    model = random_model(0, 2.0)
    fit = ph.reml(model)
    assert fit.tau2 > 0.0
    table = classical.compare_poolings(model)
    np.testing.assert_array_equal(table["partial_pooling"], fit.theta)
    np.testing.assert_array_equal(table["partial_pooling_sd"], fit.theta_se)
    # The square of a root is off by a rounding.
    again = classical.compare_poolings(model, tau=fit.tau)
    pd.testing.assert_frame_equal(again, table, rtol=1e-14)


@pytest.mark.parametrize("tau", [-1.0, np.nan, np.inf, 1e80])
def test_tau_out_of_range(model, tau):
    with pytest.raises(ValueError, match="it must be a finite number from 0 up"):
        classical.compare_poolings(model, tau)


def test_tau_must_be_a_number(model):
    with pytest.raises(TypeError, match="tau is 'REML'"):
        classical.compare_poolings(model, "REML")


def test_one_group_needs_a_tau():
    one = ph.NormalNormal([1.0], se=[1.0], prior_tau=PROPER)
    assert classical.compare_poolings(one, 2.0).loc["1", "partial_pooling"] == 1.0
    with pytest.raises(ValueError, match="y has 1 group"):
        classical.compare_poolings(one)
