"""Checks at the public boundary: each error names the argument, the offender and the mend."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._text import printable
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
        raise ValueError(f"{name}[{j}] (group {printable(label(j))}) is {values[j]}: {rule}")


def aligned(**inputs: Any) -> None:
    """Inputs are paired by position, so what names their entries must say the same, for each pair.

    The names are pandas' index or xarray's coordinate of the first dimension; a list, an array or
    None has none and goes with anything. Raises for the first pair that differs.

    Parameters
    ----------
    **inputs
        The arguments under their names, in the order of the signature.
    """
    named = [(name, value) for name, value in inputs.items() if _index_of(value) is not None]
    for (name, value), (other, beside) in combinations(named, 2):
        ours, theirs = _index_of(value), _index_of(beside)
        if len(ours) == len(theirs) and not ours.equals(theirs):
            both = all(hasattr(part, "index") for part in (value, beside))
            where = int(np.argmin(np.asarray(ours == theirs)))
            raise ValueError(
                f"{name} and {other} have different {'pandas indexes' if both else 'coordinates'} "
                f"({ours[where]} and {theirs[where]} in place {where}): align them, or pass "
                ".to_numpy()"
            )


def names_aligned(name: str, names: Any, **inputs: Any) -> None:
    """As `aligned`, of names of groups; and they are no input's own ones in another order."""
    aligned(**inputs, **{name: names})
    if isinstance(names, str) or not hasattr(names, "__len__"):
        return
    for other, value in inputs.items():
        index = _index_of(value)
        if index is None or type(index).__name__ == "RangeIndex" or len(index) != len(names):
            continue
        own, given = list(map(str, index)), list(map(str, entries_of(names)))
        if own != given and sorted(own) == sorted(given):
            raise ValueError(
                f"{name} are {other}'s own index in another order: leave {name} out, align the "
                f"two, or pass {other}.to_numpy()"
            )


def entries_of(names: Any) -> Any:
    """What names to go through: a DataArray's entries would be DataArrays."""
    return names.to_numpy() if hasattr(names, "dims") else names


def _index_of(value: Any) -> Any:
    """What names the entries of a Series, the rows of a frame, a DataArray's first dimension."""
    if hasattr(value, "dims") and hasattr(value, "indexes"):
        return value.indexes.get(value.dims[0]) if value.dims else None
    index = getattr(value, "index", None)
    return index if hasattr(index, "equals") else None


def check_level(level: object) -> float:
    """Return a probability strictly between 0 and 1."""
    try:
        share = float(level)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"level is {level!r}: it must be a number, such as 0.95") from None
    if not 0.0 < share < 1.0:
        raise ValueError(f"level is {level!r}: it must lie between 0 and 1, such as 0.95")
    return share


def probabilities(name: str, value: Any) -> Floats:
    """Return probabilities as a float64 array of the same shape."""
    chances = float_array(name, value, np.ndim(value))
    bad = chances[~((chances >= 0.0) & (chances <= 1.0))]
    if bad.size:
        percent = f": for {bad[0]:g}% give {bad[0] / 100.0:g}" if 1.0 < bad[0] <= 100.0 else ""
        raise ValueError(f"{name} is {value!r}: probabilities lie between 0 and 1{percent}")
    return chances
