"""Regressions from raw rows against exact_reference/rows.json, by another way altogether.

Up to three coordinates to 1e-8 of the posterior sds, four to 1e-7.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pyhier as ph

FOLDER = Path(__file__).parent / "exact_reference"
SPEC = importlib.util.spec_from_file_location("rows", FOLDER / "rows.py")
MADE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MADE)
PROBLEMS = MADE.problems()
WANTED = json.loads((FOLDER / "rows.json").read_text())
TOLERANCE = {"two": 1e-8, "three": 1e-8, "four": 1e-7}
# Near tau = 0 the prior of BUGS leaves it 2e-9 of the mass, far out, of which nodes tell little.
SPECIAL = {"rats, BUGS": 1e-7}


def prior_of(pair):
    kind, scale = pair
    if kind == "flat":
        return "uniform"
    if kind == "invgamma":  # of the variance, as a function of the sd
        return lambda s: MADE.log_prior(pair, np.asarray(s))
    return getattr(stats, kind)(scale=scale)


def model_of(problem):
    """The model, and the names of its quantities by those of the reference."""
    x, flat = problem["x"], ("flat", 1.0)
    names = [f"x{k}" for k in range(x.shape[1])]
    unit = MADE.unit_of(problem)
    varying = [names[int(row.argmax())] if row.any() else "Intercept" for row in unit]
    nested = "levels" in problem
    options = {"sigma": problem["sigma"]} if "sigma" in problem else {
        "prior_sigma": prior_of(problem.get("prior_sigma", flat))
    }  # fmt: skip
    if "beta" in problem:
        laws = (stats.norm(m, s) for m, s in problem["beta"])
        options["prior_beta"] = dict(zip(names, laws, strict=True))
    if problem.get("correlated"):
        options["prior_rho"] = problem.get("eta", 1.0)
    if nested:
        groups = dict(zip(["upper", "lower"], problem["levels"], strict=True))
        effects, taus = [f"theta[{problem['levels'][1][0]}]"], ["tau[upper]", "tau[lower]"]
    else:
        groups = problem["group"]
        options["Z"] = dict(zip(varying, problem["z"].T, strict=True))
        effects, taus = [f"theta[0,{one}]" for one in varying], [f"tau[{v}]" for v in varying]
    model = ph.HierarchicalRegression(
        problem["y"], dict(zip(names, x.T, strict=True)), groups=groups, intercept=False,
        varying_intercept=False, correlated=bool(problem.get("correlated")),
        weights=problem.get("weights"), prior_tau=prior_of(problem.get("prior_tau", flat)),
        **options,
    )  # fmt: skip
    found = [f"beta[{name}]" for name in names] + effects
    found += ([] if "sigma" in problem else ["sigma"]) + taus
    return model, found + ([f"rho[{','.join(varying)}]"] if problem.get("correlated") else [])


def compared(problem, wanted):
    """How far means, sds and log Z of `exact` are from those values, by the sds."""
    model, names = model_of(problem)
    post = ph.exact(model)
    rows = []
    for name, (mean, sd) in zip(names, wanted["moments"].values(), strict=True):
        marginal = post[name]
        rounding = 1e-14 * abs(mean)
        off = max(abs(marginal.mean() - mean) - rounding, 0.0) / sd
        rows.append((name, off, abs(marginal.std() / sd - 1.0)))
    return rows, abs(post.log_z - wanted["log_z"])


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, cases in PROBLEMS.items() for name in cases]
)
def test_exact_is_the_reference(kind, name):
    """The means of numbers far from zero are right to their own rounding, too."""
    wanted, tolerance = WANTED[name], SPECIAL.get(name, TOLERANCE[kind])
    assert wanted["apart"] < tolerance / 3  # of half the nodes
    rows, log_z = compared(PROBLEMS[kind][name], wanted)
    assert max(max(row[1:]) for row in rows) < tolerance, rows
    assert log_z < 10.0 * tolerance
