"""R's graphical arguments, for every plot of coda: applied to the panels once they are drawn."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from pyhier._validation import count, flag, numbers

T = TypeVar("T")

COLOURS = ("#1f5a99", "#b0651d", "#3b7d4f", "#8c3b6b", "#6b6b6b", "#b59a1c")
PALETTE = (  # R's, from version 4 on; col = 1 is black
    "black", "#df536b", "#61d04f", "#2297e6", "#28e2e5", "#cd0bbc", "#f5c710", "#9e9e9e",
)  # fmt: skip

NOTE = """
    **graphics
        R's graphical arguments. ``main``, ``xlab``, ``ylab``: texts, one for all panels or one
        each; ``xlim``, ``ylim``: pairs; ``col``: a colour for each chain, by name or R's number;
        ``layout``: (columns, rows) as in lattice; ``auto_layout``: False for one column.
        ``ask`` is taken and has no effect: all panels are on one figure.
"""


def with_graphics(function: Callable[..., T]) -> Callable[..., T]:
    """A plot that takes R's graphical arguments too."""
    own = inspect.signature(function)

    @functools.wraps(function)
    def plot(*args: Any, **options: Any) -> T:
        if "col" in options and "colours" in own.parameters:
            options["colours"] = colours_of("col", options.pop("col"))
        wanted = {name: options.pop(name) for name in list(options) if name in APPLY}
        unknown = [name for name in options if name not in own.parameters]
        if unknown:
            raise TypeError(
                f"{function.__name__}() takes no argument {unknown[0]!r}; of R's graphical ones it "
                f"takes {', '.join(APPLY)}"
            )
        result = function(*args, **options)
        panels = list(np.ravel(np.asarray(getattr(result, "axes", result), dtype=object)))
        try:
            for name, value in wanted.items():
                APPLY[name](panels, value)
        except Exception:
            if own.bind(*args, **options).arguments.get("axes") is None:
                _close(panels)
            raise
        return result

    rest = inspect.Parameter("graphics", inspect.Parameter.VAR_KEYWORD)
    vars(plot)["__signature__"] = own.replace(parameters=[*own.parameters.values(), rest])
    head, mark, tail = (function.__doc__ or "").partition("\n\n    Returns\n")
    plot.__doc__ = head + NOTE.rstrip() + mark + tail
    return plot


def _close(panels: Sequence[Any]) -> None:
    """A figure with half of what was asked for is not left behind."""
    import matplotlib.pyplot as plt

    plt.close(panels[0].figure)


def colours_of(argument: str, col: Any) -> list[str]:
    """Colours by R's names or numbers (0 is none)."""
    import matplotlib.colors

    given = list(col) if np.iterable(col) and not isinstance(col, str) else [col]
    found = []
    for one in given:
        if isinstance(one, str):
            name = one.replace("grey", "gray")
            if name[-1:].isdigit() and name.startswith("gray"):  # R's shades, in percent
                name = str(float(name[4:]) / 100.0)
            if not matplotlib.colors.is_color_like(name):
                raise ValueError(f"{argument} has {one!r}: matplotlib knows no such colour")
            found.append(name)
        else:
            place = count(argument, one, 0)
            found.append(PALETTE[(place - 1) % len(PALETTE)] if place else "none")
    if not found:
        raise ValueError(f"{argument} is empty: give at least one colour")
    return found


def _texts(name: str, panels: Sequence[Any], value: Any) -> list[str]:
    texts = list(value) if np.iterable(value) and not isinstance(value, str) else [value]
    if len(texts) not in (1, len(panels)):
        raise ValueError(f"{name} has {len(texts)} texts: give 1, or {len(panels)}, one a panel")
    return [("" if text is None else str(text)).replace("$", r"\$") for text in texts] * (
        1 if len(texts) == len(panels) else len(panels)
    )


def _main(panels: Sequence[Any], value: Any) -> None:
    for ax, text in zip(panels, _texts("main", panels, value), strict=True):
        ax.set_title(text, fontsize="medium")


def _xlab(panels: Sequence[Any], value: Any) -> None:
    for ax, text in zip(panels, _texts("xlab", panels, value), strict=True):
        ax.set_xlabel(text)


def _ylab(panels: Sequence[Any], value: Any) -> None:
    for ax, text in zip(panels, _texts("ylab", panels, value), strict=True):
        ax.set_ylabel(text)


def _limits(name: str, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    pair = numbers(name, value).ravel()
    if pair.size != 2 or not np.isfinite(pair).all():
        raise ValueError(f"{name} is {value!r}: it must be two finite numbers")
    return float(pair[0]), float(pair[1])


def _xlim(panels: Sequence[Any], value: Any) -> None:
    limits = _limits("xlim", value)
    for ax in panels:
        if limits is not None:
            ax.set_xlim(*limits)


def _ylim(panels: Sequence[Any], value: Any) -> None:
    limits = _limits("ylim", value)
    for ax in panels:
        if limits is not None:
            ax.set_ylim(*limits)


def _col(panels: Sequence[Any], value: Any) -> None:
    """Give each chain's lines, bars and points the wanted colour in place of its own."""
    import matplotlib.colors

    wanted = colours_of("col", value)
    new = {matplotlib.colors.to_rgb(own): wanted[i % len(wanted)] for i, own in enumerate(COLOURS)}
    for ax in panels:
        for artist in [*ax.lines, *ax.patches, *ax.collections]:
            _recolour(artist, new)


def _recolour(artist: Any, new: dict[Any, str]) -> None:
    import matplotlib.colors

    face = artist.get_color() if hasattr(artist, "get_color") else artist.get_facecolor()
    flat = np.atleast_2d(matplotlib.colors.to_rgba_array(face))
    if not len(flat) or tuple(flat[0, :3]) not in new:
        return
    colour = new[tuple(flat[0, :3])]
    if hasattr(artist, "set_color"):
        artist.set_color(colour)


def _layout(panels: Sequence[Any], value: Any) -> None:
    if value is None:
        return
    if not np.iterable(value) or len(pair := list(value)) != 2:
        raise ValueError(f"layout is {value!r}: give (columns, rows)")
    columns, rows = (count("layout", number) for number in pair)
    rows = max(rows, -(-len(panels) // columns))
    figure = panels[0].figure
    grid = figure.add_gridspec(rows, columns)
    for k, ax in enumerate(panels):
        ax.set_subplotspec(grid[k // columns, k % columns])
    figure.set_size_inches(4.2 * columns if columns > 1 else 6.4, 2.4 * rows + 0.4)


def _auto_layout(panels: Sequence[Any], value: Any) -> None:
    if not flag("auto_layout", value):
        _layout(panels, (1, len(panels)))


def _ask(panels: Sequence[Any], value: Any) -> None:
    """Nothing: all panels are there."""
    flag("ask", value)


APPLY: dict[str, Callable[[Sequence[Any], Any], None]] = {
    "ask": _ask,
    "main": _main,
    "xlim": _xlim,
    "ylim": _ylim,
    "col": _col,
    "xlab": _xlab,
    "ylab": _ylab,
    "layout": _layout,
    "auto_layout": _auto_layout,
}
