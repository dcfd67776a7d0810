"""Integrals over normal effects against Gauss panels in 40 digits, to the ends of the range."""

from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.distributions.tilted import Counts, TiltedNormal
from pyhier.kernels import normal_effects as kernel
from pyhier.kernels.integrated_groups import IntegratedGradient

ONE = np.ones(1)
ROOTS = np.polynomial.legendre.leggauss(24)[0]

# Kind, count, trials or exposure, eta, tau.
CASES = [
    ("binomial", 0, 50, -4.0, 2.0),
    ("binomial", 3, 20, -1.0, 0.5),
    ("binomial", 1, 1, 3.0, 1.3),
    ("binomial", 1, 2, 0.0, 1e4),
    ("binomial", 30, 400, -2.0, 1e-12),
    ("binomial", 0, 1e12, -20.0, 1.0),
    ("binomial", 5e11, 1e12, 1e-6, 1e-6),
    ("binomial", 999_999_999_990, 1e12, 30.0, 1e8),
    ("binomial", 0, 47, -2.0, 1e8),
    ("binomial", 6, 6, 500.8, 13270.7),
    ("binomial", 0, 84_955_270_167, 417.5, 92.0),
    ("binomial", 2, 70, -366.1, 12.7),
    ("binomial", 0, 47, 700.0, 0.01),
    ("binomial", 47, 47, 700.0, 5.0),
    ("binomial", 0, 0, 1.0, 2.0),
    ("poisson", 0, 0.3, -1.0, 1.5),
    ("poisson", 4, 2.5, 0.0, 0.8),
    ("poisson", 10**12, 3.0, 26.0, 0.5),
    ("poisson", 7, 1e-6, -700.0, 40.0),
    ("poisson", 0, 12.0, 3.0, 1e8),
    ("poisson", 0, 1e5, 300.0, 0.1),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def digits():
    with mp.workdps(40):
        yield


def gauss():
    """The rule's nodes and weights, to all digits."""
    rule = []
    for root in ROOTS:
        x = mp.findroot(lambda z: mp.legendre(24, z), mp.mpf(float(root)))
        slope = 24 * (x * mp.legendre(24, x) - mp.legendre(23, x)) / (x * x - 1)
        rule.append((x, 2 / ((1 - x * x) * slope**2)))
    return rule


class Reference:
    """The log integral, mean and variance by panels that halve towards the mode and the bend."""

    rule = []  # noqa: RUF012 - made once

    def __init__(self, kind, y, size, eta, tau):
        y, size, self.eta, self.tau = (mp.mpf(x) for x in (y, size, eta, tau))
        self.kind, self.y, self.size = kind, y, size
        if not self.rule:
            self.rule += gauss()
        self.mode = self.find_mode()
        self.top = self.log_integrand(self.mode)
        self.ends = [self.mode - self.reach(-1), self.mode + self.reach(1)]
        self.total, *moments = self.integrals(*self.ends)
        self.off, second = (x / self.total for x in moments)
        self.var = second - self.off**2
        self.log = self.top + mp.log(self.total / self.tau) - mp.log(2 * mp.pi) / 2

    def log_integrand(self, t):
        y, n = self.y, self.size
        if self.kind == "binomial":
            own = mp.loggamma(n + 1) - mp.loggamma(y + 1) - mp.loggamma(n - y + 1)
            own += y * t - n * (mp.log1p(mp.exp(-abs(t))) + max(t, 0))
        else:
            own = y * mp.log(n) - mp.loggamma(y + 1) + y * t - n * mp.exp(t)
        return own - ((t - self.eta) / self.tau) ** 2 / 2

    def slope(self, t):
        rate = 1 / (1 + mp.exp(-t)) if self.kind == "binomial" else mp.exp(t)
        return self.y - self.size * rate - (t - self.eta) / self.tau**2

    def find_mode(self):
        low, high, step = self.eta - 1, self.eta + 1, mp.mpf(1)
        while self.slope(low) < 0:
            low, step = low - step, 2 * step
        step = mp.mpf(1)
        while self.slope(high) > 0:
            high, step = high + step, 2 * step
        for _ in range(220):
            middle = (low + high) / 2
            low, high = (middle, high) if self.slope(middle) > 0 else (low, middle)
        return (low + high) / 2

    def reach(self, sign):
        away = mp.mpf(10) ** -16
        while self.top - self.log_integrand(self.mode + sign * away) < 80:
            away *= 1.5
        return away

    def integrals(self, low, high):
        other = self.size - self.y if self.kind == "binomial" else self.size
        bend = mp.log(max(self.y, 1)) - mp.log(max(other, 1 if self.kind == "binomial" else other))
        points = {low, high, min(max(self.mode, low), high)}
        for middle, least in ((self.mode, (high - low) / 200), (bend, mp.mpf("0.2"))):
            away = high - low
            while away > least:
                points |= {x for x in (middle - away, middle + away) if low < x < high}
                away /= 2
        points = sorted(points)
        sums = [mp.mpf(0)] * 3
        for a, b in pairwise(points):
            for x, w in self.rule:
                t = a + (b - a) * (1 + x) / 2
                part = mp.exp(self.log_integrand(t) - self.top) * w * (b - a) / 2
                sums = [s + part * (t - self.mode) ** k for k, s in enumerate(sums)]
        return sums


def law(kind, y, size, eta, log_tau):
    counts = Counts.of(kind, y * ONE, size * ONE)
    return TiltedNormal(counts, eta * ONE, log_tau * ONE)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_integrals_and_moments(case):
    kind, y, size, eta, tau = case
    log_tau = float(np.log(tau))
    reference, found = (
        Reference(kind, y, size, eta, mp.exp(mp.mpf(log_tau))),
        law(kind, float(y), float(size), eta, log_tau),
    )
    wanted = float(reference.log)
    # Counts of 1e12 leave a double of theta, 1e-16 of a logit, about 1e-10 of its sd.
    assert float(found.log_probability[0]) == pytest.approx(wanted, rel=3e-13, abs=1e-12)
    sd = float(mp.sqrt(reference.var))
    mean = reference.mode + reference.off
    assert abs(float(found.mean[0] - mean)) < 1e-9 * sd + 4e-16 * abs(float(mean))
    assert float(found.var[0]) == pytest.approx(float(reference.var), rel=1e-11)


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[8], CASES[16], CASES[20]], ids=str)
def test_tails(case):
    """From 1e-12 up to all of it, on both sides."""
    kind, y, size, eta, tau = case
    reference = Reference(kind, y, size, eta, tau)
    found = law(kind, float(y), float(size), eta, np.log(tau))
    for share in (0.002, 0.3, 0.45, 0.55, 0.7):
        x = float(reference.ends[0] + share * (reference.ends[1] - reference.ends[0]))
        below = reference.integrals(reference.ends[0], mp.mpf(x))[0] / reference.total
        above = reference.integrals(mp.mpf(x), reference.ends[1])[0] / reference.total
        points = np.array([x])
        assert float(found.cdf(points)[0, 0]) == pytest.approx(float(below), rel=1e-9, abs=1e-15)
        assert float(found.sf(points)[0, 0]) == pytest.approx(float(above), rel=1e-9, abs=1e-15)
    assert found.cdf(np.array([-np.inf, np.inf])).ravel().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("log_tau", [-3.0, 1.5])
