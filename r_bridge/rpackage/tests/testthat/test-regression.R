need_python()

set.seed(7)
sizes <- c(3, 5, 6, 4, 7, 5, 8, 4)
rows <- data.frame(
  g = rep(letters[1:8], sizes), d = rep(rep(c("north", "south", "west", "east"), each = 2), sizes),
  x = round(rnorm(42), 2), sex = factor(rep(c("f", "m"), 21)), w = rep(c(1, 2, 0.5), 14)
)
rows$y <- round(2 + rows$x + rnorm(8)[match(rows$g, letters)] * (1 + 0.3 * rows$x) + 0.5 * rnorm(42), 2)
prior <- "halfnorm(2)"
model <- hier_regression(y ~ x + (1 | g), rows, prior_sigma = prior, prior_tau = prior)
fit <- hier_exact(model)

# Posterior means of the coefficients, sigma and tau by dense normal densities over a grid of both logs.
dense <- function(x, y, g, w = rep(1, length(y))) {
  same <- outer(g, g, "==")
  grid <- expand.grid(sigma = seq(log(0.2), log(1.6), length.out = 70), tau = seq(log(0.02), log(12), length.out = 90))
  parts <- apply(exp(2 * as.matrix(grid)), 1, function(var) {
    covariance <- var[[2]] * same + diag(var[[1]] / w)
    precision <- solve(covariance)
    information <- crossprod(x, precision %*% x)
    mean <- drop(solve(information, crossprod(x, precision %*% y)))
    rest <- y - drop(x %*% mean)
    logs <- determinant(covariance)$modulus + determinant(information)$modulus
    c(-0.5 * (logs + sum(rest * (precision %*% rest))), mean)
  })
  sds <- exp(as.matrix(grid))
  log <- parts[1, ] + rowSums(log(sds)) + rowSums(dnorm(sds, 0, 2, log = TRUE))
  weight <- exp(log - max(log)) / sum(exp(log - max(log)))
  c(drop(parts[-1, ] %*% weight), colSums(weight * sds))
}

test_that("means are dense normal formulas averaged over sigma and tau", {
  names <- c("beta[Intercept]", "beta[x]", "sigma", "tau[Intercept]")
  table <- summary(fit)
  expect_equal(table[names, "mean"], unname(dense(cbind(1, rows$x), rows$y, rows$g)), tolerance = 2e-4)
  heavy <- hier_exact(y ~ x + (1 | g), rows, weights = w, prior_sigma = prior, prior_tau = prior)
  wanted <- dense(cbind(1, rows$x), rows$y, rows$g, rows$w)
  expect_equal(summary(heavy)[names, "mean"], unname(wanted), tolerance = 2e-4)
  expect_identical(unname(weights(heavy)), rows$w)
})

test_that("sleepstudy has the values of a lattice by another hand, and lme4's layout", {
  skip_if_not_installed("lme4")
  sleep <- lme4::sleepstudy
  fit <- hier_exact(Reaction ~ Days + (Days | Subject), data = sleep)
  table <- summary(fit)
  found <- table[c("sigma", "tau[Intercept]", "tau[Days]", "rho[Intercept,Days]"), "mean"]
  expect_equal(found, c(25.9274623797, 27.3736188202, 6.5873115925, 0.0831629649), tolerance = 1e-6)
  reml <- lme4::lmer(Reaction ~ Days + (Days | Subject), sleep)
  expect_equal(fixef(fit), lme4::fixef(reml), tolerance = 1e-6)
  ours <- as.data.frame(VarCorr(fit))
  theirs <- as.data.frame(lme4::VarCorr(reml))
  expect_identical(ours[1:3], theirs[1:3])
  expect_identical(sapply(ours, class), sapply(theirs, class))
  expect_equal(ours$sdcor[-3], theirs$sdcor[-3], tolerance = 0.12) # means lie above modes
  expect_identical(capture.output(print(VarCorr(fit)))[[1]], capture.output(print(lme4::VarCorr(reml)))[[1]])
  random <- ranef(fit)$Subject
  expect_identical(rownames(random), rownames(lme4::ranef(reml)$Subject))
  expect_equal(random[1:2], lme4::ranef(reml)$Subject, tolerance = 0.02, ignore_attr = TRUE)
  expect_identical(dimnames(coef(fit)$Subject), dimnames(stats::coef(reml)$Subject))
  expect_equal(fitted(fit), fitted(reml), tolerance = 0.01)
})

