"""Many small data sets: the exact posteriors of all beside one after the other, and beside R."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

import pyhier as ph

HERE = Path(__file__).parent
SETS, GROUPS, ONE_BY_ONE = 100_000, 8, 500


def made(sets: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    se = rng.uniform(0.2, 1.0, (sets, GROUPS))
    return 0.3 + np.hypot(0.5, se) * rng.standard_normal(se.shape), se


def of_r(y: np.ndarray, se: np.ndarray) -> float:
    """Milliseconds of metafor's REML fit of one (NaN without it)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sets.csv"
        np.savetxt(path, np.hstack([y, se]), delimiter=",")
        command = ["Rscript", str(HERE / "many.R"), str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(said.strip().split("\n")[-1].replace("NA", "nan"))


def many(best: Callable[..., float], table: Callable[..., str]) -> str:
    y, se = made(SETS)
    start = perf_counter()
    batch = ph.exact_many(y, se=se, threads=1)
    moments = perf_counter() - start
    batch.interval(0.95)
    whole = perf_counter() - start
    some_y, some_se = y[:ONE_BY_ONE], se[:ONE_BY_ONE]

    def one_by_one() -> None:
        for a, b in zip(some_y, some_se, strict=True):
            ph.exact(ph.NormalNormal(a, se=b)).columns((0.025, 0.975))

    alone = best(one_by_one, 3) / ONE_BY_ONE
    plug_in = of_r(some_y, some_se) / 1e3
    each = whole / SETS
    found = [
        ["metafor: rma, REML, mu and tau alone", plug_in, plug_in / each],
        ["pyhier: exact, one after the other, means, sds, 95% intervals", alone, alone / each],
        ["pyhier: exact_many, means and sds", moments / SETS, moments / whole],
        ["pyhier: exact_many, with 95% intervals of all ten quantities", each, 1.0],
    ]
    cells = [[name, f"{1e6 * s:,.0f}", "" if np.isnan(r) else f"{r:.2f}"] for name, s, r in found]
    return table(
        f"{SETS:,} data sets of {GROUPS} groups, one core", ["fit of one", "us", "times"], cells
    )
