from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.hyperpriors import WithHyperpriors

Floats = NDArray[np.float64]

class LevelsGradient(WithHyperpriors):
    def __init__(
        self,
        kind: Literal["centred", "non-centred", "marginal"],
        y: Floats,
        x: Floats,
        var: Floats,
        first: NDArray[np.intp],
        parent: NDArray[np.intp],
        apart: Floats,
        mean: Floats,
        root: Floats,
        constant: float,
        priors: Sequence[LogDensity | None] | GradientDensity,
    ) -> None: ...
