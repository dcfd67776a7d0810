"""Spectra at zero where they are known, and their invariances."""

import numpy as np
import pytest
from scipy import optimize

from pyhier import coda
from pyhier.coda.spectrum import (
    ar_at_zero,
    batch_errors,
    effective_sizes,
    gamma_regression,
    glm_at_zero,
)


def autoregression(rho, n, seed=1):
    rng = np.random.default_rng(seed)
    x = np.empty(n)
    x[0] = rng.normal() / np.sqrt(1 - rho * rho)
    for i, e in enumerate(rng.normal(size=n - 1)):
        x[i + 1] = rho * x[i] + e
    return x


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.6])
def test_autoregression(rho):
    """The spectrum at zero of an AR(1) with unit innovations is 1 / (1 - rho)^2."""
    x = autoregression(rho, 200_000)
    known = 1 / (1 - rho) ** 2
    spec, order = ar_at_zero(x[:, None])
    # Two hundred thousand values: three standard errors of 2 (sqrt(2 / n) + its AR order's).
    assert spec[0] == pytest.approx(known, rel=0.06)
    assert order[0] >= (rho != 0.0)
    inflation = (1 + rho) / (1 - rho)
    assert effective_sizes([x[:, None]])[0] == pytest.approx(x.size / inflation, rel=0.06)


