"""Along which line a density of two coordinates is looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from pyhier._types import Floats
from pyhier.quadrature.transforms import Line


@dataclass(frozen=True)
class Axis:
    """A hyperparameter as the one coordinate of two that is looked at.

    Attributes
    ----------
    line : {"identity", "log", "logit"}
        How it is put on the unconstrained line.
    free : int
        Which coordinate is the free one.
    place : callable
        Its place on the line at phi, shape (..., 2).
    phi : callable
        phi at its places and the free coordinate's values; the map keeps areas.

    Posteriors keep axes, and pickle: the functions are of modules, not made inside others.
    """

    line: Line
    free: int
    place: Callable[[Floats], Floats]
    phi: Callable[[Floats, Floats], Floats]


def coordinate_axis(k: int, line: Line = "identity") -> Axis:
    """The axis of coordinate ``k``, or of a hyperparameter that has it for its place."""
    return Axis(line, 1 - k, partial(_coordinate, k), partial(_beside, k))


def _coordinate(k: int, phi: Floats) -> Floats:
    place: Floats = phi[..., k]
    return place


def _beside(k: int, place: Floats, free: Floats) -> Floats:
    return np.stack((place, free) if k == 0 else (free, place), axis=-1)
