need_python()

y <- schools$y
se <- schools$sigma

test_that("what R users hand over by mistake is an error that says what to do", {
  expect_error(hier_normal(NULL, se), "y is NULL", class = "pyhier_error")
  expect_error(hier_normal(y, schools$sgima), "neither was given", class = "pyhier_error")
  expect_error(hier_normal(y), "neither was given")
  expect_error(hier_normal(y, se, var = se^2), "both were given")
  expect_error(hier_normal(replace(y, 3, NA), se), "y\\[3\\] is NA")
  expect_error(hier_normal(y, replace(se, 2, NaN)), "se\\[2\\] \\(group 2\\) is nan")
  expect_error(hier_normal(factor(y), se), "y is a factor.*as.numeric")
  expect_error(hier_normal(schools, se), "y is a data.frame: give one column")
  expect_error(hier_normal(as.list(y), se), "y is a list")
  expect_error(hier_normal(as.character(y), se), "y is of class character")
  expect_error(hier_normal(y, cbind(se, se)), "8 x 2")
  expect_error(hier_normal(y, se[1:3]), "y has 8 groups and se has 3")
  expect_error(hier_normal(y, se, labels = rep("A", 8)), "more than once")
  expect_error(hier_normal(y, se, labels = c(NA, LETTERS[2:8])), "labels\\[1\\] is NA")
  expect_error(hier_normal(y, se, sd = 3), "unknown: sd")
  expect_error(hier_normal(y, se, prior_tau = "halfcauchy(x)"), "not numbers")
  expect_error(hier_normal(y, se, prior_tau = 5), "halfcauchy\\(5\\)")
  expect_error(hier_normal(y, se, prior_mu = 0), "norm\\(mean, sd\\)")
  expect_error(hier_exact(se = se), "")
  expect_error(probability(3, "mu > 0"), "give a posterior")
  expect_error(probability(hier_exact(y, se), "mu"), "is no comparison")
  expect_error(probability(hier_exact(y, se), "nu > 0"), "no quantity is named 'nu'")
})

test_that("integer overflow and counts", {
  big <- suppressWarnings(c(.Machine$integer.max + 1L, 2L, 3L, 4L))
  expect_error(hier_normal(big, 1:4), "y\\[1\\] is NA.*integer overflow")
  expect_error(hier_rwmetrop(y, se, suppressWarnings(.Machine$integer.max + 1L)), "m is NA")
  expect_error(hier_rwmetrop(y, se, 10.5), "m is 10.5: give one whole number")
  expect_error(hier_rwmetrop(y, se, "10"), "m is \"10\"")
  expect_error(hier_rwmetrop(y, se, 1e17), "m is 1e\\+17")
  expect_error(hier_rwmetrop(y, se, c(1, 2)), "m is c\\(1, 2\\)")
  expect_error(hier_rwmetrop(y, se), "m is missing")
  expect_error(hier_rwmetrop(y, se, 10, seed = 1.5), "seed is 1.5")
  expect_identical(
    hier_rwmetrop(y, se, 10L, seed = 3L)$draws, hier_rwmetrop(y, se, 10, seed = 3)$draws
  )
  expect_error(hier_binomial(c(1.5, 2), c(3, 4)), "successes\\[1\\].*whole numbers")
})

test_that("integers, names, factors and strings are taken for what they are", {
  named <- hier_normal(setNames(as.integer(y), schools$school), as.integer(se))
  expect_identical(named$labels, schools$school)
  expect_identical(hier_normal(y, se, labels = factor(schools$school))$labels, schools$school)
  expect_identical(hier_normal(y, se, labels = 101:108)$labels, as.character(101:108))
  umlauts <- c("\u00c5rhus", "\u6771\u4eac", letters[3:8])
  expect_identical(hier_normal(y, se, labels = umlauts)$labels, umlauts)
  expect_identical(coef(hier_normal(y, var = se^2)), coef(hier_normal(y, se)))
})

test_that("formulas read data frames", {
  model <- hier_normal(y, se, labels = schools$school)
  by_formula <- hier_normal(y ~ school, data = schools, se = sigma)
  expect_identical(coef(by_formula), coef(model))
  expect_identical(coef(hier_normal(y ~ 1, schools, var = sigma^2, labels = school)), coef(model))
  expect_identical(coef(hier_exact(y ~ school, data = schools, se = sigma)), coef(model))
  expect_identical(by_formula$call, quote(hier_normal(y = y ~ school, data = schools, se = sigma)))
  expect_identical(model$call[[1]], quote(hier_normal))
  raw <- data.frame(score = c(1, 3, 4, 8, 5, 9), class = c("a", "a", "b", "b", "c", "c"))
  expect_equal(hier_normal(score ~ class, raw, raw = TRUE)$data$y, c(2, 6, 7))
  expect_error(hier_normal(score ~ class + scool, raw, raw = TRUE), "scool")
  expect_error(hier_normal(y ~ school + sigma, schools, se = sigma), "labels = school")
  expect_error(hier_normal(y ~ school, replace(schools, "y", NA), se = sigma), "y\\[1\\] is NA")
})

