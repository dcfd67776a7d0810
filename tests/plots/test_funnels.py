"""Draws and divergences on exact contours, and densities of several posteriors."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier import plots
from pyhier.plots import funnels


@pytest.fixture(scope="module")
def weak():
    d = ph.load_dataset("eight_schools")
    return ph.NormalNormal(
        d["y"], se=d["sigma"], labels=d["school"], prior_mu=stats.norm(0, 5),
        prior_tau=stats.halfnorm(scale=5),
    )  # fmt: skip


@pytest.fixture(scope="module")
def centred(weak):
    return ph.nuts(weak, parameterization="centred", rng=1)


def line(ax, gid):
    return next((one for one in ax.lines if one.get_gid() == gid), None)


@pytest.mark.parametrize("picture", [plots.divergences, plots.funnel])
def test_divergences_are_marked(centred, picture):
    ax = picture(centred)
    marked = line(ax, "divergences")
    assert centred.divergences == len(marked.get_xdata()) > 20
    at = centred.sample_stats["diverging"]
    np.testing.assert_array_equal(marked.get_ydata(), centred.phi[at][:, 1])
    assert f"{centred.divergences} diverged" in ax.get_legend().get_texts()[1].get_text()
    assert ax.get_ylabel() == r"log $\tau$"


def test_the_axes_show_what_the_draws_miss(centred, weak):
    """The exact lower end of log tau, which a centred sampler does not reach."""
    low = ph.exact(weak)["log_tau"].ppf(0.002)
    assert centred.phi[..., 1].min() > low
    for picture in (plots.divergences, plots.funnel):
        assert picture(centred).get_ylim()[0] < low


def test_samplers_without_trajectories_have_none(weak):
    chain = ph.rwmetrop(weak, 500, burn_in=100, rng=1)
    assert line(plots.divergences(chain), "divergences") is None
    assert line(plots.funnel(chain, "C"), "divergences") is None


def test_many_draws_are_thinned(weak):
    drawn = ph.exact(weak).to_draws(50_000, 1)
    assert len(line(plots.divergences(drawn), "draws").get_xdata()) <= funnels.MOST


@pytest.mark.parametrize("j", [0, 4])
def test_the_funnels_density_is_the_posterior(weak, j):
    """Its margins are the exact marginals: of the effect, and of log tau."""
    known = ph.exact(weak)
    name = f"theta[{weak.labels[j]}]"
    effects = np.linspace(*known[name].ppf([1e-4, 1 - 1e-4]), funnels.CELLS)
    spread = np.linspace(*known["log_tau"].ppf([1e-4, 1 - 1e-4]), funnels.CELLS)
    found = funnels._joint_density(weak, j, effects, spread, known, known)
    for axis, values, key in ((1, spread, "log_tau"), (0, effects, name)):
        margin = found.sum(axis=axis)
        wanted = known[key].pdf(values)
        # A tail of 1e-4 is cut, and cells are averages.
        np.testing.assert_allclose(margin / margin.sum(), wanted / wanted.sum(), atol=3e-4)


def test_a_models_of_other_coordinates_are_refused(weak):
    regression = ph.NormalNormal(weak.y, se=np.sqrt(weak.var), X=np.arange(8.0))
    post = ph.nuts(regression, 20, 20, rng=1)
    for picture in (plots.divergences, plots.funnel):
        with pytest.raises(ValueError, match="posterior is of a NormalRegression with the coord"):
            picture(post)
    with pytest.raises(ValueError, match="group is 'Z': no group has this label"):
        plots.funnel(ph.exact(weak).to_draws(10, 1), "Z")


def test_collapse(weak):
    """Each curve has its own posterior's density; the collapsed one is the highest."""
    both = {"exact": ph.exact(weak), "q": ph.vi(weak, parameterization="centred", rng=1)}
    ax = plots.densities(both, "mu")
    for curve, post in zip(ax.lines, both.values(), strict=True):
        np.testing.assert_allclose(curve.get_ydata(), post["mu"].pdf(curve.get_xdata()))
    assert ax.lines[1].get_ydata().max() > 1.5 * ax.lines[0].get_ydata().max()
    ax = plots.densities({"a": both["exact"].to_draws(2_000, 1), **both}, "tau")
    assert len(ax.patches) == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "exact", "q"]


def test_a_posterior_without_draws(weak):
    assert len(line(plots.funnel(ph.exact(weak)), "draws").get_xdata()) == 1_000


def test_densities_takes_a_mapping(weak):
    with pytest.raises(TypeError, match="posteriors is .*: give a mapping"):
        plots.densities([ph.exact(weak)], "mu")
    with pytest.raises(TypeError, match="posteriors' value is a float"):
        plots.densities({"a": 3.0}, "mu")
