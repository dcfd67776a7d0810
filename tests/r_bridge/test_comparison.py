"""What a comparison counts as equal, and what it reports; without R."""

import json
import warnings
from inspect import isfunction

import numpy as np
import pytest
from pyhier.r_bridge import RUnavailableError
from pyhier.r_bridge.validation import report as reports
from pyhier.r_bridge.validation.comparison import Comparison, Outcome, answer, difference
from pyhier.r_bridge.validation.comparisons import all_comparisons
from pyhier.r_bridge.validation.live_r import RError

from pyhier import coda
from pyhier import learnbayes as lb


@pytest.mark.parametrize(
    ("theirs", "ours", "apart"),
    [
        (1.0, 1.0, 0.0),
        (2.0, 2.0 + 2e-9, 1e-9),
        ([100.0, 0.0], np.array([100.0, 1e-9]), 1e-9),  # by a hundredth of the largest
        (np.array([1.0, np.nan, np.inf]), [1.0, np.nan, np.inf], 0.0),
        (np.array([1.0, np.nan]), [1.0, 2.0], np.inf),
        (np.array([1.0, np.inf]), [1.0, -np.inf], np.inf),
        (np.zeros((2, 3)), np.zeros((3, 2)), np.inf),
        (np.zeros(3), np.zeros(2), np.inf),
        (np.zeros(3), np.full(3, 1e-12), 1e-12),
        ({"a.b": 1.0, "c": "text"}, {"a.b": 1.0, "c": "text"}, 0.0),
        ({"a": "text"}, {"a": "other"}, np.inf),
        (np.array(["x", "y"], dtype=object), ["x", "z"], np.inf),
        (None, None, 0.0),
        (True, np.bool_(True), 0.0),
        (True, False, 1.0),
    ],
)
def test_difference(theirs, ours, apart):
    assert difference(theirs, ours) == pytest.approx(apart, rel=1e-6)


def test_a_component_is_an_attribute_with_underscores():
    class Result:
        sim_par = 3.0

    assert difference({"sim.par": 3.0}, Result()) == 0.0
    with pytest.raises(AttributeError):
        difference({"sim.accept": 3.0}, Result())


def comparison(refuses="", tolerance=1e-9):
    return Comparison(
        "stats", "f", lambda rng: {"x": rng.random()}, "x", lambda x: x, tolerance, "", refuses
    )


def test_outcomes():
    outcome = Outcome(comparison())
    assert not outcome.good  # nothing was compared yet
    outcome.add(0, 1.0, 1.0)
    outcome.add(1, 1.0, 1.0 + 1e-10)
    assert outcome.good
    assert (outcome.cases, outcome.identical) == (2, 1)
    outcome.add(2, 1.0, 1.1)
    assert not outcome.good
    assert outcome.failures == ["case 2: 0.1 apart"]


def test_refusals():
    """Both may stop; ours alone only with a reason; R alone never."""
    both = Outcome(comparison())
    both.add(0, RError("no"), ValueError("no"))
    assert not both.failures
    assert not both.good  # and still nothing was compared
    alone = Outcome(comparison())
    alone.add(0, 1.0, ValueError("no"))
    assert alone.failures
    for reason in ("R divides by zero", ""):
        r_alone = Outcome(comparison(reason))
        r_alone.add(0, RError("no"), 1.0)
        assert r_alone.failures
    told = Outcome(comparison("R divides by zero"))
    told.add(0, np.nan, ValueError("no"))
    assert not told.failures


def test_cases_depend_on_the_seed_and_the_function_alone():
    a = [case["x"] for case in comparison().cases(5, seed=1)]
    assert a == [case["x"] for case in comparison(tolerance=1.0).cases(5, seed=1)]
    assert a[:3] == [case["x"] for case in comparison().cases(3, seed=1)]
    assert not set(a) & {case["x"] for case in comparison().cases(5, seed=2)}


