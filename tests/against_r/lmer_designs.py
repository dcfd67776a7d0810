"""Random designs for mixed models, and what lme4 and lmerTest say of them."""

import numpy as np
import pandas as pd
from pyhier.r_bridge.validation.comparisons import mixed_models

FIT = (
    "suppressMessages({library(lme4); library(lmerTest)})"
    + mixed_models.SEARCH
    + """
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
)


def design(seed):
    return mixed_models.design(np.random.default_rng([16, seed]), seed)


def frame(data):
    return pd.DataFrame(data)
