from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.hyperpriors import WithHyperpriors

Floats = NDArray[np.float64]

class MultivariateGradient(WithHyperpriors):
    def __init__(
        self,
        kind: Literal["centred", "non-centred", "marginal"],
        y: Floats,
        x: Floats,
        spread: Floats,
        mean: Floats,
        root: Floats,
        constant: float,
        power: Floats,
        priors: Sequence[LogDensity | None] | GradientDensity,
    ) -> None: ...
