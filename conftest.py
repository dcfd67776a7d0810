"""What tests and doctests share."""

import itertools
import sys

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _no_open_figures():
    """Close the figures that a test leaves: others draw on the current one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(autouse=True)
def _seeded(monkeypatch):
    """Seed the generators that are made without a seed, by their order: a test is repeatable."""
    new, order = np.random.default_rng, itertools.count(1)
    monkeypatch.setattr(
        np.random, "default_rng", lambda seed=None: new(next(order) if seed is None else seed)
    )
