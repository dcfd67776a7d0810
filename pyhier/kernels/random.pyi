import numpy as np
from numpy.typing import NDArray

def fill_r_normal(bit_generator: np.random.BitGenerator, out: NDArray[np.float64]) -> None: ...
