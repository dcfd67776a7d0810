"""Counts with covariates against glmmTMB: likelihoods at its estimates, and maximum likelihood."""

import numpy as np
import pytest

import pyhier as ph

BCG = ph.load_dataset("bcg")

SUCCESSES = """
    suppressPackageStartupMessages(library(glmmTMB))
    fit <- glmmTMB(cbind(y, n - y) ~ x, family = betabinomial(link = "logit"), data = data,
      control = glmmTMBControl(optCtrl = list(rel.tol = 1e-15, x.tol = 1e-12)))
    list(beta = as.numeric(fixef(fit)$cond), size = sigma(fit), logLik = as.numeric(logLik(fit)))
"""
EVENTS = SUCCESSES.replace(
    'cbind(y, n - y) ~ x, family = betabinomial(link = "logit")',
    "y ~ x + offset(log(n)), family = nbinom2",
)


@pytest.mark.parametrize("arm", ["vaccinated", "control"])
@pytest.mark.parametrize("script", [SUCCESSES, EVENTS])
def test_maximum_likelihood_is_glmmtmbs(r, script, arm):
    pytest.importorskip("rpy2")
    data = BCG[[f"{arm}_cases", arm, "latitude"]].set_axis(["y", "n", "x"], axis=1)
    make = ph.BetaBinomial if script is SUCCESSES else ph.PoissonGamma
    model = make(data["y"], data["n"], X={"x": data["x"]})
    theirs = r(script, data={name: column.to_numpy(float) for name, column in data.items()})
    ours = ph.empirical_bayes(model).estimate
    values = np.array(list(ours.values()))
    size = float(np.ravel(theirs["size"])[0])
    np.testing.assert_allclose(values, [*np.ravel(theirs["beta"]), size], rtol=1e-5)
    at = np.append(np.ravel(theirs["beta"]), np.log(size))
    level = model.log_marginal_likelihood(at[np.newaxis])[0]
    assert level == pytest.approx(float(np.ravel(theirs["logLik"])[0]), abs=1e-8)
