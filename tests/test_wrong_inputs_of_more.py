"""Wrong arguments of sums over groups, of events in two arms and of new counts."""

from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_wrong_inputs import PRIOR_MU, PRIOR_TAU, SE, VECTOR, Kind, Y, posteriors, unnamed

import pyhier as ph
from pyhier import plots

FIT = ph.reml(ph.NormalNormal(Y, se=SE, labels=["a", "b", "c", "d"]))


def plotted(name):
    """A picture of a posterior, or of a classical result."""
    return lambda **given: getattr(plots, name)(**given)


def saved(path, ax=FIT, dpi=72):
    """A picture in a folder of its own."""
    with TemporaryDirectory() as folder:
        plots.save(plots.forest(ax) if ax is FIT else ax, f"{folder}/{path}" if path else path, dpi)


PICTURES = {
    "plots.forest": (plotted("forest"), {"posterior": FIT, "by": ["x", "x", "y", "y"]}, {
        "posterior": Kind(3.0, None, ph.NormalNormal(Y, se=SE), "fit"), "effect": Kind("mu", 3),
        "level": Kind("0.9", 0, 1.5, np.nan), "ax": Kind(3.0, "ax"), "table": Kind(False, 3, "x"),
        "show": Kind("all", 3, ["raw"]), "order": Kind("size", ["a"], 3, ["a", "a", "b", "c"]),
        "by": Kind("xxyy", ["x"], 3), "pooled": Kind("mu", 3.0, [FIT]),
        "subtotals": Kind("x", 3, {"x": 3.0}, {"z": FIT}), "prediction": Kind("x", 3),
        "columns": Kind(3, ["n"], {"n": [1]}, {"n": 3}), "headers": Kind("Trial", ["a"], 3),
        "transform": Kind("square", 3, np.exp), "digits": Kind(-1, 2.5, "2", 99),
        "xlim": Kind(3, [1.0], [2.0, 1.0], ["a", "b"], [0.0, np.inf])}),
    "plots.funnel": (plotted("funnel"), {"posterior": FIT}, {
        "posterior": Kind(3.0, None, "fit"), "group": Kind("a", 3), "ax": Kind(3.0, "ax"),
        "level": Kind("0.9", 0, 1.5, np.nan), "contours": Kind("x", 3)}),
    "plots.baujat": (plotted("baujat"), {"fit": FIT}, {
        "fit": Kind(3.0, None, ph.NormalNormal(Y, se=SE)), "ax": Kind(3.0, "ax")}),
    "plots.radial": (plotted("radial"), {"fit": FIT}, {
        "fit": Kind(3.0, None, ph.NormalNormal(Y, se=SE)), "ax": Kind(3.0, "ax"),
        "level": Kind("0.9", 0, 1.5, np.nan)}),
    "plots.ridges": (lambda **k: plots.ridges(**{"posterior": posteriors()["exact"], **k}), {}, {
        "posterior": Kind(3.0, None, FIT), "ax": Kind(3.0, "ax"), "effect": Kind("mu", 3),
        "order": Kind("size", 3, ["a"])}),
    "plots.caterpillar": (plotted("caterpillar"), {"posterior": FIT}, {
        "posterior": Kind(3.0, None, "fit"), "ax": Kind(3.0, "ax"), "effect": Kind("mu", 3),
        "order": Kind("size", 3, ["a"]), "level": Kind("0.9", 0, 1.5, np.nan)}),
    "plots.save": (saved, {"path": "x.svg"}, {
        "ax": Kind(3.0, None), "path": Kind("", None, "x", "x.nix"),
        "dpi": Kind(0, -1, "x", np.inf)}),
}  # fmt: skip

