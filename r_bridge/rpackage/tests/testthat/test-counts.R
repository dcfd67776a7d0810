need_python()

# Deaths of moths at doses of a poison, as Collett (1991) has them, and exposures of our own.
moths <- data.frame(
  dead = c(1, 4, 9, 13, 18, 0, 2, 6, 10, 12), tried = 20, log_dose = c(0:4, 0:4) / 2,
  sex = factor(rep(c("male", "female"), each = 5)), weeks = c(3.5, 8, 11, 20, 31, 2.25, 6, 9, 17, 25),
  row.names = paste0("tray", 1:10)
)
conjugate <- hier_binomial(cbind(dead, tried - dead) ~ sex, data = moths)
normal <- hier_binomial(cbind(dead, tried - dead) ~ log_dose, data = moths, effects = "normal", prior_tau = "halfnorm(1)")
events <- hier_poisson(dead ~ log_dose + offset(log(weeks)), data = moths, prior_beta = list(log_dose = "normal(0, 2)"))
rates <- hier_poisson(dead ~ log_dose, data = moths, exposure = weeks, effects = "normal", prior_tau = "halfnorm(1)")
fits <- lapply(list(conjugate, normal, events, rates), hier_exact)

# Means and covariance of the coefficients by Python's own classes, of the same numbers.
by_python <- function(class, size, more = "") {
  numbers <- function(x) paste0("[", paste(format(x, digits = 17), collapse = ","), "]")
  code <- paste0(
    "import pyhier as ph, scipy.stats as st, numpy as np\n",
    "model = ph.", class, "(", numbers(moths$dead), ", ", numbers(size), ", X={'x': ",
    numbers(if (class == "BetaBinomial") moths$sex == "male" else moths$log_dose) , "}", more, ")\n",
    "post = ph.exact(model)\n",
    "means = [float(x) for x in (post.weight @ post.phi)[:2]]\n",
    "log_z = float(post.log_z)"
  )
  code <- gsub("TRUE", "1", gsub("FALSE", "0", code))
  reticulate::py_run_string(code)
}

test_that("covariates and normal effects are Python's models", {
  priors <- c("", ", prior_tau=st.halfnorm(scale=1)", ", prior_beta={'x': st.norm(0, 2)}", ", prior_tau=st.halfnorm(scale=1)")
  classes <- c("BetaBinomial", "BinomialNormal", "PoissonGamma", "PoissonNormal")
  for (k in 1:4) {
    found <- by_python(classes[[k]], if (k < 3) moths$tried else moths$weeks, priors[[k]])
    expect_equal(unname(fixef(fits[[k]])), found$means, tolerance = 1e-9)
  }
  means <- coef(fits[[1]])
  expect_identical(names(means)[1:4], c("beta[Intercept]", "beta[sexmale]", "K", "theta[tray1]"))
  expect_equal(means[1:2], fixef(fits[[1]]), tolerance = 1e-8)
  expect_equal(sqrt(diag(vcov(fits[[1]]))), c(summary(fits[[1]])$sd[1:2]), tolerance = 1e-7, ignore_attr = TRUE)
  expect_identical(fits[[4]]$names[[3]], "tau")
})

# By hand: the beta-binomial probabilities over a grid of both logits and log K.
test_that("the posterior of a beta-binomial regression is a sum over a grid", {
  b <- seq(-12, 12, length.out = 121)
  v <- seq(-8, 14, length.out = 111)
  of_sex <- function(rows, u, v) {
    eta <- plogis(u)
    a <- exp(v) * eta
    c <- exp(v) * (1 - eta)
    sum(lbeta(moths$dead[rows] + a, 20 - moths$dead[rows] + c) - lbeta(a, c))
  }
  part <- function(rows) exp(outer(b, v, Vectorize(function(u, v) of_sex(rows, u, v))) + 30)
  male <- part(1:5)
  female <- part(6:10)
  prior <- exp(v) / (1 + exp(v))^2
  weight <- prior * colSums(male) * colSums(female)
  mean_of <- function(x) colSums(b * x) / colSums(x)
  wanted <- c(sum(weight * mean_of(female)), sum(weight * (mean_of(male) - mean_of(female)))) / sum(weight)
  expect_equal(unname(fixef(fits[[1]])), wanted, tolerance = 1e-4)
})

