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

test_that("formulas read data frames, tibbles and grouped ones", {
  model <- hier_normal(y, se, labels = schools$school)
  by_formula <- hier_normal(y ~ school, data = schools, se = sigma)
  expect_identical(coef(by_formula), coef(model))
  expect_identical(coef(hier_normal(y ~ 1, schools, var = sigma^2, labels = school)), coef(model))
  if (requireNamespace("dplyr", quietly = TRUE)) {
    grouped <- dplyr::group_by(dplyr::as_tibble(schools), school)
    expect_identical(coef(hier_normal(y ~ school, grouped, se = sigma)), coef(model))
    expect_error(hier_normal(grouped["y"], se), "y is a .*: give one column")
  }
  expect_identical(coef(hier_exact(y ~ school, data = schools, se = sigma)), coef(model))
  expect_identical(by_formula$call, quote(hier_normal(y = y ~ school, data = schools, se = sigma)))
  expect_identical(model$call[[1]], quote(hier_normal))
  raw <- data.frame(score = c(1, 3, 4, 8, 5, 9), class = c("a", "a", "b", "b", "c", "c"))
  expect_equal(hier_normal(score ~ class, raw)$data$y, c(2, 6, 7))
  expect_error(hier_normal(score ~ 1, raw), "give se or var")
  expect_error(hier_normal(score ~ class + scool, raw), "scool")
  expect_error(hier_normal(y ~ school + sigma, schools, se = sigma), "one grouping variable")
  expect_error(hier_normal(y ~ school, replace(schools, "y", NA), se = sigma), "y\\[1\\] is NA")
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
