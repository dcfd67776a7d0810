need_python()

model <- hier_normal(schools$y, schools$sigma, labels = schools$school)
fit <- hier_exact(model)
chain <- hier_rwmetrop(model, m = 3000, seed = 1, chains = 2)
counts <- hier_binomial(c(a = 1, b = 5, c = 9), c(20, 24, 22))

test_that("coef, confint and tidy have the same rows", {
  for (one in list(model, fit, chain, counts, hier_exact(counts))) {
    expect_identical(rownames(confint(one)), names(coef(one)))
    expect_false("theta_new" %in% names(coef(one)))
  }
  expect_identical(dim(confint(fit, "theta_new")), c(1L, 2L))
  expect_identical(confint(fit, 2), confint(fit, "tau"))
  expect_error(confint(fit, 99), "no quantity is named 99")
  skip_if_not_installed("generics")
  table <- generics::tidy(fit, conf.int = TRUE, conf.level = 0.9)
  expect_identical(table$term, names(coef(fit)))
  expect_identical(table$estimate, unname(coef(fit)))
  expect_identical(table$conf.high, unname(confint(fit, level = 0.9)[, 2]))
  expect_identical(table$group, c(NA, NA, schools$school))
  expect_identical(generics::tidy(model), generics::tidy(fit))
  expect_identical(names(generics::tidy(chain)), c("effect", "group", "term", "estimate", "std.error"))
  expect_error(generics::tidy(fit, level = 0.9), "unknown: level")
  expect_identical(generics::glance(chain)$chains, 2L)
  expect_identical(generics::glance(fit)$nobs, 8L)
  expect_true(is.na(generics::glance(fit)$log_evidence))
  found <- generics::augment(fit, schools)
  expect_identical(found$.fitted, unname(fitted(fit)))
  expect_identical(found$y, schools$y)
  expect_identical(nrow(generics::augment(counts)), 3L)
})

test_that("fixef, vcov, VarCorr and ranef are what mixed models have", {
  expect_identical(fixef(fit), coef(fit)["mu"])
  expect_equal(vcov(fit)[["mu", "mu"]], summary(fit)["mu", "sd"]^2)
  # FACTS: E tau 6.5754833467, sd 5.6503793370.
  expect_equal(VarCorr(fit)$StdDev, 6.5754833467, tolerance = 1e-9)
  expect_equal(VarCorr(fit)$Variance, 6.5754833467^2 + 5.6503793370^2, tolerance = 1e-9)
  expect_error(VarCorr(counts), "not normal")
  expect_identical(names(fixef(counts)), "eta")
  found <- ranef(fit)
  expect_identical(rownames(found), schools$school)
  expect_equal(found$pred, unname(fitted(fit) - fixef(fit)), tolerance = 1e-10)
  # var(theta - mu) = var(theta) + var(mu) - 2 cov, by many joint draws; they know an sd to 1 in 200.
  draws <- as.matrix(hier_draws(fit, 20000, seed = 1))
  apart <- draws[, "theta[A]"] - draws[, "mu"]
  expect_equal(found["A", "se"], sd(apart), tolerance = 0.04)
  expect_equal(found["A", "pi.ub"], quantile(apart, 0.975)[[1]], tolerance = 0.06)
  expect_equal(ranef(hier_draws(fit, 20000, seed = 1))["A", "se"], sd(apart))
  for (effects in c("conjugate", "normal")) {
    events <- c(a = 1, b = 5, c = 9, d = 3, e = 7, f = 4)
    of_counts <- hier_exact(hier_binomial(events, c(20, 24, 22, 20, 25, 30), effects = effects))
    expect_error(ranef(of_counts), "take ranef(hier_draws(fit, 4000)), or fitted(fit)", fixed = TRUE)
    by_draws <- ranef(hier_draws(of_counts, 4000, seed = 1))
    expect_identical(rownames(by_draws), names(events))
    mean <- fitted(of_counts) - fixef(of_counts)
    expect_lt(max(abs(by_draws$pred - mean) / by_draws$se), 0.1)
  }
  # At known hyperparameters, by the textbook's formula.
  known <- ranef(hier_draws(hier_given(model, mu = 8, tau = 5), 50, seed = 1))
  expect_identical(dim(known), c(8L, 4L))
})

