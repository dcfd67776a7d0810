"""The compiled densities of counts against their definition in NumPy and in 50 digits."""

import mpmath
import numpy as np
import pytest
from scipy.special import gammaln

from pyhier.kernels.count_density import BetaBinomialMarginal, PoissonGammaMarginal
from pyhier.kernels.count_masses import log_mass_given
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
        density = BetaBinomialMarginal(y, n, prior, coefficients=False)
        for phi in np.column_stack([rng.uniform(-3, 3, 10), rng.uniform(-3, 6, 10)]):
            allowed = 8 * EPS * size_of_terms(phi, y, n)
            assert density(phi) == pytest.approx(beta_binomial(phi, y, n, prior), abs=allowed)


@pytest.mark.parametrize("groups", [1, 2, 7, 94, 1000])
@pytest.mark.parametrize("largest", [1, 20, 64, 66, 5000])
def test_poisson_gamma_equals_its_twin(groups, largest):
    rng = np.random.default_rng([groups, largest])
    y = rng.integers(0, largest + 1, groups).astype(float)
    e = 10.0 ** rng.uniform(-2, 4, groups)
    density = PoissonGammaMarginal(y, e, "poissgamexch", 0.53, coefficients=False)
    for phi in np.column_stack([rng.uniform(-3, 5, 10), rng.uniform(-8, 3, 10)]):
        allowed = 8 * EPS * (size_of_terms(phi, y, y) + np.sum(y * np.abs(np.log(e))) * 4)
        assert density(phi) == pytest.approx(poisson_gamma(phi, y, e, 0.53), abs=allowed)


def exact_beta_binomial(phi, y, n):
    """Log probability of all groups, in 330 digits."""
    k = mpmath.exp(mpmath.mpf(phi[1]))
    a = k / (1 + mpmath.exp(-mpmath.mpf(phi[0])))
    b = k / (1 + mpmath.exp(mpmath.mpf(phi[0])))
    total = mpmath.mpf(0)
    for s, m in zip(map(int, y), map(int, n), strict=True):
        total += mpmath.loggamma(a + s) - mpmath.loggamma(a) - mpmath.loggamma(s + 1)
        total += mpmath.loggamma(b + m - s) - mpmath.loggamma(b) - mpmath.loggamma(m - s + 1)
        total -= mpmath.loggamma(k + m) - mpmath.loggamma(k) - mpmath.loggamma(m + 1)
    return float(total)


def exact_poisson_gamma(phi, y, e):
    a, mu = mpmath.exp(mpmath.mpf(phi[0])), mpmath.exp(mpmath.mpf(phi[1]))
    total = mpmath.mpf(0)
    for s, exposure in zip(map(int, y), e, strict=True):
        m = mpmath.mpf(float(exposure)) * mu
        total += mpmath.loggamma(a + s) - mpmath.loggamma(a) - mpmath.loggamma(s + 1)
        total += a * mpmath.log(a / (a + m)) + s * mpmath.log(m / (a + m))
    return float(total)


def extremes(rng, largest):
    """Counts over all decades, some of them 0 or all there are; hyperparameters that fit or not."""
    groups = rng.integers(1, 7)
    n = np.floor(10.0 ** rng.uniform(0, np.log10(largest), groups))
    y = rng.binomial(n.astype(np.int64), rng.beta(*10.0 ** rng.uniform(-2, 3, 2), groups))
    share = (y.sum() + 0.5) / (n.sum() + 1)
    off = rng.normal() * 10.0 ** rng.uniform(-9, 1)
    size = rng.choice([rng.uniform(-30, 100), rng.uniform(0, 40), rng.uniform(-200, 500)])
    return y.astype(float), n, np.array([np.log(share) - np.log1p(-share) + off, size])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("largest", [100, 1e6, 1e15])
def test_in_330_digits(seed, largest):
    """Good to a few ulps of its own size and of the hyperparameters' logs, whatever the counts."""
    rng = np.random.default_rng([seed, int(np.log10(largest))])
    y, n, phi = extremes(rng, largest)
    e = 10.0 ** rng.uniform(-6, 6, y.size)
    rate = np.array([phi[1], np.log((y.sum() + 0.5) / e.sum()) + 3 * rng.normal()])
    with mpmath.workdps(330):
        binomial, poisson = exact_beta_binomial(phi, y, n), exact_poisson_gamma(rate, y, e)
    found = BetaBinomialMarginal(y, n, "").evaluate(phi[None])[0]
    assert found == pytest.approx(
        binomial, rel=1e-13, abs=4e-16 * y.size * (20 + np.abs(phi).max())
    )
    found = PoissonGammaMarginal(y, e, "").evaluate(rate[None])[0]
    allowed = 4e-16 * y.size * (20 + np.abs(rate).max())
    # Its share of an exposure is made of logs: good to an ulp of these, of the whole deviance.
    assert found == pytest.approx(poisson, rel=2e-16 * (20 + 2 * np.abs(rate).max()), abs=allowed)


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_agree(seed):
    """By steps, exposures being replaced by a few, and by groups."""
    rng = np.random.default_rng([11, seed])
    n = rng.integers(1, 200, 20_000)
    y = rng.binomial(n, rng.beta(2, 10, n.size))
    e = np.exp(rng.normal(0, 1.5, n.size))
    binomial = np.column_stack([rng.normal(-1.5, 1, 12), rng.uniform(-10, 40, 12)])
    poisson = np.column_stack([rng.uniform(-10, 40, 12), rng.normal(2, 1, 12)])
    for kernel, data, points in (
        (BetaBinomialMarginal, (y, n, ""), binomial),
        (PoissonGammaMarginal, (y, e, ""), poisson),
    ):
        steps, groups = (kernel(*data, by_groups=by_groups) for by_groups in (False, True))
        assert not kernel(*data).by_groups
        np.testing.assert_allclose(
            steps.evaluate(points), groups.evaluate(points), rtol=1e-14, atol=2e-9
        )


