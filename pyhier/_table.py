"""CSV files in, plain-text tables out; without pandas, so that the command line starts at once."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyhier._text import printable
from pyhier._types import Floats

# What a number is, with a decimal point; float() takes 1_435 and digits of all scripts, too.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.I)
MISSING = frozenset({"", "NA", "NaN", "nan"})  # cells without a value, of raw rows
_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}


@dataclass(frozen=True)
class Row:
    """Cells of a row, and the line of the file on which it begins."""

    line: int
    cells: list[str]


class Table:
    """The cells of a CSV file with a header, as R or a spreadsheet writes it.

    Skipped are lines before the header that begin with # and rows without a filled cell. A first
    line ``sep=;``, Excel's, says what separates the cells.

    Parameters
    ----------
    path : Path
    sep : str, optional
        What separates the cells; without it what the file says, or a comma, or a semicolon where
        the comma marks decimals.
    decimal : {".", ","}
        The decimal mark.
    encoding : str
        Of the text; a file that begins with a byte-order mark says it itself.

    Raises
    ------
    ValueError
        If the file is empty, has no rows, a row of another length or is not text in that encoding.
    OSError
        If it cannot be read.
    """

    def __init__(
        self,
        path: Path,
        sep: str | None = None,
        decimal: str = ".",
        encoding: str = "utf-8",
    ) -> None:
        self.path, self.decimal = path, decimal
        if decimal not in (".", ","):
            raise ValueError(f"--decimal is {decimal!r}: it must be a point or a comma")
        lines = io.StringIO(_text(path, encoding), newline="").readlines()
        skipped, said = _preamble(lines)
        sep = sep or said or (";" if decimal == "," else ",")
        if sep == decimal:
            raise ValueError(
                f"{path}: {_MARKS[sep]} separate the cells and mark the decimals: say --sep ';', "
                "or whatever it is"
            )
        try:
            rows = list(_filled(lines, skipped, sep))
        except csv.Error as error:
            raise ValueError(f"{path} cannot be read as CSV: {error}") from None
        if not rows:
            raise ValueError(f"{path} is empty: it needs a header and rows")
        self._set_header(rows[0].cells, sep)
        self.rows = [self._fitted(i, row) for i, row in enumerate(rows[1:])]
        if not self.rows:
            raise ValueError(f"{path} has a header and no rows")

    def _set_header(self, cells: list[str], sep: str) -> None:
        """Names of the columns; whether they look as if something else separated them."""
        self.names = [name.strip() for name in cells]
        text = sep.join(cells)
        other = [mark for mark in _MARKS if mark != sep and mark != " " and mark in text]
        self._hint = ""
        if other:
            name, mark = _MARKS[other[0]], {"\t": "\\t"}.get(other[0], other[0])
            self._hint = f"; if {name} separate them, say --sep '{mark}'"
            if len(self.names) == 1:
                raise ValueError(f"{self.path} is separated by {name}: say so with --sep '{mark}'")

    def _fitted(self, i: int, row: Row) -> Row:
        """A row of the header's length: empty cells beyond it are a spreadsheet's."""
        cells, width = row.cells, len(self.names)
        if len(cells) > width and not any(map(str.strip, cells[width:])):
            cells = cells[:width]
        if len(cells) != width:
            raise ValueError(
                f"{self.path}, line {row.line}: row {i + 1} has {len(cells)} cells and the header "
                f"{width}"
            )
        return Row(row.line, cells)

    def text(self, name: str) -> list[str]:
        """Cells of a column."""
        if self.names.count(name) != 1:
            found = "no" if name not in self.names else "more than one"
            raise ValueError(
                f"{self.path} has {found} column {name!r}: its columns are "
                f"{', '.join(self.names)}{self._hint}"
            )
        column = self.names.index(name)
        return [row.cells[column].strip() for row in self.rows]

    def numbers(
        self,
        name: str,
        labels: Sequence[str] | None = None,
        missing: frozenset[str] | None = None,
    ) -> Floats:
        """Cells of a column as numbers; errors name the row, and the group where there are such.

        Where rows are no groups, ``missing`` is what stands for no value: NaN.
        """
        cells, values = self.text(name), np.empty(len(self.rows))
        for i, cell in enumerate(cells):
            if missing is not None and cell in missing:
                values[i] = np.nan
                continue
            plain = cell.replace(",", ".") if self.decimal == "," else cell
            if not _NUMBER.fullmatch(plain):
                group = f" (group {labels[i] if labels else i + 1})" if missing is None else ""
                raise ValueError(
                    f"{self.path}, line {self.rows[i].line}: row {i + 1}{group}, column "
                    f"{name!r}: {self._why_no_number(cell)}"
                )
            values[i] = float(plain)
        return values

    def columns(self) -> dict[str, Any]:
        """All columns by name: numbers where every cell is one, text elsewhere."""
        return {name: self.column(name) for name in self.names if self.names.count(name) == 1}

    def column(self, name: str, missing: frozenset[str] | None = None) -> Any:
        """A column as numbers where every cell is one, as text elsewhere, None where it lacks."""
        try:
            return self.numbers(name, missing=missing)
        except ValueError:
            cells = self.text(name)
            return [None if cell in missing else cell for cell in cells] if missing else cells

    def place(self, i: int, name: str) -> str:
        """Where the file has a group's cell."""
        return f"{self.path}, line {self.rows[i].line}, column {name!r}"

    def _why_no_number(self, cell: str) -> str:
        if not cell:
            return "the cell is empty"
        other = "," if self.decimal == "." else "."
        swapped = cell.translate(str.maketrans(".,", ",.")) if self.decimal == "," else cell
        if cell.count(other) == 1 and _NUMBER.fullmatch(swapped.replace(",", ".")):
            named = "comma" if other == "," else "point"
            return (
                f"{cell!r} is not a number; if the {named} marks decimals, say --decimal '{other}'"
            )
        return f"{cell!r} is not a number"