def test_warnings_are_no_answers():
    """R's are kept quiet too; errors that say what is wrong stand for a refusal."""

    def ours(x):
        warnings.warn("late", stacklevel=1)
        if x > 1.0:
            raise ValueError("too large")
        return x

    warning = Comparison("stats", "f", lambda rng: {}, "x", ours, 0.0, "")
    assert answer(warning, {"x": 1.0}) == 1.0
    assert isinstance(answer(warning, {"x": 2.0}), ValueError)


def test_names_are_unique():
    names = [(c.package, c.function) for c in all_comparisons()]
    assert len(set(names)) == len(names)
    with pytest.raises(ValueError, match="package is 'brms': compared are LearnBayes"):
        all_comparisons(["brms"])


PLOTS = {"pyhier.coda.plots", "pyhier.coda.lattice", "pyhier.coda.diagnostic_plots"}
PICTURES = {"mycontour", "plot_bayes", "plot_bayes2", "predplot", "triplot"}
# What makes or names chains, and files and menus; tests against a live R compare those.
OBJECTS = {
    "as_data_frame", "as_mcmc", "as_mcmc_list", "bugs2jags", "chanames", "coda_options", "codamenu",
    "display_coda_options", "is_mcmc", "is_mcmc_list", "load_line", "mcmc", "mcmcUpgrade",
    "mcmc_list", "multi_menu", "read_and_check", "read_coda", "read_coda_interactive", "read_jags",
    "read_openbugs", "set_varnames", "to_arviz", "write_coda",
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "package", "apart"), [(lb, "LearnBayes", PICTURES), (coda, "coda", OBJECTS)]
)
def test_every_function_is_compared(module, package, apart):
    """Or it is among those whose values another test compares."""
    renamed = {"as_array_mcmc_list": "as_array", "summary_mcmc": "summary"}
    compared = {c.function.replace(".", "_") for c in all_comparisons([package])}
    compared = {renamed.get(name, name) for name in compared}
    functions = {
        name
        for name in module.__all__
        if isfunction(f := getattr(module, name)) and f.__module__ not in PLOTS
    }
    assert apart <= functions
    assert functions - compared == apart


def report(*outcomes):
    return reports.Report(tuple(outcomes), {"R": "4.2 <patched>"}, 1.0)


def test_the_report():
    good, bad = Outcome(comparison()), Outcome(comparison())
    good.add(0, 1.0, 1.0)
    bad.add(0, 1.0, 2.0)
    for outcome in (good, bad):
        outcome.seconds, outcome.r_seconds = [0.001], [0.01]
    told = json.loads(report(good, bad).to_json())
    assert not told["good"]
    assert [f["good"] for f in told["functions"]] == [True, False]
    assert told["functions"][1]["largest_difference"] == 1.0
    page = report(good, bad).to_html()
    assert "4.2 &lt;patched&gt;" in page
    assert page.count("<tr class=bad>") == 1
    assert report(good).good
    assert (
        report(good, bad).verdict() == "2 functions: 1 identical, 0 within their tolerance, 1 not"
    )


def test_without_r(monkeypatch, capsys):
    from pyhier.cli import main

    def missing():
        raise RUnavailableError("install R")

    monkeypatch.setattr(reports, "versions", missing)
    assert main(["validate"]) == 2
    said = capsys.readouterr()
    assert "install R" in said.err
    assert said.out == ""


def test_exit_codes(monkeypatch, capsys, tmp_path):
    from pyhier.cli import main

    outcome = Outcome(comparison())
    outcome.add(0, 1.0, 2.0)
    outcome.seconds, outcome.r_seconds = [0.001], [0.01]
    monkeypatch.setattr(reports, "validate", lambda *_: report(outcome))
    files = {name: tmp_path / f"report.{name}" for name in ("json", "html")}
    code = main(["validate", "--json", str(files["json"]), "--html", str(files["html"])])
    assert code == 1
    assert json.loads(files["json"].read_text())["good"] is False
    assert files["html"].read_text().startswith("<!doctype html>")
    assert "1 not" in capsys.readouterr().out
    assert main(["validate", "--json", str(tmp_path / "no" / "folder.json")]) == 2
