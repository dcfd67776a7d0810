#' R's generic functions
#'
#' What R users ask of any fit. A model in place of a posterior stands for its exact posterior.
#'
#' @param object,x A posterior, or a model.
#' @param parm Which quantities, by name or number; those of `coef()` without it.
#' @param level Of the central intervals.
#' @param type `"response"`: estimate less effect; `"pearson"`: that by the estimate's sd, were the
#'   effect true.
#' @param formula,... Not used.
#' @return
#' * `coef()`: the posterior means of hyperparameters and effects; `fitted()`: of the effects alone;
#'   `fixef()`: of what all groups share, such as mu.
#' * `confint()`: a matrix of central posterior intervals, with the rows of `coef()`.
#' * `vcov()`: the posterior covariance of what `fixef()` has.
#' * `ranef()`: a data frame with a row a group, as metafor's: mean and sd of its effect less the
#'   groups' mean, and the ends of its 95% interval; of a model with levels a list of them. Of counts
#'   such differences have no exact distribution: `ranef(hier_draws(fit, 4000))` has them by draws, and
#'   `fitted()` the effects themselves.
#' * `VarCorr()`: a data frame of the posterior means of the effects' variance and sd, a row a level.
#' * `residuals()`: of each group's own estimate; infinite where that is, as the logit of no success.
#' * `logLik()`: the log likelihood of the hyperparameters, the effects integrated out, at their
#'   posterior means; of [hier_empirical_bayes()] it is the greatest, and `AIC()` and `BIC()` take that
#'   one alone.
#' * `weights()`: the weight of each group in the mean of mu, in per cent, as metafor's (exact
#'   posteriors of the normal model).
#' * `nobs()`: the number of groups. `formula()`, `model.frame()`, `case.names()`, `variable.names()`: of
#'   the data and of `coef()`. `model.matrix()`: the columns of `mods`, or of the mean of all.
#' * `coef()` of `summary()`: the table as a matrix.
#' * `tidy()`, `glance()`, `augment()` (broom): a row a quantity, a row for the fit, a row a group.
#'
#' What such a model has not (`sigma()`, `deviance()`, `df.residual()`, `anova()`) is an error that says why.
#'
#' What [laplace()] and LearnBayes' samplers return has `coef()`, `vcov()`, `confint()`, `summary()`, `plot()`,
#' `tidy()`, `glance()` and the forms of draws (`as.matrix()`, `as.mcmc()`, `as_draws()`; of a normal
#' approximation `n` new draws, with `seed`). They know no data, and what needs data is an error that says so.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(A = 28, B = 8, C = -3, D = 7, E = -1, F = 1, G = 18, H = 12)
#' fit <- hier_exact(y, c(15, 10, 16, 11, 9, 11, 10, 18))
#' coef(fit)
#' confint(fit, "tau", level = 0.9)
#' fixef(fit)
#' sqrt(vcov(fit))
#' ranef(fit)
#' VarCorr(fit)
#' residuals(fit, "pearson")
#' AIC(hier_empirical_bayes(hier_normal(y, c(15, 10, 16, 11, 9, 11, 10, 18))))
#' if (requireNamespace("generics", quietly = TRUE)) generics::glance(fit)
#' \dontshow{\})}
#' @name hier_methods
NULL

#' @rdname hier_methods
#' @export
coef.hier_posterior <- function(object, ...) {
  no_dots(...)
  means <- means_of(object)
  means[!is_new(names(means))]
}

means_of <- function(object) {
  table <- table_of(object, 0.5)
  setNames(table$mean, rownames(table))
}

#' @rdname hier_methods
#' @export
fitted.hier_posterior <- function(object, ...) {
  no_dots(...)
  setNames(means_of(object)[effects_of(object)], object$model$labels)
}

# The names of the groups' effects, which a posterior may have left out.
effects_of <- function(object) {
  effects <- effect_names(object$model)
  if (!all(effects %in% object$names)) {
    stop_pyhier("the groups' effects were not drawn: make the posterior with theta = TRUE")
  }
  effects
}

