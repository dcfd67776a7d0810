from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier.quadrature.transforms import Form

Floats = NDArray[np.float64]

KINDS: dict[str, int]

def panel_sums(
    form: Form,
    task: NDArray[np.intp],
    effect: NDArray[np.intp],
    z: Floats,
    statistics: Floats,
    linear: Sequence[NDArray[Any]],
    close: Sequence[NDArray[Any]],
    narrow: Sequence[NDArray[Any]],
    weight: Floats,
    values: Floats,
    depth: float,
) -> tuple[Floats, Floats]: ...
def beta_moments(a: Floats, b: Floats, weight: Floats) -> tuple[Floats, Floats]: ...
def gamma_moments(shape: Floats, rate: Floats, weight: Floats) -> tuple[Floats, Floats]: ...
def inverse_gamma_moments(
    shape: Floats, scale: Floats, weight: Floats
) -> tuple[Floats, Floats]: ...