test_that("most likely values are those of glmer and glmmTMB", {
  found <- unlist(hier_empirical_bayes(normal)$estimate)
  skip_if_not_installed("lme4")
  data <- cbind(moths, g = rownames(moths))
  fine <- lme4::glmerControl(optimizer = "bobyqa", tolPwrss = 1e-10, optCtrl = list(rhoend = 1e-9))
  theirs <- suppressMessages(lme4::glmer(
    cbind(dead, tried - dead) ~ log_dose + (1 | g), data, binomial,
    nAGQ = 25, control = fine
  ))
  expect_equal(unname(found[1:2]), unname(lme4::fixef(theirs)), tolerance = 1e-4)
  expect_equal(found[[3]], lme4::getME(theirs, "theta")[[1]], tolerance = 1e-4)
  skip_if_not_installed("glmmTMB")
  theirs <- suppressWarnings(glmmTMB::glmmTMB(
    dead ~ log_dose + offset(log(weeks)), cbind(moths, z = 1),
    family = glmmTMB::nbinom2
  ))
  ours <- hier_empirical_bayes(hier_poisson(dead ~ log_dose + offset(log(weeks)), data = moths))
  expect_equal(as.double(logLik(ours)), as.double(logLik(theirs)), tolerance = 1e-6)
  expect_equal(unlist(ours$estimate)[1:2], setNames(glmmTMB::fixef(theirs)$cond, names(fixef(events))), tolerance = 1e-4)
})

test_that("generics of models of counts with covariates", {
  drawn <- lapply(fits, hier_draws, n = 300, seed = 1)
  for (fit in drawn) {
    slope <- if (fit$model$family == "binomial" && fit$model$effects == "conjugate") "beta[sexmale]" else "beta[log_dose]"
    expect_identical(names(fixef(fit)), c("beta[Intercept]", slope))
    expect_identical(dimnames(vcov(fit)), rep(list(names(fixef(fit))), 2))
    expect_identical(case.names(fit), rownames(moths))
    expect_identical(rownames(confint(fit, slope)), slope)
    expect_identical(names(fitted(fit)), rownames(moths))
    expect_error(ranef(fit), "without mods")
  }
  fit <- drawn[[2]]
  expect_named(VarCorr(fit), c("Variance", "StdDev"))
  expect_error(VarCorr(drawn[[1]]), "not normal")
  p <- plogis(fitted(fit))
  wanted <- (qlogis(moths$dead / 20) - fitted(fit)) * sqrt(20 * p * (1 - p))
  expect_equal(residuals(fit, "pearson")[-6], wanted[-6], tolerance = 1e-12)
  expect_identical(residuals(fit)[["tray6"]], -Inf) # no death
  log_rate <- fitted(drawn[[4]])
  wanted <- (log(moths$dead / moths$weeks) - log_rate) * sqrt(moths$weeks * exp(log_rate))
  expect_equal(residuals(drawn[[4]], "pearson")[-6], wanted[-6], tolerance = 1e-12)
  at <- unlist(hier_empirical_bayes(conjugate)$estimate)
  eta <- plogis(at[[1]] + at[[2]] * (moths$sex == "male"))
  parts <- lchoose(20, moths$dead) + lbeta(moths$dead + at[[3]] * eta, 20 - moths$dead + at[[3]] * (1 - eta)) -
    lbeta(at[[3]] * eta, at[[3]] * (1 - eta))
  expect_equal(as.double(logLik(hier_empirical_bayes(conjugate))), sum(parts), tolerance = 1e-9)
  chain <- hier_rwmetrop(normal, m = 50, seed = 1)
  skip_if_not_installed("posterior")
  expect_true("beta[log_dose]" %in% posterior::variables(posterior::as_draws(chain)))
})

