"""Contours of the hyperparameters' density; effects given how closely the groups hang together."""

import numpy as np
import pytest

import pyhier as ph
from pyhier import plots
from pyhier.plots.hyperparameters import HEIGHTS


def curves(ax):
    return [line for line in ax.lines if line.get_gid() == "group"]


def test_contour_of_a_model_and_of_draws(chains):
    model = chains.model
    ax = plots.contour(model, np.linspace(-18, 37, 50), np.linspace(-6, 4.1, 40), levels=40)
    assert ax.get_xlim() == (-18, 37)
    assert not ax.lines
    assert len(plots.contour(chains).lines[0].get_xdata()) == 2_000
    assert len(plots.contour(ph.exact(model), draws=300).lines[0].get_xdata()) == 300


def test_contours_are_at_the_heights_they_say(schools):
    """Points of the contours, put into the density."""
    grid = np.linspace(-15, 30, 400), np.linspace(-3, 4.5, 400)
    contours = plots.contour(schools, *grid).collections[0]
    mesh = np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, 2)
    top = schools.model.log_posterior(mesh).max()
    assert len(contours.levels) == len(HEIGHTS)
    for path, height in zip(contours.get_paths(), HEIGHTS, strict=True):
        found = schools.model.log_posterior(path.vertices) - top
        # Contours are broken lines between the grid's points.
        np.testing.assert_allclose(found, np.log(height), atol=0.02)


def test_all_but_a_few_draws_are_within(post):
    ax = plots.contour(post)
    x, y = ax.lines[0].get_data()
    inside = (x > ax.get_xlim()[0]) & (x < ax.get_xlim()[1])
    inside &= (y > ax.get_ylim()[0]) & (y < ax.get_ylim()[1])
    assert inside.mean() > 0.995


def test_conditional_means_of_the_normal_model(schools, chains):
    """The closed form, from 0 on; a sampler's picture has the same curves over its own range."""
    for post in (schools, chains):
        ax = plots.conditional_means(post)
        for line, label in zip(curves(ax), "ABCDEFGH", strict=True):
            tau, mean = line.get_data()
            expected, _ = schools.conditional(f"theta[{label}]", tau)
            np.testing.assert_allclose(mean, expected, rtol=1e-9)
        assert ax.get_xlim()[0] == 0.0
        assert ax.get_xlabel() == r"$\tau$"


def test_conditional_means_of_counts_average_to_the_means():
    """E theta = integral of E[theta | K] p(K): over the range shown, which has 99% and more."""
    rats = ph.load_dataset("rat_tumors")
    post = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
    ax = plots.conditional_means(post)
    lines = curves(ax)
    assert ax.get_xscale() == "log"
    size = np.asarray(lines[0].get_xdata())
    means = np.array([line.get_ydata() for line in lines])
    weight = post["log_K"].pdf(np.log(size))
    found = (means @ weight) / weight.sum()
    # What is left out has a weight of half a percent, and differs by less than 0.02.
    np.testing.assert_allclose(found, post.group_means(), atol=2e-4)


def test_complete_pooling_at_the_close_end(post):
    """There the effects agree; at the other end they spread."""
    means = np.array([line.get_ydata() for line in curves(plots.conditional_means(post))])
    spread = np.ptp(means, axis=0)
    close, far = (0, -1) if isinstance(post.model, ph.NormalNormal) else (-1, 0)
    assert spread[close] < 0.9 * spread[far]
    if isinstance(post.model, ph.NormalNormal):
        assert spread[0] < 0.01 * spread[-1]


def test_labels_of_the_curves_can_be_read(post):
    ax = plots.conditional_means(post)
    ax.figure.canvas.draw()
    notes = [text for text in ax.texts if text.get_gid() == "label"]
    found = [note.get_bbox_patch() or note for note in notes]
    boxes = sorted((note.get_window_extent() for note in found), key=lambda box: box.y0)
    if len(post.model.labels) == 8:
        assert {note.get_text() for note in notes} == set(post.model.labels)
    else:
        assert 15 <= len(notes) <= 60
    # Boxes of annotations take their leader lines in: compare the places of the letters.
    heights = np.sort([note.xyann[1] for note in notes])
    letters = min(note.get_fontsize() for note in notes) * ax.figure.dpi / 72.0
    assert np.all(np.diff(heights) * ax.bbox.height > 0.95 * letters)
    assert boxes[0].y0 > 0.0


def test_a_single_tau_has_no_curve(schools):
    ax = plots.conditional_means(ph.given(schools.model, mu=7.0, tau=5.0))
    assert len(curves(ax)) == 8


def test_three_coordinates(schools, monkeypatch):
    model = schools.model.with_prior()
    monkeypatch.setattr(type(model), "coordinates", ("a", "b", "c"))
    with pytest.raises(ValueError, match="contour needs two coordinates"):
        plots.contour(model)
    with pytest.raises(ValueError, match="does not have two hyperparameters"):
        plots.conditional_means(schools)
