"""Scripts that R packages come with, run as installed and as ported: what their tests share."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from pyhier import rstats

HARNESS = (Path(__file__).parent / "scripts.R").read_text()


def run_in_r(r, call, **inputs):
    """What one of the harness's functions returns."""
    loaded = "suppressMessages({library(LearnBayes); library(coda)}); library(lattice)"
    return r(f"{loaded}\n{HARNESS}\n{call}", **inputs)


def run_here(port, seed):
    """What a port returns, by R's names; what it shows; and the next random number."""
    shown = []
    rstats.set_seed(seed)
    variables = port(shown.append)
    after = rstats.runif(1)[0]
    plt.close("all")
    return variables, shown, after


def numbers(value):
    """All numbers in a value, in R's order: columns first, components by name."""
    if value is None or isinstance(value, str) or callable(value):
        return []
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, pd.DataFrame):
        kept = value.select_dtypes(include=["number", "bool"])
        value = {str(name): kept[name].to_numpy() for name in kept}
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.replace(".", "_"))
        return [x for name in names for x in numbers(value[name])]
    if isinstance(value, list | tuple):
        return [x for item in value for x in numbers(item)]
    array = np.asarray(value)
    return array.astype(float).ravel("F").tolist() if array.dtype.kind in "fiub" else []


def check(what, theirs, ours, tolerance):
    theirs, ours = np.atleast_1d(np.asarray(theirs, dtype=float)), np.array(numbers(ours))
    assert theirs.size == ours.size, (what, theirs.size, ours.size)
    scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)
    np.testing.assert_allclose(
        ours, theirs, rtol=tolerance, atol=0.01 * tolerance * scale, err_msg=what
    )


def check_shown(theirs, ours, tolerance):
    """What a script shows on the way, in order."""
    theirs = theirs["shown"] or []
    assert len(theirs) == len(ours)
    for place, (value, mine) in enumerate(zip(theirs, ours, strict=True)):
        check(f"shown {place}", value, mine, tolerance)


def failures(theirs):
    """R's messages of the expressions that failed."""
    return np.atleast_1d(theirs["failed"] if theirs["failed"] is not None else [])
