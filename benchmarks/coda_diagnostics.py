"""coda's diagnostics, beside coda: 4 chains of 100,000 draws of 10 variables."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from pyhier import coda

HERE = Path(__file__).parent
DRAWS = 100_000
FUNCTIONS = ("effectiveSize", "gelman_diag", "heidel_diag", "raftery_diag", "geweke_diag")


def diagnostics(
    best: Callable[..., float], table: Callable[[str, list[str], list[list[str]]], str]
) -> str:
    rng = np.random.default_rng(1)
    # Autocorrelations from none to 0.9, as of samplers that are used.
    chains = [
        np.column_stack([lfilter([1], [1, -0.1 * j], rng.normal(size=DRAWS)) for j in range(10)])
        for _ in range(4)
    ]
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        for chain in chains:
            file.write(np.asfortranarray(chain).tobytes(order="F"))
        file.flush()
        command = ["Rscript", str(HERE / "coda.R"), str(DRAWS), file.name]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    by_r = dict(zip((*FUNCTIONS, "autocorr_diag"), map(float, output.split()), strict=True))
    x = coda.mcmc_list([coda.mcmc(chain) for chain in chains])
    rows = []
    for name, seconds in by_r.items():
        function = getattr(coda, name)
        function(
            coda.mcmc_list([coda.mcmc(chain[:4000]) for chain in chains])
        )  # load what it needs
        ours = best(lambda function=function: function(x), 3)
        rows.append([name, f"{1e3 * seconds:,.0f}", f"{1e3 * ours:,.0f}", f"{seconds / ours:,.1f}"])
    title = f"Diagnostics of 4 chains x {DRAWS:,} draws x 10 variables"
    return table(title, ["", "coda, ms", "pyhier, ms", "times coda's speed"], rows)
