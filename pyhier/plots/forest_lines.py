"""The lines of a forest's table and their text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyhier.plots.forest_options import Options
from pyhier.plots.forest_rows import Estimates, Pooled, Source
from pyhier.plots.scales import decimals_for, written
from pyhier.plots.style import POOLED, RAW
from pyhier.plots.text_columns import Column


@dataclass(frozen=True)
class Line:
    """A line of the table: a heading, a group (``which``), a diamond, or a new group's interval."""

    kind: str
    label: str
    at: float
    which: int = -1
    pooled: Pooled | None = None


def text_of(
    source: Source, lines: Sequence[Line], options: Options
) -> tuple[list[Column], list[Column]]:
    """Columns on the left and on the right of what is drawn."""
    labels, word = options.headers
    left = [Column(labels, (tuple(line.label for line in lines),), left=True)]
    for head, cells in options.columns.items():
        part = tuple(cells[line.which] if line.kind == "group" else "" for line in lines)
        left.append(Column(head, (part,)))
    head = f"{word} [{100 * options.level:.6g}% interval]"
    if options.show == "raw":
        return left, [Column(head, _numbers(source.raw, lines, options))]
    pooled = _numbers(source.pooled, lines, options)
    if options.show == "pooled":
        return left, [Column(head, pooled)]
    groups = [line if line.kind == "group" else Line("heading", "", line.at) for line in lines]
    raw = _numbers(source.raw, groups, options)
    return left, [Column(head, raw, color=RAW), Column("Pooled", pooled, color=POOLED)]


def _numbers(
    shown: Estimates, lines: Sequence[Line], options: Options
) -> tuple[tuple[str, ...], ...]:
    """Estimates, lower and upper ends as text, an entry a line."""
    read = options.scale.read(np.array([numbers_of(line, shown) for line in lines]))
    decimals = decimals_for(read[:, 2] - read[:, 1], options.digits)
    texts = []
    for line, row in zip(lines, read.tolist(), strict=True):
        middle, low, high = (written(value, decimals) for value in row)
        ends = f"[{low},", f"{high}]"
        kinds = {"heading": ("", "", ""), "new": ("", *ends)}
        known = (middle, *ends) if np.isfinite(row[0]) else (middle, "", "")
        texts.append(kinds.get(line.kind, known))
    return tuple(zip(*texts, strict=True))


def numbers_of(line: Line, shown: Estimates) -> tuple[float, float, float]:
    """The point and the ends that a line shows; NaN where it shows none."""
    if line.kind == "group":
        j = line.which
        return float(shown.middle[j]), float(shown.low[j]), float(shown.high[j])
    if line.pooled is None:
        return np.nan, np.nan, np.nan
    if line.kind == "new" and line.pooled.new is not None:
        return np.nan, *line.pooled.new
    return line.pooled.middle, line.pooled.low, line.pooled.high
