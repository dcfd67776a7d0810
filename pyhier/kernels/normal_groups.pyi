import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def sums(
    y: Floats, var: Floats, centre: Floats, log_tau: Floats, low: Floats, high: Floats
) -> Floats: ...
def merge(first: Floats, second: Floats) -> Floats: ...
def finish(
    sums: Floats,
    log_tau: Floats,
    groups: int,
    prior_mean: float,
    prior_precision: float,
    kappa: float,
) -> Floats: ...
def effects_given_tau(y: Floats, var: Floats, log_tau: Floats) -> Floats: ...
def draw_phi(
    bit_generator: np.random.BitGenerator,
    as_r: bool,
    knots: Floats,
    table: Floats,
    guide: NDArray[np.intp],
    out: Floats,
) -> None: ...
def draw_theta(
    bit_generator: np.random.BitGenerator, y: Floats, var: Floats, phi: Floats, out: Floats
) -> None: ...
