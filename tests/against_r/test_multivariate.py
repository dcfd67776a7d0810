"""random_effects of several outcomes against metafor's rma.mv with an unstructured covariance."""

import numpy as np
import pytest
from pyhier.r_bridge.validation.comparisons import several_variances
from scipy.linalg import block_diag

import pyhier as ph

CLOSED = 1e-7  # both are closed forms at the same covariance; correlations near 1 cost digits

FIT = """
    data <- data.frame(y = as.numeric(y), outcome = factor(outcome), study = study)
    V <- as.matrix(V)
    control <- list(optimizer = "nlminb", iter.max = 1000, eval.max = 2000)
    free <- suppressWarnings(rma.mv(y, V, mods = ~ outcome - 1, random = ~ outcome | study,
      struct = "UN", data = data, method = method, control = control))
    fit <- suppressWarnings(rma.mv(y, V, mods = ~ outcome - 1, random = ~ outcome | study,
      struct = "UN", data = data, method = method, tau2 = tau2, rho = rho))
    list(free = as.numeric(logLik(free)), logLik = as.numeric(logLik(fit)),
      tau2 = free$tau2, rho = free$rho, AIC = AIC(free),
      beta = as.numeric(fit$beta), se = fit$se, QE = fit$QE, QM = fit$QM)
"""


def problem(seed):
    return several_variances.outcomes(np.random.default_rng([41, seed]), seed)


def compared(r, y, cov, names, method):
    ours = ph.random_effects(ph.MultivariateNormal(y, cov=cov, outcomes=names), method)
    seen = ~np.isnan(y.ravel())
    study = np.repeat(np.arange(len(y)), 2)[seen]
    outcome = np.tile(names, len(y))[seen]
    whole = block_diag(*cov)[np.ix_(seen, seen)]
    theirs = r(
        FIT, y=y.ravel()[seen], V=whole, outcome=[str(o) for o in outcome],
        study=[int(s) for s in study], method=method, tau2=ours.tau2, rho=float(ours.rho[0, 1]),
    )  # fmt: skip
    return ours, theirs


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_random_problems(r, method):
    short = 0
    for seed in range(7):
        y, cov = problem(seed)
        ours, theirs = compared(r, y, cov, ["a", "b"], method)
        assert ours.log_likelihood >= theirs["free"] - 1e-8
        if ours.log_likelihood < theirs["free"] + 1e-6:
            np.testing.assert_allclose(ours.tau2, theirs["tau2"], rtol=3e-3, atol=1e-4)
            assert ours.aic == pytest.approx(theirs["AIC"], abs=1e-5)
        else:
            short += 1
        for name, found in (("beta", ours.beta), ("se", ours.se), ("QE", ours.QE), ("QM", ours.QM)):
            np.testing.assert_allclose(found, theirs[name], rtol=CLOSED, err_msg=name)
        assert ours.log_likelihood == pytest.approx(theirs["logLik"], rel=CLOSED, abs=CLOSED)
    assert short <= 3


def test_berkey(r):
    """As metafor's documentation prints it."""
    data = ph.load_dataset("berkey")
    cov = np.empty((5, 2, 2))
    cov[:, 0, 0], cov[:, 1, 1] = data["var_pd"], data["var_al"]
    cov[:, 0, 1] = cov[:, 1, 0] = data["cov"]
    ours, theirs = compared(r, data[["pd", "al"]].to_numpy(), cov, ["PD", "AL"], "REML")
    np.testing.assert_allclose(ours.tau2, [0.0117, 0.0327], atol=5e-5)
    assert ours.rho[0, 1] == pytest.approx(0.6088, abs=5e-5)
    np.testing.assert_allclose(ours.beta, [0.3534, -0.3392], atol=5e-5)
    np.testing.assert_allclose(ours.se, [0.0588, 0.0879], atol=6e-5)
    assert pytest.approx(128.2267, abs=1e-4) == ours.QE
    assert pytest.approx(108.8616, abs=1e-3) == ours.QM
    assert ours.log_likelihood >= theirs["free"] - 1e-10
