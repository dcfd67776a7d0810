"""The bridge itself: what crosses, and what its errors say."""

import doctest
import os
import subprocess
import sys

import numpy as np
import pytest
from pyhier.r_bridge import RError, RUnavailableError, versions
from pyhier.r_bridge.validation import live_r


def test_values_cross_and_come_back(r):
    numbers = [3, 2.5, [1.5, 2.5], np.arange(6.0).reshape(2, 3), np.arange(24).reshape(2, 3, 4)]
    others = ["text", True, None, {"a": 1, "b": [1.0, 2.0]}, np.array(["x", "y"], dtype=object)]
    for value in [*numbers, *others]:
        back = r("x", x=value)
        np.testing.assert_equal(back, value)
    assert np.isnan(r("c(TRUE, NA)")[1])
    assert list(r("list(1, 'a', NULL)")) == [1.0, "a", None]


def test_errors(r):
    with pytest.raises(RError, match="mine"):
        r("stop('mine')")
    with pytest.raises(RUnavailableError, match=r"nosuchpackage.*apt-get install"):
        r("library(nosuchpackage)")


def test_an_exception_in_a_callback_comes_back(r):
    def broken(x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        r("sapply(1:3, f)", f=broken)


def test_many_callbacks(r):
    """rpy2's memoryview would have ended the process after about a thousand."""
    assert r("sum(sapply(1:5000, function(i) f(c(i, 1))))", f=lambda x: x.sum()) == 12507500.0


def test_versions(r):
    assert set(versions()) == {"R", "LearnBayes", "coda", "lme4", "metafor"}


def test_without_r():
    done = _in_a_process("import pyhier.r_bridge as b; b.evaluate('1')", PATH="/nowhere")
    assert "RUnavailableError: there is no R on the PATH; install R" in done.stderr


def test_validate_needs_what_it_compares_alone(r, tmp_path):
    """R's own functions are compared where LearnBayes, coda and metafor are not installed."""
    code = "import pyhier.cli, sys; sys.exit(pyhier.cli.main(['validate', '{}']))"
    done = _in_a_process(code.format("stats"), R_LIBS_SITE=str(tmp_path), R_LIBS=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LearnBayes" not in done.stdout
    done = _in_a_process(code.format("coda"), R_LIBS_SITE=str(tmp_path), R_LIBS=str(tmp_path))
    assert done.returncode == 2
    assert "no package called" in done.stderr


def _in_a_process(code, **environment):
    """Run Python code in a process of its own, without what rpy2 has set in this one."""
    kept = {k: v for k, v in os.environ.items() if k not in ("R_HOME", "LD_LIBRARY_PATH")}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True
    )


def test_examples(r):
    assert doctest.testmod(live_r, extraglobs={"np": np}).failed == 0


def test_missing_integers_are_no_numbers(r):
    np.testing.assert_array_equal(r("c(1L, NA)"), [1.0, np.nan])
    np.testing.assert_array_equal(r("matrix(c(1L, NA, 3L, 4L), 2)"), [[1.0, 3.0], [np.nan, 4.0]])
    assert np.isnan(r("NA_integer_"))
    assert r("c('a', NA)").tolist() == ["a", None]
    # bit64's integers are the bits of doubles.
    assert r("structure(c(5e-324, 1e-323), class = 'integer64')").tolist() == [1, 2]


def test_lists_that_no_dict_can_hold(r):
    for code in ("list(a = 1, 2, 3)", "structure(list(1, 2), names = c('a', NA))"):
        with pytest.raises(ValueError, match="the R list has no name for some elements"):
            r(code)
    with pytest.raises(ValueError, match="the R list has 'a' more than once"):
        r("list(a = 1, a = 2)")
    assert r("list(a = 1, b = list(c = 2))") == {"a": 1.0, "b": {"c": 2.0}}


def test_factors_are_their_labels(r):
    assert r("factor(c('u', 'v', NA, 'u'))").tolist() == ["u", "v", None, "u"]
    assert r("data.frame(g = factor(c('b', 'a')))")["g"].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("as.Date('2020-01-01')", "Date"),
        ("list(a = Sys.time())", "POSIXct"),
        ("as.POSIXlt('2020-01-01')", "POSIXlt"),
        ("data.frame(x = as.Date('2020-01-02') - as.Date('2020-01-01'))", "difftime"),
    ],
)
def test_times_have_a_unit_that_is_not_carried(r, code, kind):
    with pytest.raises(TypeError, match=f"of class {kind}, whose unit is not carried"):
        r(code)
    assert r("as.numeric(as.Date('1970-01-03'))") == 2.0


@pytest.mark.parametrize("value", [2**31, -(2**31), 2**53, [1, 2**40]])
def test_whole_numbers_beyond_rs_integers(r, value):
    np.testing.assert_array_equal(r("x", x=value), np.asarray(value, dtype=float))
    assert r("typeof(x)", x=value) == "double"
    assert r("typeof(x)", x=2**31 - 1) == "integer"


def test_what_r_has_no_place_for(r):
    with pytest.raises(ValueError, match="is more than R's numbers hold exactly"):
        r("x", x=2**60)
    with pytest.raises(TypeError, match="an array of complex128 has no place in R"):
        r("x", x=1j)
