"""metafor's rma.glmm: counts with normal effects, of one arm and of two given their total."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison

import pyhier as ph

# lme4's search ends some 4e-6 from the maximum. The 10 is there so that an estimate below 0.1 is
# held to 1e-5, not to a share of itself.
FIT = """
    steps <- list(optCtrl = list(rhoend = 1e-10), tolPwrss = 1e-10)
    fit <- rma.glmm({call}, control = steps, nAGQ = 25)
    c(fit$beta, sqrt(fit$tau2), 10)
"""
# The fit itself takes half a minute of integrals, and often stops unconverged where tau is 0.
LIKELIHOOD = """
    within <- list(lower = -Inf, upper = Inf, rel.tol = 1e-10, subdivisions = 1000L)
    sapply(seq_along(mu), function(i) -metafor:::.dnchg(c(mu[i], 2 * log(tau[i])), ai = a,
      bi = n - a, ci = c, di = m - c, X.fit = cbind(rep(1, length(a))), random = TRUE,
      verbose = FALSE, digits = 4, dnchgcalc = "dnoncenhypergeom", dnchgprec = 1e-13,
      intCtrl = within))
"""


def arms(rng: np.random.Generator, size: int = 300, studies: int = 20) -> dict[str, Any]:
    """Events of two arms; log odds ratios that vary by 0.3 to 1."""
    groups = int(rng.integers(max(3, studies // 3), studies + 1))
    n, m = rng.integers(size // 3, size + 1, (2, groups)).astype(float)
    risk = rng.uniform(0.1, 0.5, groups)
    theta = rng.normal(rng.normal(), np.exp(rng.uniform(-1.2, 0.0)), groups)
    treated = 1.0 / (1.0 + (1.0 / risk - 1.0) * np.exp(-theta))
    a, c = rng.binomial(n.astype(int), treated), rng.binomial(m.astype(int), risk)
    return {"a": a.astype(float), "n": n, "c": c.astype(float), "m": m}


def _arm(rng: np.random.Generator) -> dict[str, Any]:
    found = arms(rng)
    return {"a": found["a"], "n": found["n"]}


def _estimates(model: Any) -> list[float]:
    fit = ph.empirical_bayes(model).estimate
    return [fit["mu"], fit["tau"], 10.0]


def _small(rng: np.random.Generator) -> dict[str, Any]:
    at = {"mu": rng.normal(-0.4, 0.7, 2), "tau": np.exp(rng.uniform(-2.0, 1.0, 2))}
    return arms(rng, 12, 4) | at


def _likelihood(a: Any, n: Any, c: Any, m: Any, mu: Any, tau: Any) -> Any:
    model = ph.HypergeometricNormal(a, n, c, m)
    return model.log_marginal_likelihood(np.column_stack([mu, np.log(tau)]))


TWO = "x1i = a, t1i = n, x2i = c, t2i = m, measure = 'IRR', model = 'CM.EL'"
CALLS: dict[str, tuple[str, Any, Callable[..., Any]]] = {
    "OR CM.AL": (
        "ai = a, n1i = n, ci = c, n2i = m, measure = 'OR', model = 'CM.AL'", arms,
        lambda a, n, c, m: ph.BinomialNormal.from_two_arms(a, n, c, m, measure="OR"),
    ),
    "IRR CM.EL": (
        TWO, arms, lambda a, n, c, m: ph.BinomialNormal.from_two_arms(a, n, c, m, measure="IRR")
    ),
    "PLO": ("xi = a, ni = n, measure = 'PLO'", _arm, lambda a, n: ph.BinomialNormal(a, n)),
    "IRLN": ("xi = a, ti = n, measure = 'IRLN'", _arm, lambda a, n: ph.PoissonNormal(a, n)),
}  # fmt: skip


def _comparison(name: str) -> Comparison:
    call, inputs, model = CALLS[name]
    return Comparison(
        "metafor", f"rma.glmm, {name}", inputs, FIT.format(call=call),
        lambda **data: _estimates(model(**data)), 1e-4, "lme4's search ends 4e-6 from the maximum",
        slow=2,
    )  # fmt: skip


COMPARISONS = (
    *map(_comparison, CALLS),
    Comparison(
        "metafor", "rma.glmm, OR CM.EL, logLik", _small, LIKELIHOOD, _likelihood, 1e-9,
        "R's integrals are good to 1e-10 each", slow=3,
    ),
)  # fmt: skip