@pytest.mark.parametrize("away", [30.0, 50.0, 900.0, 1e6])
def test_far_out(away):
    """Where exp of the coordinates is nothing or infinite, logs go on as they do in 330 digits."""
    y, n, e = np.array([0.0, 3.0, 1e6]), np.array([4.0, 3.0, 1e9]), np.array([1.0, 10.0, 1e3])
    with mpmath.workdps(330):
        for log_alpha in (-30.0, -2.0, 8.0):
            phi = [log_alpha, away]
            found = PoissonGammaMarginal(y, e, "", by_groups=True)(phi)
            assert found == pytest.approx(exact_poisson_gamma(phi, y, e), rel=1e-14)
            assert PoissonGammaMarginal(y, e, "", by_groups=False)(phi) == pytest.approx(found)
        near = exact_beta_binomial([-80.0, 3.0], y, n)
    # Below, log p falls by the groups with a success.
    falls = [BetaBinomialMarginal(y, n, "")([-z, 3.0]) + 2.0 * (z - 80.0) for z in (80, 800, 8000)]
    np.testing.assert_allclose(falls, near, rtol=1e-14)


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
    density = BetaBinomialMarginal(y, n, prior="", coefficients=False)
    assert density(point) == pytest.approx(expected, rel=1e-13, abs=1e-13)
    fast = density.evaluate([point], fast=True)[0]
    assert fast == pytest.approx(expected, rel=1e-13, abs=3e-13 * n.sum())  # the kernel's slack


def test_a_hundred_thousand_groups_go_by_steps():
    """As right as by groups far from the reference, and smooth where the posterior is."""
    rng = np.random.default_rng(5)
    n = rng.integers(20, 1000, 100_000).astype(float)
    y = rng.binomial(n.astype(int), rng.beta(3.0, 9.0, n.size)).astype(float)
    assert not BetaBinomialMarginal(y, n, "").by_groups
    steps, groups = (BetaBinomialMarginal(y, n, "", by_groups=kind) for kind in (False, True))
    far = np.array(
        [[-40.0, -30.0], [-1.1, 36.0], [5.0, 200.0], [-1.1, -600.0], [30.0, 3.0], [0.0, 0.0]]
    )
    np.testing.assert_allclose(steps.evaluate(far), groups.evaluate(far), rtol=1e-12)
    # Over a hundredth of log K the log likelihood is a cubic to 1e-9: what is left is rounding.
    near = np.column_stack(
        [np.full(41, np.log(3 / 9)), np.log(12.0) + np.linspace(-0.005, 0.005, 41)]
    )
    values = steps.evaluate(near)
    values -= values[20]  # the fit rounds by the size of what it fits
    t = np.linspace(-1.0, 1.0, 41)
    left = values - np.polynomial.Polynomial.fit(t, values, 4)(t)
    assert np.abs(left).max() < 1e-9


@pytest.mark.parametrize("family", ["beta-binomial", "poisson-gamma"])
def test_every_group_at_every_phi(family):
    """Each group's probability is the marginal likelihood of the data of that group alone."""
    rng = np.random.default_rng(3)
    y = np.array([0.0, 4.0, 700.0, 1e12])
    other = np.array([14.0, 0.0, 3.0, 3e12]) if family == "beta-binomial" else 0.3 * y + 1.0
    phi = np.vstack([rng.normal(scale=6.0, size=(50, 2)), [[0.0, -650.0], [-650.0, 0.0]]])
    found = log_mass_given(family, y, other, phi)
    for k in range(y.size):
        first, second = y[k : k + 1], other[k : k + 1]
        if family == "beta-binomial":
            alone = BetaBinomialMarginal(first, first + second, "", by_groups=True)
        else:
            alone = PoissonGammaMarginal(first, second, "", by_groups=True)
        np.testing.assert_allclose(found[k], alone.evaluate(phi), rtol=1e-12, atol=1e-13)
