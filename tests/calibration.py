"""Every model by every engine on data drawn from its prior: ``make calibration``.

A line a pair: the verdict of `calibrate`, and the seconds. It fails where an engine that should be
right is not; the approximations (Laplace, variational) are told of alone.
"""

import argparse
import sys
import time

import numpy as np
from scipy import stats

import pyhier as ph

Y, SE = [9.0, 2.0, -3.0, 5.0, 1.0, 7.0], np.array([3.0, 5.0, 8.0, 4.0, 10.0, 6.0])
MU, TAU, ONE = stats.norm(0, 5), stats.halfnorm(scale=5), stats.halfnorm(scale=1)
UNIT = stats.norm(0, 1)
TRIALS, EVENTS = [9, 8, 7, 12], [1, 3, 0, 5]
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
    "rows": lambda: ph.HierarchicalRegression(
        np.arange(12.0), np.tile([0.0, 1.0, 2.0], 4), groups=list("aaabbbcccddd"),
        prior_sigma=TAU, prior_tau=TAU, prior_beta={"Intercept": MU, "x1": UNIT}),
    "logits": lambda: ph.BinomialNormal(EVENTS, TRIALS, prior_mu=UNIT, prior_tau=ONE),
    "log rates": lambda: ph.PoissonNormal(
        EVENTS, [2.0, 3.0, 4.0, 5.0], prior_mu=UNIT, prior_tau=ONE),
    "rare events": lambda: ph.HypergeometricNormal(
        EVENTS, TRIALS, [2, 1, 1, 3], [9, 9, 8, 10], prior_mu=UNIT, prior_tau=ONE),
    "beta-binomial": lambda: ph.BetaBinomial(
        EVENTS, TRIALS, prior={"eta": stats.beta(2, 2), "K": stats.gamma(2, scale=9)}),
}  # fmt: skip
ENGINES = {
    "exact": ph.exact,
    "nuts": lambda m, rng: ph.nuts(m, 1_000, 500, 1, rng=rng, progress=False),
    "rwmetrop": lambda m, rng: ph.rwmetrop(m, 10_000, burn_in=500, rng=rng, progress=False),
    "gibbs": lambda m, rng: ph.gibbs(m, 10_000, burn_in=500, rng=rng, progress=False),
    "indepmetrop": lambda m, rng: ph.indepmetrop(m, 5_000, burn_in=100, rng=rng, progress=False),
    "laplace": lambda m, rng: ph.laplace(m),
    "vi": lambda m, rng: ph.vi(m, rng=rng),
}
APPROXIMATE = ("laplace", "vi")


def main():
    """Run, print a line a pair, and fail where one that should be right is wrong."""
    parser = argparse.ArgumentParser(prog="python -m calibration", description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="data sets of each pair")
    parser.add_argument("--only", default="", help="models whose name has this in it")
    parser.add_argument("--engine", default="", help="engines whose name has this in it")
    options, faults = parser.parse_args(), 0
    for name in (name for name in MODELS if options.only in name):
        for engine in (engine for engine in ENGINES if options.engine in engine):
            begun = time.perf_counter()
            try:
                found = ph.calibrate(MODELS[name](), ENGINES[engine], options.n, rng=7)
                told, right = found.verdict, found.right
            except (TypeError, ValueError) as error:  # what an engine does not take
                told, right = f"{type(error).__name__}: {error}", True
            faults += not right and engine not in APPROXIMATE
            print(f"{name}, {engine}: {told} {time.perf_counter() - begun:.0f} s", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
