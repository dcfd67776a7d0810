"""The exact posterior of counts beside NUTS on the same marginal densities, in one run.

PyMC and nutpie are optional: ``pip install '.[pymc]'``. NUTS samples the hyperparameters with the
effects integrated out, which is its easiest form; compile time is left out.
"""

import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

import pyhier as ph

DRAWS, CHAINS = 1_000, 2


Z0 = 0.53  # Albert's, for the transplants


def tumours() -> ph.BetaBinomial:
    rats = ph.load_dataset("rat_tumors")
    return ph.BetaBinomial(rats["tumors"], rats["rats"])


def transplants() -> ph.PoissonGamma:
    hospitals = ph.load_dataset("hearttransplants")
    return ph.PoissonGamma(hospitals["y"], hospitals["e"], z0=Z0)


CASES = {"BetaBinomial, 71 groups": tumours, "PoissonGamma, 94 hospitals": transplants}


def _in_pymc(model: Any) -> Any:
    """The same density in PyMC, in the same coordinates."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model() as written:
        a, b = (pm.Flat(name, initval=x) for name, x in zip("ab", model.start(), strict=True))
        if isinstance(model, ph.BetaBinomial):
            eta, size = pm.math.sigmoid(a), pt.exp(b)
            pm.BetaBinomial(
                "y", alpha=eta * size, beta=(1 - eta) * size, n=model.trials,
                observed=model.successes,
            )  # fmt: skip
            pm.Potential("prior", pt.log(eta) + pt.log1p(-eta) - 0.5 * b)  # bda3's, in (a, b)
        else:
            alpha, mu = pt.exp(a), pt.exp(b)
            share = alpha / (alpha + mu * model.exposure)
            pm.NegativeBinomial("y", n=alpha, p=share, observed=model.counts)
            pm.Potential("prior", a - 2.0 * pt.log(alpha + Z0))  # poissgamexch's, in (a, b)
    return written


def nuts(model: Any) -> tuple[float, np.ndarray, np.ndarray]:
    """Seconds of sampling by nutpie, and the mean and its standard error of both coordinates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz
        import nutpie

        compiled = nutpie.compile_pymc_model(_in_pymc(model))
        begun = time.perf_counter()
        trace = nutpie.sample(
            compiled, draws=DRAWS, tune=500, chains=CHAINS, cores=2, seed=1, progress_bar=False
        )
        seconds = time.perf_counter() - begun
        table = arviz.summary(trace, kind="all", round_to="none")
    return seconds, table["mean"].to_numpy(), table["mcse_mean"].to_numpy()


def counts(best: Callable[..., float], table: Callable[..., str]) -> str:
    """Fit, and marginals of both coordinates; NUTS's means must agree."""
    rows = []
    for name, make in CASES.items():

        def marginals(make: Callable[[], Any] = make) -> list[Any]:
            post = ph.exact(make())
            both = [post[coordinate] for coordinate in post.model.coordinates]
            return [(m.mean(), m.std(), m.ppf([0.025, 0.5, 0.975])) for m in both]

        fit, everything = best(lambda make=make: ph.exact(make()), 20), best(marginals, 20)
        rows.append([f"{name}: model and exact", f"{1e3 * fit:,.1f}", ""])
        rows.append([f"{name}: and marginals of both", f"{1e3 * everything:,.1f}", "1"])
        if find_spec("pymc") and find_spec("nutpie"):
            seconds, mean, error = nuts(make())
            apart = np.max(np.abs(mean - [exact[0] for exact in marginals()]) / error)
            label = f"{name}: nutpie, {CHAINS} x {DRAWS:,} draws (means {apart:.1f} mcse apart)"
            rows.append([label, f"{1e3 * seconds:,.0f}", f"{seconds / everything:,.0f}"])
    return table("Exact posteriors of counts", ["", "ms", "times pyhier's"], rows)


def many(groups: int, most: int) -> ph.BetaBinomial:
    """Groups of up to so many trials."""
    rng = np.random.default_rng(1)
    trials = rng.integers(1, most + 1, groups)
    return ph.BetaBinomial(rng.binomial(trials, rng.beta(3.0, 9.0, groups)), trials)


def huge() -> ph.BetaBinomial:
    """Fifty groups of 1e12 trials."""
    rng = np.random.default_rng(1)
    trials = np.full(50, 10**12)
    return ph.BetaBinomial(rng.binomial(trials, rng.beta(30.0, 90.0, 50)), trials)


def many_rates(groups: int) -> ph.PoissonGamma:
    """Groups with exposures that all differ."""
    rng = np.random.default_rng(1)
    exposure = rng.uniform(5.0, 200.0, groups)
    return ph.PoissonGamma(rng.poisson(exposure * rng.gamma(3.0, 0.1, groups)), exposure)


SIZES = {
    "BetaBinomial, 71 groups": tumours,
    "PoissonGamma, 94 hospitals": transplants,
    "BetaBinomial, 1,000 groups of up to 200": lambda: many(1_000, 200),
    "PoissonGamma, 1,000 groups": lambda: many_rates(1_000),
    "BetaBinomial, 50 groups of 1e12": huge,
}
LARGE = {
    "BetaBinomial, 100,000 groups of up to 1,000": lambda: many(100_000, 1_000),
    "BetaBinomial, 1,000,000 groups of up to 1,000": lambda: many(1_000_000, 1_000),
}


def count_sizes(best: Callable[..., float], table: Callable[..., str]) -> str:
    """`exact` by itself, and then all summaries, of few groups and of many."""
    rows = []
    for name, make in {**SIZES, **LARGE}.items():
        model = make()
        fit = best(lambda model=model: ph.exact(model), 5)
        row = [name, f"{1e3 * fit:,.1f}", "", ""]
        if name in SIZES:
            whole = best(lambda model=model: ph.exact(model).columns(), 3) - fit
            posterior = ph.exact(model)
            hyper = [x for x in posterior.names if not x.startswith("theta")]
            both = best(
                lambda model=model, hyper=hyper: list(map(ph.exact(model).__getitem__, hyper)), 3
            )
            effects = whole - (both - fit)
            row[2:] = [f"{1e3 * whole:,.1f}", f"{1e3 * effects / len(model.labels):.3f}"]
        rows.append(row)
    head = ["", "exact, ms", "summaries, ms", "ms an effect"]
    return table("Counts of any size", head, rows)
