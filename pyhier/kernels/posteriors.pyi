from numpy.typing import ArrayLike

from pyhier.kernels.density import LogDensity

class TablePosterior(LogDensity):
    def __init__(
        self, name: str, ndim: int, table: ArrayLike = ..., par: ArrayLike = ...
    ) -> None: ...

class BetaBinomialCoordinates(LogDensity):
    def __init__(
        self, marginal: LogDensity, k: float | None = None, constant: float = 0.0
    ) -> None: ...
