# Models: data with priors. The Python model is made anew where a saved one has lost it.

new_model <- function(family, entry, ..., design = NULL, call) {
  spec <- c(list(.entry = entry), list(...))
  made <- do.call(python_call, spec)
  model <- structure(
    list(
      family = family, spec = spec, labels = as.character(unlist(made$labels)),
      coordinates = as.character(unlist(made$coordinates)),
      data = data.frame(made$data, row.names = as.character(unlist(made$labels))),
      estimates = data.frame(made$estimates, row.names = as.character(unlist(made$labels))),
      shown = made$shown, design = design, python = made$handle
    ),
    class = c(paste0("hier_", family), "hier_model")
  )
  if (is.null(call)) model else with_call(model, call)
}

# The Python side of a model or a posterior.
live <- function(x) UseMethod("live")

#' @exportS3Method
live.hier_model <- function(x) {
  if (is_lost(x$python)) do.call(python_call, x$spec)$handle else x$python
}

# Whether a session that saved it, or a fork, has taken the Python object away.
is_lost <- function(handle) reticulate::py_is_null_xptr(handle)

#' The normal model with known standard errors
#'
#' Group estimates y_j ~ N(theta_j, se_j^2) with effects theta_j ~ N(mu, tau^2), as in Gelman et al.,
#' Bayesian Data Analysis (3rd ed.), section 5.4.
#'
#' @param y The estimate of each group, a numeric vector; its names label the groups. Or a formula
#'   together with `se` or `var`: `estimate ~ group` (or `estimate ~ 1`), or, with covariates of the
#'   groups for a meta-regression, `estimate ~ latitude + year`. A variable on the right names the groups if it is
#'   text, a factor or the numbers 1, 2, ... without repetition; else it is a covariate. Or, with `raw = TRUE`,
#'   `value ~ group`: single observations, of which the group means and their standard errors are
#'   taken. Where `y`, `se`, `var` or `labels` have names, these are matched.
#' @param se,var The standard error of each estimate, or its sampling variance: exactly one of them.
#' @param labels Names of the groups.
#' @param prior_mu The prior of mu: `"flat"`, or `"norm(mean, sd)"`.
#' @param prior_tau The prior of tau: a name (`"uniform"`, `"sqrt"`, `"jeffreys"`,
#'   `"overall-jeffreys"`, `"berger-deely"`, `"conventional"`, `"dumouchel"`, `"shrinkage"`,
#'   `"i2"`), a distribution as a string, or an R function that returns the log density at one tau;
#'   one with an argument `log`, such as [stats::dexp()], is called with `log = TRUE`. See
#'   [hier_priors] for the strings.
#' @param data For a formula: a data frame with its variables (`se`, `var` and `labels` are looked
#'   for in it, too).
#' @param mods Covariates of the groups beside a formula or a vector that names them: a one-sided formula, such
#'   as `~ latitude + year`, as for metafor's `rma()`. The coefficients are `beta[Intercept]`, `beta[latitude]`, ..., in
#'   place of `mu`.
#' @param prior_beta With covariates: a list of normal priors by the coefficients' names, such as
#'   `list(latitude = "normal(0, 1)")`; the others' are flat.
#' @param raw Whether the rows are single observations.
#' @param variance For raw observations: whether all groups share one within-group variance
#'   (`"pooled"`) or each has its own (`"per-group"`).
#' @param ... The arguments of the method for vectors, from that for formulas; otherwise nothing.
#' @return An object of class `hier_model`, which [hier_exact()], [hier_rwmetrop()] and [laplace()]
#'   take. Asked for a posterior's `summary()`, `coef()`, `plot()` and so on, a model gives those
#'   of its exact posterior.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(A = 28, B = 8, C = -3, D = 7, E = -1, F = 1, G = 18, H = 12)
#' se <- c(15, 10, 16, 11, 9, 11, 10, 18)
#' model <- hier_normal(y, se)
#' summary(model)
#'
#' schools <- data.frame(effect = y, stderr = se, school = names(y))
#' hier_normal(effect ~ school, data = schools, se = stderr, prior_tau = "halfcauchy(5)")
#' hier_normal(y, se, prior_tau = function(tau) dexp(tau, 0.1, log = TRUE))
#'
#' schools$size <- c(3, 1, 4, 1, 5, 9, 2, 6)
#' fit <- hier_exact(effect ~ size, data = schools, se = stderr)
#' fixef(fit)
#' predict(fit, newdata = data.frame(se = 10, size = 5))
#' \dontshow{\})}
#' @export
hier_normal <- function(y, ...) UseMethod("hier_normal")

