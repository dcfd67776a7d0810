"""R's printed numbers: ``format``, ``signif`` and ``print`` of numeric vectors and matrices.

R shows a vector with the fewest significant digits, at most 7, that show every element to 7; with
one number of decimals for all; and in fixed notation unless that is wider than scientific. A
matrix does so column by column. See ``?print.default`` and ``?options`` (digits, scipen).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._text import printable
from pyhier._types import Floats
from pyhier._validation import count, numbers

DIGITS = 7  # R's getOption("digits")
WIDTH = 80  # R's getOption("width")
MAX_PRINT = 99999  # R's getOption("max.print")

_NA_WORD = 1954  # the low word of R's NA: a NaN that arithmetic keeps
NA: float = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000000 | _NA_WORD))[0]
"""R's missing number: a NaN that prints as NA."""


def is_na(x: ArrayLike) -> NDArray[np.bool_]:
    """Which numbers are missing, R's ``is.na``: NaN counts as missing too.

    Examples
    --------
    >>> is_na([1.0, NA, float("nan")])
    array([False,  True,  True])
    """
    return np.isnan(np.asarray(x, dtype=np.float64))


def _text_of_special(x: float) -> str:
    if np.isinf(x):
        return "Inf" if x > 0 else "-Inf"
    low = struct.unpack("<Q", struct.pack("<d", x))[0] & 0xFFFFFFFF
    return "NA" if low == _NA_WORD else "NaN"


def _significant(x: float, digits: int) -> tuple[int, int, bool]:
    """Decimal exponent and needed significant digits of ``x`` shown to ``digits`` of them.

    The third is whether rounding to so many digits gave it one more digit before the point.
    """
    mantissa, _, exponent = f"{abs(x):.{digits - 1}e}".partition("e")
    needed = len(mantissa.replace(".", "").rstrip("0"))
    power = int(exponent)
    # What fixed notation rounds to the same power is not widened: 9996 to 3 digits is 1e+04, and
    # 9996 in fixed notation; 9999.6 is 10000 in both.
    reached = 10.0**power - 0.5 * 10.0 ** -max(digits - power, 0)
    return power, max(needed, 1), power > 0 and abs(x) < reached


def _layout(finite: Floats, digits: int, nsmall: int) -> tuple[bool, int, int]:
    """Whether to show the numbers in fixed notation, with how many decimals, and how wide."""
    shown = [(0, 1, False) if x == 0.0 else _significant(x, digits) for x in finite.tolist()]
    negative = bool((finite < 0.0).any())
    decimals = max(0, *(needed - power - 1 for power, needed, _ in shown))
    left = max(
        max(power + 1 - widened, 1) + (x < 0.0)
        for (power, _, widened), x in zip(shown, finite.tolist(), strict=True)
    )
    mantissa = max(needed for _, needed, _ in shown) - 1
    exponent = 3 if any(abs(power) >= 100 for power, _, _ in shown) else 2
    scientific_width = negative + 1 + (mantissa > 0) + mantissa + 2 + exponent
    fixed_width = left + (decimals > 0) + decimals
    if fixed_width <= scientific_width:
        # As wide as the largest would be without other numbers' decimals: R pads to that.
        decimals = max(decimals, nsmall)
        return True, decimals, left + (decimals > 0) + decimals
    return False, mantissa, scientific_width


def format_numbers(x: ArrayLike, digits: int = DIGITS, nsmall: int = 0) -> list[str]:
    """Format numbers to a common width, as R's ``format`` does.

    Parameters
    ----------
    x : array_like
        The numbers, in any shape; they are taken in C order.
    digits : int
        The significant digits that every element must show.
    nsmall : int
        The fewest decimals in fixed notation.

    Returns
    -------
    list of str

    Examples
    --------
    >>> format_numbers([1, 10.5, 1234.56789])
    ['   1.000', '  10.500', '1234.568']
    >>> format_numbers([1e-10, 1])
    ['1e-10', '1e+00']
    """
    values = numbers("x", x).ravel()
    digits, nsmall = count("digits", digits, 1), count("nsmall", nsmall, 0)
    finite = values[np.isfinite(values)]
    fixed, decimals, least = _layout(finite, digits, nsmall) if finite.size else (True, 0, 0)
    kind = "f" if fixed else "e"
    cells = [
        f"{v + 0.0:.{decimals}{kind}}" if np.isfinite(v) else _text_of_special(v)
        for v in values.tolist()
    ]
    width = max(least, *map(len, cells)) if cells else 0
    return [cell.rjust(width) for cell in cells]


def format_number(x: float, digits: int = DIGITS) -> str:
    """One number as R's ``format`` or ``cat`` shows it.

    Examples
    --------
    >>> format_number(100000), format_number(123456), format_number(0.1 + 0.2)
    ('1e+05', '123456', '0.3')
    """
    return format_numbers([x], digits)[0]


def signif(x: ArrayLike, digits: int = 6) -> Any:
    """Round to significant digits, R's ``signif``.

    Examples
    --------
    >>> signif([123456.0, 0.00123456], 3).tolist()
    [123000.0, 0.00123]
    """
    values, digits = numbers("x", x), count("digits", digits, -sys.maxsize)
    finite = np.isfinite(values) & (values != 0.0)
    magnitude = np.floor(np.log10(np.abs(values, where=finite, out=np.ones_like(values))))
    shift = np.clip(max(1, digits) - 1 - magnitude, -300, 300)
    up, down = 10.0 ** np.maximum(shift, 0.0), 10.0 ** np.maximum(-shift, 0.0)
    # Rounded as a number and not as a text, because that is how R meets 0.15 and its like.
    return np.where(finite, np.rint(values * up / down) / up * down, values)[()]


