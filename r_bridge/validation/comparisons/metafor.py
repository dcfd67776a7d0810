"""metafor's rma, by its eight estimators of tau^2, and blup."""

from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison

import pyhier as ph

METHODS = ("DL", "REML", "ML", "PM", "EB", "HE", "SJ", "HS")

# Half a step: with its default one, Fisher scoring goes round in circles on some data sets. Where
# a likelihood has several hills metafor climbs the one that it starts on, ours takes the highest.
IN_R = """
    climb <- function(start) {{
      control <- list(threshold = 1e-12, tol = 1e-14, maxiter = 10000, stepadj = 0.5)
      control$tau2.init <- start
      rma(y, sei = se, method = "{method}", control = control)
    }}
    fits <- lapply({starts}, climb)
    fit <- fits[[which.max(sapply(fits, function(f) f$fit.stats["ll", "{likelihood}"]))]]
    effects <- blup(fit); new <- predict(fit)
    list(tau2 = c(fit$tau2, fit$se.tau2), mu = as.numeric(fit$beta), se = fit$se,
      Q = fit$QE, pvalue = fit$QEp, I2 = c(fit$I2 / 100, fit$H2),
      new = c(new$pi.lb, new$pi.ub), theta = as.numeric(effects$pred),
      theta_se = as.numeric(effects$se))
"""


def data(rng: np.random.Generator) -> dict[str, Any]:
    """3 to 39 groups; a third without heterogeneity, the rest from a hundredth of the errors up."""
    groups = int(rng.integers(3, 40))
    se = np.exp(rng.normal(0.0, 0.7, groups))
    tau = 0.0 if rng.random() < 1.0 / 3.0 else np.exp(rng.uniform(np.log(0.01), np.log(5.0)))
    return {"y": rng.normal(rng.normal(), np.hypot(tau, se)), "se": se}


def ours(method: str, y: Any, se: Any) -> dict[str, Any]:
    """The same components."""
    model = ph.NormalNormal(y, se=se)
    fit, test = ph.random_effects(model, method), ph.homogeneity_test(model)
    return {
        "tau2": [fit.tau2, fit.tau2_se], "mu": fit.mu, "se": fit.se,
        "Q": test.statistic, "pvalue": test.pvalue, "I2": [fit.i2, fit.h2],
        "new": fit.prediction_interval(), "theta": fit.theta, "theta_se": fit.theta_se,
    }  # fmt: skip


def _comparison(method: str) -> Comparison:
    iterates = method in ("REML", "ML", "PM", "EB")
    climbs = method in ("REML", "ML")
    code = IN_R.format(
        method=method,
        starts="list(NULL, 0, var(y))" if climbs else "list(NULL)",
        likelihood="REML" if method == "REML" else "ML",
    )
    why = "metafor stops when tau^2 moves by 1e-12" + "; the highest of three starts" * climbs
    return Comparison(
        "metafor",
        f"rma, {method}",
        data,
        code,
        lambda y, se: ours(method, y, se),
        1e-8 if iterates else 1e-11,
        why if iterates else "rounding of a closed form",
    )


COMPARISONS = tuple(map(_comparison, METHODS))
