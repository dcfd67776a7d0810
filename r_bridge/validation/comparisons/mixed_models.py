"""lme4's lmer: random designs of rows, the values at one covariance, and its own search."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pyhier.r_bridge.validation.comparison import Comparison

import pyhier as ph

FORMULAS = (
    "y ~ x1 + (1 | g)",
    "y ~ x1 + x2 + (x1 | g)",
    "y ~ x1 + w + (x1 || g)",
    "y ~ x1 * f + (0 + x1 | g)",
    "y ~ f + x1 + (x1 + x2 | g)",
    "y ~ x1 + (1 | d/s)",
    "y ~ x1 + x2 + (x1 + x2 || g)",
    "y ~ 1 + (1 | g)",
    "y ~ 0 + x1 + f + offset(x2) + (1 + x1 | g)",
    "y ~ x1 + (0 + f | g)",
)

# The search without derivative checks, to the optimiser's last digit, from two starts.
SEARCH = """
  suppressMessages(library(lme4))
  d <- as.data.frame(data, stringsAsFactors = TRUE)
  d$f <- factor(d$f); d$g <- factor(d$g); d$d <- factor(d$d); d$s <- factor(d$s)
  control <- function(...) lmerControl(..., calc.derivs = FALSE, check.conv.singular = "ignore",
    check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore", check.nobs.vs.rankZ = "ignore")
  tight <- list(control("bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5)),
    control("nloptwrap", optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 1e5)))
  d$wt <- if (weighted) d$wt else 1
  fits <- lapply(tight, function(control) suppressMessages(suppressWarnings(
    lmer(as.formula(formula), d, REML = reml, weights = wt, control = control))))
  values <- sapply(fits, function(fit) if (reml) REMLcrit(fit) else deviance(fit))
  fit <- fits[[which.min(values)]]
"""
# lme4's deviance and predictions at our covariance; the second deviance is the lower one of it and
# its own search's.
GIVEN = (
    SEARCH
    + """
  parts <- suppressMessages(lFormula(as.formula(formula), d, REML = reml, weights = wt,
    control = control()))
  crit <- do.call(mkLmerDevfun, parts)
  at <- crit(theta)
  fit <- mkMerMod(environment(crit), list(par = theta, fval = at, conv = 0), parts$reTrms, parts$fr)
  re <- as.data.frame(ranef(fit, condVar = TRUE))
  place <- function(x) match(as.character(x), unique(as.character(x)))
  re <- re[order(place(re$grpvar), place(re$term), as.integer(sub(":.*", "", re$grp))), ]
  ml <- function(fit) c(logLik(fit), AIC(fit), BIC(fit))
  list(deviance = c(at, min(at, values)), beta = as.numeric(fixef(fit)), sigma = sigma(fit),
    vcov = as.matrix(vcov(fit)), b = re$condval, sd = re$condsd, fitted = as.numeric(fitted(fit)),
    likelihood = ml(fit))
"""
)
# Where the search stopped short of our deviance, or on a higher one, ours stands for it.
SEARCHED = (
    SEARCH
    + """
  if (min(values) < best$deviance + 1e-8) as.data.frame(VarCorr(fit))$vcov else best$vcov
"""
)


def design(
    rng: np.random.Generator, kind: int, most: Sequence[int] = (6, 12, 40)
) -> tuple[str, dict[str, Any], bool, bool]:
    """A formula, its data, and whether by REML and with weights: groups of one row among them."""
    formula = FORMULAS[kind % len(FORMULAS)]
    groups = int(rng.integers(4, 30)) + 6 * ("/" in formula)
    sizes = rng.integers(1, rng.choice(most), groups)
    sizes[: groups // 2 + 1] += 4
    if kind % 3 == 0:
        sizes[:] = sizes[0]
    g = np.repeat(np.arange(groups), sizes)
    rng.shuffle(g)
    n = g.size
    x = rng.normal(size=(n, 2)) * np.exp(rng.normal(0.0, 0.7, 2)) + rng.normal(0.0, 3.0, 2)
    f, d = rng.integers(0, 3, n), g % 5
    f[:6] = [0, 1, 2, 0, 1, 2]
    w = rng.normal(size=groups)[g]
    z = {"x1": x[:, 0], "x2": x[:, 1]}
    b = rng.normal(size=(groups, 3)) @ np.tril(rng.normal(size=(3, 3)))
    b *= rng.choice([0.0, 0.05, 0.5, 2.0], 3, p=[0.25, 0.2, 0.35, 0.2])
    y = 1.0 + 0.5 * x[:, 0] + 0.3 * f + b[g, 0] + b[g, 1] * x[:, 0] + b[g, 2] * x[:, 1]
    y += rng.normal(size=5)[d] * rng.choice([0.0, 1.0])
    wt = np.exp(rng.normal(0.0, 0.8, n))
    weighted = bool(kind % 4 == 1)
    y += rng.normal(size=n) / (np.sqrt(wt) if weighted else 1.0)
    data = {"y": y, **z, "w": w, "f": ["uvw"[k] for k in f], "g": g, "d": d, "s": g, "wt": wt}
    return formula, data, bool(rng.integers(0, 2)), weighted


def _fit(formula: str, data: Mapping[str, Any], reml: bool, weighted: bool) -> Any:
    weights = "wt" if weighted else None
    return ph.lmer(formula, pd.DataFrame(data), bool(reml), weights=weights)


def _theta(fit: Any) -> Any:
    """lme4's parameters: by columns of the lower triangle; of nested levels the inner first."""
    if fit.nested:
        return np.diag(fit.theta)[::-1]
    if not fit.design.correlated:
        return np.diag(fit.theta)
    return fit.theta.T[np.triu_indices(len(fit.theta))]


def _inputs(rng: np.random.Generator) -> dict[str, Any]:
    formula, data, reml, weighted = design(rng, int(rng.integers(60)), (6, 9, 12))
    fit = _fit(formula, data, reml, weighted)
    best = {"deviance": fit.deviance, "vcov": fit.VarCorr["vcov"].to_numpy()}
    return {
        "formula": formula, "data": data, "reml": reml, "weighted": weighted, "theta": _theta(fit),
        "best": best,
    }  # fmt: skip


def _given(formula: str, data: Any, reml: bool, weighted: bool, **_: Any) -> dict[str, Any]:
    fit = _fit(formula, data, reml, weighted)
    order = [np.argsort([int(x.rsplit("/")[-1]) for x in labels]) for labels in fit.design.labels]
    rows = order[0]
    if fit.nested:  # the inner level, which is the second here, is the first in R
        rows = np.append(order[1] + rows.size, rows)
    values, q = fit.ranef().to_numpy()[rows].T, len(fit.design.z_names)
    return {
        "deviance": [fit.deviance, fit.deviance], "beta": fit.beta, "sigma": fit.sigma,
        "vcov": fit.vcov, "b": values[:q].ravel(), "sd": values[q:].ravel(), "fitted": fit.fitted,
        "likelihood": [fit.logLik, fit.AIC, fit.BIC],
    }  # fmt: skip


def _searched(formula: str, data: Any, reml: bool, weighted: bool, **_: Any) -> Any:
    return _fit(formula, data, reml, weighted).VarCorr["vcov"].to_numpy()


COMPARISONS = (
    Comparison(
        "lme4", "lmer", _inputs, GIVEN, _given, 1e-9,
        "least squares, by other decompositions", slow=3,
    ),
    Comparison(
        "lme4", "lmer, search", _inputs, SEARCHED, _searched, 1e-4,
        "without derivatives: good to the root of the deviance's rounding", slow=3,
    ),
)  # fmt: skip
