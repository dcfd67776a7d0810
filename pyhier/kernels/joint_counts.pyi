from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.gradients import GradientDensity

Floats = NDArray[np.float64]

class CountsJoint(GradientDensity):
    def __init__(
        self,
        model: Literal["beta-binomial", "poisson-gamma", "variance-gamma"],
        y: Floats,
        rest: Floats,
        constant: float,
        prior: Literal["bda3", "betabinexch", "poissgamexch", "shrinkage"] | GradientDensity,
        z0: float = 1.0,
    ) -> None: ...
