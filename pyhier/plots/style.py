"""What the pictures share: axes, colours, names of quantities, labels that do not overlap."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from pyhier.posterior.base import Posterior

Floats = NDArray[np.float64]

RAW, POOLED, QUIET = "#b0651d", "#1f5a99", "0.6"
SERIES = (POOLED, RAW, "#3b7d3b", "#8b3a8b", "#555555", "#b03a3a", "#2d8c8c", "#9a8a1f")
SMALLEST = 4.5  # points: smaller letters cannot be read
LETTERS = 8.0  # points of labels within the axes
FEW = 12  # groups of which each one gets its label
SHRUNK = 0.85  # of the axes that a constrained layout leaves, at least

SIZES = {"se": "standard error", "trials": "trials", "exposure": "exposure"}
GREEK = ("alpha", "beta", "eta", "mu", "tau", "theta")


def new_axes(ax: Axes | None, width: float = 6.4, height: float = 4.8) -> Axes:
    """The axes given, or those of a new figure."""
    if ax is not None:
        return ax
    _, new = plt.subplots(figsize=(width, height), layout="constrained")
    return new


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


def effects(posterior: Posterior) -> Floats:
    """Posterior means of the groups' effects."""
    means = posterior.group_means()
    if means is None:
        raise ValueError("the group effects were not drawn: ask the engine for theta=True")
    return means


def intervals(posterior: Posterior, level: float) -> tuple[Floats, Floats]:
    """Ends of the groups' central intervals."""
    labels = posterior.model.labels
    low, high = np.array([posterior[f"theta[{label}]"].interval(level) for label in labels]).T
    return low, high


def group_size(posterior: Posterior) -> tuple[str, Floats]:
    """The name and the values of what says how much each group knows by itself."""
    name, values = list(posterior.model.observed().items())[-1]
    return SIZES.get(name, name), values


def row_height(rows: int) -> float:
    """Inches a row of names in a new figure: less where there are many."""
    return float(np.clip(10.0 / max(rows, 1), 0.17, 0.34))


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Put names on the y axis, the first on top, in letters that fit; where none fit, a few.

    The names are as matplotlib takes them: see `plain`.
    """
    rows = len(names)
    ax.set_ylim(rows - 0.4, -0.6)
    points = 72.0 * SHRUNK * ax.bbox.height / ax.figure.dpi / rows
    every = int(np.ceil(SMALLEST / (0.85 * points)))
    size = float(np.clip(0.85 * points * every, SMALLEST, 10.0))
    places = range(0, rows, every)
    ax.set_yticks(places, [names[i] for i in places], fontsize=size)


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
    mark = np.array([3.5, 3.5]) * scale
    drawn = [Bbox([one - mark, other + mark]) for one, other in zip(low, high, strict=True)]
    taken: list[Bbox] = []
    for i in np.argsort(-first, kind="stable"):
        if not np.all(np.isfinite([low[i], high[i], at[i]])):
            continue
        # Letters are about 0.62 of their size wide, and the layout will shrink the axes.
        size = np.array([0.62 * LETTERS * len(labels[i]) + 3.0, 1.15 * LETTERS]) * scale / SHRUNK
        places = _places(at[i], low[i], high[i], size, 5.0 * scale)
        inside = [place for place in places if _within(place[2], ax.bbox)]
        others = drawn[:i] + drawn[i + 1 :]
        found = _free(inside, taken + others)
        if found is None and len(labels) <= FEW:
            found = _free(inside, taken)
        if found is not None:
            point, side, box = found
            taken.append(box)
            _beside(ax, point, side, plain(labels[i]))


_Place = tuple[Floats, tuple[int, int], Bbox]  # what to label, on which side, and the label's box


def _places(at: Floats, low: Floats, high: Floats, size: Floats, away: float) -> list[_Place]:
    """Where a label may stand, the best first."""
    beside = [(spot, (side, 0)) for spot in (at, high, low) for side in (1, -1)]
    ends = [(high, (0, 1)), (low, (0, -1))]
    corners = [(spot, (side, up)) for spot, up in ((high, 1), (low, -1)) for side in (1, -1)]
    places = []
    for spot, side in beside[:2] + ends + beside[2:] + corners:
        middle = spot + np.array(side) * (away + 0.5 * size)
        places.append((spot, side, Bbox([middle - 0.5 * size, middle + 0.5 * size])))
    return places


def _free(places: list[_Place], obstacles: list[Bbox]) -> _Place | None:
    """The first place whose box overlaps no obstacle."""
    free = (p for p in places if not any(p[2].overlaps(other) for other in obstacles))
    return next(free, None)


def _within(box: Bbox, frame: Bbox) -> bool:
    across = frame.x0 <= box.x0 and box.x1 <= frame.x1
    return bool(across and frame.y0 <= box.y0 and box.y1 <= frame.y1)


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