SUMS = ph.NormalSums()
SUMS.update(Y, SE)
CLICKS, EVENTS = ph.BinomialSums(), ph.PoissonSums()
CLICKS.update([1, 3, 0, 4], [4, 5, 6, 5])
EVENTS.update([1, 3, 0, 4], [4.0, 5.0, 6.0, 5.0])
MOMENTS = ph.GroupMoments()
MOMENTS.update([1, 3, 0, 4], ["a", "b", "a", "b"])
BATCH = ph.exact_many(successes=[[1, 2, 0]], trials=[4, 5, 3])
ARMS = {"events": [1, 2], "size": [4, 5], "control_events": [2, 2], "control_size": [4, 7]}

TABLE = pd.DataFrame({"y": Y, "se": SE, "k": [1, 3, 0, 4], "n": 5, "label": list("abcd")})


def in_a_file(engine, **more):
    """A run that is kept in a file of its own."""

    def run(checkpoint="run.npz", resume=False, **given):
        with TemporaryDirectory() as folder:
            path = f"{folder}/run.npz" if checkpoint == "run.npz" else checkpoint
            return engine(ph.NormalNormal(Y, se=SE), 5, checkpoint=path, resume=resume, **more)

    return run


IN_A_FILE = {"checkpoint": Kind(3, "", __file__, [], True), "resume": Kind("x", 3.0, [True])}


def load(path=None):
    """The sums of a file, or of one just written."""
    if path is not None:
        return ph.NormalSums.load(path)
    with TemporaryDirectory() as folder:
        SUMS.save(f"{folder}/sums.npz")
        return ph.NormalSums.load(f"{folder}/sums.npz")


