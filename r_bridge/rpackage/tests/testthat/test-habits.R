need_python()

target <- function(theta) -sum((theta - c(1, 2))^2 / c(1, 4)) / 2 - 0.3 * (theta[1] - 1) * (theta[2] - 2)
found <- laplace(target, c(a = 0, b = 0))
chain <- rwmetrop(target, list(var = diag(2), scale = 2), c(a = 0, b = 0), 4000, seed = 1)
model <- hier_normal(schools$y, schools$sigma, labels = schools$school)

test_that("a normal approximation has draws", {
  set.seed(5)
  before <- .Random.seed
  draws <- as.matrix(found, n = 20000, seed = 1)
  expect_identical(.Random.seed, before)
  expect_identical(draws, as.matrix(found, n = 20000, seed = 1))
  # The inverse of minus the second derivatives, by hand; 20,000 draws know a mean to 5 in 1,000 sds.
  exact <- solve(matrix(c(1, 0.3, 0.3, 0.25), 2))
  expect_equal(found$var, exact, tolerance = 1e-3, ignore_attr = TRUE)
  expect_lt(max(abs(colMeans(draws) - c(1, 2)) / sqrt(diag(exact) / 20000)), 4)
  expect_equal(unname(stats::cov(draws)), exact, tolerance = 0.05)
  expect_identical(dim(as.array(found, n = 7)), c(7L, 1L, 2L))
  expect_identical(colnames(as.matrix(laplace(target, c(0, 0)), n = 2)), c("theta[1]", "theta[2]"))
  one <- laplace(function(theta) -(theta - 3)^2 * 50, c(m = 0))
  expect_lt(abs(mean(as.matrix(one, n = 10000, seed = 2)) - one$mode), 4 * sqrt(one$var / 10000))
  expect_identical(as.data.frame(found), summary(found))
  expect_error(as.matrix(found, n = 0), "n")
  expect_error(as.matrix(found, m = 5), "unknown: m")
  none <- found
  none$var <- -none$var
  expect_error(as.matrix(none), "start it elsewhere")
  if (requireNamespace("coda", quietly = TRUE)) {
    expect_identical(unclass(coda::as.mcmc(found, n = 9, seed = 1))[1:9, ], as.matrix(found, n = 9, seed = 1))
    expect_identical(coda::nchain(coda::as.mcmc.list(found, n = 9)), 1L)
    expect_equal(coda::niter(coda::as.mcmc.list(chain)), 4000)
  }
  skip_if_not_installed("posterior")
  expect_identical(posterior::ndraws(posterior::as_draws(found, n = 11)), 11L)
  expect_identical(posterior::variables(posterior::as_draws_df(found)), c("a", "b"))
})

test_that("what needs data is an error that says so", {
  asked <- list(
    nobs, logLik, predict, simulate, model.frame, formula, update, fixef, ranef, VarCorr, forest,
    if (requireNamespace("generics", quietly = TRUE)) generics::augment else nobs
  )
  for (one in list(found, chain)) {
    for (generic in asked) expect_error(generic(one), "log posterior density alone", class = "pyhier_error")
  }
  fit <- hier_exact(model)
  expect_error(anova(fit), "log_evidence")
  expect_error(anova(model, model), "log_evidence")
})

test_that("pictures and one-row summaries", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(plot(found), found)
  expect_no_error(plot(found, "b", main = "b"))
  expect_error(plot(found, "c"), "they are a, b")
  expect_error(plot(found, 3), "they are a, b")
  skip_if_not_installed("generics")
  expect_identical(generics::glance(found)$log_integral, as.vector(found$int))
  expect_true(generics::glance(found)$converged)
  row <- generics::glance(chain)
  expect_identical(row$draws, 4000L)
  expect_identical(row$accept, as.vector(chain$accept))
})

test_that("coef() of a summary is its table, and model.matrix() the design", {
  fit <- hier_exact(model)
  table <- coef(summary(fit))
  expect_identical(table["tau", "mean"], summary(fit)["tau", "mean"])
  expect_true(is.matrix(table))
  expect_identical(
    model.matrix(fit), matrix(1, 8, 1, dimnames = list(schools$school, "(Intercept)"))
  )
  size <- c(3, 1, 4, 1, 5, 9, 2, 6)
  side <- factor(rep(c("l", "r"), 4))
  by_size <- hier_normal(schools$y, schools$sigma, labels = schools$school, mods = ~ size + side)
  wanted <- stats::model.matrix(~ size + side)
  expect_equal(unname(model.matrix(by_size)), unname(wanted), ignore_attr = TRUE)
  expect_identical(colnames(model.matrix(by_size)), colnames(wanted))
  without <- hier_normal(schools$y, schools$sigma, mods = ~ 0 + size)
  expect_identical(model.matrix(hier_exact(without))[, "size"], stats::setNames(size, without$labels))
})

test_that("documents print models, approximations and chains as tables", {
  skip_if_not_installed("knitr")
  text <- function(x, ...) as.character(knitr::knit_print(x, ...))
  expect_match(text(model), "|A ", fixed = TRUE)
  expect_match(text(model, max_groups = 3), "... and 5 more groups", fixed = TRUE)
  expect_match(text(found), "|a ", fixed = TRUE)
  expect_match(text(chain), "4000 draws of 2, ", fixed = TRUE)
})
