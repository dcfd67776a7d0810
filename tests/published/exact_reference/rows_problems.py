"""Regressions from raw rows whose posteriors rows.py works out."""

import json
from pathlib import Path

import numpy as np

TABLES = Path(__file__).with_name("rows_data.json")


def made(
    seed, sizes, *, tau=(1.0,), rho=0.0, sigma=0.7, p=1, slopes=False, intercept=True, decades=0.0
):
    """Rows of groups of these sizes; with slopes x varies by group, too."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    n = group.size
    x = np.column_stack([np.ones(n), rng.normal(size=(n, p))])[:, : p + 1]
    z = x[:, : len(tau)] if slopes else x[:, :1]
    cov = np.diag(np.square(tau))
    if rho:
        cov[0, 1] = cov[1, 0] = rho * tau[0] * tau[1]
    values, vectors = np.linalg.eigh(cov)
    b = rng.normal(size=(len(sizes), len(tau))) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    weights = 10.0 ** rng.uniform(-decades / 2, decades / 2, n)
    noise = sigma / np.sqrt(weights) * rng.normal(size=n)
    y = x @ np.linspace(1.0, -1.0, p + 1) + (b[group] * z).sum(axis=1) + noise
    found = {"y": y, "x": x if intercept else x[:, 1:], "z": z, "group": group}
    order = rng.permutation(n)  # rows come in any order
    found = {name: value[order] for name, value in found.items()}
    return found | ({"weights": weights[order]} if decades else {})


def nested(seed, sizes, rows, *, tau, sigma=0.5):
    """Rows of a tree: so many outer groups, of so many inner ones each, of so many rows."""
    rng = np.random.default_rng(seed)
    outer = np.repeat(np.arange(len(sizes)), sizes)
    group = np.repeat(np.arange(outer.size), rng.integers(1, rows + 1, outer.size))
    upper, x = outer[group], rng.normal(size=group.size)
    y = 1.0 + 0.5 * x + sigma * rng.normal(size=group.size)
    y += tau[0] * rng.normal(size=len(sizes))[upper] + tau[1] * rng.normal(size=outer.size)[group]
    design = np.column_stack([np.ones(x.size), x])
    return {"y": y, "x": design, "levels": [upper, group]}


def sleepstudy():
    """Belenky et al. (2003): reaction times in ms of 18 people on 10 days."""
    y = np.array(json.loads(TABLES.read_text())["sleepstudy"])
    x = np.column_stack([np.ones(180), np.tile(np.arange(10.0), 18)])
    return {"y": y, "x": x, "z": x, "group": np.repeat(np.arange(18), 10), "correlated": True}


def rats():
    """Gelfand et al. (1990): weights of 30 rats in five weeks, under posteriordb's priors."""
    y = np.array(json.loads(TABLES.read_text())["rats"], dtype=float)
    days = np.array([8.0, 15.0, 22.0, 29.0, 36.0]) - 22.0
    x = np.column_stack([np.ones(150), np.tile(days, 30)])
    group = np.repeat(np.arange(30), 5)
    return {"y": y, "x": x, "z": x, "group": group, "beta": [(0.0, 100.0)] * 2}


def scaled(problem, y=1.0, x=1.0, shift=0.0):
    """The same in other units: of the response, and of the last covariate."""
    by = np.ones(problem["x"].shape[1])
    by[-1] = x
    found = problem | {"y": problem["y"] * y + shift, "x": problem["x"] * by}
    return found | {"z": problem["z"] * by[: problem["z"].shape[1]]}