KNOWN = ph.NormalNormal(Y, se=SE, prior_mu=stats.norm(0, 1), prior_tau=stats.halfnorm(scale=1))
CALIBRATED = ph.calibrate(KNOWN, n=20, rng=1)
ROWS = PICTURES | {
    "calibrate": (ph.calibrate, {"model": KNOWN, "n": 20}, {
        "model": Kind(3.0, None, ph.NormalNormal), "engine": Kind(3, "exact", lambda model: 3),
        "n": Kind(0, 19, 2.5, "x", None), "names": Kind("mu", 3, [], ["nix"], [3]),
        "rng": Kind(-1, "x", 1.5), "threads": Kind(0, 1.5, "2")}),
    "plots.calibration": (plotted("calibration"), {"found": CALIBRATED}, {
        "found": Kind(3.0, None, FIT), "names": Kind("mu", 3, [], ["nix"]),
        "ax": Kind(3.0, "ax")}),
    **{f"{engine.__name__} in a file": (in_a_file(engine), {}, IN_A_FILE)
       for engine in (ph.rwmetrop, ph.gibbs, ph.indepmetrop)},
    "nuts in a file": (in_a_file(ph.nuts, tune=5), {}, IN_A_FILE),
    "NormalSums.update": (lambda **k: ph.NormalSums().update(**k), {"y": Y, "se": SE}, {
        "y": Kind("abc", None, [1.0, np.nan], [[1.0]], {"a": 1}), "se": Kind(
            "abc", [1.0, 2.0], None, 0.0, -1.0, np.inf, ["a"] * len(SE)),
        "threads": Kind(0, 1.5, "2", -1)}),
    **{f"{make.__name__}.update_from": (lambda make=make, **k: make().update_from(**k), {
        "data": TABLE, **columns}, {"data": Kind(3, "abc", [1.0], {"y": Y}, None), **{
            name: Kind("nix", 3, ["y"], "label") for name in columns}})
        for make, columns in ((ph.NormalSums, {"y": "y", "se": "se"}), (
            ph.BinomialSums, {"successes": "k", "trials": "n"}), (
            ph.PoissonSums, {"counts": "k", "exposure": "n"}))},
    "NormalSums.model": (SUMS.model, {}, {
        "prior_tau": Kind(*(p for p in PRIOR_TAU.wrong if p != [1, 2]), "i2", "jeffreys"),
        "prior_mu": PRIOR_MU}),
    "NormalSums.load": (load, {}, {"path": Kind(__file__)}),
    "GroupMoments.update": (lambda **k: ph.GroupMoments().update(**k), {
        "values": [1, 2], "groups": ["a", "b"]}, {
        "values": Kind(*(v for v in VECTOR.wrong if v != []), [1.0, np.nan], [1e71, 1.0], [1.0]),
        "groups": Kind("ab", 3, [["a", "b"]], ["a", None], ["a"])}),
    "GroupMoments.model": (MOMENTS.model, {}, {
        "variance": Kind("own", 3, None), "prior_tau": PRIOR_TAU, "prior_mu": PRIOR_MU}),
    "BinomialSums.update": (lambda **k: ph.BinomialSums().update(**k), {
        "successes": [1, 2], "trials": [4, 5]}, {
        "successes": Kind(*VECTOR.wrong, [1.5, 1], [5, 1]), "trials": Kind(
            "x", None, [4], -1, 1.5)}),
    "BinomialSums.model": (CLICKS.model, {}, {"prior": Kind("nix", 3, {"K": 3}, stats.norm)}),
    "PoissonSums.update": (lambda **k: ph.PoissonSums().update(**k), {
        "counts": [1, 2], "exposure": [4.0, 5.0]}, {
        "counts": Kind(*VECTOR.wrong, [1.5, 1], [-1, 1]),
        "exposure": Kind("x", None, [4.0], -1, 0.0, np.inf), "threads": Kind(0, 1.5, "2")}),
    "PoissonSums.model": (EVENTS.model, {}, {
        "prior": Kind("nix", 3, {"mu": 3}), "z0": Kind("x", 0.0, -1, np.nan)}),
    "PlanePosterior.effects": (lambda counts, size, probs=None: ph.exact(CLICKS.model()).effects(
        counts, size, probs=probs), {"counts": [1, 2], "size": [4, 5]}, {
        "probs": Kind(2.0, [1.5], ["a"], "x")}),
    "ExactPosterior.effects": (ph.exact(SUMS.model()).effects, {"y": Y, "se": SE}, {
        "y": Kind("abc", None, [1.0, np.nan]), "se": Kind("abc", [1.0], None, 0.0, -1.0, np.inf),
        "probs": Kind(2.0, [1.5], ["a"], "x")}),
    "BinomialNormal with offset": (ph.BinomialNormal, {
        "successes": [1, 2], "trials": [4, 5], "offset": [0.0, 1.0]}, {
        "offset": Kind("x", [1.0], [0.0, 1e4], [np.nan, 1.0], [[0.0, 1.0]])}),
    **{name: (make, ARMS, {
        **{column: Kind(*VECTOR.wrong, [1.5, 1], [1]) for column in ARMS},
        "labels": Kind("AB", 3, ["A"]), "prior_mu": PRIOR_MU, "prior_tau": PRIOR_TAU, **more})
        for name, make, more in (
            ("HypergeometricNormal", ph.HypergeometricNormal, {}),
            ("TwoBinomialNormal", ph.TwoBinomialNormal, {}),
            ("TwoBinomialNormalRisks", ph.TwoBinomialNormalRisks, {
                "coding": Kind(2.0, "x", None, np.nan), "prior_alpha": PRIOR_MU,
                "prior_sigma": PRIOR_TAU}),
            ("from_two_arms", ph.BinomialNormal.from_two_arms, {"measure": Kind("RR", None, 3)}),
        )},
    **{f"{make.__name__} by x": (make, {
        **{name: [*column, 3] for name, column in ARMS.items()}, "X": [0, 1, 3]}, {
        "X": Kind("x", [1.0], [np.nan] * 3), "prior_beta": Kind(3, "x", {"nix": stats.norm(0, 1)}),
        "prior_mu": Kind(stats.norm(0, 1)), "prior_tau": PRIOR_TAU})
        for make in (ph.HypergeometricNormal, ph.TwoBinomialNormal)},
    "exact_many of counts": (ph.exact_many, {"successes": [[1, 2, 0]], "trials": [4, 5, 3]}, {
        "successes": Kind("abc", [1, 2, 0], [[1.5, 1, 1]], [[9, 1, 1]], [[np.nan] * 3], 3.0),
        "trials": Kind("x", [4], [4, 5, -1], [4, 5, np.nan]), "prior": Kind("nix", 3, {"K": 3}),
        "z0": Kind(1.0, -1.0), "exposure": Kind([4, 5, 3]), "y": Kind([[1, 2, 0]])}),
    "exact_many by x": (ph.exact_many, {"y": [Y], "se": SE, "X": [0, 1, 2, 4]}, {
        "X": Kind("x", [1.0], [np.nan] * 4), "prior_beta": Kind(3, {"nix": stats.norm(0, 1)}),
        "prior_mu": Kind(stats.norm(0, 1)), "prior_tau": PRIOR_TAU, "y": Kind([[np.inf, *Y[1:]]]),
        "se": Kind([1, 2, 3, 0.0], [1.0])}),
    "EachBatch.probability": (BATCH.probability, {"event": "eta > 0.3"}, {
        "event": Kind("mu > 3", "eta", 3.0, None, "theta[9] > 0.1", "theta[1] > theta[2]")}),
    **{f"{make.__name__} by x": (make, {"y": Y, "se": SE, "X": [0, 1, 3, 4]}, {
        "y": Kind(*VECTOR.wrong, [1.0]), "se": Kind(*VECTOR.wrong, [1, 2, 3, 0.0], [1.0]),
        "X": Kind("x", [1.0], [np.nan] * 4), "prior_beta": Kind(3, "x", {"nix": stats.norm(0, 1)}),
        "intercept": Kind(3, "x"), "labels": Kind("AB", 3, ["A"]), **own,
        "prior_mu": Kind(stats.norm(0, 1)), "prior_tau": PRIOR_TAU})
        for make, own in ((ph.NormalT, {"nu": Kind(0.0, -1.0, np.nan, "4", None)}), (
            ph.NormalMixture, {"weight": Kind(0.0, 1.0, "x"), "ratio": Kind(0.5, np.inf, "x")}))},
    "random_effects_many": (ph.random_effects_many, {"y": [Y, Y], "se": SE}, {
        "y": Kind("abc", None, Y, [], 3.0), "se": Kind("abc", [1.0], [1, 2, 3, 0.0]),
        "method": Kind("nix", 3, None), "test": Kind("nix", 3), "errors": Kind("skip", 3)}),
    "VarianceGamma": (ph.VarianceGamma, {"s2": [1.0, 2.0], "df": [4, 5]}, {
        "s2": Kind(*VECTOR.wrong, [1.0], [0.0, 1.0], [-1.0, 1.0]), "labels": Kind("AB", 3, ["A"]),
        "df": Kind("x", None, [4], [0, 4], [np.inf, 4], 0, -1, np.nan, [[4, 5]]),
        "z0": Kind(0, -1, "x"), "prior": Kind(3, "nix", None, stats.norm, {"d0": stats.gamma(2)}, {
            "d0": stats.norm(0, 1), "s2_0": stats.gamma(2)})}),
    "predictive of counts": (lambda size, x: posteriors()["counts by x"].predictive(size, x), {
        "size": 4, "x": {"x": 1.0}}, {
        "size": Kind("x", -1, 2.5, np.nan, [1, 2], 10**12),
        "x": Kind("x", [[1], [1, 2]], object(), {"z": 1}, [1.0, 2.0, 3.0])}),
}  # fmt: skip


def run(name, given, argument=None, wrong=None):
    return ROWS[name][0](**given | ({argument: wrong} if argument else {}))


@pytest.mark.parametrize("name", ROWS)
def test_an_error_names_the_argument(name):
    assert unnamed(name, *ROWS[name][1:], run) == {}


@pytest.mark.parametrize("name", ROWS)
def test_the_right_arguments_work(name):
    run(name, ROWS[name][1])
