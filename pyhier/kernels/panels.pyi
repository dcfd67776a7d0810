import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def split(
    start: Floats,
    length: Floats,
    values: Floats,
    at_ends: Floats,
    loose: Floats,
    least: float,
    least_tilted: float,
    least_once: float,
    tilt: float,
    change: float,
    coefficients: Floats,
    left: Floats,
    right: Floats,
    outer: Floats,
) -> tuple[Floats, Floats, Floats, Floats, tuple[Floats, Floats, Floats]]: ...
def survey(values: Floats, start: Floats, tilt: float) -> tuple[float, float, float, bool]: ...
def account(
    length: Floats, error: Floats, values: Floats, weights: Floats, best: float
) -> tuple[Floats, float, float, int]: ...
def steps(weight: Floats, mean: Floats, sd: Floats, least: float) -> Floats: ...
def quantiles(
    q: Floats,
    upper: bool,
    outer: Floats,
    first: NDArray[np.intp],
    start: Floats,
    length: Floats,
    values: Floats,
    log_scale: float,
    nodes: Floats,
    weights: Floats,
    coefficients: Floats,
) -> Floats: ...