def vector_text(
    x: ArrayLike,
    names: Sequence[str] | None = None,
    digits: int = DIGITS,
    width: int = WIDTH,
) -> str:
    """What R prints for a numeric vector, with or without names.

    Examples
    --------
    >>> print(vector_text([1, 2.5]))
    [1] 1.0 2.5
    >>> print(vector_text([1, 2.5], ["mu", "log_tau"]))
         mu log_tau
        1.0     2.5
    """
    values = np.asarray(x, dtype=np.float64)
    if values.size == 0:
        return "numeric(0)" if names is None else "named numeric(0)"
    names = names and [printable(name) for name in names]
    shown, omitted = values[:MAX_PRINT], values.size - MAX_PRINT
    cells = format_numbers(shown, digits)
    lines = strings_text(cells, width) if names is None else _named(cells, names, width)
    if omitted > 0:
        lines += f'\n [ reached getOption("max.print") -- omitted {omitted} entries ]'
    return lines


def strings_text(cells: Sequence[str], width: int = WIDTH) -> str:
    """Cells of one width behind R's ``[1]``, wrapped."""
    label = len(str(len(cells))) + 2
    per_line = max(1, (width - label) // (len(cells[0]) + 1))
    return "\n".join(
        f"[{i + 1}]".rjust(label) + "".join(" " + cell for cell in cells[i : i + per_line])
        for i in range(0, len(cells), per_line)
    )


def _named(cells: Sequence[str], names: Sequence[str], width: int) -> str:
    """A named vector: names above the cells, every column of one width, a space after each."""
    column = max(max(map(len, cells)), *(len(name) for name in names[: len(cells)]))
    per_line = max(1, width // (column + 1))
    lines = []
    for i in range(0, len(cells), per_line):
        for row in (names[i : min(i + per_line, len(cells))], cells[i : i + per_line]):
            lines.append("".join(item.rjust(column) + " " for item in row))
    return "\n".join(lines)


def matrix_text(
    x: ArrayLike,
    rownames: Sequence[str] | None = None,
    colnames: Sequence[str] | None = None,
    digits: int = DIGITS,
    width: int = WIDTH,
) -> str:
    """What R prints for a numeric matrix: each column has its own number of decimals.

    Examples
    --------
    >>> print(matrix_text([[1, 2.5], [10, 3]], colnames=["a", "b"]))
          a   b
    [1,]  1 2.5
    [2,] 10 3.0
    """
    values = np.asarray(x, dtype=np.float64)
    rows, columns = values.shape
    shown = min(rows, MAX_PRINT // max(columns, 1))
    # The rows that are left out have a say in the format.
    cells = [format_numbers(values[:, j], digits) for j in range(columns)]
    text = cells_text(cells, rownames, colnames, width, rows=shown)
    if shown < rows:
        omitted = rows - shown
        text += (
            f'\n [ reached getOption("max.print") -- omitted {omitted} '
            f"row{'s' if omitted > 1 else ''} ]"
        )
    return text


def cells_text(
    cells: Sequence[Sequence[str]],
    rownames: Sequence[str] | None = None,
    colnames: Sequence[str] | None = None,
    width: int = WIDTH,
    *,
    rows: int | None = None,
    left: bool = False,
) -> str:
    """Columns of formatted cells as R prints a matrix, in as many blocks as the width needs.

    Parameters
    ----------
    cells : sequence of columns
    rownames, colnames : sequence of str, optional
        R's ``[1,]`` and ``[,1]`` stand where there are none.
    width : int
    rows : int, optional
        The number of rows, where there may be no column.
    left : bool
        Whether column heads and cells start at the left, as R has strings with ``quote``.
    """
    n = len(cells[0]) if rows is None else rows
    if rownames is None:
        wide = len(str(n + 1)) + 3  # R leaves room for one row more
        stub = [f"[{i + 1},]".rjust(wide) for i in range(n)]
    else:
        stub = [printable(name) for name in rownames[:n]]
    heads = [f"[,{j + 1}]" for j in range(len(cells))]
    if colnames is not None:
        heads = [printable(name) for name in colnames]
    stub_width = max(map(len, stub), default=0)
    widths = [
        max(len(head), max(map(len, column), default=0))
        for head, column in zip(heads, cells, strict=True)
    ]
    lines: list[str] = []
    for first, last in _blocks(widths, stub_width, width):
        block = [[heads[j], *cells[j][:n]] for j in range(first, last)]
        for i, label in enumerate(["", *stub]):
            pieces = (
                " " + (column[i].ljust(w) if left else column[i].rjust(w))
                for column, w in zip(block, widths[first:last], strict=True)
            )
            lines.append(label.ljust(stub_width) + "".join(pieces))
    return "\n".join(lines)


def _blocks(widths: Sequence[int], stub: int, width: int) -> list[tuple[int, int]]:
    """Ranges of columns that together stay below the width; a wide column stands alone."""
    blocks, first, used = [], 0, stub
    for j, column in enumerate(widths):
        if j > first and used + column + 1 >= width:
            blocks.append((first, j))
            first, used = j, stub
        used += column + 1
    return [*blocks, (first, len(widths))]
