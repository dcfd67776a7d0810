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