def problems():
    """The cases: data, and priors as a kind and a scale ("flat" without)."""
    uneven = [1, 2, 3, 5, 8, 13, 2, 1, 4]
    flat3 = {"prior_tau": ("halfcauchy", 1.0), "prior_sigma": ("halfcauchy", 1.0)}
    vague = ("invgamma", 0.001)
    slopes = made(21, [3, 1, 4, 6, 2, 5, 8, 3, 1, 7], tau=(1.0, 0.5), rho=0.4, slopes=True)
    two = {
        "three groups": made(1, [4, 2, 6]) | flat3,
        "unbalanced": made(2, uneven, p=2),
        "singletons": made(3, [1] * 8 + [2, 3, 1, 4, 1, 2], p=1),
        "tau at 0": made(4, [4] * 12, tau=(0.0,)),
        "tau at 0, exponential": made(5, uneven, tau=(0.0,))
        | {"prior_tau": ("expon", 0.5), "prior_sigma": ("halfnorm", 2.0)},
        "5,000 groups": made(6, np.random.default_rng(0).integers(2, 5, 5000)),
        "10,000 rows in a group": made(7, [10_000, 30, 2, 2, 5, 1000, 9], tau=(0.3,)),
        "six coefficients": made(8, uneven, p=6, intercept=False)
        | {"beta": [(0.5, 0.3)] * 6, "prior_tau": ("halfnorm", 1.0)},
        "weights of six decades": made(9, uneven, decades=6.0),
        "sigma known": made(10, uneven, p=1) | {"sigma": 0.7},
        "a slope alone": made(11, uneven, tau=(0.0, 0.8), slopes=True, p=1)
        | {"prior_tau": ("halfcauchy", 2.0)},
        "far from zero": scaled(made(12, uneven), shift=1e8),
        "units of 1e6 and 1e-6": scaled(made(13, uneven), y=1e6, x=1e-6),
        "units of 1e-6 and 1e6": scaled(made(14, uneven), y=1e-6, x=1e6),
        "tau of 1e4 sigma": made(15, uneven, tau=(1e3,), sigma=0.1),
    }
    two["a slope alone"]["z"] = two["a slope alone"]["x"][:, 1:]
    three = {
        "uncorrelated": made(16, [5, 3, 8, 2, 6, 4, 7, 5, 1, 9], tau=(1.0, 0.5), slopes=True),
        "uncorrelated, slopes at 0": made(17, [4] * 10, tau=(0.8, 0.0), slopes=True)
        | {"prior_tau": ("halfnorm", 1.0)},
        "rats": rats(),
        "rats, BUGS": rats()
        | {"prior_sigma": vague, "prior_tau": vague, "beta": [(0.0, 1000.0)] * 2},
        "sigma known, correlated": slopes
        | {"sigma": 0.7, "correlated": True, "prior_tau": ("halfnorm", 1.5)},
        "nested": nested(18, [3, 2, 4, 3, 2, 3], 4, tau=(0.8, 0.5)),
        "nested, tau at 0": nested(19, [3, 2, 4, 3, 2], 3, tau=(0.0, 0.6))
        | {"prior_tau": ("expon", 1.0)},
    }
    correlated = {"correlated": True}
    four = {
        "sleepstudy": sleepstudy(),
        "LKJ(2)": slopes | correlated | {"eta": 2.0, "prior_tau": ("halfcauchy", 1.0)},
        "rho near 1": made(22, [6, 5, 7, 6, 8, 4] * 4, tau=(1.0, 0.8), rho=0.98, sigma=0.15,
                           slopes=True)
        | correlated | {"prior_tau": ("halfcauchy", 1.0)},
        "slopes at 0": made(23, [4, 3, 5, 1, 2] * 3, tau=(0.8, 0.0), slopes=True)
        | correlated | {"prior_tau": ("halfnorm", 1.0), "prior_sigma": ("expon", 1.0)},
        "correlated, weights": made(24, [5, 6, 3, 8, 2, 6, 7, 4], tau=(1.0, 0.6), rho=-0.3,
                                    slopes=True, decades=3.0) | correlated
        | {"prior_tau": ("halfnorm", 1.5)},
        "correlated, units of 1e6 and 1e-6": scaled(
            made(25, [5, 6, 3, 8, 2, 6, 7, 4, 5] * 2, tau=(1.0, 0.6), rho=0.5, slopes=True),
            y=1e6, x=1e-6) | correlated,
    }  # fmt: skip
    return {"two": two, "three": three, "four": four}
