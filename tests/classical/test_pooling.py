"""James-Stein, poolings: closed forms, oracles, limits.

"Rounding" below is 1e-12: some 50 additions and divisions, times what cancels among them.
"""

import numpy as np
import pandas as pd
import pytest

import pyhier as ph
from pyhier import classical


def random_model(seed, tau=1.0):
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(3, 25))
    se = np.exp(rng.normal(0.0, 0.7, groups))
    return ph.NormalNormal(rng.normal(3.0, np.hypot(tau, se)), se=se)


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


def test_one_group_is_its_own_mean():
    one = ph.NormalNormal([1.0], se=[1.0])
    for tau in (2.0, None):
        assert classical.compare_poolings(one, tau).loc["1", "partial_pooling"] == 1.0
