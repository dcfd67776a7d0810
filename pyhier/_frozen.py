"""Results whose read-only arrays stay so: unpickled and deep-copied arrays are writeable."""

from collections.abc import Iterator
from typing import Any

import numpy as np

READ_ONLY = "read-only arrays"

Path = tuple[Any, ...]


class Frozen:
    """A class whose read-only attributes are read-only in its pickles and deep copies too."""

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        return state | {READ_ONLY: list(_read_only(state))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        for path in state.pop(READ_ONLY, ()):
            array: Any = state
            for key in path:
                array = array[key]
            array.flags.writeable = False
        self.__dict__.update(state)


def _read_only(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where in plain containers there are read-only arrays; other objects see to their own."""
    if isinstance(value, np.ndarray):
        if not value.flags.writeable:
            yield path
    elif type(value) is dict:
        for key, item in value.items():
            yield from _read_only(item, (*path, key))
    elif type(value) in (list, tuple):
        for key, item in enumerate(value):
            yield from _read_only(item, (*path, key))
