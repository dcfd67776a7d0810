"""Results that are R's lists: their components by attribute, or by R's name in brackets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np


class ByName:
    """``fit["par"]`` and ``fit["summary.obs"]`` beside ``fit.par`` and ``fit.summary_obs``.

    For frozen dataclasses whose fields have R's names, dots as underscores. It is not a sequence: a
    number in brackets is an error that names the components.
    """

    def __getitem__(self, name: str) -> Any:
        found = self._components()
        key = name.replace(".", "_") if isinstance(name, str) else name
        if key not in found:
            raise KeyError(f"there is no component {name!r}: there are {', '.join(found)}")
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        raise TypeError(
            f"a {type(self).__name__} is no sequence: its components are "
            f"{', '.join(self._components())}"
        )

    def keys(self) -> tuple[str, ...]:
        """The components' names: R's ``names(fit)``."""
        return self._components()

    def _components(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self))  # type: ignore[arg-type]


def one_number(value: Any, caller: str) -> float:
    """A function's value as a number: R's vectors of one, NumPy's arrays of one."""
    array = np.asarray(value)
    if array.size != 1:
        raise ValueError(f"{caller}: the function returned {array.size} numbers, not 1")
    try:
        return float(array.ravel()[0])
    except (TypeError, ValueError):
        raise TypeError(f"{caller}: the function returned {value!r}, which is no number") from None