#' @rdname hier_methods
#' @export
confint.hier_posterior <- function(object, parm, level = 0.95, ...) {
  no_dots(...)
  tail <- (1 - check_level(level)) / 2
  probs <- c(tail, 1 - tail)
  table <- as.matrix(table_of(object, probs))[, 3:4, drop = FALSE]
  colnames(table) <- interval_names(probs)
  rows_named(table, parm)
}

interval_names <- function(probs) paste(format(100 * probs, trim = TRUE, digits = 3), "%")

# The rows that are asked for; those of coef() without.
rows_named <- function(table, parm) {
  if (missing(parm)) {
    return(table[!is_new(rownames(table)), , drop = FALSE])
  }
  unknown <- if (is.character(parm)) setdiff(parm, rownames(table)) else parm[!parm %in% seq_len(nrow(table))]
  if (length(unknown)) {
    stop_pyhier("no quantity is named ", unknown[[1]], ": see names in summary()")
  }
  table[parm, , drop = FALSE]
}

check_level <- function(level) {
  level <- numbers("level", level)
  if (length(level) != 1 || level <= 0 || level >= 1) {
    stop_pyhier("level is ", shown(level), ": give one number between 0 and 1")
  }
  level
}

#' @importFrom stats residuals
#' @rdname hier_methods
#' @export
residuals.hier_posterior <- function(object, type = c("response", "pearson"), ...) {
  no_dots(...)
  type <- one_of(type)
  effects <- fitted(object)
  rest <- setNames(object$model$estimates$estimate - effects, object$model$labels)
  if (type == "response") rest else rest / estimate_sd(object$model, effects)
}

# The sd of each group's own estimate, were these its effects.
estimate_sd <- function(model, effects) {
  normal <- has_normal_effects(model)
  if (normal && model$family == "binomial") {
    return(1 / sqrt(model$data$trials * stats::plogis(effects) * stats::plogis(-effects)))
  }
  if (normal && model$family == "poisson") {
    return(1 / sqrt(model$data$exposure * exp(effects)))
  }
  switch(model$family,
    normal = , multilevel = model$data$se,
    binomial = sqrt(effects * (1 - effects) / model$data$trials),
    poisson = sqrt(effects / model$data$exposure)
  )
}

#' @importFrom stats logLik
#' @rdname hier_methods
#' @export
logLik.hier_posterior <- function(object, ...) {
  no_dots(...)
  names <- sub("^(logit|log)_", "", object$model$coordinates)
  values <- if (is.null(object$estimate)) means_of(object)[names] else unlist(object$estimate)[names]
  if (!all(is.finite(values))) {
    stop_pyhier(
      "the mean of ", names[!is.finite(values)][[1]], " is not finite: take logLik() of ",
      "hier_empirical_bayes()"
    )
  }
  value <- python_call("log_likelihood", model = live(object$model), values = as.list(values))
  structure(value, df = length(names), nobs = nobs(object), class = "logLik")
}

#' @importFrom stats AIC
#' @export
AIC.hier_posterior <- function(object, ..., k = 2) {
  no_dots(...)
  value <- maximum_of(object)
  k * attr(value, "df") - 2 * as.double(value)
}

#' @importFrom stats BIC
#' @export
BIC.hier_posterior <- function(object, ...) {
  no_dots(...)
  AIC.hier_posterior(object, k = log(nobs(object)))
}

maximum_of <- function(object) {
  if (!inherits(object, "hier_empirical_bayes") || object$refit$arguments$method != "ml") {
    stop_pyhier(
      "AIC and BIC are of the greatest likelihood: take those of hier_empirical_bayes(model); or ",
      "log_evidence() for the likelihood that the priors average"
    )
  }
  logLik(object)
}

#' @export
nobs.hier_posterior <- function(object, ...) nobs(object$model)

#' @export
nobs.hier_model <- function(object, ...) {
  no_dots(...)
  length(object$labels)
}

#' @importFrom stats weights
#' @rdname hier_methods
#' @export
weights.hier_posterior <- function(object, ...) {
  no_dots(...)
  if (!is.null(object$model$design)) {
    stop_pyhier("weights are in the mean of mu, which a model with mods has not")
  }
  shares <- as.vector(python_call("weights", posterior = live(object)))
  setNames(100 * shares, object$model$labels)
}