#' @rdname hier_normal
#' @export
hier_normal.default <- function(y, se, labels = NULL, prior_mu = "flat", prior_tau = "uniform",
                                var = NULL, mods = NULL, prior_beta = NULL, ...) {
  no_dots(...)
  if (missing(se)) {
    se <- NULL
  }
  if (is.null(se) == is.null(var)) {
    which <- if (is.null(se)) "neither was given (or it is NULL)" else "both were given"
    stop_pyhier("give se (standard errors) or var (sampling variances): ", which)
  }
  design <- as_design(mods)
  given <- if (is.null(var)) "se" else "var"
  spread <- aligned("y", y, given, if (is.null(var)) se else var)
  new_model(
    "normal", "normal",
    y = numbers_to_python(numbers("y", y)), given = given,
    spread = numbers_to_python(numbers(given, spread)),
    labels = text_to_python(labels_beside("y", y, labels)),
    prior_mu = mu_prior(prior_mu), prior_tau = one_prior("prior_tau", prior_tau),
    mods = moderators(design, prior_mu, prior_beta), design = design, call = match.call()
  )
}

#' @rdname hier_normal
#' @export
hier_normal.formula <- function(y, data = NULL, se, var, labels, mods = NULL, raw = FALSE,
                                variance = c("pooled", "per-group"), ...) {
  no_dots(..., .known = c("prior_mu", "prior_tau", "prior_beta"))
  given <- c(se = !missing(se), var = !missing(var))
  parts <- formula_parts(y, data, several = any(given))
  where <- function(expression) eval(expression, parts$data, environment(y))
  check_raw(isTRUE(raw), given, variance = !missing(variance))
  if (any(given) && has_covariates(parts, y)) {
    if (!is.null(mods)) {
      stop_pyhier("the formula has covariates, ", shown(y[[3]]), ", and so has mods: give all of them in one")
    }
    mods <- y[-2]
    parts$group <- NULL
  }
  if (!missing(labels)) {
    parts$group <- where(substitute(labels))
  }
  if (any(given)) {
    model <- hier_normal.default(
      parts$response,
      se = if (given[["se"]]) where(substitute(se)),
      var = if (given[["var"]]) where(substitute(var)), labels = parts$group,
      mods = if (!is.null(mods)) design_of(mods, parts$data), ...
    )
  } else {
    if (!is.null(mods)) stop_pyhier("mods are of estimates with se or var, not of raw observations")
    model <- raw_normal(parts, one_of(variance), ...)
  }
  with_call(model, match.call(), y)
}

# A design of what was given for mods to a method for vectors; one that is made stays as it is.
as_design <- function(mods) {
  if (is.null(mods) || is.list(mods) && !is.null(mods$terms)) mods else design_of(mods, NULL)
}

# A design for Python, with what makes it anew for other data.
design_of <- function(mods, data) {
  if (!inherits(mods, "formula") || length(mods) != 2) {
    stop_pyhier("mods is ", shown(mods), ": give a one-sided formula, such as ~ latitude", kind = "TypeError")
  }
  frame <- tryCatch(
    model.frame(mods, data, na.action = stats::na.pass, drop.unused.levels = TRUE),
    error = function(e) stop_pyhier("mods: ", conditionMessage(e))
  )
  terms <- terms(frame)
  x <- stats::model.matrix(terms, frame)
  if (!length(setdiff(colnames(x), "(Intercept)"))) {
    stop_pyhier("mods is ", shown(mods), ", without a covariate: leave it out, or give one")
  }
  design <- list(terms = terms, levels = stats::.getXlevels(terms, frame), contrasts = attr(x, "contrasts"))
  c(design, design_columns(x))
}

