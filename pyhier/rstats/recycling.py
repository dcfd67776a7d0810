"""Variates of R's families into arrays: R's recycling over the parameters, in one pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats
from pyhier._validation import count
from pyhier.kernels import count_streams, streams

Rule = tuple[Callable[[Floats], NDArray[np.bool_]], str]

NUMBER: Rule = (lambda x: ~np.isnan(x), "it must be a number")
FINITE: Rule = (np.isfinite, "it must be finite")
POSITIVE: Rule = (lambda x: x > 0.0, "it must be positive")
POSITIVE_FINITE: Rule = (lambda x: (x > 0.0) & np.isfinite(x), "it must be positive and finite")
NOT_NEGATIVE: Rule = (lambda x: x >= 0.0, "it must not be negative")
NOT_NEGATIVE_FINITE: Rule = (
    lambda x: (x >= 0.0) & np.isfinite(x),
    "it must be finite and not negative",
)
PROBABILITY: Rule = (lambda x: (x >= 0.0) & (x <= 1.0), "it must be from 0 to 1")
WHOLE: Rule = (
    lambda x: (x >= 0.0) & np.isfinite(x) & (x == np.floor(x)),
    "it must be a whole number from 0 up",
)
UNUSED = np.zeros(1)


def parameter(name: str, value: ArrayLike, n: int, rule: Rule) -> Floats:
    """The values of a parameter that ``n`` draws use, checked; never more than ``n`` of them.

    Raises
    ------
    TypeError
        If it does not hold numbers.
    ValueError
        If it is empty, or a value breaks the rule: R would return NaN.
    """
    try:
        array = np.array(value, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}: it must be numbers") from None
    if array.size == 0:
        raise ValueError(f"{name} is empty: give at least one number")
    array = array[:n] if n else array[:1]
    bad = np.flatnonzero(~rule[0](array))
    if bad.size:
        i = int(bad[0])
        raise ValueError(f"{name}[{i}] is {array[i]}: {rule[1]}")
    return array


def size_of(n: int) -> int:
    """The number of draws that a call asks for."""
    return count("n", n, 0)


def drawn(
    bit_generator: np.random.MT19937, family: str, n: int, first: Floats, second: Floats = UNUSED
) -> Floats:
    """``n`` variates of one of R's families; scales are taken, not rates."""
    out = np.empty(n)
    kernel = streams if family in streams.FAMILIES else count_streams
    with bit_generator.lock:
        kernel.fill(bit_generator, kernel.FAMILIES[family], first, second, out)
    return out