#' @importFrom stats formula
#' @rdname hier_methods
#' @export
formula.hier_posterior <- function(x, ...) formula(x$model, ...)

#' @export
formula.hier_model <- function(x, ...) {
  no_dots(...)
  if (is.null(x$formula)) stop_pyhier("this model was made of vectors: it has no formula") else x$formula
}

#' @importFrom stats model.frame
#' @rdname hier_methods
#' @export
model.frame.hier_posterior <- function(formula, ...) formula$model$data

#' @export
model.frame.hier_model <- function(formula, ...) formula$data

#' @importFrom stats case.names
#' @export
case.names.hier_posterior <- function(object, ...) object$model$labels

#' @export
case.names.hier_model <- function(object, ...) object$labels

#' @importFrom stats variable.names
#' @export
variable.names.hier_posterior <- function(object, ...) object$names[!is_new(object$names)]

#' @export
coef.summary.hier_posterior <- function(object, ...) {
  no_dots(...)
  as.matrix(as.data.frame(object))
}

# The design of mods, as they were given; the mean of all alone without.
#' @importFrom stats model.matrix
#' @export
model.matrix.hier_model <- function(object, ...) {
  no_dots(...)
  design <- object$design
  x <- if (is.null(design)) NULL else design$x
  ones <- if (is.null(design) || design$intercept) matrix(1, length(object$labels), 1)
  matrix(
    cbind(ones, x), length(object$labels),
    dimnames = list(object$labels, c(if (!is.null(ones)) "(Intercept)", design$names))
  )
}

#' @export
model.matrix.hier_posterior <- function(object, ...) model.matrix(object$model, ...)

#' @importFrom stats getCall
#' @export
getCall.hier_posterior <- function(x, ...) x$model$call

# --- What there is not ----------------------------------------------------------------------------

#' @importFrom stats sigma
#' @export
sigma.hier_posterior <- function(object, ...) {
  stop_pyhier(
    "there is no one residual sd: the groups' own are in model.frame(), the sd of the effects in VarCorr()"
  )
}

#' @importFrom stats deviance
#' @export
deviance.hier_posterior <- function(object, ...) {
  stop_pyhier("a posterior has no deviance: logLik() is the log likelihood at its means")
}

#' @importFrom stats df.residual
#' @export
df.residual.hier_posterior <- function(object, ...) {
  stop_pyhier("a posterior has no residual degrees of freedom: the effects are neither fixed nor free")
}

#' @importFrom stats anova
#' @export
anova.hier_posterior <- function(object, ...) {
  stop_pyhier(
    "posteriors have no table of tests: compare models by log_evidence(), under proper priors"
  )
}

# --- As of mixed models ---------------------------------------------------------------------------

#' @importFrom nlme fixef
#' @export
nlme::fixef

#' @importFrom nlme ranef
#' @export
nlme::ranef

#' @importFrom nlme VarCorr
#' @export
nlme::VarCorr

# What all groups share, by the kind of model; the sd of the effects about it, where they are normal.
centre_of <- function(model) {
  if (is.null(model$design)) {
    return(if (has_normal_effects(model) || model$family == "poisson") "mu" else "eta")
  }
  grep("^beta\\[", model$coordinates, value = TRUE)
}

#' @rdname hier_methods
#' @export
fixef.hier_posterior <- function(object, ...) {
  no_dots(...)
  names <- centre_of(object$model)
  if (is.null(object$model$design) || !object$model$family %in% c("binomial", "poisson")) {
    return(coef(object)[names])
  }
  found <- python_call("coefficients", posterior = live(object), names = as.list(names))
  setNames(as.vector(found), names)
}

#' @importFrom stats vcov
#' @rdname hier_methods
#' @export
vcov.hier_posterior <- function(object, ...) {
  no_dots(...)
  names <- centre_of(object$model)
  found <- python_call("covariance", posterior = live(object), names = as.list(names))
  dimnames(found) <- list(names, names)
  found
}

