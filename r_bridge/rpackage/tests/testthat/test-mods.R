need_python()

# Colditz et al. (1994): BCG against tuberculosis; log relative risks as metafor's help page has them.
bcg <- data.frame(
  trial = 1:13, yi = c(
    -0.8893113, -1.5853887, -1.3480731, -1.4415512, -0.2175473, -0.7861156, -1.6208982, 0.0119523,
    -0.4694176, -1.3713448, -0.3393588, 0.4459134, -0.0173139
  ),
  vi = c(
    0.3255848, 0.1945811, 0.4153680, 0.0200100, 0.0512102, 0.0069056, 0.2230172, 0.0039616, 0.0564342,
    0.0730248, 0.0124122, 0.5325058, 0.0714046
  ),
  ablat = c(44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33),
  alloc = rep(c("random", "alternate", "systematic"), c(7, 2, 4))
)
model <- hier_normal(yi ~ trial, data = bcg, var = vi, mods = ~ablat)
fit <- hier_exact(model)

# Means and covariance of the coefficients given tau: weighted least squares, averaged over tau's density.
reference <- function(x, y, v) {
  at <- function(tau) {
    w <- 1 / (v + tau^2)
    information <- crossprod(x, w * x)
    mean <- solve(information, crossprod(x, w * y))
    rest <- y - x %*% mean
    log <- 0.5 * sum(log(w)) - 0.5 * log(det(information)) - 0.5 * sum(w * rest^2)
    list(log = log, mean = drop(mean), var = solve(information))
  }
  taus <- exp(seq(log(1e-6), log(60), length.out = 4001))
  parts <- lapply(taus, at)
  weight <- taus * exp(vapply(parts, `[[`, 0, "log") - 5)
  weight <- weight / sum(weight)
  means <- t(vapply(parts, `[[`, numeric(ncol(x)), "mean"))
  mean <- colSums(weight * means)
  within <- Reduce(`+`, Map(function(w, part) w * part$var, weight, parts))
  list(mean = mean, var = within + crossprod(sqrt(weight) * sweep(means, 2, mean)))
}

test_that("moderators are a regression of the effects", {
  expect_identical(names(fixef(fit)), c("beta[Intercept]", "beta[ablat]"))
  wanted <- reference(cbind(1, bcg$ablat), bcg$yi, bcg$vi)
  expect_equal(unname(fixef(fit)), wanted$mean, tolerance = 1e-5)
  expect_equal(unname(vcov(fit)), unname(wanted$var), tolerance = 1e-4)
  expect_identical(rownames(vcov(fit)), names(fixef(fit)))
  expect_identical(rownames(confint(fit)), names(coef(fit)))
  drawn <- hier_draws(fit, 20000, seed = 1)
  expect_equal(vcov(drawn)[1, 2], vcov(fit)[1, 2], tolerance = 0.06)
  expect_identical(coef(hier_exact(bcg$yi, var = bcg$vi, mods = ~ bcg$ablat))[[2]], coef(fit)[[2]])
})

test_that("factors have R's contrasts, and new groups their levels", {
  by <- hier_exact(yi ~ trial, data = bcg, var = vi, mods = ~ alloc + ablat)
  expect_identical(
    names(fixef(by)), paste0("beta[", c("Intercept", "allocrandom", "allocsystematic", "ablat"), "]")
  )
  x <- model.matrix(~ alloc + ablat, bcg)
  expect_equal(unname(fixef(by)), unname(reference(x, bcg$yi, bcg$vi)$mean), tolerance = 1e-5)
  new <- data.frame(se = c(0.1, 1e-6), ablat = c(20, 40), alloc = c("random", "systematic"))
  found <- predict(by, newdata = new)
  expect_equal(found$fit[[1]], sum(fixef(by) * c(1, 1, 0, 20)), tolerance = 1e-8)
  expect_equal(found$fit[[2]], sum(fixef(by) * c(1, 0, 1, 40)), tolerance = 1e-8)
  expect_true(all(found$lwr < found$fit & found$fit < found$upr))
  expect_error(predict(by, newdata = replace(new, "alloc", "other")), "newdata:.*new level")
  expect_error(predict(by, newdata = new["se"]), "newdata:")
  expect_error(predict(hier_draws(by, 50, seed = 1), newdata = new), "hier_exact")
  expect_identical(nrow(predict(by, seed = 1)), 13L)
})

