"""Fixtures shared by all tests."""

import os

import pytest
from hypothesis import settings

import pyhier as ph

# CI judges a change by the same examples each time; a laptop goes on looking for new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")


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
        evaluate("suppressMessages({library(LearnBayes); library(coda); library(metafor)})")
    except RUnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have R: {error}")
        pytest.skip(str(error))
    return evaluate
