"""Densities: their heights, ranges and scales, and the prior beside the posterior."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier import plots


def outline(ax):
    """x and height of a filled density."""
    vertices = ax.collections[0].get_paths()[0].vertices
    n = (len(vertices) - 3) // 2
    return vertices[1 : n + 1]


def filled(ax):
    """The area of the density, in the axes' own scale."""
    steps = [patch for patch in ax.patches if hasattr(patch, "get_data")]
    log = ax.get_xscale() == "log"
    if steps:
        data = steps[0].get_data()
        widths = np.diff(np.log(data.edges) if log else data.edges)
        return float(data.values @ widths)
    vertices = ax.collections[0].get_paths()[0].vertices
    x = np.log(vertices[:, 0]) if log else vertices[:, 0]
    y = vertices[:, 1]
    return float(0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))


def test_densities_have_the_area_they_show(post):
    """The middle 99%, or up to 99.5% from 0; trapezia of 400 points are good to a percent."""
    for name in (*post.names[:2], post.names[2], "theta_new"):
        ax = plots.density(post, name)
        assert 0.97 < filled(ax) < 1.005, name
        assert post[name].median() == ax.lines[0].get_xdata()[0]


def test_long_tails_get_a_log_axis():
    """Eight groups hardly bound K from above: its 99% quantile is thousands of medians away."""
    rng = np.random.default_rng(4)
    trials = rng.integers(20, 90, 8)
    model = ph.BetaBinomial(rng.binomial(trials, 0.2), trials)
    ax = plots.density(ph.exact(model), "K")
    assert ax.get_xscale() == "log"
    assert ax.get_ylabel() == "posterior density of log $K$"
    assert plots.density(ph.exact(model), "eta").get_xscale() == "linear"


def test_tau_begins_at_zero(schools, chains):
    assert plots.density(schools, "tau").get_xlim()[0] == 0.0
    assert plots.density(chains, "tau").get_xlim()[0] == 0.0
    assert plots.density(schools, "mu").get_xlim()[0] < 0.0


def test_a_proper_prior_is_its_density(schools):
    proper = schools.model.with_prior(
        prior_mu=stats.norm(0, 10), prior_tau=stats.halfcauchy(scale=5)
    )
    post = ph.exact(proper)
    for name, truth in {"tau": stats.halfcauchy(scale=5), "mu": stats.norm(0, 10)}.items():
        line = plots.prior_posterior(post, name).lines[0]
        x, height = line.get_data()
        assert line.get_label() == "prior"
        # A bin of a million draws holds 3,000 at least: four sds are 7% of the smallest bins, and
        # less than 0.002 of any.
        np.testing.assert_allclose(height, truth.pdf(x), rtol=0.02, atol=0.002)
    # A priori all effects are alike.
    first = plots.prior_posterior(post, "theta[A]").lines[0].get_ydata()
    assert np.max(first) < 0.2


def test_an_improper_prior_is_a_shape(schools):
    ax = plots.prior_posterior(schools, "tau")
    line = ax.lines[0]
    assert line.get_linestyle() == "--"
    assert line.get_label() == "prior (shape only)"
    np.testing.assert_allclose(line.get_ydata(), line.get_ydata()[0])  # uniform
    with pytest.raises(ValueError, match=r"theta\[A\] has no prior density to draw: .*flat prior"):
        plots.prior_posterior(schools, "theta[A]")


def test_shapes_of_the_count_models_priors():
    """bda3: uniform in eta, K^(-3/2) in K; poissgamexch: (alpha + z0)^-2 in alpha."""
    rats, pumps = ph.load_dataset("rat_tumors"), ph.load_dataset("pumps")
    binomial = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
    poisson = ph.exact(ph.PoissonGamma(pumps["failures"], pumps["khours"], z0=0.5))
    cases = [
        (binomial, "eta", lambda x: np.ones_like(x)),
        (binomial, "K", lambda x: x**-1.5),
        (poisson, "alpha", lambda x: (x + 0.5) ** -2.0),
        (poisson, "log_alpha", lambda x: np.exp(x) * (np.exp(x) + 0.5) ** -2.0),
    ]
    for post, name, truth in cases:
        x, height = plots.prior_posterior(post, name).lines[0].get_data()
        assert plots.prior_posterior(post, name).get_xscale() == "linear"
        expected = truth(x)
        np.testing.assert_allclose(height / height.max(), expected / expected.max(), rtol=1e-9)


def test_a_single_value(schools):
    ax = plots.density(ph.given(schools.model, mu=7.0, tau=5.0), "tau")
    assert ax.get_xlim() == pytest.approx((2.5, 7.5))
    assert filled(ax) == pytest.approx(1.0)