test_that("no intercept, priors of coefficients, updates, other engines and sessions", {
  none <- hier_exact(yi ~ trial, data = bcg, var = vi, mods = ~ 0 + ablat)
  expect_identical(names(fixef(none)), "beta[ablat]")
  tight <- update(fit, prior_beta = list(ablat = "normal(0, 0.001)"))
  expect_lt(abs(coef(tight)[["beta[ablat]"]]), 0.001)
  chain <- suppressWarnings(hier_rwmetrop(model, m = 4000, burn_in = 500, seed = 1))
  expect_equal(fixef(chain)[[2]], fixef(fit)[[2]], tolerance = 0.15)
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fit, file)
  expect_identical(coef(readRDS(file)), coef(fit))
  expect_true(is.finite(logLik(fit)))
  expect_length(residuals(fit), 13)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off(), add = TRUE)
  expect_identical(forest(fit), fit)
})

test_that("the formula's right side has covariates, or names", {
  expect_identical(coef(hier_exact(yi ~ ablat, data = bcg, var = vi, labels = trial)), coef(fit))
  both <- hier_normal(yi ~ ablat + alloc, data = bcg, var = vi)
  expect_identical(coef(both), coef(hier_normal(yi ~ 1, data = bcg, var = vi, mods = ~ ablat + alloc)))
  expect_length(grep("^beta", both$coordinates), 4)
  by <- hier_normal(yi ~ alloc, data = bcg, var = vi)
  expect_identical(names(fixef(by))[[2]], "beta[allocrandom]")
  expect_identical(names(fixef(hier_normal(yi ~ 0 + ablat, bcg, var = vi))), "beta[ablat]")
  expect_identical(hier_normal(yi ~ trial, data = bcg, var = vi)$labels, as.character(1:13))
  expect_error(hier_normal(yi ~ ablat, bcg, var = vi, mods = ~alloc), "covariates, ablat, and so has mods")
  bcg$year <- 1933 + 3 * bcg$trial
  expect_error(hier_normal(yi ~ year, data = bcg, var = vi), "mods = ~ year")
  expect_error(hier_normal(yi ~ year, data = bcg, var = vi), "labels = year")
  bcg$name <- c(letters[1:12], "a")
  expect_error(hier_normal(yi ~ name, data = bcg, var = vi), "a")
  expect_error(hier_normal(yi ~ alloc, data = bcg, raw = TRUE, mods = ~ablat), "mods are of estimates")
  expect_error(hier_normal(yi ~ alloc + ablat, data = bcg, raw = TRUE), "one grouping variable")
})

test_that("wrong moderators are named", {
  expect_error(hier_normal(yi ~ trial, bcg, var = vi, mods = ablat ~ 1), "one-sided")
  expect_error(hier_normal(yi ~ trial, bcg, var = vi, mods = ~nosuch), "mods: .*nosuch")
  expect_error(hier_normal(yi ~ trial, replace(bcg, "ablat", NA_real_), var = vi, mods = ~ablat), "ablat\\[1\\] is NA")
  expect_error(hier_normal(yi ~ trial, bcg, var = vi, mods = ~ablat, prior_mu = "norm(0, 1)"), "prior_beta")
  expect_error(hier_normal(yi ~ trial, bcg, var = vi, prior_beta = list(ablat = "norm(0, 1)")), "give mods")
  expect_error(hier_normal(yi ~ trial, bcg, var = vi, mods = ~ablat, prior_beta = "normal(0, 1)"), "give a list")
  expect_error(hier_normal(yi ~ trial, bcg, var = vi, mods = ~ablat, prior_beta = list(lat = "normal(0, 1)")), "lat")
  expect_error(ranef(fit), "without mods")
  expect_error(weights(fit), "mods")
})
