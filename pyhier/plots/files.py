"""Pictures in files that can be edited and searched."""

from os import PathLike
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pyhier._validation import file_path, matplotlib_axes, positive

EDITABLE: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "ps.fonttype": 42}  # text, TrueType


def save(ax: Axes, path: str | PathLike[str], dpi: float = 300.0) -> None:
    """Write the figure of axes to a file: in PDF and SVG text is text, and nothing is cut off.

    Parameters
    ----------
    ax : Axes
        As a picture returns it.
    path : str or path-like
        Its ending says the format: ``.pdf``, ``.svg``, ``.png``, ...
    dpi : float
        Of formats made of pixels.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> ax = plots.forest(ph.reml(ph.NormalNormal([28, 8, -3], se=[15, 10, 16])))
    >>> with TemporaryDirectory() as folder:
    ...     plots.save(ax, f"{folder}/forest.svg")
    ...     "Random effects (REML)</text>" in Path(f"{folder}/forest.svg").read_text()
    True
    """
    matplotlib_axes("ax", ax)
    target, figure = file_path("path", path), ax.figure.figure
    assert isinstance(figure, Figure)
    kinds = figure.canvas.get_supported_filetypes()
    if target.suffix.removeprefix(".").lower() not in kinds:
        raise ValueError(f"path is {str(path)!r}: it must end with one of .{', .'.join(kinds)}")
    with mpl.rc_context(EDITABLE):
        figure.savefig(target, dpi=positive("dpi", dpi), bbox_inches="tight")
