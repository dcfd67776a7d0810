"""Every function that `pyhier validate` compares, on more inputs than it takes by default."""

import pytest
from pyhier.r_bridge.validation.comparison import Comparison, compare
from pyhier.r_bridge.validation.comparisons import all_comparisons

CASES = 30
ROUNDED_IN_R = ("beta.select", "bayes.model.selection")


@pytest.mark.parametrize(
    "comparison", all_comparisons(), ids=lambda c: f"{c.package}::{c.function}"
)
def test_equal_to_r(r, comparison, agreed):
    outcome = compare(comparison, CASES, seed=1)
    assert outcome.failures == []
    assert outcome.good
    assert outcome.refused <= CASES // 2  # most inputs must be compared
    if comparison.package == "LearnBayes":
        kind = "random" if "set.seed" in comparison.in_r else "deterministic"
        far = "R's draws" if kind == "random" else "within 1e-10 relative"
        if comparison.function in ROUNDED_IN_R:
            far = "to the digits that R rounds to"
        else:
            assert comparison.tolerance <= 1e-10
        agreed(comparison.function, f"{kind}, {far}", outcome.cases)


def test_a_wrong_function_fails(r):
    """The comparison itself can fail."""
    nearly = Comparison(
        "stats", "exp", lambda rng: {"x": rng.random()}, "exp(x)", lambda x: 1.0, 0.0, ""
    )
    assert len(compare(nearly, 5).failures) == 5


def test_r_that_stops(r):
    stops = Comparison("stats", "f", lambda rng: {"x": 1.0}, "stop('no')", lambda x: x, 0.0, "")
    failures = compare(stops, 2).failures
    assert len(failures) == 2
    assert all("R stops" in failure for failure in failures)
