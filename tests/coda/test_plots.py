"""coda's plots: what is drawn, by the artists' data."""

import matplotlib as mpl
import numpy as np
import pytest
from scipy.integrate import trapezoid

from pyhier import coda
from pyhier.coda.diagnostic_plots import last_iterations
from pyhier.coda.plots import bandwidth, bounded_density, cumulative_quantiles

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture
def chains():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 120, 3))
    x[:, :, 1] = np.exp(x[:, :, 1])
    x[:, :, 2] = rng.poisson(3.0, (3, 120))
    names = ["mu", "ta$u", "theta[A]"]
    return coda.mcmc_list([coda.mcmc(c, start=11, thin=5, varnames=names) for c in x])


ALL = {
    "traceplot": 3, "densplot": 3, "plot": 6, "cumuplot": 9, "autocorr_plot": 9, "acfplot": 3,
    "crosscorr_plot": 1, "xyplot": 3, "densityplot": 3, "qqmath": 3, "levelplot": 1, "splom": 9,
    "gelman_plot": 3, "geweke_plot": 9,
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_panels(chains, name):
    """As many panels as R has; all draw without a warning; on given axes too."""

    def axes_of(made):
        return np.ravel(getattr(made, "axes", made))

    made = axes_of(getattr(coda, name)(chains))
    assert len(made) == ALL[name]
    made[0].figure.canvas.draw()
    assert all(ax.has_data() or ax.texts for ax in made)
    _, given = plt.subplots(1, ALL[name])
    again = axes_of(getattr(coda, name)(chains, axes=given))
    assert list(again) == list(np.ravel(given))
    if ALL[name] > 1:
        with pytest.raises(ValueError, match="are needed, one a panel"):
            getattr(coda, name)(chains, axes=plt.gca())


def test_traceplot(chains):
    ax = coda.traceplot(chains, smooth=True)[0]
    lines = ax.get_lines()
    assert len(lines) == 6
    np.testing.assert_array_equal(lines[0].get_xdata(), coda.time(chains))
    np.testing.assert_array_equal(lines[2].get_ydata(), chains[1].matrix[:, 0])


def test_acfplot(chains):
    line = coda.acfplot(chains, lag_max=4)[0].get_lines()[1]
    expected = coda.autocorr_diag(chains[0], lags=[1, 2, 3, 4])[:, "mu"]
    np.testing.assert_allclose(line.get_ydata(), expected)
    np.testing.assert_array_equal(line.get_xdata(), [5, 10, 15, 20])


def test_start_and_thin(chains):
    line = coda.xyplot(chains, start=11, thin=2)[0].get_lines()[0]
    np.testing.assert_array_equal(line.get_ydata(), chains[0].matrix[10::2, 0])
    np.testing.assert_array_equal(line.get_xdata(), coda.time(chains)[10::2])
    assert len(coda.xyplot(chains, outer=True)) == 9
    with pytest.raises(ValueError, match="start is 121: the chains have 120 draws"):
        coda.densityplot(chains, start=121)


def test_densities_at_bounds():
    """Draws that crowd at a bound are reflected: all mass stays inside, none is lost."""
    rng = np.random.default_rng(2)
    for y, low, high in [
        (rng.exponential(size=5000), 0.0, np.inf),
        (rng.uniform(size=5000), 0.0, 1.0),
        (rng.normal(size=5000), -np.inf, np.inf),
    ]:
        at, height = bounded_density(y, bandwidth(y))
        assert at.min() >= low
        assert at.max() <= high
        assert trapezoid(height, at) == pytest.approx(1.0, abs=0.02)
    at, height = bounded_density(y := rng.exponential(size=50_000), bandwidth(y))
    assert height[0] == pytest.approx(1.0, abs=0.1)  # 0.5 without the reflection


def test_whole_numbers_are_bars(chains):
    ax = coda.densplot(chains)[2]
    area = sum(bar.get_height() * bar.get_width() for bar in ax.patches)
    assert area == pytest.approx(1.0)
    draws = np.concatenate([c.matrix[:, 2] for c in chains])
    threes = next(bar for bar in ax.patches if bar.get_x() == 2.0)  # (2, 3]
    assert threes.get_height() == pytest.approx((draws == 3).mean())


def test_cumulative_quantiles():
    y = np.round(np.random.default_rng(3).normal(size=60), 1)
    probs = [0.0, 0.025, 0.5, 1.0]
    expected = [np.quantile(y[: n + 1], probs) for n in range(60)]
    np.testing.assert_allclose(cumulative_quantiles(y, probs), expected, atol=1e-14)
    with pytest.raises(ValueError, match="between 0 and 1"):
        coda.cumuplot(coda.mcmc(y), probs=[2.0])


def test_bins():
    assert last_iterations(1, 1000, 1, 100, 50).tolist() == [*range(51, 900, 100), 1000]
    with pytest.raises(ValueError, match="Insufficient iterations"):
        last_iterations(1, 50, 1, 10, 50)


def test_options(chains):
    with pytest.raises(ValueError, match="nothing is left to plot"):
        coda.plot(chains, trace=False, density=False)
    assert coda.plot(chains, density=False).shape == (3, 1)
    with pytest.raises(ValueError, match="pvalue is 2"):
        coda.geweke_plot(chains, pvalue=2)
    picture = coda.crosscorr_plot(chains, colours=["red", "white", "blue"])[0].images[0]
    assert picture.cmap.N == 3
    assert np.isnan(np.asarray(picture.get_array().filled(np.nan))[0, 1])
