"""Sphinx configuration: every vignette is executed, and an error in one fails the build."""

import os
import sys
from pathlib import Path
from typing import Any

import pyhier

sys.path.insert(0, str(Path(__file__).parent))
os.environ.pop("MPLBACKEND", None)  # the kernels' own, or no figure reaches a page

project = "pyhier"
author = "The pyhier developers"
copyright = "2026, the pyhier developers"
version = release = pyhier.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # the pages need no network
]
html_theme = "furo"
html_title = f"pyhier {version}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
exclude_patterns = ["_build", "jupyter_execute"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
autodoc_typehints = "none"
autosummary_generate = False
napoleon_use_rtype = False
napoleon_use_ivar = True
suppress_warnings = ["mystnb.unknown_mime_type"]


def check_pictures(app: Any, failure: Exception | None) -> None:
    """Fail where a page that plots shows no picture."""
    from pictures import missing_pictures
    from sphinx.errors import ExtensionError

    lost = missing_pictures(Path(app.srcdir), Path(app.outdir))
    if failure is None and app.builder.name == "html" and lost:
        raise ExtensionError("; ".join(lost))


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("build-finished", check_pictures)
