"""Every public callable meets every kind of wrong input with an error that names the argument.

``VALID`` has a call of each that works; one argument after the other is then replaced by what is
wrong for its kind. An AttributeError, a "not iterable", an answer or a hang fails.
"""

import inspect
import re
from functools import cache

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier import coda, plots

mpl.use("Agg")

GROUPED = ["a", "a", "b", "b"]
Y, SE = [28.0, 8.0, -3.0, 7.0], [15.0, 10.0, 16.0, 11.0]
LEVELS = {"a": GROUPED, "b": [1, 2, 1, 2]}
PAIRS, COVS = [[y, 1.0] for y in Y], [[[1.3, 0.3], [0.3, 1.3]]] * 4
FRAME = LEVELS | {"y": Y, "se": SE}
LONG = pd.DataFrame({"g": list("aaaa"), "y": Y, "x": SE})
COUNT_MODELS = [(ph.BetaBinomial, "successes", "trials", "prior_K", "prior"),
                (ph.PoissonGamma, "counts", "exposure", "prior_alpha", "prior"),
                (ph.BinomialNormal, "successes", "trials", "prior_tau", "prior_mu"),
                (ph.PoissonNormal, "counts", "exposure", "prior_tau", "prior_mu")]  # fmt: skip
COUNTED = {"a": [1, 3, 4], "n": [5, 6, 7], "x": [0.0, 1.0, 3.0]}
ROWS = {"y": [1.0, 3.0, 2.0, 5.0, 4.0, 4.5], "x": [0, 1, 2, 0, 1, 2], "g": list("aaabbb")}


@cache
def of_rows():
    return ph.HierarchicalRegression(
        [1.0, 3.0, 2.0, 5.0, 4.0, 4.5, 2.0, 1.0], groups=list("aabbccdd"), sigma=1.0
    )


@cache
def normal():
    return ph.NormalNormal(Y, se=SE, labels=list("ABCD"), prior_mu=stats.norm(0, 20),
                           prior_tau=stats.halfcauchy(scale=10))  # fmt: skip


@cache
def counts():
    prior = {"eta": stats.beta(1, 1), "K": stats.lognorm(1, scale=10)}
    return ph.BetaBinomial([3, 5, 9], [10, 12, 20], prior=prior)


@cache
def posteriors():
    model = normal()
    return {
        "exact": ph.exact(model),
        "exact of counts": ph.exact(counts()),
        "rwmetrop": ph.rwmetrop(model, 50, chains=2, rng=1),
        "importance": ph.importance(model, 500, rng=1),
        "grid": ph.grid(model, 30),
        "given": ph.given(model, mu=1, tau=2),
        "covariates": ph.exact(ph.NormalNormal(Y, se=SE, X={"x": [1, 2, 3, 5]},
                                               prior_tau=stats.halfcauchy(scale=10))),
        "counts by x": ph.exact(ph.BetaBinomial([3, 5, 9, 2], [10, 12, 20, 9],
                                                X={"x": [0, 0, 1, 1]})),
        "levels": ph.exact(ph.MultilevelNormal(Y, se=SE, levels=LEVELS,
                                               prior_tau=stats.halfcauchy(scale=10))),
    }  # fmt: skip


@cache
def chains():
    return coda.mcmc_list(
        *(
            coda.mcmc(np.random.default_rng(k).normal(size=(60, 2)), varnames=["a", "b"])
            for k in (1, 2)
        )
    )


def flat(x, *data):
    return -0.5 * float(np.sum(np.square(x)))


def sloped(x, *data):
    return -0.5 * float(np.sum(np.square(x))), -x


def densities(name, ax=None):
    return plots.densities({"a": posteriors()["exact"]}, name, ax)


# What a message may say in place of the argument.
OTHERWISE = {"lambda_": "lambda", "priors": "prior", "engine": "under the prior",
             "name": "named|data set"}  # fmt: skip


class Kind:
    """What is wrong for one kind of argument."""

    def __init__(self, *wrong, words=()):
        self.wrong, self.words = wrong, words


