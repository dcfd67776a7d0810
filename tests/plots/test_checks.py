"""Pictures of checks and of sensitivity to the prior."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier import plots


def test_predictive_check(schools):
    check = schools.predictive_check(["max", "min"], draws=2_000, rng=1)
    ax = plots.predictive_check(check, "min")
    assert ax.lines[0].get_xdata()[0] == -3.0
    assert f"p = {float(check['min']):.3g}" in ax.lines[0].get_label()
    area = sum(bar.get_width() * bar.get_height() for bar in ax.patches)
    assert area == pytest.approx(1.0)
    assert ax.get_xlabel() == "min of new data"
    with pytest.raises(ValueError, match="the statistics are max, min"):
        plots.predictive_check(check)
    with pytest.raises(KeyError, match="no statistic is named 'mean'"):
        plots.predictive_check(check, "mean")


def test_counts_get_a_bar_each():
    rats = ph.load_dataset("rat_tumors")
    post = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
    check = post.predictive_check({"none": lambda y: (y == 0).sum(axis=-1)}, draws=1_000, rng=1)
    bars = plots.predictive_check(check).patches
    for bar in bars:
        assert bar.get_width() == 1.0
        whole = bar.get_x() + 0.5
        assert whole == np.round(whole)
        assert bar.get_height() == pytest.approx(np.mean(check.replicated == whole), abs=2e-3)
    same = post.predictive_check({"constant": lambda y: 0.0 * y[..., 0]}, draws=50, rng=1)
    assert len(plots.predictive_check(same).patches) == 1


PRIORS = {
    "uniform": {"prior_tau": "uniform"},
    "half-Cauchy": {"prior_tau": stats.halfcauchy(scale=5)},
    "jeffreys": {"prior_tau": "jeffreys"},
}


def test_sensitivity(schools):
    found = ph.sensitivity(schools.model, PRIORS)
    ax = plots.sensitivity(found)
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels == [*"ABCDEFGH", "new group"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(PRIORS)
    for name, container in zip(PRIORS, ax.containers, strict=True):
        expected = found.posteriors[name].group_means()
        np.testing.assert_allclose(container[0].get_xdata()[:8], expected)
    hyper = plots.sensitivity(found, names=["mu", "tau"])
    assert [tick.get_text() for tick in hyper.get_yticklabels()] == [r"$\mu$", r"$\tau$"]


def test_sensitivity_of_many_groups():
    rng = np.random.default_rng(1)
    model = ph.NormalNormal(rng.normal(size=80), se=np.full(80, 0.5))
    ax = plots.sensitivity(ph.sensitivity(model, PRIORS))
    ax.figure.canvas.draw()
    boxes = [tick.get_window_extent() for tick in ax.get_yticklabels()]
    assert len(boxes) == 81
    assert not any(a.overlaps(b) for a, b in zip(boxes[1:], boxes[:-1], strict=True))