test_that("tibbles and grouped data frames", {
  skip_if_not_installed("dplyr")
  grouped <- dplyr::group_by(dplyr::as_tibble(schools), school)
  model <- hier_normal(grouped$y, grouped$sigma, labels = grouped$school)
  expect_identical(model$labels, schools$school)
  expect_identical(coef(hier_normal(y ~ school, grouped, se = sigma)), coef(model))
  expect_error(hier_normal(grouped["y"], se), "y is a .*: give one column")
  expect_error(hier_normal(grouped, se), "y is a grouped_df: give one column")
  new <- dplyr::tibble(se = c(5, 10))
  expect_identical(dim(predict(model, newdata = new, seed = 1)), c(2L, 4L))
})

test_that("models of counts by vectors and by glm()'s formulas", {
  rats <- data.frame(tumors = c(0, 2, 4, 9), rats = c(20, 24, 14, 24), lab = letters[1:4])
  a <- hier_binomial(rats$tumors, rats$rats, labels = rats$lab)
  b <- hier_binomial(cbind(tumors, rats - tumors) ~ lab, data = rats)
  expect_identical(coef(a), coef(b))
  expect_error(hier_binomial(tumors ~ lab, data = rats), "cbind\\(successes, failures\\)")
  events <- data.frame(y = c(5, 1, 5, 14), e = c(94.3, 15.7, 62.9, 125.8))
  p <- hier_poisson(events$y, events$e)
  q <- hier_poisson(y ~ offset(log(e)), data = events)
  expect_equal(coef(p), coef(q), tolerance = 1e-8) # log and exp round
  expect_error(hier_poisson(y ~ 1, data = events), "offset\\(log\\(exposure\\)\\)")
  prior <- list(eta = "beta(1, 1)", K = function(k) 0)
  expect_error(hier_binomial(rats$tumors, rats$rats, prior = prior), "prior\\$K is no string")
  prior$K <- "lognorm(1, 10)"
  expect_equal(nobs(hier_binomial(rats$tumors, rats$rats, prior = prior)), 4)
})

test_that("raw observations are only what is said to be", {
  raw <- data.frame(score = c(1, 3, 4, 8, 5, 9), class = c("a", "a", "b", "b", "c", "c"))
  expect_error(hier_normal(score ~ class, raw), "give se or var.*raw = TRUE")
  expect_error(hier_exact(score ~ class, data = raw), "raw = TRUE")
  expect_error(hier_normal(score ~ 1, raw), "give se or var")
  expect_error(hier_normal(score ~ 1, raw, raw = TRUE), "need their groups")
  expect_error(hier_normal(y ~ school, schools, se = sigma, raw = TRUE), "se belongs to estimates")
  expect_error(hier_normal(y ~ school, schools, se = sigma, variance = "pooled"), "raw = TRUE with it")
  # By hand: means 2, 6, 7; each class has the variances 2, 8, 8, which pool to 6.
  model <- hier_normal(score ~ class, raw, raw = TRUE)
  expect_equal(model$estimates$se, rep(sqrt(6 / 2), 3))
  expect_equal(
    hier_normal(score ~ class, raw, raw = TRUE, variance = "per-group")$estimates$se, sqrt(c(2, 8, 8) / 2)
  )
})

test_that("unknown arguments are named before they are evaluated", {
  never <- function() stop("evaluated")
  expect_error(hier_normal(y, se, sd = never()), "unknown: sd")
  expect_error(hier_exact(y, se, priortau = never()), "unknown: priortau")
  expect_error(hier_normal(y ~ school, schools, se = sigma, tau = never()), "unknown: tau")
  expect_error(hier_exact(hier_normal(y, se), never()), "unknown: never\\(\\), an argument too many")
  expect_error(hier_binomial(c(1, 2), c(3, 4), NULL, "bda3", never()), "unknown: never")
})

# The eight bytes of each count, as readRDS() brings them back where bit64 is not loaded.
integer64_of <- function(x) {
  bytes <- lapply(x, function(one) {
    negative <- one < 0
    rest <- if (negative) -one - 1 else one
    digits <- rest %/% 256^(0:7) %% 256
    as.raw(if (negative) 255 - digits else digits)
  })
  structure(readBin(do.call(c, bytes), "double", length(x)), class = "integer64")
}

test_that("integer64 is what it counts, without bit64", {
  big <- integer64_of(y)
  expect_false("bit64" %in% loadedNamespaces())
  expect_lt(max(abs(unclass(big)), na.rm = TRUE), 1e-300)
  expect_identical(hier_normal(big, se)$data$y, y)
  expect_identical(hier_normal(y, integer64_of(se))$data$se, se)
  expect_identical(pyhier:::decoded(integer64_of(c(-3, 2^40, -2^52))), c(-3, 2^40, -2^52))
  absent <- structure(readBin(as.raw(c(rep(0, 7), 128)), "double", 1), class = "integer64")
  expect_error(hier_normal(structure(c(big, absent), class = "integer64"), c(se, 1)), "y\\[9\\] is NA")
  expect_identical(hier_normal(y, se, labels = integer64_of(100000 * 1:8))$labels[[1]], "100000")
  frame <- schools
  frame$y <- big
  expect_identical(hier_normal(y ~ school, frame, se = sigma)$data$y, y)
  made <- data.frame(made = c(0, 0), tried = c(0, 0))
  made$made <- integer64_of(c(10, 25))
  made$tried <- integer64_of(c(22, 46))
  expect_identical(hier_binomial(cbind(made, tried - made) ~ 1, data = made)$data$trials, c(22, 46))
  expect_identical(dim(hier_rwmetrop(y, se, integer64_of(10), seed = integer64_of(3))$draws)[[1]], 10L)
  expect_error(hier_normal(as.double(unclass(big)), se), "as an integer64 looks")
})

