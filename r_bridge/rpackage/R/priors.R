#' Priors
#'
#' What `prior_tau`, `prior_mu` and `prior` of [hier_normal()], [hier_binomial()] and
#' [hier_poisson()] take: a name, a distribution written as a string, or an R function that returns
#' the log density.
#'
#' Strings hold a name and numbers, in order or by name; nothing in them is evaluated. Capitals,
#' hyphens and underscores do not count. The names are R's, bayesmeta's, brms's (Stan's) and
#' SciPy's, with their arguments:
#'
#' * `"halfnorm(scale)"`, `"halfcauchy(scale)"`, `"half-t(df, scale)"`: bayesmeta's
#'   `dhalfnormal()`, `dhalfcauchy()` and `dhalft()`.
#' * `"normal(mean, sd)"`, `"cauchy(0, scale)"`, `"student_t(df, 0, scale)"`: brms's, cut off at 0
#'   as there.
#' * `"uniform(min, max)"`, `"exponential(rate)"`, `"gamma(shape, rate)"`, `"lognormal(meanlog, sdlog)"`,
#'   `"weibull(shape, scale)"`: as R's [stats::dunif()], [stats::dexp()], [stats::dgamma()],
#'   [stats::dlnorm()] and [stats::dweibull()]. `"gamma(2, scale = 10)"` and `"exponential(scale = 10)"`
#'   take a scale in place of the rate.
#' * `"lomax(shape, scale)"`, `"rayleigh(scale)"`, `"halflogistic(scale)"`, `"invchi(df, scale)"`:
#'   bayesmeta's.
#' * `"invgamma(shape, scale)"`: Stan's inv_gamma. `"expon(scale)"` and `"lognorm(sdlog, median)"`:
#'   SciPy's.
#' * `"beta(a, b)"`: of a hyperparameter that is a probability, such as eta.
#' * For `prior_mu`: `"flat"`, or `"normal(mean, sd)"`.
#'
#' For tau there are also the improper and data-dependent priors `"uniform"` (the default), `"sqrt"`,
#' `"jeffreys"`, `"overall-jeffreys"`, `"berger-deely"`, `"conventional"`, `"dumouchel"`, `"shrinkage"`
#' and `"i2"`, as in Roever (2020, <doi:10.18637/jss.v093.i06>); bayesmeta's capitals will do.
#'
#' A function returns the *log* density at one tau (of a count model, at two hyperparameters); it
#' need not be normalised. One with an argument `log`, such as `dexp`, is called with `log = TRUE`. A
#' function that is nowhere negative is refused: it returns a density.
#'
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(28, 8, -3, 7, -1, 1, 18, 12)
#' se <- c(15, 10, 16, 11, 9, 11, 10, 18)
#' coef(hier_normal(y, se, prior_mu = "normal(0, 5)", prior_tau = "student_t(3, 0, 2.5)"))[1:2]
#' coef(hier_normal(y, se, prior_tau = function(tau) dgamma(tau, 2, 0.1, log = TRUE)))[1:2]
#' coef(hier_normal(y, se, prior_tau = dexp))[1:2]
#' \dontshow{\})}
#' @name hier_priors
NULL

one_prior <- function(name, prior, points = taus) {
  if (is.function(prior)) {
    return(log_density(name, prior, points))
  }
  if (is.character(prior) && length(prior) == 1 && !is.na(prior)) {
    return(prior)
  }
  stop_pyhier(
    name, " is ", shown(prior), ": give a string such as \"halfcauchy(5)\", or a function that ",
    "returns the log density",
    kind = "TypeError"
  )
}

# Where a prior's values are looked at.
taus <- as.list(c(10^seq(-9, 9, by = 0.25), 10^c(-100, -50, -20, 20, 50, 100)))
pairs <- unlist(lapply(10^seq(-6, 9, by = 1.5), function(a) lapply(a * 10^(-3:3), c, a)), FALSE)

# A log density that is one: of R's own kind it is asked for, and a density itself is refused.
log_density <- function(name, prior, points) {
  if ("log" %in% names(formals(args(prior)))) {
    density <- prior
    prior <- function(...) density(..., log = TRUE)
  }
  values <- vapply(points, function(point) {
    value <- suppressWarnings(tryCatch(do.call(prior, as.list(point)), error = function(e) NA))
    if (is.numeric(value) && length(value) == 1) as.double(value) else NA_real_
  }, 0)
  values <- values[!is.na(values)]
  if (length(values) && all(values >= 0) && any(values != values[[1]])) {
    stop_pyhier(
      name, " is never negative, like a density and unlike its log: let the function return the log ",
      "density, such as log(2) + dcauchy(tau, 0, 5, log = TRUE), or log() of its value"
    )
  }
  prior
}

mu_prior <- function(prior) {
  if (is.null(prior)) {
    return("flat")
  }
  if (!is.character(prior) || length(prior) != 1 || is.na(prior)) {
    stop_pyhier(
      "prior_mu is ", shown(prior), ": give \"flat\" or \"norm(mean, sd)\"",
      kind = "TypeError"
    )
  }
  prior
}

# The prior of a count model. Python calls an R function with one vector.
pair_prior <- function(prior) {
  if (is.list(prior) && length(names(prior)) == length(prior)) {
    texts <- vapply(prior, function(one) is.character(one) && length(one) == 1, NA)
    if (!all(texts)) {
      stop_pyhier(
        "prior$", names(prior)[!texts][[1]], " is no string: give one such as \"gamma(2, 1)\"; or, ",
        "for the whole prior, a function of both hyperparameters",
        kind = "TypeError"
      )
    }
    return(prior)
  }
  prior <- one_prior("prior", prior, pairs)
  if (is.function(prior)) function(both) prior(both[[1]], both[[2]]) else prior
}
