"""Sums over many groups whose effects are integrated out, and the polynomials in their place.

Both ways in one run, with the same posterior: what is timed is processor time, one core.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

import pyhier as ph
from pyhier.models import mean_and_spread
from pyhier.models.heavy_regression import HeavyRegression
from pyhier.models.mean_regression import MeanRegression


def made(kind: str, groups: int, covariate: bool) -> Any:
    """Groups about a mean, or about a line."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=groups)
    design = {"X": {"x": x}} if covariate else {}
    line = 0.5 * x * covariate
    if kind == "NormalT":
        se = rng.uniform(0.5, 2.0, groups)
        y = line + rng.standard_t(4, groups) + se * rng.normal(size=groups)
        return ph.NormalT(y, se=se, **design)
    trials = rng.integers(20, 300, groups)
    rate = 1.0 / (1.0 + np.exp(1.0 - line - 0.5 * rng.normal(size=groups)))
    return ph.BinomialNormal(rng.binomial(trials, rate), trials, **design)


@contextmanager
def by_sums() -> Iterator[None]:
    """The sums themselves."""
    with (
        mock.patch.object(mean_and_spread, "GROUPS", 10**9),
        mock.patch.object(MeanRegression, "many", 10**9),
        mock.patch.object(HeavyRegression, "many", 10**9),
    ):
        yield


def seconds_of(model: Any) -> tuple[float, float]:
    """Of `exact`, and the log of the integral."""
    begun = time.process_time()
    post = ph.exact(model)
    return time.process_time() - begun, post.log_z


CASES = [
    ("BinomialNormal", 1_000, False),
    ("NormalT", 1_000, False),
    ("BinomialNormal", 200, True),
    ("BinomialNormal", 1_000, True),
    ("NormalT", 1_000, True),
]


def many_groups(table: Callable[..., str]) -> str:
    """`exact` both ways, and how far the log integrals are apart."""
    rows = []
    for kind, groups, covariate in CASES:
        fast, found = seconds_of(made(kind, groups, covariate))
        with by_sums():
            slow, wanted = seconds_of(made(kind, groups, covariate))
        name = f"{kind}, {groups:,} groups{', a covariate' if covariate else ''}"
        apart = f"{abs(found - wanted):.0e}"
        rows.append([name, f"{1e3 * fast:,.0f}", f"{1e3 * slow:,.0f}", f"{slow / fast:.1f}", apart])
    head = ["exact, ms of processor time", "polynomials", "sums", "ratio", "log integrals apart"]
    return table("Many groups whose effects are integrated out", head, rows)
