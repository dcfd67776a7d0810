"""Raw observations and analysis of variance: closed forms, oracles, limits.

"Rounding" below is 1e-12: some 50 additions and divisions, times what cancels among them.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier.models import raw

VALUES = [3.0, 5.0, 10.0, 6.0, 8.0, 1.0, 3.0]
GROUPS = ["b", "b", "a", "a", "a", "c", "c"]


def random_raw(seed, spread=1.0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, int(rng.integers(2, 15)))
    sizes[-1] = 4
    groups = rng.permutation(np.repeat(np.arange(sizes.size), sizes))
    return rng.normal(spread * rng.normal(size=sizes.size)[groups]), groups


def test_summaries_by_hand():
    pooled = raw.group_summaries(VALUES, GROUPS)
    assert pooled.labels == ("b", "a", "c")  # order of first appearance
    np.testing.assert_array_equal(pooled.n, [2, 3, 2])
    np.testing.assert_array_equal(pooled.y, [4.0, 8.0, 2.0])
    np.testing.assert_array_equal(pooled.var, [3.0] * 3)  # (2 + 8 + 2) / (7 - 3)
    np.testing.assert_array_equal(pooled.se, np.sqrt(3.0 / pooled.n))
    own = raw.group_summaries(VALUES, GROUPS, pooled=False)
    np.testing.assert_array_equal(own.var, [2.0, 4.0, 2.0])
    np.testing.assert_array_equal(own.se, np.sqrt(own.var / own.n))
    with pytest.raises(ValueError, match="read-only"):
        own.se[0] = 1.0


@pytest.mark.parametrize("seed", range(5))
def test_summaries_against_pandas(seed):
    values, groups = random_raw(seed)
    ours = raw.group_summaries(values, groups)
    theirs = pd.Series(values).groupby(groups, sort=False)
    assert ours.labels == tuple(map(str, theirs.mean().index))
    np.testing.assert_array_equal(ours.n, theirs.size())
    np.testing.assert_allclose(ours.y, theirs.mean(), rtol=1e-12, atol=1e-15)  # rounding
    within = (theirs.var().fillna(0.0) * (theirs.size() - 1)).sum() / (values.size - len(theirs))
    np.testing.assert_allclose(ours.var, within, rtol=1e-12)


def test_one_observation_is_enough_if_another_group_has_two():
    ours = raw.group_summaries([1.0, 3.0, 9.0], ["x", "x", "y"])
    np.testing.assert_array_equal(ours.se, [1.0, np.sqrt(2.0)])


@pytest.mark.parametrize(
    "groups",
    [pd.Categorical(["z", "z", "a"]), pd.Series(["z", "z", "a"]), np.array(["z", "z", "a"])],
)
def test_groups_come_in_any_sequence(groups):
    assert raw.group_summaries([1.0, 2.0, 4.0], groups).labels == ("z", "a")
    assert raw.group_summaries([1.0, 2.0, 4.0], iter([7, 7, 2.5])).labels == ("7", "2.5")


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
        raw.group_summaries(values, groups, pooled)


def test_a_constant_group_keeps_its_value():
    ours = raw.group_summaries([0.1, 0.1, 0.1, 5.0, 7.0], list("aaabb"))
    assert ours.y[0] == 0.1
    assert ours.var[0] == 2.0 / 3.0  # (0 + 2) / (5 - 2), exactly


def test_distant_groups_keep_their_variances():
    """Groups 2^40 apart, with observations on a grid of 2^-10: 50 bits, all of them exact."""
    values, groups = random_raw(1)
    values = np.round(values * 2**10) / 2**10
    a = raw.group_summaries(values, groups)
    b = raw.group_summaries(values + 2.0**40 * groups, groups)
    np.testing.assert_allclose(b.var, a.var, rtol=1e-13)  # rounding


# Analysis of variance


def test_anova_by_hand():
    table = ph.anova(VALUES, GROUPS)
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
    ours = ph.anova(values, groups)
    theirs = stats.f_oneway(*(values[groups == g] for g in np.unique(groups)))
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12)  # rounding
    assert ours.pvalue == pytest.approx(theirs.pvalue, rel=1e-11)  # p moves by up to 10 times F
    total = ours.ss_between + ours.ss_within
    assert total == pytest.approx(values.var() * values.size, rel=1e-12)


def test_balanced_moments_are_those_of_the_textbook():
    rng = np.random.default_rng(3)
    values, groups = rng.normal(size=40), np.tile(np.arange(8), 5)
    table = ph.anova(values, groups)
    assert table.n0 == 5.0
    assert table.tau2_raw == (table.ms_between - table.ms_within) / 5.0  # BDA3 section 5.4


def test_negative_moments_are_kept_and_cut():
    table = ph.anova([0.0, 2.0, 1.0, 1.5, 0.5, 1.0], list("aabbcc"))
    assert table.tau2_raw < 0.0 == table.tau2
    assert str(table).endswith(f"tau^2 = 0 (moments give {table.tau2_raw:.5g})")


@pytest.mark.parametrize("spread", [0.0, 2.0])
@pytest.mark.parametrize("seed", range(10))
def test_dersimonian_laird_is_the_anova_estimate_from_summaries(seed, spread):
    """With pooled standard errors, whatever the sizes.

    Q is (J - 1) F, and W - sum w^2 / W is (J - 1) n0 / variance.
    """
    values, groups = random_raw(seed, spread)
    parts = raw.group_summaries(values, groups)
    if len(parts.labels) < 3:
        return
    fit = ph.dersimonian_laird(ph.NormalNormal(parts.y, se=parts.se))
    table = ph.anova(values, groups)
    scale = table.ms_within / table.n0  # what cancels if F is near 1
    assert fit.tau2_raw == pytest.approx(table.tau2_raw, rel=1e-12, abs=1e-12 * scale)


def test_anova_needs_two_groups_and_a_variance():
    with pytest.raises(ValueError, match="all observations are in group a: give at least 2"):
        ph.anova([1.0, 2.0], ["a", "a"])
    with pytest.raises(ValueError, match="no degrees of freedom"):
        ph.anova([1.0, 2.0], ["a", "b"])
    with pytest.raises(ValueError, match="variance within groups is 0"):
        ph.anova([1.0, 1.0, 2.0, 2.0], list("aabb"))


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_raw_scale(scale):
    values, groups = random_raw(1)
    a, b = ph.anova(values, groups), ph.anova(scale * values, groups)
    assert b.tau2_raw == pytest.approx(scale**2 * a.tau2_raw, rel=1e-12)  # rounding
    assert b.pvalue == pytest.approx(a.pvalue, rel=1e-12)
    a, b = (
        raw.group_summaries(values, groups),
        raw.group_summaries(scale * values, groups),
    )
    np.testing.assert_allclose(b.se, scale * a.se, rtol=1e-13)


def test_raw_shift():
    """Data on a grid of 2^-20, which 1e8 more leaves exact: only our own rounding is left."""
    values, groups = random_raw(1)
    values = np.round(values * 2**20) / 2**20
    a, b = ph.anova(values, groups), ph.anova(values + 1e8, groups)
    # A mean rounded at 1e8, off by 1e-8, would be seen in the sum of squares between.
    assert b.ss_within == pytest.approx(a.ss_within, rel=1e-12)
    assert b.ss_between == pytest.approx(a.ss_between, rel=1e-12)
    c = raw.group_summaries(values, groups)
    d = raw.group_summaries(values + 1e8, groups)
    np.testing.assert_allclose(d.se, c.se, rtol=1e-13)
    np.testing.assert_allclose(d.y - 1e8, c.y, atol=1e8 * 2**-52)  # an ulp of 1e8
