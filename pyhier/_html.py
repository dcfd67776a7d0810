"""Tables for notebooks: one way for models, posteriors and results."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from pyhier._text import printable

MOST = 40  # rows that are shown: of more, the first and the last ones
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def escaped(text: str) -> str:
    """Text as HTML has it; what knows how is loaded when a notebook first asks."""
    from html import escape

    return escape(text)


def html_table(
    columns: Sequence[Sequence[str]],
    rownames: Sequence[str] | None,
    colnames: Sequence[str] | None,
    caption: str = "",
) -> str:
    """Formatted columns as an HTML table.

    Examples
    --------
    >>> html_table([["1"]], ["<a>"], ["y"])
    '<table><thead><tr><th></th><th>y</th></tr></thead><tbody><tr><th>&lt;a&gt;</th><td>1</td></tr></tbody></table>'
    """
    n = len(columns[0]) if columns else 0
    stubs = [str(i + 1) for i in range(n)] if rownames is None else list(rownames)
    heads = [str(j + 1) for j in range(len(columns))] if colnames is None else list(colnames)
    head = "".join(f"<th>{escaped(name)}</th>" for name in heads)
    body = "".join(
        f"<tr><th>{escaped(stub)}</th>"
        + "".join(f"<td>{escaped(column[i].strip())}</td>" for column in columns)
        + "</tr>"
        for i, stub in enumerate(stubs[:n])
    )
    title = f"<caption>{escaped(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True)
class Shown:
    """What a notebook shows.

    Attributes
    ----------
    caption : str
    names : sequence of str
        Of the rows.
    columns : mapping of str to sequence of float or str
        NaN is left blank.
    gap : int
        Before which row others are left out; 0 where none are.
    """

    caption: str
    names: Sequence[str]
    columns: Mapping[str, Sequence[float | str]]
    gap: int = 0

    def html(self) -> str:
        """The table; without rows its caption."""
        if not self.columns:
            return f"<p>{escaped(printable(self.caption))}</p>"
        names = [printable(name) for name in self.names]
        cells = [[_cell(value) for value in column] for column in self.columns.values()]
        if self.gap:
            for each in (names, *cells):
                each.insert(self.gap, ELLIPSIS)
        return html_table(cells, names, list(self.columns), printable(self.caption))


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return printable(value)
    return "" if np.isnan(value) else f"{value:.6g}"


def kept_rows(rows: int) -> tuple[list[int], int]:
    """Which of so many rows are shown, and before which of these others are left out."""
    if rows <= MOST:
        return list(range(rows)), 0
    half = MOST // 2
    return [*range(half), *range(rows - half, rows)], half


class InNotebooks:
    """What notebooks show as a table."""

    @abstractmethod
    def _shown(self) -> Shown:
        """The table's words and numbers."""

    def _repr_html_(self) -> str:
        return self._shown().html()


class Fields(InNotebooks):
    """A dataclass of a few numbers, shown by name; arrays have a place of their own."""

    def _shown(self) -> Shown:
        numbers = {
            each.name: value
            for each in fields(self)  # type: ignore[arg-type]
            if isinstance(value := getattr(self, each.name), float | int)
        }
        return Shown(type(self).__name__, list(numbers), {"": list(numbers.values())})
