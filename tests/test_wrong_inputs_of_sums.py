"""Wrong arguments of sums over groups, as in test_wrong_inputs."""

import numpy as np
import pytest
from test_wrong_inputs import PRIOR_MU, PRIOR_TAU, SE, Kind, Y, unnamed

import pyhier as ph

SUMS = ph.NormalSums()
SUMS.update(Y, SE)
ROWS = {
    "NormalSums.update": (lambda **k: ph.NormalSums().update(**k), {"y": Y, "se": SE}, {
        "y": Kind("abc", None, [1.0, np.nan], [[1.0]], {"a": 1}), "se": Kind(
            "abc", [1.0, 2.0], None, 0.0, -1.0, np.inf, ["a"] * len(SE)),
        "threads": Kind(0, 1.5, "2", -1)}),
    "NormalSums.model": (SUMS.model, {}, {
        "prior_tau": Kind(*(p for p in PRIOR_TAU.wrong if p != [1, 2]), "i2", "jeffreys"),
        "prior_mu": PRIOR_MU}),
    "NormalSums.load": (ph.NormalSums.load, {}, {"path": Kind(__file__)}),
    "ExactPosterior.effects": (ph.exact(SUMS.model()).effects, {"y": Y, "se": SE}, {
        "y": Kind("abc", None, [1.0, np.nan]), "se": Kind("abc", [1.0], None, 0.0, -1.0, np.inf),
        "probs": Kind(2.0, [1.5], ["a"], "x")}),
}  # fmt: skip


def run(name, given, argument=None, wrong=None):
    return ROWS[name][0](**given | ({argument: wrong} if argument else {}))


@pytest.mark.parametrize("name", ROWS)
def test_an_error_names_the_argument(name):
    assert unnamed(name, *ROWS[name][1:], run) == {}
