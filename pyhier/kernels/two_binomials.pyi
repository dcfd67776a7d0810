import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def excess(counts: Floats, theta: Floats) -> Floats: ...
def log_integrals(counts: Floats, theta: Floats) -> Floats: ...
