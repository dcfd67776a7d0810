"""lmer beside lme4, lmerTest and statsmodels' MixedLM, in one run; 200,000 rows too."""

import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

import pyhier as ph

HERE = Path(__file__).parent
FITS = 20
SLOPES, INTERCEPTS = "Reaction ~ Days + (Days | Subject)", "log_radon ~ floor + (1 | county)"
NESTED = "strength ~ 1 + (1 | batch/cask)"


def many(rows: int = 200_000, groups: int = 20_000) -> pd.DataFrame:
    """Rows whose intercepts and two slopes vary."""
    rng = np.random.default_rng(0)
    g, x, z = rng.integers(0, groups, rows), rng.normal(size=rows), rng.normal(size=rows)
    b = rng.normal(size=(groups, 3)) * [0.7, 0.4, 0.2]
    y = 1.0 + x + b[g, 0] + b[g, 1] * x + b[g, 2] * z + rng.normal(size=rows)
    return pd.DataFrame({"y": y, "x": x, "z": z, "g": g})


def pastes() -> pd.DataFrame:
    """Rows laid out as lme4's Pastes: two tests of each of three casks of ten batches."""
    rng = np.random.default_rng(0)
    cask = np.repeat(np.arange(30), 2)
    y = 60.0 + rng.normal(size=10)[cask // 3] + 3.0 * rng.normal(size=30)[cask]
    y += 0.8 * rng.normal(size=60)
    return pd.DataFrame({"strength": y, "batch": cask // 3, "cask": cask % 3})


def of_r(radon: pd.DataFrame, rows: pd.DataFrame) -> list[float]:
    """Seconds of R's fits."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("radon.csv", "rows.csv")]
        for frame, path in zip((radon, rows), paths, strict=True):
            frame.to_csv(path, index=False)
        command = ["Rscript", str(HERE / "lmer.R"), str(FITS), *map(str, paths)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(word) for word in said.strip().split("\n")[-1].split()]


def mixed(formula: str, data: pd.DataFrame, groups: str, varying: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MixedLM warns of its own convergence
        smf.mixedlm(formula, data, groups=data[groups], re_formula=varying).fit()


def lmer(best: Callable[..., float], table: Callable[..., str]) -> str:
    sleep, radon, paste, rows = (
        ph.load_dataset("sleepstudy"), ph.load_dataset("radon"), pastes(), many()
    )  # fmt: skip
    slopes_r, intercepts_r, nested_r, summary_r, confint_r, three_r, two_r = of_r(radon, rows)
    fit = ph.lmer(SLOPES, sleep)
    slopes = best(lambda: ph.lmer(SLOPES, sleep), FITS)
    intercepts = best(lambda: ph.lmer(INTERCEPTS, radon), FITS)
    nested = best(lambda: ph.lmer(NESTED, paste), FITS)
    summary = best(lambda: ph.lmer(SLOPES, sleep).summary(), FITS)
    confint = best(fit.confint, 3)
    three = best(lambda: ph.lmer("y ~ x + z + (x + z | g)", rows), 2)
    two = best(lambda: ph.lmer("y ~ x + (x | g)", rows), 2)
    python = best(lambda: mixed("Reaction ~ Days", sleep, "Subject", "~ Days"), 3)
    python_1 = best(lambda: mixed("log_radon ~ floor", radon, "county", "~ 1"), 3)
    found = [
        ["lme4: sleepstudy, slopes", slopes_r, slopes_r / slopes],
        ["statsmodels: MixedLM, the same", python, python / slopes],
        ["pyhier: lmer, the same", slopes, 1.0],
        ["lme4: radon, varying intercept", intercepts_r, intercepts_r / intercepts],
        ["statsmodels: MixedLM, the same", python_1, python_1 / intercepts],
        ["pyhier: lmer, the same", intercepts, 1.0],
        ["lme4: 30 casks in 10 batches", nested_r, nested_r / nested],
        ["pyhier: lmer, the same", nested, 1.0],
        ["lmerTest: sleepstudy with summary", summary_r, summary_r / summary],
        ["pyhier: the same", summary, 1.0],
        ["lme4: profile intervals of sleepstudy", confint_r, confint_r / confint],
        ["pyhier: the same", confint, 1.0],
        ["lme4: 200,000 rows, 20,000 groups, three coefficients", three_r, three_r / three],
        ["pyhier: the same", three, 1.0],
        ["lme4: the same rows, two coefficients", two_r, two_r / two],
        ["pyhier: the same", two, 1.0],
    ]
    cells = [[name, f"{1e3 * s:,.1f}", f"{ratio:.1f}"] for name, s, ratio in found]
    return table("Mixed models", ["fit", "ms", "times pyhier's"], cells)


if __name__ == "__main__":
    from run import best, table

    print(lmer(best, table))
