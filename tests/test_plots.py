"""Each picture draws what it says, on the axes it is given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import pyhier as ph
from pyhier import plots


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def posterior():
    schools = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    return ph.rwmetrop(model, 1_000, chains=2, rng=1)


def functions(posterior):
    return {
        "forest": lambda ax: plots.forest(posterior, ax),
        "shrinkage": lambda ax: plots.shrinkage(posterior, ax),
        "density": lambda ax: plots.density(posterior, "tau", ax),
        "trace": lambda ax: plots.trace(posterior, "theta[A]", ax),
        "autocorr": lambda ax: plots.autocorr(posterior, "mu", ax=ax),
        "contour": lambda ax: plots.contour(posterior, ax=ax),
    }


@pytest.mark.parametrize("name", ["forest", "shrinkage", "density", "trace", "autocorr", "contour"])
def test_axes_are_taken_and_returned(posterior, name):
    draw = functions(posterior)[name]
    _, ax = plt.subplots()
    assert draw(ax) is ax
    new = draw(None)
    assert new is not ax
    assert new.has_data()


def test_forest_shows_raw_and_pooled(posterior):
    ax = plots.forest(posterior)
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels == list("ABCDEFGH")
    raw, pooled = (np.asarray(line.get_xdata()) for line in ax.lines[:2])
    np.testing.assert_array_equal(raw, posterior.model.y)
    np.testing.assert_allclose(pooled, posterior.theta.mean(axis=(0, 1)))
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first group on top


def test_shrinkage_arrows(posterior):
    ax = plots.shrinkage(posterior)
    arrows = [note for note in ax.texts if note.get_text() == ""]
    assert [note.xyann[1] for note in arrows] == list(posterior.model.y)


def test_trace_has_a_line_a_chain(posterior):
    assert len(plots.trace(posterior, "mu").lines) == 2


def test_contour_of_a_model_and_of_draws(posterior):
    model = posterior.model
    ax = plots.contour(model, np.linspace(-18, 37, 50), np.linspace(-6, 4.1, 40))
    assert ax.get_xlim() == (-18, 37)
    assert not ax.lines
    assert len(plots.contour(posterior).lines[0].get_xdata()) == 2_000


def test_autocorrelation_decays(posterior):
    heights = plots.autocorr(posterior, "mu", lags=20).collections[0].get_segments()
    values = [segment[1][1] for segment in heights]
    assert len(values) == 21
    assert values[0] == 1.0
    assert values[-1] < 0.2


def test_forest_of_many_groups():
    rng = np.random.default_rng(1)
    model = ph.NormalNormal(rng.normal(size=150), se=np.ones(150))
    ax = plots.forest(ph.rwmetrop(model, 200, rng=1))
    assert ax.get_ylabel() == "group"
