"""Parquet and CSV files of any size, and folders of them, read block by block."""

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pyhier._arrow import arrow, as_float64, check_columns, tables

T = TypeVar("T")
PARQUET, CSV = (".parquet", ".pq"), (".csv", ".csv.gz")
BATCH = 2**17  # rows that are decoded at a time
BUFFER = 2**20  # bytes of a column's chunk that are read at a time
TEXT = 2**22  # bytes of a CSV file that are parsed at a time


def is_of_blocks(path: Path) -> bool:
    """Whether a file is one that is read in blocks, or a folder of such."""
    return path.is_dir() or path.name.lower().endswith((*PARQUET, ".csv.gz"))


class Files:
    """Files whose rows follow one another.

    Parameters
    ----------
    place : Path
        A file, or a folder; hidden files, and those whose names begin with ``_``, are passed over.
    named : mapping of str to str
        Which argument is which column, of numbers.
    label : str, optional
        A column that is kept as it is.
    sep, decimal, encoding : str
        Of CSV files.

    Raises
    ------
    ValueError, TypeError
        If a file is of another kind, is not whole, or lacks a column; it is named.
    """

    def __init__(
        self,
        place: Path,
        named: Mapping[str, str],
        label: str | None = None,
        sep: str | None = None,
        decimal: str = ".",
        encoding: str = "utf-8",
    ) -> None:
        self.named, self.label = named, label
        self._csv = {"sep": sep or (";" if decimal == "," else ","), "decimal": decimal}
        self._encoding = encoding
        self.paths = tuple(_within(place))
        self._label_kind: Any = None
        self._known: dict[Path, int] = {}  # rows of files, of CSV those that were read
        for path in self.paths:
            with _naming(path):
                self._check(path)

    def _check(self, path: Path) -> None:
        if not _is_parquet(path):
            self._check_schema(self._read_csv(path).schema, path)
            return
        with _opened(path) as file:
            self._known[path] = file.metadata.num_rows
            self._check_schema(file.schema_arrow, path)

    def _check_schema(self, schema: Any, path: Path) -> None:
        options = {f"--{name}": column for name, column in self.named.items()}
        check_columns(schema, options, str(path))
        if self.label is None:
            return
        if len(schema.get_all_field_indices(self.label)) != 1:
            columns = ", ".join(schema.names)
            raise ValueError(
                f"--label is {self.label!r}: {path} has no such column; its columns are {columns}"
            )
        kind = _kind_of(schema.field(self.label).type) if _is_parquet(path) else arrow().string()
        self._label_kind = self._label_kind or kind
        if kind != self._label_kind:
            raise ValueError(
                f"--label is {self.label!r}: {path} has {kind} there and {self.paths[0]} "
                f"{self._label_kind}"
            )

    @property
    def rows(self) -> int | None:
        """How many rows there are, where it is known."""
        known = len(self._known) == len(self.paths)
        return sum(self._known.values()) if known else None

    def marks(self) -> list[list[Any]]:
        """What tells whether the files are the same: name, size and time."""
        found = [(str(path.resolve()), path.stat()) for path in self.paths]
        return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in found]

    def place(self, row: int) -> str:
        """The file of a row that was read, and the row's number in it, from 1."""
        starts = [0]
        for path in self.paths[:-1]:
            if path not in self._known:  # it is being read
                break
            starts.append(starts[-1] + self._known[path])
        at = bisect_right(starts, row) - 1
        return f"{self.paths[at]}, row {row - starts[at] + 1}"

    def blocks(self, size: int, skip: int = 0) -> Iterator[Any]:
        """Tables of so many rows, from a row on: columns ``label`` and the arguments'."""
        return ahead(tables(self._batches(skip), size))

    def _batches(self, skip: int) -> Iterator[Any]:
        for path in self.paths:
            if self._known.get(path, skip + 1) > skip:
                with _naming(path):
                    yield from map(self._selected, self._of_file(path, skip))
            skip = max(0, skip - self._known[path])

    def _of_file(self, path: Path, skip: int) -> Iterator[Any]:
        """Batches of a file from a row on; Parquet's groups of rows before it are not read."""
        if _is_parquet(path):
            with _opened(path) as file:
                first = 0
                while file.metadata.row_group(first).num_rows <= skip:
                    skip -= file.metadata.row_group(first).num_rows
                    first += 1
                groups = range(first, file.metadata.num_row_groups)
                yield from _late(file.iter_batches(BATCH, groups, self._columns), skip)
            return
        rows = 0
        for batch in self._read_csv(path, self._columns):
            yield from _late([batch], skip - rows)
            rows += batch.num_rows
        self._known[path] = rows

    @property
    def _columns(self) -> list[str]:
        kept = [] if self.label is None else [self.label]
        return list(dict.fromkeys([*kept, *self.named.values()]))

    def _selected(self, batch: Any) -> Any:
        found = {name: as_float64(batch.column(column)) for name, column in self.named.items()}
        if self.label is not None:
            found = {"label": batch.column(self.label).cast(self._label_kind)} | found
        return arrow().record_batch(list(found.values()), names=list(found))

    def _read_csv(self, path: Path, columns: list[str] | None = None) -> Any:
        """A reader of a CSV file, compressed or not; lines before the header may begin with #."""
        arrow()
        from pyarrow import csv, float64, string

        read = csv.ReadOptions(
            block_size=TEXT, use_threads=False, encoding=self._encoding, skip_rows=_comments(path)
        )
        parse = csv.ParseOptions(delimiter=self._csv["sep"])
        types = dict.fromkeys(self.named.values(), float64())
        if self.label is not None:
            types = {self.label: string()} | types
        convert = csv.ConvertOptions(
            column_types=types, decimal_point=self._csv["decimal"], include_columns=columns
        )
        return csv.open_csv(path, read, parse, convert)


