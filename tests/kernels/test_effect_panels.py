"""Sums on whole panels, against the same sums in NumPy and point by point."""

import numpy as np
import pytest
from scipy.special import logsumexp

from pyhier.distributions.families import Beta, Gamma, InverseGamma, Normal
from pyhier.kernels.effect_panels import (
    beta_moments,
    gamma_moments,
    inverse_gamma_moments,
    panel_sums,
)
from pyhier.kernels.effect_sums import sums

NOTHING = np.zeros(1, dtype=np.intp), np.zeros(0, dtype=np.int32)
NO_LINEAR = *NOTHING, *[np.zeros(0)] * 3
NO_CLOSE = *NOTHING, *[np.zeros(0)] * 6
NO_NARROW = *NOTHING, *[np.zeros(0)] * 5, np.zeros(0, np.int32), *[np.zeros((0, 32))] * 2
OFF = np.polynomial.legendre.leggauss(16)[0]
TASK, EFFECT = np.array([0, 2, 3]), np.array([0, 1, 1])  # two panels, the first of both effects
APART = (0, 2, 1, 3), (0, 1, 2, 3)
NO_WEIGHTS = np.zeros((2, 0))


def population(line, concentration, w):
    if line == "identity":
        return Normal(w, np.full(w.size, 1.0 / concentration))
    if line == "log":
        return Gamma(np.full(w.size, concentration), concentration * np.exp(-w))
    if line == "inverse-log":
        return InverseGamma(np.full(w.size, concentration), concentration * np.exp(w))
    return Beta(concentration / (1.0 + np.exp(-w)), concentration / (1.0 + np.exp(w)))


def total_and_error(parts):
    """Of sums over even and odd nodes of even rows, and of odd rows."""
    total = parts.sum(axis=0)
    apart = [parts[a] + parts[b] - parts[c] - parts[d] for a, b, c, d in APART]
    with np.errstate(invalid="ignore"):  # no row serves some points
        nodes, rows = np.array(apart) / total
    return total, nodes**2 + rows**2


def by_class(logs, first):
    """Sums of exponentials over classes of nodes in rows that are even and odd by turns."""
    row = np.repeat(np.arange(first.size - 1), np.diff(first))
    number = 2 * (row % 2) + (np.arange(first[-1]) - first[row]) % 2
    return np.array([np.exp(logsumexp(logs[number == k], axis=0)) for k in range(4)])


def agree(found, task, parts, rtol):
    total, error = total_and_error(parts)
    np.testing.assert_allclose(found[0][task], total, rtol=rtol)
    np.testing.assert_allclose(found[1][task], error, rtol=rtol, atol=4.0 * rtol)


@pytest.mark.parametrize("line", ["identity", "log", "logit", "inverse-log"])
@pytest.mark.parametrize("concentration", [0.3, 50.0, 1e6, 1e14])
def test_close_components(line, concentration):
    rng = np.random.default_rng(1)
    width = 4.0 / np.sqrt(concentration)
    first = np.array([0, 701, 1034])
    w = np.concatenate([np.sort(width * rng.uniform(-9.0, 9.0, n)) - 1.0 for n in np.diff(first)])
    family, small = population(line, concentration, w), np.exp(-np.abs(w))
    close = (
        first, np.array([0, 1], np.int32), np.full(2, concentration), np.full(2, -np.inf),
        np.full(2, np.inf), w, small / (1.0 + small), np.where(w > 0.0, -1.0, 1.0),
    )  # fmt: skip
    z = -1.0 + width * np.array([OFF - 2.0, 0.5 * OFF])
    logs = -rng.uniform(0.0, 5.0, (2, w.size))
    found = panel_sums(
        line, TASK, EFFECT, z, np.zeros((2, 2, 16)), NO_LINEAR, close, NO_NARROW, np.exp(logs),
        NO_WEIGHTS, 60.0,
    )  # fmt: skip
    for task, (panel, effect) in enumerate([(0, 0), (0, 1), (1, 1)]):
        shape = np.array([family.near(x - w) - family.near(0.0 * w) for x in z[panel]]).T
        right = by_class(logs[effect][:, None] + shape, first)
        agree(found, task, right, 1e-7)


