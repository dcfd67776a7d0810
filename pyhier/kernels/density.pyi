from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

class LogDensity:
    @property
    def ndim(self) -> int: ...
    @property
    def compiled(self) -> bool: ...
    def __call__(self, x: ArrayLike) -> float: ...
    def evaluate(self, x: ArrayLike, fast: bool = False) -> Floats: ...
    def undefined_in_r(self, x: ArrayLike) -> NDArray[np.bool_]: ...
    def raise_error(self) -> None: ...

class CallableDensity(LogDensity):
    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], ndim: int) -> None: ...

class CheckedDensity(LogDensity):
    def __init__(
        self, address: int, ndim: int, retry: Callable[[Floats], object], keep_alive: object
    ) -> None: ...

class ForeignDensity(LogDensity):
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @staticmethod
    def from_address(address: int, ndim: int, keep_alive: object) -> LogDensity: ...
    @staticmethod
    def from_capsule(capsule: object, ndim: int, keep_alive: object) -> LogDensity: ...

class ScalePrior(LogDensity):
    def __init__(
        self,
        family: Literal[
            "halfnorm", "halfcauchy", "expon", "sqrt", "invchi", "gamma", "invgamma", "lognorm"
        ],
        scale: float = 1.0,
        shape: float = 1.0,
    ) -> None: ...

class NormalMarginal(LogDensity):
    def __init__(
        self,
        y: Floats,
        var: Floats,
        prior_mu: tuple[float, float] | None = None,
        prior_tau: LogDensity | None = None,
        form: Literal["post", "dnorm"] = "post",
        tied: bool = False,
    ) -> None: ...
