"""What the pictures share: axes, colours, names of quantities, labels that do not overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier._validation import check_level, matplotlib_axes
from pyhier.models.interface import new_effects_of
from pyhier.posterior.base import Posterior

RAW, POOLED, QUIET = "#b0651d", "#1f5a99", "0.6"
SERIES = (POOLED, RAW, "#3b7d3b", "#8b3a8b", "#555555", "#b03a3a", "#2d8c8c", "#9a8a1f")
SMALLEST = 4.5  # points: smaller letters cannot be read
LETTERS = 8.0  # points of labels within the axes
FEW = 12  # groups of which each one gets its label
SHRUNK = 0.85  # of the axes that a constrained layout leaves, at least

SIZES = {"se": "standard error", "trials": "trials", "exposure": "exposure", "rows": "rows"}
GREEK = ("alpha", "beta", "eta", "mu", "tau", "theta")


def need(picture: str, name: str, value: object, kind: type | tuple[type, ...], how: str) -> None:
    """Raise unless what is to be drawn is of its kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is a {type(value).__name__}: plots.{picture} takes {how}")


def need_posterior(picture: str, posterior: object) -> None:
    """Raise unless a posterior is to be drawn."""
    need(picture, "posterior", posterior, Posterior, "a posterior, such as ph.exact(model)")


def new_axes(ax: Axes | None, width: float = 6.4, height: float = 4.8) -> Axes:
    """The axes given, or those of a new figure."""
    if ax is not None:
        matplotlib_axes("ax", ax)
        return ax
    _, new = plt.subplots(figsize=(width, height), layout="constrained")
    return new


def legend_above(ax: Axes, columns: int = 3, **more: Any) -> None:
    """Say above the axes what is drawn, where no curve is."""
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, frameon=False, **more)


def plain(label: str) -> str:
    """A label as it stands: $ would begin a formula."""
    return label.replace("$", r"\$")


def symbol(name: str) -> str:
    """A quantity as it is written in formulas."""
    if name.startswith("theta["):
        return f"$\\theta$ of {plain(name[6:-1])}"
    for function in ("log", "logit"):
        if name.startswith(f"{function}_"):
            return f"{function} {symbol(name[len(function) + 1 :])}"
    if name == "theta_new":
        return "$\\theta$ of a new group"
    if name == "tau2":
        return "$\\tau^2$"
    return f"$\\{name}$" if name in GREEK else f"${name}$" if name == "K" else plain(name)


@dataclass(frozen=True)
class Groups:
    """The groups as a picture of one of their effects shows them.

    Attributes
    ----------
    labels : tuple of str
    at : slice
        Where that effect is among all of them.
    new : str
        The same effect of a new group.
    word : str
        What the effect is.
    """

    labels: tuple[str, ...]
    at: slice
    new: str
    word: str


def groups_of(posterior: Posterior, effect: str | None = None) -> Groups:
    """The groups, by their effect of that name, or the first, where they have several."""
    labels, new = tuple(posterior.model.labels), new_effects_of(posterior.model)
    names = [name.removeprefix("theta_new[").removesuffix("]") for name in new]
    if new == ("theta_new",):
        if effect is not None:
            raise ValueError(f"effect is {effect!r}: each group has one; leave it out")
        return Groups(labels, slice(None), *new, "effect")
    if effect is not None and effect not in names:
        raise ValueError(f"effect is {effect!r}: the groups' effects are {', '.join(names)}")
    k = 0 if effect is None else names.index(effect)
    own = tuple(label.removesuffix(f",{names[k]}") for label in labels[k :: len(names)])
    return Groups(own, slice(k, None, len(names)), new[k], plain(names[k]))


def effects(posterior: Posterior, groups: Groups) -> Floats:
    """Posterior means of the groups' effects."""
    means = posterior.group_means()
    if means is None:
        raise ValueError("the group effects were not drawn: ask the engine for theta=True")
    return means[groups.at]


