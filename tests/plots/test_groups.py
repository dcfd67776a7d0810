"""Pictures of the groups: what is drawn where, and that labels can be read."""

import numpy as np
import pytest
from plots.readable import boxes, overlaps
from scipy.special import ndtri

import pyhier as ph
from pyhier import plots
from pyhier.plots.style import SMALLEST, rows_height, spread


def labels(ax):
    return [text for text in ax.texts if text.get_gid() == "label"]


def test_forest(post):
    model = post.model
    ax = plots.forest(post)
    raw, pooled = (np.asarray(line.get_xdata()) for line in ax.lines[:2])
    own, se = model.estimates()
    np.testing.assert_array_equal(raw, own)
    np.testing.assert_allclose(pooled, post.group_means())
    known = np.isfinite(own)  # a group without trials has no interval of its own
    raw_bars, pooled_bars = (
        np.array([segment[:, 0] for segment in part.get_segments() if len(segment) == 2])
        for part in ax.collections
    )
    np.testing.assert_allclose(raw_bars[:, 1], (own + ndtri(0.975) * se)[known])
    ends = [post[f"theta[{label}]"].interval(0.95) for label in model.labels]
    np.testing.assert_allclose(pooled_bars, ends, rtol=1e-9, atol=1e-12)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first group on top


def test_names_of_a_forest_can_be_read(post):
    ax = plots.forest(post)
    ticks = ax.get_yticklabels()
    assert [tick.get_text() for tick in ticks] == list(post.model.labels)
    assert not overlaps(boxes(ticks))
    assert min(tick.get_fontsize() for tick in ticks) >= 6.0


def test_more_names_than_fit_on_given_axes():
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(1)
    post = ph.exact(ph.NormalNormal(rng.normal(size=400), se=np.ones(400)))
    _, ax = plt.subplots(figsize=(5.0, 5.0), layout="constrained")
    ticks = plots.forest(post, ax).get_yticklabels()
    assert 20 < len(ticks) < 100
    assert not overlaps(boxes(ticks))
    assert min(tick.get_fontsize() for tick in ticks) >= SMALLEST
    for tick, place in zip(ticks, ax.get_yticks(), strict=True):
        assert tick.get_text() == post.model.labels[int(place)]


def test_heights_of_figures_have_an_end():
    assert rows_height(3) == 3.0
    assert 14.0 < rows_height(80) < 16.0
    assert rows_height(100_000) == 100.0


def test_dollars_in_names_are_no_formulas():
    post = ph.exact(ph.NormalNormal([1, 2, 4], se=[1, 1, 1], labels=["$a", "b$", "$c$"]))
    ax = plots.forest(post)
    ax.figure.canvas.draw()
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [r"\$a", r"b\$", r"\$c\$"]


def test_shrinkage_arrows(post):
    own, _ = post.model.estimates()
    ax = plots.shrinkage(post)
    arrows = [note for note in ax.texts if note.arrow_patch is not None]
    known = np.isfinite(own)
    np.testing.assert_array_equal([note.xyann[1] for note in arrows], own[known])
    np.testing.assert_allclose([note.xy[1] for note in arrows], post.group_means()[known])
    size = list(post.model.observed().values())[-1]
    np.testing.assert_array_equal([note.xy[0] for note in arrows], size[known])


def test_by_size(post):
    ax = plots.by_size(post, level=0.8)
    size = list(post.model.observed().values())[-1]
    bars = np.array(ax.collections[0].get_segments())
    np.testing.assert_array_equal(bars[:, 0, 0], size)
    ends = [post[f"theta[{label}]"].interval(0.8) for label in post.model.labels]
    np.testing.assert_allclose(bars[:, :, 1], ends, rtol=1e-9, atol=1e-12)
    assert ax.get_xlabel() in ("standard error", "trials", "exposure")


@pytest.mark.parametrize("picture", [plots.shrinkage, plots.by_size])
def test_labels_of_points_can_be_read(post, picture):
    ax = picture(post)
    found = boxes(labels(ax))
    assert not overlaps(found)
    assert all(ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1 for box in found)
    if len(post.model.labels) == 8:
        assert sorted(text.get_text() for text in labels(ax)) == sorted(post.model.labels)
    else:
        assert 5 <= len(found) <= 40
        texts = {text.get_text() for text in labels(ax)}
        away = np.abs(post.group_means() - post["theta_new"].median())
        most = np.argsort(-away)[:10]  # groups that a reader would ask about
        assert len(texts & {post.model.labels[j] for j in most}) >= 2


def test_shrinkage_of_eight_schools_against_the_markers(schools):
    """A label covers no marker: those of the letters against those of all points."""
    ax = plots.shrinkage(schools)
    found = boxes(labels(ax))
    for line in ax.lines[:2]:
        for x, y in ax.transData.transform(np.column_stack(line.get_data())):
            assert not any(box.contains(x, y) for box in found)


def test_spread_is_least_squares():
    """Against the quadratic programme itself."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(2)
    for _ in range(20):
        wanted = np.sort(0.2 + 0.4 * rng.random(6))
        gap = 0.05
        found = spread(wanted, gap)
        assert np.all(np.diff(found) >= gap - 1e-12)
        rule = {"type": "ineq", "fun": lambda x: np.diff(x) - 0.05}
        best = minimize(
            lambda x, w=wanted: np.sum((x - w) ** 2), wanted, constraints=[rule], method="SLSQP"
        )
        np.testing.assert_allclose(found, best.x, atol=1e-4)
    np.testing.assert_array_equal(spread(np.array([0.1, 0.5]), 0.1), [0.1, 0.5])
    edge = spread(np.array([0.97, 0.98, 0.99]), 0.1)
    assert edge[-1] <= 1.0
    assert edge[0] >= 0.0


@pytest.fixture(scope="module")
def slopes():
    sleep = ph.load_dataset("sleepstudy")
    model = ph.HierarchicalRegression.from_formula("Reaction ~ Days + (Days || Subject)", sleep)
    return ph.rwmetrop(model, 1_000, burn_in=200, rng=1)


def test_one_of_several_effects(slopes):
    """A coefficient of rows, an outcome: the first without a name."""
    own, _ = slopes.model.estimates()
    for effect, k in ((None, 0), ("Intercept", 0), ("Days", 1)):
        ax = plots.forest(slopes, effect=effect)
        raw, pooled = (np.asarray(line.get_xdata()) for line in ax.lines[:2])
        np.testing.assert_array_equal(raw, own[k::2])
        np.testing.assert_allclose(pooled, slopes.group_means()[k::2])
        assert [tick.get_text() for tick in ax.get_yticklabels()][:2] == ["308", "309"]
        assert ax.get_xlabel().startswith(f"{effect or 'Intercept'}, with")
    for picture in (plots.shrinkage, plots.by_size):
        ax = picture(slopes, effect="Days")
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("rows", "Days")
    with pytest.raises(ValueError, match="effect is 'days': the groups' effects are Intercept, Da"):
        plots.forest(slopes, effect="days")


def test_of_one_effect_there_is_no_choice(schools):
    with pytest.raises(ValueError, match="effect is 'mu': each group has one; leave it out"):
        plots.shrinkage(schools, effect="mu")
