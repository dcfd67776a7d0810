import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity

Floats = NDArray[np.float64]

class IntegratedGroups:
    def derivatives(self, point: ArrayLike) -> tuple[Floats, Floats]: ...
    def each(self, beta: ArrayLike, away: Floats, log_tau: Floats, first: int) -> Floats: ...

class IntegratedMarginal(LogDensity):
    def __init__(self, owner: IntegratedGroups) -> None: ...

class IntegratedGradient(GradientDensity):
    def __init__(self, owner: IntegratedGroups) -> None: ...
