"""What tests and doctests share."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _no_open_figures():
    """Close the figures that a test leaves: others draw on the current one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
