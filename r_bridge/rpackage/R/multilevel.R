# Groups within groups.

#' Groups within groups, with known standard errors
#'
#' The three-level meta-analysis: estimates y_j ~ N(theta_j, se_j^2), where theta_j is the mean (or the
#' line of covariates) plus one effect a level, the effects of a level being N(0, tau_level^2). metafor
#' fits it by `rma.mv(random = ~ 1 | district/school)`.
#'
#' @param formula The estimates, covariates if any, and the levels, the outermost first: `effect ~
#'   (1 | district/school)`, `effect ~ year + (1 | district/school)`. There are up to three levels; the
#'   estimates of one finest group are of one effect.
#' @param data A data frame with the variables.
#' @param se,var The standard error of each estimate, or its sampling variance: exactly one of them.
#' @param prior_mu The prior of mu, without covariates: `"flat"`, or `"norm(mean, sd)"`.
#' @param prior_beta With covariates: a list of normal priors by the coefficients' names; the others'
#'   are flat.
#' @param prior_tau The prior of every level's tau, as for [hier_normal()]; or a list of them by the
#'   levels' names.
#' @return An object of class `hier_model`, as that of [hier_normal()]. Its hyperparameters are `mu` (or
#'   `beta[...]`) and `tau[LEVEL]`; `ranef()` of the exact posterior is a list with the levels' effects,
#'   `VarCorr()` has a row a level, and `predict(newdata)` takes new estimates of new groups: where
#'   `newdata` has columns of the upper levels, names there that the data has are the old groups.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' schools <- data.frame(
#'   effect = c(0.18, 0.22, 0.53, -0.18, 0.02, 0.25), stderr = rep(0.1, 6),
#'   district = rep(c("a", "b", "c"), each = 2), school = c(1, 2, 1, 2, 1, 2)
#' )
#' fit <- hier_exact(hier_multilevel(
#'   effect ~ (1 | district/school), schools,
#'   se = stderr, prior_tau = "halfnorm(0.5)"
#' ))
#' fit
#' VarCorr(fit)
#' ranef(fit)$district
#' predict(fit, newdata = data.frame(se = 0.1, district = c("a", "new")))
#' \dontshow{\})}
#' @export
hier_multilevel <- function(formula, data, se, var, prior_mu = "flat", prior_beta = NULL,
                            prior_tau = "uniform") {
  if (!inherits(formula, "formula") || length(formula) != 3) {
    stop_pyhier("formula is ", shown(formula), ": write it as effect ~ (1 | district/school)", kind = "TypeError")
  }
  if (missing(data) || !is.data.frame(data)) {
    stop_pyhier("data must be a data frame with the formula's variables", kind = "TypeError")
  }
  if (missing(se) == missing(var)) {
    which <- if (missing(se)) "neither was given" else "both were given"
    stop_pyhier("give se (standard errors) or var (sampling variances): ", which)
  }
  data <- decoded_columns(as.data.frame(data))
  where <- function(expression) eval(expression, data, environment(formula))
  given <- if (missing(var)) "se" else "var"
  spread <- if (given == "se") where(substitute(se)) else where(substitute(var))
  parts <- split_levels(formula)
  levels <- lapply(stats::setNames(nm = parts$levels), function(name) {
    group_names(name, found_in(data, name))
  })
  design <- if (length(parts$fixed)) design_of(stats::as.formula(call("~", parts$fixed), environment(formula)), data)
  model <- new_model(
    "multilevel", "multilevel",
    y = numbers_to_python(numbers("the left side", where(formula[[2]]))), given = given,
    spread = numbers_to_python(numbers(given, spread)),
    levels = named_to_python(lapply(levels, I)), prior_mu = mu_prior(prior_mu),
    prior_tau = level_priors(prior_tau), mods = moderators(design, prior_mu, prior_beta),
    design = design, call = match.call()
  )
  model$levels <- parts$levels
  model$formula <- formula
  model
}

# The names of the levels, and the right side that is left: NULL for an intercept alone.
split_levels <- function(formula) {
  terms <- terms_of(formula[[3]])
  bars <- vapply(terms, is_bar, NA)
  paths <- unlist(lapply(terms[bars], function(term) paths_of(term[[2]][[3]])), recursive = FALSE)
  one <- vapply(terms[bars], function(term) identical(term[[2]][[2]], 1), NA)
  whole <- if (length(paths)) paths[[which.max(lengths(paths))]]
  nested <- lapply(seq_along(whole), function(k) whole[seq_len(k)])
  if (!length(whole) || !all(one) || !identical(paths[order(lengths(paths))], nested)) {
    stop_pyhier(
      "the formula must name its levels once, each within the one before: effect ~ x + (1 | district/school)"
    )
  }
  fixed <- Reduce(function(a, b) call("+", a, b), terms[!bars])
  list(levels = whole, fixed = if (!identical(fixed, 1)) fixed)
}

terms_of <- function(right) {
  if (is.call(right) && identical(right[[1]], as.name("+")) && length(right) == 3) {
    return(c(terms_of(right[[2]]), terms_of(right[[3]])))
  }
  list(right)
}

is_bar <- function(term) {
  is.call(term) && identical(term[[1]], as.name("(")) && is.call(term[[2]]) &&
    identical(term[[2]][[1]], as.name("|"))
}

# Of a / b the paths (a) and (a, b); of a:b the path (a, b) alone.
paths_of <- function(groups) {
  if (is.name(groups)) {
    return(list(as.character(groups)))
  }
  if (is.call(groups) && identical(groups[[1]], as.name("/")) && is.name(groups[[3]])) {
    above <- paths_of(groups[[2]])
    return(c(above, list(c(above[[length(above)]], as.character(groups[[3]])))))
  }
  if (is.call(groups) && identical(groups[[1]], as.name(":"))) {
    return(list(c(unlist(paths_of(groups[[2]])), unlist(paths_of(groups[[3]])))))
  }
  stop_pyhier("a level is ", shown(groups), ": name columns, as in (1 | district/school)")
}

found_in <- function(data, name) {
  if (is.null(data[[name]])) stop_pyhier("the formula names ", name, ": data has no such column")
  data[[name]]
}

# One prior for all levels, or one for each under its name.
level_priors <- function(prior_tau) {
  if (!is.list(prior_tau)) {
    return(one_prior("prior_tau", prior_tau))
  }
  if (is.null(names(prior_tau))) {
    stop_pyhier("prior_tau is ", shown(prior_tau), ": give a list by the levels' names")
  }
  each <- function(name) one_prior(paste0("prior_tau$", name), prior_tau[[name]])
  named_to_python(stats::setNames(lapply(names(prior_tau), each), bare(names(prior_tau))))
}

# The names of upper levels' groups that new data has, from the outermost on; NULL where it has none.
groups_within <- function(model, newdata) {
  upper <- utils::head(model$levels, -1)
  has <- cumprod(vapply(upper, function(level) !is.null(newdata[[level]]), 1)) == 1
  named <- lapply(stats::setNames(nm = upper[has]), function(level) I(group_names(level, newdata[[level]])))
  if (length(named)) named_to_python(named)
}

ranef_by_level <- function(object, probs) {
  lapply(stats::setNames(nm = object$model$levels), function(level) {
    python_call("own_effects", posterior = live(object), level = level, probs = numbers_to_python(probs))
  })
}
