"""Random designs for mixed models, and what lme4 and lmerTest say of them."""

import numpy as np
import pandas as pd

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

# Without derivative checks, to the optimiser's last digit, from two starts.
FIT = """
  suppressMessages({library(lme4); library(lmerTest)})
  d <- as.data.frame(data, stringsAsFactors = TRUE)
  d$f <- factor(d$f); d$g <- factor(d$g); d$d <- factor(d$d); d$s <- factor(d$s)
  tight <- list(lmerControl(optimizer = "bobyqa", calc.derivs = FALSE,
                            check.conv.singular = "ignore", check.nobs.vs.nRE = "ignore",
                            check.nobs.vs.nlev = "ignore", check.nobs.vs.rankZ = "ignore",
                            optCtrl = list(rhoend = 1e-10, maxfun = 1e5)),
                lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE,
                            check.conv.singular = "ignore", check.nobs.vs.nRE = "ignore",
                            check.nobs.vs.nlev = "ignore", check.nobs.vs.rankZ = "ignore",
                            optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 1e5)))
  d$wt <- if (weighted) d$wt else 1
  fits <- lapply(tight, function(control) suppressMessages(suppressWarnings(
    lmer(as.formula(formula), d, REML = reml, weights = wt, control = control))))
  values <- sapply(fits, function(fit) if (reml) REMLcrit(fit) else deviance(fit))
  fit <- fits[[which.min(values)]]
  vc <- as.data.frame(VarCorr(fit))
  re <- as.data.frame(ranef(fit, condVar = TRUE))
  out <- list(deviance = min(values), other = max(values), beta = as.numeric(fixef(fit)),
    vcov = as.matrix(vcov(fit)), sdcor = vc$sdcor, sigma = sigma(fit), aic = AIC(fit),
    bic = BIC(fit), loglik = as.numeric(logLik(fit)), df = attr(logLik(fit), "df"),
    b = re$condval, sd = re$condsd, grp = as.character(re$grp), term = as.character(re$term),
    var = as.character(re$grpvar), fitted = as.numeric(fitted(fit)),
    names = names(fixef(fit)))
  if (satterthwaite) out$ddf <- as.numeric(suppressWarnings(suppressMessages(
    coef(summary(fit))[, "df"])))
  out
"""


def design(seed):
    """A formula, its data, and whether by REML and with weights: groups of one row among them."""
    rng = np.random.default_rng([16, seed])
    formula = FORMULAS[seed % len(FORMULAS)]
    groups = int(rng.integers(4, 30)) + 6 * ("/" in formula)
    sizes = rng.integers(1, rng.choice([6, 12, 40]), groups)
    sizes[: groups // 2 + 1] += 4
    if seed % 3 == 0:
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
    weighted = bool(seed % 4 == 1)
    y += rng.normal(size=n) / (np.sqrt(wt) if weighted else 1.0)
    data = {"y": y, **z, "w": w, "f": ["uvw"[k] for k in f], "g": g, "d": d, "s": g, "wt": wt}
    return formula, data, bool(rng.integers(0, 2)), weighted


def frame(data):
    return pd.DataFrame(data)
