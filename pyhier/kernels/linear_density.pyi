import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity

Floats = NDArray[np.float64]

class LinearMarginal(LogDensity):
    def __init__(
        self,
        y: Floats,
        x: Floats,
        var: Floats,
        mean: Floats,
        root: Floats,
        constant: float,
        prior_tau: LogDensity | None = None,
    ) -> None: ...
