"""Whether the pages that plot show pictures: a build that loses one fails.

A figure is lost without a word where Matplotlib's backend is not the notebook's, as under
``MPLBACKEND=Agg``.
"""

import re
from pathlib import Path

CELL = re.compile(r"^```\{code-cell\}.*?^```$", re.M | re.S)
DRAWS = re.compile(r"\b(?:plots|plt)\.\w+\(|\bmycontour\(|\.plot\(")
PICTURE = re.compile(r"<img [^>]*src=\"[^\"]*_images/")


def drawing_cells(page: str) -> int:
    r"""Code cells of a document that draw.

    Examples
    --------
    >>> cell = "```{code-cell}\nplots.forest(post);\n```\n"
    >>> drawing_cells("Text of plots.forest(post).\n" + cell + cell)
    2
    """
    return sum(bool(DRAWS.search(cell)) for cell in CELL.findall(page))


def missing_pictures(source: Path, built: Path) -> list[str]:
    """Pages with fewer pictures than cells that draw, in words."""
    lost = []
    for page in sorted(source.glob("*.md")):
        wanted = drawing_cells(page.read_text(encoding="utf-8"))
        html = built / f"{page.stem}.html"
        shown = len(PICTURE.findall(html.read_text(encoding="utf-8"))) if html.exists() else 0
        if shown < wanted:
            lost.append(f"{page.name}: {wanted} cells draw and {shown} pictures are shown")
    return lost
