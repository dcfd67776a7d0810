import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity

Floats = NDArray[np.float64]

def random_walk(
    upper: Floats,
    scale: float,
    density: LogDensity,
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    current: Floats,
    out: Floats,
    counts: NDArray[np.int64],
    iterations: int,
) -> bool: ...
def independence(
    mean: Floats,
    upper: Floats,
    df: float,
    density: LogDensity,
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    current: Floats,
    out: Floats,
    counts: NDArray[np.int64],
    iterations: int,
) -> bool: ...
def coordinate_walk(
    scale: Floats,
    density: LogDensity,
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    current: Floats,
    out: Floats,
    counts: NDArray[np.int64],
    iterations: int,
) -> bool: ...
def weigh(
    mean: Floats,
    upper: Floats,
    df: float,
    z: Floats,
    chi2: Floats,
    density: LogDensity,
    out: Floats,
    log_target: Floats,
    log_proposal: Floats,
) -> None: ...
