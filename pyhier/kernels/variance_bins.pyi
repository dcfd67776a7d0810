import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def span_sums(y: Floats, var: Floats, lowest: float, bins: int) -> tuple[Floats, Floats]: ...
def effects(y: Floats, var: Floats, lowest: float, series: Floats, origin: float) -> Floats: ...
