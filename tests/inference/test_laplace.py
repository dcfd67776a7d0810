"""The normal approximation: exact modes, R's modes, and searches that fail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import pyhier as ph

FINITE = {"allow_nan": False, "allow_infinity": False}


def test_r_numbers_from_rs_start(model):
    fit = ph.laplace(model, start=[8, 2])
    assert fit.mode.tolist() == [7.9266850148793289, 1.8415251550264657]
    assert fit.var[0, 0] == 22.3232881603711490
    assert fit.var[0, 1] == 0.1935228238318813
    assert fit.var[1, 1] == 0.53525757276922303


def test_the_mode_is_the_mode(model):
    fit = ph.laplace(model)
    gradient, hessian = model.derivatives(fit.mode)
    # In posterior sds: what double sums of eight terms of order one leave.
    assert np.sqrt(gradient @ fit.var @ gradient) < 1e-13
    np.testing.assert_allclose(fit.var, -np.linalg.inv(hessian), rtol=1e-12)
    assert fit.converge


def test_int_is_exact_for_a_normal_density():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    density = stats.multivariate_normal([1.0, -2.0], covariance)
    fit = ph.laplace(lambda x: density.logpdf(x) + 3.0, start=[0.0, 0.0])
    assert fit.int == pytest.approx(3.0, abs=1e-6)  # Nelder-Mead's tolerance squared
    np.testing.assert_allclose(fit.var, covariance, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 50, **FINITE), st.floats(0.1, 30)), min_size=3, max_size=40),
    st.floats(-8, 8),
    st.floats(-1, 1),
)
def test_newton_finds_a_maximum_at_any_scale(groups, log10_scale, shift):
    scale = 10.0**log10_scale
    y, se = np.array(groups).T * scale
    model = ph.NormalNormal(y + shift * 1e3 * scale, se=se)
    fit = ph.laplace(model)
    assert fit.converge
    # No better point within reach: a search by another method from there gains nothing.
    width = np.sqrt(np.diag(fit.var))
    found = optimize.minimize(
        lambda z: -model.log_marginal(fit.mode + width * z), [0.1, -0.1], method="Nelder-Mead"
    )
    assert -found.fun <= model.log_marginal(fit.mode) + 1e-9


def test_million_groups():
    rng = np.random.default_rng(5)
    se = rng.uniform(1, 3, 10**6)
    model = ph.NormalNormal(rng.normal(4.0, np.hypot(se, 2.0)), se=se)
    fit = ph.laplace(model)
    np.testing.assert_allclose(fit.mode, [4.0, np.log(2.0)], atol=5 * np.sqrt(fit.var.max()))


def test_samples_have_the_moments(model):
    fit = ph.laplace(model)
    draws = fit.sample(200_000, rng=3)
    phi = draws.phi.reshape(-1, 2)
    np.testing.assert_allclose(phi.mean(axis=0), fit.mode, atol=0.05)
    np.testing.assert_allclose(np.cov(phi.T), fit.var, rtol=0.02, atol=0.02)
    assert draws.theta.shape == (1, 200_000, 8)


def test_a_tiny_mode_is_found():
    # Estimates closer together than their errors allow: the likelihood alone peaks at tau = 0.
    model = ph.NormalNormal([1.0, 1.0, 1.0, 1.0], se=[1.0, 2.0, 1.0, 3.0])
    fit = ph.laplace(model)
    assert fit.converge
    assert np.linalg.norm(model.derivatives(fit.mode)[0]) < 1e-12


def test_errors(model):
    with pytest.raises(ValueError, match="start is missing"):
        ph.laplace(lambda x: -(x[0] ** 2))
    with pytest.raises(ValueError, match="'newton' needs a model's derivatives"):
        ph.laplace(lambda x: -(x[0] ** 2), [1.0, 1.0], method="newton")
    with pytest.raises(ValueError, match="method is 'bfgs'"):
        ph.laplace(model, method="bfgs")
    with pytest.raises(ValueError, match="the log density is flat"):
        ph.laplace(lambda x: 1.0, [1.0, 1.0])
    with pytest.raises(ValueError, match=r"is no maximum|is flat"):
        ph.laplace(lambda x: x[0] ** 2 - x[1] ** 2, [1.0, 1.0])
    with pytest.raises(ValueError, match="the log density is nan at the start"):
        ph.laplace(lambda x: np.nan, [1.0, 1.0])
    with pytest.raises(TypeError, match="only the fit of a model"):
        ph.laplace(lambda x: -(x @ x), [0.1, 0.1]).sample(3)
    with pytest.raises(ValueError, match="the start has 3 coordinates"):
        ph.laplace(model, start=[1.0, 2.0, 3.0])
