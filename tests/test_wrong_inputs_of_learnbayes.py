"""Wrong arguments of LearnBayes' functions, as in test_wrong_inputs."""

import inspect

import numpy as np
import pandas as pd
import pytest
from test_wrong_inputs import CALLABLE, Kind, unnamed

from pyhier import learnbayes as lb
from pyhier import load_dataset, rstats

RAGGED = [[1.0], [1.0, 2.0]]
ODD = ("x", {"a": 1}, 3 + 1j, object(), RAGGED, lb.Bayes, np.mean)
VECTOR = Kind(None, *ODD, [], ["a", "b"], [np.nan, 1.0], np.ones((2, 2, 2)))
PAIR = Kind(*VECTOR.wrong, [1.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3.0)
MATRIX = Kind(*VECTOR.wrong, 3.0, [1.0, 2.0], [["a", "b"], ["c", "d"]], [[np.nan, 1.0], [1.0, 2.0]])
NUMBER = Kind(None, *ODD, [], [1.0, 2.0], np.nan, "1")
FINITE = Kind(*NUMBER.wrong, np.inf)
POSITIVE = Kind(*FINITE.wrong, 0.0, -1.0)
CHANCE = Kind(*FINITE.wrong, -0.1, 1.1)
COUNT = Kind(0, -1, 2.5, np.inf, np.nan, "10", None, True, [5, 6], {"a": 1}, 1e30, 10**15)
FUTURE = Kind(*COUNT.wrong[1:-1])  # of any size: no more than s is computed
FLAG = Kind("x", None, 2, [True, False], np.nan)
R_RNG = Kind("x", 1.5, -1, [1], True)
AXES = Kind(3.0, "ax", [1, 2])
LIST = Kind(None, 3.0, "x", [1.0, 2.0], {"a": 1}, object(), {})
FITTED = Kind(None, 3.0, "x", [1.0], object(), lb.Bayes)
DENSITY = Kind(*CALLABLE.wrong, None, {"a": 1})
SEVERAL = Kind(None, *ODD, [], ["a"], [np.nan])

TABLE = [[10.0, 20.0], [30.0, 15.0]]
TRIALS = [[3, 10], [5, 12], [9, 20]]
NORMAL = [[28.0, 225.0], [8.0, 100.0], [-3.0, 256.0], [7.0, 121.0]]
DRAWS = np.random.default_rng(1).normal(1.0, 0.1, size=(20, 2))
X = np.column_stack([np.ones(8), np.arange(8.0)])
Y = [1.0, 2.0, 2.5, 4.0, 5.5, 5.0, 7.5, 8.0]
TWO = {"m": [0, 0], "v": [[1, 0.6], [0.6, 1]]}
T = {"m": [8, 2], "var": np.diag([20, 0.5]), "df": 4}
WALK = {"logpost": lb.normnormexch, "proposal": {"var": np.diag([20, 0.5]), "scale": 2},
        "start": [8, 2], "m": 5, "data": NORMAL}  # fmt: skip
OF_WALK = {"logpost": DENSITY, "start": PAIR, "m": COUNT, "rng": R_RNG}
OF_T = {"logf": DENSITY, "tpar": LIST, "n": COUNT, "rng": R_RNG}
POST = lb.discrete_bayes(rstats.dbinom, {0.2: 0.5, 0.4: 0.5}, 5, size=10)
POST2 = lb.discrete_bayes_2(lambda y, a, b: a * b, lb.prior_two_parameters([1, 2], [3, 4]), [1])
QUANTILE = ({"p": 0.5, "x": 0.3}, {"p": 0.9, "x": 0.6})
OF_QUANTILE = Kind(*LIST.wrong, *({"p": p, "x": 0.6} for p in ("a", None, [0.5, 0.6], 1.0)))
POISSON = {"data": [1, 3, 2], "par": [2.0, 3.0]}
DENSITIES = {
    "normnormexch": ([8.0, 2.0], "data", NORMAL, MATRIX),
    "betabinexch": ([0.0, 1.0], "data", TRIALS, MATRIX),
    "betabinexch0": ([0.3, 9.0], "data", TRIALS, MATRIX),
    "bfexch": (0.3, "datapar", {"data": TRIALS, "K": 3}, LIST),
    "poissgamexch": ([1.0, 1.0], "datapar", {"data": [[1, 2], [2, 3]], "z0": 1}, LIST),
    "bradley_terry_post": ([0.1, 0.2, 0.0], "data", [[1, 2, 3, 4]], MATRIX),
    "cauchyerrorpost": ([1.0, 2.0], "data", Y, VECTOR),
    "groupeddatapost": ([1.0, 2.0], "data", {"int_lo": [0], "int_hi": [1], "f": [3]}, LIST),
    "normchi2post": ([1.0, 2.0], "data", Y, VECTOR),
    "lbinorm": ([1.0, 2.0], "par", TWO, LIST),
    "howardprior": ([0.3, 0.4], "par", [1, 2, 3, 4, 5], PAIR),
    "logctablepost": ([0.3, 0.4], "data", [1, 2, 3, 4], PAIR),
    "logisticpost": ([0.3, 0.4], "data", [[1, 5, 2], [2, 5, 4]], MATRIX),
    "logpoissgamma": (0.3, "datapar", POISSON, LIST),
    "logpoissnormal": (0.3, "datapar", POISSON, LIST),
    "transplantpost": ([0.0, 0.0, 0.0], "data", [[3, 0, 0, 0], [3, 1, 2, 1]], MATRIX),
    "weibullregpost": ([0.0, 0.0, 0.0], "data", [[3, 1, 0.5], [4, 0, 1]], MATRIX),
}  # fmt: skip
FIRST = {"lbinorm": "xy", "howardprior": "xy", "logisticpost": "beta"}


def of_densities():
    """Rows of the log posteriors."""
    for name, (theta, data, given, kind) in DENSITIES.items():
        first = FIRST.get(name, "theta")
        points = VECTOR if np.ndim(theta) else NUMBER
        wrong = [*points.wrong, [1.0] * 9]
        if name.startswith("logpoiss"):  # vectors give vectors, as in R
            wrong = [w for w in wrong if w not in ([], [1.0, 2.0], [1.0] * 9)]
        yield name, ({first: theta, data: given}, {first: Kind(*wrong), data: kind})


ROWS = {
    **dict(of_densities()),
    "bayes_influence": ({"theta": DRAWS, "data": TRIALS}, {
        "theta": Kind(*MATRIX.wrong, np.ones((4, 3))), "data": MATRIX, "rng": R_RNG}),
    "bayes_model_selection": ({"y": Y, "X": X, "c": 10}, {
        "y": VECTOR, "X": MATRIX, "c": POSITIVE, "constant": FLAG}),
    "bayes_probit": ({"y": [0, 1, 0, 1, 0, 1, 0, 1], "X": X, "m": 5}, {
        "y": VECTOR, "X": MATRIX, "m": COUNT, "prior": Kind(*LIST.wrong[1:]), "rng": R_RNG}),
    "bayesresiduals": (
        {"lmfit": {"residuals": Y, "X": X}, "post": {"sigma": [1.0, 2.0]}, "k": 2},
        {"lmfit": LIST, "post": LIST, "k": POSITIVE}),
    "beta_select": (dict(zip(("quantile1", "quantile2"), QUANTILE, strict=True)), {
        "quantile1": OF_QUANTILE, "quantile2": OF_QUANTILE, "r": FLAG}),
    "normal_select": (dict(zip(("quantile1", "quantile2"), QUANTILE, strict=True)), {
        "quantile1": OF_QUANTILE, "quantile2": OF_QUANTILE}),
    "bfindep": ({"y": TABLE, "K": 3, "m": 5}, {
        "y": MATRIX, "K": POSITIVE, "m": COUNT, "rng": R_RNG}),
    "binomial_beta_mix": ({"probs": [0.5, 0.5], "betapar": TABLE, "data": [2, 3]}, {
        "probs": VECTOR, "betapar": MATRIX, "data": PAIR}),
    "poisson_gamma_mix": (
        {"probs": [0.5, 0.5], "gammapar": TABLE, "data": {"y": [1, 2], "t": [1, 1]}},
        {"probs": VECTOR, "gammapar": MATRIX, "data": LIST}),
    "normal_normal_mix": ({"probs": [0.5, 0.5], "normalpar": TABLE, "data": [2, 3]}, {
        "probs": VECTOR, "normalpar": MATRIX, "data": PAIR}),
    "blinreg": ({"y": Y, "X": X, "m": 5}, {
        "y": VECTOR, "X": MATRIX, "m": COUNT, "prior": Kind(*LIST.wrong[1:]), "rng": R_RNG}),
    "blinregexpected": ({"X1": [[1, 2]], "theta_sample": {"beta": DRAWS, "sigma": [1] * 20}}, {
        "X1": Kind(*VECTOR.wrong, 3.0), "theta_sample": LIST}),
    "blinregpred": ({"X1": [[1, 2]], "theta_sample": {"beta": DRAWS, "sigma": [1] * 20}}, {
        "X1": Kind(*VECTOR.wrong, 3.0), "theta_sample": LIST, "rng": R_RNG}),
    "bprobit_probs": ({"X1": [[1, 2]], "fit": DRAWS}, {
        "X1": Kind(*VECTOR.wrong, 3.0), "fit": Kind(*VECTOR.wrong, 3.0)}),
    "careertraj_setup": ({"data": load_dataset("sluggerdata")}, {
        "data": Kind(None, 3.0, "x", [1.0], {"a": 1}, pd.DataFrame({"Player": ["a"]}))}),
    "ctable": ({"y": TABLE, "a": np.ones((2, 2))}, {"y": MATRIX, "a": MATRIX}),
    "discint": ({"dist": [[1, 0.5], [2, 0.5]], "prob": 0.4}, {"dist": MATRIX, "prob": CHANCE}),
    # The observations are what df takes: text too, or none, which leaves the prior, as in R.
    "discrete_bayes": ({"df": lambda y, p: p**y, "prior": {0.2: 0.5, 0.4: 0.5}, "y": 3}, {
        "df": Kind(*DENSITY.wrong, lambda y, p: "a", lambda y, p: None, lambda y, p: np.nan),
        "prior": Kind(None, 3.0, "x", [0.5, 0.5], {"a": 1}, {}, {0.2: "a"}, {0.2: np.nan})}),
    "discrete_bayes_2": ({"df": lambda y, a, b: y * a * b, "prior": POST2.prob, "y": [1]}, {
        "df": Kind(*DENSITY.wrong, lambda y, a, b: "a", lambda y, a, b: None),
        "prior": Kind(None, 3.0, "x", {"a": 1}, pd.DataFrame({"a": [0.5]}), pd.DataFrame())}),
    "dmnorm": ({"x": [1.0, 2.0], "mean": [0.0, 0.0], "varcov": np.eye(2)}, {
        "x": Kind(None, *ODD, ["a", "b"], 3.0, [1.0, 2.0, 3.0]), "mean": Kind(*PAIR.wrong[1:]),
        "varcov": Kind(*MATRIX.wrong, [[1.0, 2.0], [2.0, 1.0]]), "log": FLAG}),
    "dmt": ({"x": [1.0, 2.0], "mean": [0.0, 0.0], "S": np.eye(2), "df": 3}, {
        "x": Kind(None, *ODD, ["a", "b"], 3.0, [1.0, 2.0, 3.0]), "mean": Kind(*PAIR.wrong[1:]),
        "S": Kind(*MATRIX.wrong, [[1.0, 2.0], [2.0, 1.0]]), "df": Kind(
            *NUMBER.wrong, 0.0, -1.0), "log": FLAG}),
    "rmnorm": ({"n": 2, "mean": [0.0, 0.0], "varcov": np.eye(2)}, {
        "n": COUNT, "mean": Kind(*PAIR.wrong[1:]), "rng": R_RNG,
        "varcov": Kind(*MATRIX.wrong, [[1.0, 2.0], [2.0, 1.0]])}),
    "rmt": ({"n": 2, "mean": [0.0, 0.0], "S": np.eye(2), "df": 3}, {
        "n": COUNT, "mean": Kind(*PAIR.wrong[1:]), "rng": R_RNG,
        "S": Kind(*MATRIX.wrong, [[1.0, 2.0], [2.0, 1.0]]),
        "df": Kind(*NUMBER.wrong, 0.0, -1.0)}),
    "rdirichlet": ({"n": 2, "par": [1.0, 2.0]}, {
        "n": COUNT, "par": Kind(*VECTOR.wrong, [0.0, 1.0], [np.inf]), "rng": R_RNG}),
    "rigamma": ({"n": 2, "a": 1.0, "b": 2.0}, {
        "n": COUNT, "a": Kind(*SEVERAL.wrong, 0.0, [np.inf]),
        "b": Kind(*SEVERAL.wrong, 0.0, [np.inf]), "rng": R_RNG}),
    "rtruncated": ({"n": 2, "lo": 0, "hi": 1, "pf": rstats.pnorm, "qf": rstats.qnorm}, {
        "n": COUNT, "lo": SEVERAL, "hi": SEVERAL, "pf": DENSITY, "qf": DENSITY, "rng": R_RNG}),
    "gibbs": ({**{k: v for k, v in WALK.items() if k != "proposal"}, "scale": [20, 2]}, {
        **OF_WALK, "scale": Kind(*PAIR.wrong, [1.0, -1.0])}),
    "rwmetrop": (WALK, OF_WALK | {"proposal": LIST}),
    "indepmetrop": (WALK | {"proposal": {"mu": [8, 2], "var": np.diag([20, 0.5])}}, {
        **OF_WALK, "proposal": LIST}),
    "laplace": ({"logpost": lb.normnormexch, "mode": [8, 2], "data": NORMAL}, {
        "logpost": DENSITY, "mode": PAIR}),
    "impsampling": ({"logf": lb.normnormexch, "tpar": T, "h": np.sum, "n": 9, "data": NORMAL}, {
        **OF_T, "h": Kind(*CALLABLE.wrong, None, lambda t: "a", lambda t: None, lambda t: t),
        "vectorised": FLAG}),
    "sir": ({"logf": lb.normnormexch, "tpar": T, "n": 9, "data": NORMAL}, OF_T),
    "rejectsampling": (
        {"logf": lb.normnormexch, "tpar": T, "dmax": -5, "n": 9, "data": NORMAL},
        OF_T | {"dmax": FINITE}),
    "simcontour": (
        {"logf": lb.lbinorm, "limits": [-4, 4, -4, 4], "data": TWO, "m": 9}, {
        "logf": DENSITY, "limits": Kind(*PAIR.wrong, [1, 0, 0, 1], [0, np.inf, 0, 1]), "m": COUNT,
        "size": COUNT, "rng": R_RNG}),
    "hiergibbs": ({"data": load_dataset("iowagpa"), "m": 3}, {
        "data": MATRIX, "m": COUNT, "rng": R_RNG}),
    "ordergibbs": ({"data": load_dataset("iowagpa"), "m": 3}, {
        "data": MATRIX, "m": COUNT, "rng": R_RNG}),
    "histprior": ({"p": [0.1, 0.2], "midpts": [0.1, 0.3], "prob": [0.5, 0.5]}, {
        "p": VECTOR, "midpts": VECTOR, "prob": VECTOR}),
    "mnormt_onesided": ({"m0": 1, "normpar": [1, 2], "data": [1, 2, 3]}, {
        "m0": FINITE, "normpar": PAIR, "data": PAIR}),
    "mnormt_twosided": ({"m0": 1, "prob": 0.5, "t": [1, 2], "data": [1, 2, 3]}, {
        "m0": FINITE, "prob": CHANCE, "t": Kind(*SEVERAL.wrong, 0.0), "data": PAIR}),
    "normpostpred": (
        {"parameters": {"mu": [1, 2], "sigma2": [1, 2]}, "sample_size": 3}, {
        "parameters": LIST, "sample_size": COUNT, "f": Kind(*CALLABLE.wrong, None),
        "rng": R_RNG}),
    "normpostsim": ({"data": Y, "m": 5}, {
        "data": VECTOR, "prior": Kind(*LIST.wrong[1:]), "m": COUNT, "rng": R_RNG}),
    "robustt": ({"y": Y, "v": 4, "m": 5}, {"y": VECTOR, "v": POSITIVE, "m": COUNT, "rng": R_RNG}),
    "pbetap": ({"ab": [1, 2], "n": 5, "s": [0, 1]}, {"ab": PAIR, "n": FUTURE, "s": SEVERAL}),
    "pbetat": ({"p0": 0.5, "prob": 0.5, "ab": [1, 2], "data": [3, 4]}, {
        "p0": CHANCE, "prob": CHANCE, "ab": PAIR, "data": PAIR}),
    "pdisc": ({"p": [0.1, 0.2], "prior": [0.5, 0.5], "data": [3, 4]}, {
        "p": VECTOR, "prior": VECTOR, "data": PAIR}),
    "pdiscp": ({"p": [0.1, 0.2], "probs": [0.5, 0.5], "n": 5, "s": [0, 1]}, {
        "p": VECTOR, "probs": VECTOR, "n": FUTURE, "s": SEVERAL}),
    "prior_two_parameters": ({"parameter1": [1, 2], "parameter2": [1, 2]}, {
        "parameter1": VECTOR, "parameter2": VECTOR}),
    "reg_gprior_post": (
        {"theta": [1, 2, 0.5], "dataprior": {
            "data": {"y": Y, "X": X}, "prior": {"b0": [0, 0], "c0": 3}}},
        {"theta": VECTOR, "dataprior": LIST}),
    "regroup": ({"data": TABLE, "g": 2}, {"data": Kind(*(
        w for w in MATRIX.wrong if not isinstance(w, list) or w != [[np.nan, 1.0], [1.0, 2.0]])),
        "g": COUNT}),
    "print_bayes": ({"x": POST}, {"x": FITTED}),
    "summary_bayes": ({"object": POST}, {"object": FITTED, "coverage": CHANCE}),
    "plot_bayes": ({"x": POST}, {"x": FITTED, "ax": AXES}),
    "plot_bayes2": ({"x": POST2}, {
        "x": FITTED, "marginal": Kind(3, -1, "x", None, [1]), "ax": AXES}),
    "predplot": ({"prior": [1, 2], "n": 5, "yobs": 2}, {
        "prior": PAIR, "n": COUNT, "yobs": Kind(*COUNT.wrong[1:], 9), "ax": AXES}),
    "triplot": ({"prior": [1, 2], "data": [3, 4]}, {
        "prior": PAIR, "data": PAIR, "where": Kind("nix", 3, None), "ax": AXES}),
    "mycontour": ({"logf": lb.lbinorm, "limits": [-4, 4, -4, 4], "data": TWO}, {
        "logf": DENSITY, "limits": PAIR, "add": FLAG, "ax": AXES,
        "col": Kind("nix", [], 2.5, np.nan)}),
}  # fmt: skip


# Entries of what is a list in R: the function, the argument that is one, and its entries.
LISTS = [
    ("sir", "tpar", "m", "var", "df"), ("rwmetrop", "proposal", "var", "scale"),
    ("indepmetrop", "proposal", "mu", "var"), ("lbinorm", "par", "m", "v"),
    ("bfexch", "datapar", "data", "K"), ("poissgamexch", "datapar", "data", "z0"),
    ("logpoissgamma", "datapar", "data", "par"), ("normpostpred", "parameters", "mu", "sigma2"),
    ("blinregpred", "theta_sample", "beta", "sigma"), ("beta_select", "quantile1", "p", "x"),
]  # fmt: skip


def run(name, given, argument=None, wrong=None):
    return getattr(lb, name)(**given | ({argument: wrong} if argument else {}))


@pytest.mark.parametrize("name", ROWS)
def test_an_error_names_the_argument(name):
    assert unnamed(name, *ROWS[name], run) == {}


@pytest.mark.parametrize("row", LISTS, ids=lambda row: row[0])
def test_an_error_names_the_entry_or_its_list(row):
    name, argument, *entries = row
    given, _ = ROWS[name]
    for entry in entries:
        for wrong in (*ODD, None, [], [np.nan]):
            changed = given[argument] | {entry: wrong}
            with pytest.raises((TypeError, ValueError), match=rf"\b({argument}|{entry})\b"):
                run(name, given, argument, changed)


@pytest.mark.parametrize("name", ROWS)
def test_the_right_arguments_work(name):
    """So that an error above is of the wrong argument, not of the call."""
    given, _ = ROWS[name]
    run(name, given)


def test_every_public_function_is_in_the_table():
    public = {name for name in lb.__all__ if not inspect.isclass(getattr(lb, name))}
    assert public == set(ROWS)
