"""Priors of the two hyperparameters of the models for counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyhier._types import Floats

PairPrior = str | Mapping[str, Any] | Callable[[float, float], float]


@dataclass(frozen=True)
class Chart:
    """Two hyperparameters that a prior may be given for, in place of the coordinates.

    Attributes
    ----------
    of_phi : callable
        Both at phi (..., 2).
    to_phi : callable
        The coordinates, (..., 2), of both.
    log_jacobian : callable
        Log of their area by that of phi, at phi.
    """

    of_phi: Callable[[Floats], tuple[Floats, Floats]]
    to_phi: Callable[[Floats, Floats], Floats]
    log_jacobian: Callable[[Floats], Floats]
