"""Fisher's noncentral hypergeometric likelihood, its table and integrals, against 40 digits."""

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from pyhier.distributions.hypergeometric import Margins
from pyhier.distributions.likelihood_tables import likelihood_tables
from pyhier.distributions.tilted import Counts, TiltedNormal

# Events and people in the first arm and in the second.
TABLES = [
    (4, 123, 11, 139),
    (0, 20, 5, 22),
    (7, 7, 3, 9),
    (6, 8, 9, 9),
    (1, 1, 0, 1),
    (0, 5, 1, 900_000),
    (3, 2_000, 1, 10),
    (40, 50, 45, 60),
    (505, 88_391, 499, 88_391),
    (2_000, 3_000, 1_500, 2_500),
]


@pytest.fixture(scope="module", autouse=True)
def digits():
    with mp.workdps(40):
        yield


def counts_of(*tables):
    margins = Margins.of(*np.array(tables, dtype=float).T)
    return Counts.of_tables(margins, likelihood_tables(margins))


class Reference:
    """Log probability of a table's first cell given its margins, by all its terms."""

    def __init__(self, a, n, c, m):
        least, most = max(0, a + c - m), min(n, a + c)
        self.x = range(least - a, most - a + 1)
        weights = [mp.mpf(1)]
        for x in range(least, most):
            weights.append(
                weights[-1] * (n - x) * (a + c - x) / ((x + 1) * mp.mpf(m - a - c + x + 1))
            )
        self.weights = [w / weights[a - least] for w in weights]

    def __call__(self, theta):
        z = mp.exp(theta)
        total, power = mp.mpf(0), z ** self.x[0]
        for weight in self.weights:
            total += weight * power
            power *= z
        return -mp.log(total)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_log_likelihood(table):
    """On the panels and far beyond them; near the top to the last digits."""
    theta = np.array([-60.0, -21.3, -9.7, -3.1, -0.6, 0.0, 0.2, 1.7, 4.4, 11.3, 19.9, 70.0])
    found = counts_of(table).log_likelihood(theta, np.zeros(12, dtype=int))
    reference = Reference(*table)
    wanted = np.array([float(reference(x)) for x in theta.tolist()])
    np.testing.assert_allclose(found, wanted, rtol=3e-14, atol=3e-14)


def test_second_formula():
    """SciPy's distribution, of tables whose totals it takes."""
    a, n, c, m = np.array(TABLES[:4]).T
    theta = np.linspace(-2.0, 2.0, 5)[:, None]
    wanted = stats.nchypergeom_fisher(n + m, n, a + c, np.exp(theta)).logpmf(a)
    found = counts_of(*TABLES[:4]).log_likelihood(np.broadcast_to(theta, (5, 4)))
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_no_information():
    """No events, nothing but events: one, whatever the effect is."""
    counts = counts_of((0, 10, 0, 12), (10, 10, 12, 12), (3, 10, 2, 12))
    assert counts.log_likelihood(np.full((1, 3), 0.7))[0, :2].tolist() == [0.0, 0.0]
    log, mean, var = counts.laws(np.array([-1.0]), np.array([0.3]))[:, :2, 0]
    np.testing.assert_allclose(log, 0.0, atol=1e-14)
    np.testing.assert_allclose(mean, -1.0)
    np.testing.assert_allclose(var, np.exp(0.6))


@pytest.mark.parametrize(
    ("table", "eta", "tau"),
    [
        (TABLES[0], -0.5, 0.7),
        (TABLES[1], -2.0, 3.0),
        (TABLES[1], 4.0, 0.02),
        (TABLES[2], 0.5, 8.0),
        (TABLES[3], 0.0, 1.0),
        (TABLES[5], 1.0, 40.0),
        (TABLES[8], 0.4, 0.1),
    ],
    ids=str,
)
def test_integral(table, eta, tau):
    """The probability, the mean and variance of the effect, and a tail, by sums of 40 digits.

    The integrand is analytic: sums over equal steps are right to far more digits than are asked.
    """
    reference = Reference(*table)
    found = TiltedNormal(counts_of(table), np.array([eta]), np.array([np.log(tau)]))
    sd = float(np.sqrt(found.var[0]))
    h = mp.mpf(sd) / (40 if tau > 2 else 5)
    steps = 1600 if tau > 2 else 70
    places = [mp.mpf(float(found.mean[0])) + h * k for k in range(-steps, steps + 1)]
    heights = [mp.exp(reference(x) - ((x - eta) / mp.mpf(tau)) ** 2 / 2) for x in places]
    total = mp.fsum(heights)
    mean = mp.fsum(x * w for x, w in zip(places, heights, strict=True)) / total
    var = mp.fsum((x - mean) ** 2 * w for x, w in zip(places, heights, strict=True)) / total
    log = mp.log(total * h / mp.mpf(tau)) - mp.log(2 * mp.pi) / 2
    assert found.log_probability[0] == pytest.approx(float(log), rel=1e-12, abs=1e-12)
    assert found.mean[0] == pytest.approx(float(mean), rel=1e-11, abs=1e-11 * sd)
    assert found.var[0] == pytest.approx(float(var), rel=1e-11)
    point = float(found.mean[0]) + 0.8 * sd
    node, weight = np.polynomial.legendre.leggauss(60)
    ends = np.linspace(point, float(places[-1]), 41)
    middle, half = 0.5 * (ends[1:] + ends[:-1]), 0.5 * np.diff(ends)
    x = (middle[:, None] + half[:, None] * node).ravel()
    density = np.exp(found.near(x[:, None] - found.mean)[:, 0])
    above = density @ (half[:, None] * weight).ravel()
    assert found.sf(np.array([point]))[0, 0] == pytest.approx(above, rel=1e-10)


def test_draws():
    """By inversion: of all odds ratios as often as they should be, and at the ends."""
    table = (3, 14, 5, 18)
    margins = Margins.of(*np.array([table], dtype=float).T)
    u = (np.arange(20_000) + 0.5) / 20_000
    for theta in (-1.5, 0.0, 2.0):
        drawn = margins.draws(np.full((20_000, 1), theta), u)[:, 0]
        law = stats.nchypergeom_fisher(32, 14, 8, np.exp(theta))
        share = np.bincount(drawn.astype(int), minlength=9) / 20_000
        np.testing.assert_allclose(share, law.pmf(np.arange(9)), atol=1.1e-4)
    far = margins.draws(np.array([[-1e5], [1e5], [-710.0], [710.0]]), np.full(4, 0.3))
    assert far.ravel().tolist() == [0.0, 8.0, 0.0, 8.0]


def test_large_tables():
    """Millions of events: the likelihood is the normal one to what its skewness leaves."""
    counts = counts_of((4_000_000, 10_000_000, 5_000_000, 11_000_000))
    y, most, hat, _, _, _ = counts.data[:, 0]
    assert 0 < y < most
    sd = np.sqrt(counts.laws(np.array([hat]), np.array([5.0]))[2, 0, 0])
    assert sd == pytest.approx(np.sqrt(sum(1 / np.array([4e6, 6e6, 5e6, 6e6]))), rel=1e-5)
    top = counts.log_likelihood(hat + sd * np.array([-1.0, 0.0, 1.0]), np.zeros(3, dtype=int))
    np.testing.assert_allclose(top[1] - top[[0, 2]], 0.5, atol=1e-3)
    assert top[1] == pytest.approx(-0.5 * np.log(2 * np.pi) + np.log(sd), abs=1e-5)
