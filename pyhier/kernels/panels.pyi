import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def split(
    start: Floats,
    length: Floats,
    values: Floats,
    least: float,
    change: float,
    coefficients: Floats,
    left: Floats,
    right: Floats,
) -> tuple[Floats, Floats, Floats, tuple[Floats, Floats]]: ...
def quantiles(
    q: Floats,
    upper: bool,
    outer: Floats,
    start: Floats,
    length: Floats,
    values: Floats,
    log_scale: float,
    nodes: Floats,
    weights: Floats,
    coefficients: Floats,
) -> Floats: ...
