# Regression from raw rows, with coefficients that vary by group.

#' Regression from raw rows, with coefficients that vary by group
#'
#' y_ij ~ N(x_ij' beta + z_ij' b_j, sigma^2 / w_ij) with b_j ~ N(0, Sigma): the model that lme4 fits by
#' `lmer(Reaction ~ Days + (Days | Subject))`, with priors, and its whole posterior in place of
#' estimates. Of the posterior of up to four of sigma, the taus and a correlation [hier_exact()] has no
#' Monte Carlo error.
#'
#' @param formula As lme4's: the response, the common terms, an `offset()` if any, and in parentheses what
#'   varies by which group: `(1 | g)`, `(x | g)`, `(0 + x | g)`, `(x || g)` or `(1 | g) + (0 + x | g)` for
#'   uncorrelated coefficients, `(1 | district/school)` for nested groups. Up to three coefficients vary.
#'   Factors are coded as R codes them, by [stats::model.matrix()].
#' @param data A data frame with the variables, a row an observation.
#' @param weights The residual variance of a row is sigma^2 over these (looked for in `data`, too).
#' @param missing What to do with rows that lack a value: `"raise"` an error, or `"drop"` them.
#' @param sigma The residual sd, where it is known.
#' @param prior_beta A list of normal priors by the coefficients' names, such as
#'   `list(Days = "normal(0, 20)")`; the others' are flat.
#' @param prior_sigma,prior_tau The priors of the residual sd and of every sd of a varying coefficient:
#'   `"uniform"`, a distribution as a string (see [hier_priors]), or an R function that returns the log
#'   density; of tau also a list of them by the coefficients' names, or those of nested levels.
#' @param prior_rho eta of the LKJ prior of the correlations (1 is uniform), or, of two coefficients, an R
#'   function that returns the log density at a correlation.
#' @return An object of class `hier_model`, which the engines take: see [hier_exact()]. Its quantities are
#'   `beta[Days]`, `sigma`, `tau[Intercept]`, `tau[Days]`, `rho[Intercept,Days]`, `theta[308,Days]` (a group's own
#'   coefficient), and `theta_new[Days]` (a new group's); what R users ask of a fit by lme4 is under
#'   [hier_regression_methods].
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' rows <- data.frame(
#'   g = rep(c("a", "b", "c", "d"), each = 3), x = rep(0:2, 4),
#'   y = c(1, 2, 4, 0, 2, 2, 3, 5, 6.5, 2, 2.5, 3.5)
#' )
#' model <- hier_regression(y ~ x + (1 | g), rows, prior_tau = "halfnorm(2)")
#' fit <- hier_exact(model)
#' fit
#' VarCorr(fit)
#' ranef(fit)
#' predict(fit, newdata = data.frame(g = c("a", "new"), x = 3))
#' \dontshow{\})}
#' @export
hier_regression <- function(formula, data, weights = NULL, missing = c("raise", "drop"), sigma = NULL,
                            prior_beta = NULL, prior_sigma = "uniform", prior_tau = "uniform",
                            prior_rho = 1) {
  if (!inherits(formula, "formula") || length(formula) != 3) {
    stop_pyhier("formula is ", shown(formula), ": write it as y ~ x + (x | group)", kind = "TypeError")
  }
  if (base::missing(data) || !is.data.frame(data)) {
    stop_pyhier("data must be a data frame with the formula's variables", kind = "TypeError")
  }
  data <- decoded_columns(as.data.frame(data))
  missing <- one_of(missing)
  heavy <- eval(substitute(weights), data, environment(formula))
  rows <- rows_of(formula, data, heavy, missing)
  model <- new_model(
    "regression", "regression",
    y = numbers_to_python(rows$y), x = matrix_to_python(rows$x), z = matrix_to_python(rows$z),
    groups = named_to_python(lapply(rows$groups, I)), correlated = rows$correlated,
    sigma = if (!is.null(sigma)) one_number("sigma", sigma),
    weights = if (!is.null(heavy)) numbers_to_python(rows$weights),
    offset = if (!is.null(rows$offset)) numbers_to_python(rows$offset),
    prior_beta = coefficient_priors(prior_beta), prior_sigma = one_prior("prior_sigma", prior_sigma),
    prior_tau = level_priors(prior_tau), prior_rho = rho_prior(prior_rho), call = match.call()
  )
  model$rows <- rows
  model$formula <- formula
  model
}

# --- The formula and the data ---------------------------------------------------------------------

