"""Tails of the gamma and beta families against 60-digit arithmetic; quantiles against tails."""

import mpmath as mp
import numpy as np
import pytest

from pyhier import rstats


def exact(function, *args):
    with mp.workdps(60):
        return function(*(mp.mpf(float(a)) for a in args))


@pytest.mark.parametrize("lower", [True, False])
def test_gamma_tails(lower):
    """2e-14 of the logarithm's size: the rounding of exp(log p)."""
    rng = np.random.default_rng(1)
    shape = 10.0 ** rng.uniform(-4, 3.5, 60)
    x = shape * np.exp(rng.normal(size=60) * 3.0 / np.sqrt(shape + 0.1))
    found = rstats.pgamma(x, shape, lower_tail=lower, log_p=True)

    def tail(a, v):
        ends = (0, v) if lower else (v, mp.inf)
        return mp.log(mp.gammainc(a, *ends, regularized=True))

    right = np.array([float(exact(tail, a, v)) for a, v in zip(shape, x, strict=True)])
    np.testing.assert_allclose(found, right, rtol=2e-14, atol=2e-16)


def test_beta_tails():
    """Both tails, of which the smaller one would be lost in 1 - p."""
    rng = np.random.default_rng(2)
    a, b = 10.0 ** rng.uniform(-4, 3, (2, 60))
    logit = np.log(a / b) + rng.normal(size=60) * 3.0 * np.sqrt(1 / a + 1 / b)
    x = 1.0 / (1.0 + np.exp(-np.clip(logit, -60.0, 30.0)))
    for lower in (True, False):
        found = rstats.pbeta(x, a, b, lower_tail=lower, log_p=True)

        def tail(p, q, v, lower=lower):
            ends = (p, q, 0, v) if lower else (q, p, 0, 1 - v)
            return mp.log(mp.betainc(*ends, regularized=True))

        right = np.array([float(exact(tail, *row)) for row in zip(a, b, x, strict=True)])
        np.testing.assert_allclose(found, right, rtol=3e-14, atol=2e-16)


QUANTILES = [
    (rstats.qgamma, rstats.pgamma, {"shape": 0.3, "rate": 2.0}),
    (rstats.qgamma, rstats.pgamma, {"shape": 3e9}),
    (rstats.qbeta, rstats.pbeta, {"shape1": 0.2, "shape2": 30.0}),
    (rstats.qbeta, rstats.pbeta, {"shape1": 5e5, "shape2": 3e6}),
    (rstats.qt, rstats.pt, {"df": 0.7}),
    (rstats.qf, rstats.pf, {"df1": 3.0, "df2": 1e6}),
    (rstats.qnorm, rstats.pnorm, {"mean": 3.0, "sd": 2.0}),
]


@pytest.mark.parametrize(("quantile", "probability", "given"), QUANTILES)
def test_quantiles_undo_their_tails(quantile, probability, given):
    log_p = -np.concatenate([np.linspace(0.01, 3.0, 30), 10.0 ** np.linspace(0.6, 4.0, 20)])
    for lower in (True, False):
        x = quantile(log_p, **given, lower_tail=lower, log_p=True)
        kept = np.isfinite(x) & (x != 0.0) & ((quantile is not rstats.qbeta) | (x < 0.9))
        back = probability(x[kept], **given, lower_tail=lower, log_p=True)
        # Nearer to 1 a double cannot hold the point. A last place of x is 1e-16 of it times the
        # density over the tail.
        np.testing.assert_allclose(back, log_p[kept], rtol=1e-9)
        assert kept.sum() > 10


def test_counts_are_the_first_to_reach():
    rng = np.random.default_rng(3)
    for _ in range(50):
        n, p, target = int(10 ** rng.uniform(0, 7)), rng.random(), rng.random()
        k = rstats.qbinom(target, n, p)
        assert rstats.pbinom(k, n, p) >= target * (1 - 1e-13)
        assert k == 0 or rstats.pbinom(k - 1, n, p) < target
        assert rstats.qbinom(rstats.pbinom(k, n, p), n, p) == k


def test_the_normal_far_out():
    """log Phi(-1e8) = -z^2 / 2 - log z - log(2 pi) / 2."""
    z = 1e8
    assert rstats.pnorm(-z, log_p=True) == pytest.approx(
        -z * z / 2 - np.log(z) - 0.5 * np.log(2 * np.pi), rel=1e-15
    )
    assert rstats.qnorm(-1e10, log_p=True) == pytest.approx(-141421.3562, rel=1e-6)
    assert rstats.pnorm(rstats.qnorm(-1e10, log_p=True), log_p=True) == pytest.approx(-1e10)