test_that("residuals are of the estimates", {
  expect_equal(residuals(fit), setNames(schools$y, schools$school) - fitted(fit))
  expect_equal(resid(fit, "pearson"), residuals(fit) / schools$sigma)
  p <- fitted(counts)
  expect_equal(residuals(counts), c(a = 1, b = 5, c = 9) / c(20, 24, 22) - p)
  pearson <- (c(1, 5, 9) - c(20, 24, 22) * p) / sqrt(c(20, 24, 22) * p * (1 - p))
  expect_equal(residuals(counts, type = "pearson"), pearson)
  events <- hier_poisson(c(5, 1, 5, 14), c(94.3, 15.7, 62.9, 125.8))
  rate <- fitted(events)
  expected <- c(94.3, 15.7, 62.9, 125.8) * rate
  expect_equal(residuals(events, type = "pearson"), (c(5, 1, 5, 14) - expected) / sqrt(expected))
  expect_error(residuals(fit, "deviance"), 'type is "deviance": it must be "response" or "pearson"')
  expect_error(fitted(hier_rwmetrop(model, m = 10, theta = FALSE, seed = 1)), "theta = TRUE")
})

test_that("the likelihood is metafor's, and lbeta's", {
  y <- schools$y
  marginal <- function(mu, tau) sum(dnorm(y, mu, sqrt(schools$sigma^2 + tau^2), log = TRUE))
  at <- coef(fit)[c("mu", "tau")]
  expect_equal(as.double(logLik(fit)), marginal(at[[1]], at[[2]]), tolerance = 1e-12)
  expect_identical(attr(logLik(fit), "df"), 2L)
  best <- hier_empirical_bayes(hier_normal(c(28, 8, -30, 7), c(5, 4, 6, 3)))
  skip_if_not_installed("metafor")
  theirs <- metafor::rma(c(28, 8, -30, 7), sei = c(5, 4, 6, 3), method = "ML", control = list(threshold = 1e-12))
  expect_equal(as.double(logLik(best)), as.double(logLik(theirs)), tolerance = 1e-9)
  expect_equal(AIC(best), AIC(theirs), tolerance = 1e-9)
  expect_equal(BIC(best), BIC(theirs), tolerance = 1e-9)
  expect_error(AIC(fit), "hier_empirical_bayes")
  expect_error(BIC(hier_empirical_bayes(model, "moments")), "greatest likelihood")
  found <- hier_empirical_bayes(counts)
  a <- found$estimate$alpha
  b <- found$estimate$beta
  s <- c(1, 5, 9)
  n <- c(20, 24, 22)
  expect_equal(
    as.double(logLik(found)), sum(lchoose(n, s) + lbeta(a + s, b + n - s) - lbeta(a, b)),
    tolerance = 1e-9
  )
})

test_that("weights are of the mean, in per cent", {
  found <- weights(fit)
  expect_equal(sum(found), 100, tolerance = 1e-8)
  expect_equal(sum(found * schools$y) / 100, coef(fit)[["mu"]], tolerance = 1e-8)
  expect_error(weights(counts), "normal model")
  expect_error(weights(chain), "normal model")
})

test_that("no generic of stats gives NULL", {
  generics <- c(
    "AIC", "BIC", "case.names", "coef", "confint", "deviance", "df.residual", "family", "fitted",
    "formula", "logLik", "model.frame", "nobs", "predict", "residuals", "sigma", "simulate", "terms",
    "update", "variable.names", "vcov", "weights"
  )
  target <- function(theta) -sum(theta^2)
  steps <- list(var = diag(2), scale = 1)
  fits <- list(
    model, fit, chain, counts, hier_draws(fit, 10, 1), laplace(target, c(a = 1, b = 1)),
    rwmetrop(target, steps, c(0, 0), 50, seed = 1)
  )
  for (one in fits) {
    for (name in generics) {
      found <- tryCatch(
        suppressWarnings(getExportedValue("stats", name)(one)),
        error = function(e) {
          expect_gt(nchar(conditionMessage(e)), 10)
          "an error"
        }
      )
      expect_gt(length(found), 0, label = paste(name, "of", class(one)[[1]]))
    }
  }
  expect_error(sigma(fit), "no one residual sd")
  expect_error(deviance(model), "logLik")
  expect_error(df.residual(fit), "neither fixed nor free")
  expect_error(residuals(laplace(target, c(1, 1))), "log posterior density alone")
})