MODEL = Kind(3.0, None, "model", [1.0, 2.0], ph.NormalNormal, stats.norm(), words=("model",))
COUNT = Kind(0, -1, 2.5, np.inf, -np.inf, np.nan, "10", None, True, [5], 1e30, 10**15)
LEVEL = Kind("0.9", 0, 1, 1.5, -0.1, np.nan, None, [0.9, 0.95], True, "")
PROBS = Kind(0.5, "0.5", [25, 50], [-0.1], [np.nan], None, ["a"], [[0.5]], [])
VECTOR = Kind("abc", None, [[1.0, 2.0], [3.0, 4.0]], ["a", "b", "c", "d"], [], {"a": 1}, 3 + 1j)
POSITIVE = Kind(0.0, -1.0, np.inf, np.nan, "1", None, [1.0, 2.0])
CALLABLE, AXES = Kind(3.0, "x", [1, 2], ph), Kind(3.0, "ax", [1, 2])
RNG, NAME = Kind("x", 1.5, -1, [1], True), Kind("nothing", 3.0, None, ["mu"])
PRIOR_TAU = Kind(
    3, "jeffrey", stats.halfnorm, stats.halfnorm(scale=[1.0, 2.0]), stats.norm(0, 1), None, [1, 2],
    stats.halfcauchy(scale=-1), stats.halfcauchy(scale=np.nan), stats.poisson(3),
    lambda tau: "a", lambda tau: [1.0, 2.0], lambda tau: None, lambda: 0.0,
)  # fmt: skip
PRIOR_MU = Kind(3, "norm", stats.norm, stats.norm([0, 1], 1), stats.t(3), stats.norm(0, np.inf))
ESTIMATES = {"y": VECTOR, "se": Kind(*VECTOR.wrong, [1, 2, 3, 0.0], [1, 2, 3, -1.0], [1.0]),
             "labels": Kind("ABCD", 3, ["A"], ["A", "A", "B", "C"]),
             "prior_tau": PRIOR_TAU, "prior_mu": PRIOR_MU}  # fmt: skip

ENGINE = {"model": MODEL, "draws": COUNT, "rng": RNG}
PROPOSAL = Kind(3.0, "x", [1.0, 2.0], [[1.0, 0.0], [0.0, -1.0]], {"variance": 1.0}, np.eye(3))
START = Kind("x", [1.0], [np.nan, 1.0], [[[1.0]]], {"mu": 1}, [1.0, 2.0, 3.0])
CHAINS = ENGINE | {
    "burn_in": Kind(-1, 2.5, np.inf, "10", None, 1e30, 10**15), "chains": COUNT, "start": START,
}  # fmt: skip
WEIGHTED = ENGINE | {"proposal": PROPOSAL, "scale": Kind(*POSITIVE.wrong[:5]), "df": Kind(
    0.0, -1.0, np.nan, "4", None, [1.0])}  # fmt: skip
METHOD, MADE = Kind("nix", 3, None, ["REML"]), {"draws": COUNT, "rng": RNG}
PARAMETERIZATION = Kind("diagonal", 3, ["centred"], True)
OF_A_DENSITY = {
    "start": Kind("x", [], None, [np.nan], [[[1.0]]]), "lower": Kind("x", [1.0], 2.0, [0.0, 0.0]),
    "upper": Kind("x", -1.0, [np.nan], [0.0, 0.0]), "names": Kind(3, "ab", ["a", "b"], [1, 2]),
}  # fmt: skip
SAMPLED = {
    "draws": COUNT, "tune": Kind(-1, 2.5, np.inf, "10", None, 1e30), "chains": COUNT, "rng": RNG,
    "target_accept": Kind(0, 1, 1.5, np.nan, "0.8", None, [0.8], True),
    "max_treedepth": Kind(0, 21, 2.5, "x", None), "metric": Kind("nix", 3, None, np.eye(2)),
}  # fmt: skip
EVENT = Kind("mu", "mu > ", "nothing > 3", 3.0, None, "mu > tau > 3", lambda d: 3.0, ["mu > 3"])