def _within(place: Path) -> Iterator[Path]:
    """The files of a folder, in the order of their names; or the one file."""
    if not place.is_dir():
        if not place.is_file():
            raise FileNotFoundError(2, "No such file or directory", str(place))
        yield place
        return
    found = sorted(
        path
        for path in place.rglob("*")
        if path.is_file()
        and not any(part.startswith((".", "_")) for part in path.relative_to(place).parts)
    )
    for path in found:
        if not path.name.lower().endswith((*PARQUET, *CSV)):
            raise ValueError(f"{path} is neither a Parquet file nor .csv or .csv.gz: move it away")
        yield path
    if not found:
        raise ValueError(f"{place} has no Parquet files and no .csv or .csv.gz")


def _kind_of(kind: Any) -> Any:
    """What type labels are kept as: text of any type is text."""
    types = arrow().types
    if types.is_dictionary(kind):
        return _kind_of(kind.value_type)
    text = types.is_large_string(kind) or types.is_string_view(kind)
    return arrow().string() if text else kind


def _late(batches: Iterable[Any], skip: int) -> Iterator[Any]:
    """Rows of batches from one on."""
    for batch in batches:
        if batch.num_rows > skip:
            yield batch.slice(max(0, skip))
        skip -= batch.num_rows


def _is_parquet(path: Path) -> bool:
    return path.name.lower().endswith(PARQUET)


def _opened(path: Path) -> Any:
    """A Parquet file, read a piece of a column's chunk at a time: these may be of any size."""
    arrow()
    from pyarrow import parquet

    return parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)


def _comments(path: Path) -> int:
    """How many lines at the beginning begin with #."""
    found = 0
    with arrow().input_stream(str(path)) as stream:
        head = stream.read(2**16)
    for line in head.split(b"\n"):
        if not line.startswith(b"#"):
            break
        found += 1
    return found


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What goes wrong within pyarrow is about this file."""
    try:
        yield
    except (arrow().ArrowException, OSError, EOFError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        text = str(error).strip().rstrip(".").split("\n")[0]
        raise ValueError(f"{path} cannot be read, not whole or of another kind: {text}") from error


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Items, each made while the one before is used."""
    nothing: Any = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, nothing)
        while (item := coming.result()) is not nothing:
            coming = pool.submit(next, items, nothing)
            yield item


def remove_empty(folders: list[Path]) -> None:
    """Remove folders while they are empty, the innermost first."""
    for folder in folders:
        try:
            os.rmdir(folder)
        except OSError:
            return