test_that("formulas, frames and calls", {
  made <- hier_normal(y ~ school, schools, se = sigma)
  expect_identical(formula(hier_exact(made)), y ~ school)
  expect_error(formula(fit), "made of vectors")
  expect_identical(model.frame(made), made$data)
  expect_identical(case.names(fit), schools$school)
  expect_identical(variable.names(fit), names(coef(fit)))
  expect_identical(getCall(hier_exact(made)), made$call)
  expect_identical(formula(hier_binomial(cbind(a, b) ~ 1, data.frame(a = 1:3, b = 4:6))), cbind(a, b) ~ 1)
})

test_that("update() runs the engine again", {
  half <- update(fit, prior_tau = "halfcauchy(5)", prior_mu = "normal(0, 5)")
  expect_equal(coef(half)[["tau"]], 3.597705484, tolerance = 1e-9) # FACTS
  longer <- update(chain, m = 40)
  expect_identical(dim(longer$draws)[1:2], c(40L, 2L))
  expect_identical(longer$draws, hier_rwmetrop(model, m = 40, seed = 1, chains = 2)$draws)
  other <- update(chain, m = 30, prior_tau = "jeffreys")
  expect_identical(
    other$draws, hier_rwmetrop(update(model, prior_tau = "jeffreys"), m = 30, seed = 1, chains = 2)$draws
  )
  expect_identical(coef(update(hier_given(model, mu = 8, tau = 5), tau = 2)), coef(hier_given(model, mu = 8, tau = 2)))
  expect_identical(
    update(hier_empirical_bayes(model), method = "moments")$estimate,
    hier_empirical_bayes(model, "moments")$estimate
  )
  expect_error(update(fit, m = 10), "unknown: m")
  expect_error(update(chain, data = schools), "unknown: data")
  expect_error(update(hier_draws(fit, 10, 1), prior_tau = "sqrt"), "draw again")
})

test_that("chains say whether they have converged", {
  table <- summary(chain)
  expect_identical(tail(names(table), 4), c("mcse_mean", "ess_bulk", "ess_tail", "r_hat"))
  expect_warning(summary(hier_rwmetrop(model, m = 60, seed = 1)), "effective draws.*Run longer \\(m, burn_in\\)")
  expect_warning(expect_output(print(rwmetrop(function(x) -x^2, list(var = 1, scale = 1), 0, 200, seed = 1))), "effective")
  own <- suppressWarnings(summary(rwmetrop(function(x) -sum(x^2), list(var = diag(2), scale = 1), c(0, 0), 3000, seed = 1)))
  expect_gt(min(own$ess_bulk), 100)
  skip_if_not_installed("posterior")
  # Their definitions, by Stan's own package.
  draws <- posterior::as_draws_array(chain)
  theirs <- posterior::summarise_draws(draws, "rhat", "ess_bulk", "ess_tail", "mcse_mean")
  expect_equal(table$r_hat, as.double(theirs$rhat), tolerance = 1e-6)
  expect_equal(table$ess_bulk, as.double(theirs$ess_bulk), tolerance = 1e-3)
  expect_equal(table$mcse_mean, as.double(theirs$mcse_mean), tolerance = 1e-3)
})

test_that("long tables are short in print, and moments that are none have a footnote", {
  many <- hier_normal(sin(1:60), rep(1, 60), labels = paste0("g", 1:60))
  said <- capture.output(print(hier_exact(many)))
  expect_lt(length(said), 35)
  expect_match(tail(said, 1), "and 40 more groups")
  expect_true(any(grepl("theta_new", said)))
  expect_identical(nrow(summary(hier_exact(many))), 63L)
  expect_gt(length(capture.output(print(hier_exact(many), max_groups = Inf))), 63)
  expect_match(tail(capture.output(print(many)), 1), "40 more groups")
  few <- capture.output(print(hier_exact(c(1, 4, 2), c(1, 1, 1))))
  expect_match(tail(few, 1), "Inf: the moment is infinite|NaN: the moment does not exist")
  expect_false(any(grepl("the moment", capture.output(print(fit)))))
})

