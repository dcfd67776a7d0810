"""Sums over a lattice against closed forms: normal, gamma, beta and Student densities."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp

from pyhier.distributions.along import AxisMarginal
from pyhier.quadrature.fitting import Coordinate
from pyhier.quadrature.growth import UnresolvedError, grow
from pyhier.quadrature.lattice import lattice
from pyhier.quadrature.modes import climb, derivatives
from pyhier.quadrature.rejection import LatticeDraws
from pyhier.quadrature.stretch import Stretch

SIGMA, TAU, RHO = (
    Coordinate("log_sigma", "sigma"),
    Coordinate("log_tau", "tau"),
    Coordinate("atanh_rho", "rho", "atanh"),
)
MU = Coordinate("mu", "mu", "identity")


def of_gamma(shape, rate):
    """Log density of the log of a gamma variate: its left tail is a power."""
    return lambda x: shape * x - rate * np.exp(x) + shape * np.log(rate) - gammaln(shape)


def of_beta(eta):
    """Log density of the atanh of rho, (rho + 1) / 2 being Beta(eta, eta)."""
    constant = gammaln(2.0 * eta) - 2.0 * gammaln(eta) + (1.0 - 2.0 * eta) * np.log(2.0)
    return lambda x: constant + 2.0 * eta * (np.log(2.0) - np.logaddexp(x, -x))


def product(*parts):
    return lambda psi: sum(part(psi[:, k]) for k, part in enumerate(parts))


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_a_correlated_normal_density(d):
    rng = np.random.default_rng(d)
    root = rng.standard_normal((d, d)) + 2.0 * np.eye(d)
    covariance, mean = root @ root.T, rng.standard_normal(d) * 5.0
    precision = np.linalg.inv(covariance)

    def log_density(psi):
        away = psi - mean
        return -0.5 * np.einsum("ij,jk,ik->i", away, precision, away)

    plain = [Coordinate(f"x{k}", f"x{k}", "identity") for k in range(d)]
    found = lattice(log_density, np.zeros(d), plain)
    tolerance = 1e-8 if d == 4 else 1e-9  # e^-25 below the top of four coordinates is left out
    total = 0.5 * d * np.log(2.0 * np.pi) + 0.5 * np.linalg.slogdet(covariance)[1]
    assert found.log_total == pytest.approx(total, abs=tolerance)
    away = found.psi - found.weight @ found.psi
    sds = np.sqrt(np.diag(covariance))
    assert np.abs((found.weight @ found.psi - mean) / sds).max() < tolerance
    np.testing.assert_allclose(
        (found.weight[:, None] * away).T @ away, covariance, atol=10 * tolerance * sds.max() ** 2
    )


@pytest.mark.parametrize(("shape", "rate"), [(1.0, 1.0), (0.3, 1e-6), (40.0, 1e8), (2.0, 7.0)])
def test_a_power_tail_on_the_left(shape, rate):
    found = lattice(product(of_gamma(shape, rate)), np.array([-np.log(rate)]), [SIGMA])
    tau = AxisMarginal(found, 0)
    exact = stats.gamma(shape, scale=1.0 / rate)
    assert found.log_total == pytest.approx(0.0, abs=1e-10)
    assert tau.mean() == pytest.approx(exact.mean(), rel=1e-10)
    assert tau.std() == pytest.approx(exact.std(), rel=1e-10)
    q = np.array([1e-9, 0.025, 0.5, 0.975, 1 - 1e-9])
    np.testing.assert_allclose(tau.ppf(q), exact.ppf(q), rtol=1e-8)
    x = exact.ppf([1e-12, 0.01, 0.3, 0.999]) * 1.001
    np.testing.assert_allclose(tau.logpdf(x), exact.logpdf(x), atol=1e-8)
    np.testing.assert_allclose(tau.logsf(x), exact.logsf(x), rtol=1e-8, atol=1e-10)
    far = exact.isf([1e-14])
    np.testing.assert_allclose(tau.sf(far), exact.sf(far), rtol=1e-6)


@pytest.mark.parametrize("eta", [1.0, 0.5, 3.0])
def test_three_independent_coordinates(eta):
    found = lattice(
        product(of_gamma(12.0, 3.0), of_gamma(1.0, 0.01), of_beta(eta)),
        np.array([1.0, 2.0, 0.1]),
        [SIGMA, TAU, RHO],
    )
    assert found.log_total == pytest.approx(0.0, abs=1e-8)
    exact = stats.gamma(12.0, scale=1 / 3), stats.gamma(1.0, scale=100.0)
    q = np.array([0.001, 0.1, 0.5, 0.9, 0.999])
    for k, dist in enumerate(exact):
        marginal = AxisMarginal(found, k)
        assert marginal.mean() == pytest.approx(dist.mean(), rel=1e-8)
        np.testing.assert_allclose(marginal.ppf(q), dist.ppf(q), rtol=1e-7)
    rho = AxisMarginal(found, 2)
    beta = stats.beta(eta, eta, loc=-1.0, scale=2.0)
    np.testing.assert_allclose(rho.ppf(q), beta.ppf(q), atol=1e-7)
    assert rho.support == (-1.0, 1.0)
    assert rho.var() == pytest.approx(beta.var(), rel=1e-7)
    assert AxisMarginal(found, 0, "identity").mean() == pytest.approx(
        float(found.weight @ found.psi[:, 0])
    )


def normal_sample(n, mean, sd):
    """Posterior of (mu, log sigma) of n numbers with this mean and sd, flat on mu and log sigma."""

    def log_density(psi):
        mu, log_sigma = psi.T
        squares = (n - 1) * sd**2 + n * (mu - mean) ** 2
        return -n * log_sigma - 0.5 * squares * np.exp(-2.0 * log_sigma)

    return log_density


def test_student_marginal_and_right_power_tail():
    n, mean, sd = 6, 3.0, 2.0
    found = lattice(normal_sample(n, mean, sd), np.array([0.0, 0.0]), [MU, SIGMA])
    student = stats.t(n - 1, loc=mean, scale=sd / np.sqrt(n))
    mu, sigma = AxisMarginal(found, 0), AxisMarginal(found, 1)
    x = np.array([-20.0, 0.0, 2.9, 5.0, 12.0])
    np.testing.assert_allclose(mu.cdf(x), student.cdf(x), atol=1e-9)
    np.testing.assert_allclose(mu.logpdf(x), student.logpdf(x), atol=1e-7)
    # (n - 1) sd^2 / sigma^2 is chi-squared.
    q = np.array([1e-6, 0.05, 0.5, 0.95, 1 - 1e-6])
    exact = sd * np.sqrt((n - 1) / stats.chi2(n - 1).isf(q))
    np.testing.assert_allclose(sigma.ppf(q), exact, rtol=1e-8)
    mean_sigma = sd * np.sqrt(0.5 * (n - 1)) * np.exp(gammaln(n / 2 - 1) - gammaln((n - 1) / 2))
    assert sigma.mean() == pytest.approx(mean_sigma, rel=1e-8)


@pytest.mark.parametrize(("n", "finite"), [(2, False), (3, True)])
def test_moments_that_do_not_exist(n, finite):
    def log_density(psi):
        return (1 - n) * psi[:, 0] - 0.5 * (n - 1) * np.exp(-2.0 * psi[:, 0])

    sigma = AxisMarginal(lattice(log_density, np.zeros(1), [SIGMA]), 0)
    assert np.isfinite(sigma.mean()) == finite
    assert sigma.var() == np.inf
    exact = np.sqrt((n - 1) / stats.chi2(n - 1).isf([0.1, 0.5, 0.9]))
    np.testing.assert_allclose(sigma.ppf([0.1, 0.5, 0.9]), exact, rtol=1e-7)


def test_a_range_that_ends_in_the_mass():
    """A gamma cut off at 2: the end of a uniform prior."""
    cut = Coordinate("log_tau", "tau", "log", (-np.inf, np.log(2.0)))
    found = lattice(product(of_gamma(3.0, 1.0)), np.array([0.0]), [cut])
    exact = stats.gamma(3.0)
    assert found.log_total == pytest.approx(exact.logcdf(2.0), abs=1e-9)
    tau = AxisMarginal(found, 0)
    q = np.array([0.01, 0.5, 0.99, 0.9999])
    np.testing.assert_allclose(tau.ppf(q), exact.ppf(q * exact.cdf(2.0)), rtol=1e-9)
    assert tau.support == (0.0, pytest.approx(2.0))
    assert tau.cdf(2.0) == pytest.approx(1.0, abs=1e-12)
    assert tau.sf(3.0) == 0.0
    assert tau.pdf(3.0) == 0.0


def test_the_estimate_is_no_smaller_than_the_error():
    """At steps that are too wide on purpose: the tolerance is what is asked for."""
    density = product(of_gamma(1.0, 1.0), of_gamma(5.0, 2.0))
    for tolerance in (1e-3, 1e-5, 1e-7):
        found = lattice(density, np.zeros(2), [SIGMA, TAU], tolerance=tolerance)
        assert abs(found.log_total) <= found.error <= tolerance


def test_the_same_to_any_scale():
    """Shifted by 1e+-8 on the scale of tau the nodes are the same, shifted."""
    both = [
        lattice(product(of_gamma(2.0, rate), of_beta(1.0)), np.array([0.0, 0.0]), [TAU, RHO])
        for rate in (1e-8, 1.0, 1e8)
    ]
    for one, other in pairwise(both):
        assert np.exp(one.log_total - other.log_total) == pytest.approx(1.0, abs=1e-9)


def test_what_is_improper_names_the_coordinate():
    def wide(psi):
        return -0.5 * psi[:, 0] ** 2 - np.logaddexp(0.0, -psi[:, 1])

    def narrow(psi):
        return -0.5 * psi[:, 0] ** 2 - np.exp(psi[:, 1])

    with pytest.raises(ValueError, match="density of tau does not fall off towards large"):
        lattice(wide, np.zeros(2), [MU, TAU])
    with pytest.raises(ValueError, match="density of tau does not fall off towards small"):
        lattice(narrow, np.zeros(2), [MU, TAU])


def test_what_is_no_number_is_said_where():
    def log_density(psi):
        return np.where(psi[:, 0] > 2.0, np.nan, -0.5 * psi[:, 0] ** 2)

    with pytest.raises(ValueError, match="no number at mu = 2"):
        lattice(log_density, np.zeros(1), [MU])


def test_an_abrupt_end_is_refused():
    """A step in the density within the mass: no lattice resolves it."""

    def log_density(psi):
        return np.where(psi[:, 0] > 0.7, -np.inf, -0.5 * (psi**2).sum(axis=1))

    with pytest.raises(UnresolvedError, match="nodes"):
        lattice(log_density, np.zeros(2), [MU, Coordinate("x", "x", "identity")], limit=20_000)


def test_draws_are_exact():
    """Against the marginals, by Kolmogorov's distance, which would see half a percent."""
    n = 400_000
    density = product(of_gamma(1.0, 1.0), of_beta(1.5))
    found = lattice(density, np.zeros(2), [TAU, RHO])
    drawn = LatticeDraws(found).draw(n, np.random.default_rng(1))
    assert stats.kstest(np.exp(drawn[:, 0]), stats.expon.cdf).pvalue > 1e-3
    beta = stats.beta(1.5, 1.5, loc=-1.0, scale=2.0)
    assert stats.kstest(np.tanh(drawn[:, 1]), beta.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 4.0 / np.sqrt(n)
    # The test itself can fail: one percent off on the scale of tau.
    assert stats.kstest(1.01 * np.exp(drawn[:, 0]), stats.expon.cdf).pvalue < 1e-3


def test_draws_of_a_correlated_skewed_density():
    found = lattice(normal_sample(6, 1.0, 1.0), np.zeros(2), [MU, SIGMA])
    drawn = LatticeDraws(found).draw(200_000, np.random.default_rng(2))
    student = stats.t(5, loc=1.0, scale=1.0 / np.sqrt(6.0))
    assert stats.kstest(drawn[:, 0], student.cdf).pvalue > 1e-3
    scaled = np.sqrt(6.0) * (drawn[:, 0] - 1.0) * np.exp(-drawn[:, 1])  # given sigma a normal one
    assert stats.kstest(scaled, stats.norm.cdf).pvalue > 1e-3


def test_growth_finds_what_is_connected_and_no_more():
    def evaluate(index):
        height = -0.1 * (index[:, 0] ** 2 + 2 * index[:, 1] ** 2).astype(float)
        return height, height

    found = grow(evaluate, np.array([[3, 2]]), 10.0, 10_000)
    axis = np.arange(-40, 41)
    a, b = np.meshgrid(axis, axis, indexing="ij")
    within = -0.1 * (a**2 + 2 * b**2) > -10.0
    rim = np.zeros_like(within)
    for shift, k in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        rim |= np.roll(within, shift, axis=k)
    assert len(np.unique(found.index, axis=0)) == len(found.index) == (within | rim).sum()
    with pytest.raises(UnresolvedError, match="more than 100 nodes"):
        grow(evaluate, np.array([[0, 0]]), 10.0, 100)


def test_growth_of_separate_problems():
    def evaluate(index):
        height = -0.1 * (index[:, 1] - index[:, 0]) ** 2.0 - 5.0 * index[:, 0]
        return height, height

    found = grow(evaluate, np.array([[0, 0], [1, 0], [2, 0]]), 4.0, 1_000, problems=True)
    sums = [logsumexp(found.values[found.index[:, 0] == k]) + 5.0 * k for k in range(3)]
    np.testing.assert_allclose(sums, sums[0], rtol=1e-12)
    np.testing.assert_allclose(found.top, [0.0, -5.0, -10.0])


@pytest.mark.parametrize(
    "stretch",
    [
        Stretch(1.0, 0.5),
        Stretch(1.0, 0.5).bent(40.0, 8.0),
        Stretch(1.0, 0.5).bent(400.0, 1000.0),
        Stretch(-1.0, 0.5, high=2.0).bent(40.0, 60.0),
        Stretch(0.0, 0.5, low=-3.0, high=2.0),
        Stretch(0.0, 0.5, low=-3.0),
    ],
)
def test_axes_go_there_and_back(stretch):
    z = np.linspace(-6.0, 6.0, 49)
    psi = stretch.psi(z)
    np.testing.assert_allclose(stretch.z(psi), z, atol=1e-8)
    slope = (stretch.psi(z + 1e-6) - stretch.psi(z - 1e-6)) / 2e-6
    np.testing.assert_allclose(np.exp(stretch.log_slope(z)), slope, rtol=1e-4, atol=1e-8)
    assert stretch.low <= psi.min() < psi.max() <= stretch.high


def test_the_climb_and_its_derivatives():
    def log_density(x):
        return -np.exp(x[:, 0]) + 3.0 * x[:, 0] - (x[:, 1] - x[:, 0]) ** 2 / 2e-6

    mode, value = climb(log_density, np.array([5.0, 5.0]))
    np.testing.assert_allclose(mode, np.log(3.0), atol=1e-3)
    gradient, hessian = derivatives(log_density, mode, value)
    np.testing.assert_allclose(hessian[1, 1], -1e6, rtol=1e-3)
    assert np.abs(gradient).max() < 10.0  # within 1e-5 of a ridge as narrow as 1e-3
    with pytest.raises(ValueError, match="at the start"):
        climb(lambda x: np.full(len(x), -np.inf), np.zeros(1))
