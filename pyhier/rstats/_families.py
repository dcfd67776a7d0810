"""What R's densities, distribution functions and quantiles share: recycling, NaN with a warning.

Impossible parameters give NaN and a warning, as in R, and no error as `rnorm` and its kin raise: an
optimiser asks for densities at whatever parameters it comes by, and goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import flag
from pyhier.kernels import densities, distribution_functions, quantile_functions

Given = Mapping[str, ArrayLike]
Kernel = Callable[[Sequence[Floats]], Sequence[Floats]]
Support = Callable[[Sequence[Floats]], tuple[Any, Any]]

COUNTS = ("binom", "geom", "hyper", "nbinom", "pois")


def numbers(name: str, value: ArrayLike) -> Floats:
    """An argument as floats."""
    name = name.rstrip("_")  # of R's lambda
    try:
        if value is not None and not np.iscomplexobj(value):
            return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{name} is {value!r}: it must be numbers")


def recycled(arguments: Given) -> tuple[list[Floats], tuple[int, ...]]:
    """All arguments at one length, and the shape of the result.

    Vectors are recycled as in R, to the longest; none where one is empty. Where one has more
    dimensions they broadcast as NumPy's arrays do.
    """
    arrays = [numbers(name, value) for name, value in arguments.items()]
    if any(array.ndim > 1 for array in arrays):
        wide = np.broadcast_arrays(*arrays)
        return [np.ascontiguousarray(array).ravel() for array in wide], wide[0].shape
    sizes = [array.size for array in arrays]
    size = 0 if 0 in sizes else max(sizes)
    shape = (size,) if any(array.ndim for array in arrays) else ()
    return [np.resize(array, size) for array in arrays], shape


def _parameters(columns: Sequence[Floats], kernel: Kernel | None) -> Floats:
    """A row of parameters for each point, in the kernel's form (scales for rates)."""
    if kernel is None:
        return np.column_stack(columns)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.column_stack(kernel(columns))


def finish(
    function: str,
    given: Given,
    columns: list[Floats],
    out: Floats,
    shape: tuple[int, ...],
    depth: int = 4,
) -> Any:
    """The result in its shape; a warning, to the caller so deep, where NaN came of numbers."""
    bad = np.isnan(out) & ~np.isnan(columns).any(axis=0)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        at = ", ".join(f"{name}={c[i]:g}" for name, c in zip(given, columns, strict=True))
        warnings.warn(f"NaNs produced: {function}({at})", RuntimeWarning, stacklevel=depth)
    return out.reshape(shape)[()]


def density(
    family: str, x: ArrayLike, given: Given, log: bool, kernel: Kernel | None = None
) -> Any:
    """A family's density at ``x``."""
    arguments = {"x": x, **given}
    columns, shape = recycled(arguments)
    out = np.empty(columns[0].size)
    densities.fill(family, columns[0], _parameters(columns[1:], kernel), flag("log", log), out)
    if family in COUNTS:
        _warn_of_fractions(columns[0])
    return finish(f"d{family}", arguments, columns, out, shape)


def _warn_of_fractions(x: Floats) -> None:
    with np.errstate(invalid="ignore"):
        bad = np.abs(x - np.rint(x)) > 1e-7 * np.maximum(1.0, np.abs(x))
    if bad.any():
        warnings.warn(f"non-integer x = {x[bad][0]:g}", RuntimeWarning, stacklevel=4)


def probability(
    family: str,
    q: ArrayLike,
    given: Given,
    lower_tail: bool,
    log_p: bool,
    kernel: Kernel | None = None,
) -> Any:
    """A family's distribution function at ``q``."""
    arguments = {"q": q, **given}
    columns, shape = recycled(arguments)
    out = np.empty(columns[0].size)
    distribution_functions.fill_probabilities(
        family,
        columns[0],
        _parameters(columns[1:], kernel),
        flag("lower_tail", lower_tail),
        flag("log_p", log_p),
        out,
    )
    return finish(f"p{family}", arguments, columns, out, shape)


def quantiles(
    family: str,
    p: ArrayLike,
    given: Given,
    lower_tail: bool,
    log_p: bool,
    support: Support,
    kernel: Kernel | None = None,
) -> Any:
    """A family's quantiles; ``support`` gives the ends of its range from R's parameters."""
    arguments = {"p": p, **given}
    columns, shape = recycled(arguments)
    out = np.empty(columns[0].size)
    ends = np.column_stack([np.broadcast_to(end, out.shape) for end in support(columns[1:])])
    quantile_functions.fill_quantiles(
        family, columns[0], _parameters(columns[1:], kernel), np.ascontiguousarray(ends),
        flag("lower_tail", lower_tail), flag("log_p", log_p), out,
    )  # fmt: skip
    return finish(f"q{family}", arguments, columns, out, shape)


def positive_line(columns: Sequence[Floats]) -> tuple[float, float]:
    """From 0 to infinity."""
    return 0.0, np.inf


def whole_line(columns: Sequence[Floats]) -> tuple[float, float]:
    """All numbers."""
    return -np.inf, np.inf


def one_of(name: str, first: ArrayLike | None, other: str, second: ArrayLike | None) -> bool:
    """Whether the second of two ways to give a parameter was taken; 1 without either."""
    if first is not None and second is not None:
        raise ValueError(f"{name} and {other} are both given: give one")
    return second is not None
