"""Wrong arguments of coda's functions, as in test_wrong_inputs."""

import inspect
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_wrong_inputs import CALLABLE, Kind, unnamed

from pyhier import coda

RAGGED = [[1.0], [1.0, 2.0]]
# What nobody can make chains of; and what only chains are wanted for.
OBJECTS = (None, "x", 3 + 1j, {"a": 1}, object(), [], RAGGED, ["a", "b"], np.ones((2, 2, 2, 2)))
CHAINS = Kind(*OBJECTS, 3.0, True, [1.0, 2.0], coda.Mcmc, coda.mcmc)
DRAWS = Kind(*OBJECTS, 3.0, True, coda.Mcmc, coda.mcmc, [1.0, np.nan, 3.0], [1.0, np.inf, 3.0])
# Infinite draws have quantiles and ranks.
PERHAPS_INFINITE = Kind(*DRAWS.wrong[:-1])
FLAG = Kind("x", None, 2, [True, False], np.nan)
FRACTION = Kind(0.0, 1.0, -0.1, 1.5, np.nan, np.inf, "0.5", None, [0.1, 0.2], True, 1j)
PROBS = Kind("0.5", [25, 50], [-0.1], [np.nan], None, ["a"], [[0.5]], [], {"a": 1}, 1j)
COUNT = Kind(0, -1, 2.5, np.inf, np.nan, "10", None, True, [5, 6], {"a": 1}, 1e30)
MAYBE = Kind(*(wrong for wrong in COUNT.wrong if wrong is not None))
REAL = Kind(np.nan, "0.5", None, [0.1, 0.2], True, 1j)  # R takes limits that nothing reaches
WHOLE = Kind(2.5, np.inf, np.nan, "x", True, [5, 6], {"a": 1}, 3 + 1j)
BETWEEN = Kind(*WHOLE.wrong[1:])  # two draws: moves inward, as in R
NAMES = Kind("ab", 3, ["a"], ["a", "b", "c"], {"a": 1}, [None, "b"], [1.0, np.nan])
AXES = Kind(3.0, "ax", [1, 2], [None])
LAGS = Kind("x", None, [], [-1], [1.5], [np.nan], [np.inf], ["a"], [[1, 2]], {"a": 1}, [10**9])
POSITIVE = Kind(0.0, -1.0, np.nan, "1", None, [1.0, 2.0], True, 1j)
PATH = Kind(None, 3, 2.5, [1], {"a": 1}, "")


@cache
def chain():
    return coda.mcmc(np.random.default_rng(1).normal(size=(300, 2)), varnames=["a", "b"])


@cache
def chains():
    draws = np.random.default_rng(2).normal(size=(2, 300, 2))
    return coda.mcmc_list(*map(coda.mcmc, draws))


PART = {"start": COUNT, "thin": COUNT}
PICTURE = {
    "axes": AXES,
    "main": Kind(["a"] * 9),  # a number is a text, as in R
    "xlim": Kind(3, "x", [1], [0, np.nan], ["a", "b"]),
    "ylim": Kind(3, "x", [1], [0, np.nan], ["a", "b"]),
    "xlab": Kind(["a"] * 9),
    "ylab": Kind(["a"] * 9),
    "col": Kind("nix", [], ["nix"], 2.5, np.nan, object(), -1),
    "layout": Kind("x", 3, [0, 1], [1, -1], [1.5, 2], [1, 2, 3], [np.inf, 1]),
    "auto_layout": FLAG,
    "ask": FLAG,
}
OF_CHAINS = (
    "as_data_frame", "end", "frequency", "mcpar", "nchain", "niter", "nvar", "start", "thin",
    "time", "to_arviz",
)  # fmt: skip
OF_DRAWS = ("crosscorr", "effectiveSize", "spectrum0_ar")
TITLED = {"title": Kind(None, 3), "header": Kind("ab", None, ["a"], 3)}

