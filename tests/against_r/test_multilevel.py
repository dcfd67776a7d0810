"""random_effects of groups within groups against metafor's rma.mv: random trees, metadat's data."""

import numpy as np
import pytest
from pyhier.r_bridge.validation.comparisons import several_variances

import pyhier as ph

# At the same sigma^2 both are closed forms. metafor's own search stops on the likelihood, which is
# flat at its top, so that its sigma^2 is good to the square root of what it tells apart there.
CLOSED, SEARCHED = 1e-8, 3e-4

FIT = """
    free <- suppressWarnings(rma.mv(y, v, mods = X, intercept = FALSE, random = ~ 1 | FORM,
      data = data, method = method, test = test))
    fit <- suppressWarnings(rma.mv(y, v, mods = X, intercept = FALSE, random = ~ 1 | FORM,
      data = data, method = method, test = test, sigma2 = sigma2))
    effects <- ranef(fit)
    new <- predict(fit, level = 90)
    list(sigma2 = free$sigma2, logLik = as.numeric(logLik(fit)), free = as.numeric(logLik(free)),
      beta = as.numeric(fit$beta), se = fit$se, QE = fit$QE, QEp = fit$QEp,
      outer = effects[[1]]$intrcpt, outer_se = effects[[1]]$se,
      AIC = AIC(free), BIC = BIC(free),
      ci = as.numeric(new$ci.lb), pi = as.numeric(new$pi.lb))
"""


def problem(seed):
    return several_variances.tree(np.random.default_rng([23, seed]), seed)


def fitted(r, y, var, levels, x, method, sigma2, test="z"):
    names = "abc"[: len(levels)]
    frame = "data <- data.frame(" + ", ".join(f"{k} = as.integer({k})" for k in names) + ")"
    code = frame + "; " + FIT.replace("FORM", "/".join(names))
    return r(code, y=y, v=var, X=x, method=method, test=test, sigma2=sigma2, **levels)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_random_trees(r, method):
    zeros, short = 0, 0
    for seed in range(10):
        y, var, levels, x = problem(seed)
        design = {f"x{k}": column for k, column in enumerate(x.T)}
        model = ph.MultilevelNormal(y, var=var, levels=levels, X=design, intercept=False)
        ours = ph.random_effects(model, method)
        theirs = fitted(r, y, var, levels, x, method, ours.tau2)
        zeros += int((ours.tau2 == 0.0).any())
        assert ours.log_likelihood >= theirs["free"] - 1e-10
        if ours.log_likelihood < theirs["free"] + 1e-7:
            np.testing.assert_allclose(ours.tau2, theirs["sigma2"], rtol=SEARCHED, atol=SEARCHED)
            for name, found in (("AIC", ours.aic), ("BIC", ours.bic)):
                assert found == pytest.approx(theirs[name], abs=1e-6)
        else:
            short += 1  # metafor stopped short, or on a lower hill
        new = ours.predict(level=0.9)
        for name, found in (
            ("logLik", ours.log_likelihood), ("beta", ours.beta), ("se", ours.se),
            ("QE", ours.QE), ("QEp", ours.QEp), ("ci", new.interval[:, 0]),
            ("pi", new.prediction_interval[:, 0]),
        ):  # fmt: skip
            np.testing.assert_allclose(found, theirs[name], rtol=CLOSED, atol=CLOSED, err_msg=name)
        effects = ours.ranef("a").loc[sorted({*map(str, levels["a"])}, key=int)]
        np.testing.assert_allclose(effects["effect"], theirs["outer"], rtol=CLOSED, atol=CLOSED)
        if ours.tau2[0] > 0.0:  # metafor has no se of effects that are 0
            np.testing.assert_allclose(effects["se"], theirs["outer_se"], rtol=1e-6, atol=1e-7)
    assert zeros >= 2  # a tau at 0 is among them
    assert short <= 3


def test_konstantopoulos(r):
    data = ph.load_dataset("konstantopoulos")
    levels = {"district": data["district"], "school": data["school"]}
    model = ph.MultilevelNormal(data["y"], var=data["var"], levels=levels)
    ours = ph.random_effects(model, test="t")
    theirs = r(
        """fit <- rma.mv(yi, vi, random = ~ 1 | district/school, data = dat.konstantopoulos2011,
             test = "t", control = list(rel.tol = 1e-12))
           list(sigma2 = fit$sigma2, beta = as.numeric(fit$beta), se = fit$se, lower = fit$ci.lb)"""
    )
    np.testing.assert_allclose(ours.tau2, theirs["sigma2"], rtol=1e-7)
    assert ours.beta[0] == pytest.approx(float(theirs["beta"]), rel=1e-8)
    assert ours.se[0] == pytest.approx(float(theirs["se"]), rel=1e-7)
    assert ours.interval()[0, 0] == pytest.approx(float(theirs["lower"]), rel=1e-6)
    # As printed in the article's supplement and in metafor's documentation.
    np.testing.assert_allclose(ours.tau2, [0.0650619443, 0.0327365170], atol=1e-9)
    assert pytest.approx(578.864018, abs=1e-6) == ours.QE


def test_every_tau_is_0(r):
    y, levels = np.array([0.1, 0.2, 0.15, 0.12]), {"a": [1, 1, 2, 2], "b": [1, 2, 1, 2]}
    ours = ph.random_effects(ph.MultilevelNormal(y, se=np.ones(4), levels=levels))
    np.testing.assert_array_equal(ours.tau2, 0.0)
    assert ours.beta[0] == pytest.approx(y.mean(), rel=1e-12)
    np.testing.assert_allclose(ours.theta, y.mean(), rtol=1e-12)
    np.testing.assert_array_equal(ours.ranef("a")["effect"], 0.0)