#' @rdname hier_methods
#' @export
ranef.hier_posterior <- function(object, level = 0.95, ...) {
  no_dots(...)
  tail <- (1 - check_level(level)) / 2
  effects_of(object)
  if (!is.null(object$model$levels)) {
    return(ranef_by_level(object, c(tail, 1 - tail)))
  }
  if (!is.null(object$model$design)) {
    stop_pyhier("ranef() is of models without mods: residuals() and fitted() are of those with")
  }
  table <- python_call(
    "deviations",
    posterior = live(object), centre = centre_of(object$model),
    probs = numbers_to_python(c(tail, 1 - tail))
  )
  rownames(table) <- object$model$labels
  table
}

#' @rdname hier_methods
#' @export
VarCorr.hier_posterior <- function(x, ...) {
  if (!has_normal_effects(x$model)) {
    stop_pyhier("the effects of this model are not normal: its hyperparameters are in coef()")
  }
  levels <- x$model$levels
  rows <- table_of(x, 0.5)[if (is.null(levels)) "tau" else paste0("tau[", levels, "]"), ]
  data.frame(
    Variance = rows$mean^2 + rows$sd^2, StdDev = rows$mean,
    row.names = if (is.null(levels)) "theta" else levels
  )
}

# --- LearnBayes' results --------------------------------------------------------------------------

#' @export
coef.hier_laplace <- function(object, ...) {
  no_dots(...)
  setNames(object$mode, laplace_names(object))
}

#' @export
vcov.hier_laplace <- function(object, ...) {
  no_dots(...)
  square_named(object$var, laplace_names(object))
}

square_named <- function(table, names) {
  dimnames(table) <- list(names, names)
  table
}

#' @export
confint.hier_laplace <- function(object, parm, level = 0.95, ...) {
  no_dots(...)
  tail <- (1 - check_level(level)) / 2
  half <- stats::qnorm(1 - tail) * sqrt(diag(object$var))
  table <- cbind(object$mode - half, object$mode + half)
  dimnames(table) <- list(laplace_names(object), interval_names(c(tail, 1 - tail)))
  rows_named(table, parm)
}

laplace_names <- function(object) {
  if (is.null(names(object$mode))) paste0("theta[", seq_along(object$mode), "]") else names(object$mode)
}

#' @export
summary.hier_laplace <- function(object, ...) {
  no_dots(...)
  data.frame(mode = object$mode, sd = sqrt(diag(object$var)), row.names = laplace_names(object))
}

#' @export
coef.hier_chain <- function(object, ...) {
  no_dots(...)
  setNames(colMeans(object$par), variable.names(object))
}

#' @export
vcov.hier_chain <- function(object, ...) {
  no_dots(...)
  square_named(stats::var(object$par), variable.names(object))
}

#' @export
confint.hier_chain <- function(object, parm, level = 0.95, ...) {
  no_dots(...)
  tail <- (1 - check_level(level)) / 2
  probs <- c(tail, 1 - tail)
  table <- t(apply(object$par, 2, quantile, probs))
  dimnames(table) <- list(variable.names(object), interval_names(probs))
  rows_named(table, parm)
}

no_data <- function(what) {
  stop_pyhier("this is a fit of a log posterior density alone: it has no ", what)
}

#' @export
residuals.hier_laplace <- function(object, ...) no_data("residuals")

#' @export
fitted.hier_laplace <- function(object, ...) no_data("fitted values")

#' @export
sigma.hier_laplace <- function(object, ...) no_data("residual sd")

#' @export
deviance.hier_laplace <- function(object, ...) no_data("deviance")

#' @export
df.residual.hier_laplace <- function(object, ...) no_data("degrees of freedom")

#' @export
weights.hier_laplace <- function(object, ...) no_data("weights")

#' @export
case.names.hier_laplace <- function(object, ...) no_data("cases")

#' @export
variable.names.hier_laplace <- function(object, ...) laplace_names(object)

#' @export
variable.names.hier_chain <- function(object, ...) dimnames(chain_array(object))[[3]]

#' @export
case.names.hier_chain <- case.names.hier_laplace

#' @export
residuals.hier_chain <- residuals.hier_laplace

#' @export
fitted.hier_chain <- fitted.hier_laplace

#' @export
sigma.hier_chain <- sigma.hier_laplace

#' @export
deviance.hier_chain <- deviance.hier_laplace

#' @export
df.residual.hier_chain <- df.residual.hier_laplace

#' @export
weights.hier_chain <- weights.hier_laplace
