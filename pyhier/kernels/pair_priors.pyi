from typing import Literal

from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity

CHARTS: dict[str, int]

class SharePrior(LogDensity):
    def __init__(self, a: float, b: float) -> None: ...

class IndependentPair(GradientDensity):
    def __init__(
        self,
        chart: Literal["log", "share", "shapes", "rate"],
        first: LogDensity,
        second: LogDensity,
    ) -> None: ...