def intervals(posterior: Posterior, level: float, groups: Groups) -> tuple[Floats, Floats]:
    """Ends of the groups' central intervals."""
    tail = 0.5 * (1.0 - check_level(level))
    columns = posterior.columns((tail, 1.0 - tail))
    rows = {name: row for row, name in enumerate(posterior.names)}
    at = [rows[f"theta[{label}]"] for label in posterior.model.labels[groups.at]]
    low, high = list(columns.values())[-2:]
    return low[at], high[at]


def group_size(posterior: Posterior, groups: Groups) -> tuple[str, Floats]:
    """The name and the values of what says how much each group knows by itself."""
    name, values = list(posterior.model.observed().items())[-1]
    return SIZES.get(name, name), values[groups.at]


def centre_line(line: Any, posterior: Posterior, groups: Groups) -> float:
    """Draw the median effect of a new group, which the groups are pooled to, by that function."""
    centre = posterior[groups.new].median()
    line(centre, color=QUIET, linewidth=1.0, zorder=0, label="median of a new group")
    return centre


def rows_height(rows: int, least: float = 0.17, most: float = 0.34) -> float:
    """Inches of a new figure for rows of names: less a row where there are many.

    A renderer takes no figure of over 65,000 pixels, so names are left out rather than that.
    """
    inches = rows * float(np.clip(10.0 / max(rows, 1), least, most))
    return float(np.clip(1.4 + inches, 3.0, 100.0))


