"""Every model by every engine on data drawn from its prior: ``make calibration``.

A line a pair: the verdict of `calibrate`, and the seconds. Of so many pairs one in a hundred is out
of its band by chance: such a pair has another four times as many data sets. It fails where an
engine that should be right is out of it again; the approximations (Laplace, variational) are told
of alone. ``--save FILE`` keeps the places of the truth, of which the documents draw.
"""

import argparse
import sys
import time
import warnings

import numpy as np
import pandas as pd
from scipy import stats

import pyhier as ph

Y, SE = [9.0, 2.0, -3.0, 5.0, 1.0, 7.0], np.array([3.0, 5.0, 8.0, 4.0, 10.0, 6.0])
MU, TAU, ONE = stats.norm(0, 5), stats.halfnorm(scale=5), stats.halfnorm(scale=1)
UNIT = stats.norm(0, 1)
TRIALS, EVENTS = [9, 8, 7, 12], [1, 3, 0, 5]
GAMMA = stats.gamma(4, scale=2)
MODELS = {
    "normal": lambda: ph.NormalNormal(Y, se=SE, prior_mu=MU, prior_tau=TAU),
    "covariate": lambda: ph.NormalNormal(
        Y, se=SE, X=np.arange(6.0), prior_tau=TAU,
        prior_beta={"Intercept": MU, "x1": UNIT}),
    "levels": lambda: ph.MultilevelNormal(
        Y, se=SE, levels={"a": list("aabbcc"), "b": range(6)}, prior_mu=MU, prior_tau=TAU),
    "outcomes": lambda: ph.MultivariateNormal(
        np.arange(12.0).reshape(6, 2) ** 0.5, cov=[np.eye(2)] * 6, prior_tau=TAU,
        prior_beta=([0.0, 0.0], 9.0 * np.eye(2))),
    "t": lambda: ph.NormalT(Y, se=SE, nu=4, prior_mu=MU, prior_tau=TAU),
    "two normals": lambda: ph.NormalMixture(Y, se=SE, prior_mu=MU, prior_tau=TAU),
    "variances": lambda: ph.VarianceGamma(
        [2.0, 3.0, 1.0, 5.0, 2.0], [5.0, 8.0, 6.0, 7.0, 9.0],
        prior={"d0": stats.gamma(4, scale=3), "s2_0": GAMMA}),
    "rows": lambda: ph.HierarchicalRegression(
        np.arange(12.0), np.tile([0.0, 1.0, 2.0], 4), groups=list("aaabbbcccddd"),
        prior_sigma=TAU, prior_tau=TAU, prior_beta={"Intercept": MU, "x1": UNIT}),
    "logits": lambda: ph.BinomialNormal(EVENTS, TRIALS, prior_mu=UNIT, prior_tau=ONE),
    "log rates": lambda: ph.PoissonNormal(
        EVENTS, [2.0, 3.0, 4.0, 5.0], prior_mu=UNIT, prior_tau=ONE),
    "rare events": lambda: ph.HypergeometricNormal(
        EVENTS, TRIALS, [2, 1, 1, 3], [9, 9, 8, 10], prior_mu=UNIT, prior_tau=ONE),
    "logits, covariate": lambda: ph.BinomialNormal(
        EVENTS, TRIALS, X=[0.0, 1.0, 0.5, -1.0], prior_tau=ONE,
        prior_beta={"Intercept": UNIT, "x1": UNIT}),
    "beta-binomial": lambda: ph.BetaBinomial(
        EVENTS, TRIALS, prior={"eta": stats.beta(2, 2), "K": stats.gamma(2, scale=9)}),
    "beta-binomial, covariate": lambda: ph.BetaBinomial(
        EVENTS, TRIALS, X=[0.0, 1.0, 0.5, -1.0], prior_K=stats.gamma(2, scale=9),
        prior_beta={"Intercept": UNIT, "x1": UNIT}),
    "Poisson-gamma": lambda: ph.PoissonGamma(
        EVENTS, [2.0, 3.0, 4.0, 5.0], prior={"alpha": GAMMA, "mu": stats.gamma(3, scale=0.5)}),
    "Poisson-gamma, covariate": lambda: ph.PoissonGamma(
        EVENTS, [2.0, 3.0, 4.0, 5.0], X=[0.0, 1.0, 0.5, -1.0], prior_alpha=GAMMA,
        prior_beta={"Intercept": UNIT, "x1": UNIT}),
}  # fmt: skip
ENGINES = {
    "exact": ph.exact,
    "nuts": lambda m, rng: ph.nuts(m, 1_000, 500, 1, rng=rng, progress=False),
    "rwmetrop": lambda m, rng: ph.rwmetrop(m, 10_000, burn_in=500, rng=rng, progress=False),
    "gibbs": lambda m, rng: ph.gibbs(m, 10_000, burn_in=500, rng=rng, progress=False),
    "indepmetrop": lambda m, rng: ph.indepmetrop(m, 5_000, burn_in=100, rng=rng, progress=False),
    "importance": lambda m, rng: ph.importance(m, 5_000, rng=rng),
    "sir": lambda m, rng: ph.sir(m, 500, pool=5_000, rng=rng),
    "rejection": lambda m, rng: ph.rejection(m, 500, df=1, rng=rng),
    "grid": lambda m, rng: ph.grid(m, 40).to_draws(500, rng),
    "laplace": lambda m, rng: ph.laplace(m),
    "vi": lambda m, rng: ph.vi(m, rng=rng),
}
APPROXIMATE = ("laplace", "vi")
AGAIN = 4  # times as many data sets for those that are out of their band


def calibrated(make, engine, n):
    """What `calibrate` finds, and whether there is no fault of the engine's in it."""
    found = ph.calibrate(make(), engine, n, rng=7)
    if found.right or engine in [ENGINES[name] for name in APPROXIMATE]:
        return found, True
    print("  once more:", found.verdict, flush=True)
    again = ph.calibrate(make(), engine, AGAIN * n, rng=8)
    return (again if not again.right else found), again.right


def main():
    """Run, print a line a pair, and fail where one that should be right is wrong."""
    parser = argparse.ArgumentParser(prog="python -m calibration", description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="data sets of each pair")
    parser.add_argument("--only", default="", help="the model, or those whose name has it")
    parser.add_argument("--engine", default="", help="engines whose name has this in it")
    parser.add_argument("--save", default="", help="a CSV file of all places of the truth")
    options, faults, places = parser.parse_args(), 0, []
    warnings.simplefilter("ignore")  # chains of some data sets mix badly, and say so
    only = options.only
    for name in [only] if only in MODELS else [name for name in MODELS if only in name]:
        for engine in (engine for engine in ENGINES if options.engine in engine):
            begun = time.perf_counter()
            try:
                found, right = calibrated(MODELS[name], ENGINES[engine], options.n)
            except (TypeError, ValueError) as error:  # what an engine does not take
                told = f"{type(error).__name__}: {error}"
            else:
                told = found.verdict
                faults += not right
                places += rows_of(name, engine, found.pit)
            print(f"{name}, {engine}: {told} {time.perf_counter() - begun:.0f} s", flush=True)
            if options.save and places:
                table = pd.DataFrame(places, columns=["model", "engine", "quantity", "places"])
                table.to_csv(options.save, index=False)
    return 1 if faults else 0


def rows_of(model, engine, pit):
    """A row a quantity; the places of all data sets in thousandths, rounded down."""
    thousandths = np.floor(1e3 * pit).astype(int).astype(str)
    return [(model, engine, name, " ".join(thousandths[name])) for name in pit.columns]


if __name__ == "__main__":
    sys.exit(main())
