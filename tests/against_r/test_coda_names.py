"""The map of coda's names, complete both ways against the installed package."""

import inspect

import pytest
from pyhier.r_bridge.validation.live_r import evaluate

from pyhier import coda
from pyhier.coda.names import EXPORTS, METHODS

pytestmark = pytest.mark.usefixtures("r")

# Python's own, or of the objects.
ELSEWHERE = {"print", "[]"}
# Ours alone: classes, and ways in and out.
OURS = {"load_line", "to_arviz", "write_coda"}


def test_every_export_of_coda_is_mapped():
    assert set(EXPORTS) == set(evaluate("getNamespaceExports('coda')"))


def test_every_method_for_chains_is_mapped():
    code = """
    library(coda); library(lattice)
    found <- .S3methods(class = '{}', envir = asNamespace('coda'))
    sub('[.]{}$', '', as.character(found))
    """
    for kind in ("mcmc", "mcmc.list"):
        escaped = kind.replace(".", "[.]")
        found = set(evaluate(code.format(kind, escaped)))
        assert found <= set(EXPORTS) | set(METHODS) | {"as.array"}


def test_what_is_mapped_is_there_and_nothing_else():
    mapped = {name for name, _ in (*EXPORTS.values(), *METHODS.values())} - ELSEWHERE
    there = {name for name in coda.__all__ if not inspect.isclass(getattr(coda, name))}
    assert mapped - there == set()
    assert there - mapped - OURS == set()
