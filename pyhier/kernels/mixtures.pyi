import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def tails(x: Floats, weight: Floats, mean: Floats, sd: Floats) -> Floats: ...
def logpdf(x: Floats, weight: Floats, mean: Floats, sd: Floats) -> Floats: ...
def resolved(
    x: Floats,
    kind: int,
    log_density: Floats,
    rule: Floats,
    mean: Floats,
    sd: Floats,
    last: Floats,
    log_missing: float,
    tolerance: float,
) -> NDArray[np.bool_]: ...
def components(
    intercept: Floats,
    slope: Floats,
    noise: Floats,
    mean: Floats,
    var: Floats,
    out_mean: Floats,
    out_sd: Floats,
) -> None: ...
def moments(weight: Floats, mean: Floats, sd: Floats) -> Floats: ...
def quantiles(q: Floats, upper: bool, weight: Floats, mean: Floats, sd: Floats) -> Floats: ...
def effect_moments(
    y: Floats, v: Floats, weight: Floats, tau2: Floats, mean: Floats, var: Floats
) -> Floats: ...
def effect_quantiles(
    q: Floats,
    y: Floats,
    v: Floats,
    weight: Floats,
    tau2: Floats,
    mean: Floats,
    var: Floats,
    alias: Floats,
) -> Floats: ...
