need_python()

rats <- hier_binomial(c(0, 2, 4, 9, 3), c(20, 24, 14, 24, 17), labels = letters[1:5])
exact <- hier_exact(rats)
errors <- function(fit, names) {
  table <- summary(exact)
  abs(coef(fit)[names] - table[names, "mean"]) / table[names, "sd"]
}
effects <- paste0("theta[", letters[1:5], "]")

test_that("every engine agrees with the exact posterior", {
  # In posterior sds; the samplers have over 1,000 effective draws, so a standard error of 0.03.
  expect_lt(max(errors(hier_gibbs(rats, 10000, seed = 1, burn_in = 500), effects)), 0.13)
  expect_lt(max(errors(hier_indepmetrop(rats, 5000, seed = 1), effects)), 0.13)
  expect_lt(max(errors(hier_rwmetrop(rats, m = 10000, seed = 1, burn_in = 500), effects)), 0.13)
  expect_lt(max(errors(hier_importance(rats, 5000, seed = 1), effects)), 0.13)
  expect_lt(max(errors(hier_sir(rats, 5000, seed = 1, df = 1), effects)), 0.13)
  expect_lt(max(errors(hier_rejection(rats, 3000, seed = 1), effects)), 0.13)
  # A grid whose limits leave out a density of 1e-7 of the highest.
  expect_lt(max(errors(hier_grid(rats, 100), effects)), 1e-3)
})

test_that("engines say what they did", {
  chain <- hier_gibbs(rats, 200, seed = 1, chains = 2)
  expect_named(chain$accept, c("logit_eta", "log_K"))
  expect_output(print(chain), "Metropolis within Gibbs: 2 chains of 200 draws after 0 of burn-in, ")
  weighted <- hier_importance(rats, 1000, seed = 1)
  expect_lt(weighted$pareto_k, 0.7)
  expect_output(print(weighted), "importance sampling, effective size [0-9]+, Pareto k ")
  bayes <- hier_empirical_bayes(rats)
  expect_false(bayes$edge)
  expect_gt(bayes$estimate$K, 0)
  expect_identical(hier_empirical_bayes(rats, "moments")$method, NULL)
  expect_output(print(hier_draws(exact, 100, 1)), "independent draws: 100 draws")
})

test_that("proposals of every form, and R's stream", {
  fit <- laplace(rats)
  a <- hier_indepmetrop(rats, 100, seed = 1)
  expect_equal(hier_indepmetrop(rats, 100, fit, seed = 1)$draws, a$draws)
  expect_equal(hier_indepmetrop(rats, 100, list(mean = fit$mode, var = fit$var), seed = 1)$draws, a$draws)
  expect_error(hier_sir(rats, 100, list(mean = fit$mode)), "no element var")
  set.seed(3)
  b <- hier_sir(rats, 100)
  after <- runif(1)
  expect_identical(b$draws, hier_sir(rats, 100, seed = 3)$draws)
  set.seed(3)
  expect_false(identical(runif(1), after))
  expect_error(hier_gibbs(list(), 10), "hier_normal\\(\\), hier_binomial\\(\\) or hier_poisson\\(\\)")
})

test_that("saved posteriors of every engine are made anew, without touching R's stream", {
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  fits <- list(
    hier_importance(rats, 500), hier_grid(rats, c(30, 40)), hier_empirical_bayes(rats),
    hier_sir(rats, 500), hier_gibbs(rats, 100)
  )
  saveRDS(fits, file)
  set.seed(1)
  for (k in seq_along(fits)) {
    expect_identical(summary(readRDS(file)[[k]]), summary(fits[[k]]))
  }
  after <- runif(1)
  set.seed(1)
  expect_identical(runif(1), after)
})

test_that("update() changes the prior and nothing else", {
  model <- hier_normal(schools$y, schools$sigma)
  half <- update(model, prior_tau = "halfcauchy(5)", prior_mu = "norm(0, 5)")
  expect_equal(coef(half)[["tau"]], 3.597705484, tolerance = 1e-9)
  expect_identical(coef(update(half, prior_tau = "uniform", prior_mu = "flat")), coef(model))
  expect_error(update(model, prior = "bda3"), "prior_mu, prior_tau")
  expect_equal(nobs(update(rats, prior = function(alpha, beta) -2.5 * log(alpha + beta))), 5)
  found <- hier_sensitivity(model, list(list(prior_tau = "uniform"), list(prior_tau = "jeffreys")))
  expect_identical(unique(found$prior), c("prior_tau = uniform", "prior_tau = jeffreys"))
  expect_equal(found$mean[found$quantity == "tau"][[1]], 6.5754833467, tolerance = 1e-9)
  expect_error(hier_sensitivity(model, "jeffreys"), "list of lists")
})
