from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier.quadrature.transforms import Line

Floats = NDArray[np.float64]

KINDS: dict[str, int]

def sums(
    line: Line,
    effect: NDArray[np.intp],
    z: Floats,
    statistics: Floats,
    linear: Sequence[NDArray[Any]],
    close: Sequence[NDArray[Any]],
    narrow: Sequence[NDArray[Any]],
    depth: Floats,
) -> tuple[Floats, Floats]: ...
