from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Family = Literal["beta-binomial", "binomial", "poisson-gamma", "poisson", "cell"]

def log_mass(family: Family, *arguments: ArrayLike) -> Floats: ...
def log_mass_given(
    family: Literal["beta-binomial", "poisson-gamma"],
    first: ArrayLike,
    second: ArrayLike,
    phi: Floats,
) -> Floats: ...
def factorial_rest(y: ArrayLike) -> Floats: ...