test_that("new groups are predicted by their covariates and sizes", {
  new <- data.frame(trials = c(40, 40), log_dose = c(0, 2))
  drawn <- hier_draws(fits[[2]], 4000, seed = 1)
  found <- predict(drawn, newdata = new, seed = 1)
  at <- drawn$draws[, 1, c("beta[Intercept]", "beta[log_dose]", "log_tau")]
  effect <- at[, 1] + outer(at[, 2], c(0, 2)) + exp(at[, 3]) * rnorm(4000)
  expect_equal(found$fit, 40 * colMeans(plogis(effect)), tolerance = 0.1)
  expect_identical(dim(found), c(2L, 4L))
  expect_equal(
    predict(fits[[3]], newdata = data.frame(weeks = 12, log_dose = 1), seed = 1, draws = 500),
    predict(fits[[3]], newdata = data.frame(exposure = 12, log_dose = 1), seed = 1, draws = 500)
  )
  expect_error(predict(fits[[3]], newdata = data.frame(log_dose = 1)), "weeks.*or give exposure")
  expect_error(predict(fits[[4]], newdata = data.frame(log_dose = 1)), "no column exposure")
  expect_error(predict(fits[[2]], newdata = data.frame(trials = 40)), "newdata:.*log_dose")
  expect_error(predict(fits[[2]], newdata = 40), "data frame with trials")
})

test_that("factors, subsets, rows that lack values, labels", {
  both <- hier_binomial(cbind(dead, tried - dead) ~ log_dose + sex, data = moths)
  expect_identical(grep("^beta", both$coordinates, value = TRUE)[3], "beta[sexmale]")
  men <- hier_binomial(cbind(dead, tried - dead) ~ log_dose, data = moths, subset = sex == "male")
  expect_identical(men$labels, paste0("tray", 1:5))
  expect_identical(men$data$successes, moths$dead[1:5])
  one <- hier_binomial(cbind(dead, tried - dead) ~ log_dose + factor(weeks > 9), data = moths, subset = 1:9)
  expect_length(one$labels, 9)
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ 1, data = moths, subset = sex == "none"), "subset leaves no row")
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ 1, data = moths, subset = TRUE), "subset has 1 values")
  expect_error(hier_binomial(cbind(1:2, 2:1) ~ 1, subset = 1), "subset takes rows of data")
  # A level that the subset has not is none of the design's.
  expect_length(grep("^beta", hier_binomial(
    cbind(dead, tried - dead) ~ log_dose + cut(weeks, c(0, 10, 22, 40)),
    data = moths, subset = weeks < 22
  )$coordinates), 3)
  holes <- moths
  holes$log_dose[3] <- NA
  holes$dead[8] <- NA
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ log_dose, data = holes), "rows tray3, tray8.*missing = \"drop\"")
  whole <- hier_binomial(cbind(dead, tried - dead) ~ log_dose, data = holes, missing = "drop")
  expect_identical(whole$labels, rownames(moths)[-c(3, 8)])
  expect_output(print(whole), "2 rows that lack a value left out")
  part <- hier_poisson(dead ~ log_dose, data = holes, exposure = weeks, labels = sex:factor(log_dose), missing = "drop", subset = weeks > 3)
  expect_identical(part$labels[1:2], c("male:0", "male:0.5"))
  expect_length(part$labels, 7)
  named <- cbind(a = moths$dead, b = 20 - moths$dead)
  rownames(named) <- LETTERS[1:10]
  expect_identical(hier_binomial(named ~ moths$log_dose)$labels, LETTERS[1:10])
  expect_identical(hier_binomial(cbind(1L, 3L) ~ 1)$data$trials, 4)
  skip_if_not_installed("tibble")
  expect_identical(
    hier_binomial(cbind(dead, tried - dead) ~ sex, data = tibble::as_tibble(moths), labels = rownames(moths))[c("data", "shown", "labels")],
    conjugate[c("data", "shown", "labels")]
  )
})

