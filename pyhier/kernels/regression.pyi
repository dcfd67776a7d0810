import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def group_sums(
    factor: Floats, r: Floats, f: Floats, start: NDArray[np.int64], count: Floats
) -> Floats: ...
def finish(
    sums: Floats, within: Floats, precision: Floats, log_sigma: Floats, moments: bool
) -> Floats | tuple[Floats, Floats, Floats]: ...
