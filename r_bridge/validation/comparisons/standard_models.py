"""LearnBayes' simulations of standard distributions, regressions and cell means."""

from typing import Any

import numpy as np
import pandas as pd
from pyhier.r_bridge.validation.comparison import Comparison
from pyhier.r_bridge.validation.comparisons.inputs import Inputs, drawn
from scipy.stats import beta

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier import rstats

ORDER = "the same draws; sums, products and solutions of equations in another order"
CLOSED_FORM = "the same closed form, in another order of operations"
DIGITS = "R rounds log.m to 2 digits and Prob to 5: Prob is 1% of its largest, or more, +- 5e-6"


def _covariance(rng: np.random.Generator, d: int) -> np.ndarray:
    root = rng.normal(size=(d, d + 2)) * 10.0 ** rng.uniform(-3, 3)
    return np.asarray(root @ root.T)


def _design(rng: np.random.Generator, n: int, p: int) -> np.ndarray:
    return np.column_stack([np.ones(n), rng.normal(size=(n, p - 1)) * 10.0 ** rng.uniform(-2, 2)])


def _rdirichlet(rng: np.random.Generator) -> Inputs:
    par = 10.0 ** rng.uniform(-1, 3, int(rng.integers(1, 9)))
    return {"n": int(rng.integers(1, 30)), "par": par}


def _rigamma(rng: np.random.Generator) -> Inputs:
    a, b = 10.0 ** rng.uniform(-1, 3, 3), 10.0 ** rng.uniform(-3, 3, 2)
    return {"n": int(rng.integers(1, 30)), "a": a, "b": b}


def _normal(rng: np.random.Generator) -> Inputs:
    d, n = int(rng.integers(1, 7)), int(rng.integers(1, 9))
    return {"n": n, "mean": rng.normal(size=d), "v": _covariance(rng, d)}


def _t(rng: np.random.Generator) -> Inputs:
    return _normal(rng) | {"df": float(10.0 ** rng.uniform(-0.5, 2))}


def _points(rng: np.random.Generator) -> Inputs:
    inputs = _t(rng)
    n, d = inputs.pop("n"), len(inputs["mean"])
    noise = 2.0 * rng.normal(size=(n, d)) @ np.linalg.cholesky(inputs["v"]).T
    return inputs | {"x": inputs["mean"] + noise, "log": bool(rng.integers(2))}


def _normal_points(rng: np.random.Generator) -> Inputs:
    inputs = _points(rng)
    del inputs["df"]
    return inputs


def _rtruncated(rng: np.random.Generator) -> Inputs:
    mean, sd = rng.normal(), float(10.0 ** rng.uniform(-2, 2))
    lo, hi = mean + sd * np.sort(rng.normal(size=2))
    return {"lo": lo, "hi": np.inf if rng.random() < 0.3 else hi, "mean": mean, "sd": sd}


def _sample(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(2, 60))
    return np.asarray(rng.standard_t(3, size=n) * 10.0 ** rng.uniform(-3, 3))


def _normpostsim(rng: np.random.Generator) -> Inputs:
    prior = {"mu": [rng.normal(), 10.0 ** rng.uniform(-2, 2)], "sigma2": rng.uniform(0.5, 5, 2)}
    return {"y": _sample(rng), "prior": prior if rng.random() < 0.5 else None}


def _robustt(rng: np.random.Generator) -> Inputs:
    return {"y": _sample(rng), "v": float(10.0 ** rng.uniform(-0.3, 2))}


def _blinreg(rng: np.random.Generator) -> Inputs:
    n, p = int(rng.integers(8, 40)), int(rng.integers(1, 6))
    x = _design(rng, n, p)
    prior = {"c0": float(10.0 ** rng.uniform(-1, 3)), "b0": rng.normal(size=p)}
    return {
        "x": x, "y": x @ rng.normal(size=p) + rng.normal(size=n),
        "prior": prior if rng.random() < 0.5 else None,
    }  # fmt: skip


def _regression_draws(rng: np.random.Generator) -> Inputs:
    p, m = int(rng.integers(1, 6)), int(rng.integers(2, 30))
    fit = {"beta": rng.normal(size=(m, p)), "sigma": rng.uniform(0.5, 2, m)}
    return {"x1": _design(rng, 3, p), "fit": fit}


