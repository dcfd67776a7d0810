import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

class RiskTables:
    alone: int
    crossed: int
    def __new__(cls, data: Floats, first: float) -> RiskTables: ...
    def of_study(self, j: int, points: Floats) -> Floats: ...
    def laws(self, points: Floats) -> Floats: ...
