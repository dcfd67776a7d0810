"""What makes a compiled density into one of LearnBayes' functions ``f(theta, data)``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from pyhier._validation import numbers
from pyhier.kernels.density import LogDensity


class BuiltIn:
    """A log posterior that Python calls as ``f(theta, data)`` and the samplers run compiled.

    It is made by `log_posterior` from a function of the data that returns the compiled density.
    """

    def __init__(
        self, density_of: Callable[..., LogDensity], coordinates: str, vectorised: bool
    ) -> None:
        functools.update_wrapper(self, density_of)
        self._density_of = density_of
        self._vectorised = vectorised
        signature = inspect.signature(density_of)
        theta = inspect.Parameter(
            coordinates, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="ArrayLike"
        )
        (self._data,) = signature.parameters
        self._coordinates = coordinates
        self.__signature__ = signature.replace(
            parameters=[theta, *signature.parameters.values()], return_annotation="float"
        )

    __name__: str

    def __call__(self, *args: Any, **named: Any) -> Any:
        theta, data = self._bound(args, named)
        density = self.compiled_for(data)
        point = numbers(self._coordinates, theta)
        if np.isnan(point).any():
            raise ValueError(f"{self._coordinates} is {theta!r}: it must be numbers, none missing")
        if self._vectorised and point.ndim > 0:
            values = density.evaluate(point.reshape(-1, 1))
        elif point.size == density.ndim:
            values = np.array(density(point))
        else:
            raise ValueError(
                f"{self._coordinates} has {point.size} numbers: {self.__name__} takes "
                f"{density.ndim} with this {self._data}"
            )
        if np.isnan(values).any():
            raise ValueError(f"{self.__name__} has no value at {theta!r}: it is not a number there")
        return values if values.ndim else float(values)

    def _bound(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
        """Both arguments, by place or by R's names."""
        if named:
            bound = self.__signature__.bind(*args, **named)
            args = bound.args
        if len(args) != 2:
            raise TypeError(f"{self.__name__} takes {self._coordinates} and {self._data}")
        return args[0], args[1]

    def compiled_for(self, *data: Any) -> LogDensity:
        """The compiled density for this data."""
        if len(data) != 1 or data[0] is None:
            raise TypeError(f"{self.__name__} takes one argument after theta: {self._data}")
        return self._density_of(data[0])

    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return f"<log posterior {self.__name__}({self._coordinates}, {self._data})>"


def log_posterior(
    coordinates: str = "theta", vectorised: bool = False
) -> Callable[[Callable[..., LogDensity]], BuiltIn]:
    """Decorate a function of the data that returns a density.

    ``coordinates`` is R's name for the first argument. A ``vectorised`` function of one coordinate
    takes a vector of points and returns a value for each, as in R.
    """
    return lambda density_of: BuiltIn(density_of, coordinates, vectorised)
