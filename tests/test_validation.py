"""Aligned inputs are matched or refused, every pair of them, and never zipped."""

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
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


def masked(values, mask):
    """An array of whole numbers, and the same as floats."""
    return np.ma.array(values, mask=mask), np.ma.array(values, mask=mask, dtype=float)


SE = np.ones(4)
TAKES_COUNTS = {
    "normal": lambda y: ph.NormalNormal(y, se=SE),
    "beta-binomial": lambda y: ph.BetaBinomial(y, [9] * 4),
    "logits": lambda y: ph.BinomialNormal(y, [9] * 4),
    "rates": lambda y: ph.PoissonNormal(y, SE),
    "events": lambda y: ph.PoissonGamma(y, SE),
    "sums": lambda y: ph.NormalSums().update(y, SE),
    "sums of successes": lambda y: ph.BinomialSums().update(y, [9] * 4),
    "sums of events": lambda y: ph.PoissonSums().update(y, SE),
    "covariate": lambda x: ph.NormalNormal(SE, se=SE, X={"x": x}),
}


@pytest.mark.parametrize("name", TAKES_COUNTS)
def test_masked_whole_numbers_are_missing_as_masked_floats_are(name):
    make = TAKES_COUNTS[name]
    whole, floats = masked([1, 3, 5, 2], [0, 0, 0, 1])
    with pytest.raises(ValueError, match="nan") as ours:
        make(whole)
    with pytest.raises(ValueError, match="nan") as theirs:
        make(floats)
    assert str(ours.value) == str(theirs.value)
    make(masked([1, 3, 5, 2], False)[0])
    make(masked([1, 3, 5, 2], [0, 0, 0, 0])[0])


def test_a_masked_group_is_none_of_a_data_set():
    whole, floats = masked([[1, 2, 3, 4], [4, 6, 9, 1]], [[0, 0, 0, 1], [0, 0, 0, 0]])
    ours, theirs = (ph.exact_many(y, se=SE, prior_tau="sqrt").mean["mu"] for y in (whole, floats))
    alone = ph.exact(ph.NormalNormal([1, 2, 3], se=SE[:3], prior_tau="sqrt"))["mu"].mean()
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(ours[0], alone, rtol=1e-8)


FRAME = pd.DataFrame({
    "y": [3, 0, 5, 2, 7], "n": 10, "eff": [1.0, 3, 2, 5, 4], "se": 1.0, "x": [0.0, 1, 2, 3, 4],
    "set": list("aaaaa"), "site": list("abcde"), "of": list("aabbb"),
})  # fmt: skip
NAMED = {
    "BinomialNormal": (ph.BinomialNormal, "y ~ x", "trials", "n"),
    "BetaBinomial": (ph.BetaBinomial, "y ~ x", "trials", "n"),
    "PoissonNormal": (ph.PoissonNormal, "y ~ x", "exposure", "n"),
    "PoissonGamma": (ph.PoissonGamma, "y ~ x", "exposure", "n"),
    "NormalNormal": (ph.NormalNormal, "eff ~ x", "se", "se"),
    "variances": (ph.NormalNormal, "eff ~ x", "var", "se"),
    "NormalT": (ph.NormalT, "eff ~ x", "se", "se"),
    "MultilevelNormal": (ph.MultilevelNormal, "eff ~ (1 | of/site)", "se", "se"),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("kind", [lambda c: FRAME[c], lambda c: [c], lambda c: FRAME[c].to_numpy()])
def test_a_column_is_no_name_of_one(name, kind):
    make, formula, argument, column = NAMED[name]
    with pytest.raises(TypeError, match=f"^{argument} is a .*: give the name of a column$"):
        make.from_formula(formula, FRAME, **{argument: kind(column)})
    if make is not ph.MultilevelNormal:
        with pytest.raises(TypeError, match="^label is a .*: give the name of a column$"):
            make.from_formula(formula, FRAME, **{argument: column, "label": kind("site")})
    with pytest.raises(TypeError, match="^y is a .*: give the name of a column$"):
        ph.exact_many.from_frame(FRAME, by="set", y=kind("eff"), se="se")


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("kind", [pl.DataFrame, pa.table])
def test_frames_of_polars_and_pyarrow_are_taken(name, kind):
    table = kind(FRAME.to_dict("list"))
    make, formula, argument, column = NAMED[name]
    ours = make.from_formula(formula, table, **{argument: column})
    theirs = make.from_formula(formula, FRAME, **{argument: column})
    both = zip(ours.observed().values(), theirs.observed().values(), strict=True)
    for one, other in both:
        np.testing.assert_array_equal(one, other)
    assert ours.coefficients == theirs.coefficients
    batch = ph.exact_many.from_frame(table, by="set", y="eff", se="se")
    assert batch.mean["mu"] == ph.exact_many(FRAME.eff.to_numpy()[None], se=FRAME.se).mean["mu"]


@pytest.mark.parametrize("frame", [True, False])
def test_a_covariate_that_is_no_number_is_named(frame):
    posterior = ph.exact(
        ph.NormalNormal.from_formula("eff ~ log(x + 1)", FRAME, se="se")
        if frame
        else ph.NormalNormal(FRAME.eff, se=FRAME.se, X=FRAME[["x"]])
    )
    coefficient = "log(x + 1)" if frame else "x"
    for wrong in ("a", [1.0, "b"]):
        with pytest.raises(TypeError, match=r"^x\['x'\] "):
            posterior.theta_new({"x": wrong})
    for wrong in ("a", None, [1.0, 2.0]):
        with pytest.raises(TypeError, match=r"^weights\['.*x.*'\] is .*: it must be a finite num"):
            posterior.linear({coefficient: wrong})
    with pytest.raises(ValueError, match="^x"):
        posterior.theta_new({"x": np.ma.array([1], mask=[1])})


@pytest.mark.parametrize("most", [1e16, 1e30, np.uint64(2**63 + 10)])
def test_counts_beyond_the_doubles_are_told_the_limit(most):
    for make in (ph.BetaBinomial, ph.BinomialNormal):
        with pytest.raises(ValueError, match=r"trials\[0\] .*up to 9,007,199,254,740,992"):
            make([1, 2, 3], [most] * 3)
    with pytest.raises(ValueError, match=r"counts\[1\] .*up to 9,007,199,254,740,992"):
        ph.PoissonGamma([1, most, 3], [1.0] * 3)


def test_what_the_formula_library_logs_is_an_error_alone(capfd, caplog):
    lacking = FRAME.assign(x=[np.nan, 1, 2, 3, 4])
    with pytest.raises(ValueError, match="row 0 lacks a value"):
        ph.NormalNormal.from_formula("eff ~ x", lacking, se="se")
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")
