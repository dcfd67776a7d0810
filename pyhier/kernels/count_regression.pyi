from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity

Floats = NDArray[np.float64]

class RegressionCounts:
    @property
    def ndim(self) -> int: ...
    def __init__(
        self,
        family: Literal["beta-binomial", "poisson-gamma"],
        y: Floats,
        other: Floats,
        x: Floats,
        times: Floats,
        mean: Floats,
        root: Floats,
        constant: float,
    ) -> None: ...
    def derivatives(self, point: ArrayLike) -> tuple[Floats, Floats]: ...

class CountRegressionMarginal(LogDensity):
    def __init__(
        self, counts: RegressionCounts, prior: LogDensity | None = None, with_prior: bool = True
    ) -> None: ...

class CountRegressionGradient(GradientDensity):
    def __init__(self, counts: RegressionCounts, prior: Any = None) -> None: ...

class PrecisionPrior(LogDensity):
    def __init__(self, z0: float = 1.0) -> None: ...
