"""Many small data sets: all at once beside one after the other, beside R and beside PyMARE."""

import subprocess
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import pyhier as ph

HERE = Path(__file__).parent
SETS, GROUPS, ONE_BY_ONE = 100_000, 8, 500
REML_SETS, COUNT_SETS = 20_000, 40
ENDS = (0.025, 0.975)


def made(sets: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    se = rng.uniform(0.2, 1.0, (sets, GROUPS))
    return 0.3 + np.hypot(0.5, se) * rng.standard_normal(se.shape), se


def of_r(y: np.ndarray, se: np.ndarray) -> tuple[float, str]:
    """Seconds of metafor's REML fit of one (NaN without it), and its version."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sets.csv"
        np.savetxt(path, np.hstack([y, se]), delimiter=",")
        command = ["Rscript", str(HERE / "many.R"), str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ms, release = said.strip().split("\n")[-1].split()
    return float(ms.replace("NA", "nan")) / 1e3, release


def of_pymare(y: np.ndarray, se: np.ndarray) -> float:
    """Seconds of PyMARE's REML fit of all (NaN without it); and whether it is ours is printed."""
    if not find_spec("pymare"):
        return np.nan
    from pymare.estimators import VarianceBasedLikelihoodEstimator

    start = perf_counter()
    fit = VarianceBasedLikelihoodEstimator(method="REML").fit(y.T, se.T**2, np.ones((GROUPS, 1)))
    tau2 = np.ravel(fit.summary().tau2)
    took = perf_counter() - start
    ours = ph.random_effects_many(y, se=se).tau2
    near = np.isclose(tau2, ours, rtol=1e-2, atol=1e-3)
    print(f"PyMARE's tau^2 are ours to 1% in {100.0 * near.mean():.1f}% of the data sets")
    return took


def counted(kind: str) -> dict[str, np.ndarray]:
    """Data sets of trials or of events, about ten of a group."""
    rng = np.random.default_rng(0)
    if kind == "trials":
        trials = rng.integers(10, 60, (COUNT_SETS, GROUPS))
        return {"successes": rng.binomial(trials, rng.beta(3.0, 9.0, trials.shape)), kind: trials}
    exposure = rng.uniform(0.3, 1.7, (COUNT_SETS, GROUPS))
    rate = rng.gamma(3.0, 10.0 / 3.0, exposure.shape)
    return {"counts": rng.poisson(exposure * rate), "exposure": exposure}


def processor_ms(function: Callable[[], object]) -> float:
    """Milliseconds of one data set."""
    start = process_time()
    function()
    return 1e3 * (process_time() - start) / COUNT_SETS


def of_counts(kind: str, model: Callable[..., Any], table: Callable[..., str]) -> str:
    """The table of counts."""
    given = counted(kind)
    models = [model(*pair) for pair in zip(*given.values(), strict=True)]
    ph.exact(models[0]).columns(ENDS)  # what is imported when it is used
    alone = (
        processor_ms(lambda: [ph.exact(m).moments() for m in models]),
        processor_ms(lambda: [ph.exact(m).columns(ENDS) for m in models]),
    )
    together = (
        processor_ms(lambda: ph.exact_many(**given, threads=1)),
        processor_ms(lambda: ph.exact_many(**given, threads=1).interval(0.95)),
    )
    cells = [
        ["exact, one after the other", *(f"{ms:,.1f}" for ms in alone)],
        ["exact_many", *(f"{ms:,.1f}" for ms in together)],
        ["times", *(f"{a / b:.1f}" for a, b in zip(alone, together, strict=True))],
    ]
    title = f"{COUNT_SETS} data sets of {GROUPS} groups of {kind}, one core"
    head = ["ms of processor time a data set", "means and sds", "with 95% intervals"]
    return table(title, head, cells)


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
            ph.exact(ph.NormalNormal(a, se=b)).columns(ENDS)

    alone = best(one_by_one, 3) / ONE_BY_ONE
    plug_in, release = of_r(some_y, some_se)
    reml_y, reml_se = y[:REML_SETS], se[:REML_SETS]
    pymare = of_pymare(reml_y, reml_se) / REML_SETS
    peer = f"PyMARE {version('pymare')}" if np.isfinite(pymare) else "PyMARE"
    classical = best(lambda: ph.random_effects_many(reml_y, se=reml_se), 3) / REML_SETS
    each = whole / SETS
    found = [
        [f"metafor {release}: rma, REML, mu and tau alone", plug_in],
        ["pyhier: exact, one after the other, means, sds, 95% intervals", alone],
        [f"{peer}: REML of all at once, mu and tau alone", pymare],
        ["pyhier: random_effects_many, REML, mu and tau alone", classical],
        ["pyhier: exact_many, means and sds", moments / SETS],
        ["pyhier: exact_many, with 95% intervals of all ten quantities", each],
    ]
    cells = [
        [name, f"{1e6 * s:,.0f}", "" if np.isnan(s) else f"{s / each:.2f}"] for name, s in found
    ]
    first = table(
        f"{SETS:,} data sets of {GROUPS} groups, one core", ["fit of one", "us", "times"], cells
    )
    trials = of_counts("trials", ph.BetaBinomial, table)
    events = of_counts("events", ph.PoissonGamma, table)
    return "\n".join([first, trials, events])
