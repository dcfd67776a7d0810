"""Checks at the public boundary: each error names the argument, the offender and the mend."""

import os
from collections.abc import Callable
from functools import cache, wraps
from inspect import signature
from itertools import combinations
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._text import printable
from pyhier._types import Floats

P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[[str, Any], Any]


def checked(**checks: Check) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a public function: arguments that are given pass their check at the entry.

    A check takes an argument's name and value; it raises, or returns what the function works with.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = signature(function).parameters.values()
        places = {p.name: k for k, p in enumerate(parameters) if p.kind == p.POSITIONAL_OR_KEYWORD}

        @wraps(function)
        def call(*args: P.args, **named: P.kwargs) -> R:
            by_place: list[Any] = list(args)
            by_name: dict[str, Any] = dict(named)
            for name, check in checks.items():
                if name in by_name:
                    by_name[name] = check(name, by_name[name])
                elif places.get(name, len(by_place)) < len(by_place):
                    by_place[places[name]] = check(name, by_place[places[name]])
            return function(*by_place, **by_name)

        return call

    return decorate


def optional(check: Check) -> Check:
    """The check of an argument that may be None."""
    return lambda name, value: None if value is None else check(name, value)


def as_array(name: str, value: object) -> NDArray[Any]:
    """Return an array of whatever kind, NaN where it is masked; ragged lists make none."""
    try:
        return np.asarray(_unmasked(value))
    except ValueError as error:  # ragged
        raise ValueError(f"{name} is {value!r}: it must be numbers ({error})") from None


def _unmasked(value: object) -> object:
    """Masked numbers as NaN, which whole numbers have none of: they become floats."""
    if not isinstance(value, np.ma.MaskedArray):
        return value
    kind = value.dtype.kind
    floats: Any = value.astype(np.float64) if kind in "iu" else value
    return floats.filled(np.nan) if kind in "iufO" else value.data


def float_array(name: str, value: object, ndim: int | None) -> Floats:
    """Return a new contiguous float64 array of so many dimensions, of any number for None."""
    plain = _unmasked(value)
    raw = as_array(name, plain)
    text = raw.dtype == object and any(isinstance(item, str | bytes) for item in raw.ravel())
    if raw.dtype.kind in "cMmUSVb" or text:
        holds = "text" if text or raw.dtype.kind in "US" else raw.dtype
        raise TypeError(f"{name} must be numbers: it holds {holds}{_first_text_column(value)}")
    try:
        array = np.array(plain, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, none missing: {error}") from None
    except OverflowError as error:
        raise ValueError(f"{name} must be numbers that a float holds: {error}") from None
    if ndim is not None and array.ndim != ndim:
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


def amount(name: str, value: object, each: int = 1, minimum: int = 1) -> int:
    """Return a whole number of things of ``each`` doubles, which must fit into memory.

    Asked for before anything is allocated: an array too large for the machine may be granted and
    end the process when it is filled.
    """
    number = count(name, value, minimum)
    needed, there = 8.0 * number * max(each, 1), _memory()
    if needed > there:
        raise ValueError(
            f"{name} is {value!r}: that takes {needed / 2**30:.3g} GB and this machine has "
            f"{there / 2**30:.3g}; ask for fewer"
        )
    return number


@cache
def _memory() -> float:
    """Bytes of memory of this machine; 64 GB where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return 2.0**36


def is_number(value: object) -> bool:
    """Whether something is one real number: also an array of one, and no text or bool."""
    if isinstance(value, np.ndarray):
        return value.size == 1 and value.dtype.kind in "iuf"
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def number(name: str, value: object, kind: str = "a finite number") -> float:
    """Return one finite float."""
    if not is_number(value):
        raise TypeError(f"{name} is {value!r}: it must be {kind}")
    found = float(float_array(name, value, None).item())
    if not np.isfinite(found):
        raise ValueError(f"{name} is {value!r}: it must be {kind}")
    return found


def real(name: str, value: object) -> float:
    """Return one number, which may be infinite."""
    if not is_number(value):
        raise TypeError(f"{name} is {value!r}: it must be a number")
    found = float(float_array(name, value, None).item())
    if np.isnan(found):
        raise ValueError(f"{name} is {value!r}: it must be a number")
    return found


def positive(name: str, value: object) -> float:
    """Return a positive finite float."""
    found = number(name, value, "a positive number, positive and finite")
    if found <= 0.0:
        raise ValueError(f"{name} is {value!r}: it must be positive and finite")
    return found


def not_negative(name: str, value: object) -> float:
    """Return a finite float from 0 up."""
    found = number(name, value, "a finite number from 0 up")
    if found < 0.0:
        raise ValueError(f"{name} is {value!r}: it must be a finite number from 0 up")
    return found


def returned(what: str, value: object) -> float:
    """What a user's function returned, as a float: NaN and infinities are its own affair."""
    if not is_number(value):
        raise TypeError(f"{what} returned {value!r}: it must return one number")
    return float(np.asarray(value, dtype=np.float64).item())


def flag(name: str, value: object) -> bool:
    """Return True or False; 1 and 0 are these, since R hands them over."""
    if isinstance(value, bool | np.bool_) or (is_number(value) and value in (0, 1)):
        return bool(value)
    raise TypeError(f"{name} is {value!r}: it must be True or False")


def function(name: str, value: object, takes: str) -> None:
    """Raise unless a value can be called."""
    if not callable(value):
        raise TypeError(f"{name} is {value!r}: it must be a function of {takes}")


def string(name: str, value: object) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}: it must be a string")
    return value