design_columns <- function(x) {
  of_one <- colnames(x) == "(Intercept)"
  plain <- x[, !of_one, drop = FALSE]
  for (name in colnames(plain)) {
    numbers(name, plain[, name])
  }
  list(
    intercept = any(of_one), names = colnames(plain),
    x = array(as.double(plain), dim(plain))
  )
}

# What of it goes to Python; NULL without moderators.
moderators <- function(design, prior_mu, prior_beta) {
  if (is.null(design)) {
    if (!is.null(prior_beta)) stop_pyhier("prior_beta is the prior of the coefficients of mods: give mods")
    return(NULL)
  }
  if (!is.null(prior_mu) && !identical(prior_mu, "flat")) {
    stop_pyhier("with mods there is no mu: give prior_beta = list(Intercept = \"normal(0, 5)\")")
  }
  if (!is.null(prior_beta) && (!is.list(prior_beta) || is.null(names(prior_beta)))) {
    stop_pyhier("prior_beta is ", shown(prior_beta), ": give a list, such as list(year = \"normal(0, 1)\")")
  }
  c(design[c("intercept", "x")], list(names = I(design$names), prior = prior_beta))
}

# Estimates need se or var; observations are taken for raw only where that is said.
check_raw <- function(raw, given, variance) {
  if (raw && any(given)) {
    stop_pyhier(
      "raw = TRUE means single observations, and ", names(given)[given][[1]], " belongs to estimates: ",
      "give one of them"
    )
  }
  if (!raw && !any(given)) {
    stop_pyhier(
      "give se or var, the standard error of each estimate or its variance; or, if every row is one ",
      "observation of its group, raw = TRUE"
    )
  }
  if (!raw && variance) {
    stop_pyhier("variance is for raw observations: give raw = TRUE with it")
  }
}

# Whether the right side has covariates of the groups, or the one variable that names them.
has_covariates <- function(parts, formula) {
  if (length(parts$terms) != 1) {
    no_names_among(parts$columns)
    return(length(parts$terms) > 1)
  }
  group <- parts$group
  repeated <- anyDuplicated(group) > 0
  if (!is.numeric(group) && !is_time(group)) {
    return(repeated && length(unique(group)) <= length(group) / 2) # of more levels it is names, misspelt
  }
  if (repeated || anyNA(group) || !is_time(group) && any(group != floor(group))) {
    return(TRUE)
  }
  if (is_time(group) || !setequal(group, seq_along(group))) {
    name <- shown(formula[[3]])
    stop_pyhier(
      name, " may name the groups or be a covariate of theirs: give labels = ", name, ", with ~ 1 on the ",
      "right of the formula, or mods = ~ ", name
    )
  }
  FALSE
}

# Beside covariates there are no names.
no_names_among <- function(columns) {
  for (name in names(columns)) {
    column <- columns[[name]]
    if ((is.character(column) || is.factor(column)) && !anyDuplicated(column)) {
      stop_pyhier(
        name, " is different for each group, and names them: give labels = ", name, ", and the covariates ",
        "alone on the right of the formula"
      )
    }
  }
}

raw_normal <- function(parts, variance, prior_mu = "flat", prior_tau = "uniform") {
  if (is.null(parts$group)) {
    stop_pyhier("raw observations need their groups: value ~ group")
  }
  new_model(
    "normal", "normal_raw",
    values = numbers_to_python(numbers(parts$name, parts$response)),
    groups = text_to_python(group_names("group", parts$group)), variance = variance,
    prior_mu = mu_prior(prior_mu), prior_tau = one_prior("prior_tau", prior_tau), call = NULL
  )
}

with_call <- function(model, call, formula = NULL) {
  call[[1]] <- as.name(paste0("hier_", model$family))
  model$call <- call
  model$formula <- formula
  model
}

