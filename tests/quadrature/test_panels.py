"""Panels where the arithmetic gives out: peaks amid one, large logs, poles."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from pyhier.quadrature.averaging import leverage
from pyhier.quadrature.edges import pole
from pyhier.quadrature.panels import resolve
from pyhier.quadrature.rule import WEIGHTS, nodes_of


def moments(panels):
    weight = panels.shares
    mean = (weight * panels.nodes).sum()
    return mean, np.sqrt((weight * (panels.nodes - mean) ** 2).sum())


@pytest.mark.parametrize("width", 0.125 / np.geomspace(4.0, 16.0, 13))
def test_moments_of_a_peak_amid_a_panel(width):
    """Its sd too, which both flanks make: 16 nodes on 8 sds put it 5e-9 off."""
    peak = stats.norm(5.4375, width)
    mean, sd = moments(resolve(lambda x: peak.logpdf(x)[np.newaxis], 5.2, 5.7))
    assert abs(mean - 5.4375) < 1e-11 * width
    assert sd == pytest.approx(width, rel=2e-11)


@pytest.mark.parametrize("size", [1e6, 7.6e6, 2e7])
def test_the_rounding_of_a_large_log_is_averaged_out(size):
    """To less than half of what is promised, and what is left is said."""
    width = 3e-4
    peak = stats.norm(-0.39, width)
    rng = np.random.default_rng(1)

    def log_density(x):
        # As the sum of two steep logs is: rounded at a few ulps of its size.
        noise = 6.0 * np.spacing(size) * rng.uniform(-0.5, 0.5, x.size)
        return (peak.logpdf(x) - size + noise)[np.newaxis]

    panels = resolve(log_density, -1.0, 0.0)
    mean, sd = moments(panels)
    assert 1e-12 < panels.lost < 1e-9
    assert abs(mean + 0.39) < 2.0 * panels.lost * width
    assert abs(sd / width - 1.0) < 2.0 * panels.lost


def test_rounding_that_no_nodes_average_out_is_told():
    peak, rng = stats.norm(-0.39, 3e-4), np.random.default_rng(1)
    panels = resolve(
        lambda x: (peak.logpdf(x) + 1e-6 * rng.standard_normal(x.size))[np.newaxis], -1.0, 0.0
    )
    assert panels.lost > 1e-9


def test_a_bad_panel_counts_by_its_distance_from_the_mass():
    """An error of the mass 20 sds away changes the variance by 400 times as much, the sd by 200."""
    start, length = np.array([np.log(0.999), np.log(1.2)]), np.array([0.002, 1e-6])
    shares = np.array([[1.0], [1e-12]]) * WEIGHTS / 2.0
    tau = np.exp(nodes_of(start, length))[0]
    sd = np.sqrt((shares[0] * (tau - shares[0] @ tau) ** 2).sum())
    away = 0.2 / sd
    assert leverage(start, length, shares, 1) == pytest.approx(0.5 * away**2, rel=1e-2)
    assert leverage(start, length, shares, 0) < 2.0


@pytest.mark.parametrize("power", [-0.942, -0.5, 0.3])
def test_the_mass_at_a_pole_to_more_digits_than_its_distance_has(power):
    edge, near = 9.2396, 9.2396 - 1e-6

    def log_density(x):
        away = edge - x  # rounded at 1e-15, by 1e-9 of itself
        return power * np.log(away) - 2.0 * away

    tail = pole(log_density, edge, near)
    width = edge - near
    right = width ** (1.0 + power) / (1.0 + power)
    right *= 1.0 - 2.0 * width * (1.0 + power) / (2.0 + power)
    assert np.exp(tail.log_mass) == pytest.approx(right, rel=2e-9 / (1.0 + power))
    assert tail.power == pytest.approx(power, abs=2e-10)
    part = np.array([0.9, 0.1, 1e-4])
    step = 1e-5 * part
    slope = (tail.mass_within(part + step) - tail.mass_within(part - step)) / (2.0 * step)
    np.testing.assert_allclose(tail.density_at(part), slope, rtol=1e-8)


@pytest.mark.parametrize("slope", [-4e3, 0.0, 5e3])
def test_the_mass_at_a_pole_beside_which_the_rest_is_steep(slope):
    """By scipy's adaptive rule for an algebraic end; the rest is exp of slope times distance."""
    edge, width, power = 2.0, 2e-7, -0.4

    def log_density(x):
        return power * np.log(edge - x) + slope * (edge - x)

    near = edge - width
    tail, away = pole(log_density, edge, near), edge - near

    def mass(far):
        return quad(lambda d: np.exp(slope * d), 0.0, far, weight="alg", wvar=(power, 0.0))[0]

    right = mass(away)
    assert np.exp(tail.log_mass) == pytest.approx(right, rel=max(2e-9, 2.0 * tail.error))
    assert tail.error < 5e-8
    part = np.array([0.7, 0.1])
    share = tail.mass_within(part)
    np.testing.assert_allclose(share, [mass(p * away) / right for p in part], rtol=2e-9)
    np.testing.assert_allclose(tail.part_with(share), part, rtol=1e-12)


def test_a_cusp_at_an_end_is_taken_nearer():
    """As a power of the distance it is badly known: by what little there is nearest to the end."""
    cusp = stats.halfgennorm(0.675, loc=6.85, scale=0.02)
    panels = resolve(lambda x: cusp.logpdf(x)[np.newaxis], 6.8, 7.5, support=(6.85, np.inf))
    weight = panels.shares
    mean = (weight * panels.nodes).sum() + panels.beyond[0] * 6.85
    assert panels.lost < 1e-10
    assert abs(panels.log_total) < 5.0 * panels.lost + 1e-12
    assert mean == pytest.approx(cusp.mean(), rel=1e-11)
