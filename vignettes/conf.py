"""Sphinx configuration: every vignette is executed, and an error in one fails the build."""

import pyhier

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
