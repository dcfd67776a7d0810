"""Iterations and names as arguments: whole numbers, first, last and thinning interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Names = tuple[str, ...]


def whole(name: str, value: object) -> int:
    """Return a whole number, of any sign; R's 8.0 is one."""
    if isinstance(value, bool | np.bool_) or np.ndim(value) != 0:  # type: ignore[arg-type]
        raise ValueError(f"bad value for {name}: {value!r} must be one whole number")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}: it must be a whole number") from None
    if not number.is_integer():
        raise ValueError(f"{name} is {value!r}: it must be a whole number")
    return int(number)


def iterations(rows: int, start: object, end: object, thin: object) -> tuple[int, int, int]:
    """First and last iteration and thinning interval of so many rows; ``end`` may cut some."""
    step = whole("thin", thin)
    if step < 1:
        raise ValueError(f"thin is {thin!r}: it must be at least 1")
    if end is None:
        first = 1 if start is None else whole("start", start)
        return first, first + (rows - 1) * step, step
    last = whole("end", end)
    first = last - (rows - 1) * step if start is None else whole("start", start)
    if last < first:
        raise ValueError(f"start cannot be after end: they are {first} and {last}")
    wanted = (last - first) // step + 1
    if wanted > rows:
        raise ValueError(
            f"Start, end and thin incompatible with data: iterations {first} to {last} by {step} "
            f"are {wanted} draws, and there are {rows}"
        )
    return first, first + (wanted - 1) * step, step


def check_names(argument: str, names: Sequence[str], n: int) -> Names:
    """Return as many names as there must be."""
    if isinstance(names, str) or not np.iterable(names):
        raise TypeError(f"{argument} is {names!r}: give a sequence of {n} names")
    missing = [name for name in names if name is None or name != name]
    if missing:
        raise TypeError(f"{argument} has {missing[0]}: give a name each")
    found = tuple(map(str, names))
    if len(found) != n:
        raise ValueError(f"{argument} has {len(found)} names: there must be {n}")
    return found
