"""Likelihoods of log odds ratios with a study's risk integrated out, against 40 digits."""

import mpmath as mp
import numpy as np
import pytest

from pyhier.distributions.likelihood_tables import likelihood_tables
from pyhier.distributions.tilted import Counts, TiltedNormal
from pyhier.distributions.two_binomials import TwoBinomials

# Events and people in the first arm and in the second. How far apart events in one arm and people
# without one in the other are says how the likelihood ends there: 0 and 1 are ends of their own.
TABLES = [
    (4, 123, 11, 139),
    (0, 20, 5, 22),
    (7, 7, 3, 9),
    (6, 8, 9, 9),
    (1, 1, 0, 1),
    (5, 5, 0, 3),
    (0, 3, 7, 7),
    (1, 2, 1, 2),
    (1, 2, 0, 1),
    (3, 7, 1, 4),
    (2, 9, 7, 9),
    (3, 9, 7, 9),
    (5, 40, 35, 60),
    (0, 5, 1, 900_000),
    (3, 2_000, 1, 10),
    (505, 88_391, 499, 88_391),
]
THETA = np.array([-60.0, -41.3, -14.3, -3.1, -0.6, 0.0, 0.2, 1.7, 4.4, 11.3, 29.9])


@pytest.fixture(scope="module", autouse=True)
def digits():
    with mp.workdps(40):
        yield


def counts_of(*tables):
    likelihood = TwoBinomials.of(*np.array(tables, dtype=float).T)
    return Counts.of_tables(likelihood, likelihood_tables(likelihood))


class Reference:
    """Log of the integral over the risk's logit, by sums of equal steps of 40 digits."""

    def __init__(self, a, n, c, m):
        self.table = tuple(map(mp.mpf, (a, n, c, m)))
        self.constant = mp.fsum(
            mp.loggamma(p + 1) - mp.loggamma(q + 1) - mp.loggamma(p - q + 1)
            for p, q in ((self.table[1], self.table[0]), (self.table[3], self.table[2]))
        )

    def __call__(self, theta):
        a, n, c, m = self.table
        theta = mp.mpf(theta)

        def log_height(x):
            first, other = mp.log1p(mp.exp(x + theta)), mp.log1p(mp.exp(x))
            return (a + c) * x + a * theta - n * first - m * other

        low, high = -mp.mpf(150), mp.mpf(150)
        while high - low > 1e-6:
            top = (low + high) / 2
            rest = a + c - n / (1 + mp.exp(-top - theta)) - m / (1 + mp.exp(-top))
            low, high = (top, high) if rest > 0 else (low, top)
        highest = log_height(top)
        bend = sum(size / (2 + mp.exp(x) + mp.exp(-x)) for size, x in ((n, top + theta), (m, top)))
        h, total = 1 / (4 + mp.mpf(2) * mp.sqrt(bend)), mp.mpf(0)
        for sign in (1, -1):
            k = 0 if sign == 1 else 1
            while (height := log_height(top + sign * k * h) - highest) > -45:
                total += mp.exp(height)
                k += 1
        return highest + mp.log(h * total) + self.constant


def closed(a, n, c, m, theta):
    """The same by Gauss' function."""
    t, theta = a + c, mp.mpf(theta)
    log = mp.log(mp.binomial(n, a) * mp.binomial(m, c) * mp.beta(t, n + m - t)) - c * theta
    return log + mp.log(mp.hyp2f1(m, t, n + m, 1 - mp.exp(-theta)))


@pytest.mark.parametrize("table", TABLES[:6], ids=str)
def test_closed_form(table):
    """Of small tables; the references are of each other, too."""
    theta = [-3.1, -0.6, 0.2, 1.7, 4.4]
    wanted = [closed(*table, x) for x in theta]
    reference = Reference(*table)
    assert all(abs(reference(x) - y) < 1e-17 for x, y in zip(theta, wanted, strict=True))
    found = counts_of(table).log_likelihood(np.array(theta), np.zeros(5, dtype=int))
    np.testing.assert_allclose(found, np.array(wanted, dtype=float), rtol=3e-14, atol=3e-14)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_log_likelihood(table):
    """On the panels and far beyond them."""
    found = counts_of(table).log_likelihood(THETA, np.zeros(THETA.size, dtype=int))
    reference = Reference(*table)
    wanted = np.array([float(reference(x)) for x in THETA.tolist()])
    np.testing.assert_allclose(found, wanted, rtol=3e-14, atol=1e-13)


