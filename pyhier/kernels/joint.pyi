from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity

Floats = NDArray[np.float64]

class NormalEffects(GradientDensity):
    def __init__(
        self,
        likelihood: Literal["normal", "binomial", "poisson", "table"],
        y: Floats,
        size: Floats,
        centred: bool,
        constant: float,
        mean: Floats,
        root: Floats,
        prior_tau: LogDensity | GradientDensity | None = None,
        kappa: float = 0.0,
        design: Floats | None = None,
        offset: Floats | None = None,
        tables: Floats | None = None,
        start: Floats | None = None,
    ) -> None: ...
    def value(self, x: ArrayLike) -> float: ...

class NormalMarginalGradient(GradientDensity):
    def __init__(
        self,
        density: LogDensity,
        y: Floats,
        var: Floats,
        constant: float,
        mean: Floats,
        root: Floats,
        prior_tau: LogDensity | GradientDensity | None = None,
        kappa: float = 0.0,
        design: Floats | None = None,
    ) -> None: ...