def column_name(name: str, value: object) -> Any:
    """Return what may be the name of a column: a column itself is none."""
    if value is None or (hasattr(value, "__len__") and not isinstance(value, str | bytes | tuple)):
        given = "None" if value is None else f"a {type(value).__name__}"
        raise TypeError(f"{name} is {given}: give the name of a column")
    return value


def matplotlib_axes(name: str, value: object) -> None:
    """Raise unless a value is Axes to draw on."""
    from matplotlib.axes import Axes

    if not isinstance(value, Axes):
        raise TypeError(
            f"{name} is {value!r}: give Axes of matplotlib, as plt.subplots returns them"
        )


def file_path(name: str, value: object) -> Path:
    """Return the path of a file, which need not be there."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise TypeError(f"{name} is {value!r}: it must be the path of a file")
    return Path(value)


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


def check_level(level: object, name: str = "level") -> float:
    """Return a probability strictly between 0 and 1."""
    kind = "a number between 0 and 1, such as 0.95"
    found = number(name, level, kind)
    if not 0.0 < found < 1.0:
        raise ValueError(f"{name} is {level!r}: it must lie between 0 and 1, such as 0.95")
    return found


def probability_list(name: str, value: object) -> Floats:
    """Return a non-empty vector of probabilities from 0 to 1."""
    if isinstance(value, int | float) and not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is {value!r}: probabilities lie between 0 and 1, such as [0.5]")
    if not np.iterable(value) or isinstance(value, str | bytes):
        raise TypeError(f"{name} is {value!r}: give a sequence of probabilities, such as [0.5]")
    found = vector(name, value if isinstance(value, np.ndarray) else list(value))
    return probabilities(name, found)


def numbers(name: str, value: object) -> Floats:
    """Return numbers of any shape as float64, a view where they are it already."""
    array = as_array(name, value)
    if array.dtype.kind not in "iuf":
        if array.dtype == object and any(item is None for item in array.flat):
            raise TypeError(f"{name} is {value!r}: it must be numbers, none missing")
        array = float_array(name, value, array.ndim)
    return np.asarray(array, dtype=np.float64)


def probabilities(name: str, value: object) -> Floats:
    """Return probabilities from 0 to 1 as float64, of any shape."""
    chances = numbers(name, value)
    bad = chances[~((chances >= 0.0) & (chances <= 1.0))]  # NaN is none either
    if bad.size:
        percent = f": for {bad[0]:g}% give {bad[0] / 100.0:g}" if 1.0 < bad[0] <= 100.0 else ""
        raise ValueError(f"{name} is {value!r}: probabilities lie between 0 and 1{percent}")
    return chances