test_that("effects, coefficients and rows belong together", {
  table <- summary(fit)
  expect_identical(names(fixef(fit)), c("(Intercept)", "x"))
  expect_equal(unname(sqrt(diag(vcov(fit)))), table[c("beta[Intercept]", "beta[x]"), "sd"], tolerance = 1e-8)
  own <- coef(fit)$g
  expect_identical(rownames(own), letters[1:8])
  expect_equal(own[["(Intercept)"]], table[paste0("theta[", letters[1:8], ",Intercept]"), "mean"])
  expect_equal(ranef(fit)$g[["(Intercept)"]], own[["(Intercept)"]] - fixef(fit)[[1]], tolerance = 1e-9)
  by_hand <- own[rows$g, "(Intercept)"] + fixef(fit)[["x"]] * rows$x
  expect_equal(unname(fitted(fit)), by_hand, tolerance = 1e-9)
  inside <- predict(fit, interval = "confidence")
  expect_equal(inside$fit, by_hand, tolerance = 1e-9)
  expect_equal(unname(residuals(fit)), rows$y - by_hand, tolerance = 1e-8)
  expect_equal(residuals(fit, "pearson"), residuals(fit) / sigma(fit))
  outside <- predict(fit)
  expect_equal(outside$sd^2 - inside$sd^2, rep(mean((outside$sd^2 - inside$sd^2)), 42), tolerance = 1e-6)
  expect_equal(outside$sd[[1]]^2 - inside$sd[[1]]^2, as.data.frame(VarCorr(fit))$vcov[[2]], tolerance = 1e-6)
  expect_identical(nobs(fit), 42L)
  expect_identical(dim(simulate(fit, 2, seed = 1)), c(42L, 2L))
  expect_identical(dim(model.matrix(fit)), c(42L, 2L))
  expect_identical(names(model.frame(fit)), c("y", "x"))
  expect_true(is.finite(logLik(fit)) && attr(logLik(fit), "df") == 4)
  proper <- update(model, prior_beta = list("(Intercept)" = "normal(0, 5)", x = "normal(0, 5)"))
  expect_true(is.finite(log_evidence(proper)))
  expect_output(print(fit, max_groups = 3), "and 5 more groups")
})

test_that("new rows are of old groups and of new ones", {
  new <- data.frame(g = c("b", "nobody"), x = 1.5)
  found <- predict(fit, new, interval = "confidence", level = 0.9)
  mean <- fixef(fit)[["x"]] * 1.5 + c(coef(fit)$g["b", "(Intercept)"], fixef(fit)[["(Intercept)"]])
  expect_equal(found$fit, mean, tolerance = 1e-9)
  expect_lt(found$sd[[1]], found$sd[[2]])
  expect_equal(predict(fit, new["x"], interval = "confidence")$sd[[1]], found$sd[[2]] * 1, tolerance = 1e-9)
  expect_gt(predict(fit, new)$sd[[1]], found$sd[[1]])
  expect_error(predict(fit, new["g"]), "newdata.*x")
  expect_error(predict(fit, replace(new, "x", NA_real_)), "row 1")
  expect_error(predict(fit, list(x = 1)), "data frame")
})

test_that("factors, functions and offsets are R's, for new rows too", {
  rows$o <- rows$x / 2
  both <- hier_exact(y ~ sex + poly(x, 2) + offset(o) + (1 | g), rows, prior_sigma = prior, prior_tau = prior)
  expect_identical(names(fixef(both)), c("(Intercept)", "sexm", "poly(x, 2)1", "poly(x, 2)2"))
  again <- predict(both, rows[5:9, ], interval = "confidence")
  expect_equal(again, predict(both, interval = "confidence")[5:9, ], tolerance = 1e-9)
  expect_error(predict(both, transform(rows[1, ], sex = "z")), "sex")
})

test_that("slopes with and without a correlation", {
  free <- hier_regression(y ~ x + (x || g), rows, prior_sigma = prior, prior_tau = list(Intercept = prior, x = prior))
  same <- hier_regression(y ~ x + (1 | g) + (0 + x | g), rows, prior_sigma = prior, prior_tau = prior)
  free <- hier_exact(free)
  expect_equal(summary(free), summary(hier_exact(same)))
  expect_identical(as.data.frame(VarCorr(free))$var1, c("(Intercept)", "x", NA))
  expect_identical(names(ranef(free)$g), c("(Intercept)", "x", "sd.(Intercept)", "sd.x"))
  known <- hier_regression(y ~ x + (x | g), rows, sigma = 0.5, prior_tau = prior, prior_rho = 2)
  known <- hier_exact(known)
  expect_identical(sigma(known), 0.5)
  eta <- function(r) log(1 - r^2)
  by_hand <- hier_exact(update(known$model, prior_rho = eta))
  expect_equal(summary(by_hand)["tau[x]", "mean"], summary(known)["tau[x]", "mean"], tolerance = 1e-6)
  only <- hier_exact(y ~ 1 + (0 + x | g), rows, prior_sigma = prior, prior_tau = prior)
  expect_identical(names(coef(only)$g), c("(Intercept)", "x"))
  expect_equal(unname(fitted(only)), predict(only, interval = "confidence")$fit, tolerance = 1e-9)
})

test_that("nested groups", {
  nested <- hier_regression(
    y ~ x + (1 | d / g), rows,
    prior_sigma = prior, prior_tau = list(d = prior, g = prior)
  )
  nested <- hier_exact(nested)
  expect_identical(names(ranef(nested)), c("d", "g"))
  expect_identical(as.data.frame(VarCorr(nested))$grp, c("d", "g", "Residual"))
  expect_equal(unname(fitted(nested)), predict(nested, interval = "confidence")$fit, tolerance = 1e-9)
  new <- data.frame(d = c("north", "north", "nowhere"), g = c("a", "new", "a"), x = 0)
  expect_true(all(diff(predict(nested, new, interval = "confidence")$sd) > 0))
})

