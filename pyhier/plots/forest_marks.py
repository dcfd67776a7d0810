"""What a forest's table draws between its columns: squares, diamonds, bars, reference lines."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from pyhier._types import Floats
from pyhier.plots.forest_lines import Line, numbers_of
from pyhier.plots.forest_options import Options
from pyhier.plots.forest_rows import Estimates, Source
from pyhier.plots.style import POOLED, QUIET, RAW, row_points

LARGEST, LEAST = 0.62, 0.22  # sides of squares, of a row's height
BESIDE = 0.19  # rows between a raw estimate and the pooled one
HALF = 0.3  # of a diamond's height
MARGIN = 0.04  # of the axis beyond the outermost ends


def draw_marks(ax: Axes, source: Source, lines: Sequence[Line], options: Options) -> None:
    """Set the axis' ends and draw all rows between them."""
    groups = [line for line in lines if line.kind == "group"]
    rows = np.array([line.at for line in groups])
    at = np.array([line.which for line in groups])
    both = options.show == "both"
    shown = [source.raw, source.pooled] if both else [getattr(source, options.show)]
    ax.set_xlim(options.ends or _ends([numbers_of(line, each) for line in lines for each in shown]))
    _references(ax, lines, null=not source.rates)
    side = row_points(ax) * np.maximum(LARGEST * np.sqrt(source.precision[at]), LEAST)
    if both:
        _intervals(ax, source.raw, at, rows - BESIDE, RAW, 0.7 * side, "s")
        _intervals(ax, source.pooled, at, rows + BESIDE, POOLED, np.full(at.size, 3.0), "o")
    else:
        _intervals(ax, shown[0], at, rows, RAW if options.show == "raw" else POOLED, side, "s")
    for line in lines:
        if line.pooled is not None:
            (_diamond if line.kind == "pooled" else _bar)(ax, line)


def _ends(numbers: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Ends of an axis that shows all numbers."""
    known = np.array(numbers).ravel()
    known = known[np.isfinite(known)]
    if not known.size:
        return -1.0, 1.0
    low, high = float(known.min()), float(known.max())
    margin = MARGIN * (high - low) or abs(low) or 1.0
    return low - margin, high + margin


def _references(ax: Axes, lines: Sequence[Line], null: bool) -> None:
    """A line at no effect, where the axis has it, and a dashed one at what all are pooled to."""
    low, high = ax.get_xlim()
    bottom = lines[-1].at + 0.6
    if null and low < 0.0 < high:
        ax.plot([0.0, 0.0], [-0.5, bottom], color=QUIET, linewidth=0.9, zorder=0, gid="no effect")
    totals = [line for line in lines if line.kind == "pooled" and line.pooled is not None]
    if totals and totals[-1] in lines[-2:]:
        middle = numbers_of(totals[-1], _NOTHING)[0]
        ax.plot([middle, middle], [-0.5, totals[-1].at], color=POOLED, linewidth=0.8,
                linestyle=(0, (4, 3)), zorder=0, gid="pooled")  # fmt: skip


_NOTHING = Estimates(*(np.empty(0) for _ in range(3)))  # of groups: a diamond has its own numbers


def _intervals(
    ax: Axes, shown: Estimates, at: Floats, rows: Floats, color: str, side: Floats, marker: str
) -> None:
    """Points in marks of those sides, on intervals whose ends beyond the axis are arrows."""
    low, high = ax.get_xlim()
    middle, first, last = shown.middle[at], shown.low[at], shown.high[at]
    seen = np.isfinite(first) & (last > low) & (first < high)
    ax.hlines(rows[seen], np.maximum(first, low)[seen], np.minimum(last, high)[seen], color=color,
              linewidth=1.1, zorder=2)  # fmt: skip
    size = 0.3 * row_points(ax)
    for beyond, end, arrow in ((first < low, low, "<"), (last > high, high, ">")):
        if beyond.any():
            ax.plot(np.full(beyond.sum(), end), rows[beyond], arrow, color=color, markersize=size,
                    clip_on=False, gid="arrow")  # fmt: skip
    inside = (middle >= low) & (middle <= high)
    ax.scatter(middle[inside], rows[inside], s=side[inside] ** 2, marker=marker, color=color,
               linewidths=0.0, zorder=3)  # fmt: skip


def _diamond(ax: Axes, line: Line) -> None:
    middle, low, high = numbers_of(line, _NOTHING)
    corners = [(low, line.at), (middle, line.at - HALF), (high, line.at), (middle, line.at + HALF)]
    ax.add_patch(Polygon(corners, facecolor=POOLED, edgecolor="none", zorder=3, gid="pooled"))


def _bar(ax: Axes, line: Line) -> None:
    """The interval of a new group's effect."""
    _, first, last = numbers_of(line, _NOTHING)
    low, high = ax.get_xlim()
    ends = [max(first, low), min(last, high)]
    ax.plot(ends, [line.at, line.at], color=POOLED, linewidth=0.28 * row_points(ax),
            solid_capstyle="butt", alpha=0.75, gid="new group")  # fmt: skip
