"""Means and standard deviations: exact of constants, else as NumPy's."""

import numpy as np
import pytest

import pyhier as ph
from pyhier import rstats
from pyhier.rstats.moments import mean_and_sd


def test_constants_are_exact():
    x = np.column_stack([np.full(7, v) for v in (0.1, 1.0 / 3.0, 1e10 + 0.1, -1e-300)])
    mean, sd = mean_and_sd(x)
    np.testing.assert_array_equal(mean, x[0])
    np.testing.assert_array_equal(sd, 0.0)
    np.testing.assert_array_equal(mean_and_sd(x.T, axis=1)[0], x[0])


def test_everything_else_is_plain():
    x = np.random.default_rng(1).normal(size=(50, 3))
    np.testing.assert_array_equal(mean_and_sd(x), (x.mean(axis=0), x.std(axis=0, ddof=1)))
    assert np.isnan(mean_and_sd(np.array([1.0]))[1])
    mean, sd = mean_and_sd(np.array([[np.inf, np.nan, 1.0], [np.inf, 2.0, np.inf]]))
    np.testing.assert_array_equal(mean, [np.inf, np.nan, np.inf])
    assert np.isnan(sd).all()


@pytest.mark.parametrize("value", [0.1, 1.0 / 3.0, 0.7])
def test_bandwidths_of_constants(value):
    """R: bw.nrd0 falls back on the first value; a sd of 1e-17 would not let it."""
    expected = 0.9 * value * 10**-0.2
    assert rstats.bw_nrd0(np.full(10, value)) == pytest.approx(expected, rel=1e-14)


def test_draws_of_a_constant(model):
    drawn = ph.given(model, mu=0.1, tau=0.3).to_draws(100, rng=1)
    table = drawn.summary()
    assert (table.loc["mu", "mean"], table.loc["mu", "sd"]) == (0.1, 0.0)
    assert (drawn["mu"].mean(), drawn["mu"].std(), drawn["mu"].var()) == (0.1, 0.0, 0.0)
