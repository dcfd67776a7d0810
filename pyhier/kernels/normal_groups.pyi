import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def collapse(
    y: Floats,
    var: Floats,
    centre: float,
    log_tau: Floats,
    prior_mean: float,
    prior_precision: float,
    kappa: float,
    low: float,
    high: float,
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
