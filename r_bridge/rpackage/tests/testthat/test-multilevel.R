need_python()

schools <- data.frame(
  effect = c(0.18, 0.22, 0.53, -0.18, 0.02, 0.25, 0.4), stderr = c(0.1, 0.2, 0.1, 0.15, 0.1, 0.2, 0.1),
  district = c("a", "a", "b", "b", "c", "c", "c"), school = c(1, 2, 1, 2, 1, 2, 3),
  year = c(1, 2, 4, 3, 2, 5, 1)
)
prior <- "halfnorm(0.5)"
model <- hier_multilevel(effect ~ (1 | district / school), schools, se = stderr, prior_tau = prior)
fit <- hier_exact(model)

# Means and sds of the coefficients and the taus by dense normal densities over a grid of both log taus.
dense <- function(x) {
  same <- outer(schools$district, schools$district, "==")
  log_tau <- seq(log(1e-4), log(4), length.out = 90)
  grid <- expand.grid(district = log_tau, school = log_tau)
  parts <- apply(exp(2 * as.matrix(grid)), 1, function(tau2) {
    covariance <- tau2[[1]] * same + diag(tau2[[2]] + schools$stderr^2)
    precision <- solve(covariance)
    information <- crossprod(x, precision %*% x)
    mean <- drop(solve(information, crossprod(x, precision %*% schools$effect)))
    rest <- schools$effect - drop(x %*% mean)
    log <- -0.5 * (log(det(covariance)) + log(det(information)) + sum(rest * (precision %*% rest)))
    c(log, mean, diag(solve(information)))
  })
  taus <- exp(as.matrix(grid))
  log <- parts[1, ] + rowSums(log(taus)) + rowSums(dnorm(taus, 0, 0.5, log = TRUE))
  weight <- exp(log - max(log)) / sum(exp(log - max(log)))
  p <- ncol(x)
  means <- t(parts[1 + seq_len(p), , drop = FALSE])
  mean <- colSums(weight * means)
  within <- colSums(weight * t(parts[1 + p + seq_len(p), , drop = FALSE]))
  list(
    mean = c(mean, colSums(weight * taus)),
    sd = sqrt(within + colSums(weight * sweep(means, 2, mean)^2))
  )
}

test_that("levels are dense normal formulas averaged over the taus", {
  names <- c("mu", "tau[district]", "tau[school]")
  wanted <- dense(cbind(rep(1, 7)))
  expect_equal(unname(coef(fit)[names]), unname(wanted$mean), tolerance = 2e-4)
  expect_equal(summary(fit)["mu", "sd"], wanted$sd, tolerance = 2e-4)
  expect_identical(names(fixef(fit)), "mu")
  by_year <- hier_exact(update(
    hier_multilevel(effect ~ year + (1 | district) + (1 | district:school), schools, se = stderr),
    prior_tau = list(district = prior, school = prior)
  ))
  wanted <- dense(cbind(1, schools$year))
  expect_equal(
    unname(coef(by_year)[c("beta[Intercept]", "beta[year]", names[-1])]), unname(wanted$mean),
    tolerance = 2e-4
  )
  expect_equal(unname(sqrt(diag(vcov(by_year)))), wanted$sd, tolerance = 2e-4)
})

test_that("random effects, their variances, and new estimates", {
  expect_identical(rownames(VarCorr(fit)), c("district", "school"))
  expect_equal(VarCorr(fit)["school", "StdDev"], coef(fit)[["tau[school]"]])
  random <- ranef(fit)
  expect_identical(names(random), c("district", "school"))
  expect_identical(rownames(random$district), c("a", "b", "c"))
  whole <- coef(fit)[["mu"]] + random$district[c(1, 1, 2, 2, 3, 3, 3), "pred"] + random$school$pred
  expect_equal(whole, unname(fitted(fit)), tolerance = 1e-9)
  expect_equal(unname(residuals(fit)), schools$effect - whole, tolerance = 1e-8)
  new <- data.frame(se = 0.1, district = c("b", "new"))
  found <- predict(fit, newdata = new)
  expect_equal(found$fit, coef(fit)[["mu"]] + c(random$district["b", "pred"], 0), tolerance = 1e-9)
  expect_equal(predict(fit, newdata = new["se"])$fit[[1]], coef(fit)[["mu"]], tolerance = 1e-9)
  expect_lt(found$sd[[1]], found$sd[[2]])
  expect_error(predict(fit, newdata = new["district"]), "no column se")
  expect_error(ranef(hier_draws(fit, 50, seed = 1)), "hier_exact")
})

test_that("engines, sessions and what R users ask of a fit", {
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fit, file)
  expect_identical(coef(readRDS(file)), coef(fit))
  chain <- suppressWarnings(hier_rwmetrop(model, m = 4000, burn_in = 500, seed = 1))
  expect_equal(fixef(chain)[[1]], fixef(fit)[[1]], tolerance = 0.15)
  expect_identical(nobs(fit), 7L)
  expect_output(print(fit), "7 schools in 3 districts")
  expect_true(is.finite(logLik(fit)) && is.finite(log_evidence(hier_exact(update(model, prior_mu = "norm(0, 1)")))))
  expect_identical(deparse(formula(fit)), "effect ~ (1 | district/school)")
  expect_identical(nrow(predict(fit, seed = 1)), 7L)
})

test_that("wrong formulas and columns are named", {
  wrong <- function(formula, ..., data = schools) hier_multilevel(formula, data, se = stderr, ...)
  expect_error(wrong(effect ~ year), "must name its levels")
  expect_error(wrong(effect ~ (year | district)), "must name its levels")
  expect_error(wrong(effect ~ (1 | district) + (1 | school)), "must name its levels")
  expect_error(wrong(effect ~ (1 | factor(district))), "name columns")
  expect_error(wrong(effect ~ (1 | nosuch / school)), "names nosuch")
  expect_error(wrong(effect ~ nosuch + (1 | district)), "nosuch")
  expect_error(wrong(effect ~ (1 | district), data = replace(schools, "district", NA)), "district\\[1\\] is NA")
  expect_error(wrong(effect ~ (1 | district), data = as.list(schools)), "data frame")
  expect_error(wrong("effect ~ (1 | district)"), "formula is")
  expect_error(wrong(effect ~ (1 | district), prior_tau = list("halfnorm(1)")), "levels' names")
  expect_error(wrong(effect ~ (1 | district), prior_tau = list(county = "halfnorm(1)")), "county")
  expect_error(wrong(effect ~ year + (1 | district), prior_mu = "norm(0, 1)"), "prior_beta")
  expect_error(hier_multilevel(effect ~ (1 | district), schools), "give se")
})
