"""What a group's own data says of its effect, against SciPy and longer sums."""

import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats

import pyhier as ph
from pyhier.models.own_likelihood import BinomialOwn, NormalOwn, PoissonOwn

Z = np.array([-30.0, -3.0, -0.4, 0.0, 1.7, 25.0])


@pytest.mark.parametrize(("y", "n"), [(0, 7), (7, 7), (2, 9), (8, 9)])
def test_binomial(y, n):
    own = BinomialOwn(float(y), float(n - y))
    right = stats.binom.logpmf(y, n, special.expit(np.minimum(Z, 5.0)))
    np.testing.assert_allclose(own.given_effect(np.minimum(Z, 5.0)), right, rtol=1e-11, atol=1e-12)
    phi = np.array([[0.3, 1.2], [-2.0, 4.0]])
    a, b = (
        np.exp(phi[:, 1]) * special.expit(phi[:, 0]),
        np.exp(phi[:, 1]) * special.expit(-phi[:, 0]),
    )
    np.testing.assert_allclose(own.given_phi(phi), stats.betabinom.logpmf(y, n, a, b), rtol=1e-12)
    assert own.highest == pytest.approx(stats.binom.logpmf(y, n, y / n), abs=1e-12)


@pytest.mark.parametrize("y", [0, 1, 40])
def test_poisson(y):
    own = PoissonOwn(float(y), 2.5)
    z = Z[:-1]
    right = stats.poisson.logpmf(y, 2.5 * np.exp(z))
    np.testing.assert_allclose(own.given_effect(z), right, rtol=1e-11, atol=1e-12)
    phi = np.array([[0.3, 1.2], [-2.0, 1.0]])
    alpha, mu = np.exp(phi.T)
    right = stats.nbinom.logpmf(y, alpha, alpha / (alpha + 2.5 * mu))
    np.testing.assert_allclose(own.given_phi(phi), right, rtol=1e-12)


@pytest.mark.parametrize("off", [-2.3e-6, 0.0, 1.1e-6])
def test_large_counts_keep_their_digits(off):
    """Of 1e12 trials: 30 digits, at the place that a double holds."""
    y, n = 3e11, 1e12
    z = float(np.log(3.0 / 7.0) + off)
    with mp.workdps(40):
        theta = 1 / (1 + mp.exp(-mp.mpf(z)))
        right = mp.loggamma(n + 1) - mp.loggamma(y + 1) - mp.loggamma(n - y + 1)
        right += y * mp.log(theta) + (n - y) * mp.log(1 - theta)
        events = y * mp.mpf(z) - y * mp.exp(mp.mpf(z)) + 0 * right
        events += y * mp.log(mp.mpf(y)) - mp.loggamma(y + 1)
    # A place has 1e-16, and the density a slope of a few 1e6 there.
    assert BinomialOwn(y, n - y).given_effect(np.array([z]))[0] == pytest.approx(
        float(right), abs=3e-9
    )
    near = PoissonOwn(y, y).given_effect(np.array([off]))[0]
    with mp.workdps(40):
        right = y * (mp.log(mp.mpf(y)) + mp.mpf(off)) - y * mp.exp(mp.mpf(off)) - mp.loggamma(y + 1)
    assert near == pytest.approx(float(right), abs=3e-9)


def test_beyond_the_doubles():
    """Shares of mass below exp(-700) and above exp(700), where shapes are small."""
    phi = np.array([[0.4, -6.0], [-1.0, -9.0], [1.0, 2.0]])
    below, above = BinomialOwn(0.0, 0.0).beyond(phi, 700.0)
    a, b = (
        np.exp(phi[:, 1]) * special.expit(phi[:, 0]),
        np.exp(phi[:, 1]) * special.expit(-phi[:, 0]),
    )
    tiny = np.exp(-700.0)
    np.testing.assert_allclose(below, special.betainc(a, b, tiny), rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(above, special.betainc(b, a, tiny), rtol=1e-10, atol=1e-300)
    phi = np.array([[-6.0, 0.3], [-5.0, 900.0], [1.0, 2.0]])
    below, above = PoissonOwn(0.0, 0.0).beyond(phi, 700.0)
    for k, (x, w) in enumerate(phi):
        with mp.workdps(30):
            alpha = mp.exp(x)
            rate = alpha * mp.exp(-w)
            low = mp.gammainc(alpha, 0, rate * mp.exp(-700), regularized=True)
            high = mp.gammainc(alpha, rate * mp.exp(700), mp.inf, regularized=True)
        assert below[k] == pytest.approx(float(low), rel=1e-10, abs=1e-300)
        assert above[k] == pytest.approx(float(high), rel=1e-9, abs=1e-300)


def test_normal_and_new_groups():
    own = NormalOwn(1.5, 4.0)
    np.testing.assert_allclose(own.given_effect(Z), stats.norm.logpdf(1.5, Z, 2.0), rtol=1e-13)
    phi = np.array([[0.3, 0.2], [-2.0, -40.0]])
    right = stats.norm.logpdf(1.5, phi[:, 0], np.sqrt(4.0 + np.exp(2.0 * phi[:, 1])))
    np.testing.assert_allclose(own.given_phi(phi), right, rtol=1e-13)
    models = (ph.BetaBinomial([1, 2], [3, 4]), ph.PoissonGamma([1, 2], [3.0, 4.0]))
    for model in (*models, ph.NormalNormal([1.0, 2.0], se=[1.0, 1.0])):
        new = model.own_likelihood([None])
        assert not new.given_effect(Z).any()
        assert not new.given_phi(phi).any()
