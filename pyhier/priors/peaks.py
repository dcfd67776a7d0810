"""Peaks of a log density of log tau that only looking tells."""

from collections.abc import Callable

import numpy as np

from pyhier._types import Floats

PLACES = 2001
ZOOMS = 6  # each by a factor of 10
HALF = 0.5  # fall of the log density by which a width is judged: that of a normal at one sd
OFFSETS = np.geomspace(1e-7, 10.0, 100)
MOST = 20


def peaks(log_density: Callable[[Floats], Floats], low: float, high: float) -> Floats:
    """Places and widths of the peaks between two log tau, the highest first, shape (n, 2).

    A spike far narrower than the distance of two places shows on the log of a density.
    """
    step = (high - low) / (PLACES - 1)
    places: Floats = low + step * np.arange(PLACES, dtype=np.float64)
    values = _numbers(log_density(places))
    inner = values[1:-1]
    at = 1 + np.flatnonzero((inner > values[:-2]) & (inner >= values[2:]) & (inner > -np.inf))
    at = at[np.argsort(-values[at], kind="stable")][:MOST]
    found = []
    for place in places[at].tolist():
        width = step
        for _ in range(ZOOMS):
            near = place + width * np.linspace(-1.0, 1.0, 21)
            place = float(near[int(np.argmax(_numbers(log_density(near))))])
            width *= 0.1
        found.append((place, _width(log_density, place)))
    return np.array(found).reshape(-1, 2)


def _width(log_density: Callable[[Floats], Floats], place: float) -> float:
    """How far the density has fallen by HALF, on the nearer side."""
    top = log_density(np.array([place]))[0]
    around = _numbers(log_density(np.concatenate([place - OFFSETS, place + OFFSETS])))
    fallen = (around < top - HALF).reshape(2, -1).any(axis=0)
    return float(OFFSETS[int(np.argmax(fallen))]) if fallen.any() else float(OFFSETS[-1])


def _numbers(values: Floats) -> Floats:
    return np.where(np.isnan(values), -np.inf, values)