def rows_width(labels: Sequence[str], usual: int = 24) -> float:
    """Inches of a new figure for rows of names: more where one is longer than usual."""
    longest = max(map(len, labels))
    return 6.4 + 0.62 * LETTERS * max(0, longest - usual) / 72.0


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Put names on the y axis, the first on top, in letters that fit; where none fit, a few.

    The names are as matplotlib takes them: see `plain`.
    """
    rows = len(names)
    ax.set_ylim(rows - 0.4, -0.6)
    size, every = row_letters(ax, rows)
    places = range(0, rows, every)
    ax.set_yticks(places, [names[i] for i in places], fontsize=size)


def row_letters(ax: Axes, rows: float, most: float = 10.0) -> tuple[float, int]:
    """Size of letters that fit into so many rows, and of how many rows one gets any."""
    points = SHRUNK * 72.0 * ax.bbox.height / ax.figure.dpi / rows
    every = int(np.ceil(SMALLEST / (0.85 * points)))
    return float(np.clip(0.85 * points * every, SMALLEST, most)), every


def row_points(ax: Axes) -> float:
    """Points of a row of 1 in height, once a layout has shrunk the axes."""
    low, high = ax.get_ylim()
    return float(SHRUNK * 72.0 * ax.bbox.height / ax.figure.dpi / abs(high - low))


def label_points(
    ax: Axes,
    x: Floats,
    y: Floats,
    labels: Sequence[str],
    first: Floats,
    span: tuple[Floats, Floats],
) -> None:
    """Write labels beside points, or above or below them; one that fits nowhere is left out.

    The axes' limits must stand. A label covers no other one and nothing that is drawn from one end
    of ``span`` to the other at each x; where there are few, it may cover the latter at need. Those
    with the largest ``first`` get their place before others.
    """
    scale = ax.figure.dpi / 72.0
    to_pixels = ax.transData.transform
    low, high, at = (to_pixels(np.column_stack([x, part])) for part in (*span, y))
    mark = 3.5 * scale
    drawn = np.hstack([low - mark, high + mark])
    taken = np.empty((0, 4))
    for i in np.argsort(-first, kind="stable"):
        if not np.all(np.isfinite([low[i], high[i], at[i]])):
            continue
        # Letters are about 0.62 of their size wide, and the layout will shrink the axes.
        size = np.array([0.62 * LETTERS * len(labels[i]) + 3.0, 1.15 * LETTERS]) * scale / SHRUNK
        spots, sides = _places(at[i], low[i], high[i])
        middle = spots + sides * (5.0 * scale + 0.5 * size)
        boxes = np.hstack([middle - 0.5 * size, middle + 0.5 * size])
        inside = np.all(boxes[:, :2] >= ax.bbox.min, axis=1)
        inside &= np.all(boxes[:, 2:] <= ax.bbox.max, axis=1) & ~_overlap(boxes, taken)
        free = np.flatnonzero(inside & ~_overlap(boxes, np.delete(drawn, i, axis=0)))
        if not free.size and len(labels) <= FEW:
            free = np.flatnonzero(inside)
        if free.size:
            k = int(free[0])
            taken = np.vstack([taken, boxes[k]])
            _beside(ax, spots[k], (int(sides[k, 0]), int(sides[k, 1])), plain(labels[i]))


def _places(at: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """What a label may stand at and on which side of it, the best first; each (places, 2)."""
    beside = [(spot, (side, 0)) for spot in (at, high, low) for side in (1, -1)]
    ends = [(high, (0, 1)), (low, (0, -1))]
    corners = [(spot, (side, up)) for spot, up in ((high, 1), (low, -1)) for side in (1, -1)]
    spots, sides = zip(*beside[:2], *ends, *beside[2:], *corners, strict=True)
    return np.array(spots), np.array(sides, dtype=np.float64)


def _overlap(boxes: Floats, others: Floats) -> NDArray[np.bool_]:
    """Which boxes, each (x0, y0, x1, y1), overlap any of the others."""
    apart = np.any(boxes[:, None, :2] >= others[:, 2:], axis=2)
    apart |= np.any(boxes[:, None, 2:] <= others[:, :2], axis=2)
    overlapping: NDArray[np.bool_] = np.any(~apart, axis=1)
    return overlapping


def _beside(ax: Axes, point: Floats, side: tuple[int, int], text: str) -> None:
    """A label five points off a point given in pixels."""
    place = ax.transData.inverted().transform(point)
    ax.annotate(
        text, (float(place[0]), float(place[1])), xytext=(5.0 * side[0], 5.0 * side[1]),
        textcoords="offset points", fontsize=LETTERS, gid="label",
        ha=("center", "left", "right")[side[0]], va=("center", "bottom", "top")[side[1]],
    )  # fmt: skip


def label_ends(ax: Axes, heights: Floats, labels: Sequence[str], left: bool = False) -> None:
    """Write labels of lines at the right or left edge, spread so that they do not overlap.

    The y axis keeps the other edge. Where there is no room for all labels, the middle ones are
    left out. The limits must stand.
    """
    scale = ax.figure.dpi / 72.0
    gap = 1.2 * LETTERS * scale / SHRUNK / ax.bbox.height  # in shares of the axes' height
    room = int(1.0 / gap)
    order = np.argsort(heights, kind="stable")
    if order.size > room:
        order = np.concatenate([order[: room // 2], order[order.size - (room - room // 2) :]])
    low, high = ax.get_ylim()
    wanted = (heights[order] - low) / (high - low)
    places = spread(wanted, gap)
    edge, beside = (0.0, -0.03) if left else (1.0, 1.03)
    if left:
        ax.yaxis.tick_right()
        ax.yaxis.set_label_position("right")
    for place, wish, j in zip(places, wanted, order, strict=True):
        ax.annotate(
            plain(labels[j]), (edge, wish), xytext=(beside, place), xycoords="axes fraction",
            textcoords="axes fraction", va="center", ha="right" if left else "left",
            fontsize=LETTERS, annotation_clip=False, gid="label",
            arrowprops={"arrowstyle": "-", "color": QUIET, "linewidth": 0.5, "shrinkA": 1.0,
                        "shrinkB": 0.0},
        )  # fmt: skip


def spread(wanted: Floats, gap: float) -> Floats:
    """Places in ascending order at least ``gap`` apart, as near as can be to the wanted ones.

    The best in least squares: pools of neighbours that touch sit about their mean wish.
    """
    offsets = gap * np.arange(wanted.size)
    pools: list[list[float]] = []  # mean of wishes less offsets, count
    for wish in wanted - offsets:
        pools.append([float(wish), 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, count = pools.pop()
            total = count + pools[-1][1]
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * count) / total, total]
    means = np.concatenate([np.full(int(count), mean) for mean, count in pools])
    places: Floats = means + offsets
    over = max(0.0, float(places[-1]) - 1.0)
    kept: Floats = np.maximum(places - over, offsets)
    return kept
