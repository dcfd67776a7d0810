from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KINDS: dict[str, int]

def log_densities(
    family: Literal["beta-binomial", "poisson-gamma"],
    tables: Floats,
    events: Floats,
    coefficient: Floats,
    products: NDArray[np.int32],
    which: NDArray[np.intp],
    location: Floats,
    log_size: Floats,
    prior: str,
    log_z0: float,
) -> Floats: ...
def effect_moments(
    family: Literal["beta-binomial", "poisson-gamma"],
    weight: Floats,
    shapes: Floats,
    b: Floats,
    counts: Floats,
    size: Floats,
    side: NDArray[np.int32],
    least: float,
) -> Floats: ...