test_that("names are matched, or refused", {
  named <- setNames(y, schools$school)
  other <- setNames(se, schools$school)
  model <- hier_normal(named, other)
  expect_identical(hier_normal(named, rev(other))$data, model$data)
  expect_identical(hier_normal(named, var = rev(other^2))$estimates$se, model$estimates$se)
  expect_error(hier_normal(named, setNames(se, LETTERS[2:9])), "names\\(se\\) has no \"A\".*unname")
  expect_error(hier_normal(named, other[-8]), "names\\(se\\) has no \"H\"")
  expect_identical(hier_normal(named, unname(se))$data, model$data)
  expect_error(hier_normal(named, se, labels = rev(LETTERS[1:8])), "in another order")
  expect_identical(hier_normal(named, se, labels = letters[1:8])$labels, letters[1:8])
  expect_identical(
    hier_normal(named, se, labels = setNames(letters[8:1], LETTERS[8:1]))$labels, letters[1:8]
  )
  expect_identical(
    hier_binomial(c(a = 1, b = 2, c = 0), c(c = 9, a = 5, b = 6))$data$trials, c(5, 6, 9)
  )
  expect_error(hier_poisson(c(a = 1, b = 2, c = 0), c(c = 9, a = 5, d = 6)), "exposure.*no \"b\"")
  expect_identical(hier_normal(y, se, labels = 1e5 * 1:8)$labels[[1]], "100000")
})

test_that("densities are not taken for log densities", {
  half <- function(tau) 2 * dcauchy(tau, 0, 5)
  expect_error(hier_normal(y, se, prior_tau = half), "never negative, like a density.*log\\(\\)")
  expect_error(hier_normal(y, se, prior_tau = function(tau) dunif(tau, 0, 10)), "like a density")
  expect_error(hier_normal(y, se, prior_tau = function(tau) 1 / sqrt(tau)), "like a density")
  expect_error(update(hier_normal(y, se), prior_tau = half), "like a density")
  expect_error(
    hier_binomial(c(1, 2, 5), c(9, 9, 9), prior = function(a, b) (a + b)^-2.5), "like a density"
  )
  wanted <- coef(hier_normal(y, se, prior_tau = "exponential(0.1)"))
  rated <- function(x, log = FALSE) dexp(x, 0.1, log = log) # asked for its log
  expect_equal(coef(hier_normal(y, se, prior_tau = rated)), wanted, tolerance = 1e-9)
  expect_equal(
    coef(hier_normal(y, se, prior_tau = dexp)), coef(hier_normal(y, se, prior_tau = "exponential(1)")),
    tolerance = 1e-9
  )
  flat <- hier_normal(y, se, prior_tau = function(tau) 0)
  expect_equal(coef(flat), coef(hier_normal(y, se)), tolerance = 1e-9)
  expect_no_error(hier_normal(y, se, prior_tau = function(tau) if (tau < 0.01) log(100) else -Inf))
})

test_that("priors as strings are R's, bayesmeta's and brms's", {
  exact <- function(prior, mu = "flat") coef(hier_normal(y, se, prior_mu = mu, prior_tau = prior))
  t3 <- function(tau) log(2 / 2.5) + dt(tau / 2.5, 3, log = TRUE)
  expect_equal(exact("student_t(3, 0, 2.5)"), exact(t3), tolerance = 1e-9)
  expect_equal(exact("half-t(3, 2.5)"), exact(t3), tolerance = 1e-9)
  expect_equal(exact("half_cauchy(5)"), exact("cauchy(0, 5)"))
  expect_equal(exact("gamma(2, 0.1)"), exact(function(tau) dgamma(tau, 2, 0.1, log = TRUE)), tolerance = 1e-9)
  expect_equal(exact("gamma(2, scale = 10)"), exact("gamma(2, 0.1)"))
  expect_equal(exact("DuMouchel", "normal(0, 5)"), exact("dumouchel", "norm(0, 5)"))
  short <- marginal(hier_normal(y, se, prior_tau = "uniform(0, 10)"), "tau")
  expect_equal(short$p(c(10, 11)), c(1, 1))
  long <- marginal(hier_normal(y, se), "tau")
  expect_equal(short$p(5), long$p(5) / long$p(10), tolerance = 1e-8)
  expect_error(exact("gamma(2)"), "gamma takes shape, rate")
  expect_error(exact("flat", "student_t(3, 0, 2.5)"), "flat, norm")
})
