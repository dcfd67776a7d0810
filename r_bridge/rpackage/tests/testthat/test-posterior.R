need_python()

model <- hier_normal(schools$y, schools$sigma, labels = schools$school)
fit <- hier_exact(model)

test_that("the exact posterior of the eight schools has 30-digit arithmetic's means", {
  table <- summary(fit)
  expect_equal(table["tau", "mean"], 6.5754833467, tolerance = 1e-10)
  expect_equal(table["tau", "sd"], 5.6503793370, tolerance = 1e-10)
  expect_equal(table["theta[A]", "mean"], 11.4002608704, tolerance = 1e-10)
  expect_identical(coef(fit), coef(model))
  expect_equal(fitted(fit)[["H"]], 8.4568178276, tolerance = 1e-10)
  expect_equal(probability(fit, "theta[A] > 28"), 0.04353531, tolerance = 1e-7)
  expect_equal(nobs(fit), 8)
})

test_that("a half-Cauchy prior as a string and as an R function", {
  # FACTS: mu ~ N(0, 5), tau ~ half-Cauchy(5), by 30-digit arithmetic.
  string <- hier_normal(schools$y, schools$sigma, prior_mu = "norm(0, 5)", prior_tau = "halfcauchy(5)")
  expect_equal(coef(string)[1:2], c(mu = 4.396820714, tau = 3.597705484), tolerance = 1e-9)
  own <- hier_normal(schools$y, schools$sigma,
    prior_mu = "norm(0, 5)",
    prior_tau = function(tau) dcauchy(tau, 0, 5, log = TRUE) + log(2)
  )
  expect_equal(coef(own), coef(string), tolerance = 1e-9)
  expect_true(is.finite(log_evidence(string)))
  expect_error(log_evidence(fit), "flat prior of mu")
})

test_that("a prior of two hyperparameters as an R function", {
  y <- c(0, 2, 4, 9)
  n <- c(20, 24, 14, 24)
  named <- hier_binomial(y, n)
  own <- hier_binomial(y, n, prior = function(alpha, beta) -2.5 * log(alpha + beta))
  expect_equal(coef(own), coef(named), tolerance = 1e-7)
})

test_that("an error in a prior arrives", {
  bad <- function(tau) stop("prior broken")
  expect_error(hier_exact(hier_normal(schools$y, schools$sigma, prior_tau = bad)), "prior broken")
})

test_that("tables, intervals, marginals", {
  expect_named(summary(fit, probs = c(0.05, 0.5)), c("mean", "sd", "5%", "50%"))
  expect_s3_class(as.data.frame(fit), "data.frame", exact = TRUE)
  expect_equal(confint(fit, "tau")[1, ], c(0.2426961, 20.75246), tolerance = 1e-6, ignore_attr = TRUE)
  expect_error(confint(fit, "nu"), "no quantity is named nu")
  expect_error(confint(fit, level = 95), "between 0 and 1")
  tau <- marginal(fit, "tau")
  expect_equal(tau$p(tau$q(c(0.1, 0.9))), c(0.1, 0.9), tolerance = 1e-9)
  expect_equal(integrate(tau$d, 0, 10)$value, tau$p(10), tolerance = 1e-5)
  expect_equal(diff(tau$p(tau$hdi(0.9))), 0.9, tolerance = 1e-8)
  expect_equal(shrinkage(fit)["A", "shrinkage"], 0.8250612, tolerance = 1e-6)
  expect_output(print(fit), "exact, by quadrature")
  expect_output(print(model), "8 groups")
})

test_that("predictions and simulations", {
  expect_identical(predict(fit, seed = 1), predict(fit, seed = 1))
  set.seed(1)
  first <- predict(fit)
  expect_identical(first, predict(fit, seed = 1))
  expect_false(identical(predict(fit), first))
  expect_identical(rownames(first), schools$school)
  # The sd of new data is sqrt(sd(theta)^2 + se^2); 10,000 draws know it to 1 in 140.
  wanted <- sqrt(summary(fit)[3:10, "sd"]^2 + schools$sigma^2)
  expect_equal(first$sd, wanted, tolerance = 0.04)
  new <- predict(fit, newdata = data.frame(se = c(10, 1e-9)), seed = 1)
  expect_equal(new$sd[[2]], summary(fit)["theta_new", "sd"], tolerance = 0.1)
  expect_error(predict(fit, newdata = data.frame(x = 1)), "no column se")
  made <- simulate(fit, nsim = 3, seed = 2)
  expect_identical(dim(made), c(8L, 3L))
  expect_identical(attr(made, "seed"), 2)
  expect_identical(dimnames(made), list(schools$school, paste0("sim_", 1:3)))
  expect_identical(dim(simulate(model)), c(8L, 1L))
})

