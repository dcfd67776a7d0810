import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def log_mixture(statistics: Floats, natural: Floats, offset: Floats) -> Floats: ...
