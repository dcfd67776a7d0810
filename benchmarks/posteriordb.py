"""Exact values for posteriors of posteriordb, in the files that it takes.

By hand: ``python benchmarks/posteriordb.py FOLDER`` writes, for each posterior of its list whose
model is one of ours with the very same priors, ``mean_value/mean_value/NAME.json`` and
``mean_squared_value/mean_squared_value/NAME.json``, with ``info/NAME.info.json`` beside each: as in
posterior_database/reference_posteriors/summary_statistics. Where posteriordb has the Monte Carlo
error of draws there is the quadrature's.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

import pyhier as ph

ERROR = 1e-9  # of an sd, at most: what `exact` promises


def eight_schools() -> tuple[ph.NormalNormal, dict[str, str]]:
    """Mu ~ N(0, 5), tau ~ half-Cauchy(5); their names, and ours."""
    data = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(
        data["y"], se=data["sigma"], prior_mu=stats.norm(0, 5),
        prior_tau=stats.halfcauchy(scale=5),
    )  # fmt: skip
    names = [*(f"theta[{j}]" for j in range(1, 9)), "mu", "tau"]
    return model, dict(zip(names, names, strict=True))


def surgical() -> tuple[ph.BinomialNormal, dict[str, str]]:
    """BUGS' deaths in 12 hospitals: mu ~ N(0, 1000), sigma^2 ~ inverse gamma(.001, .001)."""
    data = ph.load_dataset("surgical")
    model = ph.BinomialNormal(
        data["deaths"], data["operations"], prior_mu=stats.norm(0, 1000),
        prior_tau=lambda tau: -1.002 * np.log(tau) - 0.001 / tau**2,
    )  # fmt: skip
    effects = {f"b[{j}]": f"theta[{j}]" for j in range(1, 13)}
    return model, {"mu": "mu", "sigma": "tau", **effects}


POSTERIORS: dict[str, Callable[[], tuple[ph.NormalNormal | ph.BinomialNormal, dict[str, str]]]] = {
    "eight_schools-eight_schools_centered": eight_schools,
    "eight_schools-eight_schools_noncentered": eight_schools,
    "surgical_data-surgical_model": surgical,
}


def moments(name: str) -> dict[str, tuple[float, float]]:
    """Mean and sd of every parameter, under posteriordb's names."""
    model, names = POSTERIORS[name]()
    post = ph.exact(model)
    return {theirs: (post[ours].mean(), post[ours].std()) for theirs, ours in names.items()}


def write(folder: Path, name: str) -> None:
    """All files of one posterior."""
    found = moments(name)
    mean, sd = np.array(list(found.values())).T
    kinds = {"mean_value": (mean, ERROR * sd), "mean_squared_value": (mean**2 + sd**2, None)}
    for kind, (values, error) in kinds.items():
        error = 2.0 * ERROR * sd * (sd + np.abs(mean)) if error is None else error
        about = {"name": name, "inference": {"method": "analytical", "method_arguments": {
            "package": f"pyhier {ph.__version__}", "engine": "exact"}}}  # fmt: skip
        table = {"names": list(found), kind: values.tolist(), "mcse_mean": error.tolist()}
        for place, what in ((f"{kind}/{name}.json", table), (f"info/{name}.info.json", about)):
            path = folder / kind / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(what, indent=2) + "\n")


if __name__ == "__main__":
    for posterior in POSTERIORS:
        write(Path(sys.argv[1]), posterior)
        print(posterior)
