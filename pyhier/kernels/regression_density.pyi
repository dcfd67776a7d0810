from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity

Floats = NDArray[np.float64]

class RowsMarginal(LogDensity):
    def __init__(
        self,
        q: int,
        correlated: bool,
        rows: float,
        log_sigma: float,
        r: Floats,
        f: Floats,
        start: NDArray[np.int64],
        count: Floats,
        within: Floats,
        about: Floats,
        inverse: Floats,
        mean: Floats,
        root: Floats,
        constant: float,
        power: Floats,
        priors: Sequence[LogDensity | None],
        posterior: bool = True,
    ) -> None: ...