# What is called, with what, and the kinds of its arguments.
CALLS = {
    "NormalNormal": (ph.NormalNormal, {"y": Y, "se": SE}, ESTIMATES | {
        "prior": Kind(3, "nix", ph.NormalInvChi2)}),
    "NormalNormal.from_raw": (ph.NormalNormal.from_raw, {
        "values": [1, 3, 4, 8], "groups": GROUPED}, {
        "values": VECTOR, "groups": Kind("aabb", 3, ["a"], [None, "a", "b", "b"]),
        "variance": METHOD}),
    "NormalT": (ph.NormalT, {"y": Y, "se": SE}, ESTIMATES | {"nu": Kind(
        0.0, -1.0, np.nan, -np.inf, 0.05, 1e8, "4", None, True, [], [1.0, 1.0], [1.0, np.nan],
        [4.0, "x"], {}, {1.0: -0.5, 4.0: 1.5}, {1.0: 0.5, 4.0: 0.4}, {"a": 1.0}, {1.0: "x"})}),
    "NormalMixture": (ph.NormalMixture, {"y": Y, "se": SE}, ESTIMATES | {
        "weight": Kind(0.0, 1.0, -0.1, np.nan, "0.1", None, [0.1, 0.2]),
        "ratio": Kind(0.5, -1.0, np.inf, np.nan, "10", None, [1.0, 2.0])}),
    "MultilevelNormal": (ph.MultilevelNormal, {"y": Y, "se": SE, "levels": LEVELS}, {
        "y": VECTOR, "se": Kind(*VECTOR.wrong, [1, 2, 3, 0.0], [1.0]), "levels": Kind(
            3, "ab", {}, {"a": "wxyz"}, {"a": [1, 2]}, {"a": [1, 2, None, 3]}),
        "prior_tau": Kind(*PRIOR_TAU.wrong, "jeffreys", {"nix": "uniform"}),
        "prior_mu": PRIOR_MU, "X": Kind("x", [1.0], [np.nan] * 4, {"x": list("abcd")})}),
    "MultilevelNormal.from_formula": (ph.MultilevelNormal.from_formula, {
        "formula": "y ~ (1 | a/b)", "data": FRAME, "se": "se"}, {
        "formula": Kind(3, "y", "nix ~ (1 | a/b)", "y ~ 1", "y ~ (1 | a) + (1 | b)", "y ~ (y | a)"),
        "data": Kind(3, None), "se": Kind("nix", 3)}),
    "MultivariateNormal": (ph.MultivariateNormal, {"y": PAIRS, "cov": COVS}, {
        "y": Kind("x", 3, None, [[1.0]], [[1.0, np.inf]] * 4), "cov": Kind(
            "x", None, [[1.0]], COVS[:3], [[[1.0, 1.0], [1.0, 1.0]]] * 4),
        "prior_tau": Kind(*PRIOR_TAU.wrong, "jeffreys", {"nix": "uniform"}),
        "prior_rho": Kind("x", None, 0.0, -1.0, np.nan),
        "outcomes": Kind("ab", 3, ["a"], ["a", "a"]),
        "labels": Kind("ABCD", 3, ["A"], ["A", "A", "B", "C"])}),
    "HierarchicalRegression": (ph.HierarchicalRegression, {"y": Y, "groups": list("aabb")}, {
        "y": VECTOR, "groups": Kind(3, "ab", ["a"], ["a", "a", None, "b"]),
        "X": Kind("x", [1.0], [np.nan] * 4, {"x": list("abcd")}),
        "Z": Kind("x", [1.0], [np.nan] * 4, np.arange(16.0).reshape(4, 4)),
        "sigma": Kind(0.0, -1.0, np.inf, np.nan, "1", [1.0, 2.0]),
        "weights": Kind([1.0], [1, 1, 0, 1], [1, 1, np.nan, 1]),
        "offset": Kind([1.0], [1, 1, np.nan, 1]),
        "prior_tau": Kind(*PRIOR_TAU.wrong, "jeffreys", {"nix": "uniform"}),
        "prior_sigma": Kind(*PRIOR_TAU.wrong, "jeffreys"),
        "prior_rho": Kind("x", None, 0.0, -1.0, np.nan)}),
    "HierarchicalRegression.from_formula": (ph.HierarchicalRegression.from_formula, {
        "formula": "y ~ x + (1 | g)", "data": ROWS}, {
        "formula": Kind(3, "y", "nix ~ (1 | g)", "y ~ x", "y ~ (nix | g)"),
        "data": Kind(3, None), "missing": Kind("nix", 3)}),
    "leave_group_out": (ph.leave_group_out, {"model": of_rows}, {
        "model": Kind(3, None, "x")}),
    "NormalInvChi2": (ph.NormalInvChi2, {"mu0": 0, "kappa0": 1, "nu0": 1, "tau2_0": 1}, {
        "mu0": Kind(np.nan, "x", None, [1, 2]), "kappa0": POSITIVE, "nu0": POSITIVE,
        "tau2_0": POSITIVE}),
    "BetaBinomial": (ph.BetaBinomial, {"successes": [1, 2], "trials": [4, 5]}, {
        "successes": Kind(*VECTOR.wrong, [1.5, 1], [5, 1]), "trials": Kind(*VECTOR.wrong, [1]),
        "labels": Kind("AB", 3, ["A"]), "prior": Kind(
            3, "nix", {"alpha": stats.expon()}, {"eta": stats.beta, "K": stats.expon()},
            {"eta": stats.beta(1, [1, 2]), "K": stats.expon()}, stats.expon(),
            {"eta": stats.expon(), "K": stats.expon()}, None, lambda a, b: "x", lambda a: 0.0)}),
    **{make.__name__: (make, {y: [1, 2], n: [4, 5]}, {
        y: Kind(*VECTOR.wrong, [1.5, 1]), n: Kind(*VECTOR.wrong, [1.0], [0, 1]),
        "labels": Kind("AB", 3, ["A"]), "prior_mu": PRIOR_MU, "prior_tau": PRIOR_TAU})
        for make, y, n, *_ in COUNT_MODELS[2:]},
    "PoissonGamma": (ph.PoissonGamma, {"counts": [1, 2], "exposure": [4, 5]}, {
        "counts": Kind(*VECTOR.wrong, [1.5, 1]), "exposure": Kind(*VECTOR.wrong, [1.0], [0, 1]),
        "z0": POSITIVE, "prior": Kind(3, "nix", None, {"alpha": 3, "mu": stats.expon()})}),
    **{f"{make.__name__} by x": (make, {y: [1, 2, 4], n: [4, 5, 5], "X": [0, 1, 3]}, {
        y: Kind(*VECTOR.wrong, [1.5, 1, 1]), "X": Kind("x", [1.0], [np.nan] * 3),
        prior: Kind(3, "nix", stats.expon, stats.norm(0, 1), lambda k: "a"),
        other: Kind("bda3", 3), "prior_beta": Kind(3, "x", {"nix": stats.norm(0, 1)})})
        for make, y, n, prior, other in COUNT_MODELS},
    **{f"{make.__name__}.from_formula": (make.from_formula, {
        "formula": "a ~ x", "data": COUNTED, n: "n"}, {
        "formula": Kind(3, "y", "nix ~ x"), "data": Kind(3, None), n: Kind("nix", 3)})
        for make, _, n, *_ in COUNT_MODELS},
    "theta_new by x": (lambda x: posteriors()["counts by x"].theta_new(x), {"x": {"x": 1.0}}, {
        "x": Kind("x", [[1], [1, 2]], object(), {"z": 1}, [1.0, 2.0, 3.0])}),
    "linear by x": (lambda weights: posteriors()["counts by x"].linear(weights), {
        "weights": {"x": 1.0}}, {"weights": Kind(3, None, {}, {"nix": 1.0}, {"x": 0.0})}),
    "lmer": (ph.lmer, {"formula": "y ~ x + (1 | g)", "data": ROWS}, {
        "formula": Kind(3, None, "y", "y ~ x", "y ~ nix + (1 | g)", "y ~ (1 | g | x)"),
        "data": Kind(3, None, [1, 2], {"y": [1.0, 2.0], "x": [1.0, 2.0], "g": ["a", "a"]}),
        "REML": Kind("yes", 3, None), "weights": Kind("nix", [1.0], [0.0] * 6, 3.0),
        "offset": Kind("nix", [1.0], [np.inf] * 6, 3.0), "missing": Kind("omit", 3)}),
    "exact": (ph.exact, {"model": normal}, {"model": MODEL}),
    "exact_many": (ph.exact_many, {"y": [Y, Y], "se": SE}, {
        "y": Kind("abc", None, Y, [], {"a": 1}, 3.0), "se": Kind(
            "abc", [1.0], ["a", "b", "c", "d"], [1, 2, 3, 0.0], [1, 2, 3, np.inf]),
        "prior_tau": Kind(*(p for p in PRIOR_TAU.wrong if p != [1, 2]), ["uniform"]),
        "prior_mu": PRIOR_MU, "errors": Kind("skip", 3, None), "threads": Kind(0, 1.5, "2", -1)}),
    "exact_many.from_frame": (lambda **k: ph.exact_many.from_frame(LONG, **k), {
        "by": "g", "y": "y", "se": "x"}, {
        "by": Kind("nix", 3, None), "y": Kind("nix", 3, None), "se": Kind("nix", 3)}),
    "PosteriorBatch.quantile": (lambda p: ph.exact_many([Y], se=SE).quantile(p), {"p": 0.5}, {
        "p": Kind(0.0, 1.0, -0.1, np.nan, "x", None)}),
    "PosteriorBatch.interval": (lambda level: ph.exact_many([Y], se=SE).interval(level), {
        "level": 0.9}, {"level": LEVEL}),
    "PosteriorBatch.probability": (lambda event: ph.exact_many([Y], se=SE).probability(event), {
        "event": "mu > 0"}, {"event": Kind("mu", "nothing > 3", 3.0, None, "tau > mu")}),
    "PosteriorBatch.sample": (lambda **k: ph.exact_many([Y], se=SE).sample(**k), {"n": 3}, {
        "n": COUNT, "rng": RNG}),
    "given": (ph.given, {"model": normal, "mu": 0.0, "tau": 1.0}, {
        "model": MODEL, "mu": Kind("x", np.nan, None, [1, 2]),
        "tau": Kind(-1.0, np.inf, "x", [1])}),
    "empirical_bayes": (ph.empirical_bayes, {"model": normal}, {"model": MODEL, "method": METHOD}),
    "laplace": (ph.laplace, {"model": normal}, {
        "model": Kind(3.0, "model", ph.NormalNormal), "start": START, "method": Kind("nix", 3)}),
    "laplace of a density": (ph.laplace, {"model": flat, "start": [1.0]}, {
        "start": Kind("x", [], None, [[1.0]], [np.nan])}),
    "LaplaceFit.sample": (lambda **k: ph.laplace(normal()).sample(**k), {"n": 5}, {
        "n": COUNT, "rng": RNG}),
    "rwmetrop": (ph.rwmetrop, {"model": normal, "draws": 5}, CHAINS | {
        "proposal": PROPOSAL, "scale": Kind(*POSITIVE.wrong[:5])}),
    "indepmetrop": (ph.indepmetrop, {"model": normal, "draws": 5}, CHAINS | WEIGHTED),
    "gibbs": (ph.gibbs, {"model": normal, "draws": 5}, CHAINS | {
        "scale": Kind("x", [1.0], [1.0, -1.0], [1.0, np.nan])}),
    "nuts": (ph.nuts, {"model": normal, "draws": 5, "tune": 5}, SAMPLED | {
        "model": MODEL, "parameterization": PARAMETERIZATION, "keep": Kind("mu", 3, ["nix"], [3]),
        "init": Kind("nix", 3, {"mu": 1.0}, {"mu": 1.0, "tau": -1.0}, {
            "mu": 1.0, "tau": 1.0, "theta": [1.0]}, [1.0])}),
    "nuts of a density": (ph.nuts, {"model": sloped, "draws": 5, "tune": 5, "start": [1.0]},
        SAMPLED | OF_A_DENSITY),
    "vi": (ph.vi, {"model": normal}, {
        "model": MODEL, "family": METHOD, "parameterization": PARAMETERIZATION,
        "draws": Kind(10, *COUNT.wrong), "rng": RNG}),
    "vi of a density": (ph.vi, {"model": sloped, "start": [1.0]}, OF_A_DENSITY | {
        "family": METHOD, "draws": Kind(10, *COUNT.wrong), "rng": RNG}),
    "densities": (densities, {
        "name": "mu"}, {"name": NAME, "ax": AXES}),
    "grade": (ph.grade, {"posterior": "rwmetrop", "exact_posterior": "exact"}, {
        "posterior": Kind(3.0, "post", None, normal, flat), "exact_posterior": Kind(
            3.0, "post", normal, "rwmetrop"), "names": Kind("mu", 3, [], ["nix"], [3]),
        "probs": PROBS}),
    "importance": (ph.importance, {"model": normal, "draws": 2_000}, WEIGHTED),
    "sir": (ph.sir, {"model": normal, "draws": 200}, WEIGHTED | {
        "pool": Kind(0, 1.5, "x", np.inf, 1e30)}),
    "rejection": (ph.rejection, {"model": counts, "draws": 5}, WEIGHTED),
    "grid": (ph.grid, {"model": normal, "size": 20}, {
        "model": MODEL, "size": Kind(1, 2.5, np.inf, "x", None, [20, 20, 20], 10**9),
        "limits": Kind("x", 3, [1, 2], [[1, 0], [0, 1]], [[0, np.inf], [0, 1]])}),
    "check_prior": (ph.check_prior, {"prior_tau": "jeffreys", "se": SE}, {
        "prior_tau": PRIOR_TAU, "se": Kind("x", [0.0, 1.0], [-1.0], [np.nan], [np.inf], [], None)}),
    "prior_predictive": (ph.prior_predictive, {"model": normal, "n": 5}, {
        "model": MODEL, "n": COUNT, "rng": RNG}),
    "sensitivity": (ph.sensitivity, {"model": normal, "priors": [{"prior_tau": "dumouchel"}]}, {
        "model": MODEL, "priors": Kind([], 3, None, "uniform", ["uniform"], [{"prior": "nix"}],
        [{"prior_nix": 1}]), "engine": Kind(3, "exact", lambda model: 3, lambda: 3),
        "probs": PROBS}),
    "group_summaries": (ph.group_summaries, {"values": [1, 3, 4, 8], "groups": GROUPED}, {
        "values": VECTOR, "groups": Kind("aabb", 3, ["a"], [None, "a", "b", "b"])}),
    "anova": (ph.anova, {"values": [1, 3, 4, 8], "groups": GROUPED}, {
        "values": VECTOR, "groups": Kind("aabb", 3, ["a"], [None, "a", "b", "b"])}),
    "load_dataset": (ph.load_dataset, {"name": "pumps"}, {
        "name": Kind("nix", 3, None, "../pumps")}),
    "RStream": (ph.RStream, {"seed": 1}, {"seed": Kind("x", [1], np.inf, np.nan, 1e30, 2**40)}),
    "no_pooling": (ph.no_pooling, {"model": normal}, {"model": MODEL, "level": LEVEL}),
    "random_effects": (ph.random_effects, {"model": normal}, {"model": MODEL, "method": METHOD}),
    "RandomEffects.interval": (
        lambda level: ph.reml(normal()).interval(level), {"level": 0.9}, {"level": LEVEL}),
    "RandomEffects.prediction_interval": (
        lambda level: ph.reml(normal()).prediction_interval(level), {"level": 0.9},
        {"level": LEVEL}),
    "EmpiricalBayesPosterior.compare": (
        lambda full: ph.empirical_bayes(normal()).compare(full), {"full": "exact"},
        {"full": Kind(3.0, "x", normal, ph.NormalNormal)}),
    "ExactPosterior.r_squared": (
        lambda reference: posteriors()["covariates"].r_squared(reference), {"reference": "exact"},
        {"reference": Kind(3.0, "x", normal, ph.NormalNormal)}),
    "ExactPosterior.theta_new": (
        lambda x: posteriors()["covariates"].theta_new(x), {"x": {"x": 2.0}},
        {"x": Kind("x", [[1], [1, 2]], object(), {"z": 1}, [1.0, 2.0, 3.0])}),
    "compare_poolings": (ph.compare_poolings, {"model": normal}, {
        "model": MODEL, "tau": Kind("x", -1, np.nan, np.inf, [1, 2])}),
    **{name: (getattr(ph, name), {"model": normal}, {"model": MODEL}) for name in (
        "complete_pooling", "homogeneity_test", "james_stein", "reml", "dersimonian_laird")},
}  # fmt: skip

