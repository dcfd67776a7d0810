"""Tables of numbers as DataFrames; the rows' and columns' names are made into indexes only once."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

FLOAT = np.dtype(np.float64)
MANY = 1000  # names that are not worth keeping


@lru_cache(maxsize=32)
def _index(names: tuple[str, ...], title: str | None) -> "pd.Index[str]":
    import pandas as pd

    return pd.Index(names, name=title)


def _names(names: tuple[str, ...], title: str | None = None) -> "pd.Index[str]":
    # A view, for whoever renames the index of a table must not rename those of all others.
    return (_index if len(names) < MANY else _index.__wrapped__)(names, title).view()


def percents(probs: Iterable[float]) -> list[str]:
    """Names of quantiles' columns: "2.5%"; as many digits as tell them apart, and from 0 and 1."""
    given, ends = [float(p) for p in probs], {"0%": 0.0, "100%": 1.0}
    for digits in (6, 9, 12, 15):
        names = [f"{100.0 * p:.{digits}g}%" for p in given]
        honest = all(ends.get(name, p) == p for name, p in zip(names, given, strict=True))
        if honest and len(set(names)) == len(set(given)):
            return names
    return [f"{100.0 * p!r}%" for p in given]


def frame(
    columns: Mapping[str, NDArray[Any]], names: tuple[str, ...], title: str
) -> "pd.DataFrame":
    """A DataFrame of columns of the same length, with a row for each name.

    Parameters
    ----------
    columns : mapping of str to ndarray
    names : tuple of str
    title : str
        What the names are of.

    Returns
    -------
    DataFrame
    """
    import pandas as pd

    rows = _names(names, title)
    if {column.dtype for column in columns.values()} != {FLOAT}:
        return pd.DataFrame(dict(columns), index=rows)
    values = np.array(list(columns.values()))
    return pd.DataFrame(values.T, index=rows, columns=_names(tuple(columns)), copy=False)