def test_order_zero_is_the_variance():
    x = np.random.default_rng(5).normal(size=(40, 30))
    spec, order = ar_at_zero(x)
    white = order == 0
    assert white.any()
    np.testing.assert_allclose(spec[white], x.var(axis=0, ddof=1)[white], rtol=1e-12)
    np.testing.assert_allclose(effective_sizes([x])[white], 40.0, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_shift_and_scale(scale):
    x = np.column_stack([autoregression(rho, 3000, 3) for rho in (0.0, 0.7, -0.7, 0.99)])
    spec, order = ar_at_zero(x)
    moved, same = ar_at_zero(scale * x + 10.0)
    np.testing.assert_array_equal(order, same)
    np.testing.assert_allclose(moved, scale**2 * spec, rtol=1e-7)  # digits that the shift takes
    for j in range(4):
        found = glm_at_zero(scale * x[:, j])
        assert found == pytest.approx(scale**2 * glm_at_zero(x[:, j]), rel=1e-12)


def test_constant_columns_and_straight_lines():
    n = 50
    x = np.column_stack([np.full(n, 1e15 / 3), np.arange(n) * 1e7, np.sin(np.arange(n) ** 2)])
    spec, order = ar_at_zero(x)
    assert spec[:2].tolist() == [0.0, 0.0]
    assert order[:2].tolist() == [0, 0]
    assert spec[2] > 0
    sizes = effective_sizes([x, x])
    assert sizes[:2].tolist() == [0.0, 0.0]
    assert sizes[2] == pytest.approx(2 * effective_sizes([x])[2])
    assert glm_at_zero(x[:, 0]) == 0.0


def test_batches():
    x = np.arange(8.0).reshape(4, 2) ** 2
    means = np.array([[2.0, 5.0], [26.0, 37.0]])  # of rows 0, 1 and 2, 3
    expected = means.std(axis=0, ddof=1) * np.sqrt(2 / 4)
    np.testing.assert_allclose(batch_errors([x], 2), expected)
    # Two chains: their batches together; the same chain twice has 4 batches.
    twice = np.concatenate([means, means]).std(axis=0, ddof=1) * np.sqrt(2 / 8)
    np.testing.assert_allclose(batch_errors([x, x], 2), twice)


def test_gamma_regression_is_the_maximum():
    """The score of the likelihood, basis' (y / mu - 1), vanishes to the stop rule's accuracy."""
    rng = np.random.default_rng(2)
    basis = np.vander(np.linspace(0, 0.5, 80), 3, increasing=True)
    y = rng.exponential(np.exp(basis @ [1.0, -2.0, 3.0]))
    coefficients, converged = gamma_regression(y, basis)
    assert converged
    score = basis.T @ (y * np.exp(-basis @ coefficients) - 1.0)
    assert np.abs(score).max() < 1e-2
    constant, _ = gamma_regression(y, basis[:, :1])
    assert np.exp(constant[0]) == pytest.approx(y.mean(), rel=1e-6)


def test_repeating_series():
    with pytest.raises(ValueError, match=r"zero at frequency 0\.01"):
        glm_at_zero(np.tile([1.0, -1.0], 50))


def test_no_frequency():
    with pytest.raises(ValueError, match="raise it"):
        glm_at_zero(np.random.default_rng(1).normal(size=50), max_freq=0.01)


def test_no_residual():
    x = np.random.default_rng(1).normal(size=4)
    with pytest.warns(RuntimeWarning, match="leaves no residual"):
        assert glm_at_zero(x, order=1) > 0


CONSTANTS = [0.1, 1.0 / 3.0, 1e10 + 0.1, -1e-300]


@pytest.mark.parametrize("value", CONSTANTS)
def test_constants_have_no_rounding_noise(value):
    """R sums in long double: sd and batch error are 0, the mean is the constant."""
    chain = coda.mcmc(np.full((100, 2), value), varnames=["a", "b"])
    for x in (chain, coda.mcmc_list([chain, chain])):
        table = coda.summary(x).statistics
        np.testing.assert_array_equal(table[:, "Mean"], value)
        np.testing.assert_array_equal(table.values[:, 1:], 0.0)
        np.testing.assert_array_equal(coda.batchSE(x, 7).values, 0.0)


def test_batches_of_constants_that_differ():
    two = coda.mcmc_list([coda.mcmc(np.column_stack([np.full(100, v), np.ones(100)]))
                          for v in (0.1, 0.3)])  # fmt: skip
    # In R: batchSE(mcmc.list(mcmc(cbind(rep(.1, 100), 1)), mcmc(cbind(rep(.3, 100), 1))), 10)
    np.testing.assert_allclose(coda.batchSE(two, 10).values, [0.0229415733870562, 0.0], rtol=1e-12)


def zeros_of_indicators():
    """Indicators whose periodogram has an ordinate of 0, to rounding."""
    rng = np.random.default_rng(0)
    found = []
    while len(found) < 12:
        n, share = int(rng.choice([20, 50, 100, 200])), rng.choice([0.5, 0.1, 0.9])
        y = (rng.random(n) < share).astype(float)
        power = np.abs(np.fft.rfft(y)[1:]) ** 2
        if np.ptp(y) and power.min() < 1e-30 * power.mean():
            found.append(y)
    return found


@pytest.mark.parametrize("order", [1, 2])
def test_an_ordinate_of_zero_has_a_likelihood(order):
    """R's glm begins at its logarithm; the maximum is there all the same."""
    for y in zeros_of_indicators():
        power = np.abs(np.fft.rfft(y)[1:]) ** 2 / y.size
        basis = np.vander(np.arange(1, power.size + 1) / y.size, order + 1, increasing=True)

        def falls(c, power=power, basis=basis):
            return float((basis @ c + power * np.exp(-(basis @ c))).sum())

        best = optimize.minimize(
            falls, np.full(order + 1, 0.0), method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 10_000, "maxfev": 10_000},
        )  # fmt: skip
        assert glm_at_zero(y, order=order) == pytest.approx(np.exp(best.x[0]), rel=1e-5)


@pytest.mark.parametrize("y", [np.tile([0.0, 1.0], 50), np.tile([0.0, 0.0, 1.0, 1.0], 50)])
def test_a_periodic_series_is_said(y):
    """All its power is in one or two frequencies: the likelihood has no maximum."""
    with pytest.raises(ValueError, match="repeats itself exactly"):
        glm_at_zero(y)


def test_names_with_control_characters_are_escaped():
    x = coda.mcmc(np.random.default_rng(1).normal(size=(50, 2)), varnames=["a\x1b[31m", "b\n"])
    for text in (str(coda.summary(x).statistics), str(coda.batchSE(x, 5))):
        assert "\x1b" not in text
        assert r"a\x1b[31m" in text
        assert r"b\n" in text
