"""Columns of text on both sides of axes, a line a row, that are never cut and never overlap."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import ConnectionPatch
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Transform, offset_copy

from pyhier._text import printable
from pyhier._types import Floats
from pyhier.plots.style import SMALLEST, plain

GAP, PART_GAP, INDENT = 1.4, 0.6, 1.0  # of the letters' size: between columns, parts of one, rows
HINTED = 1.07  # by how much a renderer of pixels may widen letters
LEAST = 0.25  # of the axes' width that columns must leave to what is drawn


@dataclass(frozen=True)
class Column:
    """A column of text.

    Attributes
    ----------
    head : str
    parts : tuple of tuple of str
        Side by side, each with an entry for each line: an estimate and the ends of its interval
        are three, so that decimals stand below each other.
    left : bool
        Whether the text begins at the left edge, or ends at the right one.
    color : str
    """

    head: str
    parts: tuple[tuple[str, ...], ...]
    left: bool = False
    color: str = "black"


@dataclass(frozen=True)
class Page:
    """Where lines of text stand.

    Attributes
    ----------
    head : float
        The height of the heads.
    heights : ndarray
        Of the lines.
    bold, indented : ndarray of bool
        Lines whose text is bold, and whose first column is set in.
    size : float
        Of the letters, in points.
    """

    head: float
    heights: Floats
    bold: Any
    indented: Any
    size: float


@lru_cache(maxsize=4_096)
def text_width(text: str, size: float, bold: bool) -> float:
    """Points across a text."""
    if not text:
        return 0.0
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(printable(text), font, False)
    return HINTED * float(width)


def part_widths(column: Column, page: Page) -> list[float]:
    """Points across each part of a column, the lines alone."""
    inset = INDENT * page.size * page.indented if column.left else 0.0 * page.heights
    return [
        max(
            (text_width(text, page.size, bold) + more
             for text, bold, more in zip(part, page.bold, inset, strict=True)),
            default=0.0,
        )
        for part in column.parts
    ]  # fmt: skip


def column_width(column: Column, page: Page) -> float:
    """Points across a column with its head."""
    widths = part_widths(column, page)
    parts = sum(widths) + PART_GAP * page.size * (len(widths) - 1)
    return max(parts, text_width(column.head, page.size, True))


def side_width(columns: Sequence[Column], page: Page) -> float:
    """Points across the columns on one side of the axes, the gaps beside them included."""
    return sum(column_width(column, page) + GAP * page.size for column in columns)


def write_columns(ax: Axes, columns: Sequence[Column], page: Page, right: bool) -> None:
    """Write columns on one side of the axes, their heads on top."""
    at = GAP * page.size if right else -side_width(columns, page)
    for column in columns:
        width = column_width(column, page)
        _write_column(ax, column, page, at, width, float(right))
        at += width + GAP * page.size


def _write_column(
    ax: Axes, column: Column, page: Page, at: float, width: float, side: float
) -> None:
    """A column from ``at`` on, in points off the axes' left (0) or right (1) side."""
    edge = at if column.left else at + width
    align = "left" if column.left else "right"
    _write(ax, column.head, (side, page.head), edge, align, page.size, "bold", column.color)
    for part, width_of in zip(column.parts[::-1], part_widths(column, page)[::-1], strict=True):
        for k in range(page.heights.size):
            inset = INDENT * page.size * page.indented[k] if column.left else 0.0
            weight = "bold" if page.bold[k] else "normal"
            place = (side, float(page.heights[k]))
            _write(ax, part[k], place, edge + inset, align, page.size, weight, column.color)
        edge -= width_of + PART_GAP * page.size


def _write(
    ax: Axes, text: str, place: tuple[float, float], offset: float, align: str, size: float,
    weight: str, color: str,
) -> None:  # fmt: skip
    """A text at a share of the axes' width and a height, so many points beside it.

    Layouts need not ask hundreds of texts for their sizes: the rule below the heads is as wide.
    """
    if text:
        ax.text(
            *place, plain(printable(text)), transform=beside(ax, offset), ha=align, va="center",
            fontsize=size, fontweight=weight, color=color, clip_on=False, gid="cell",
        ).set_in_layout(False)  # fmt: skip


def beside(ax: Axes, offset: float) -> Transform:
    """Shares of the axes' width and heights of data, so many points beside them."""
    return offset_copy(ax.get_yaxis_transform(), _root(ax), x=offset, units="points")


def rule(ax: Axes, height: float, left: float, right: float) -> None:
    """A line across the axes and so many points of columns on either side."""
    line = ConnectionPatch(
        (0.0, height), (1.0, height), coordsA=beside(ax, -left), coordsB=beside(ax, right),
        arrowstyle="-", linewidth=0.8, color="0.25", clip_on=False, gid="rule",
    )  # fmt: skip
    ax.add_artist(line)


def fit_columns(
    ax: Axes, page: Page, left: Sequence[Column], right: Sequence[Column]
) -> tuple[Page, tuple[float, float], float]:
    """Letters made less until columns leave room on given axes; the sides' points, and the room's.

    Axes that no layout engine will make smaller are made smaller here.
    """
    figure = _root(ax)
    points = 72.0 * ax.bbox.width / figure.dpi
    while True:
        sides = side_width(left, page), side_width(right, page)
        if sum(sides) <= (1.0 - LEAST) * points:
            break
        page = replace(page, size=0.95 * page.size)
        if page.size < SMALLEST:
            wanted = sum(sides) / (0.95 * (1.0 - LEAST) * 72.0)
            raise ValueError(
                f"ax is {points / 72.0:.1f} inches wide: the columns of text need "
                f"{wanted:.1f}; give wider axes, or leave ax out"
            )
    if figure.get_layout_engine() is None:
        box, whole = ax.get_position(), 72.0 * figure.get_figwidth()
        width = box.width - sum(sides) / whole
        ax.set_position((box.x0 + sides[0] / whole, box.y0, width, box.height))
    return page, sides, points - sum(sides)


def widen_figure(ax: Axes, points: float) -> None:
    """Make a new figure that wide."""
    _root(ax).set_figwidth(points / 72.0)


def _root(ax: Axes) -> Figure:
    figure = ax.figure.figure
    assert isinstance(figure, Figure)
    return figure
