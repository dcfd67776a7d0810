from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.risk_tables import RiskTables

Floats = NDArray[np.float64]

class TwoRisks:
    def __init__(
        self,
        data: Floats,
        times: Floats,
        first: float,
        mean: Any,
        root: Any,
        constant: float,
        spreads: Any,
        posterior: bool = True,
    ) -> None: ...

class TwoRisksMarginal(LogDensity):
    def __init__(self, owner: TwoRisks, tables: RiskTables | None = None) -> None: ...

class TwoRisksGradient(GradientDensity):
    def __init__(self, owner: TwoRisks) -> None: ...

def laws(data: Floats, first: float, phi: Floats) -> Floats: ...
def log_probabilities(
    data: Floats, first: float, study: NDArray[np.int64], phi: Floats
) -> Floats: ...
def outer_arms(data: Floats) -> NDArray[np.int64]: ...
def outer_draws(
    data: Floats, first: float, study: NDArray[np.int64], phi: Floats, u: Floats
) -> Floats: ...
