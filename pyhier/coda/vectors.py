"""Numbers that know their names, as R's named vectors and matrices do; they print as R's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._html import html_table
from pyhier._types import Floats
from pyhier.rstats.format import DIGITS, format_numbers, matrix_text, vector_text


class _Named(Frozen, NDArrayOperatorsMixin):
    """What converts to an array, and computes as one; the result is a plain array."""

    values: Floats

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype) if copy else np.asarray(self.values, dtype=dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [np.asarray(item) if isinstance(item, _Named) else item for item in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    __hash__ = None  # type: ignore[assignment]  # == compares element by element

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape


def _place(names: Sequence[str] | None, key: Any, what: str) -> Any:
    """A name's place, a list of names' places, or the index itself."""
    if isinstance(key, str):
        if names is None or key not in names:
            known = "there are none" if names is None else f"there are {', '.join(names)}"
            raise KeyError(f"no {what} is named {key!r}: {known}")
        return names.index(key)
    if isinstance(key, list | tuple) and any(isinstance(item, str) for item in key):
        return [_place(names, item, what) for item in key]
    return key


@dataclass(frozen=True, eq=False, repr=False)
class NamedVector(_Named):
    """A vector with a name for each element, printed as R's.

    Attributes
    ----------
    values : ndarray, shape (n,)
    names : tuple of str or None

    Examples
    --------
    >>> v = NamedVector(np.array([1.0, 2.5]), ("mu", "tau"))
    >>> v["tau"], v.names, 2 * v
    (2.5, ('mu', 'tau'), array([2., 5.]))
    >>> print(v)
     mu tau
    1.0 2.5
    """

    values: Floats
    names: tuple[str, ...] | None

    def __post_init__(self) -> None:
        self.values.flags.writeable = False

    def __getitem__(self, key: Any) -> Any:
        found = self.values[_place(self.names, key, "element")]
        return found.item() if np.ndim(found) == 0 else found

    def to_dict(self) -> dict[str, float]:
        """The numbers by name."""
        names = self.names or [f"var{i + 1}" for i in range(len(self))]
        return dict(zip(names, self.values.tolist(), strict=True))

    def text(self, digits: int = DIGITS) -> str:
        """What R's ``print(x, digits)`` shows."""
        return vector_text(self.values, self.names, digits)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table([format_numbers([v]) for v in self.values.tolist()], None, self.names)


@dataclass(frozen=True, eq=False, repr=False)
class NamedMatrix(_Named):
    """A matrix with names for its rows and columns, printed as R's.

    Attributes
    ----------
    values : ndarray, shape (rows, columns)
    rownames, colnames : tuple of str

    Examples
    --------
    >>> m = NamedMatrix(np.array([[1.0, 2.5], [10.0, 3.0]]), ("mu", "tau"), ("Mean", "SD"))
    >>> m["tau", "SD"], m[:, "Mean"]
    (3.0, array([ 1., 10.]))
    >>> print(m)
        Mean  SD
    mu     1 2.5
    tau   10 3.0
    """

    values: Floats
    rownames: tuple[str, ...] | None
    colnames: tuple[str, ...] | None

    def __post_init__(self) -> None:
        self.values.flags.writeable = False

    def __getitem__(self, key: Any) -> Any:
        row, column = key if isinstance(key, tuple) else (key, slice(None))
        i = _place(self.rownames, row, "row")
        j = _place(self.colnames, column, "column")
        found = self.values[i, :][..., j]
        return found.item() if np.ndim(found) == 0 else found

    def to_dataframe(self) -> Any:
        """The numbers as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.values, index=self.rownames, columns=self.colnames)

    def text(self, digits: int = DIGITS) -> str:
        """What R's ``print(x, digits)`` shows."""
        return matrix_text(self.values, self.rownames, self.colnames, digits)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.html()

    def html(self, digits: int = DIGITS) -> str:
        """A table for notebooks, with the digits R would print."""
        columns = [format_numbers(column, digits) for column in self.values.T]
        return html_table(columns, self.rownames, self.colnames)