def test_derivatives(log_tau):
    """Of the log integral of three groups about a predictor, by differences in 40 digits."""
    y, size = np.array([0.0, 3.0, 9.0]), np.array([12.0, 8.0, 9.0])
    design = np.array([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0]])
    counts = Counts.of("binomial", y, size)
    point = np.array([-0.4, 0.3, log_tau])
    prior = np.zeros(2), np.empty((0, 2)), 0.0, None
    owner = kernel.CountsWithPriors(
        "binomial", counts.data, counts.tables, np.ones(3), design, *prior, False
    )
    gradient, hessian = owner.derivatives(point)

    def value(*x):
        eta = [row[0] * x[0] + row[1] * x[1] for row in design.tolist()]
        tau = mp.exp(x[2])
        return sum(
            Reference("binomial", a, n, e, tau).log for a, n, e in zip(y, size, eta, strict=True)
        )

    h = mp.mpf(10) ** -5
    units = [[h if i == k else 0 for i in range(3)] for k in range(3)]
    ends = [
        [value(*(p + s * u for p, u in zip(point, unit, strict=True))) for s in (-1, 1)]
        for unit in units
    ]
    slopes = [float((b - a) / (2 * h)) for a, b in ends]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-8, atol=1e-8)
    middle = value(*point)
    for k, (a, b) in enumerate(ends):
        assert hessian[k, k] == pytest.approx(
            float((a - 2 * middle + b) / h**2), rel=1e-6, abs=1e-6
        )
    corners = [value(*(p + r * u + s * v for p, u, v in zip(point, *units[1:], strict=True)))
               for r, s in ((1, 1), (1, -1), (-1, 1), (-1, -1))]  # fmt: skip
    mixed = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h**2)
    assert hessian[1, 2] == pytest.approx(float(mixed), rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-14)
    compiled = IntegratedGradient(owner)(point)
    np.testing.assert_allclose(
        compiled[1], [*gradient[:2], gradient[2] + 1.0], rtol=1e-13, atol=1e-13
    )


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[6], CASES[8], CASES[10]], ids=str)
def test_draws(case):
    """By rejection: the tails at the draws are uniform."""
    kind, y, size, eta, tau = case
    n, rng = 4_000, np.random.default_rng(1)
    found = law(kind, float(y), float(size), eta, np.log(tau))
    drawn = kernel.draws(
        kind, found.counts.data, found.counts.tables, np.zeros(n, dtype=np.int64), np.full(n, eta),
        np.full(n, np.log(tau)), rng.random(n), rng.random(n),
    )  # fmt: skip
    kept = drawn[~np.isnan(drawn)]
    assert kept.size > 0.7 * n
    assert stats.kstest(found.cdf(kept).ravel(), "uniform").pvalue > 1e-4