OF_POSTERIORS = {
    "summary": ({}, {"probs": PROBS}),
    "sample": ({"n": 5}, {"n": COUNT, "rng": RNG}),
    "to_draws": ({"n": 5}, {"n": COUNT, "rng": RNG}),
    "predict": ({}, MADE),
    "predict_new": ({"size": 3}, {"size": Kind(
        "x", None, -1.0, np.nan, [], [[1.0]], [[1.0], [1.0, 2.0]]), **MADE}),
    "log_likelihood": ({}, MADE),
    "predictive_check": ({"statistic": "max"}, {
        "statistic": Kind("nix", 3, None, [], lambda y: "x", lambda y: None), **MADE}),
    "rank": ({}, MADE),
    "to_dataframe": ({}, MADE),
    "to_arviz": ({}, MADE | {"chains": COUNT}),
    "to_mcmc": ({}, MADE | {"chains": COUNT}),
    "probability": ({"event": "theta_new > 3"}, {"event": EVENT}),
    "__getitem__": ({"name": "theta_new"}, {"name": NAME}),
}  # fmt: skip
OF_MARGINALS = {
    "interval": {"level": LEVEL},
    "hdi": {"level": LEVEL},
    "ppf": {"q": Kind(-0.1, 1.1, np.nan, "x", None, [0.5, 2.0])},
    "isf": {"q": Kind(-0.1, 1.1, np.nan, "x", None, [0.5, 2.0])},
    "pdf": {"x": Kind("x", None, [1, "a"])},
    "logpdf": {"x": Kind("x", None)},
    "cdf": {"x": Kind("x", None)},
    "sf": {"x": Kind("x", None)},
    "rvs": {"size": COUNT, "rng": RNG},
}
OF_PLOTS = {
    "forest": ({"posterior": "exact"}, {"level": LEVEL}),
    "shrinkage": ({"posterior": "exact"}, {}),
    "by_size": ({"posterior": "exact"}, {"level": LEVEL}),
    "conditional_means": ({"posterior": "exact"}, {}),
    "density": ({"posterior": "exact", "name": "mu"}, {"name": NAME}),
    "prior_posterior": ({"posterior": "exact", "name": "tau"}, {"name": NAME}),
    "trace": ({"posterior": "rwmetrop", "name": "mu"}, {"name": NAME}),
    "autocorr": ({"posterior": "rwmetrop", "name": "mu"}, {
        "name": NAME, "lags": Kind(*COUNT.wrong[:-1])}),
    "regression": ({"posterior": "covariates", "covariate": "x"}, {
        "covariate": NAME, "level": LEVEL}),
    "divergences": ({"posterior": "rwmetrop"}, {}),
    "funnel": ({"posterior": "rwmetrop"}, {"group": Kind("nix", 3, [1])}),
    "levels": ({"posterior": "levels", "level": "a"}, {"level": NAME, "interval": LEVEL}),
}  # fmt: skip


