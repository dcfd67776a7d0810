"""random_effects with covariates against metafor's rma: metadat's data sets, and what else it says.

Random problems: `r_bridge.validation.comparisons.moderators`.

The estimates are scaled to order 1, so that absolute tolerances are relative ones, too.
"""

import numpy as np
import pytest
from pyhier.r_bridge.validation.comparisons import moderators
from pyhier.r_bridge.validation.comparisons.moderators import FIT, METHODS, TESTS

import pyhier as ph
from pyhier.classical import baujat, radial

# Closed forms: rounding, times what Q - (J - p) cancels. Iterated ones stop where tau^2 moves by
# 1e-13, nearer by a constant factor a step.
TOLERANCE = dict.fromkeys(METHODS, 1e-11) | dict.fromkeys(("REML", "ML", "PM", "EB"), 1e-8)


def problem(seed):
    return moderators.problem(np.random.default_rng([17, seed]), seed)


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