ROWS = {
    **{name: ({"x": chain}, {"x": CHAINS}) for name in OF_CHAINS},
    **{name: ({"x": chain}, {"x": DRAWS}) for name in OF_DRAWS},
    **{name: ({"x": chain}, {"x": CHAINS, "allow_null": FLAG}) for name in (
        "varnames", "chanames")},
    "set_varnames": ({"x": chain, "names": ["a", "b"]}, {"x": CHAINS, "names": NAMES}),
    "window": ({"x": chain}, {
        "x": CHAINS, "start": BETWEEN, "end": BETWEEN, "thin": Kind(0, -1, *WHOLE.wrong[1:])}),
    "head": ({"x": chain}, {"x": CHAINS, "n": WHOLE}),
    "tail": ({"x": chain}, {"x": CHAINS, "n": WHOLE}),
    "as_matrix": ({"x": chain}, {"x": CHAINS, "iters": FLAG, "chains": FLAG}),
    "as_array": ({"x": chains}, {"x": CHAINS, "drop": FLAG}),
    "as_mcmc": ({"x": [1.0, 2.0]}, {"x": Kind(*OBJECTS, 3.0, True, coda.Mcmc, chains)}),
    "as_mcmc_list": ({"x": np.ones((2, 3, 2))}, {
        "x": Kind(*OBJECTS, 3.0, True, coda.Mcmc), "varnames": NAMES}),
    "mcmcUpgrade": ({"x": np.ones((3, 2, 2))}, {"x": Kind(*OBJECTS, 3.0, True, coda.Mcmc)}),
    "mcmc": ({"data": [[1.0, 2.0]]}, {
        "data": Kind(*OBJECTS, 3.0, True, coda.Mcmc), "start": WHOLE, "end": WHOLE,
        "thin": Kind(0, -1, None, *WHOLE.wrong), "varnames": NAMES}),
    "mcmc_list": ({"a": chain}, {
        "a": Kind(None, 3.0, "x", [1.0, 2.0], np.ones(3)),
        "names": Kind("ab", 3, ["a", "b"], [None])}),
    "autocorr": ({"x": chain}, {"x": DRAWS, "lags": LAGS, "relative": FLAG}),
    "autocorr_diag": ({"x": chain}, {"x": DRAWS, "lags": LAGS, "relative": FLAG}),
    "batchSE": ({"x": chain}, {"x": DRAWS, "batchSize": COUNT}),
    "gelman_diag": ({"x": chains}, {
        "x": Kind(*DRAWS.wrong, chain), "confidence": FRACTION, "transform": FLAG,
        "autoburnin": FLAG, "multivariate": FLAG}),
    "geweke_diag": ({"x": chain}, {"x": DRAWS, "frac1": FRACTION, "frac2": FRACTION}),
    "heidel_diag": ({"x": chain}, {"x": DRAWS, "eps": REAL, "pvalue": REAL}),
    "raftery_diag": ({"data": chain}, {
        "data": DRAWS, "q": FRACTION, "r": FRACTION, "s": FRACTION, "converge_eps": POSITIVE}),
    "HPDinterval": ({"obj": chain}, {
        "obj": PERHAPS_INFINITE, "prob": Kind(-0.1, 1.5, np.nan, "0.5", None, [0.1, 0.2], True)}),
    "rejectionRate": ({"x": chain}, {"x": Kind(*OBJECTS, 3.0, True, coda.Mcmc)}),
    "summary": ({"x": chain}, {"x": PERHAPS_INFINITE, "quantiles": PROBS}),
    "spectrum0": ({"x": chain}, {
        "x": DRAWS, "max_freq": Kind(*POSITIVE.wrong, 1e-9), "order": Kind(
            3, -1, 1.5, "1", None, [1], True),
        "max_length": Kind(*(w for w in POSITIVE.wrong if w is not None))}),
    "pcramer": ({"q": 0.3}, {
        "q": Kind("x", None, ["a"], {"a": 1}, 3 + 1j, RAGGED), "eps": Kind(
            "x", None, -1.0, np.nan, [1.0, 2.0])}),
    "coda_options": ({}, {
        "default": FLAG, "digits": COUNT, "gr_bin": COUNT, "gr_max": COUNT, "geweke_nbin": COUNT,
        "frac1": FRACTION, "q": FRACTION, "halfwidth": FRACTION, "quantiles": PROBS,
        "trace": Kind("x", None, 2), "bandwidth": CALLABLE, "nix": Kind(1)}),
    "display_coda_options": ({}, {"stats": FLAG, "plots": FLAG, "diags": FLAG}),
    "codamenu": ({"draws": chain}, {"draws": Kind(3.0, "x", object(), RAGGED, coda.Mcmc)}),
    "multi_menu": ({"choices": ["a"], "title": "t", "header": ["a", "b"]}, {
        "choices": Kind(None, 3, [], "abc"), **TITLED, "allow_zero": FLAG}),
    "read_and_check": ({}, {
        "message": Kind(None, 3), "what": Kind(None, list, [1]), "lower": Kind("x", np.nan, [1]),
        "upper": Kind("x", np.nan, [1]), "answer_in": Kind([], 3), "default": Kind("x", [1])}),
    "read_coda": ({"output_file": "nix", "index_file": "nix"}, {
        "output_file": PATH, "index_file": PATH}),
    "read_jags": ({}, {"file": PATH}),
    "read_openbugs": ({}, {"stem": Kind(*PATH.wrong[:-1])}),  # files may be called CODAindex.txt
    "write_coda": ({"x": chain}, {"x": CHAINS, "stem": PATH}),
    "bugs2jags": ({"infile": "nix", "outfile": "nix"}, {"infile": PATH, "outfile": PATH}),
}  # fmt: skip
PLOTS = {
    "acfplot": ({"x": chain}, {"outer": FLAG, **PART, "lag_max": MAYBE}),
    "autocorr_plot": ({"x": chain}, {"lag_max": MAYBE}),
    "crosscorr_plot": ({"x": chain}, {"colours": Kind(0, 2.5, "nix", None, [], ["nix"], [-1])}),
    "cumuplot": ({"x": chain}, {"probs": PROBS}),
    "densityplot": ({"x": chain}, {"outer": FLAG, **PART}),
    "densplot": ({"x": chain}, {
        "show_obs": FLAG, "right": FLAG, "bwf": Kind(
            *CALLABLE.wrong, lambda y: "a", lambda y: -1.0, lambda y: None)}),
    "gelman_plot": ({"x": chains}, {
        "bin_width": COUNT, "max_bins": COUNT, "confidence": FRACTION, "transform": FLAG,
        "autoburnin": FLAG}),
    "geweke_plot": ({"x": chain}, {
        "frac1": FRACTION, "frac2": FRACTION, "nbins": COUNT, "pvalue": FRACTION}),
    "levelplot": ({"x": chain}, {**PART, "cuts": COUNT}),
    "plot": ({"x": chain}, {"trace": FLAG, "density": FLAG, "smooth": FLAG, "bwf": CALLABLE}),
    "qqmath": ({"x": chain}, {"outer": FLAG, **PART}),
    "splom": ({"x": chain}, PART),
    "traceplot": ({"x": chain}, {"smooth": FLAG}),
    "xyplot": ({"x": chain}, {"outer": FLAG, **PART}),
}  # fmt: skip
ROWS |= {name: (given, {"x": DRAWS, **kinds, **PICTURE}) for name, (given, kinds) in PLOTS.items()}


def run(name, given, argument=None, wrong=None):
    arguments = given | ({argument: wrong} if argument else {})
    given_chains = {
        key: value() for key, value in arguments.items() if value is chain or value is chains
    }
    return getattr(coda, name)(**arguments | given_chains)


@pytest.mark.parametrize("name", ROWS)
def test_an_error_names_the_argument(name):
    assert unnamed(name, *ROWS[name], run) == {}


ASKS = {"codamenu", "read_and_check", "multi_menu"}
OF_FILES = {"read_coda", "read_jags", "read_openbugs", "write_coda", "bugs2jags"}


@pytest.mark.parametrize("name", sorted(ROWS.keys() - ASKS - OF_FILES))
def test_the_right_arguments_work(name):
    """So that an error above is of the wrong argument, not of the call."""
    given, _ = ROWS[name]
    run(name, given)
    plt.close("all")


def test_every_public_function_is_in_the_table():
    public = {name for name in coda.__all__ if inspect.isfunction(getattr(coda, name))}
    asks_or_takes_anything = {"is_mcmc", "is_mcmc_list", "load_line", "read_coda_interactive"}
    assert public - asks_or_takes_anything == set(ROWS)