test_that("draws have R's forms", {
  expect_identical(dim(as.array(chain)), c(3000L, 2L, 11L))
  expect_identical(dimnames(as.array(chain))$parameters, chain$names)
  expect_equal(unname(as.matrix(chain)[, "tau"]), exp(as.vector(chain$draws[, , "log_tau"])))
  expect_identical(dim(as.matrix(fit, n = 50, seed = 1)), c(50L, 11L))
  expect_identical(as.matrix(model, n = 50, seed = 1), as.matrix(fit, n = 50, seed = 1))
  expect_identical(dim(as.array(model, n = 50)), c(50L, 1L, 11L))
  if (requireNamespace("coda", quietly = TRUE)) {
    expect_equal(coda::niter(coda::as.mcmc(model, n = 50, seed = 1)), 50)
    expect_identical(coda::nchain(coda::as.mcmc.list(model, n = 50)), 1L)
    expect_error(coda::as.mcmc(model, nn = 50), "unknown: nn")
  }
  skip_if_not_installed("posterior")
  expect_identical(posterior::ndraws(posterior::as_draws(model, n = 50)), 50L)
  expect_identical(posterior::ndraws(posterior::as_draws_df(model, n = 50)), 50L)
  commas <- hier_normal(schools$y, schools$sigma, labels = paste0(letters[1:8], ", ", 1:8))
  drawn <- hier_rwmetrop(commas, m = 100, chains = 2, seed = 1)
  variables <- posterior::as_draws_rvars(drawn)
  expect_identical(posterior::variables(variables), c("mu", "tau", "theta", "theta_new"))
  expect_identical(names(variables$theta), commas$labels)
  expect_equal(mean(variables$theta)[[2]], fitted(drawn)[[2]])
  expect_identical(posterior::nchains(variables), 2L)
  expect_equal(posterior::rhat(variables$mu), posterior::rhat(drawn$draws[, , "mu"]))
})

test_that("LearnBayes' results answer, too", {
  target <- function(theta) -sum((theta - c(1, 2))^2) / 2
  found <- laplace(target, c(a = 0, b = 0))
  expect_equal(confint(found)[, 2], c(a = 1, b = 2) + qnorm(0.975), tolerance = 1e-3)
  expect_identical(rownames(confint(laplace(target, c(0, 0)))), c("theta[1]", "theta[2]"))
  draws <- rwmetrop(target, list(var = diag(2), scale = 2), c(a = 0, b = 0), 2000, seed = 1)
  expect_identical(dim(vcov(draws)), c(2L, 2L))
  expect_identical(confint(draws, "a")[[1]], quantile(draws$par[, 1], 0.025)[[1]])
  skip_if_not_installed("generics")
  expect_identical(generics::tidy(draws)$term, c("a", "b"))
  expect_identical(generics::tidy(found)$std.error, unname(sqrt(diag(found$var))))
})

test_that("forest() goes with metafor's", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  margins <- graphics::par("mar")
  expect_identical(forest(fit), fit)
  forest(counts, annotate = FALSE, main = "counts")
  expect_identical(graphics::par("mar"), margins)
  expect_error(forest(hier_rwmetrop(model, m = 10, theta = FALSE, seed = 1)), "theta = TRUE")
  skip_if_not_installed("metafor")
  expect_identical(metafor::forest(fit), fit)
  expect_no_error(forest(metafor::rma(schools$y, sei = schools$sigma)))
  rows <- pyhier:::forest_rows(fit)
  expect_identical(rows$label[9:10], c("mean of all", "new group"))
  expect_identical(pyhier:::forest_text(rows)[[1]], "11.4 [-2.1, 31.6]")
})

test_that("documents print tables", {
  skip_if_not_installed("knitr")
  text <- as.character(knitr::knit_print(summary(fit)))
  expect_match(text, "|tau", fixed = TRUE)
  expect_match(as.character(knitr::knit_print(fit)), "exact, by quadrature")
})