def _probit(rng: np.random.Generator) -> Inputs:
    n, p = int(rng.integers(30, 80)), int(rng.integers(1, 4))
    x = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    y = (x @ rng.normal(size=p) * 0.5 + rng.normal(size=n) > 0.0).astype(float)
    y[:2] = 0.0, 1.0
    root = rng.normal(size=(p, p + 2))
    prior = {"beta": rng.normal(size=p), "P": root @ root.T}  # of the data's order
    return {"x": x, "y": y, "prior": prior if rng.random() < 0.5 else None}


def _probit_draws(rng: np.random.Generator) -> Inputs:
    p = int(rng.integers(1, 5))
    return {"x1": rng.normal(size=(3, p)), "fit": rng.normal(size=(int(rng.integers(2, 30)), p))}


def _cells(rng: np.random.Generator) -> Inputs:
    """Grade point averages, some of the cells."""
    data = ph.load_dataset("iowagpa").to_numpy(float)
    data = data[rng.permutation(40)[: int(rng.integers(3, 41))]]
    data[:, 0] += rng.normal(size=len(data)) * 0.3
    return {"d": data}


def _all_cells(rng: np.random.Generator) -> Inputs:
    data = ph.load_dataset("iowagpa").to_numpy(float)
    data[:, 0] += rng.normal(size=40) * 0.1
    data[:, 1] = np.ceil(data[:, 1] * rng.uniform(0.2, 1.0, 40))
    return {"d": data}


def _gprior(rng: np.random.Generator) -> Inputs:
    n, p = int(rng.integers(8, 40)), int(rng.integers(1, 6))
    prior = {"b0": rng.normal(size=p), "c0": float(10.0 ** rng.uniform(-1, 3))}
    data = {"y": rng.normal(size=n), "X": _design(rng, n, p)}
    return {"theta": rng.normal(size=p + 1), "dp": {"data": data, "prior": prior}}


def _models(rng: np.random.Generator) -> Inputs:
    """With a column of ones, or without one."""
    n, p = int(rng.integers(12, 40)), int(rng.integers(2, 5))
    x, constant = rng.normal(size=(n, p)), bool(rng.integers(2))
    x = np.column_stack([np.ones(n), x[:, 1:]]) if constant else x[:, 1:]
    y = x @ rng.normal(size=x.shape[1]) * 0.5 + rng.normal(size=n)
    return {"y": y, "x": x, "c": float(10.0 ** rng.uniform(0.5, 3)), "constant": constant}


def _selection(y: Any, x: Any, c: float, constant: bool) -> dict[str, Any]:
    names = [f"v{j + 1}" for j in range(np.shape(x)[1])]
    found = lb.bayes_model_selection(y, pd.DataFrame(x, columns=names), c, constant)
    table = found.mod_prob
    return {
        "which": table.drop(columns=["log.m", "Prob"]).to_numpy(float),
        "log.m": table["log.m"], "prob": table["Prob"],
        "columns": list(table.columns), "converge": found.converge,
    }  # fmt: skip


def _quantiles(rng: np.random.Generator) -> Inputs:
    p, x = np.sort(rng.uniform(0.05, 0.95, 2)), np.sort(rng.normal(size=2)) * 10.0
    return {"a": {"p": p[0], "x": x[0]}, "b": {"p": p[1], "x": x[1]}}


def _shapes(rng: np.random.Generator) -> Inputs:
    shapes, p = rng.uniform(0.5, 30.0, 2), [rng.uniform(0.1, 0.45), rng.uniform(0.55, 0.9)]
    x = np.asarray(beta.ppf(p, *shapes))
    return {"a": {"p": p[0], "x": x[0]}, "b": {"p": p[1], "x": x[1]}}


def _players(rng: np.random.Generator) -> Inputs:
    players = ph.load_dataset("sluggerdata")
    some = rng.choice(players["Player"].unique(), int(rng.integers(2, 8)), replace=False)
    return {"rows": 1 + np.flatnonzero(players["Player"].isin(some))}


def _careertraj(rows: Any) -> lb.CareertrajResult:
    return lb.careertraj_setup(ph.load_dataset("sluggerdata").iloc[np.asarray(rows) - 1])


def _exact(
    function: str, inputs: Any, in_r: str, ours: Any, tolerance: float = 1e-10,
    why: str = CLOSED_FORM,
) -> Comparison:  # fmt: skip
    return Comparison("LearnBayes", function, inputs, in_r, ours, tolerance, why)


