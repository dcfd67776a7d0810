"""random_effects with covariates against metafor's rma: random problems, and metadat's data sets.

The estimates are scaled to order 1, so that absolute tolerances are relative ones, too.
"""

import numpy as np
import pytest

import pyhier as ph
from pyhier.classical import baujat, radial

METHODS = ("DL", "REML", "ML", "PM", "EB", "HE", "SJ", "HS", "FE")
TESTS = ("z", "knha", "adhoc", "t")
# Closed forms: rounding, times what Q - (J - p) cancels. Iterated ones stop where tau^2 moves by
# 1e-13, nearer by a constant factor a step.
TOLERANCE = dict.fromkeys(METHODS, 1e-11) | dict.fromkeys(("REML", "ML", "PM", "EB"), 1e-8)

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


def problem(seed):
    """Groups, variances over decades, one to four covariates, a third without heterogeneity."""
    rng = np.random.default_rng([17, seed])
    p = int(rng.integers(1, 5))
    groups = int(rng.integers(p + 4, 40))
    x = rng.normal(size=(groups, p)) * np.exp(rng.normal(0.0, 1.0, p))
    if seed % 4 == 1:
        x[:, 0] = rng.integers(0, 2, groups)
        x[:2, 0] = 0.0, 1.0
    var = np.exp(rng.normal(0.0, 1.2, groups))
    tau = 0.0 if seed % 3 == 0 else np.exp(rng.uniform(np.log(0.05), np.log(4.0)))
    y = 1.0 + x @ rng.normal(size=p) * 0.5 + rng.normal(size=groups) * np.sqrt(var + tau**2)
    return y, var, x


def check(ours, theirs, tol):
    """Everything that both print; coefficients move by about tau^2's error times ten."""
    loose = max(10.0 * tol, 1e-10)
    assert ours.tau2 == pytest.approx(theirs["tau2"], rel=loose, abs=tol)
    if ours.method != "FE":
        assert ours.tau2_se == pytest.approx(theirs["tau2_se"], rel=loose)
        np.testing.assert_allclose(ours.theta, theirs["theta"], rtol=loose, atol=loose)
    for name in ("beta", "se", "QE", "QM", "H2"):
        found = np.atleast_1d(getattr(ours, name))
        np.testing.assert_allclose(found, theirs[name], rtol=loose, atol=loose, err_msg=name)
    np.testing.assert_allclose(ours.vb.ravel(), theirs["vb"], rtol=loose, atol=loose)
    for name in ("QEp", "QMp", "I2", "R2"):  # percent, and tails
        wanted = float(np.asarray(theirs[name]).ravel()[0])
        found = getattr(ours, name)
        if name == "R2" and theirs["tau2"] < 1e-9:
            continue  # a share of what may be nothing: metafor stops at 1e-14, not at 0
        if np.isfinite(wanted) or np.isfinite(found):
            assert found == pytest.approx(wanted, rel=1e-6, abs=100 * loose), name
    here = ours.predict(level=0.9)
    for found, name in ((here.mean, "mean"), (here.se, "mean_se"), (here.interval[:, 0], "ci"),
                        (here.prediction_interval[:, 0], "pi")):  # fmt: skip
        np.testing.assert_allclose(found, theirs[name], rtol=loose, atol=loose, err_msg=name)
    np.testing.assert_allclose(ours.hat_values, theirs["hat"], rtol=loose, atol=loose)
    np.testing.assert_allclose(
        ours.standardized_residuals, theirs["standard"], rtol=loose, atol=loose
    )
    np.testing.assert_allclose(ours.table()["p"], theirs["pvalue"], rtol=1e-6, atol=100 * loose)


@pytest.mark.parametrize("method", METHODS)
def test_random_problems(r, method):
    zeros = 0
    for seed in range(24):
        y, var, x = problem(seed)
        test = TESTS[seed % 4]
        ours = ph.random_effects(ph.NormalNormal(y, var=var, X=x), method, test)
        theirs = r(FIT, y=y, v=var, X=x, method=method, test=test)
        check(ours, theirs, TOLERANCE[method])
        zeros += ours.tau2 == 0.0
    assert 2 <= zeros <= 22 or method in ("SJ", "FE")


def test_without_an_intercept_metafor_centres_y(r):
    """Its sums of squares are of y less its mean, which only an intercept takes up."""
    y, var, x = problem(4)
    weights = np.diag(1.0 / var)
    p = weights - weights @ x @ np.linalg.solve(x.T @ weights @ x, x.T @ weights)
    ours = ph.random_effects(ph.NormalNormal(y, var=var, X=x, intercept=False), "DL")
    code = "rma(y, vi = v, mods = X, intercept = FALSE, method = 'DL')$QE"
    centred = y - y.mean()
    assert r(code, y=y, v=var, X=x) == pytest.approx(centred @ p @ centred, rel=1e-10)
    assert pytest.approx(y @ p @ y, rel=1e-12) == ours.QE
    tau2 = (y @ p @ y - (y.size - x.shape[1])) / np.trace(p)
    assert ours.tau2_raw == pytest.approx(tau2, rel=1e-12)


