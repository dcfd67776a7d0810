"""Columns of tables that come in batches: pyarrow, polars, DuckDB, all by Arrow's C stream."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from pyhier._types import Floats

BLOCK = 2**20  # rows at a time: however the batches are cut, blocks are the same


def blocks(data: Any, named: Mapping[str, str], size: int = BLOCK) -> Iterator[dict[str, Floats]]:
    """Columns of a table as numbers, so many rows at a time; of the last rows fewer.

    Parameters
    ----------
    data : object
        What has Arrow's C stream (``__arrow_c_stream__``) or C array, or an iterable of such.
    named : mapping of str to str
        Which argument is which column.
    size : int
        How many rows at a time.

    Yields
    ------
    dict of str to ndarray
        The arguments, NaN where a cell is null.

    Raises
    ------
    ModuleNotFoundError
        Without pyarrow.
    TypeError
        If data are no such tables, or a column holds no numbers.
    ValueError
        If there is no such column.
    """
    for table in tables(numeric_batches(data, named), size):
        yield {name: floats(table.column(name)) for name in named}


def arrow() -> Any:
    """The module pyarrow, or an error that says how to get it."""
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "tables in batches and Parquet files are read by pyarrow: pip install 'pyhier[arrow]'"
        ) from error
    return pyarrow


def as_pandas(data: Any) -> Any:
    """A table of polars, pyarrow or DuckDB as a frame of pandas; anything else as it is."""
    own = hasattr(data, "items") or not hasattr(data, "columns")
    return (
        data if own or not hasattr(data, "__arrow_c_stream__") else arrow().table(data).to_pandas()
    )


def tables(batches: Iterator[Any], size: int) -> Iterator[Any]:
    """Batches put together and cut into tables of so many rows; they share the batches' memory."""
    pa = arrow()
    held: list[Any] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        while rows >= size:
            table = pa.Table.from_batches(held)
            yield table.slice(0, size)
            held, rows = table.slice(size).to_batches(), rows - size
    if rows:
        yield pa.Table.from_batches(held)


def numeric_batches(data: Any, named: Mapping[str, str]) -> Iterator[Any]:
    """Record batches of the named columns alone, as float64, under the arguments' names."""
    for reader in _readers(data):
        check_columns(reader.schema, named)
        for batch in reader:
            columns = [as_float64(batch.column(column)) for column in named.values()]
            yield arrow().record_batch(columns, names=list(named))


def _readers(data: Any) -> Iterator[Any]:
    """What reads the batches of each table."""
    pa = arrow()
    if hasattr(data, "__arrow_c_stream__"):
        yield pa.RecordBatchReader.from_stream(data)
    elif hasattr(data, "__arrow_c_array__"):
        batch = pa.record_batch(data)
        yield pa.RecordBatchReader.from_batches(batch.schema, [batch])
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes | Mapping):
        for part in data:
            yield from _readers(part)
    else:
        raise TypeError(
            f"data is {type(data).__name__}: give a table of pyarrow, polars, pandas or DuckDB, "
            "whatever has __arrow_c_stream__, or an iterable of such"
        )


def check_columns(schema: Any, named: Mapping[str, str], where: str = "data") -> None:
    """Raise for the first argument whose column is not there once, or holds no numbers."""
    types = arrow().types
    for argument, name in named.items():
        found = schema.get_all_field_indices(name)
        if len(found) != 1:
            which = "no such column" if not found else "more than one such column"
            raise ValueError(
                f"{argument} is {name!r}: {where} has {which}; its columns are "
                f"{', '.join(schema.names)}"
            )
        kind = schema.field(found[0]).type
        numeric = (types.is_integer, types.is_floating, types.is_decimal, types.is_null)
        if not any(check(kind) for check in numeric):
            raise TypeError(f"{argument} is {name!r}: in {where} it holds {kind}, not numbers")


def as_float64(column: Any) -> Any:
    """A column as float64; of whole numbers beyond 2^53 the nearest."""
    return column.cast(arrow().float64(), safe=False)


def floats(column: Any) -> Floats:
    """A column of a table of such as an array, NaN where it is null."""
    return np.asarray(column.to_numpy(), dtype=np.float64)
