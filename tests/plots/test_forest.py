"""The forest of meta-analyses: its numbers, and that every word of it can be read."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from plots.readable import boxes, overlaps
from scipy.special import expit, ndtri

import pyhier as ph
from pyhier import plots
from pyhier.plots.scales import SCALES, decimals_for, written

BCG = ph.load_dataset("bcg")
ARMS = [np.asarray(BCG[name], float) for name in
        ("vaccinated_cases", "vaccinated", "control_cases", "control")]  # fmt: skip


@pytest.fixture(scope="module")
def trials():
    a, n1, c, n2 = ARMS
    log_ratio = np.log(a / n1 / (c / n2))
    return ph.NormalNormal(log_ratio, var=1 / a - 1 / n1 + 1 / c - 1 / n2, labels=BCG["trial"])


@pytest.fixture(scope="module")
def fit(trials):
    return ph.random_effects(trials)


@pytest.fixture(scope="module")
def exact(trials):
    return ph.exact(trials)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def many(groups, longest=12):
    rng = np.random.default_rng(3)
    se = rng.uniform(3.0, 18.0, groups)
    names = [f"Hospital {j} {'x' * (longest * (j % 7 == 3))}" for j in range(groups)]
    return ph.NormalNormal(rng.normal(8.0, 6.0, groups) + se, se=se, labels=names)


def cells(ax):
    """The text of each row: cells from left to right, by height."""
    rows = {}
    for text in ax.texts:
        if text.get_gid() == "cell":
            rows.setdefault(text.get_position()[1], []).append(text)
    return [
        [text.get_text() for text in sorted(row, key=anchor)] for _, row in sorted(rows.items())
    ]


def anchor(text):
    return text.get_transform().transform(text.get_position())[0]


def numbers(row):
    text = " ".join(row).replace("\N{MINUS SIGN}", "-")
    return [float(x) for x in re.findall(r"-?\d+\.\d+", text)]


def drawn(ax, gid):
    return [part for part in (*ax.lines, *ax.patches) if part.get_gid() == gid]


def test_numbers_of_a_classical_result(fit, trials):
    rows = cells(plots.forest(fit, transform="exp", level=0.9))
    assert rows[0] == ["Group", "Effect [90% interval]"]
    half = ndtri(0.95) * trials.se
    ends = np.column_stack([trials.y, trials.y - half, trials.y + half])
    for row, label, wanted in zip(rows[1:14], trials.labels, np.exp(ends), strict=True):
        assert row[0] == label
        np.testing.assert_allclose(numbers(row[1:]), wanted, atol=0.00501)
    assert rows[14][0] == "Random effects (REML)"
    wanted = np.exp([fit.mu, *fit.interval(0.9)])
    np.testing.assert_allclose(numbers(rows[14][1:]), wanted, atol=0.00501)
    assert rows[15][0] == "Prediction interval"
    wanted = np.exp(fit.prediction_interval(0.9))
    np.testing.assert_allclose(numbers(rows[15][1:]), wanted, atol=0.00501)


def test_marks_stand_where_the_numbers_say(fit, trials):
    ax = plots.forest(fit)
    squares = ax.collections[1]
    np.testing.assert_array_equal(squares.get_offsets()[:, 0], trials.y)
    areas, weights = squares.get_sizes(), 1.0 / trials.var
    large = weights > 0.2 * weights.max()  # the least squares are drawn larger, to be seen
    np.testing.assert_allclose(areas[large] / areas.max(), (weights / weights.max())[large])
    (diamond,) = (part for part in ax.patches if part.get_gid() == "pooled")
    corners = diamond.get_xy()[:4, 0]
    np.testing.assert_allclose(corners[[0, 2]], fit.interval(0.95))
    np.testing.assert_allclose(corners[[1, 3]], fit.mu)
    (bar,) = drawn(ax, "new group")
    np.testing.assert_allclose(bar.get_xdata(), fit.prediction_interval(0.95))


def test_the_posterior_is_pooled_to_its_mean(exact):
    rows = cells(plots.forest(exact, show="pooled", digits=4))
    low, high = exact["mu"].interval(0.95)
    assert rows[-2][0] == "Mean of groups"
    np.testing.assert_allclose(numbers(rows[-2][1:]), [exact["mu"].median(), low, high], atol=1e-4)
    np.testing.assert_allclose(numbers(rows[-1]), exact["theta_new"].interval(0.95), atol=1e-4)
    first = exact[f"theta[{exact.model.labels[0]}]"]
    wanted = [first.median(), *first.interval(0.95)]
    np.testing.assert_allclose(numbers(rows[1][1:]), wanted, atol=1e-4)


def test_both_estimates_have_their_columns(exact, trials):
    rows = cells(plots.forest(exact, show="both", pooled=False))
    assert rows[0][-1] == "Pooled"
    assert len(rows) == 14
    found = numbers(rows[3][1:])
    assert found[0] == pytest.approx(trials.y[2], abs=0.006)
    assert found[3] == pytest.approx(exact[f"theta[{trials.labels[2]}]"].median(), abs=0.006)


def test_blocks_are_fitted_again(fit, trials):
    ax = plots.forest(fit, by=BCG["allocation"], digits=3)
    rows = cells(ax)
    kinds = list(dict.fromkeys(BCG["allocation"]))
    headings = [row[0] for row in rows if len(row) == 1]
    assert headings[: len(kinds)] == kinds
    diamonds = [row for row in rows if row[0] == "Random effects (REML)"]
    assert len(diamonds) == len(kinds) + 1
    for kind, row in zip(kinds, diamonds, strict=False):
        kept = np.asarray(BCG["allocation"]) == kind
        one = ph.reml(ph.NormalNormal(trials.y[kept], se=trials.se[kept]))
        np.testing.assert_allclose(numbers(row[1:]), [one.mu, *one.interval(0.95)], atol=0.00051)
    listed = [row[0] for row in rows if row[0] in trials.labels]
    by_kind = [label for kind in kinds for label, own in zip(trials.labels, BCG["allocation"],
               strict=True) if own == kind]  # fmt: skip
    assert listed == by_kind


def test_subtotals_that_are_given(exact, fit):
    kinds = list(dict.fromkeys(BCG["allocation"]))
    rows = cells(plots.forest(exact, by=BCG["allocation"]))
    assert [row[0] for row in rows].count("Mean of groups") == 1
    rows = cells(plots.forest(exact, by=BCG["allocation"], subtotals={kinds[1]: fit}, pooled=fit))
    assert [row[0] for row in rows].count("Random effects (REML)") == 2
    rows = cells(plots.forest(fit, by=BCG["allocation"], subtotals=False, prediction=False))
    assert [row[0] for row in rows].count("Random effects (REML)") == 1
    assert rows[-1][0] == "Random effects (REML)"


def test_a_block_of_one_group_has_no_subtotal():
    fit = ph.reml(ph.NormalNormal([1.0, 2.0, 4.0], se=[1.0, 1.0, 2.0]))
    rows = cells(plots.forest(fit, by=["a", "b", "a"]))
    assert [row[0] for row in rows].count("Random effects (REML)") == 2


@pytest.mark.parametrize(
    ("order", "key"),
    [("estimate", lambda m: m.y), ("precision", lambda m: m.se), (None, lambda m: np.arange(13))],
)
def test_orders(fit, trials, order, key):
    rows = cells(plots.forest(fit, order=order))
    wanted = [trials.labels[j] for j in np.argsort(key(trials))]
    assert [row[0] for row in rows[1:14]] == wanted


def test_orders_by_name(fit, trials):
    rows = cells(plots.forest(fit, order="label"))
    assert [row[0] for row in rows[1:14]] == sorted(trials.labels)
    back = list(trials.labels)[::-1]
    assert [row[0] for row in cells(plots.forest(fit, order=back))[1:14]] == back


@pytest.mark.parametrize(("groups", "longest"), [(3, 0), (8, 70), (80, 60)])
def test_text_can_be_read(groups, longest):
    """Nothing overlaps, nothing is cut off, and letters have a size."""
    ax = plots.forest(
        ph.exact(many(groups, longest)), show="both", by=[j % 2 for j in range(groups)],
        columns={"n": range(groups), "A longer head": ["1"] * groups},
    )  # fmt: skip
    texts = [text for text in ax.texts if text.get_gid() == "cell"]
    found = boxes([*texts, *ax.get_xticklabels()])
    assert not overlaps(found)
    width, height = ax.figure.canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 for box in found)
    assert all(box.x1 <= width and box.y1 <= height for box in found)
    axes = ax.get_window_extent()
    assert not [box for box in found[: len(texts)] if box.x1 > axes.x0 and box.x0 < axes.x1]
    assert min(text.get_fontsize() for text in texts) >= 7.0
    assert axes.width > 150.0


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_given_axes_keep_their_place(fit, exact, layout):
    _, axes = plt.subplots(1, 2, figsize=(15.0, 5.0), layout=layout)
    for ax, result in zip(axes, (fit, exact), strict=True):
        assert plots.forest(result, ax, transform="exp") is ax
    found = [boxes(text for text in ax.texts if text.get_gid() == "cell") for ax in axes]
    assert not overlaps(found[0] + found[1])
    assert not overlaps(boxes(axes[0].get_xticklabels()))
    assert max(box.x1 for box in found[0]) < min(box.x0 for box in found[1])


def test_axes_too_small_for_text_are_refused(fit):
    with pytest.raises(ValueError, match=r"ax is 2\.\d inches wide: the columns of text need 2\."):
        plots.forest(fit, plt.subplots(figsize=(3, 3))[1], transform="exp")
    with pytest.raises(ValueError, match=r"ax is too low for 15 lines of text: they need about 1"):
        plots.forest(fit, plt.subplots(figsize=(13, 1))[1], transform="exp")
    few = ph.reml(ph.NormalNormal(np.arange(1_001.0), se=np.ones(1_001)))
    with pytest.raises(ValueError, match="posterior has 1001 groups: a table of text takes 1000"):
        plots.forest(few)


def test_intervals_beyond_the_axis_end_in_arrows(fit, trials):
    ax = plots.forest(fit, transform="exp", xlim=(0.25, 2.0))
    np.testing.assert_allclose(ax.get_xlim(), np.log([0.25, 2.0]))
    low, high = trials.y - 1.96 * trials.se, trials.y + 1.96 * trials.se
    lower, upper = drawn(ax, "arrow")
    assert len(lower.get_xdata()) == (low < np.log(0.25)).sum()
    assert len(upper.get_xdata()) == (high > np.log(2.0)).sum()
    assert np.all(ax.collections[1].get_offsets()[:, 0] >= np.log(0.25))


def test_ratios_are_read_off_the_axis(fit):
    ax = plots.forest(fit, transform="exp", headers=("Trial", "Risk ratio"))
    found = {tick.get_text(): place for tick, place in
             zip(ax.get_xticklabels(), ax.get_xticks(), strict=True)}  # fmt: skip
    assert "1" in found
    assert len(found) >= 3
    for text, place in found.items():
        assert np.exp(place) == pytest.approx(float(text))
    assert ax.get_xlabel() == "Risk ratio"


@pytest.mark.parametrize("name", ["exp", "expit", "tanh"])
def test_ticks_of_any_width(name):
    for width in (1e-3, 0.1, 1.0, 8.0):
        for middle in (-2.0, 0.0, 1.5):
            ticks = SCALES[name].ticks(middle - width, middle + width, 0.1)
            places = SCALES[name].back(ticks)
            assert 1 <= ticks.size <= 11
            assert ticks.size >= 2 or width == 8.0  # where tanh is 1 nearly everywhere
            assert np.all(np.diff(places) >= 0.2 * width - 1e-9)
            assert np.all(np.abs(places - middle) <= width * (1.0 + 1e-9))


def test_shares_of_logits(exact):
    rows = cells(plots.forest(exact, transform="logit", show="pooled", digits=4))
    assert numbers(rows[-2][1:])[0] == pytest.approx(expit(exact["mu"].median()), abs=6e-5)


def test_a_group_without_data_has_a_dash():
    post = ph.exact(ph.BetaBinomial([0, 1, 2, 3], [0, 10, 12, 9]))
    assert cells(plots.forest(post, table=True))[1] == ["1", "\N{EN DASH}"]
    with pytest.raises(ValueError, match="transform is 'expit': the effects are probabilities al"):
        plots.forest(post, transform="expit")


@pytest.mark.parametrize("unit", [1e-60, 1e8])
def test_any_unit(unit):
    model = ph.NormalNormal(np.array([1.0, 2.0, 4.0]) * unit, se=np.array([1.0, 2.0, 3.0]) * unit)
    ax = plots.forest(ph.reml(model))
    ax.figure.canvas.draw()
    assert cells(ax)[2][1] == f"{2 * unit:.3g}".replace("-", "\N{MINUS SIGN}")
    assert not overlaps(boxes(text for text in ax.texts if text.get_gid() == "cell"))


def test_beyond_every_double_is_refused():
    fit = ph.reml(ph.NormalNormal([1.0, 800.0], se=[1.0, 2.0]))
    with pytest.raises(ValueError, match="transform is 'exp': an interval ends at"):
        plots.forest(fit, transform="exp")


def test_covariates_have_no_one_mean(trials):
    model = ph.NormalNormal(trials.y, se=trials.se, X={"latitude": BCG["latitude"]})
    rows = cells(plots.forest(ph.random_effects(model)))
    assert len(rows) == 14
    rows = cells(plots.forest(ph.exact(model), table=True, pooled=ph.reml(trials)))
    assert rows[-2][0] == "Random effects (REML)"
    with pytest.raises(ValueError, match="pooled is of a model with covariates"):
        plots.forest(ph.exact(trials), pooled=ph.exact(model))


def test_a_common_effect_says_nothing_of_a_new_group(trials):
    rows = cells(plots.forest(ph.random_effects(trials, "FE")))
    assert rows[-1][0] == "Common effect"


def test_labels_are_no_markup():
    fit = ph.reml(ph.NormalNormal([1.0, 2.0, 4.0], se=[1, 1, 1], labels=["$a$", "b\nc", "<d>"]))
    ax = plots.forest(fit)
    ax.figure.canvas.draw()
    assert [row[0] for row in cells(ax)[1:4]] == [r"\$a\$", r"b\nc", "<d>"]


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_files(fit, tmp_path, kind):
    path = tmp_path / f"forest.{kind}"
    plots.save(plots.forest(fit, transform="exp"), path, dpi=60)
    data = path.read_bytes()
    if kind == "svg":
        assert b">TPT Madras 1980</text>" in data
    if kind == "pdf":
        assert b"/TrueType" in data or b"/CIDFontType2" in data
    with pytest.raises(ValueError, match=r"path is '.*forest': it must end with one of \."):
        plots.save(plots.forest(fit), path.with_suffix(""))


def test_what_cannot_be_a_table(exact, fit):
    with pytest.raises(ValueError, match="table is False: by is an argument of it; leave table"):
        plots.forest(exact, table=False, by=BCG["allocation"])
    with pytest.raises(ValueError, match="table is False: a classical result is drawn so"):
        plots.forest(fit, table=False)
    with pytest.raises(ValueError, match="subtotals is True, which is for a result of ph.random_"):
        plots.forest(exact, by=BCG["allocation"], subtotals=True)
    with pytest.raises(ValueError, match="subtotals is of blocks: say by="):
        plots.forest(exact, subtotals={"a": fit})
    with pytest.raises(ValueError, match="subtotals has 'nix': the blocks are random, alternate"):
        plots.forest(exact, by=BCG["allocation"], subtotals={"nix": fit})
    shuffled = dict(zip(exact.model.labels[::-1], BCG["allocation"][::-1], strict=True))
    import pandas as pd

    with pytest.raises(ValueError, match="by is indexed by the groups in another order"):
        plots.forest(exact, by=pd.Series(shuffled))


def test_correlated_estimates_are_not_split():
    cov = np.array([[1.0, 0.3, 0.0], [0.3, 1.0, 0.0], [0.0, 0.0, 1.0]])
    fit = ph.random_effects(ph.NormalNormal([1.0, 2.0, 4.0], cov=cov))
    rows = cells(plots.forest(fit, by=["a", "a", "b"], subtotals=False))
    assert len(rows) >= 6


def test_sums_have_no_rows(trials):
    sums = ph.NormalSums()
    sums.update(trials.y, trials.se)
    model = sums.model()
    with pytest.raises(ValueError, match=r"plots\.forest is of groups' effects: .*no groups' esti"):
        plots.forest(ph.random_effects(model))


def test_decimals():
    assert decimals_for(np.array([40.0, 50.0]), None) == 2
    assert decimals_for(np.array([0.004]), None) == 4
    assert decimals_for(np.array([1e-9]), None) is None
    assert decimals_for(np.array([np.nan, 1e9]), None) is None
    assert decimals_for(np.array([np.nan]), 7) == 7
    assert written(-np.inf, 2) == "\N{MINUS SIGN}\N{INFINITY}"
    assert written(np.inf, None) == "\N{INFINITY}"