# All that the model and its methods take of the rows.
rows_of <- function(formula, data, weights, missing) {
  parts <- split_varying(formula)
  where <- environment(formula)
  fixed <- frame_of(stats::as.formula(call("~", formula[[2]], parts$fixed), where), data)
  columns <- unique(lapply(parts$terms, `[[`, "columns"))
  varying <- lapply(columns, function(term) frame_of(stats::as.formula(call("~", term), where), data))
  groups <- lapply(stats::setNames(nm = unlist(parts$path)), function(name) found_in(data, name))
  if (!is.null(weights) && length(weights) != nrow(data)) {
    stop_pyhier("weights has ", length(weights), " entries and data ", nrow(data), " rows: give one each")
  }
  beside <- if (is.null(weights)) list() else list(weights)
  kept <- kept_rows(c(list(fixed), varying, list(as.data.frame(groups)), beside), nrow(data), missing)
  fixed <- design_in(fixed, kept)
  varying <- lapply(varying, design_in, kept)
  groups <- lapply(groups, `[`, kept)
  z <- do.call(cbind, lapply(varying, `[[`, "x"))
  check_blocks(parts, varying, z)
  y <- unname(stats::model.response(fixed$frame))
  list(
    frame = fixed$frame, y = numbers("the left side", y), x = fixed$x, z = z, fixed = fixed[design_parts],
    varying = lapply(varying, `[`, design_parts), groups = named_groups(parts, groups, colnames(cbind(fixed$x, z))),
    path = parts$path, order = lapply(groups, function(g) levels(droplevels(as.factor(g)))),
    nested = parts$nested, correlated = parts$correlated, offset = stats::model.offset(fixed$frame),
    weights = if (!is.null(weights)) numbers("weights", weights[kept]),
    names = rownames(data)[kept], kept = kept, dropped = nrow(data) - length(kept)
  )
}

design_parts <- c("terms", "levels", "contrasts")

frame_of <- function(formula, data) {
  tryCatch(
    model.frame(formula, data, na.action = stats::na.pass),
    error = function(e) stop_pyhier("the formula: ", conditionMessage(e))
  )
}

# A design of the rows that are kept, with what codes new ones as these were.
design_in <- function(frame, kept) {
  terms <- terms(frame)
  frame <- droplevels(frame[kept, , drop = FALSE])
  attr(frame, "terms") <- terms
  x <- stats::model.matrix(terms, frame)
  list(
    frame = frame, terms = terms, levels = stats::.getXlevels(terms, frame),
    contrasts = attr(x, "contrasts"), x = plain_matrix(x)
  )
}

plain_matrix <- function(x) {
  colnames(x)[colnames(x) == "(Intercept)"] <- "Intercept"
  array(as.double(x), dim(x), list(NULL, colnames(x)))
}

matrix_to_python <- function(x) list(names = I(as.character(colnames(x))), x = unname(x))

# Numbers of the rows that have all values; an error names the first that lack one.
kept_rows <- function(parts, size, missing, names = seq_len(size)) {
  whole <- rep(TRUE, size)
  for (part in parts) {
    if (length(part)) whole <- whole & stats::complete.cases(part)
  }
  lost <- which(!whole)
  if (length(lost) && missing == "raise") {
    some <- paste(utils::head(names[lost], 5), collapse = ", ")
    more <- if (length(lost) > 5) paste0(", ... (", length(lost), " rows)") else ""
    stop_pyhier(
      "data lacks a value that the formula needs: row", if (length(lost) > 1) "s", " ", some, more,
      "; fill it in, or say missing = \"drop\""
    )
  }
  if (!any(whole)) stop_pyhier("data has no row with all values that the formula needs")
  which(whole)
}

# The fixed part and the varying terms of a formula: what varies, by which path of groups.
split_varying <- function(formula) {
  terms <- terms_of(formula[[3]])
  bars <- vapply(terms, is_varying, NA)
  if (!any(bars) || any(vapply(terms[!bars], has_bar, NA))) {
    stop_pyhier("the formula must have a varying term in parentheses of its own, such as + (x | group)")
  }
  found <- do.call(c, lapply(terms[bars], function(term) {
    bar <- term[[2]]
    correlated <- identical(bar[[1]], as.name("|"))
    lapply(paths_of(bar[[3]]), function(path) list(columns = bar[[2]], path = path, correlated = correlated))
  }))
  paths <- unique(lapply(found, `[[`, "path"))
  paths <- paths[order(lengths(paths))]
  one <- vapply(found, function(term) identical(term$columns, 1), NA)
  check_nested(paths, all(one) && length(found) == length(paths))
  fixed <- Reduce(function(a, b) call("+", a, b), terms[!bars])
  list(
    terms = found, path = paths[[length(paths)]], nested = length(paths) > 1,
    correlated = length(found) == 1 && found[[1]]$correlated, fixed = if (is.null(fixed)) 1 else fixed
  )
}

