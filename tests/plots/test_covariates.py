"""A line with its bands, and districts over their schools."""

import numpy as np
import pytest

import pyhier as ph
from pyhier import plots


def problem(groups):
    rng = np.random.default_rng(groups)
    x, se = rng.uniform(0.0, 10.0, groups), rng.uniform(0.2, 1.0, groups)
    return x, 1.0 + 0.3 * x + 0.4 * rng.normal(size=groups) + se * rng.normal(size=groups), se


@pytest.mark.parametrize("groups", [8, 80])
def test_the_line_is_the_posteriors(groups):
    x, y, se = problem(groups)
    model = ph.NormalNormal(y, se=se, X={"dose": x, "other": x**2})
    post = ph.exact(model)
    ax = plots.regression(post, "dose", level=0.8)
    line, upper = ax.lines[0], ax.lines[2]
    at = post.linear({"Intercept": 1.0, "dose": x.max(), "other": (x**2).mean()})
    assert line.get_xdata()[-1] == x.max()
    assert line.get_ydata()[-1] == pytest.approx(at.median(), rel=1e-9)
    new = post.theta_new({"dose": x.max(), "other": (x**2).mean()})
    assert upper.get_ydata()[-1] == pytest.approx(new.ppf(0.9), rel=1e-9)
    bubbles = ax.collections[1].get_sizes()
    assert bubbles.argmax() == se.argmin()


@pytest.mark.parametrize("districts", [4, 40])
def test_districts(districts):
    _, y, se = problem(3 * districts)
    levels = {"district": np.arange(3 * districts) % districts, "school": np.arange(3 * districts)}
    post = ph.exact(ph.MultilevelNormal(y, se=se, levels=levels))
    ax = plots.levels(post, "district")
    means = ax.containers[0].lines[0].get_xdata()
    np.testing.assert_allclose(means, post.effects("district")["mean"])
    assert len(ax.collections[0].get_offsets()) == 3 * districts


def test_bad_input(schools):
    with pytest.raises(ValueError, match="covariate is 'x': give one of none"):
        plots.regression(schools, "x")
    with pytest.raises(ValueError, match="level is 'x'"):
        plots.levels(schools, "x")
