"""Wrong arguments of R's functions in `rstats`, as in test_wrong_inputs."""

import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_wrong_inputs import CALLABLE, COUNT, POSITIVE, Kind, unnamed

from pyhier import rstats

NUMBERS = Kind("x", None, ["a"], {"a": 1}, 3 + 1j, object())
FLAG = Kind("x", None, 2, [True, False], np.nan)
SIZE = Kind(-1, 2.5, np.inf, "x", None, np.nan, 1e30, {"a": 1})
R_RNG = Kind("x", 1.5, -1, [1], True)
MATRIX = Kind("x", None, 3.0, [1.0, 2.0], [["a"]], [[np.nan, 0.0], [0.0, 1.0]], 3 + 1j)

# --- rstats ---------------------------------------------------------------------------------------

FAMILIES = {
    "beta": {"shape1": 2, "shape2": 3}, "binom": {"size": 5, "prob": 0.3}, "cauchy": {
        "location": 0, "scale": 1}, "chisq": {"df": 3}, "exp": {"rate": 2}, "f": {
        "df1": 3, "df2": 4}, "gamma": {"shape": 2, "rate": 3}, "geom": {"prob": 0.3}, "hyper": {
        "m": 5, "n": 4, "k": 3}, "lnorm": {"meanlog": 0, "sdlog": 1}, "logis": {
        "location": 0, "scale": 1}, "nbinom": {"size": 3, "prob": 0.4}, "norm": {
        "mean": 0, "sd": 1}, "pois": {"lambda_": 2}, "t": {"df": 3}, "unif": {
        "min": 0, "max": 1}, "weibull": {"shape": 2, "scale": 1},
}  # fmt: skip
NONCENTRAL = ("beta", "chisq", "f", "t")
# None leaves these out: a rate for a scale, a mean for a probability.
OPTIONAL = {("gamma", "rate"), ("nbinom", "prob")}


def of_families():
    """Rows of the d, p, q and r functions."""
    for family, given in FAMILIES.items():
        kinds = {
            name: Kind(
                *(w for w in NUMBERS.wrong if w is not None or (family, name) not in OPTIONAL)
            )
            for name in given
        }
        ncp = {"ncp": 1.0} if family in NONCENTRAL else {}
        more = {"ncp": Kind("x", ["a"], {"a": 1}, 3 + 1j)} if ncp else {}
        tails = {"lower_tail": FLAG, "log_p": FLAG}
        yield f"rstats d{family}", {"x": 1, **given, **ncp}, {
            "x": NUMBERS, **kinds, **more, "log": FLAG}  # fmt: skip
        yield f"rstats p{family}", {"q": 1, **given}, {"q": NUMBERS, **kinds, **more, **tails}
        yield f"rstats q{family}", {"p": 0.5, **given}, {"p": NUMBERS, **kinds, **more, **tails}
        if family != "hyper":
            yield f"rstats r{family}", {"n": 2, **given}, {"n": SIZE, **kinds, "rng": R_RNG}


