import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def centre(x: Floats) -> float: ...
def lagged_products(x: Floats, out: Floats) -> None: ...
