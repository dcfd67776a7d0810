"""R's lists and data matrices as Python has them: mappings, results and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier._validation import aligned, each_group, float_array, vector
from pyhier.rstats.linalg import chol


def entries(name: str, value: Any, *keys: str) -> list[Any]:
    """The named entries of what is a list in R: a mapping, or a result with such attributes.

    R's dots may be written as underscores.
    """
    if isinstance(value, Mapping):
        found = {str(key).replace(".", "_"): item for key, item in value.items()}
    else:
        found = {key: getattr(value, key) for key in keys if hasattr(value, key)}
    missing = [key for key in keys if key not in found]
    if missing:
        wanted = ", ".join(repr(key) for key in keys)
        raise ValueError(f"{name} has no entry {missing[0]!r}: it must have {wanted}")
    aligned(**{f"{name}[{key!r}]": found[key] for key in keys})
    return [found[key] for key in keys]


def table(name: str, value: Any, columns: str) -> Floats:
    """The columns of a data matrix or frame, shape (columns, rows): all of them finite numbers.

    ``columns`` names those that must be there, in their order; more may follow.
    """
    array = float_array(name, value, 2)
    wanted = columns.split(", ")
    if array.shape[1] < len(wanted) or not len(array):
        raise ValueError(f"{name} has shape {array.shape}: give the columns {columns}")
    for k, column in enumerate(array.T):
        rows(f"{name}[:, {k}]", column, np.isfinite(column), "it must be a finite number")
    return np.ascontiguousarray(array.T)


def rows(name: str, values: Floats, valid: NDArray[np.bool_], rule: str) -> None:
    """Raise for the first row that is not valid."""
    each_group(name, values, valid, lambda j: str(j + 1), rule)


def counts(name: str, values: Floats) -> Floats:
    """Whole numbers from 0 up."""
    rows(
        name, values, (values >= 0.0) & (values == np.floor(values)), "counts are whole, from 0 up"
    )
    return values


def numbers(name: str, value: Any, size: int | None = None, rule: str = "finite") -> Floats:
    """A vector of finite numbers, of a fixed size; ``rule`` may ask for "positive" ones."""
    array = vector(name, value)
    if size is not None and array.size != size:
        raise ValueError(f"{name} has {array.size} numbers: it must have {size}")
    good = np.isfinite(array)
    if rule == "positive":
        good &= array > 0.0
    elif rule == "not negative":
        good &= array >= 0.0
    bad = np.flatnonzero(~good)
    if bad.size:
        also = "" if rule == "finite" else f" and {rule}"
        raise ValueError(f"{name}[{bad[0]}] is {array[bad[0]]}: it must be finite{also}")
    return array


def number(name: str, value: Any) -> float:
    """One finite number."""
    return float(numbers(name, flat(value), 1)[0])


def factor(name: str, matrix: Floats) -> Floats:
    """The upper Cholesky factor of a matrix that the caller gave."""
    try:
        return chol(matrix)
    except ValueError as error:
        raise ValueError(f"{name} is no covariance or precision matrix: {error}") from None


def flat(value: Any) -> Any:
    """A vector from R's column or row vectors, and of one number, too."""
    try:
        array = np.asarray(value)
    except ValueError:  # ragged: what takes it says so
        return value
    row_or_column = array.ndim == 2 and 1 in array.shape
    return array.ravel() if row_or_column or array.ndim == 0 else value


def matched(function: Callable[..., Any], named: Mapping[str, Any]) -> Callable[..., Any]:
    """A function with arguments by name; those by position take the places left over, as in R."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # compiled, and says nothing of its arguments
        return lambda *args: function(*args, **named)
    places = [p.name for p in parameters if p.kind == Parameter.POSITIONAL_OR_KEYWORD]
    free = [name for name in places if name not in named]

    def call(*args: Any) -> Any:
        if len(args) <= len(free) and not named.keys().isdisjoint(places[: len(args)]):
            return function(**dict(zip(free, args, strict=False)), **named)
        return function(*args, **named)

    return call