RSTATS = {
    "beta": ({"a": 1, "b": 2}, {"a": NUMBERS, "b": NUMBERS}),
    "lbeta": ({"a": 1, "b": 2}, {"a": NUMBERS, "b": NUMBERS}),
    "choose": ({"n": 4, "k": 2}, {"n": NUMBERS, "k": NUMBERS}),
    "lchoose": ({"n": 4, "k": 2}, {"n": NUMBERS, "k": NUMBERS}),
    **{name: ({"x": 2}, {"x": NUMBERS}) for name in (
        "gamma", "lgamma", "digamma", "trigamma", "factorial", "lfactorial")},
    "psigamma": ({"x": 2, "deriv": 1}, {"x": NUMBERS, "deriv": Kind(-1, 1.5, "x", None, np.nan)}),
    "sd": ({"x": [1, 2]}, {"x": NUMBERS, "na_rm": FLAG}),
    "var": ({"x": [1, 2]}, {"x": NUMBERS, "y": Kind("x", ["a"], [1.0]), "na_rm": FLAG}),
    "quantile": ({"x": [1, 2]}, {"x": NUMBERS, "probs": Kind("x", None, [2.0], [-0.1], ["a"]),
                                 "type": Kind(0, 12, "x", None)}),
    "density": ({"x": [1, 2, 3]}, {
        "x": NUMBERS, "bw": Kind("nix", 0.0, -1.0, np.nan, None, [1.0, 2.0]),
        "adjust": Kind(*POSITIVE.wrong[:5]), "kernel": Kind("nix", 3, None),
        "weights": Kind("x", [1.0], [-1.0, 1.0, 1.0]), "n": Kind(0, 1.5, "x", None, np.inf),
        "from_": Kind("x", np.nan, [1, 2]), "to": Kind("x", np.nan, [1, 2]),
        "cut": Kind("x", np.nan, None)}),
    "bw_nrd0": ({"x": [1, 2, 3]}, {"x": Kind(*NUMBERS.wrong, [1.0])}),
    "bw_nrd": ({"x": [1, 2, 3]}, {"x": Kind(*NUMBERS.wrong, [1.0])}),
    "solve": ({"a": np.eye(2)}, {"a": MATRIX, "b": Kind("x", ["a", "b"], [1.0], 3 + 1j)}),
    "chol": ({"a": np.eye(2)}, {"a": MATRIX}),
    "set_seed": ({"seed": 1}, {
        "seed": Kind("x", [1], np.inf, np.nan, 1e30, 2**40), "kind": Kind("nix", 3),
        "normal_kind": Kind("nix", 3), "sample_kind": Kind("nix", 3)}),
    "sample": ({"x": 5}, {
        "x": Kind(None, -1, {"a": 1}), "size": Kind(-1, 1.5, "x", 9), "replace": FLAG,
        "prob": Kind("x", [1.0], [-1.0] * 5, [0.0] * 5), "rng": R_RNG}),
    "rmultinom": ({"n": 2, "size": 3, "prob": [1, 2]}, {
        "n": SIZE, "size": Kind(-1, 1.5, "x", None), "prob": Kind("x", None, [], [-1.0, 1.0]),
        "rng": R_RNG}),
    "optim": ({"par": [1.0, 2.0], "fn": np.ptp}, {
        "par": Kind("x", None, [], ["a"], [[1.0]]), "fn": CALLABLE,
        "method": Kind("nix", 3, None, "L-BFGS-B"), "control": Kind(3, "x", {"nix": 1}),
        "hessian": FLAG}),
    "optimHess": ({"par": [1.0], "fn": np.sum}, {
        "par": Kind("x", None, [], ["a"], [[1.0]]), "fn": CALLABLE,
        "control": Kind(3, "x", {"nix": 1})}),
    **{name: ({"f": np.cos, "interval": (0, 2)}, {
        "f": CALLABLE, "interval": Kind("x", 3, [1], [1, np.nan], ["a", "b"]),
        "tol": Kind("x", None, -1.0, np.nan)}) for name in ("optimize", "uniroot")},
    "integrate": ({"f": np.cos, "lower": 0, "upper": 1}, {
        "f": CALLABLE, "lower": Kind("x", None, np.nan, [1, 2]),
        "upper": Kind("x", None, np.nan, [1, 2]), "subdivisions": COUNT,
        "rel_tol": Kind("x", None, np.nan, [1, 2]), "abs_tol": Kind("x", np.nan)}),
    "signif": ({"x": 1.234}, {"x": NUMBERS, "digits": Kind("x", None, 1.5, np.nan)}),
    "format_numbers": ({"x": [1.5]}, {
        "x": NUMBERS, "digits": Kind("x", None, -1, 1.5), "nsmall": Kind("x", None, -1, 1.5)}),
    "RStream": ({"seed": 1}, {"seed": Kind("x", [1], np.inf, np.nan, 1e30, 2**40)}),
}  # fmt: skip

ROWS = {f"rstats {name}": row for name, row in RSTATS.items()}
ROWS |= {name: (given, kinds) for name, given, kinds in of_families()}


def run(name, given, argument=None, wrong=None):
    arguments = given | ({argument: wrong} if argument else {})
    return getattr(rstats, name.split()[1])(**arguments)


@pytest.mark.parametrize("name", ROWS)
def test_an_error_names_the_argument(name):
    assert unnamed(name, *ROWS[name], run) == {}


@pytest.mark.parametrize("name", ROWS)
def test_the_right_arguments_work(name):
    """So that an error above is of the wrong argument, not of the call."""
    given, kinds = ROWS[name]
    if set(kinds) <= set(given):
        run(name, given)
    plt.close("all")


def test_every_public_function_is_in_the_table():
    public = {name for name in rstats.__all__ if inspect.isfunction(getattr(rstats, name))}
    listed = {name.split()[1] for name in ROWS}
    assert public - {"is_na"} == listed - {"RStream"}  # is_na takes anything
