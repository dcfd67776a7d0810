"""The exact posterior against 30-digit arithmetic, on the grid of exact_reference/reference.json.

exact_reference/generate.py made the file by the trapezoid rule in mpmath and shares no code with
pyhier. The promise is 1e-9 relative for means, sds, densities, both tails and quantiles.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pyhier as ph

PROMISE = 1e-9
CASES = json.loads((Path(__file__).parent / "exact_reference/reference.json").read_text())["cases"]

FROZEN = {
    "halfnormal": lambda p: stats.halfnorm(scale=p["scale"]),
    "halfcauchy": lambda p: stats.halfcauchy(scale=p["scale"]),
    "exponential": lambda p: stats.expon(scale=p["scale"]),
    "gamma": lambda p: stats.gamma(p["shape"], scale=p["scale"]),
    "lognormal": lambda p: stats.lognorm(p["sigma"], scale=p["scale"]),
    "lomax": lambda p: stats.lomax(p["c"], scale=p["scale"]),
}


def data_of(case):
    if "recipe" not in case:
        return case["y"], case["se"]
    recipe = case["recipe"]
    u = np.random.default_rng(recipe["seed"]).random((recipe["groups"], 9))
    se = recipe["low"] + (recipe["high"] - recipe["low"]) * u[:, 0]
    a = ((u[:, 1] + u[:, 2]) + (u[:, 3] + u[:, 4]) - 2.0) * recipe["tau"]
    b = ((u[:, 5] + u[:, 6]) + (u[:, 7] + u[:, 8]) - 2.0) * se
    return (recipe["mu"] + 1.75 * a) + 1.75 * b, se


def priors_of(case):
    prior = case["prior_tau"]
    if prior["name"] == "normal-inverse-chi-squared":
        names = ("mu0", "kappa0", "nu0", "tau2_0")
        return {"prior": ph.NormalInvChi2(*(prior[name] for name in names))}
    tau = FROZEN[prior["name"]](prior) if prior["name"] in FROZEN else prior["name"]
    mu = None if case["prior_mu"] is None else stats.norm(*case["prior_mu"])
    return {"prior_tau": tau, "prior_mu": mu}


def by_quantity(table):
    """Marginal names with what the reference says of each."""
    for key, value in table.items():
        if key == "theta":
            yield from ((f"theta[{int(j) + 1}]", entry) for j, entry in value.items())
        else:
            yield key, value


def check_moments(post, case):
    for name, truth in by_quantity(case["moments"]):
        marginal = post[name]
        for what, found in (("mean", marginal.mean()), ("sd", marginal.std())):
            if truth[what] is None:
                assert not np.isfinite(found), (name, what)
                continue
            # A mean near 0 is known relative to the sd.
            size = max(abs(float(truth[what])), float(truth["sd"] or 0.0))
            assert abs(found - float(truth[what])) <= PROMISE * size, (name, what)


def check_tails(post, case):
    for name, rows in by_quantity(case["cdf"]):
        x, below, above = np.array(rows, dtype=float).T
        marginal = post[name]
        for found, truth in ((marginal.cdf(x), below), (marginal.sf(x), above)):
            kept = truth > 1e-30
            np.testing.assert_allclose(found[kept], truth[kept], rtol=PROMISE, err_msg=name)
            assert np.all(found[~kept] < 1e-25), name


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case):
    y, se = data_of(case)
    post = ph.exact(ph.NormalNormal(y, se=se, **priors_of(case)))
    # A log of size J / 2 summed over J groups: an ulp or two of it.
    assert post.log_z == pytest.approx(float(case["log_z"]), rel=1e-14, abs=1e-12)
    check_moments(post, case)
    check_tails(post, case)
    for name, rows in by_quantity(case["ppf"]):
        q, truth = np.array(rows, dtype=float).T
        spread = truth[-1] - truth[0]
        found = post[name].ppf(q)
        assert np.all(np.abs(found - truth) <= PROMISE * np.maximum(np.abs(truth), spread)), name
    x, density = np.array(case["pdf_tau"], dtype=float).T
    kept = density > 1e-280
    np.testing.assert_allclose(post["tau"].pdf(x[kept]), density[kept], rtol=PROMISE)


def test_the_grid_is_complete():
    """Every named prior, and every shape of data that the promise names."""
    names = {case["name"] for case in CASES}
    for prior in ph.PRIOR_NAMES:
        assert f"eight_schools/{prior}" in names
    shapes = ["three_groups", "four_groups", "equal_se", "wild_se", "outlier", "all_equal"]
    shapes += ["tau_zero", "tau_huge", "groups_200", "groups_2000", "groups_10000"]
    shapes += ["schools_times_1e8", "schools_times_1e-8", "schools_plus_1e8"]
    assert all(f"{shape}/uniform" in names for shape in shapes)
    assert len(CASES) >= 50