def _draws(
    function: str,
    inputs: Any,
    in_r: str,
    ours: Any,
    tolerance: float = 0.0,
    refuses: str = "",
) -> Comparison:
    why = ORDER if tolerance else "the same operations in the same order"
    return drawn("LearnBayes", function, inputs, in_r, ours, tolerance, why, refuses)


COMPARISONS = (
    _draws("rdirichlet", _rdirichlet, "rdirichlet(n, par)", lb.rdirichlet),
    _draws("rigamma", _rigamma, "rigamma(n, a, b)", lb.rigamma),
    _draws("rmnorm", _normal, "rmnorm(n, mean, v)",
           lambda n, mean, v: lb.rmnorm(n, mean, v), 1e-12),
    _draws("rmt", _t, "rmt(n, mean, v, df)",
           lambda n, mean, v, df: lb.rmt(n, mean, v, df), 1e-12),
    _exact("dmnorm", _normal_points, "dmnorm(x, mean, v, log)",
           lambda x, mean, v, log: lb.dmnorm(x, mean, v, log)),
    _exact("dmt", _points, "dmt(x, mean, v, df, log)",
           lambda x, mean, v, df, log: lb.dmt(x, mean, v, df, log)),
    _draws("rtruncated", _rtruncated, "rtruncated(20, lo, hi, pnorm, qnorm, mean, sd)",
           lambda lo, hi, mean, sd: lb.rtruncated(
               20, lo, hi, rstats.pnorm, rstats.qnorm, mean, sd)),
    _draws("normpostsim", _normpostsim, "normpostsim(y, prior, 50)",
           lambda y, prior: lb.normpostsim(y, prior, 50), 1e-12),
    _draws("robustt", _robustt, "robustt(y, v, 30)", lambda y, v: lb.robustt(y, v, 30), 1e-12),
    _draws("blinreg", _blinreg, "blinreg(y, x, 20, prior)",
           lambda y, x, prior: lb.blinreg(y, x, 20, prior), 1e-11),
    _exact("blinregexpected", _regression_draws, "blinregexpected(x1, fit)",
           lambda x1, fit: lb.blinregexpected(x1, fit)),
    _draws("blinregpred", _regression_draws, "blinregpred(x1, fit)",
           lambda x1, fit: lb.blinregpred(x1, fit), 1e-12),
    _draws("bayes.probit", _probit,
           "if (length(prior)) bayes.probit(y, x, 30, prior) else bayes.probit(y, x, 30)",
           lambda y, x, prior: lb.bayes_probit(y, x, 30, prior), 1e-10,
           "R's draws are NaN where the data are separated and the prior is flat"),
    _exact("bprobit.probs", _probit_draws, "bprobit.probs(x1, fit)",
           lambda x1, fit: lb.bprobit_probs(x1, fit)),
    _draws("hiergibbs", _cells, "hiergibbs(d, 30)", lambda d: lb.hiergibbs(d, 30), 1e-11),
    _draws("ordergibbs", _all_cells, "ordergibbs(d, 20)", lambda d: lb.ordergibbs(d, 20), 1e-12),
    _exact("reg.gprior.post", _gprior, "reg.gprior.post(theta, dp)",
           lambda theta, dp: lb.reg_gprior_post(theta, dp)),
    _exact(
        "bayes.model.selection", _models,
        """colnames(x) <- paste0("v", seq_len(ncol(x)))
           b <- bayes.model.selection(y, x, c, constant); table <- b$mod.prob
           which <- as.matrix(table[, -ncol(table) + 1:0, drop = FALSE]) + 0
           list(which = unname(which), log.m = table$log.m, prob = table$Prob,
                columns = colnames(table), converge = b$converge)""",
        _selection, 1e-2, DIGITS,
    ),
    _exact("normal.select", _quantiles, "normal.select(a, b)",
           lambda a, b: lb.normal_select(a, b)),
    _exact("beta.select", _shapes, "beta.select(a, b)",
           lambda a, b: lb.beta_select(a, b), 0.02,
           "R rounds to 2 digits, from a search that stops up to 1% short of the quantiles"),
    _exact(
        "careertraj.setup", _players,
        """s <- careertraj.setup(droplevels(sluggerdata[rows, ]))
           s$player.names <- as.character(s$player.names); s""",
        _careertraj, 0.0, "copies",
    ),
)  # fmt: skip
