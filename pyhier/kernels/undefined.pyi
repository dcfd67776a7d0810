from typing import TypeVar

from numpy.typing import ArrayLike

from pyhier.kernels.density import LogDensity

D = TypeVar("D", bound=LogDensity)

def undefined_as_in_r(density: D, name: str, table: ArrayLike = ..., par: ArrayLike = ...) -> D: ...
