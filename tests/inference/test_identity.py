"""Fingerprints of what a run is of: the same in another process, other ones for other things."""

import json
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier.inference.identity import fingerprint, identity_of_model, identity_of_rng

SCALE = 2.0
MODELS = """
import json
import numpy as np
import pandas as pd
from scipy import stats
import pyhier as ph
from pyhier.inference.identity import identity_of_model

def own(tau, *, s={"b": 1.0, "a": 2.0}, kinds=frozenset("xyz")):
    return -tau / s["a"] if "x" in kinds else np.nan

d = ph.load_dataset("eight_schools")
frame = pd.DataFrame({"y": d["y"], "s": d["sigma"], "x": range(8), "c": list("aabbaabb")})
rows = {"g": list("aaabbbcccddd"), "x": [0, 1, 2] * 4, "y": np.arange(12.0) ** 1.5}
rats = ph.load_dataset("rat_tumors")
made = [
    ph.NormalNormal(d["y"], se=d["sigma"], labels=d["school"], prior_tau=own),
    ph.NormalNormal.from_formula("y ~ x + C(c)", frame, se="s", prior_tau=stats.expon(scale=3)),
    ph.NormalT(d["y"], se=d["sigma"], nu=[3, 5], prior_tau="uniform"),
    ph.NormalMixture(d["y"], se=d["sigma"]),
    ph.HierarchicalRegression.from_formula("y ~ x + (x | g)", rows, sigma=1),
    ph.MultilevelNormal(d["y"], se=d["sigma"], levels={"a": list("aabbccdd"), "b": range(8)}),
    ph.MultivariateNormal(np.arange(12.0).reshape(6, 2) ** 0.5, cov=[np.eye(2)] * 6),
    ph.BetaBinomial(rats["tumors"], rats["rats"]),
    ph.BinomialNormal(rats["tumors"], rats["rats"], prior_mu=stats.norm(0, 1)),
    ph.PoissonGamma([1, 2, 3], [4.0, 5.0, 6.0]),
    ph.PoissonNormal([1, 2, 3], [4.0, 5.0, 6.0]),
    ph.VarianceGamma([1.0, 2.0, 4.0], 5),
]
found = [identity_of_model(model) for model in made]
for model in made[:1]:
    ph.exact(model)  # what it caches is not of it
    assert identity_of_model(model) == found[0]
"""


def test_they_are_the_same_in_another_process():
    here = {}
    exec(MODELS, here)
    text = subprocess.run(
        [sys.executable, "-c", MODELS + "print(json.dumps(found))"],
        env=os.environ | {"PYTHONHASHSEED": "77"}, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert json.loads(text) == json.loads(json.dumps(here["found"]))


def own(tau):
    return -tau / SCALE


def test_what_a_function_takes_from_around_it_counts(monkeypatch):
    before = fingerprint(own)
    assert fingerprint(own) == before
    monkeypatch.setitem(globals(), "SCALE", 2.5)
    assert fingerprint(own) != before


DIFFERENT = [
    None, 0, 1, 1.0, True, "1", b"1", (1,), [1], [[1]], {1: 1}, {1}, np.array([1]), np.array([1.0]),
    np.array([[1.0]]), np.array([1.0 + 1e-16 * 2]), np.array([-0.0]), np.array([0.0]), np.int8(3),
    np.array([1, "a"], dtype=object), pd.Series([1.0]), pd.Series([1.0], index=["a"]),
    pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]}), stats.norm(0, 1), stats.norm(0, 2),
    stats.norm(0, scale=2), stats.cauchy(0, 1), own, lambda tau: -tau, lambda tau: -2 * tau,
    lambda tau, s=1: -tau, lambda tau, s=2: -tau, partial(own, 3), np.log, np.exp, dict, len,
    ph.NormalInvChi2(1.0, 0.5, 30.0, 60.0), ph.NormalInvChi2(1.0, 0.5, 30.0, 61.0),
    np.random.default_rng(1).normal, "lambda", float("nan"),
]  # fmt: skip


def test_different_things_differ():
    found = [fingerprint(value) for value in DIFFERENT]
    assert len(set(found)) == len(found)
    assert [fingerprint(value) for value in DIFFERENT] == found


def test_what_holds_itself_ends():
    loop = [1]
    loop.append(loop)
    assert fingerprint(loop) != fingerprint([1])


@pytest.mark.parametrize("make", [np.random.default_rng, ph.RStream])
def test_of_a_generator_the_state_counts(make):
    first, second = make(1), make(1)
    assert identity_of_rng(first) == identity_of_rng(second) != identity_of_rng(make(2))
    second.bit_generator.random_raw()
    assert identity_of_rng(first) != identity_of_rng(second)
    if make is not ph.RStream:
        third = make(1)
        third.spawn(2)  # its next children are others
        assert identity_of_rng(first) != identity_of_rng(third)


def test_every_argument_of_a_model_counts():
    d = ph.load_dataset("eight_schools")
    base = {"y": d["y"].to_numpy(), "se": d["sigma"].to_numpy(), "labels": list("abcdefgh")}
    other = {"se": base["se"] + 1e-9, "labels": list("abcdefgi"), "prior_tau": "jeffreys"}
    first = identity_of_model(ph.NormalNormal(**base))
    for name, value in other.items():
        second = identity_of_model(ph.NormalNormal(**base | {name: value}))
        assert [key for key in first if first[key] != second[key]] == [name]