test_that("several chains, for coda and posterior", {
  chain <- hier_rwmetrop(model, m = 500, chains = 2, seed = 1, burn_in = 100)
  expect_identical(dim(chain$draws), c(500L, 2L, 12L))
  expect_identical(names(as.data.frame(chain))[1:4], c("chain", "draw", "mu", "tau"))
  expect_equal(as.data.frame(chain)$tau, exp(as.vector(chain$draws[, , "log_tau"])))
  expect_equal(coef(chain)[["mu"]], mean(chain$draws[, , "mu"]))
  expect_gt(attr(probability(chain, "mu > 8"), "se"), 0)
  if (requireNamespace("coda", quietly = TRUE)) {
    list <- coda::as.mcmc.list(chain)
    expect_identical(coda::nchain(list), 2L)
    expect_identical(start(list), 101)
    expect_error(coda::as.mcmc(chain), "as.mcmc.list")
    expect_identical(coda::nchain(coda::as.mcmc.list(fit, n = 50)), 1L)
    expect_equal(coda::niter(coda::as.mcmc(fit, n = 50, seed = 1)), 50)
  }
  if (requireNamespace("posterior", quietly = TRUE)) {
    draws <- posterior::as_draws(chain)
    expect_identical(posterior::nchains(draws), 2L)
    expect_identical(posterior::variables(draws), chain$names)
    expect_s3_class(posterior::as_draws_df(chain), "draws_df")
    expect_equal(mean(posterior::extract_variable(draws, "tau")), coef(chain)[["tau"]])
    expect_identical(posterior::ndraws(posterior::as_draws(fit, n = 50)), 50L)
    expect_identical(posterior::ndraws(posterior::as_draws_df(fit, n = 50, seed = 1)), 50L)
    expect_identical(posterior::ndraws(posterior::as_draws_matrix(fit, n = 50)), 50L)
    expect_identical(posterior::ndraws(posterior::as_draws_rvars(chain)), 1000L)
  }
  without <- hier_rwmetrop(model, 50, theta = FALSE, seed = 1)
  expect_identical(without$names, c("mu", "tau", "theta_new"))
})

test_that("independent draws have the exact posterior's means", {
  draws <- hier_draws(fit, 20000, seed = 1)
  error <- (coef(draws) - coef(fit)) / (summary(fit)$sd[1:10] / sqrt(20000))
  expect_lt(max(abs(error)), 4.5) # ten normals
})

test_that("saved objects work in another session", {
  chain <- hier_rwmetrop(model, 200, seed = 1)
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(list(model = model, fit = fit, chain = chain), file)
  found <- readRDS(file)
  expect_true(reticulate::py_is_null_xptr(found$model$python))
  expect_identical(coef(found$model), coef(model))
  expect_identical(coef(found$fit), coef(fit))
  expect_identical(summary(found$chain), summary(chain))
  expect_identical(predict(found$chain, seed = 1), predict(chain, seed = 1))
})

test_that("pictures", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(plot(fit), fit)
  plot(model)
  plot(fit, "density", "theta[A]", main = "A")
  chain <- hier_rwmetrop(model, 100, seed = 1, chains = 2)
  plot(chain, "trace", "mu")
  expect_error(plot(fit, "trace"), "no draws")
  expect_error(plot(chain, "trace", "nu"), "no quantity is named nu")
  plot(rwmetrop(function(x) -x^2, list(var = 1, scale = 1), 0, 50))
})

test_that("what is given is known", {
  given <- hier_given(model, mu = 8, tau = 5)
  pooled <- (schools$y / schools$sigma^2 + 8 / 25) / (1 / schools$sigma^2 + 1 / 25)
  expect_equal(unname(fitted(given)), pooled)
  expect_error(hier_given(model, mu = 8), "mu and tau")
})
