"""Meta-regression and levels beside metafor, in one run; a million groups with five covariates."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pyhier as ph

HERE = Path(__file__).parent
FITS = 50
GROUPS = 1_000_000


def bcg() -> dict[str, Any]:
    """Log risk ratios and absolute latitudes."""
    data = ph.load_dataset("bcg")
    names = ("vaccinated_cases", "vaccinated", "control_cases", "control")
    a, n, c, m = (data[name].to_numpy(float) for name in names)
    var = 1.0 / a - 1.0 / n + 1.0 / c - 1.0 / m
    return {"y": np.log(a / n) - np.log(c / m), "var": var, "X": data[["latitude"]]}


def schools() -> dict[str, Any]:
    """Schools within districts."""
    data = ph.load_dataset("konstantopoulos")
    levels = {"district": data["district"], "school": data["school"]}
    return {"y": data["y"], "var": data["var"], "levels": levels}


def many() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimates, standard errors and five covariates of a million groups."""
    rng = np.random.default_rng(0)
    x, se = rng.normal(size=(GROUPS, 5)), np.exp(0.5 * rng.normal(size=GROUPS))
    y = x @ np.arange(5.0) + 0.7 * rng.normal(size=GROUPS) + se * rng.normal(size=GROUPS)
    return y, se, x


def covariates(best: Callable[..., float], table: Callable[..., str]) -> str:
    command = ["Rscript", str(HERE / "covariates.R"), str(FITS)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rma, rma_mv = (float(word) for word in said.split())
    trials, nests, (y, se, x) = bcg(), schools(), many()
    line = best(lambda: ph.exact(ph.NormalNormal(**trials)).columns(), FITS)
    nested = best(lambda: ph.exact(ph.MultilevelNormal(**nests)), 10)
    whole = best(lambda: ph.exact(ph.MultilevelNormal(**nests)).columns(), 5)
    huge = best(lambda: ph.exact(ph.NormalNormal(y, se=se, X=x))["beta[x1]"].mean(), 3)
    rows = [
        ["metafor: rma(mods = ~ ablat) by REML, blup", rma, rma / line],
        ["pyhier: exact, BCG by latitude, with all summaries", line, 1.0],
        ["metafor: rma.mv(random = ~ 1 \\| district/school) by REML", rma_mv, rma_mv / nested],
        ["pyhier: exact, 56 schools in 11 districts", nested, 1.0],
        ["pyhier: the same with all summaries", whole, whole / nested],
        ["pyhier: exact, a million groups with five covariates", huge, np.nan],
    ]
    cells = [[name, f"{1e3 * s:,.1f}", "" if np.isnan(r) else f"{r:.1f}"] for name, s, r in rows]
    return table("Covariates and levels", ["fit", "ms", "times pyhier's"], cells)


if __name__ == "__main__":
    from run import best, table

    print(covariates(best, table))