def test_linear_components():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 900))
    statistics = rng.normal(size=(2, 2, 16))
    both = statistics[:, 0, :, None] * a + statistics[:, 1, :, None] * b
    c = -both.max(axis=(0, 1))
    first, logs = np.array([0, 500, 900]), rng.normal(size=(2, 900))
    linear = first, np.array([0, 1], np.int32), a, b, c
    found = panel_sums(
        "logit", TASK, EFFECT, np.zeros((2, 16)), statistics, linear, NO_CLOSE, NO_NARROW,
        np.exp(logs), NO_WEIGHTS, 45.0,
    )  # fmt: skip
    for task, (panel, effect) in enumerate([(0, 0), (0, 1), (1, 1)]):
        right = by_class((logs[effect] + both[panel] + c).T, first)
        agree(found, task, right, 1e-12)


@pytest.mark.parametrize("line", ["identity", "log", "logit", "inverse-log"])
def test_narrow_components(line):
    """On panels that the rows serve in part, one of whose points is a grid point."""
    grid = -4.0 + 0.05 * np.arange(161)
    values = np.array([-0.5 * grid**2, -0.5 * (grid - 1.0) ** 2 + 0.3 * np.sin(grid)])
    rules = np.zeros((2, 2, 32))
    for row, size in enumerate((9, 1)):
        node, weight = np.polynomial.hermite_e.hermegauss(size)
        rules[:, row, :size] = node, np.log(weight) + 0.5 * node**2
    two = np.ones(2)
    narrow = (
        np.array([0, 80, 161]), np.array([1, 0], np.int32), np.array([1e5, 1e9]),
        np.array([-9.0, -0.2]), np.array([-0.7, 9.0]), grid[[0, 80]], 0.05 * two,
    )  # fmt: skip
    rules = np.array([9, 1], np.int32), *rules
    z = np.array([OFF - 1.0, 1.5 + 2.0 * OFF])
    z[1, 7] = 1.0
    found = panel_sums(
        line, TASK, EFFECT, z, np.zeros((2, 2, 16)), NO_LINEAR, NO_CLOSE, narrow + rules,
        NO_WEIGHTS, values, 45.0,
    )  # fmt: skip
    linear, close = (*NO_LINEAR[:-1], NO_WEIGHTS), (*NO_CLOSE, NO_WEIGHTS)
    narrow = *narrow, values, *rules
    for task, (panel, effect) in enumerate([(0, 0), (0, 1), (1, 1)]):
        effects, nothing = np.full(16, effect), np.zeros((16, 2))
        top, right = sums(line, effects, z[panel], nothing, linear, close, narrow, 45.0 * two)
        right = (np.exp(np.where(np.isfinite(top), top, 0.0))[:, None] * right).T
        agree(found, task, right, 1e-11)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e13])
def test_moments_of_mixtures(size):
    """Against the moments of each component, in long double."""
    rng = np.random.default_rng(3)
    a, b = size * rng.uniform(0.5, 2.0, (2, 3, 40))
    weight = rng.uniform(size=40)
    weight /= weight.sum()
    a += 3.0 * (size < 10.0)  # an inverse gamma has no variance at shapes up to 2
    x, y, w = (np.asarray(part, dtype=np.longdouble) for part in (a, b, weight))
    for moments, mean, var in (
        (beta_moments, x / (x + y), x * y / (x + y) ** 2 / (x + y + 1)),
        (gamma_moments, x / y, x / y**2),
        (inverse_gamma_moments, y / (x - 1), (y / (x - 1)) ** 2 / (x - 2)),
    ):
        centre = (w * mean).sum(axis=1) / w.sum()
        spread = (w * (var + (mean - centre[:, None]) ** 2)).sum(axis=1)
        found = moments(a, b, weight)
        np.testing.assert_allclose(found[0], centre.astype(float), rtol=1e-14)
        np.testing.assert_allclose(found[1], spread.astype(float), rtol=1e-12)
