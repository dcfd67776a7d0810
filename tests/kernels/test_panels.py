"""Panels: what a polynomial carries, what it does not, and quantiles against the integral."""

import numpy as np
import pytest
from scipy import stats

from pyhier.kernels.panels import steps
from pyhier.quadrature.panels import CHANGE, CUT, NODES, resolve


def cover(log_density, low, high, support=(-np.inf, np.inf)):
    return resolve(lambda x: np.stack([log_density(x), x]), low, high, 0.0, support)


@pytest.mark.parametrize(
    ("distribution", "low", "high"),
    [
        (stats.norm(0.3, 1.0), -2.0, 2.0),
        (stats.norm(5.0, 1e-4), 0.0, 8.0),  # a peak narrower than any panel
        (stats.norm(-300.0, 3.0), 0.0, 1.0),  # far from where it is looked for
        (stats.gumbel_r(1.0, 0.7), -3.0, 3.0),
        (stats.t(3), -3.0, 3.0),  # a power, so panels have to go far
    ],
)
def test_resolved(distribution, low, high):
    """Panels in order without a gap, on which the rule integrates and the polynomial is right."""
    panels = cover(distribution.logpdf, low, high)
    assert np.all(panels.length > 0.0)
    np.testing.assert_allclose(panels.start[1:], (panels.start + panels.length)[:-1], atol=1e-12)
    np.testing.assert_allclose(panels.values[1], panels.nodes, rtol=1e-12, atol=1e-12)
    truth = distribution.logpdf(panels.nodes)
    alive = panels.values[0].max(axis=1) > truth.max() - CUT
    # x itself is rounded, by 1e-15, where the slope is up to 1e5.
    kept = alive[:, None] & (truth > truth.max() - CUT)
    np.testing.assert_allclose(panels.values[0][kept], truth[kept], rtol=0, atol=5e-10)
    assert np.ptp(panels.values[0][alive], axis=1).max() <= CHANGE
    mass = (np.exp(panels.values[0]) * panels.weights).sum(axis=1)
    outside = distribution.cdf(panels.start[0]) + distribution.sf(panels.end)
    assert mass.sum() + outside == pytest.approx(1.0, abs=1e-11)


def test_an_end_of_the_support():
    panels = cover(stats.expon(0.25).logpdf, -1.0, 3.0, (0.25, np.inf))
    assert panels.start[0] == 0.25
    assert (np.exp(panels.values[0]) * panels.weights).sum() == pytest.approx(1.0, abs=1e-13)


def test_what_is_no_number_does_not_go_on_for_ever():
    panels = cover(lambda x: np.where(x > 1.3, np.nan, -(x**2)), -2.0, 2.0)
    assert panels.start.size < 200


@pytest.mark.parametrize("upper", [False, True])
def test_quantiles(upper):
    distribution = stats.norm(0.3, 1.0)
    panels = cover(distribution.logpdf, -2.0, 2.0)
    mass = (np.exp(panels.values[0]) * panels.weights).sum(axis=1)
    below, above = np.append(0.0, np.cumsum(mass)), np.append(np.cumsum(mass[::-1])[::-1], 0.0)
    q = np.array([1e-30, 1e-9, 0.025, 0.4, 0.5])
    found = panels.quantiles(q, upper, above if upper else below, 0.0)
    truth = distribution.isf(q) if upper else distribution.ppf(q)
    np.testing.assert_allclose(found, truth, rtol=1e-12, atol=1e-12)
    assert np.isnan(panels.quantiles(np.array([0.0, 1.5]), upper, below, 0.0)).all()


def test_parts_of_panels():
    distribution = stats.norm(0.3, 1.0)
    panels = cover(distribution.logpdf, -2.0, 2.0)
    panel = np.arange(panels.start.size)
    middle = panels.start + 0.5 * panels.length * (NODES[3] + 1.0)
    part = panels.partial(panel, panels.start, middle, 0.0)
    truth = distribution.cdf(middle) - distribution.cdf(panels.start)
    np.testing.assert_allclose(part, truth, rtol=1e-9, atol=1e-15)  # differences of the cdf


def test_steps():
    """Between neighbours of one panel of sixteen that both count; the first panel is cut."""
    rng = np.random.default_rng(3)
    weight, mean, sd = (
        rng.uniform(0.1, 1.0, 37),
        rng.normal(size=37),
        10.0 ** rng.uniform(-3, 3, 37),
    )
    weight[[2, 20]] = 1e-13
    table = np.stack([mean, 3.0 * mean, np.zeros(mean.size)])
    panels = [slice(0, 5), slice(5, 21), slice(21, 37)]
    expected = np.zeros(3)
    for panel in panels:
        w, m, s = weight[panel], table[:, panel], sd[panel]
        both = (w[1:] > 1e-12) & (w[:-1] > 1e-12)
        apart = np.abs(np.diff(m, axis=1)) / np.minimum(s[1:], s[:-1])
        expected = np.maximum(expected, apart[:, both].max(axis=1))
    found = steps(weight, table, np.tile(sd, (3, 1)), 1e-12)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert steps(np.ones(1), mean[None, :1], sd[None, :1], 1e-12) == 0.0
