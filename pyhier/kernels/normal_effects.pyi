from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.integrated_groups import IntegratedGroups

Floats = NDArray[np.float64]
_Kind = Literal["binomial", "poisson", "table"]
KINDS: dict[str, int]

class CountsWithPriors(IntegratedGroups):
    def __init__(
        self,
        kind: _Kind,
        data: Floats,
        tables: Floats,
        times: Floats,
        design: Floats | None,
        mean: Floats,
        root: Floats,
        constant: float,
        prior_tau: LogDensity | GradientDensity | None = None,
        posterior: bool = True,
    ) -> None: ...

def log_likelihoods(
    kind: _Kind, data: Floats, tables: Floats, group: NDArray[np.int64], theta: Floats
) -> Floats: ...
def laws(kind: _Kind, data: Floats, tables: Floats, eta: Floats, log_tau: Floats) -> Floats: ...
def tails(
    kind: _Kind,
    data: Floats,
    tables: Floats,
    eta: Floats,
    log_tau: Floats,
    x: Floats,
    upper: bool,
    node: Floats,
    weight: Floats,
) -> Floats: ...
def draws(
    kind: _Kind,
    data: Floats,
    tables: Floats,
    group: NDArray[np.int64],
    eta: Floats,
    log_tau: Floats,
    first: Floats,
    second: Floats,
) -> Floats: ...
