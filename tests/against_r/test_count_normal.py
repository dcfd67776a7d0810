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


@pytest.fixture(scope="module")
def rma(r):
    r("suppressMessages(library(metafor))")

    def fit(call, **data):
        """The mean, tau and the log likelihood, of which lme4 with nodes leaves constants out."""
        found = r(f"local({{ f <- rma.glmm({call}); c(f$beta, sqrt(f$tau2), logLik(f)) }})", **data)
        return np.asarray(found)

    return fit


BCG = ph.load_dataset("bcg")
ARMS = [
    BCG[name].to_numpy(float)
    for name in ("vaccinated_cases", "vaccinated", "control_cases", "control")
]
STEPS = "control = list(optCtrl = list(rhoend = 1e-10), tolPwrss = 1e-10)"


def estimates(model):
    fit = ph.empirical_bayes(model).estimate
    at = model.log_marginal_likelihood(model.phi_at(**fit)[np.newaxis])[0]
    return [fit["mu"], fit["tau"], at]


@pytest.mark.parametrize("measure", ["OR", "IRR"])
def test_two_arms(rma, measure):
    """The binomial given both arms' events; lme4's steps end 4e-6 from the optimum."""
    cells = "ai = a, n1i = n, ci = c, n2i = m, model = 'CM.AL'"
    rates = "x1i = a, t1i = n, x2i = c, t2i = m, model = 'CM.EL'"
    call = f"{cells if measure == 'OR' else rates}, measure = '{measure}', {STEPS}, nAGQ = 25"
    a, n, c, m = ARMS
    if measure == "IRR":
        n, m = 1.7 * n, 0.37 * m
    wanted = rma(call, a=a, n=n, c=c, m=m)
    model = ph.BinomialNormal.from_two_arms(a, n, c, m, measure=measure)
    np.testing.assert_allclose(estimates(model)[:2], wanted[:2], atol=1e-5)


def test_exact_two_arms(rma):
    """Fisher's noncentral hypergeometric, of small trials as R sums over all tables by itself."""
    a, n, c, m = (column[[0, 2, 11]] for column in ARMS)
    call = "ai = a, n1i = n, ci = c, n2i = m, measure = 'OR', model = 'CM.EL', " \
           "control = list(dnchgcalc = 'dnoncenhypergeom')"  # fmt: skip
    wanted = rma(call, a=a, n=n, c=c, m=m)
    np.testing.assert_allclose(estimates(ph.HypergeometricNormal(a, n, c, m)), wanted, atol=1e-4)


def test_two_binomials(rma):
    """Of large studies, whose risks are known: what a maximum and an integral differ by is small.

    An integral is the maximum times the width of the integrand, whose log changes with an effect by
    at most a half. So a study's estimate moves by at most half its error variance: 0.002 where the
    smallest cell has 400 people, 0.0001 in the largest studies.
    """
    a, n, c, m = (100.0 * column for column in ARMS)
    call = "ai = a, n1i = n, ci = c, n2i = m, measure = 'OR', model = 'UM.FS', nAGQ = 7, " + STEPS
    wanted = rma(call, a=a, n=n, c=c, m=m)
    found = estimates(ph.TwoBinomialNormal(a, n, c, m))
    np.testing.assert_allclose(found[:2], wanted[:2], atol=1e-3)


def risks(r, arms):
    """The mean, both spreads and the log likelihood by Laplace's approximation."""
    r("suppressMessages(library(metafor))")
    names = dict(zip("ancm", arms, strict=True))
    found = r("local({ f <- suppressWarnings(rma.glmm(ai = a, n1i = n, ci = c, n2i = m, "
              f"measure = 'OR', model = 'UM.RS', {STEPS})); "
              "c(f$beta, sqrt(f$tau2), sqrt(f$sigma2), logLik(f)) })", **names)  # fmt: skip
    fit = ph.empirical_bayes(model := ph.TwoBinomialNormalRisks(*arms)).estimate
    at = model.log_marginal_likelihood(model.phi_at(**fit)[np.newaxis])[0]
    return np.array([fit["mu"], fit["tau"], fit["sigma"], at]), np.asarray(found)


@pytest.mark.parametrize(("times", "atol", "of_log"), [(1, 3e-3, 0.1), (100, 3e-5, 3e-3)])
def test_two_binomials_with_normal_risks(r, times, atol, of_log):
    """Laplace's approximation is off by about the inverse of the smallest counts: 3 and 300."""
    found, wanted = risks(r, [times * column for column in ARMS])
    np.testing.assert_allclose(found[:3], wanted[:3], atol=atol)
    np.testing.assert_allclose(found[3], wanted[3], rtol=0, atol=of_log)


def test_log_poisson_normal(r):
    """LearnBayes' log mean of counts with a normal prior is a group's effect given mu and tau."""
    y, mu, tau = [4, 0, 3, 7], 1.2, 0.6
    theta = np.linspace(-1.5, 3.0, 13)
    wanted, total = r(
        "local({ library(LearnBayes); p <- list(data = y, par = c(mu, tau));"
        "f <- function(t) sapply(t, logpoissnormal, p);"
        "list(f(x), integrate(function(t) exp(f(t)), -4, 5, rel.tol = 1e-12)$value) })",
        y=np.array(y, dtype=float), mu=mu, tau=tau, x=theta,
    )  # fmt: skip
    model = ph.PoissonNormal([sum(y), 2, 5], [len(y), 1.0, 2.0])
    marginal = ph.given(model, mu=mu, tau=tau)["theta[1]"]
    logs = np.asarray(wanted) - np.log(np.asarray(total).item())
    np.testing.assert_allclose(marginal.logpdf(theta), logs, atol=1e-10)
    joint = model.log_likelihood(np.column_stack([theta, theta, theta]))[:, 0]
    joint -= 0.5 * ((theta - mu) / tau) ** 2
    np.testing.assert_allclose(np.diff(joint), np.diff(wanted), atol=1e-12)
