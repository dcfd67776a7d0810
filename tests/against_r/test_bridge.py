"""The bridge itself: what crosses, and what its errors say."""

import doctest

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
    assert set(versions()) == {"R", "LearnBayes", "coda", "metafor"}


def test_examples(r):
    assert doctest.testmod(live_r, extraglobs={"np": np}).failed == 0
