"""metafor's rma with moderators, by its estimators of tau^2 and its four tests."""

from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison

import pyhier as ph

METHODS = ("DL", "REML", "ML", "PM", "EB", "HE", "SJ", "HS", "FE")
TESTS = ("z", "knha", "adhoc", "t")
ITERATED = ("REML", "ML", "PM", "EB")

FIT = """
    fit <- rma(y, vi = v, mods = X, method = method, test = test,
      control = list(threshold = 1e-13, tol = 1e-13, maxiter = 20000, stepadj = 0.5))
    new <- predict(fit, level = 90)
    effects <- if (method == "FE") NULL else blup(fit)
    list(tau2 = fit$tau2, tau2_se = fit$se.tau2, beta = as.numeric(fit$beta), se = fit$se,
      vb = as.numeric(vcov(fit)), QE = fit$QE, QEp = fit$QEp, QM = fit$QM, QMp = fit$QMp,
      I2 = fit$I2, H2 = fit$H2, R2 = if (is.null(fit$R2)) NA_real_ else fit$R2,
      mean = as.numeric(new$pred), mean_se = as.numeric(new$se), ci = as.numeric(new$ci.lb),
      pi = as.numeric(if (is.null(new$pi.lb)) new$ci.lb else new$pi.lb),
      theta = as.numeric(effects$pred), hat = as.numeric(hatvalues(fit)),
      standard = as.numeric(rstandard(fit)$z), pvalue = as.numeric(fit$pval))
"""

# tau^2 stands beside the variances that it is added to, and I^2 beside 100%, so that one at 0 has a
# scale. R^2 is a share of what may be nothing: metafor stops at 1e-14 where ours is 0. The residual
# of a group that alone tells a coefficient is 0 over 0: 0 in metafor, NaN here.
IN_R = f"""
    found <- {{ {FIT} }}
    if (found$tau2 < 1e-9) found$R2 <- NA_real_
    found$tau2 <- c(found$tau2, mean(v)); found$I2 <- c(found$I2, 100)
    found$standard[found$hat > 1 - 1e-9] <- NaN; found
"""


def problem(rng: np.random.Generator, kind: int) -> tuple[Any, Any, Any]:
    """Groups, variances over decades, one to four covariates, a third without heterogeneity."""
    p = int(rng.integers(1, 5))
    groups = int(rng.integers(p + 4, 40))
    x = rng.normal(size=(groups, p)) * np.exp(rng.normal(0.0, 1.0, p))
    if kind % 4 == 1:
        x[:, 0] = rng.integers(0, 2, groups)
        x[:2, 0] = 0.0, 1.0
    var = np.exp(rng.normal(0.0, 1.2, groups))
    tau = 0.0 if kind % 3 == 0 else np.exp(rng.uniform(np.log(0.05), np.log(4.0)))
    y = 1.0 + x @ rng.normal(size=p) * 0.5 + rng.normal(size=groups) * np.sqrt(var + tau**2)
    return y, var, x


def ours(method: str, test: Any, y: Any, v: Any, X: Any) -> dict[str, Any]:  # noqa: N803 - R's
    """What R's `FIT` lists."""
    fit: Any = ph.random_effects(ph.NormalNormal(y, var=v, X=X), method, test)
    new = fit.predict(level=0.9)
    found = {
        "tau2": [fit.tau2, np.mean(v)], "beta": fit.beta, "se": fit.se, "vb": fit.vb.ravel(),
        "QE": fit.QE, "QEp": fit.QEp, "QM": fit.QM, "QMp": fit.QMp, "I2": [fit.I2, 100.0],
        "H2": fit.H2, "R2": np.nan if fit.tau2 < 1e-9 else fit.R2,
        "mean": new.mean, "mean_se": new.se, "ci": new.interval[:, 0],
        "pi": new.prediction_interval[:, 0], "hat": fit.hat_values,
        "standard": np.where(fit.hat_values > 1.0 - 1e-9, np.nan, fit.standardized_residuals),
        "pvalue": fit.table()["p"].to_numpy(),
    }  # fmt: skip
    none = method == "FE"
    return found | {"tau2_se": fit.tau2_se, "theta": [] if none else fit.theta}


def _comparison(method: str) -> Comparison:
    def inputs(rng: np.random.Generator) -> dict[str, Any]:
        kind = int(rng.integers(12))
        y, v, x = problem(rng, kind)
        return {"method": method, "test": TESTS[kind % 4], "y": y, "v": v, "X": x}

    iterated = method in ITERATED
    return Comparison(
        "metafor", f"rma mods, {method}", inputs, IN_R, ours, 1e-8 if iterated else 1e-10,
        "metafor stops when tau^2 moves by 1e-13; coefficients move by ten times its error"
        if iterated else "rounding of closed forms, times what Q - (J - p) cancels",
    )  # fmt: skip


COMPARISONS = tuple(map(_comparison, METHODS))
