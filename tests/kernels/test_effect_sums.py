"""Sums over components of effects, against the same sums in NumPy and by plain quadrature."""

import numpy as np
import pytest
from scipy.special import logsumexp

from pyhier.distributions.families import Beta, Gamma, InverseGamma, Normal
from pyhier.kernels.effect_sums import sums

NOTHING = np.zeros(1, dtype=np.intp), np.zeros(0, dtype=np.int32)
NONE = np.zeros((2, 0))
NO_LINEAR = (*NOTHING, *[np.zeros(0)] * 2, NONE)
NO_CLOSE = (*NOTHING, *[np.zeros(0)] * 6, NONE)
NO_NARROW = (*NOTHING, *[np.zeros(0)] * 5, NONE, np.zeros(0, np.int32), *[np.zeros((0, 32))] * 2)


def population(line, concentration, w):
    if line == "identity":
        return Normal(w, np.full(w.size, 1.0 / concentration))
    if line == "log":
        return Gamma(np.full(w.size, concentration), concentration * np.exp(-w))
    if line == "inverse-log":
        return InverseGamma(np.full(w.size, concentration), concentration * np.exp(w))
    eta = 1.0 / (1.0 + np.exp(-w))
    return Beta(concentration * eta, concentration / (1.0 + np.exp(w)))


def of_first(line, z, *rest):
    *parts, depth = rest
    return sums(line, np.zeros(z.size, np.intp), z, *parts, np.array([depth]))


def total(top, parts):
    return top + np.log(parts.sum(axis=1))


@pytest.mark.parametrize("line", ["identity", "log", "logit", "inverse-log"])
@pytest.mark.parametrize("concentration", [0.3, 50.0, 1e6, 1e14])
def test_close_components(line, concentration):
    """Two rows; a component at z is that of `near`, however narrow it is."""
    rng = np.random.default_rng(1)
    width = 4.0 / np.sqrt(concentration)
    w = np.concatenate([np.sort(-1.0 + width * rng.uniform(-9.0, 9.0, n)) for n in (700, 333)])
    offset = rng.normal(size=w.size)
    family = population(line, concentration, w)
    z = -1.0 + width * np.linspace(-5.0, 5.0, 21)
    small = np.exp(-np.abs(w))
    close = (
        np.array([0, 700, w.size]), np.array([0, 1], np.int32), np.full(2, concentration),
        np.full(2, -np.inf), np.full(2, np.inf), w, small / (1.0 + small),
        np.where(w > 0.0, -1.0, 1.0), (offset + family.near(np.zeros(w.size)))[None],
    )  # fmt: skip
    top, parts = of_first(line, z, np.zeros((z.size, 2)), NO_LINEAR, close, NO_NARROW, 60.0)
    terms = np.array([family.near(x - w) for x in z]) + offset
    np.testing.assert_allclose(total(top, parts), logsumexp(terms, axis=1), rtol=1e-12, atol=1e-7)
    even = np.r_[np.arange(700) % 2, np.arange(333) % 2] == 0
    first = np.arange(w.size) < 700
    for k, some in enumerate([even & first, ~even & first, even & ~first, ~even & ~first]):
        right = logsumexp(terms[:, some], axis=1)
        np.testing.assert_allclose(top + np.log(parts[:, k]), right, rtol=1e-12, atol=1e-7)


def test_linear_components():
    rng = np.random.default_rng(2)
    a, b, offset = rng.normal(size=(3, 1500))
    statistics = rng.normal(size=(7, 2))
    linear = np.array([0, 1000, 1500]), np.array([0, 1], np.int32), a, b, offset[None]
    top, parts = of_first("logit", np.zeros(7), statistics, linear, NO_CLOSE, NO_NARROW, 45.0)
    terms = statistics[:, :1] * a + statistics[:, 1:] * b + offset
    np.testing.assert_allclose(total(top, parts), logsumexp(terms, axis=1), rtol=1e-13)
    right = logsumexp(terms[:, 1:1000:2], axis=1)
    np.testing.assert_allclose(top + np.log(parts[:, 1]), right, rtol=1e-13)


@pytest.mark.parametrize("line", ["identity", "log", "logit", "inverse-log"])
def test_narrow_components(line):
    """A smooth density of the location, by its values on a grid, against a fine rule."""
    c, grid = 1e5, -4.0 + 0.05 * np.arange(161)

    def log_density(w):
        return -0.5 * w * w + 0.3 * np.sin(w)

    node, weight = np.polynomial.hermite_e.hermegauss(9)
    rules = np.zeros((2, 1, 32))
    rules[:, 0, :9] = node, np.log(weight) + 0.5 * node**2
    one = np.ones(1)
    narrow = (
        np.array([0, grid.size]), np.zeros(1, np.int32), c * one, -9.0 * one, 9.0 * one,
        -4.0 * one, 0.05 * one, log_density(grid)[None], np.array([9], np.int32), *rules,
    )  # fmt: skip
    z = np.array([-2.7, -0.31, 0.0, 1.9])
    top, parts = of_first(line, z, np.zeros((4, 2)), NO_LINEAR, NO_CLOSE, narrow, 45.0)
    for x, found in zip(z, total(top, parts), strict=True):
        w = x + 0.12 * np.linspace(-1.0, 1.0, 4001)
        terms = log_density(w) + population(line, c, w).near(x - w)
        assert found == pytest.approx(logsumexp(terms) + np.log(0.12 / 2000), abs=1e-9)


def test_a_row_serves_its_places_alone():
    one = np.ones(1)
    close = (
        np.array([0, 1]), np.zeros(1, np.int32), one, -one, one, 0.0 * one, 0.5 * one, one,
        one[None],
    )  # fmt: skip
    z = np.array([-1.5, 0.5, 1.5])
    top, _ = of_first("log", z, np.zeros((3, 2)), NO_LINEAR, close, NO_NARROW, 45.0)
    assert np.isfinite(top).tolist() == [False, True, False]
