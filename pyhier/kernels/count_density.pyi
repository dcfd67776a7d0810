from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier.kernels.density import LogDensity

Floats = NDArray[np.float64]

class CountMarginal(LogDensity):
    @property
    def by_groups(self) -> bool: ...
    def with_prior(self, prior: str | LogDensity, z0: float = 1.0) -> Self: ...
    def derivatives(self, point: ArrayLike) -> tuple[Floats, Floats]: ...

class BetaBinomialMarginal(CountMarginal):
    def __init__(
        self,
        successes: Floats,
        trials: Floats,
        prior: Literal["bda3", "betabinexch", ""] | LogDensity = "bda3",
        coefficients: bool = True,
        by_groups: bool | None = None,
    ) -> None: ...

class PoissonGammaMarginal(CountMarginal):
    def __init__(
        self,
        counts: Floats,
        exposure: Floats,
        prior: Literal["poissgamexch", ""] | LogDensity = "poissgamexch",
        z0: float = 1.0,
        coefficients: bool = True,
        by_groups: bool | None = None,
    ) -> None: ...

class VarianceGammaMarginal(PoissonGammaMarginal):
    def __init__(
        self,
        s2: Floats,
        df: Floats,
        prior: Literal["shrinkage", ""] | LogDensity = "shrinkage",
        z0: float = 1.0,
        by_groups: bool | None = None,
    ) -> None: ...
