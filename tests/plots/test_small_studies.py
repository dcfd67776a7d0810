"""Funnels of estimates, Baujat's and Galbraith's plots, ridges and caterpillars."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from plots.readable import boxes, overlaps
from scipy.integrate import trapezoid

import pyhier as ph
from pyhier import plots
from pyhier.classical import baujat, radial

Z = (1.6448536269514722, 1.959963984540054, 2.5758293035489004)  # of 90, 95 and 99%


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(8)
    se = np.exp(rng.normal(0.0, 0.6, 20))
    y = rng.normal(0.3, 0.5, 20) + se * rng.normal(size=20)
    return ph.NormalNormal(y, se=se, labels=[f"Study {j}" for j in range(20)])


@pytest.fixture(scope="module")
def fit(model):
    return ph.reml(model)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def line(ax, gid):
    (one,) = (each for each in ax.lines if each.get_gid() == gid)
    return np.array(one.get_data())


def regions(ax):
    return [part.get_paths()[0].vertices for part in ax.collections if part.get_gid() == "region"]


def test_a_funnel_of_estimates(model, fit):
    ax = plots.funnel(fit, level=0.9)
    np.testing.assert_array_equal(line(ax, "estimates"), [model.y, model.se])
    bottom, top = ax.get_ylim()
    assert bottom > model.se.max()
    assert top == 0.0
    (edge,) = regions(ax)
    np.testing.assert_allclose(np.abs(edge[:, 0] - fit.mu), Z[0] * edge[:, 1], atol=1e-12)
    left, right = ax.get_xlim()
    assert left < min(model.y.min(), edge[:, 0].min())
    assert right > max(model.y.max(), edge[:, 0].max())


def test_a_funnel_with_contours(fit):
    ax = plots.funnel(fit, contours=True)
    for edge, z in zip(regions(ax)[::2], Z, strict=True):
        lowest = edge[edge[:, 1] == edge[:, 1].max()]
        assert lowest[:, 0].min() == pytest.approx(z * lowest[0, 1])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["0.05 < p < 0.1", "0.01 < p < 0.05", "p < 0.01", "REML mean"]


def test_either_funnel_has_arguments_of_its_own(model, fit):
    with pytest.raises(ValueError, match="group is 'a': of a classical result all groups are dr"):
        plots.funnel(fit, "a")
    with pytest.raises(ValueError, match=r"contours is True: it is for a result of ph\.random_eff"):
        plots.funnel(ph.exact(model), contours=True)


@pytest.mark.parametrize(("picture", "points"), [(plots.baujat, baujat), (plots.radial, radial)])
def test_the_numbers_are_those_of_the_functions(fit, picture, points):
    ax = picture(fit)
    np.testing.assert_array_equal(line(ax, "estimates"), points(fit))
    labels = boxes(text for text in ax.texts if text.get_gid() == "label")
    assert 5 <= len(labels) <= 20
    assert not overlaps(labels)


def test_the_band_of_a_radial_plot(fit):
    (edge,) = regions(plots.radial(fit, level=0.9))
    np.testing.assert_allclose(np.abs(edge[:, 1] - fit.mu * edge[:, 0]), Z[0])


def test_too_few_to_leave_one_out():
    two = ph.reml(ph.NormalNormal([1.0, 2.0], se=[1.0, 1.0]))
    with pytest.raises(ValueError, match="fit has too few groups: none can be left out"):
        plots.baujat(two)


def test_ridges_are_densities(model):
    post = ph.exact(model)
    ax = plots.ridges(post)
    curves = [np.array(each.get_data()) for each in ax.lines[:20]]
    heights = [row - curve[1] for row, curve in enumerate(curves)]
    areas = [trapezoid(h, curve[0]) for h, curve in zip(heights, curves, strict=True)]
    np.testing.assert_allclose(areas, areas[0], rtol=5e-3)
    scale = heights[3] / post["theta[Study 3]"].pdf(curves[3][0])
    np.testing.assert_allclose(scale, scale[0], rtol=1e-6)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list(model.labels)


def test_ridges_of_draws(model):
    post = ph.rwmetrop(model, 300, burn_in=100, rng=1)
    assert plots.ridges(post, order="precision").has_data()


def test_a_caterpillar_of_a_posterior(model):
    post = ph.exact(model)
    ax = plots.caterpillar(post, level=0.8)
    medians = np.array([post[f"theta[{label}]"].median() for label in model.labels])
    np.testing.assert_allclose(line(ax, "effects")[0], np.sort(medians))
    outer, inner = (np.array([s[:, 0] for s in part.get_segments()]) for part in ax.collections)
    first = post[f"theta[{model.labels[int(np.argmin(medians))]}]"]
    np.testing.assert_allclose(outer[0], first.interval(0.8), rtol=1e-8)
    np.testing.assert_allclose(inner[0], first.interval(0.5), rtol=1e-8)


def test_a_caterpillar_of_a_classical_result(fit):
    ax = plots.caterpillar(fit)
    np.testing.assert_allclose(line(ax, "effects")[0], np.sort(fit.theta))
    away = np.abs(fit.theta - fit.mu) > Z[1] * fit.theta_se
    assert len(line(ax, "apart")[0]) == away.sum()


@pytest.mark.parametrize("picture", [plots.ridges, plots.caterpillar])
@pytest.mark.parametrize("groups", [3, 80])
def test_names_can_be_read(picture, groups):
    rng = np.random.default_rng(2)
    names = [f"Hospital {j} {'x' * (30 * (j % 5 == 1))}" for j in range(groups)]
    post = ph.exact(ph.NormalNormal(rng.normal(size=groups), se=np.ones(groups), labels=names))
    ax = picture(post)
    assert not overlaps(boxes(ax.get_yticklabels()))
    assert ax.get_window_extent().width > 300.0
