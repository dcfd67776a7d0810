"""The compiled densities against their definition, and against each other."""

import ctypes

import mpmath
import numba
import numpy as np
import pytest
import scipy
from scipy import stats

from pyhier.inference.target import log_density
from pyhier.kernels.density import CallableDensity, LogDensity, NormalMarginal, ScalePrior

EPS = np.finfo(float).eps


def log_marginal(phi, y, var):
    """The NumPy twin: BDA3 eq. 5.21 in log tau, without 2 pi."""
    total = var + np.exp(2 * phi[1])
    return np.sum(-0.5 * np.log(total) - (phi[0] - y) ** 2 / (2 * total)) + phi[1]


def size_of_terms(phi, y, var):
    """What rounding is relative to: the sum of the terms' sizes."""
    total = var + np.exp(2 * phi[1])
    return np.sum(np.abs(0.5 * np.log(total)) + (phi[0] - y) ** 2 / (2 * total)) + abs(phi[1])


def random_case(rng, groups):
    scale = 10.0 ** rng.uniform(-6, 6)
    se = scale * 10.0 ** rng.uniform(-1.5, 1.5, groups)
    y = scale * rng.normal(size=groups) * 10.0 ** rng.uniform(-1, 2)
    points = np.column_stack(
        [rng.choice(y, 20) + scale * rng.normal(size=20), np.log(scale) + rng.uniform(-8, 8, 20)]
    )
    return y, se**2, points


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 5, 7, 8, 9, 12, 63, 64, 65, 100, 1000, 4099])
def test_equals_its_numpy_twin(groups):
    rng = np.random.default_rng(groups)
    for _ in range(10):
        y, var, points = random_case(rng, groups)
        density = NormalMarginal(y, var)
        expected = [log_marginal(phi, y, var) for phi in points]
        # Each of the sums is exact to a few ulps of its terms' sizes; NumPy's own pairwise sum too.
        allowed = [16 * EPS * size_of_terms(phi, y, var) for phi in points]
        assert np.all(np.abs(density.evaluate(points) - expected) <= allowed)
        assert np.all(np.abs(density.evaluate(points, fast=True) - expected) <= allowed)


def test_equals_thirty_digit_arithmetic(schools):
    y, se = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float)
    density = NormalMarginal(y, se**2)
    with mpmath.workdps(30):
        for mu, log_tau in [(8, 2), (-3.7, -5.25), (40.5, 6.125)]:
            tau2 = mpmath.exp(2 * mpmath.mpf(log_tau))
            exact = mpmath.mpf(log_tau) + sum(
                -mpmath.log(tau2 + s * s) / 2 - (mu - v) ** 2 / (2 * (tau2 + s * s))
                for v, s in zip(y, se, strict=True)
            )
            assert density([mu, log_tau]) == pytest.approx(float(exact), rel=4 * EPS)


@pytest.mark.parametrize("log_tau", [-800.0, -300.0, -40.0, 33.9, 34.1, 100.0, 350.0, 700.0])
def test_fast_form_holds_where_products_would_overflow(log_tau):
    y, var = np.array([1.0, 2.0, 4.0]), np.array([1e-4, 1.0, 1e4])
    density = NormalMarginal(y, var)
    point = np.array([[0.5, log_tau]])
    fast, slow = density.evaluate(point, fast=True), density.evaluate(point)
    np.testing.assert_allclose(fast, slow, rtol=1e-14)
    assert not np.isnan(fast[0])


@pytest.mark.parametrize("scale", [1e-60, 1e-20, 1.0, 1e20, 1e60])
def test_fast_form_holds_for_extreme_data(scale):
    rng = np.random.default_rng(1)
    y, var = scale * rng.normal(size=70), (scale * rng.uniform(0.5, 2.0, 70)) ** 2
    density = NormalMarginal(y, var)
    points = np.column_stack([scale * rng.normal(size=9), np.log(scale) + np.linspace(-4, 4, 9)])
    fast, slow = density.evaluate(points, fast=True), density.evaluate(points)
    np.testing.assert_allclose(fast, slow, rtol=1e-13)


def test_shift_and_permutation(schools):
    y, var = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float) ** 2
    here, order = NormalMarginal(y, var), np.random.default_rng(0).permutation(8)
    shifted = NormalMarginal(y + 1e8, var)
    permuted = NormalMarginal(y[order].copy(), var[order].copy())
    assert shifted([8 + 1e8, 2]) == here([8, 2])
    assert permuted([8, 2]) == pytest.approx(here([8, 2]), rel=4 * EPS)


def test_dnorm_form_is_the_sum_of_normal_densities(schools):
    y, var = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float) ** 2
    density = NormalMarginal(y, var, form="dnorm")
    points = np.random.default_rng(2).normal([8, 2], [5, 1], (50, 2))
    tau2 = np.exp(2 * points[:, 1:])
    expected = stats.norm(points[:, :1], np.sqrt(var + tau2)).logpdf(y).sum(axis=1) + points[:, 1]
    for fast in (False, True):
        np.testing.assert_allclose(density.evaluate(points, fast=fast), expected, rtol=1e-14)


