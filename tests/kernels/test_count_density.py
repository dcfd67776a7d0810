"""The compiled densities of counts against their definition in NumPy and in 50 digits."""

import mpmath
import numpy as np
import pytest
from scipy.special import gammaln

from pyhier.kernels.count_density import BetaBinomialMarginal, PoissonGammaMarginal
from pyhier.kernels.density import CallableDensity

EPS = np.finfo(float).eps


def beta_binomial(phi, y, n, prior="bda3"):
    """The NumPy twin, by lgamma."""
    k = np.exp(phi[1])
    a, b = k / (1 + np.exp(-phi[0])), k / (1 + np.exp(phi[0]))
    total = gammaln(a + y) - gammaln(a) + gammaln(b + n - y) - gammaln(b)
    total = np.sum(total - gammaln(k + n) + gammaln(k))
    if prior == "bda3":
        return total + np.log(a) + np.log(b) - 2.5 * np.log(k)
    return total + phi[1] - 2 * np.log1p(k)


def poisson_gamma(phi, y, e, z0):
    """The NumPy twin, by lgamma."""
    a, b = np.exp(phi[0]), np.exp(phi[0] - phi[1])
    total = gammaln(a + y) - gammaln(a) + a * np.log(b) + y * np.log(e) - (a + y) * np.log(b + e)
    return np.sum(total) + phi[0] + np.log(z0) - 2 * np.log(a + z0)


def size_of_terms(phi, y, total):
    """What rounding is relative to: lgamma of the largest arguments, once a group."""
    largest = np.exp(np.max(np.abs(phi))) + total
    return np.sum(np.abs(gammaln(largest)) + largest) + 10.0


@pytest.mark.parametrize("groups", [1, 2, 7, 71, 1000])
@pytest.mark.parametrize("largest", [1, 20, 63, 64, 65, 66, 500, 100_000])
def test_beta_binomial_equals_its_twin(groups, largest):
    rng = np.random.default_rng([groups, largest])
    n = rng.integers(0, largest + 1, groups).astype(float)
    y = rng.binomial(n.astype(int), rng.beta(1, 3, groups)).astype(float)
    for prior in ("bda3", "betabinexch"):
        density = BetaBinomialMarginal(y, n, prior)
        for phi in np.column_stack([rng.uniform(-3, 3, 10), rng.uniform(-3, 6, 10)]):
            allowed = 8 * EPS * size_of_terms(phi, y, n)
            assert density(phi) == pytest.approx(beta_binomial(phi, y, n, prior), abs=allowed)


@pytest.mark.parametrize("groups", [1, 2, 7, 94, 1000])
@pytest.mark.parametrize("largest", [1, 20, 64, 66, 5000])
def test_poisson_gamma_equals_its_twin(groups, largest):
    rng = np.random.default_rng([groups, largest])
    y = rng.integers(0, largest + 1, groups).astype(float)
    e = 10.0 ** rng.uniform(-2, 4, groups)
    density = PoissonGammaMarginal(y, e, "poissgamexch", 0.53)
    for phi in np.column_stack([rng.uniform(-3, 5, 10), rng.uniform(-8, 3, 10)]):
        allowed = 8 * EPS * (size_of_terms(phi, y, y) + np.sum(y * np.abs(np.log(e))) * 4)
        assert density(phi) == pytest.approx(poisson_gamma(phi, y, e, 0.53), abs=allowed)


# Where lgamma's differences have no digits left: groups nearly pooled, and nothing in common.
@pytest.mark.parametrize(
    "phi", [(-1.3, 2.0), (0.4, 40.0), (-1.4, 80.0), (3.0, -30.0), (-40.0, 5.0)]
)
def test_beta_binomial_in_fifty_digits(phi):
    y, n = np.array([3, 0, 17, 90, 400]), np.array([20, 12, 17, 300, 5000])
    with mpmath.workdps(80):
        k = mpmath.exp(mpmath.mpf(phi[1]))
        a = k / (1 + mpmath.exp(-mpmath.mpf(phi[0])))
        b = k / (1 + mpmath.exp(mpmath.mpf(phi[0])))
        exact = mpmath.log(a) + mpmath.log(b) - mpmath.mpf(5) / 2 * mpmath.log(k)
        for successes, trials in zip(y.tolist(), n.tolist(), strict=True):
            exact += mpmath.loggamma(a + successes) - mpmath.loggamma(a)
            exact += mpmath.loggamma(b + trials - successes) - mpmath.loggamma(b)
            exact -= mpmath.loggamma(k + trials) - mpmath.loggamma(k)
    # A logarithm of K for every trial, that cancels between the three products.
    allowed = 8 * EPS * n.sum() * max(8.0, abs(phi[0]) + abs(phi[1]))
    assert BetaBinomialMarginal(y, n)(phi) == pytest.approx(float(exact), abs=allowed)


