"""CSV files in, plain-text tables out; without pandas, so that the command line starts at once."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pyhier._types import Floats


class Table:
    """The cells of a CSV file with a header; lines before it that start with # are skipped.

    Raises
    ------
    ValueError
        If the file is empty, has no rows, a row of another length or is not UTF-8 text.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: Path, sep: str = ",") -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8-sig")  # with or without a byte-order mark
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 text ({error.reason}): save it so") from None
        while text.startswith(("#", "\n", "\r")):
            text = text.partition("\n")[2]
        if not text.strip():
            raise ValueError(f"{path} is empty: it needs a header and a row a group")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sep, skipinitialspace=True)
        try:
            header, *self.rows = [row for row in reader if row]
        except csv.Error as error:
            raise ValueError(f"{path} cannot be read as CSV: {error}") from None
        self.names = [name.strip() for name in header]
        self.semicolons = sep == "," and ";" in ",".join(header)
        if self.semicolons and len(self.names) == 1:
            raise ValueError(f"{path} is separated by semicolons: say so with --sep ';'")
        if not self.rows:
            raise ValueError(f"{path} has a header and no rows: it needs a row a group")
        for i, row in enumerate(self.rows):
            if len(row) != len(self.names):
                raise ValueError(
                    f"{path}, row {i + 1} has {len(row)} cells and the header {len(self.names)}"
                )

    def text(self, name: str) -> list[str]:
        """Cells of a column."""
        if self.names.count(name) != 1:
            found = "no" if name not in self.names else "more than one"
            hint = "; if semicolons separate them, say --sep ';'" if self.semicolons else ""
            raise ValueError(
                f"{self.path} has {found} column {name!r}: its columns are "
                f"{', '.join(self.names)}{hint}"
            )
        column = self.names.index(name)
        return [row[column].strip() for row in self.rows]

    def numbers(self, name: str, labels: Sequence[str] | None = None) -> Floats:
        """Cells of a column as numbers; errors name the row, and the group where labels do."""
        cells, values = self.text(name), np.empty(len(self.rows))
        for i, cell in enumerate(cells):
            try:
                values[i] = float(cell)
            except ValueError:
                group = labels[i] if labels else str(i + 1)
                what = f"{cell!r} is not a number" if cell else "the cell is empty"
                raise ValueError(
                    f"{self.path}, row {i + 1} (group {group}), column {name!r}: {what}"
                ) from None
        return values


def format_table(names: Sequence[str], columns: Mapping[str, Floats]) -> str:
    """Columns of numbers under their heads, aligned; NaN is left blank.

    All cells get as many decimals as put four digits on the median of the column ``sd``.
    """
    size = np.median(np.abs(columns["sd"]))
    digits = 3 - int(np.floor(np.log10(size))) if size > 0.0 and np.isfinite(size) else 3
    cells = [[_cell(value, digits, head) for value in column] for head, column in columns.items()]
    widths = [max(map(len, [head, *column])) for head, column in zip(columns, cells, strict=True)]
    first = max(map(len, names))
    lines = [" " * first + "".join(f"  {h:>{w}}" for h, w in zip(columns, widths, strict=True))]
    for i, name in enumerate(names):
        row = "".join(f"  {column[i]:>{w}}" for column, w in zip(cells, widths, strict=True))
        lines.append(f"{name:<{first}}{row}".rstrip())
    return "\n".join(lines)


def _cell(value: float, digits: int, head: str) -> str:
    if np.isnan(value):
        return ""
    if head == "shrinkage":
        return f"{value:.4f}"
    if not 0 <= digits <= 8:
        return f"{value:.4e}"
    return f"{value:.{digits}f}"
