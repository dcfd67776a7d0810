"""LearnBayes' log posteriors against R's: the book's data, and where R's numbers fail.

Random inputs: r_bridge.comparisons.posteriors.
"""

import numpy as np
import pytest

import pyhier as ph
from pyhier import learnbayes as lb


def r_data(data):
    """The same data with R's names in its lists."""
    if isinstance(data, dict):
        return {key.replace("int_", "int."): value for key, value in data.items()}
    return data


def test_data_sets(r):
    """The book's own data, data frames handed over as they are."""
    hearts, stanford = ph.load_dataset("hearttransplants"), ph.load_dataset("stanfordheart")
    cases = [
        (lb.betabinexch([-7, 6], ph.load_dataset("cancermortality")),
         "betabinexch(c(-7, 6), cancermortality)"),
        (lb.poissgamexch([2, -7], {"data": hearts, "z0": 0.53}),
         "poissgamexch(c(2, -7), list(data = hearttransplants, z0 = 0.53))"),
        (lb.transplantpost([0, 3, -1], stanford), "transplantpost(c(0, 3, -1), stanfordheart)"),
        (lb.bradley_terry_post(np.zeros(11), ph.load_dataset("baseball.1964")),
         "bradley.terry.post(rep(0, 11), baseball.1964)"),
    ]  # fmt: skip
    for ours, code in cases:
        assert ours == pytest.approx(r(code), rel=1e-12)


def test_laplace_of_the_book(r):
    """The modes are the same; R's optimHess divides roundings of 1e-13 by 1e-6, then inverts."""
    trials, hearts = ph.load_dataset("cancermortality"), ph.load_dataset("hearttransplants")
    stanford, drug = ph.load_dataset("stanfordheart"), ph.load_dataset("chemotherapy")
    drug = np.column_stack([drug["time"], drug["status"], drug["treat"] - 1, drug["age"]])
    for fit, code in [
        (lb.laplace(lb.betabinexch, [-7, 6], trials), "betabinexch, c(-7, 6), cancermortality"),
        (
            lb.laplace(lb.poissgamexch, [2, -7], {"data": hearts, "z0": 0.53}),
            "poissgamexch, c(2, -7), list(data = hearttransplants, z0 = 0.53)",
        ),
        (
            lb.laplace(lb.transplantpost, [0, 3, -1], stanford),
            "transplantpost, c(0, 3, -1), stanfordheart",
        ),
        (
            lb.laplace(lb.weibullregpost, [-0.5, 9, 0.5, -0.05], drug),
            "weibullregpost, c(-.5, 9, .5, -.05),"
            "with(chemotherapy, cbind(time, status, treat - 1, age))",
        ),
        (
            lb.laplace(lb.cauchyerrorpost, [20, 2], ph.load_dataset("darwin")["difference"]),
            "cauchyerrorpost, c(20, 2), darwin$difference",
        ),
        (
            lb.laplace(lb.logctablepost, [1, 1], [6, 2, 3, 10]),
            "logctablepost, c(1, 1), c(6, 2, 3, 10)",
        ),
    ]:
        theirs = r(f"laplace({code})")
        np.testing.assert_allclose(fit.mode, theirs["mode"], rtol=1e-10)
        scale = np.abs(fit.var).max()
        np.testing.assert_allclose(fit.var, theirs["var"], rtol=0, atol=5e-7 * scale)


# --- Where R's numbers fail and ours go on --------------------------------------------------------

TRIALS = np.column_stack([[1.0, 3, 2, 4], [10.0, 10, 10, 10]])
BINS = {"int_lo": [-np.inf, 0.0, 1.0], "int_hi": [0.0, 1.0, np.inf], "f": [1.0, 2, 3]}


@pytest.mark.parametrize(
    ("name", "theta", "data", "wrong"),
    [
        ("betabinexch", [1.0, 800], TRIALS, np.isnan),  # exp(theta) overflows
        ("betabinexch", [1.0, 40], TRIALS, lambda value: value == -40),  # the data has no effect
        ("bfexch", 40.0, {"data": TRIALS, "K": 20}, np.isinf),  # 1 - eta is 0
        ("betabinexch", [0.0, -800], TRIALS, np.isinf),
        ("betabinexch", [-800.0, 0], TRIALS, np.isinf),
        ("logctablepost", [0.0, 1600], np.array([1.0, 2, 3, 4]), np.isinf),
        ("weibullregpost", [-5.0, 3, 0], np.array([[10.0, 1, 0], [90, 0, 1]]), np.isnan),
        ("logisticpost", [800.0, 800], np.array([[1.0, 3, 1], [2, 4, 2]]), np.isnan),
        ("groupeddatapost", [0.5, -5.0], BINS, np.isinf),  # differences of pnorm in its tails
        (
            "logpoissnormal",  # R takes the logarithm of a density that underflows
            [5.0],
            {"data": np.full(20, 4.0), "par": np.array([1.0, 4.0])},
            np.isinf,
        ),
        ("poissgamexch", [40.0, 1], {"data": TRIALS[:, ::-1], "z0": 1}, lambda value: value == -40),
        ("poissgamexch", [800.0, 1], {"data": TRIALS[:, ::-1], "z0": 1}, np.isnan),
    ],
)
def test_extremes(r, name, theta, data, wrong):
    assert wrong(r(f"{name}(theta, data)", theta=theta, data=r_data(data)))
    assert np.isfinite(getattr(lb, name)(theta, data))
