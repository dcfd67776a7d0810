"""Covariates, levels and outcomes against exact_reference/covariates.json, of another arithmetic.

One tau to 1e-9 of the posterior sds, two and three coordinates to 1e-8.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pyhier as ph

FOLDER = Path(__file__).parent / "exact_reference"
SPEC = importlib.util.spec_from_file_location("covariates", FOLDER / "covariates.py")
MADE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MADE)
PROBLEMS = MADE.problems()
WANTED = json.loads((FOLDER / "covariates.json").read_text())


def prior_of(problem):
    scale = problem.get("scale")
    return {"prior_tau": "uniform" if scale is None else stats.halfnorm(scale=scale)}


def compare(name, marginals, tolerance):
    """Means within a part of the sd, and sds relative."""
    wanted = WANTED[name]
    assert wanted["apart"] < tolerance / 3
    for marginal, mean, sd in zip(marginals, wanted["mean"], wanted["sd"], strict=True):
        assert marginal.mean() == pytest.approx(mean, rel=1e-14, abs=tolerance * sd)
        assert marginal.std() == pytest.approx(sd, rel=tolerance)


@pytest.mark.parametrize("name", PROBLEMS["one"])
def test_one_tau(name):
    """The means of numbers far from zero are right to their own rounding, too."""
    problem = PROBLEMS["one"][name]
    given = {k: problem[k] for k in ("var", "cov") if k in problem}
    x = problem["x"]
    beta = {f"x{k}": stats.norm(0.0, sd) for k, sd in enumerate(problem.get("beta_sd", []))}
    columns = {f"x{k}": column for k, column in enumerate(x.T)}
    model = ph.NormalNormal(
        problem["y"], **given, X=columns, intercept=False, prior_beta=beta or None,
        **prior_of(problem),
    )  # fmt: skip
    post = ph.exact(model)
    names = [*(f"beta[x{k}]" for k in range(x.shape[1])), f"theta[{model.labels[0]}]"]
    compare(name, [post[one] for one in (*names, "theta_new", "tau")], 1e-9)


@pytest.mark.parametrize("name", PROBLEMS["several"])
def test_several_coordinates(name):
    problem = PROBLEMS["several"][name]
    if "groups" in problem:
        levels = {f"l{k}": group for k, group in enumerate(problem["groups"])}
        columns = {f"x{k}": column for k, column in enumerate(problem["x"].T)}
        model = ph.MultilevelNormal(
            problem["y"], var=problem["var"], levels=levels, X=columns, intercept=False,
            **prior_of(problem),
        )  # fmt: skip
        names = [*(f"beta[{one}]" for one in columns), *(f"tau[{one}]" for one in levels)]
    else:
        model = ph.MultivariateNormal(problem["y"], cov=problem["cov"], **prior_of(problem))
        names = list(model.hyperparameters(np.zeros(5)))
    post = ph.exact(model)
    compare(name, [post[one] for one in names], 1e-8)
