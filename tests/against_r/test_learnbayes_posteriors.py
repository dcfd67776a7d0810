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
