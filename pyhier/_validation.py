"""Checks at the public boundary: each error names the argument, the offender and the mend."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats


def float_array(name: str, value: object, ndim: int) -> Floats:
    """Return a new contiguous float64 array of the given number of dimensions."""
    plain = np.ma.filled(value, np.nan) if isinstance(value, np.ma.MaskedArray) else value
    raw = np.asarray(plain)
    text = raw.dtype == object and any(isinstance(item, str | bytes) for item in raw.ravel())
    if raw.dtype.kind in "cMmUSVb" or text:
        holds = "text" if text or raw.dtype.kind in "US" else raw.dtype
        raise TypeError(f"{name} must be numbers: it holds {holds}{_first_text_column(value)}")
    try:
        array = np.array(plain, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, none missing: {error}") from None
    if array.ndim != ndim:
        raise ValueError(f"{name} has {array.ndim} dimensions: it must have {ndim}")
    return array


def _first_text_column(value: object) -> str:
    """Where a frame holds text, for the message."""
    columns = value.items() if getattr(value, "ndim", 0) == 2 and hasattr(value, "items") else ()
    for column, entries in columns:
        if any(isinstance(item, str | bytes) for item in entries):
            return f", in the column {column!r}"
    return ""


def vector(name: str, value: object) -> Floats:
    """Return a non-empty float64 vector."""
    array = float_array(name, value, 1)
    if array.size == 0:
        raise ValueError(f"{name} is empty: give at least one number")
    return array


def square_matrix(name: str, value: ArrayLike) -> Floats:
    """Return a square float64 matrix."""
    array = float_array(name, value, 2)
    if array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}: it must be square")
    return array


def count(name: str, value: object, minimum: int = 1) -> int:
    """Return a whole number at least ``minimum``; 8.0 is one, since R hands over doubles."""
    kind = "a positive whole number" if minimum == 1 else f"a whole number from {minimum} up"
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise TypeError(f"{name} is {value!r}: it must be {kind}")
    whole = isinstance(value, int | np.integer) or (np.isfinite(value) and value == int(value))
    if not (whole and minimum <= value < 2**62):
        raise ValueError(f"{name} is {value!r}: it must be {kind}")
    return int(value)


def positive(name: str, value: object) -> float:
    """Return a positive finite float."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}: it must be a positive number") from None
    if not (np.isfinite(number) and number > 0.0):
        raise ValueError(f"{name} is {value!r}: it must be positive and finite")
    return number


def each_group(
    name: str, values: Floats, valid: NDArray[np.bool_], label: Callable[[int], str], rule: str
) -> None:
    """Raise for the first group that is not valid."""
    if not valid.all():
        j = int(valid.argmin())
        raise ValueError(f"{name}[{j}] (group {label(j)}) is {values[j]}: {rule}")


def check_level(level: float) -> float:
    """Return a probability strictly between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level!r}: it must lie between 0 and 1, such as 0.95")
    return float(level)
