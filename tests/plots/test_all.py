"""Every picture draws on the axes it is given, of every model, exact or sampled."""

import matplotlib.pyplot as plt
import pytest

import pyhier as ph
from pyhier import plots

PICTURES = {
    "forest": plots.forest,
    "shrinkage": plots.shrinkage,
    "by_size": plots.by_size,
    "conditional_means": plots.conditional_means,
    "contour": lambda post, ax=None: plots.contour(post, ax=ax),
    "divergences": plots.divergences,
    "funnel": lambda post, ax=None: plots.funnel(post, ax=ax),
    "densities": lambda post, ax=None: plots.densities({"a": post, "b": post}, post.names[1], ax),
    "density": lambda post, ax=None: plots.density(post, post.names[1], ax),
    "prior_posterior": lambda post, ax=None: plots.prior_posterior(post, post.names[1], ax),
    "predictive_check": lambda post, ax=None: plots.predictive_check(
        post.predictive_check("max", draws=200, rng=1), ax=ax
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_axes_are_taken_and_returned(post, name):
    _, ax = plt.subplots()
    assert PICTURES[name](post, ax=ax) is ax
    new = PICTURES[name](post)
    assert new is not ax
    assert new.has_data()
    assert new.get_xlabel()
    assert new.figure.get_constrained_layout()
    new.figure.canvas.draw()  # any warning of layout or glyphs is an error here


def test_every_public_picture_is_looked_at():
    others = {
        "autocorr", "baujat", "calibration", "caterpillar", "levels", "radial", "regression",
        "ridges", "save", "sensitivity", "trace",
    }  # fmt: skip
    here = {*PICTURES, *others}
    assert set(plots.__all__) == here


def test_effects_that_were_not_drawn(chains):
    bare = ph.rwmetrop(chains.model, 200, theta=False, rng=1)
    for name in ("forest", "shrinkage", "by_size"):
        with pytest.raises(ValueError, match="the group effects were not drawn"):
            PICTURES[name](bare)