@pytest.mark.parametrize(
    "table",
    [
        (4_000_000, 10_000_000, 5_000_000, 11_000_000),
        (10_000_000 - 3, 10_000_000, 1_000_000, 10_000_000),
        (10, 20, 10**9, 10**11),
        (2 * 10**9, 10**10, 10**9, 10**10),
    ],
    ids=str,
)
def test_large_tables(table):
    """What is asked of counts up to 1e10, up to eight standard errors from the top."""
    counts = counts_of(table)
    a, n, c, m = table
    sd = np.sqrt(sum(1 / x for x in (a, n - a, c, m - c)))
    theta = counts.data[2, 0] + sd * np.array([-8.0, -1.0, 0.0, 0.5, 5.0])
    reference = Reference(*table)
    wanted = np.array([float(reference(x)) for x in theta.tolist()])
    found = counts.log_likelihood(theta, np.zeros(5, dtype=int))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_no_information():
    """No event, nothing but events: one, whatever the effect is, and without a limit."""
    counts = counts_of((0, 10, 0, 12), (10, 10, 12, 12), (3, 10, 2, 12))
    assert counts.log_likelihood(np.full((1, 3), 0.7))[0, :2].tolist() == [0.0, 0.0]
    log, mean, var = counts.laws(np.array([-1.0]), np.array([0.3]))[:, :2, 0]
    np.testing.assert_allclose(log, 0.0, atol=1e-14)
    np.testing.assert_allclose(mean, -1.0)
    np.testing.assert_allclose(var, np.exp(0.6))


def test_wide_priors_of_a_risk_say_nothing_without_events():
    """By the ratio at two effects, of ever wider uniform priors of the logit's middle."""
    apart = []
    for width in (40, 400, 4_000):
        logs = [
            mp.log(mp.quad(lambda a, half=half: (1 + mp.exp(a + half)) ** -9
                           * (1 + mp.exp(a - half)) ** -7, [-width, -10, 0, 10, width]))
            for half in (mp.mpf(0), mp.mpf(3) / 2)
        ]  # fmt: skip
        apart.append(float(abs(logs[1] - logs[0])))
    assert apart[1] < 0.12 * apart[0]
    assert apart[2] < 0.12 * apart[1]


@pytest.mark.parametrize(
    ("table", "eta", "tau"),
    [
        (TABLES[0], -0.5, 0.7),
        (TABLES[1], -2.0, 3.0),
        (TABLES[1], 4.0, 0.02),
        (TABLES[4], 0.5, 8.0),
        (TABLES[5], -30.0, 3.0),
        (TABLES[6], 1.0, 40.0),
        (TABLES[8], 20.0, 5.0),
        (TABLES[15], 0.4, 0.1),
    ],
    ids=str,
)
def test_integral(table, eta, tau):
    """The probability, the mean and variance of the effect, and a tail.

    By sums of equal steps of the tables' own likelihoods, held against 40 digits above: the
    integrand is analytic, and the sums are right to rounding.
    """
    counts = counts_of(table)
    found = TiltedNormal(counts, np.array([eta]), np.array([np.log(tau)]))
    sd, centre = float(np.sqrt(found.var[0])), float(found.mean[0])
    h = min(sd, 1.0) / 12.0
    x = centre + h * np.arange(-np.ceil(14.0 * sd / h), np.ceil(14.0 * sd / h) + 1.0)
    logs = counts.log_likelihood(x, np.zeros(x.size, dtype=int)) - 0.5 * ((x - eta) / tau) ** 2
    weight = np.exp(logs - logs.max())
    log = np.log(weight.sum() * h / tau) + logs.max() - 0.5 * np.log(2.0 * np.pi)
    mean = weight @ x / weight.sum()
    assert found.log_probability[0] == pytest.approx(log, rel=1e-12, abs=1e-12)
    assert centre == pytest.approx(mean, rel=1e-11, abs=1e-11 * sd)
    assert sd**2 == pytest.approx(weight @ (x - mean) ** 2 / weight.sum(), rel=1e-11)
    half = int(x.size * 0.55)
    # from the middle between two points on
    above = weight[half + 1 :].sum() / weight.sum()
    error = h * h * sd**-2
    assert found.sf(np.array([x[half] + 0.5 * h]))[0, 0] == pytest.approx(above, rel=error)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_effects_without_a_highest_likelihood(side):
    """All events in one arm: theta / (1 - exp(-theta)) of one person in each, at any width."""
    table = (1, 1, 0, 1) if side > 0.0 else (0, 1, 1, 1)
    counts = counts_of(table)
    theta = side * np.array([-30.0, -2.0, 1e-3, 5.0, 80.0, 1e6, 1e200])
    found = counts.log_likelihood(theta, np.zeros(7, dtype=int))
    size = np.abs(theta)
    wanted = np.log(size) - np.log(-np.expm1(-size)) - np.where(side * theta < 0.0, size, 0.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-13)
    # far out it is the mean of a half-normal variable
    wide = np.array([5.0, 30.0, 100.0, 299.0, 310.0, 500.0])
    log = counts.laws(np.zeros(6), wide)[0, 0]
    np.testing.assert_allclose(log[1:], wide[1:] - 0.5 * np.log(2.0 * np.pi), rtol=1e-12)
    assert log[0] > wide[0] - 0.5 * np.log(2.0 * np.pi)