def _text(path: Path, encoding: str) -> str:
    """The file's text; a byte-order mark tells UTF-8 and UTF-16."""
    data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    elif b"\0" in data and not encoding.lower().startswith("utf-16"):
        raise ValueError(f"{path} is not {encoding} text (zero bytes): say --encoding utf-16")
    try:
        return data.decode(encoding)
    except LookupError:
        raise ValueError(f"--encoding is {encoding!r}: Python knows none of this name") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        named = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8"}.get(encoding, encoding)
        raise ValueError(
            f"{path} is not {named} text ({error.reason} in line {line}): save it as UTF-8, or say "
            "what it is, such as --encoding cp1252"
        ) from None


def _preamble(lines: Sequence[str]) -> tuple[int, str]:
    """How many lines come before the header, and the separator that one of them names."""
    said = ""
    for i, line in enumerate(lines):
        if found := re.fullmatch(r"sep=(.)\s*|\"sep=(.)\"\s*", line, re.I):
            said = found[1] or found[2]
        elif line.strip() and not line.startswith("#"):
            return i, said
    return len(lines), said


def _filled(lines: Sequence[str], skipped: int, sep: str) -> Iterator[Row]:
    """Rows with a filled cell, from a line on."""
    reader = csv.reader(lines[skipped:], delimiter=sep, skipinitialspace=True)
    begins = skipped + 1
    for cells in reader:
        if any(map(str.strip, cells)):
            yield Row(begins, cells)
        begins = skipped + reader.line_num + 1


def format_table(names: Sequence[str], columns: Mapping[str, Floats], by_row: bool = False) -> str:
    """Columns of numbers under their heads, aligned; NaN is left blank.

    All cells get as many decimals as put four digits on the median of the column ``sd``, or those
    of each row as many as put four digits on its own.
    """
    names = [printable(name) for name in names]
    cells = table_cells(columns, by_row)
    widths = [max(map(len, [head, *column])) for head, column in zip(columns, cells, strict=True)]
    first = max(map(len, names))
    lines = [" " * first + "".join(f"  {h:>{w}}" for h, w in zip(columns, widths, strict=True))]
    for i, name in enumerate(names):
        row = "".join(f"  {column[i]:>{w}}" for column, w in zip(cells, widths, strict=True))
        lines.append(f"{name:<{first}}{row}".rstrip())
    return "\n".join(lines)


def table_cells(columns: Mapping[str, Floats], by_row: bool = False) -> list[list[str]]:
    """Columns of numbers as text, with as many decimals as `format_table` says."""
    sd = np.abs(columns["sd"])
    digits = [_decimals(size) for size in (sd if by_row else np.full(sd.size, np.median(sd)))]
    return [
        [_cell(value, d, head) for value, d in zip(column, digits, strict=True)]
        for head, column in columns.items()
    ]


def _decimals(size: float) -> int:
    return 3 - int(np.floor(np.log10(size))) if size > 0.0 and np.isfinite(size) else 3


def _cell(value: float, digits: int, head: str) -> str:
    if np.isnan(value):
        return ""
    if head == "shrinkage":
        return f"{value:.4f}"
    if not 0 <= digits <= 8:
        return f"{value:.4e}"
    return f"{value:.{digits}f}"