test_that("rows that lack a value are named, or dropped", {
  gaps <- rows
  gaps$y[[3]] <- NA
  gaps$g[[10]] <- NA
  gaps$w[[11]] <- NA
  expect_error(hier_regression(y ~ x + (1 | g), gaps), "rows 3, 10; fill it in, or say missing = \"drop\"")
  dropped <- hier_regression(y ~ x + (1 | g), gaps, weights = w, missing = "drop")
  expect_identical(nobs(dropped), 39L)
  expect_output(print(dropped), "3 rows that lack a value left out")
  expect_identical(names(fitted(hier_exact(dropped)))[3], "4")
})

test_that("engines, sessions and other packages take such a fit", {
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  drawn <- hier_draws(fit, 300, seed = 1)
  saveRDS(list(fit, drawn), file)
  back <- readRDS(file)
  expect_identical(fixef(back[[1]]), fixef(fit))
  expect_identical(predict(back[[2]], data.frame(g = "a", x = 1)), predict(drawn, data.frame(g = "a", x = 1)))
  chain <- suppressWarnings(hier_rwmetrop(model, m = 4000, burn_in = 500, seed = 1))
  expect_equal(fixef(chain), fixef(fit), tolerance = 0.2)
  expect_equal(ranef(chain)$g, ranef(fit)$g, tolerance = 0.3)
  expect_equal(as.data.frame(VarCorr(chain))$sdcor, as.data.frame(VarCorr(fit))$sdcor, tolerance = 0.15)
  weighted <- hier_importance(model, 2000, seed = 1)
  expect_equal(fixef(weighted), fixef(fit), tolerance = 0.1)
  expect_error(ranef(weighted), "hier_draws")
  expect_error(VarCorr(weighted), "hier_draws")
  expect_identical(names(ranef(hier_draws(weighted, 100, seed = 1))), "g")
  expect_true(is.finite(AIC(hier_empirical_bayes(model))))
  skip_if_not_installed("posterior")
  skip_if_not_installed("coda")
  expect_identical(posterior::nvariables(posterior::as_draws(drawn)), length(fit$names))
  expect_identical(dim(coda::as.mcmc(drawn)), c(300L, 12L))
  expect_identical(names(posterior::as_draws_rvars(drawn))[5], "theta")
  skip_if_not_installed("generics")
  expect_identical(nrow(generics::augment(fit)), 42L)
  expect_identical(nrow(generics::tidy(fit)), 12L)
})

test_that("what is wrong is named", {
  wrong <- function(formula, ..., data = rows) hier_regression(formula, data, ...)
  expect_error(wrong(y ~ x), "varying term")
  expect_error(wrong(y ~ x + 1 | g), "varying term in parentheses")
  expect_error(wrong("y ~ x"), "formula is")
  expect_error(wrong(y ~ x + (1 | g), data = as.list(rows)), "data frame")
  expect_error(wrong(y ~ x + (1 | nosuch)), "names nosuch")
  expect_error(wrong(y ~ nosuch + (1 | g)), "nosuch")
  expect_error(wrong(y ~ x + (1 | g) + (1 | sex)), "crossed")
  expect_error(wrong(y ~ x + (x | d / g)), "intercepts alone vary")
  expect_error(wrong(y ~ x + (x | g) + (0 + w | g)), "some varying coefficients correlated")
  expect_error(wrong(y ~ x + (sex || g)), "factor")
  expect_error(wrong(y ~ x + (1 | g) + (x | g)), "vary twice")
  expect_error(wrong(y ~ x + (1 | g), weights = c(1, 2)), "weights has 2 entries")
  expect_error(wrong(y ~ x + (1 | g), weights = rows$w - 0.5), "weights\\[3\\] is 0")
  expect_error(wrong(y ~ x + (1 | g), sigma = -1), "sigma")
  expect_error(wrong(y ~ x + (1 | g), prior_beta = list("normal(0, 1)")), "prior_beta is")
  expect_error(wrong(y ~ x + (1 | g), prior_beta = list(x = 3)), "prior_beta\\$x is 3")
  expect_error(wrong(y ~ x + (1 | g), prior_beta = list(z = "normal(0, 1)")), "names 'z'")
  expect_error(wrong(y ~ x + (1 | g), prior_tau = list(z = prior)), "names 'z'")
  expect_error(wrong(y ~ x + (1 | g), prior_tau = dcauchy), NA)
  expect_error(wrong(y ~ x + (1 | g), prior_sigma = function(s) dexp(s)), "never negative")
  expect_error(wrong(y ~ x + (1 | g), prior_rho = 2), "no correlation")
  expect_error(wrong(y ~ x + (x | g), prior_rho = "flat"), "prior_rho is")
  expect_error(wrong(y ~ x + (x | g), prior_rho = -1), "prior_rho")
  expect_error(wrong(y ~ x + (1 | g), missing = "omit"), 'missing is "omit"')
})
