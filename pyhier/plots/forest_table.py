"""The forest of meta-analyses: rows of text and squares, blocks, diamonds, a new group's bar."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes

from pyhier.plots.forest_lines import Line, text_of
from pyhier.plots.forest_marks import draw_marks
from pyhier.plots.forest_options import Options
from pyhier.plots.forest_rows import Block, Pooled, Source
from pyhier.plots.scales import label_axis
from pyhier.plots.style import SMALLEST, new_axes, plain, row_letters
from pyhier.plots.text_columns import (
    Page,
    fit_columns,
    rule,
    side_width,
    widen_figure,
    write_columns,
)

PLOT = 3.4  # inches of a new figure for what is drawn
PITCH = (0.19, 0.27)  # inches of a row, of many and of few
LETTERS = 9.5  # points, at most
TOP = -1.6  # of the axes, above the heads
MOST_LINES = 1_000  # that a figure is drawn of: 190 inches


def draw_table(
    source: Source, blocks: Sequence[Block], total: Pooled | None, options: Options, ax: Axes | None
) -> Axes:
    """Draw the table on axes given or new."""
    lines = list(_lines(source.labels, blocks, total, options.prediction))
    if len(lines) > MOST_LINES:
        raise ValueError(
            f"posterior has {len(source.labels)} groups: a table of text takes {MOST_LINES} lines; "
            "plots.forest(posterior) draws more without it"
        )
    left, right = text_of(source, lines, options)
    bottom = lines[-1].at + 0.8
    rows = bottom - TOP
    place = new_axes(ax, height=0.9 + rows * float(np.clip(8.0 / rows, *PITCH)))
    place.set_ylim(bottom, TOP)
    page = _page(place, lines, rows)
    if ax is None:
        sides = side_width(left, page), side_width(right, page)
        width = 72.0 * PLOT
        widen_figure(place, sum(sides) + width)
    else:
        page, sides, width = fit_columns(place, page, left, right)
    write_columns(place, left, page, right=False)
    write_columns(place, right, page, right=True)
    draw_marks(place, source, lines, options)
    for height in _rules(lines, total):
        rule(place, height, *sides)
    _frame(place, options, width)
    return place


def _page(ax: Axes, lines: Sequence[Line], rows: float) -> Page:
    """Where the lines of text stand, in letters that fit; axes too low for them are refused."""
    size, every = row_letters(ax, rows, LETTERS)
    if every > 1:
        inches = rows * SMALLEST / (72.0 * 0.7)
        raise ValueError(
            f"ax is too low for {len(lines)} lines of text: they need about {inches:.1f} inches; "
            "give higher axes, or leave ax out"
        )
    headings = np.array([line.kind == "heading" for line in lines])
    inset = np.array([headings.any() and line.kind == "group" for line in lines])
    return Page(-1.05, np.array([line.at for line in lines]), headings, inset, size)


def _rules(lines: Sequence[Line], total: Pooled | None) -> list[float]:
    """Heights of the lines across: below the heads, and above what all groups are pooled to."""
    return [-0.5, *(line.at - 0.6 for line in lines if line.kind == "pooled"
                    and line.pooled is total)]  # fmt: skip


def _frame(ax: Axes, options: Options, width: float) -> None:
    """An axis below, so many points wide, and nothing else."""
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.set_yticks([])
    label_axis(ax, options.scale, width)
    ax.set_xlabel(plain(options.headers[1]))


def _lines(
    labels: Sequence[str], blocks: Sequence[Block], total: Pooled | None, prediction: bool
) -> Iterator[Line]:
    """Lines from the top, half a row between blocks."""
    at = 0.0
    for block in blocks:
        if block.name is not None:
            yield Line("heading", block.name, at)
            at += 1.0
        for j in block.at:
            yield Line("group", labels[j], at, which=int(j))
            at += 1.0
        if block.pooled is not None:
            yield Line("pooled", block.pooled.label, at, pooled=block.pooled)
            at += 1.0
        at += 0.5 * (block.name is not None)
    if total is not None:
        at += 0.2
        yield Line("pooled", total.label, at, pooled=total)
        if prediction and total.new is not None:
            yield Line("new", "Prediction interval", at + 1.0, pooled=total)
