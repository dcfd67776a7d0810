from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity

Floats = NDArray[np.float64]

def sums(y: Floats, x: Floats, cov: Floats, sigma: Floats) -> Floats: ...

class MultivariateMarginal(LogDensity):
    def __init__(
        self,
        y: Floats,
        x: Floats,
        cov: Floats,
        mean: Floats,
        root: Floats,
        constant: float,
        power: Floats,
        priors: Sequence[LogDensity | None],
        posterior: bool = True,
    ) -> None: ...