@pytest.mark.parametrize("phi", [(0.0, -6.0), (40.0, -6.0), (-6.0, 200.0), (-25.0, 900.0)])
def test_poisson_gamma_in_fifty_digits(phi):
    y, e = np.array([0, 2, 17, 90]), np.array([500.0, 1e3, 2e3, 1e4])
    with mpmath.workdps(80):
        a = mpmath.exp(mpmath.mpf(phi[0]))
        b = a / mpmath.exp(mpmath.mpf(phi[1]))
        exact = mpmath.log(a) - 2 * mpmath.log(a + 1)
        for events, exposure in zip(y.tolist(), e.tolist(), strict=True):
            exact += mpmath.loggamma(a + events) - mpmath.loggamma(a) + a * mpmath.log(b)
            exact += events * mpmath.log(exposure) - (a + events) * mpmath.log(b + exposure)
    allowed = 8 * EPS * (y.sum() + 4) * max(8.0, abs(phi[0]) + abs(phi[1]))
    assert PoissonGammaMarginal(y, e)(phi) == pytest.approx(float(exact), abs=allowed)


def random_densities(rng):
    n = rng.integers(1, 300, 30)
    y = rng.binomial(n, 0.2)
    yield BetaBinomialMarginal(y, n, "bda3")
    yield BetaBinomialMarginal(y, n, "betabinexch")
    e = rng.uniform(1, 1e4, 30)
    counts = rng.poisson(e * 0.002 * rng.gamma(2, 0.5, 30)) + rng.integers(0, 100, 30)
    yield PoissonGammaMarginal(counts, e, "poissgamexch", 0.5)


def test_derivatives_are_those_of_the_value():
    rng = np.random.default_rng(1)
    for density in random_densities(rng):
        for phi in rng.uniform([-3, -2], [3, 5], (20, 2)):
            gradient, hessian = density.derivatives(phi)
            h = 1e-4
            for k in range(2):
                step = h * np.eye(2)[k]
                slope = (density(phi + step) - density(phi - step)) / (2 * h)
                bend = (density.derivatives(phi + step)[0] - density.derivatives(phi - step)[0]) / (
                    2 * h
                )
                # Third derivatives times h^2 / 6, and rounding over h.
                size = 1e-6 * (1.0 + np.abs(hessian).max() + np.abs(gradient).max())
                assert gradient[k] == pytest.approx(slope, abs=size)
                np.testing.assert_allclose(hessian[k], bend, rtol=0, atol=size)


def test_a_prior_of_ones_own_is_added():
    own = CallableDensity(lambda x: -0.5 * (x[0] ** 2 + x[1] ** 2), (), 2)
    y, n = np.array([3.0, 5.0]), np.array([10.0, 9.0])
    phi = [0.3, 1.2]
    bare = BetaBinomialMarginal(y, n, "")(phi)
    assert BetaBinomialMarginal(y, n, own)(phi) == pytest.approx(bare - 0.5 * (0.09 + 1.44))
    assert not BetaBinomialMarginal(y, n, own).compiled


@pytest.mark.parametrize("seed", range(20))
def test_beta_binomial_reference_in_50_digits(seed):
    """The order for R's optimHess: to 1e-13 of its own size, where the fast one has 1e-11."""
    rng = np.random.default_rng([9, seed])
    n = rng.integers(1, 10 ** rng.integers(1, 6), 5)
    y = rng.binomial(n, rng.beta(1, rng.choice([0.05, 1, 10, 100])))
    if seed == 0:
        y = n  # no failures
    logit = np.log((y.sum() + 0.5) / ((n - y).sum() + 0.5)) + rng.normal()
    point = [logit, rng.uniform(-3, 15)]
    with mpmath.workdps(50):
        k, eta = mpmath.exp(point[1]), 1 / (1 + mpmath.exp(-mpmath.mpf(float(logit))))
        a, b = k * eta, k * (1 - eta)
        expected = float(
            mpmath.fsum(
                mpmath.loggamma(a + int(s)) - mpmath.loggamma(a)
                + mpmath.loggamma(b + int(t - s)) - mpmath.loggamma(b)
                + mpmath.loggamma(k) - mpmath.loggamma(k + int(t))
                for s, t in zip(y, n, strict=True)
            )
        )  # fmt: skip
    density = BetaBinomialMarginal(y, n, prior="")
    assert density(point) == pytest.approx(expected, rel=1e-13, abs=1e-13)
    fast = density.evaluate([point], fast=True)[0]
    assert fast == pytest.approx(expected, rel=1e-13, abs=3e-13 * n.sum())  # the kernel's slack
