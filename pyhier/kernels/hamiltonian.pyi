from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.gradients import GradientDensity

Floats = NDArray[np.float64]

COLUMN_NAMES: tuple[str, ...]

class Chain:
    def __init__(
        self,
        density: GradientDensity,
        bit_generator: np.random.BitGenerator,
        as_r: bool,
        start: Floats,
        metric: Literal["identity", "diagonal", "dense"],
        tune: int,
        early: NDArray[np.int64],
        windows: NDArray[np.int64],
        target: float,
        max_depth: int,
        kept: NDArray[np.intp],
    ) -> None: ...
    @property
    def metric(self) -> Floats: ...
    @property
    def step_size(self) -> float: ...
    def halt(self) -> None: ...
    def snapshot(self) -> dict[str, NDArray[Any]]: ...
    def restore(self, found: dict[str, NDArray[Any]]) -> None: ...
    def run(
        self,
        out: Floats,
        statistics: Floats,
        counts: NDArray[np.int64],
        iterations: int,
    ) -> bool: ...
