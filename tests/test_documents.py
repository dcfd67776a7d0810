"""The documents' pages show their pictures, whatever backend the environment names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

VIGNETTES = Path(__file__).parent.parent / "vignettes"
sys.path.insert(0, str(VIGNETTES))
HEAD = (VIGNETTES / "index.md").read_text().split("# pyhier")[0]
CELL = "```{code-cell} ipython3\n%s\n```\n"
PLOT = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([0, 1], [1, 0]);"

pytest.importorskip("myst_nb", reason="the documents need pip install '.[docs]'")


def build(folder, *cells):
    """Build a page with the documents' own settings, as a Makefile that draws into files does."""
    (folder / "index.md").write_text(HEAD + "# Page\n\n" + "\n".join(CELL % cell for cell in cells))
    for name in ("conf.py", "pictures.py"):
        shutil.copy(VIGNETTES / name, folder)
    (folder / "_static").mkdir()
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(folder)]
    environment = os.environ | {"MPLBACKEND": "Agg"}
    return subprocess.run(
        [*command, str(folder / "html")], env=environment, capture_output=True, text=True
    )


def test_a_page_that_plots_shows_pictures(tmp_path):
    done = build(tmp_path, PLOT, PLOT + "\nplt.show()")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "index.html").read_text().count("<img ") == 2


def test_a_lost_picture_fails_the_build(tmp_path):
    done = build(tmp_path, PLOT, PLOT + "\nplt.close(fig)")
    assert done.returncode != 0
    assert "index.md: 2 cells draw and 1 pictures are shown" in done.stderr


def test_pages_that_plot_are_known():
    from pictures import drawing_cells

    cells = {page.stem: drawing_cells(page.read_text()) for page in VIGNETTES.glob("*.md")}
    least = {
        "index": 1, "eight_schools": 6, "exact": 2, "counts": 5, "checking": 5, "porting": 3,
        "sampling": 3,
        "covariates": 2, "rows": 5,
    }  # fmt: skip
    assert {name: cells[name] >= number for name, number in least.items()} == dict.fromkeys(
        least, True
    )
