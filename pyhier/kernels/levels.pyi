from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity

Floats = NDArray[np.float64]

def sums(y: Floats, x: Floats, var: Floats, ends: NDArray[np.int8], log_tau: Floats) -> Floats: ...

class LevelsMarginal(LogDensity):
    def __init__(
        self,
        y: Floats,
        x: Floats,
        var: Floats,
        ends: NDArray[np.int8],
        mean: Floats,
        root: Floats,
        constant: float,
        priors: Sequence[LogDensity | None],
        posterior: bool = True,
    ) -> None: ...
