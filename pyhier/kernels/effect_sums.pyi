from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier.quadrature.transforms import Form

Floats = NDArray[np.float64]

KINDS: dict[str, int]

def sums(
    form: Form,
    effect: NDArray[np.intp],
    z: Floats,
    statistics: Floats,
    linear: Sequence[NDArray[Any]],
    close: Sequence[NDArray[Any]],
    narrow: Sequence[NDArray[Any]],
    depth: Floats,
) -> tuple[Floats, Floats]: ...
