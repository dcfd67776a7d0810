"""tau^2, mu, its standard error and the effects against metafor; analysis of variance against aov.

The data are of order 1 and so are the results, so absolute tolerances are relative ones, too.
"""

import numpy as np
import pytest

import pyhier as ph

# metafor's Fisher scoring, with its default step, goes round in circles on two of the hundred data
# sets below ("did not converge"): half a step is the mend that its help page gives.
FIT = """
    fit <- rma(y, sei = se, method = method,
      control = list(threshold = 1e-12, tol = 1e-14, maxiter = 10000, stepadj = 0.5))
    effects <- blup(fit)
    new <- predict(fit, level = 90)
    list(tau2 = fit$tau2, tau2_se = fit$se.tau2, mu = as.numeric(fit$beta), se = fit$se,
      theta = as.numeric(effects$pred), theta_se = as.numeric(effects$se), Q = fit$QE, p = fit$QEp,
      I2 = fit$I2, H2 = fit$H2, new = c(new$pi.lb, new$pi.ub), ci = c(new$ci.lb, new$ci.ub))
"""
METHODS = ("DL", "REML", "ML", "PM", "EB", "HE", "SJ", "HS")


def random_data(seed):
    """A third without heterogeneity, the rest with a tau from a hundredth of the errors up."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(3, 40))
    se = np.exp(rng.normal(0.0, 0.7, groups))
    tau = 0.0 if seed % 3 == 0 else np.exp(rng.uniform(np.log(0.01), np.log(5.0)))
    return rng.normal(rng.normal(), np.hypot(tau, se)), se


def check(ours, theirs, tau2_tol):
    # mu, se and theta move by about their own size when tau^2 moves by min(se^2), some 0.1 here:
    # ten times the tolerance of tau^2 (measured: five times); 1e-12 is rounding of 40 groups.
    tol = max(10.0 * tau2_tol, 1e-12)
    assert ours.tau2 == pytest.approx(theirs["tau2"], rel=tau2_tol, abs=tau2_tol)
    assert ours.mu == pytest.approx(theirs["mu"], rel=tol, abs=tol)
    assert ours.se == pytest.approx(theirs["se"], rel=tol)
    np.testing.assert_allclose(ours.theta, theirs["theta"], rtol=tol, atol=tol)
    np.testing.assert_allclose(ours.theta_se, theirs["theta_se"], rtol=tol, atol=tol)
    assert ours.tau2_se == pytest.approx(theirs["tau2_se"], rel=tol)
    assert ours.h2 == pytest.approx(theirs["H2"], rel=tol)
    assert 100.0 * ours.i2 == pytest.approx(theirs["I2"], rel=tol, abs=100.0 * tol)  # percent
    assert ours.interval(0.9) == pytest.approx(tuple(theirs["ci"]), rel=tol, abs=tol)
    assert ours.prediction_interval(0.9) == pytest.approx(tuple(theirs["new"]), rel=tol, abs=tol)


# A closed form: rounding, times what Q - (J - 1) cancels. By iteration metafor stops when tau^2
# moves by 1e-12, having come nearer by a constant factor a step: 1e-9 allows that to be 0.999.
# (Measured: 5e-12; with its default threshold of 1e-5, 2e-5.)
TOLERANCE = dict.fromkeys(METHODS, 1e-12) | dict.fromkeys(("REML", "ML", "PM", "EB"), 1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_random_data(r, method):
    zeros = 0
    for seed in range(100):
        y, se = random_data(seed)
        theirs = r(FIT, y=y, se=se, method=method)
        ours = ph.random_effects(ph.NormalNormal(y, se=se), method)
        check(ours, theirs, TOLERANCE[method])
        zeros += ours.tau2 == 0.0
    assert 20 <= zeros <= 80 or method == "SJ"  # both kinds are well represented; SJ has no zero


@pytest.mark.parametrize("method", METHODS)
def test_one_and_two_groups(r, method):
    """What leaves the priors alone needs no posterior: under the flat priors there is none."""
    pairs = [([1.0, 3.0], [0.5, 0.5]), ([1.0, 3.0], [0.5, 0.8]), ([2.0, 2.1], [0.4, 0.1])]
    for y, var in pairs:
        model = ph.NormalNormal(y, var=var)
        theirs = r(FIT, y=model.y, se=model.se, method=method)
        check(ph.random_effects(model, method), theirs, TOLERANCE[method])
        assert ph.homogeneity_test(model).pvalue == pytest.approx(theirs["p"], rel=1e-13)
    model = ph.NormalNormal([1.5], se=[0.7])
    theirs = r(FIT, y=model.y, se=model.se, method=method)
    ours, test = ph.random_effects(model, method), ph.homogeneity_test(model)
    assert np.isnan(ours.tau2_se)
    assert (
        (ours.tau2, ours.i2, ours.h2) == (theirs["tau2"], theirs["I2"], theirs["H2"]) == (0, 0, 1)
    )
    assert (test.statistic, test.df, test.pvalue) == (theirs["Q"], 0, theirs["p"])
    for name in ("mu", "se", "theta", "theta_se"):
        assert getattr(ours, name) == pytest.approx(theirs[name], rel=1e-14)
    assert ours.prediction_interval(0.9) == pytest.approx(tuple(theirs["new"]), rel=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_eight_schools(r, model, method):
    theirs = r(FIT, y=model.y, se=model.se, method=method)
    ours = ph.random_effects(model, method)
    assert method == "SJ" or ours.tau2 == theirs["tau2"] == 0.0
    check(ours, theirs, 1e-12)
    test = ph.homogeneity_test(model)
    assert (test.statistic, test.pvalue) == pytest.approx((theirs["Q"], theirs["p"]), rel=1e-13)


def test_raw_reml_where_metafor_may_go_below_zero(r):
    """metafor's tau2.min lets it below 0, where it walks to the same root of the score.

    It refuses steps past tau2.min; the roots compared are those it can reach.
    """
    compared = 0
    for seed in range(0, 150, 3):
        y, se = random_data(seed)
        ours = ph.reml(ph.NormalNormal(y, se=se))
        least = float(np.min(se) ** 2)
        if not -0.8 * least < ours.tau2_raw < 0.0:
            continue
        theirs = r(
            """
            rma(y, sei = se, method = "REML", control = list(threshold = 1e-12, maxiter = 10000,
              stepadj = 0.5, tau2.min = -0.9 * least, tau2.init = 0, ll0check = FALSE))$tau2
            """,
            y=y,
            se=se,
            least=least,
        )
        assert ours.tau2_raw == pytest.approx(theirs, rel=1e-8, abs=1e-9)  # as above
        compared += 1
    assert compared >= 10


@pytest.mark.parametrize("seed", range(10))
def test_anova_against_aov(r, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, int(rng.integers(2, 12)))
    sizes[0] = 5
    names = rng.permutation(np.repeat([f"g{j}" for j in range(sizes.size)], sizes))
    values = rng.normal(size=names.size)
    theirs = r(
        """
        table <- summary(aov(y ~ factor(g)))[[1]]
        list(df = table[["Df"]], ss = table[["Sum Sq"]], ms = table[["Mean Sq"]],
          f = table[["F value"]][1], p = table[["Pr(>F)"]][1])
        """,
        y=values,
        g=names,
    )
    ours = ph.anova(values, names)
    assert (ours.df_between, ours.df_within) == tuple(theirs["df"])
    # Rounding; aov's sum of squares comes from a QR decomposition.
    assert (ours.ss_between, ours.ss_within) == pytest.approx(tuple(theirs["ss"]), rel=1e-12)
    assert (ours.ms_between, ours.ms_within) == pytest.approx(tuple(theirs["ms"]), rel=1e-12)
    assert (ours.statistic, ours.pvalue) == pytest.approx((theirs["f"], theirs["p"]), rel=1e-11)
