"""R's streams beside R itself: ``streams()`` is one section of ``run.py``."""

import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import pyhier as ph
from pyhier import learnbayes as lb

N, REPEATS = 1_000_000, 9


def draws(stream: ph.RStream) -> dict[str, Callable[[], object]]:
    weights = np.arange(1.0, 1001.0)
    return {
        "runif": lambda: stream.runif(N),
        "rnorm": lambda: stream.rnorm(N),
        "rexp": lambda: stream.rexp(N),
        "rgamma, shape 2.5": lambda: stream.rgamma(N, 2.5),
        "rgamma, shape 0.5": lambda: stream.rgamma(N, 0.5),
        "rbeta, shapes 2 and 3": lambda: stream.rbeta(N, 2, 3),
        "rbeta, shapes 0.5 and 3": lambda: stream.rbeta(N, 0.5, 3),
        "rt, 4 df": lambda: stream.rt(N, 4),
        "rbinom, 100 and 0.4": lambda: stream.rbinom(N, 100, 0.4),
        "rpois, mean 3": lambda: stream.rpois(N, 3),
        "rpois, mean 50": lambda: stream.rpois(N, 50),
        "sample, permutation": lambda: stream.sample(N),
        "sample, with replacement": lambda: stream.sample(N, N, True),
        "sample, 1,000 weights": lambda: stream.sample(1000, N, True, weights),
        "sample, 5 weights": lambda: stream.sample(5, N, True, [1, 2, 3, 4, 5]),
    }


def seconds(function: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return min(times)


def streams() -> str:
    """A million draws of each kind, R and pyhier in turn."""
    script = str(Path(__file__).parent / "streams.R")
    command = ["Rscript", script, str(N), str(REPEATS)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    by_r = dict(line.split("\t") for line in output.splitlines())
    lines = [
        f"## R's streams, {N:,} draws",
        "",
        "| | R, ns a draw | pyhier, ns a draw | times R |",
        "|---|---:|---:|---:|",
    ]
    for name, function in draws(ph.RStream(1)).items():
        theirs, ours = float(by_r[name]), 1e9 * seconds(function) / N
        lines.append(f"| {name} | {theirs:.1f} | {ours:.1f} | {theirs / ours:.2f} |")
    table, m = ph.load_dataset("iowagpa"), 20_000
    for source, rng in (("R's stream", ph.RStream(1)), ("PCG64", np.random.default_rng(1))):
        ours = 1e9 * seconds(partial(lb.hiergibbs, table, m, rng=rng)) / m
        theirs = float(by_r["hiergibbs, a cycle"])
        lines.append(
            f"| hiergibbs, {source}, a cycle | {theirs:,.0f} | {ours:,.0f} | {theirs / ours:.1f} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(streams())
