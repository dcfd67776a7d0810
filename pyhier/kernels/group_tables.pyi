import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.integrated_groups import IntegratedGroups

Floats = NDArray[np.float64]

class GroupTables:
    def __init__(
        self,
        owner: IntegratedGroups,
        alike: Floats,
        middle: Floats,
        least: Floats,
        width: float,
        place: Floats,
        to_coefficients: Floats,
    ) -> None: ...
    def sums(self, phi: Floats) -> Floats: ...