test_that("wrong arguments of counts are named", {
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ log_dose, data = moths, weights = tried), "weights: a group counts")
  expect_error(hier_poisson(dead ~ log_dose, data = moths, exposure = weeks, weights = tried), "weights: a group counts")
  expect_error(hier_binomial(dead / tried ~ log_dose, data = moths), "cbind\\(successes, failures\\)")
  expect_error(hier_binomial(cbind(dead, tried - dead - 0.5) ~ 1, data = moths), "failures\\[1\\] \\(group tray1\\) is 18.5")
  expect_error(hier_binomial(cbind(dead + 0.5, tried - dead) ~ 1, data = moths), "successes\\[0\\]|successes\\[1\\]")
  expect_error(hier_binomial(cbind(tried, dead - tried) ~ 1, data = moths), "failures\\[1\\] .*whole numbers")
  expect_error(hier_poisson(dead + 0.5 ~ log_dose, data = moths, exposure = weeks), "whole numbers")
  expect_error(hier_poisson(dead ~ log_dose + offset(log(weeks)), data = moths, exposure = weeks), "give one of them")
  expect_error(hier_poisson(dead ~ log_dose, data = moths), "or give exposure =")
  expect_error(hier_poisson(dead ~ log_dose, data = moths, exposure = -weeks), "exposure")
  expect_error(hier_poisson(cbind(dead, tried) ~ 1, data = moths, exposure = weeks), "2 columns")
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ 1 + offset(log(weeks)), data = moths), "hier_poisson")
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ nosuch, data = moths), "nosuch")
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ log_dose, data = moths, labels = sex), "male")
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ log_dose, data = moths, effects = "beta"), "conjugate")
  expect_error(hier_binomial(1:3, 4:6, prior_tau = "halfnorm(1)"), "prior_tau is no argument of conjugate effects")
  expect_error(hier_binomial(1:3, 4:6, prior_K = "gamma(2, 1)"), "prior_K.*without covariates: they have prior")
  expect_error(hier_binomial(1:3, 4:6, effects = "normal", prior = "bda3"), "prior is no argument of normal effects")
  expect_error(hier_poisson(1:3, 4:6, effects = "normal", z0 = 1), "z0 is no argument")
  expect_error(hier_binomial(1:3, 4:6, mods = ~ c(1, 2, 4), prior = "bda3"), "prior_beta and prior_K")
  expect_error(hier_binomial(1:3, 4:6, mods = "dose"), "one-sided formula")
  expect_error(hier_binomial(1:3, 4:6, mods = ~1), "without a covariate")
  expect_error(hier_normal(1:3, 4:6, mods = ~1), "without a covariate")
  expect_error(hier_binomial(1:3, 4:6, prior_beta = list(x = "normal(0, 1)")), "give mods")
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ log_dose, moths, mods = ~sex), "so has mods")
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ weeks, moths, nonsense = 1), "unknown: nonsense")
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ log_dose + I(2 * log_dose), moths), "made up of log_dose")
  expect_error(hier_binomial(c(0, 0, 5, 4), 5), "trials")
  apart <- hier_binomial(c(0, 0, 5, 5), c(5, 5, 5, 5), mods = ~ c(0, 0, 1, 1))
  expect_error(hier_exact(apart), "improper")
  year <- cbind(moths, year = 1990 + 1:10)
  expect_error(hier_binomial(cbind(dead, tried - dead) ~ year, year), "labels = year")
})

test_that("models of counts are updated and saved", {
  tight <- update(normal, prior_tau = "halfnorm(0.01)", prior_beta = list(log_dose = "normal(0, 0.001)"))
  fit <- hier_exact(tight)
  expect_lt(abs(fixef(fit)[["beta[log_dose]"]]), 0.001)
  changed <- update(conjugate, prior_K = "gamma(2, 0.1)")
  expect_match(changed$shown, "K gamma")
  expect_match(update(events, prior_alpha = function(a) -a)$shown, "alpha")
  expect_error(update(conjugate, prior_tau = "halfnorm(1)"), "unknown: prior_tau; this model has")
  plain <- hier_binomial(moths$dead, moths$tried, effects = "normal")
  expect_identical(names(fixef(hier_draws(plain, 50, seed = 1))), "mu")
  expect_match(update(plain, prior_mu = "normal(0, 5)")$shown, "mu normal")
  expect_error(ranef(hier_exact(plain)), "hier_draws")
  expect_identical(dim(ranef(hier_draws(plain, 100, seed = 1))), c(10L, 4L))
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fit, file)
  expect_identical(fixef(readRDS(file)), fixef(fit))
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off(), add = TRUE)
  drawn <- hier_draws(plain, 50, seed = 1)
  expect_identical(forest(drawn), drawn)
})

test_that("effects that are none are named", {
  for (make in list(hier_binomial, hier_poisson)) {
    for (wrong in list("t", 3, NA, c("normal", "t"))) {
      expect_error(make(1:3, 4:6, effects = wrong), 'effects is .*: it must be "conjugate" or "normal"')
    }
    expect_identical(make(1:3, 4:6, effects = "norm")$effects, "normal")
  }
})