def cases():
    """Every call, with one argument wrong."""
    for name, (_, given, kinds) in CALLS.items():
        yield from one_wrong(name, given, kinds)
    for method, (given, kinds) in OF_POSTERIORS.items():
        for engine in ("exact", "exact of counts", "rwmetrop", "importance", "grid", "given"):
            for case in one_wrong(f"post {engine}.{method}", given, kinds):
                if engine != "rwmetrop" or case[3] != 10**15:  # it makes no draws, it has them
                    yield case
    for method, kinds in OF_MARGINALS.items():
        for engine in ("exact", "exact of counts", "rwmetrop", "importance", "grid", "given"):
            for quantity in ("theta_new", "theta[1]", "tau"):
                yield from one_wrong(f"marginal {engine}.{quantity}.{method}", {}, kinds)
    for name, (given, kinds) in OF_PLOTS.items():
        wrong = {"posterior": Kind(3.0, None, "post", normal), "ax": AXES}
        yield from one_wrong(f"plots {name}", given, wrong | kinds)


def one_wrong(name, given, kinds):
    for argument, kind in kinds.items():
        for wrong in kind.wrong:
            yield name, given, argument, wrong


def called(name):
    """The callable of a case."""
    kind, _, rest = name.partition(" ")
    if kind == "post":
        engine, _, method = rest.rpartition(".")
        return getattr(posteriors()[engine], method)
    if kind == "marginal":
        engine, quantity, method = rest.split(".")
        post = posteriors()[engine]
        at = {"theta[1]": list(post.names)[-2], "tau": list(post.names)[1]}.get(quantity, quantity)
        return getattr(post[at], method)
    return getattr(plots, rest) if kind == "plots" else CALLS[name][0]