is_varying <- function(term) {
  is.call(term) && identical(term[[1]], as.name("(")) && is.call(term[[2]]) && is_bar_name(term[[2]][[1]])
}

is_bar_name <- function(name) identical(name, as.name("|")) || identical(name, as.name("||"))

has_bar <- function(term) any(c("|", "||") %in% all.names(term))

# Several grouping factors are nested ones, of which the intercepts vary.
check_nested <- function(paths, intercepts) {
  if (length(paths) == 1) {
    return()
  }
  whole <- paths[[length(paths)]]
  if (!identical(paths, lapply(seq_along(whole), function(k) whole[seq_len(k)]))) {
    shown_paths <- vapply(paths, paste, "", collapse = ":")
    stop_pyhier(
      "the grouping factors ", paste(shown_paths, collapse = " and "), " are crossed, or the formula does not ",
      "nest them: write (1 | outer/inner); crossed ones are lme4's"
    )
  }
  if (!intercepts) {
    stop_pyhier(
      "with nested levels intercepts alone vary, once a level: (1 | ", paste(whole, collapse = "/"), ")"
    )
  }
}

# What varies by one grouping factor is all correlated, or not at all.
check_blocks <- function(parts, varying, z) {
  if (parts$nested || length(parts$terms) == 1 && parts$correlated) {
    return()
  }
  sizes <- vapply(varying, function(one) ncol(one$x), 1L)
  free <- !vapply(parts$terms, `[[`, NA, "correlated")
  if (anyDuplicated(colnames(z))) {
    name <- colnames(z)[anyDuplicated(colnames(z))]
    stop_pyhier("the formula has ", name, " vary twice: leave it out of one, as in (1 | g) + (0 + x | g)")
  }
  if (any(sizes > 1 & !free[seq_along(sizes)])) {
    stop_pyhier(
      "the formula has some varying coefficients correlated and others not: put all into one ",
      "(x + z | g), or none, (x + z || g)"
    )
  }
  if (any(vapply(varying, function(one) length(one$levels) > 0, NA))) {
    stop_pyhier("|| does not part the columns of a factor, nor does lme4's: give columns of 0 and 1")
  }
}

# The groups of every row, from the outermost level on; under names that no covariate has.
named_groups <- function(parts, groups, covariates) {
  found <- lapply(stats::setNames(nm = names(groups)), function(name) group_names(name, groups[[name]]))
  if (!parts$nested) {
    found <- stats::setNames(list(do.call(paste, c(unname(found), sep = ":"))), paste(names(found), collapse = ":"))
  }
  clash <- names(found) %in% covariates
  names(found)[clash] <- paste0(names(found)[clash], ".group")
  found
}

# --- Priors ---------------------------------------------------------------------------------------

one_number <- function(name, x) {
  x <- numbers(name, x)
  if (length(x) != 1) stop_pyhier(name, " has ", length(x), " entries: give one number")
  x
}

bare <- function(names) sub("^\\(Intercept\\)$", "Intercept", names)

coefficient_priors <- function(prior) {
  if (is.null(prior)) {
    return(NULL)
  }
  if (!is.list(prior) || is.null(names(prior))) {
    stop_pyhier("prior_beta is ", shown(prior), ": give a list, such as list(Days = \"normal(0, 20)\")")
  }
  each <- lapply(names(prior), function(name) {
    one <- prior[[name]]
    if (!is.character(one) || length(one) != 1 || is.na(one)) {
      stop_pyhier(
        "prior_beta$", name, " is ", shown(one), ": give a string such as \"normal(0, 20)\"",
        kind = "TypeError"
      )
    }
    one
  })
  named_to_python(stats::setNames(each, bare(names(prior))))
}

rho_prior <- function(prior) {
  if (is.function(prior)) {
    return(log_density("prior_rho", prior, as.list(seq(-0.99, 0.99, by = 0.02))))
  }
  if (!is.numeric(prior) || length(prior) != 1 || is.na(prior)) {
    stop_pyhier(
      "prior_rho is ", shown(prior), ": give eta of the LKJ prior, such as 2, or a function that returns the ",
      "log density of a correlation",
      kind = "TypeError"
    )
  }
  as.double(prior)
}

# --- What it prints -------------------------------------------------------------------------------

#' @export
print.hier_regression <- function(x, ...) {
  cat(x$shown, "\n", sep = "")
  said_dropped(x$rows$dropped)
  invisible(x)
}