@pytest.mark.parametrize("family", ["halfnorm", "halfcauchy", "expon"])
def test_compiled_priors_equal_scipys(family):
    tau = np.exp(np.linspace(-20, 5, 40))
    prior = ScalePrior(family, 3.5)
    expected = getattr(stats, family)(scale=3.5).logpdf(tau)
    values = prior.evaluate(np.log(tau)[:, None])
    np.testing.assert_allclose(values, expected, rtol=1e-13, atol=1e-13)


def test_priors_are_added(schools):
    y, var = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float) ** 2
    plain = NormalMarginal(y, var)
    density = NormalMarginal(y, var, (1.0, 5.0), ScalePrior("halfcauchy", 2.0))
    phi = np.array([4.0, 1.5])
    added = stats.norm(1, 5).logpdf(4.0) + stats.halfcauchy(scale=2).logpdf(np.exp(1.5))
    for fast in (False, True):
        value = density.evaluate(phi[None], fast=fast)[0]
        assert value == pytest.approx(plain(phi) + added, rel=1e-14)


def test_read_only_and_strided_input(schools):
    y, var = schools["y"].to_numpy(float).copy(), schools["sigma"].to_numpy(float) ** 2
    y.flags.writeable = False
    density = NormalMarginal(y, var)
    points = np.zeros((4, 4))
    points[:, ::2] = [8.0, 2.0]
    assert density(points[0, ::2]) == density([8, 2])


# --- The user's own densities ---------------------------------------------------------------------


def banana(x, b):
    return -0.5 * x[0] ** 2 - 0.5 * (x[1] - b * x[0] ** 2) ** 2


def foreign_densities():
    """The same density (b = 2) as every kind of thing that may be handed over."""
    fixed = numba.njit(lambda x: -0.5 * x[0] ** 2 - 0.5 * (x[1] - 2.0 * x[0] ** 2) ** 2)
    with_data = numba.cfunc("float64(intc, CPointer(float64), CPointer(float64))")(
        lambda n, x, b: -0.5 * x[0] ** 2 - 0.5 * (x[1] - b[0] * x[0] ** 2) ** 2
    )
    bare = numba.cfunc("float64(intc, CPointer(float64))")(
        lambda n, x: -0.5 * x[0] ** 2 - 0.5 * (x[1] - 2.0 * x[0] ** 2) ** 2
    )
    b = (ctypes.c_double * 1)(2.0)
    pointer = ctypes.cast(b, ctypes.c_void_p)
    signature = "double (int, double *, void *)"
    capsule = scipy.LowLevelCallable(with_data.ctypes, pointer, signature=signature)
    without = scipy.LowLevelCallable(bare.ctypes, signature="double (int, double *)")
    return {
        "callable": (banana, (2.0,)),
        "njit": (fixed, ()),
        "njit with data": (numba.njit(banana), (2.0,)),
        "LowLevelCallable with data": (capsule, ()),
        "LowLevelCallable": (without, ()),
    }


@pytest.mark.parametrize("kind", foreign_densities())
def test_every_kind_of_density_is_the_same_function(kind):
    function, args = foreign_densities()[kind]
    density = log_density(function, 2, args)
    assert density.compiled == (kind != "callable")
    points = np.random.default_rng(3).normal(size=(50, 2))
    expected = [banana(x, 2.0) for x in points]
    np.testing.assert_allclose(density.evaluate(points), expected, rtol=1e-14)


def test_njit_takes_arrays_as_data():
    weights = np.arange(5.0)
    function = numba.njit(lambda x, w, s: -np.sum(w * (x[0] - w) ** 2) / s)
    density = log_density(function, 1, (weights, 2.0))
    assert density([1.5]) == pytest.approx(-np.sum(weights * (1.5 - weights) ** 2) / 2.0)


def test_wrong_things_to_sample():
    with pytest.raises(TypeError, match="must be callable"):
        log_density("banana", 2)
    with pytest.raises(TypeError, match="has its data inside"):
        log_density(NormalMarginal(np.ones(3), np.ones(3)), 2, (1.0,))
    with pytest.raises(ValueError, match="3 coordinates and the log posterior takes 2"):
        log_density(NormalMarginal(np.ones(3), np.ones(3)), 3)
    wrong = numba.cfunc("float64(float64)")(lambda x: x)
    with pytest.raises(ValueError, match="C signature"):
        log_density(scipy.LowLevelCallable(wrong.ctypes, signature="double (double)"), 1)


def test_an_exception_keeps_its_traceback():
    def broken(x):
        raise ZeroDivisionError("mine")

    density = CallableDensity(broken, (), 1)
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        density([0.0])
    assert caught.traceback[-1].name == "broken"
    with pytest.raises(ZeroDivisionError):  # and again: the failure is not remembered
        density([0.0])


def test_density_checks_its_coordinates():
    density: LogDensity = NormalMarginal(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="takes 2"):
        density([1.0, 2.0, 3.0])
