import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity

Floats = NDArray[np.float64]

def random_walk(
    density: LogDensity,
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    upper: Floats,
    scale: float,
    current: Floats,
    out: Floats,
    counts: NDArray[np.int64],
    iterations: int,
) -> bool: ...