DATA = """
    found <- list()
    for (name in data(package = "metadat")$results[, "Item"]) {
      name <- sub(" .*", "", name)
      d <- get(data(list = name, package = "metadat"))
      if (!is.data.frame(d) || !("yi" %in% names(d)) || !any(c("vi", "sei") %in% names(d))) next
      v <- as.numeric(if ("vi" %in% names(d)) d$vi else d$sei^2)
      y <- as.numeric(d$yi)
      used <- is.finite(y) & is.finite(v) & v > 0
      d <- d[used, , drop = FALSE]; y <- y[used]; v <- v[used]
      keep <- vapply(d, function(x) is.numeric(x) && all(is.finite(x)) && length(unique(x)) > 1,
        logical(1)) & !(names(d) %in% c("yi", "vi", "sei", "sdi", "trial", "study", "id", "esid",
        "ni", "n1i", "n2i", "outcome", "exp", "sample", "experiment"))
      mods <- as.matrix(d[, head(names(d)[keep], 2), drop = FALSE])
      if (!ncol(mods) || length(y) < 6 || length(y) > 200) next
      if (qr(scale(mods))$rank < ncol(mods)) next
      found[[name]] <- list(y = y / sd(y), v = v / var(y), X = unname(scale(mods)))
    }
    found
"""


def test_every_data_set_of_metadat_with_moderators(r):
    r("library(metadat)")
    found = r(DATA)
    assert len(found) >= 12
    for name, data in found.items():
        x = np.asarray(data["X"]).reshape(len(data["y"]), -1)
        model = ph.NormalNormal(data["y"], var=data["v"], X=x)
        for method in ("REML", "DL"):
            theirs = r(FIT, y=data["y"], v=data["v"], X=x, method=method,
                       test="knha")  # fmt: skip
            ours = ph.random_effects(model, method, "knha")
            assert ours.tau2 == pytest.approx(theirs["tau2"], rel=1e-7, abs=1e-9), name
            np.testing.assert_allclose(ours.beta, theirs["beta"], rtol=1e-6, atol=1e-8)
            np.testing.assert_allclose(ours.se, theirs["se"], rtol=1e-6)


def test_intervals_of_tau2(r):
    """By Q-profile and profile likelihood; metafor's roots are good to 1e-4 by default."""
    code = """
        fit <- rma(y, vi = v, mods = X,
          control = list(threshold = 1e-13, tol = 1e-12, maxiter = 20000))
        a <- confint(fit, control = list(tol = 1e-12))$random[1, 2:3]
        b <- confint(fit, type = "PL", control = list(tol = 1e-12))$random[1, 2:3]
        c(a, b)
    """
    for seed in (1, 2, 4, 5, 7, 8, 10, 11):
        y, var, x = problem(seed)
        ours = ph.random_effects(ph.NormalNormal(y, var=var, X=x))
        theirs = np.asarray(r(code, y=y, v=var, X=x))
        found = [*ours.tau2_interval(), *ours.tau2_interval(method="PL")]
        np.testing.assert_allclose(found, theirs, rtol=1e-6, atol=1e-8)


def test_leave_one_out_is_the_fit_without(r):
    y, var, x = problem(2)
    table = ph.random_effects(ph.NormalNormal(y, var=var, X=x), "DL").leave_one_out()
    for j in (0, 3):
        rest = np.arange(y.size) != j
        theirs = r(FIT, y=y[rest], v=var[rest], X=x[rest], method="DL", test="z")
        assert table.iloc[j]["tau2"] == pytest.approx(theirs["tau2"], rel=1e-10, abs=1e-12)
        np.testing.assert_allclose(table.iloc[j].iloc[: len(theirs["beta"])], theirs["beta"])


def test_the_plain_model_has_them_too(r):
    for seed in range(8):
        y, var, _ = problem(seed)
        test = TESTS[seed % 4]
        ours = ph.random_effects(ph.NormalNormal(y, var=var), "DL", test)
        theirs = r("""
            fit <- rma(y, vi = v, method = "DL", test = test)
            new <- predict(fit)
            c(fit$beta, fit$se, fit$ci.lb, fit$ci.ub, fit$QE, fit$QM, fit$I2, fit$H2, new$pi.lb)
        """, y=y, v=var, test=test)  # fmt: skip
        found = [ours.mu, ours.se, *ours.interval(), ours.QE, ours.QM, ours.I2, ours.H2,
                 ours.predict().prediction_interval[0]]  # fmt: skip
        np.testing.assert_allclose(found, theirs, rtol=1e-9, atol=1e-9)


PLOTTED = """
    grDevices::pdf(NULL)
    on.exit(grDevices::dev.off())
    control <- list(threshold = 1e-13, tol = 1e-13, maxiter = 20000, stepadj = 0.5)
    one <- rma(y, vi = v, method = method, test = test, control = control)
    all <- rma(y, vi = v, mods = X, method = method, test = test, control = control)
    list(one = as.matrix(baujat(one)[1:2]), all = as.matrix(baujat(all)[1:2]),
      radial = as.matrix(radial(one)[1:2]))
"""


@pytest.mark.parametrize("method", ["FE", "REML", "DL"])
def test_what_baujat_and_radial_plot(r, method):
    for seed in range(3):
        y, var, x = problem(seed)
        test = TESTS[seed % 2]
        theirs = r(PLOTTED, y=y, v=var, X=x, method=method, test=test)
        one = ph.random_effects(ph.NormalNormal(y, var=var), method, test)
        regression = ph.random_effects(ph.NormalNormal(y, var=var, X=x), method, test)
        tol = 100.0 * TOLERANCE[method]  # the squares of small moves of the fitted value
        for fit, name in ((one, "one"), (regression, "all")):
            np.testing.assert_allclose(np.column_stack(baujat(fit)), theirs[name], tol, tol)
        np.testing.assert_allclose(np.column_stack(radial(one)), theirs["radial"], tol, tol)
