import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def hierarchical_regression(
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    y: Floats,
    precision: Floats,
    x: Floats,
    prior_mean: Floats,
    prior_precision: Floats,
    extra: float,
    df: float,
    start: float,
    beta: Floats,
    mu: Floats,
    var: Floats,
) -> None: ...
def ordered_means(
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    y: Floats,
    sd: Floats,
    state: Floats,
    out: Floats,
) -> None: ...
def robust_location(
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    y: Floats,
    df: float,
    mean: float,
    variance: float,
    mu: Floats,
    s2: Floats,
    lam: Floats,
) -> None: ...
def normal_sample(
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    y: Floats,
    prior_mean: float,
    prior_variance: float,
    a: float,
    b: float,
    start: float,
    mu: Floats,
    sigma2: Floats,
) -> None: ...
def probit(
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    y: Floats,
    x: Floats,
    shift: Floats,
    covariance: Floats,
    upper: Floats,
    start: Floats,
    mean: Floats,
    beta: Floats,
) -> None: ...
