"""Raw rows beside lme4, statsmodels and rstanarm, in one run; a million rows in 100,000 groups."""

import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import statsmodels.formula.api as smf

import pyhier as ph

HERE = Path(__file__).parent
FITS = 20
SLOPES, INTERCEPTS = "Reaction ~ Days + (Days | Subject)", "log_radon ~ floor + (1 | county)"


def many(rows: int = 1_000_000, groups: int = 100_000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    code, x = rng.integers(0, groups, rows), rng.normal(size=rows)
    y = 1.0 + 0.5 * x + 0.5 * rng.normal(size=groups)[code] + rng.normal(size=rows)
    return {"y": y, "x": x, "code": code}


def of_r(radon: object) -> list[float]:
    """Seconds of lme4's two fits, and of rstanarm's chains (NaN without it)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "radon.csv"
        radon.to_csv(path, index=False)  # type: ignore[attr-defined]
        command = ["Rscript", str(HERE / "rows.R"), str(FITS), str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    last = said.strip().split("\n")[-1]
    return [float(word.replace("NA", "nan")) for word in last.split()]


def rows(best: Callable[..., float], table: Callable[..., str]) -> str:
    sleep, radon = ph.load_dataset("sleepstudy"), ph.load_dataset("radon")
    slopes_r, intercepts_r, chains = of_r(radon)
    model, big = ph.HierarchicalRegression.from_formula, many()

    def mixed() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MixedLM warns of its own convergence
            smf.mixedlm(
                "Reaction ~ Days", sleep, groups=sleep["Subject"], re_formula="~ Days"
            ).fit()

    slopes = best(lambda: ph.exact(model(SLOPES, sleep)).columns(), 5)
    intercepts = best(lambda: ph.exact(model(INTERCEPTS, radon)), FITS)
    whole = best(lambda: ph.exact(model(INTERCEPTS, radon)).columns(), FITS)
    python = best(mixed, 5)
    made = ph.HierarchicalRegression(big["y"], {"x": big["x"]}, groups=big["code"])
    start = perf_counter()
    _ = made.varying
    sums = perf_counter() - start
    huge = best(lambda: ph.exact(made), 3)
    weighted = ph.HierarchicalRegression(
        big["y"], {"x": big["x"]}, groups=big["code"], weights=np.exp(0.1 * big["x"])
    )
    heavy = best(lambda: ph.exact(weighted), 2)
    found = [
        ["lme4: lmer, sleepstudy, slopes", slopes_r, slopes_r / slopes],
        ["statsmodels: MixedLM, the same", python, python / slopes],
        ["rstanarm: stan_lmer, the same, 4 x 2,000", chains, chains / slopes],
        ["pyhier: exact, the same, with all 42 summaries", slopes, 1.0],
        ["lme4: lmer, radon, varying intercept", intercepts_r, intercepts_r / intercepts],
        ["pyhier: model and exact, the same", intercepts, 1.0],
        ["pyhier: the same with all 89 summaries", whole, whole / intercepts],
        ["pyhier: sums of a million rows in 100,000 groups", sums, np.nan],
        ["pyhier: exact, varying intercept of these", huge, np.nan],
        ["pyhier: exact, the same with weights (no two groups alike)", heavy, np.nan],
    ]
    cells = [[name, f"{1e3 * s:,.1f}", "" if np.isnan(r) else f"{r:.2f}"] for name, s, r in found]
    return table("Raw rows", ["fit", "ms", "times pyhier's"], cells)
