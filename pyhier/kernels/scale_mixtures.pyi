import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.integrated_groups import IntegratedGroups

Floats = NDArray[np.float64]

class Law:
    def __init__(self, log_weight: Floats, log_scale: Floats, nu: float = 0.0) -> None: ...
    def laws(self, y: Floats, var: Floats, mu: Floats, log_tau: Floats) -> Floats: ...
    def tails(
        self, y: float, var: float, mu: Floats, log_tau: Floats, x: Floats, upper: bool
    ) -> Floats: ...
    def draws(
        self,
        y: Floats,
        var: Floats,
        mu: Floats,
        log_tau: Floats,
        uniform: Floats,
        normal: Floats,
    ) -> Floats: ...
    def log_densities(
        self,
        z: Floats,
        mu: Floats,
        first: NDArray[np.int64],
        tau: Floats,
        split: NDArray[np.int64],
        near: Floats,
        constant: float,
    ) -> Floats: ...

class MixturesWithPriors(IntegratedGroups):
    def __init__(
        self,
        law: Law,
        y: Floats,
        var: Floats,
        times: Floats,
        design: Floats | None,
        mean: Floats,
        root: Floats,
        constant: float,
        prior_tau: LogDensity | GradientDensity | None = None,
        posterior: bool = True,
    ) -> None: ...
