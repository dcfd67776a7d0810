"""Conjugate answers keep their digits at large counts and shapes: against 60 digits."""

import mpmath
import numpy as np
import pytest

from pyhier import learnbayes as lb

# A few ulps of logs that are of the order of one; weights below 1e-3 have their own accuracy too.
RTOL = 1e-14


def log_beta(a, b):
    a, b = mpmath.mpf(float(a)), mpmath.mpf(float(b))
    return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)


@pytest.fixture(autouse=True)
def sixty_digits():
    with mpmath.workdps(60):
        yield


@pytest.mark.parametrize(
    ("ab", "n", "s"),
    [
        ((80, 4723852), 50, 1), ((3, 12), 10, 0), ((1e6, 2e9), 1_000_000, 480),
        ((0.01, 1e8), 10**9, 3), ((5e14, 5e14), 10**12, 5 * 10**11 + 70),
        ((2.5, 0.5), 10**6, 10**6),
    ],
)  # fmt: skip
def test_pbetap(ab, n, s):
    a, b = ab
    choose = mpmath.loggamma(n + 1) - mpmath.loggamma(s + 1) - mpmath.loggamma(n - s + 1)
    expected = mpmath.exp(choose + log_beta(a + s, b + n - s) - log_beta(a, b))
    assert lb.pbetap(ab, n, [s])[0] == pytest.approx(float(expected), rel=RTOL)


@pytest.mark.parametrize(
    ("p0", "ab", "data"),
    [
        (0.5, (1, 1), (500_000, 501_000)), (1 / 3, (2.5, 1), (500_000.5, 1_001_000)),
        (0.5, (10, 10), (5, 15)), (0.25, (1e6, 3e6), (25_000_100, 75_000_000)),
        (0.1, (1, 9), (0, 40)),
    ],
)  # fmt: skip
def test_pbetat(p0, ab, data):
    (a, b), (s, f) = ab, data
    p = mpmath.mpf(p0)
    log_bf = s * mpmath.log(p) + f * mpmath.log(1 - p)
    log_bf += log_beta(a, b) - log_beta(a + s, b + f)
    found = lb.pbetat(p0, 0.5, ab, data)
    # Beyond the factor's log, which is of the order of ten, its last digits are p0's own.
    assert found.bf == pytest.approx(float(mpmath.exp(log_bf)), rel=RTOL)


def test_mixtures():
    prior = [[1e6, 2e6], [1.0001e6, 2e6], [3.0, 4.0]]
    weights = [0.3, 0.3, 0.4]
    s, f = 1000, 2010
    logs = [log_beta(a + s, b + f) - log_beta(a, b) for a, b in prior]
    expected = [w * mpmath.exp(x - logs[0]) for w, x in zip(weights, logs, strict=True)]
    found = lb.binomial_beta_mix(weights, prior, [s, f]).probs
    np.testing.assert_allclose(found, [float(x / sum(expected)) for x in expected], rtol=RTOL)
    y, t = 101_003, 202_107
    logs = [
        mpmath.loggamma(a + y) - mpmath.loggamma(a) + a * mpmath.log(mpmath.mpf(b) / (b + t))
        - y * mpmath.log(mpmath.mpf(b) + t)
        for a, b in prior
    ]  # fmt: skip
    expected = [w * mpmath.exp(x - logs[0]) for w, x in zip(weights, logs, strict=True)]
    data = {"y": [1000, 3, 100_000], "t": [2000, 7, 200_100]}
    found = lb.poisson_gamma_mix(weights, prior, data).probs
    np.testing.assert_allclose(found, [float(x / sum(expected)) for x in expected], rtol=RTOL)


def test_discrete_proportions():
    values = [0.2, 0.2000001, 0.200001]
    s, f = 2_000_000, 8_000_000
    logs = [s * mpmath.log(mpmath.mpf(p)) + f * mpmath.log(1 - mpmath.mpf(p)) for p in values]
    expected = [mpmath.exp(x - logs[0]) for x in logs]
    found = lb.pdisc(values, [1, 1, 1], [s, f])
    np.testing.assert_allclose(found, [float(x / sum(expected)) for x in expected], rtol=RTOL)
    log_choose = mpmath.loggamma(s + f + 1) - mpmath.loggamma(s + 1) - mpmath.loggamma(f + 1)
    expected = sum(mpmath.exp(log_choose + x) for x in logs) / 3
    third = [1 / 3] * 3
    assert lb.pdiscp(values, third, s + f, [s])[0] == pytest.approx(float(expected), rel=RTOL)
    assert lb.pdisc([1e-320, 0.5], [1, 1], [1, 0])[0] == pytest.approx(2e-320, rel=1e-3)


@pytest.mark.parametrize("y", [[[300_100, 300_000], [200_000, 199_000]], [[0, 0], [4, 5]]])
def test_ctable(y):
    counts = np.array(y)

    def dirichlet(a):
        a = [mpmath.mpf(int(x)) for x in np.ravel(a)]
        return sum(map(mpmath.loggamma, a)) - mpmath.loggamma(sum(a))

    log_bf = dirichlet(counts + 1) - dirichlet(np.ones(4))
    for axis in (0, 1):
        log_bf += dirichlet(np.ones(2)) - dirichlet(counts.sum(axis=axis) + 1)
    expected = float(mpmath.exp(log_bf))
    assert lb.ctable(y, np.ones((2, 2))) == pytest.approx(expected, rel=RTOL)
