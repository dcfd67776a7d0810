"""random_effects_many: equal to random_effects one by one, and to metafor on fuzzed sets."""

import pickle

import numpy as np
import pytest
from pyhier.r_bridge import RError

import pyhier as ph
from pyhier.classical.meta_regression import FIXED
from pyhier.classical.tau2 import METHODS

TESTS = ("z", "knha", "adhoc", "t")


def data_sets(seed, sets=40, groups=9):
    """Standard errors over three decades, effects of any spread, groups missing, one left."""
    rng = np.random.default_rng(seed)
    se = 10.0 ** rng.uniform(-2.0, 1.0, (sets, groups))
    spread = rng.choice([0.0, 1.0, 5.0], (sets, 1))
    y = se * rng.normal(size=se.shape) * rng.choice([0.5, 1.0, 3.0], (sets, 1))
    y += spread * rng.normal(size=se.shape)
    y[rng.random(y.shape) < 0.3] = np.nan
    y[:, 0] = np.where(np.isnan(y).all(axis=1), 1.0, y[:, 0])
    y[0, 1:] = np.nan
    y[0, 0] = 2.0
    return y, se


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("method", [*METHODS, FIXED[0]])
def test_each_is_what_random_effects_returns(method, test):
    """To 1e-12, in units of standard errors and of tau^2 with the least variance."""
    y, se = data_sets(1)
    fits = ph.random_effects_many(y, se=se, method=method, test=test)
    low, high = fits.prediction_interval(0.9).T
    for i in range(len(fits)):
        one = fits[i]
        unit = one.model.var.min()
        assert abs(fits.tau2[i] - one.tau2) <= 1e-12 * (one.tau2 + unit)
        assert abs(fits.mu[i] - one.mu) <= 1e-12 * (one.se + abs(one.mu))
        wanted = [one.se, one.i2, one.h2, one.QE]
        found = [fits.se[i], fits.i2[i], fits.h2[i], fits.Q[i]]
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
        ends = [*fits.interval()[i], low[i], high[i]]
        wanted = [*one.interval(), *one.prediction_interval(0.9)]
        np.testing.assert_allclose(ends, wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("test", ["z", "knha"])
@pytest.mark.parametrize("method", METHODS)
def test_against_metafor(r, method, test):
    y, se = data_sets(2, 12)
    fits = ph.random_effects_many(y, se=se, method=method, test=test)
    code = (
        "f <- rma(y, sei = se, method = method, test = test, "
        "control = list(threshold = 1e-12, maxiter = 10000, tol = 1e-12)); "
        "c(f$tau2, f$beta, f$se, f$QE, f$QEp, f$pval, f$ci.lb, f$ci.ub)"
    )
    compared = 0
    for i in range(1, 12):
        own = ~np.isnan(y[i])
        try:
            found = r(code, y=y[i][own], se=se[i][own], method=method, test=test)
        except RError:  # metafor's climb gives up
            continue
        if abs(found[0] - fits.tau2[i]) > 1e-6 * (found[0] + se[i][own].min() ** 2):
            assert method in ("ML", "REML")  # another hill: ours is not lower
            continue
        ours = [
            fits.mu[i],
            fits.se[i],
            fits.Q[i],
            fits.Q_p[i],
            fits.p_value[i],
            *fits.interval()[i],
        ]
        np.testing.assert_allclose(ours, found[1:], rtol=1e-5, atol=1e-7)
        compared += 1
    assert compared >= 8


def test_a_data_set_that_cannot_be_used_is_named():
    y, se = data_sets(3, 6)
    y[4] = np.nan
    with pytest.raises(ValueError, match="data set 4: no group has an estimate"):
        ph.random_effects_many(y, se=se)
    fits = ph.random_effects_many(y, se=se, errors="mark")
    assert list(fits.failed) == [4]
    assert np.isnan(fits.mu[4])
    with pytest.raises(ValueError, match="data set 4"):
        fits[4]
    with pytest.raises(IndexError, match="there are 6 data sets"):
        fits[6]
    with pytest.raises(TypeError, match="is no data set"):
        fits["a"]
    good = [0, 1, 2, 3, 5]
    alone = ph.random_effects_many(y[good], se=se[good])
    np.testing.assert_array_equal(fits.tau2[good], alone.tau2)


def test_extremes():
    """Units, ties and one group."""
    y = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 9.0], [3.0, np.nan, np.nan]])
    for unit in (1e-60, 1.0, 1e60):
        fits = ph.random_effects_many(unit * y, se=unit * np.ones(3))
        assert fits.tau2[[0, 2]].tolist() == [0.0, 0.0]
        assert fits.tau2[1] == pytest.approx(18.0 * unit**2, rel=1e-12)  # var(1, 2, 9) - 1
        assert fits.Q_p[2] == 1.0


def test_as_a_frame():
    y, se = data_sets(4, 5)
    fits = ph.random_effects_many(y, var=se**2, test="t")
    frame = fits.to_dataframe(0.9)
    np.testing.assert_array_equal(frame[["low", "high"]], fits.interval(0.9))
    assert frame.index.name == "data_set"
    assert frame["groups"].tolist() == (~np.isnan(y)).sum(axis=1).tolist()
    again = pickle.loads(pickle.dumps(fits))
    np.testing.assert_array_equal(again.p_value, fits.p_value)