def made(value):
    """A valid argument: those that take time are made when they are wanted."""
    if value in (normal, counts, of_rows):
        return value()
    return posteriors().get(value, value) if isinstance(value, str) else value


def call(name, given, argument, wrong):
    """Call with one argument wrong, the others made."""
    arguments = {key: made(value) for key, value in given.items()} | {argument: wrong}
    function = called(name)
    parameters = inspect.signature(function).parameters
    if len(arguments) == 1 and not name.endswith("rvs"):
        (only,) = arguments.values()
        named = (
            argument in parameters and parameters[argument].kind == inspect.Parameter.KEYWORD_ONLY
        )
        return function(**arguments) if named else function(only)
    first = next(iter(parameters))
    if name.startswith("post ") and first in arguments:
        return function(arguments.pop(first), **arguments)
    return function(**arguments)


def outcome(name, given, argument, wrong):
    """What is bad about the answer to a wrong argument; empty for an error that names it."""
    return judged(argument, lambda: call(name, given, argument, wrong))


def judged(argument, run):
    """What is bad about a run with that argument wrong."""
    try:
        run()
    except (TypeError, ValueError, KeyError) as error:
        told = str(error.args[0] if error.args else error)
        if re.search(rf"\b{argument}\b|{OTHERWISE.get(argument, argument)}", told):
            return ""
        return f"{type(error).__name__} does not name it: {told[:80]}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "it is taken"