# The parts of a formula with one grouping variable on the right, or with several terms; NAs are kept.
formula_parts <- function(formula, data, several = FALSE) {
  if (!is.null(data)) {
    data <- decoded_columns(as.data.frame(data)) # a tibble's or a grouped one's own ways end here
  }
  if (length(formula) != 3) {
    stop_pyhier("the formula has no left side: write it as estimate ~ group")
  }
  frame <- tryCatch(
    model.frame(formula, data, na.action = stats::na.pass),
    error = function(e) stop_pyhier("the formula: ", conditionMessage(e))
  )
  groups <- attr(terms(frame), "term.labels")
  if (length(groups) > 1 && !several) {
    stop_pyhier(
      "the right side has ", paste(groups, collapse = ", "), ": give one grouping variable, or 1"
    )
  }
  response <- decoded(model.response(frame))
  if (.row_names_info(if (is.null(data)) frame else data) < 0) {
    response <- unname(response) # of row names that are numbers alone
  }
  list(
    response = response, name = names(frame)[[1]], data = data, frame = frame, terms = groups,
    columns = if (length(groups) > 1) as.list(frame)[-1],
    group = if (length(groups) == 1) frame[[groups]], offset = model.offset(frame)
  )
}

#' The same data under another prior
#'
#' @param object,model A model.
#' @param ... The priors' arguments of its kind of model: `prior_mu` and `prior_tau`, or `prior`; with
#'   covariates `prior_beta`, and `prior_tau`, `prior_K` or `prior_alpha`.
#' @param priors A list of lists of such arguments; its names are the priors' names.
#' @param probs Probabilities of the quantiles.
#' @return `update()`: a model. `hier_sensitivity()`: a data frame of the exact posteriors'
#'   summaries, one below the other, with the columns `prior` and `quantity`.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' model <- hier_normal(c(28, 8, -3, 7, -1, 1, 18, 12), c(15, 10, 16, 11, 9, 11, 10, 18))
#' update(model, prior_tau = "halfcauchy(5)")
#' found <- hier_sensitivity(model, list(
#'   uniform = list(prior_tau = "uniform"), jeffreys = list(prior_tau = "jeffreys")
#' ))
#' found[found$quantity == "tau", ]
#' \dontshow{\})}
#' @export
hier_sensitivity <- function(model, priors, probs = default_probs) {
  check_model(model)
  if (!is.list(priors) || !length(priors) || !all(vapply(priors, is.list, NA))) {
    stop_pyhier("priors must be a list of lists, such as list(list(prior_tau = \"jeffreys\"))")
  }
  shown_names <- vapply(priors, function(one) paste(names(one), "=", one, collapse = ", "), "")
  if (is.null(names(priors))) {
    names(priors) <- shown_names
  }
  tables <- lapply(names(priors), function(name) {
    table <- as.data.frame(summary(do.call(update, c(list(model), priors[[name]])), probs))
    data.frame(prior = name, quantity = rownames(table), table, check.names = FALSE)
  })
  found <- do.call(rbind, tables)
  rownames(found) <- NULL
  found
}

#' @rdname hier_sensitivity
#' @export
update.hier_model <- function(object, ...) {
  changes <- list(...)
  known <- prior_arguments(object)
  if ("prior_beta" %in% names(changes) && !is.null(object$design)) {
    object$spec$mods <- moderators(object$design, NULL, changes$prior_beta)
    changes$prior_beta <- NULL
    if (!length(changes)) {
      return(remade(object))
    }
  }
  unknown <- setdiff(names(changes), known)
  if (length(unknown) || is.null(names(changes))) {
    stop_pyhier("unknown: ", paste(unknown, collapse = ", "), "; this model has ", paste(known, collapse = ", "))
  }
  for (name in names(changes)) {
    object$spec[name] <- list(switch(name,
      prior_mu = mu_prior(changes[[name]]),
      prior_tau = level_priors(changes[[name]]),
      prior_sigma = one_prior(name, changes[[name]]),
      prior_rho = rho_prior(changes[[name]]),
      prior_K = , prior_alpha = one_prior(name, changes[[name]]),
      prior_beta = coefficient_priors(changes[[name]]),
      pair_prior(changes[[name]])
    ))
  }
  remade(object)
}

remade <- function(model) {
  model[c("shown", "python")] <- do.call(python_call, model$spec)[c("shown", "handle")]
  model
}

prior_arguments <- function(model) {
  named <- grep("^prior", names(model$spec), value = TRUE)
  if (is.null(model$design)) named else c(setdiff(named, "prior_mu"), "prior_beta")
}
