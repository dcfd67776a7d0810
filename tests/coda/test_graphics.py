"""R's graphical arguments of coda's plots."""

import inspect

import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import pytest

from pyhier import coda

PLOTS = (
    "traceplot", "densplot", "plot", "cumuplot", "autocorr_plot", "acfplot", "crosscorr_plot",
    "xyplot", "densityplot", "qqmath", "levelplot", "splom", "gelman_plot", "geweke_plot",
)  # fmt: skip


@pytest.fixture(scope="module")
def chains():
    draws = np.random.default_rng(1).normal(size=(2, 150, 2))
    return coda.mcmc_list([coda.mcmc(x, varnames=["mu", "tau$1"]) for x in draws])


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def axes_of(result):
    return np.ravel(getattr(result, "axes", result))


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_takes_them(chains, name):
    result = getattr(coda, name)(
        chains, ask=True, main="A $ title", xlab="across", ylab="up", xlim=(-1, 2), ylim=(0, 3),
        col=["red", 4], layout=(1, 2), auto_layout=True,
    )  # fmt: skip
    for ax in axes_of(result):
        assert ax.get_title() == r"A \$ title"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("across", "up")
        assert ax.get_xlim() == (-1, 2)
        assert ax.get_ylim() == (0, 3)
    axes_of(result)[0].figure.canvas.draw()
    assert len(str(inspect.signature(getattr(coda, name)))) < 300
    assert "R's graphical arguments" in getattr(coda, name).__doc__


def test_colours(chains):
    red, blue = matplotlib.colors.to_rgb("red"), matplotlib.colors.to_rgb("#2297e6")
    for ax in coda.traceplot(chains, col=["red", 4]):
        assert [matplotlib.colors.to_rgb(line.get_color()) for line in ax.lines] == [red, blue]
    ax = coda.traceplot(chains, col="grey50")[0]
    assert {line.get_color() for line in ax.lines} == {"0.5"}
    bars = coda.autocorr_plot(chains, col=2)[0].collections[0]
    assert matplotlib.colors.to_hex(bars.get_color()[0]) == "#df536b"
    picture = coda.crosscorr_plot(chains, col=["red", "white", "blue"])[0].images[0]
    assert picture.cmap.N == 3


def test_layout(chains):
    rows = coda.autocorr_plot(chains, layout=(4, 1))
    rows[0].figure.canvas.draw()
    assert len({round(ax.get_position().y0, 3) for ax in rows}) == 1
    column = coda.densplot(chains, auto_layout=False)
    column[0].figure.canvas.draw()
    assert len({round(ax.get_position().x0, 2) for ax in column}) == 1
    more = coda.cumuplot(chains, layout=(3, 1))  # four panels: a second row, no second page
    more[0].figure.canvas.draw()
    assert more[3].get_position().y0 < more[0].get_position().y0


def test_a_text_for_each_panel(chains):
    made = coda.traceplot(chains, main=["one", "two"])
    assert [ax.get_title() for ax in made] == ["one", "two"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"main": ["a", "b", "c"]}, "main has 3 texts: give 1, or 2, one a panel"),
        ({"xlim": 3}, "xlim is 3: it must be two finite numbers"),
        ({"ylim": (0, np.inf)}, "ylim"),
        ({"col": "no such"}, "col has 'no such'"),
        ({"layout": 3}, "layout is 3"),
        ({"layout": (0, 2)}, "positive whole number"),
    ],
)
def test_impossible_ones(chains, options, message):
    with pytest.raises(ValueError, match=message):
        coda.traceplot(chains, **options)


def test_unknown_ones(chains):
    with pytest.raises(TypeError, match="takes no argument 'colour'; of R's graphical ones"):
        coda.traceplot(chains, colour="red")
