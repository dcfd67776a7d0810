import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FAMILIES: dict[str, int]

def fill(
    bit_generator: np.random.BitGenerator, family: int, a: Floats, b: Floats, out: Floats
) -> None: ...
def fill_multinomial(
    bit_generator: np.random.BitGenerator, n: float, p: Floats, out: Floats
) -> None: ...