def test_no_spread():
    """At tau = 0 the effect is its mean, and the probability that of the binomial."""
    found = law("binomial", 3.0, 10.0, -1.0, -np.inf)
    assert found.mean[0] == -1.0
    assert found.var[0] == 0.0
    wanted = stats.binom(10, 1.0 / (1.0 + np.e)).logpmf(3)
    assert found.log_probability[0] == pytest.approx(wanted, rel=1e-14)
    nearly = law("binomial", 3.0, 10.0, -1.0, -400.0)
    assert nearly.log_probability[0] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("trials", [10.0, 1e6, 1e12])
def test_wide_normals_are_flat_over_the_likelihood(trials):
    """With tau of 1e8 a group's probability is its likelihood's integral, choose(n, y) B(y, n - y),
    which is n / (y (n - y)), over tau sqrt(2 pi), whatever the search for the mode rounds.
    """
    y = np.round(0.509457299760 * trials)
    model = ph.BinomialNormal([y], [trials])
    eta, log_tau = np.meshgrid(np.linspace(-600.0, 600.0, 401), [20.0, 27.0, 27.4])
    found = model.log_marginal_likelihood(np.column_stack([eta.ravel(), log_tau.ravel()]))
    area = np.log(trials) - np.log(y) - np.log(trials - y)
    right = area - log_tau.ravel() - 0.5 * np.log(2.0 * np.pi)
    np.testing.assert_allclose(found, right, rtol=1e-11)  # (eta / tau)^2 / 2 is left out
