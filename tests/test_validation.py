"""Aligned inputs are matched or refused, every pair of them, and never zipped."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import pyhier as ph
import pyhier.learnbayes as lb
from pyhier import rstats

NAMES = ["d", "b", "a", "c", "e"]
ELSEWHERE = ["a", "b", "c", "d", "e"]
NUMBERS = [1.0, 2.0, 3.0, 4.0, 5.0]
KINDS = {
    "series": lambda values, names: pd.Series(values, index=names),
    "array": lambda values, names: xr.DataArray(values, {"unit": names}, ["unit"]),
}
# Every function of paired inputs: what calls it, and values of each of them.
PAIRED = {
    "normal, se": (ph.NormalNormal, {"y": NUMBERS, "se": NUMBERS, "labels": list("vwxyz")}),
    "normal, var": (ph.NormalNormal, {"y": NUMBERS, "var": NUMBERS, "labels": list("vwxyz")}),
    "binomial": (
        ph.BetaBinomial,
        {"successes": NUMBERS, "trials": [9.0] * 5, "labels": list("vwxyz")},
    ),
    "events": (ph.PoissonGamma, {"counts": NUMBERS, "exposure": NUMBERS, "labels": list("vwxyz")}),
    "group_summaries": (ph.group_summaries, {"values": NUMBERS, "groups": list("ababb")}),
    "anova": (ph.anova, {"values": NUMBERS, "groups": list("ababb")}),
    "from_raw": (ph.NormalNormal.from_raw, {"values": NUMBERS, "groups": list("ababb")}),
    "pdisc": (
        lambda p, prior: lb.pdisc(p, prior, [3, 4]),
        {"p": [0.1, 0.3, 0.5, 0.7, 0.9], "prior": [0.2] * 5},
    ),
    "pdiscp": (
        lambda p, probs: lb.pdiscp(p, probs, 5, 2),
        {"p": [0.1, 0.3, 0.5, 0.7, 0.9], "probs": [0.2] * 5},
    ),
    "histprior": (
        lambda midpts, prob: lb.histprior(0.5, midpts, prob),
        {"midpts": NUMBERS, "prob": [0.2] * 5},
    ),
    "poisson_gamma_mix": (
        lambda y, t: lb.poisson_gamma_mix([1], [[1, 1]], {"y": y, "t": t}),
        {"y": NUMBERS, "t": NUMBERS},
    ),
    "density": (rstats.density, {"x": NUMBERS, "weights": [0.2] * 5}),
    "sample": (
        lambda x, prob: rstats.RStream(1).sample(x, 2, prob=prob),
        {"x": NUMBERS, "prob": [0.2] * 5},
    ),
}
PAIRS = [
    (name, first, second)
    for name, (_, inputs) in PAIRED.items()
    for first, second in combinations(inputs, 2)
]


def called(name, **other):
    call, inputs = PAIRED[name]
    return call(**(inputs | other))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "first", "second"), PAIRS)
def test_every_pair_with_other_names_is_refused(name, first, second, kind):
    inputs, make = PAIRED[name][1], KINDS[kind]
    ours, theirs = make(inputs[first], NAMES), make(inputs[second], ELSEWHERE)
    with pytest.raises(ValueError, match=r"different (pandas indexes|coordinates) \(. and . in p"):
        called(name, **{first: ours, second: theirs})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "first", "second"), PAIRS)
def test_the_same_names_and_none_are_taken(name, first, second, kind):
    inputs, make = PAIRED[name][1], KINDS[kind]
    plain = repr(called(name))
    ours = make(inputs[first], NAMES)
    for other in (make(inputs[second], NAMES), inputs[second], np.array(inputs[second])):
        assert repr(called(name, **{first: ours, second: other})) == plain


def test_two_libraries_are_matched_too():
    y = pd.Series(NUMBERS, index=NAMES)
    with pytest.raises(ValueError, match="different coordinates"):
        ph.NormalNormal(y, se=KINDS["array"](NUMBERS, ELSEWHERE))
    assert ph.NormalNormal(y, se=KINDS["array"](NUMBERS, NAMES)).y.size == 5


def test_shuffled_groups_of_observations():
    """The groups of other rows: zipped they gave a 5.5, b 6.5."""
    values, groups = pd.Series([1.0, 2, 10, 11]), pd.Series(list("abab"), index=[3, 2, 1, 0])
    with pytest.raises(ValueError, match="values and groups have different pandas indexes"):
        ph.group_summaries(values, groups)
    found = ph.group_summaries(values, groups.sort_index())
    means = values.groupby(groups).mean()
    assert dict(zip(found.labels, found.y, strict=True)) == dict(means)


def test_labels_that_are_the_index_elsewhere():
    y = pd.Series(NUMBERS, index=NAMES)
    for labels in (ELSEWHERE, pd.Index(ELSEWHERE), np.array(ELSEWHERE)):
        with pytest.raises(ValueError, match="labels are y's own index in another order"):
            ph.NormalNormal(y, se=NUMBERS, labels=labels)
    assert ph.NormalNormal(y, se=NUMBERS, labels=y.index).labels == tuple(NAMES)
    # The numbers of rows are no names.
    assert ph.NormalNormal(pd.Series(NUMBERS), se=NUMBERS, labels=[4, 3, 2, 1, 0]).labels[0] == "4"


def test_labels_of_xarray_are_their_values():
    labels = xr.DataArray(list("vwxyz"), dims="unit")
    assert ph.NormalNormal(NUMBERS, se=NUMBERS, labels=labels).labels == tuple("vwxyz")
    groups = xr.DataArray(list("ababb"), dims="unit")
    assert ph.group_summaries(NUMBERS, groups).labels == ("a", "b")


@pytest.mark.parametrize(
    "call",
    [
        lambda y, x: lb.blinreg(y, x, 5, rng=1),
        lambda y, x: lb.bayes_model_selection(y, x, 5),
        lambda y, x: lb.bayes_probit(y > 2, x, 5, rng=1),
        lambda y, x: lb.reg_gprior_post(
            [0, 0, 0], {"data": {"y": y, "X": x}, "prior": {"b0": [0, 0], "c0": 1}}
        ),
    ],
)
def test_regressions(call):
    y = pd.Series([1.0, 3.0, 2.0, 5.0, 4.0], index=NAMES)
    x = pd.DataFrame({"one": 1.0, "x": [1.0, 3.0, 2.0, 4.0, 6.0]}, index=ELSEWHERE)
    with pytest.raises(ValueError, match="y.* and .*X.* have different pandas indexes"):
        call(y, x)
    call(y, x.set_index(pd.Index(NAMES)))