def unnamed(name, given, kinds, run):
    """What is bad about a function of a table, argument by argument; ``run`` calls it."""
    found = {
        (argument, repr(value)[:60]): bad
        for _, _, argument, value in one_wrong(name, given, kinds)
        if (bad := judged(argument, lambda a=argument, v=value: run(name, given, a, v)))
    }
    plt.close("all")
    return found


ALL = list(cases())


def group_of(name):
    """A posterior or its marginals, or the callable by itself."""
    return re.sub(r"^(post|marginal) ([^.]*)\..*", r"\1 \2", name)


GROUPS = sorted({group_of(case[0]) for case in ALL})


@pytest.mark.parametrize("group", GROUPS)
def test_an_error_names_the_argument(group):
    wrong = {
        (name, argument, repr(value)[:60]): bad
        for name, given, argument, value in ALL
        if group_of(name) == group and (bad := outcome(name, given, argument, value))
    }
    plt.close("all")
    assert wrong == {}


def test_the_right_arguments_work():
    """So that an error above is of the wrong argument, not of the call."""
    for name, (_, given, _) in CALLS.items():
        if name not in ("to_arviz",):
            called(name)(**{key: made(value) for key, value in given.items()})


def test_every_public_callable_is_in_the_table():
    results = {
        "Calibration", "ConvergenceWarning", "Grade", "LaplaceFit", "Lmer", "MetaRegression",
        "MultilevelEffects", "MultivariateEffects", "PriorCheck", "PriorDraws", "RandomEffects",
        "RandomEffectsMany", "Sensitivity", "GroupMoments",
    }  # fmt: skip
    public = {name for name in ph.__all__ if callable(getattr(ph, name))} - results
    from test_wrong_inputs_of_more import ROWS as MORE

    assert public <= set(CALLS) | set(MORE) | {"NormalSums", "BinomialSums", "PoissonSums"}
    rest = {"calibration", "contour", "densities", "predictive_check", "sensitivity"}
    drawn = set(plots.__all__) - rest
    assert drawn == set(OF_PLOTS) | {"baujat", "caterpillar", "radial", "ridges", "save"}
