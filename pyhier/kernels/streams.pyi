import numpy as np
from numpy.typing import NDArray

FAMILIES: dict[str, int]

def fill(
    bit_generator: np.random.BitGenerator,
    family: int,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None: ...
