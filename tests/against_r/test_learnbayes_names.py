"""The map of LearnBayes' names, complete both ways against the installed package."""

from pyhier import learnbayes as lb
from pyhier.learnbayes.names import FUNCTIONS

# What R returns as lists are classes here.
RESULTS = {name for name in lb.__all__ if name[0].isupper()}


def test_complete_against_r(r):
    code = "Filter(function(n) is.function(get(n)), ls('package:LearnBayes'))"
    assert set(FUNCTIONS) == set(r(code))
    assert len(FUNCTIONS) == 73


def test_names_are_rs_with_underscores():
    assert all(ours == theirs.replace(".", "_") for theirs, ours in FUNCTIONS.items())


def test_complete_against_the_package():
    ours = set(FUNCTIONS.values())
    assert set(lb.__all__) - RESULTS == ours
    assert all(callable(getattr(lb, name)) for name in ours)


def test_arguments_are_rs(r):
    """The first arguments have R's names; ours may take more, by keyword."""
    import inspect

    for theirs, ours in FUNCTIONS.items():
        expected = r(f"names(formals({theirs}))")
        expected = [expected] if isinstance(expected, str) else list(expected)
        expected = [name.replace(".", "_") for name in expected if name != "..."]
        found = [
            name
            for name, parameter in inspect.signature(getattr(lb, ours)).parameters.items()
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.POSITIONAL_ONLY)
        ]
        assert found == expected, ours
