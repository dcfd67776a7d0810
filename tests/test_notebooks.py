"""What notebooks show: one table a model, a posterior and a result."""

import re

import numpy as np
import pandas as pd
import pytest

import pyhier as ph
from pyhier._html import MOST, Shown


def rows(shown):
    """Cells of a table, by row; it must be well formed."""
    html = shown._repr_html_()
    import xml.etree.ElementTree as ElementTree

    table = ElementTree.fromstring(html)
    return [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]


def school(groups=8):
    schools = ph.load_dataset("eight_schools")
    return ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])


def test_a_model_shows_its_data():
    model = school()
    table = rows(model)
    assert table[0] == ["", "y", "se"]
    assert table[1] == ["A", "28", "15"]
    assert len(table) == 9
    assert "<caption>NormalNormal: 8 groups" in model._repr_html_()


def test_a_posterior_shows_its_summary():
    post = ph.exact(school())
    table = rows(post)
    summary = post.summary()
    assert table[0][1:] == list(summary.columns)[: len(table[0]) - 1]
    assert [row[0] for row in table[1:]] == list(summary.index)
    for row, wanted in zip(table[1:], summary.to_numpy(), strict=True):
        found = np.array(row[1:], dtype=float)
        np.testing.assert_allclose(found, wanted[: found.size], atol=6e-3)


def test_a_classical_result():
    fit = ph.reml(school())
    table = rows(fit)
    assert table[1][:3] == ["mu", f"{fit.mu:.6g}", f"{fit.se:.6g}"]
    assert table[2][3] == f"{fit.prediction_interval()[0]:.6g}"
    assert [row[0] for row in table[1:]] == ["mu", "a new group", "tau²", "I² (%)"]


def test_results_with_coefficients():
    schools = ph.load_dataset("eight_schools")
    fit = ph.random_effects(ph.NormalNormal.from_formula("y ~ sigma", schools, se="sigma"))
    table = rows(fit)
    assert [row[0] for row in table[1:]] == ["Intercept", "sigma"]
    assert table[1][1] == f"{fit.beta[0]:.6g}"


def test_results_of_numbers():
    test = ph.homogeneity_test(school())
    assert rows(test)[1:] == [["statistic", f"{test.statistic:.6g}"], ["df", "7"],
                              ["pvalue", f"{test.pvalue:.6g}"]]  # fmt: skip
    assert rows(ph.james_stein(school()))[1][0] == "mean"
    assert rows(ph.complete_pooling(school()))[1][0] == "mean"


@pytest.mark.parametrize("make", [lambda m: m, ph.exact], ids=["model", "posterior"])
def test_labels_are_escaped(make):
    model = ph.NormalNormal([1, 2, 4], se=[1, 1, 1], labels=["<script>", "a & b", 'x"\x1b[31m'])
    html = make(model)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html
    rows(make(model))


def test_of_many_the_first_and_the_last_are_shown():
    rng = np.random.default_rng(1)
    model = ph.NormalNormal(rng.normal(size=300), se=np.ones(300))
    for shown, first, last in ((model, "1", "300"), (ph.exact(model), "mu", "theta_new")):
        table = rows(shown)
        assert len(table) == MOST + 2
        assert (table[1][0], table[-1][0]) == (first, last)
        assert table[1 + MOST // 2] == ["\N{HORIZONTAL ELLIPSIS}"] * len(table[0])


MODELS = {
    "counts": lambda: ph.BetaBinomial([1, 2, 3], [10, 12, 30]),
    "rates": lambda: ph.PoissonGamma([1, 2, 3], [10.0, 12.0, 30.0]),
    "heavy": lambda: ph.NormalT([1.0, 2.0, 4.0], se=[1.0, 1.0, 2.0], nu=4),
    "levels": lambda: ph.MultilevelNormal([1.0, 2.0, 4.0, 5.0], se=[1.0] * 4,
                                          levels={"a": list("xxyy")}),
    "rows": lambda: ph.HierarchicalRegression.from_formula(
        "Reaction ~ Days + (Days | Subject)", ph.load_dataset("sleepstudy")),
    "outcomes": lambda: ph.MultivariateNormal(
        [[1.0, 2.0], [2.0, 3.0], [3.0, 1.0]], cov=[[[1.0, 0.2], [0.2, 1.0]]] * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_shown(name):
    model = MODELS[name]()
    html = model._repr_html_()
    assert re.match("<(table|p)>", html)
    assert type(model).__name__ in html


def test_sums_have_no_rows():
    sums = ph.NormalSums()
    sums.update([1.0, 2.0, 5.0], [1.0, 1.0, 1.0])
    assert sums.model()._repr_html_().startswith("<p>")
    assert rows(ph.random_effects(sums.model()))[1][0] == "mu"


def test_nothing_is_left_blank():
    assert "<td></td>" in Shown("x", ["a"], {"y": [np.nan]}).html()
    assert pd.DataFrame({"a": [1]})._repr_html_()


def test_a_posterior_of_draws_and_a_mean_that_is_none():
    assert rows(ph.rwmetrop(school(), 200, rng=1))[1][0] == "mu"
    two = ph.NormalNormal([1.0, 2.0, 5.0, 0.0], se=[1.0] * 4, prior_tau="uniform")
    assert rows(ph.exact(two))[2][0] == "tau"
