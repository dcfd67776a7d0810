"""Counts with normal effects against lme4's glmer with 25 adaptive nodes."""

import numpy as np
import pytest

import pyhier as ph

SURGICAL = ph.load_dataset("surgical")
PUMPS = ph.load_dataset("pumps")


@pytest.fixture(scope="module")
def glmer(r):
    r("suppressMessages(library(lme4))")

    def fit(call, **data):
        found = r(
            "local({ g <- factor(seq_along(y)); m <- " + call + ";"
            "c(fixef(m), sqrt(unlist(VarCorr(m))), logLik(m)) })", **data
        )  # fmt: skip
        return np.asarray(found)

    return fit


CONTROL = (
    "nAGQ = 25, control = glmerControl(optimizer = 'bobyqa', tolPwrss = 1e-12,"
    " optCtrl = list(rhoend = 1e-10)))"
)


def test_binomial(glmer):
    y, n = (SURGICAL[name].to_numpy(float) for name in ("deaths", "operations"))
    wanted = glmer(f"glmer(cbind(y, n - y) ~ 1 + (1 | g), family = binomial, {CONTROL}", y=y, n=n)
    model = ph.BinomialNormal(y, n)
    fit = ph.empirical_bayes(model).estimate
    np.testing.assert_allclose([fit["mu"], fit["tau"]], wanted[:2], atol=1e-5)


def test_poisson(glmer):
    y, e = (PUMPS[name].to_numpy(float) for name in ("failures", "khours"))
    wanted = glmer(f"glmer(y ~ 1 + offset(log(e)) + (1 | g), family = poisson, {CONTROL}", y=y, e=e)
    fit = ph.empirical_bayes(ph.PoissonNormal(y, e)).estimate
    np.testing.assert_allclose([fit["mu"], fit["tau"]], wanted[:2], atol=1e-5)


def test_covariates(glmer):
    data = ph.load_dataset("bcg")
    y, n = (data[name].to_numpy(float) for name in ("vaccinated_cases", "vaccinated"))
    x = (data["latitude"].to_numpy(float) - 33.0) / 10.0
    easier = CONTROL.replace("1e-12", "1e-8")  # R's own steps end above that
    wanted = glmer(
        f"glmer(cbind(y, n - y) ~ x + (1 | g), family = binomial, {easier}",
        y=y,
        n=n,
        x=x,
    )
    fit = ph.empirical_bayes(ph.BinomialNormal(y, n, X={"x": x})).estimate
    found = [fit["beta[Intercept]"], fit["beta[x]"], fit["tau"]]
    np.testing.assert_allclose(found, wanted[:3], atol=1e-5)
