"""What sums over any number of groups share: chunks, adding up, files, the rows of errors."""

import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._arrow import blocks
from pyhier._types import Floats
from pyhier._validation import aligned, float_array, string


class Kept(Protocol):
    """What is kept of groups; it adds up."""

    @property
    def groups(self) -> int:
        """How many groups there were."""

    def __add__(self, other: Any, /) -> Any:
        """What is kept of both."""

    def arrays(self) -> Mapping[str, Any]:
        """What a file holds."""


K = TypeVar("K", bound=Kept)


class Sums(Generic[K]):
    """Sums over groups that are given in chunks.

    Subclasses say what is kept and have ``update``, ``model``.
    """

    _version: ClassVar[int]
    _columns: ClassVar[str]  # what update takes, in words

    def __init__(self) -> None:
        self._kept: K | None = None

    @property
    def groups(self) -> int:
        """How many groups were given."""
        return 0 if self._kept is None else self._kept.groups

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {in_words(self.groups)}"

    def _add(self, chunk: K) -> None:
        self._kept = chunk if self._kept is None else self._kept + chunk

    def _add_table(
        self, data: Any, names: Mapping[str, Any], update: Callable[..., None], **options: Any
    ) -> None:
        """Add the rows of a table, or none of them: arguments of an ``update`` by their columns."""
        columns = {argument: string(argument, name) for argument, name in names.items()}
        staged = copy(self)
        for block in blocks(data, columns):
            update(staged, **block, **options)
        self._kept = staged._kept

    def __add__(self, other: object) -> Self:
        """The sums over the groups of both."""
        if not isinstance(other, type(self)):
            return NotImplemented
        found = type(self)()
        for sums in (self, other):
            if sums._kept is not None:
                found._add(sums._kept)
        return found

    def _needed(self, purpose: str = "") -> K:
        """What is kept; an error where there is nothing."""
        if self._kept is None:
            raise ValueError(f"there are no groups{purpose}: update({self._columns}) first")
        return self._kept

    @staticmethod
    def _of_arrays(arrays: Mapping[str, NDArray[Any]]) -> Any:
        """What a file's arrays hold; KeyError, TypeError or ValueError where it is none."""
        raise NotImplementedError

    @classmethod
    def _format(cls) -> str:
        return f"pyhier {cls.__name__} {cls._version}"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the sums to a file, a .npz that `load` reads; it appears whole or not at all.

        Its array ``format`` is a text, this class's name and a version; Notes say what the others
        are.
        """
        arrays, staged = self._needed(" to save").arrays(), f"{os.fspath(path)}.part"
        try:
            with open(staged, "wb") as file:
                np.savez(file, format=self._format(), **arrays)
            os.replace(staged, path)
        finally:
            Path(staged).unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If it is another file, or not the whole of one.
        """
        found = cls()
        found._kept = cls._read(os.fspath(path))
        return found

    @classmethod
    def _read(cls, name: str) -> Any:
        from zipfile import BadZipFile

        try:
            with open(name, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {key: np.array(file[key]) for key in file.files}
            given = str(arrays.pop("format"))
        except (KeyError, EOFError, ValueError, TypeError, AttributeError, BadZipFile) as e:
            raise ValueError(f"path: {name} is no whole file of {cls.__name__}") from e
        if given != cls._format():
            raise ValueError(f"path: {name} holds {given!r}, not {cls._format()!r}")
        try:
            return cls._of_arrays(arrays)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"path: {name} is no file of {cls.__name__}: {error}") from error


def in_words(groups: int) -> str:
    """So many groups."""
    return f"{groups:,} group{'s' * (groups != 1)}"


def whole_counts(name: str, array: NDArray[Any]) -> Floats:
    """An array of a file as counts."""
    found = np.asarray(array, dtype=np.float64)
    if not ((found >= 0.0) & (found == np.floor(found)) & np.isfinite(found)).all():
        raise ValueError(f"{name} are no counts")
    return found


# --- Rows of a chunk ------------------------------------------------------------------------------


def columns(**given: ArrayLike) -> Sequence[Floats]:
    """Columns of a chunk that are as long as the first, or one number for all rows."""
    aligned(**given)
    (name, first), *more = given.items()
    found = [float_array(name, first, 1)]
    for other, value in more:
        column = float_array(other, value, None)
        if column.ndim == 0:
            column = np.full(found[0].size, float(column))
        if column.shape != found[0].shape:
            raise ValueError(
                f"{name} has {found[0].size} groups and {other} has shape {column.shape}: give "
                f"one {other} a group"
            )
        found.append(column)
    return found


def each_row(name: str, values: Floats, valid: NDArray[np.bool_], rule: str, before: int) -> None:
    """Raise for the first row that is not valid, counted from so many ``before`` the chunk."""
    if not valid.all():
        row = int(valid.argmin())
        raise ValueError(f"{name} in row {before + row} is {values[row]}: {rule}")


def whole_rows(name: str, values: Floats, most: float, before: int) -> None:
    """Raise for the first row that is no whole number from 0 up to what sums take."""
    valid = (values >= 0.0) & (values == np.floor(values))
    each_row(name, values, valid, "counts must be whole numbers from 0 up", before)
    each_row(name, values, values <= most, f"sums take counts up to {most:,.0f}", before)
