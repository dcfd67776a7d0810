"""Each of LearnBayes' samplers beside its face here, on the same posteriors, with R's streams."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import pyhier as ph
from pyhier import learnbayes as lb

DRAWS = 10_000


def best(run: Callable[[], object], repeats: int = 15) -> float:
    """Least milliseconds a call of several runs."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return 1e3 * min(times)


def measure(name, data, start, scale, dmax, limits):  # type: ignore[no-untyped-def]
    """Milliseconds a call of every sampler; impsampling also with an h that takes all draws."""
    logf, rng, n = getattr(lb, name), ph.RStream(1), DRAWS
    fit = lb.laplace(logf, start, data)
    mode, var = fit.mode, fit.var
    tpar, normal = {"m": mode, "var": 2 * var, "df": 4}, {"mu": mode, "var": var}
    runs = {
        "rwmetrop": lambda: lb.rwmetrop(logf, {"var": var, "scale": 2}, mode, n, data, rng=rng),
        "indepmetrop": lambda: lb.indepmetrop(logf, normal, mode, n, data, rng=rng),
        "gibbs": lambda: lb.gibbs(logf, mode, n, scale, data, rng=rng),
        "impsampling": lambda: lb.impsampling(logf, tpar, lambda t: t[1], n, data, rng=rng),
        "impsampling, vectorised h": lambda: lb.impsampling(
            logf, tpar, lambda t: t[1], n, data, rng=rng, vectorised=True
        ),
        "sir": lambda: lb.sir(logf, tpar, n, data, rng=rng),
        "rejectsampling": lambda: lb.rejectsampling(logf, tpar, dmax, n, data, rng=rng),
        "simcontour": lambda: lb.simcontour(logf, limits, data, n // 10, rng=rng),
    }
    return {key: best(run) for key, run in runs.items()}


def rows() -> list[list[str]]:
    """A row a sampler: LearnBayes, here, their ratio; for both posteriors."""
    script = str(Path(__file__).with_suffix(".R"))
    command = ["Rscript", script, str(DRAWS)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    theirs = [list(map(float, line.split())) for line in output.strip().split("\n")]
    schools = ph.load_dataset("eight_schools")
    table = np.column_stack([schools["y"], schools["sigma"] ** 2.0])
    cancer = ph.load_dataset("cancermortality").to_numpy(float)
    ours = [
        measure("normnormexch", table, [8, 2], [5, 1], -20.0, [-20, 40, -3, 5]),
        measure("betabinexch", cancer, [-7, 6], [0.5, 1], -569.2813, [-8, -4.5, 3, 16.5]),
    ]
    by_name = ["rwmetrop", "indepmetrop", "gibbs", "impsampling", "sir", "rejectsampling"]
    at = {name: k for k, name in enumerate([*by_name, "simcontour"])}
    found = []
    for name in ours[0]:
        row = [name]
        for r, own in zip(theirs, ours, strict=True):
            them = r[at[name.split(",")[0]]]
            row += [f"{them:,.1f}", f"{own[name]:,.3f}", f"{them / own[name]:,.0f}"]
        found.append(row)
    return found


HEAD = ["sampler", "normnormexch: LearnBayes", "pyhier", "times"]
HEAD += ["betabinexch: LearnBayes", "pyhier", "times"]


def samplers(table: Callable[[str, list[str], list[list[str]]], str]) -> str:
    """The table, by the benchmarks' own printer."""
    title = f"LearnBayes' samplers, ms for {DRAWS:,} draws (simcontour: a tenth)"
    return table(title, HEAD, rows())


if __name__ == "__main__":
    for line in [HEAD, *rows()]:
        print(" | ".join(line))
