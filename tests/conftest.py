"""Fixtures shared by all tests."""

import os

import numpy as np
import pytest

import pyhier as ph


@pytest.fixture
def schools():
    return ph.load_dataset("eight_schools")


@pytest.fixture
def model(schools):
    return ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])


@pytest.fixture(scope="session")
def r():
    """Run code in a live R. Without one the test skips on a laptop and fails in CI."""
    from pyhier.r_bridge import RUnavailableError, evaluate

    try:
        evaluate("library(LearnBayes); library(coda)")
    except RUnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have R: {error}")
        pytest.skip(str(error))
    return evaluate


def same_bits(a, b):
    """Whether two arrays hold the same doubles."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return a.shape == b.shape and bool(np.all((a == b) | (np.isnan(a) & np.isnan(b))))
