# What R users ask of a fit by lme4.

#' R's generic functions of a regression from rows
#'
#' The posterior of a [hier_regression()], by any engine, in the words and layouts of lme4.
#'
#' @param object,x A posterior of such a model, or the model: it stands for its exact posterior.
#' @param newdata A data frame of new rows, with the covariates, the offset's variables and the groups'
#'   columns: names there that the data has are the old groups, others new ones, and without the columns
#'   all are new. The model's own rows without it.
#' @param interval `"prediction"`: of the response in such rows, with the residual noise of weight 1 (of
#'   the model's own rows by their weights); `"confidence"`: of their mean.
#' @param level Of the central intervals.
#' @param type `"response"`: response less fitted value; `"pearson"`: that by the posterior mean of the
#'   row's residual sd.
#' @param digits Significant digits to print.
#' @param sigma,... Not used.
#' @param row.names,optional Not used.
#' @return
#' * `fixef()`: the posterior means of the common coefficients; `vcov()`: their posterior covariance.
#' * `ranef()`: a list with a data frame for every grouping factor: a row a group, the posterior means of what
#'   it adds to each coefficient, then, in columns `sd.NAME`, the sds. `coef()`: such a list of the groups' own
#'   coefficients, the common ones where nothing varies.
#' * `VarCorr()`: lme4's list, a covariance matrix for every grouping factor with the attributes `stddev` and
#'   `correlation`, and `sc`; all are posterior means. It prints as lme4's, and `as.data.frame()` has
#'   lme4's columns.
#' * `sigma()`: the posterior mean of the residual sd; `fitted()`: of the rows' means; `residuals()`.
#' * `predict()`: a data frame with a row a row: `fit`, `sd`, `lwr`, `upr`.
#' * `simulate()`: a data frame with a column a data set of new responses of the rows.
#' * `nobs()`: the number of rows; `weights()`: theirs; `model.frame()`, `model.matrix()`: of the common
#'   part.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' rows <- data.frame(
#'   g = rep(c("a", "b", "c", "d"), each = 3), x = rep(0:2, 4),
#'   y = c(1, 2, 4, 0, 2, 2, 3, 5, 6.5, 2, 2.5, 3.5)
#' )
#' fit <- hier_exact(hier_regression(y ~ x + (1 | g), rows, prior_tau = "halfnorm(2)"))
#' fixef(fit)
#' coef(fit)$g
#' as.data.frame(VarCorr(fit))
#' predict(fit, data.frame(g = "b", x = 5), interval = "confidence")
#' head(residuals(fit, "pearson"), 3)
#' \dontshow{\})}
#' @name hier_regression_methods
NULL

# A coefficient's name as R has it.
in_r <- function(names) sub("^Intercept$", "(Intercept)", names)

# The effects as a matrix, a row a group and a column a coefficient, of anything that has one value each.
by_group <- function(model, values) {
  names <- effect_columns(model)
  groups <- effect_groups(model)
  matrix(values, ncol = length(names), byrow = TRUE, dimnames = list(groups, names))
}

effect_columns <- function(model) if (model$rows$nested) "Intercept" else colnames(model$rows$z)

effect_groups <- function(model) {
  labels <- model$labels
  if (model$rows$nested) {
    return(labels)
  }
  names <- effect_columns(model)
  first <- labels[seq(1, length(labels), by = length(names))]
  substr(first, 1, nchar(first) - nchar(names[[1]]) - 1)
}

# Rows in the order of a factor's levels, as lme4 has them.
in_levels_order <- function(table, model) {
  order <- model$rows$order
  if (length(order) != 1 || !all(order[[1]] %in% rownames(table))) {
    return(table)
  }
  table[order[[1]], , drop = FALSE]
}

beta_names <- function(model) paste0("beta[", colnames(model$rows$x), "]")

#' @rdname hier_regression_methods
#' @export
fixef.hier_of_rows <- function(object, ...) {
  no_dots(...)
  stats::setNames(means_of(object)[beta_names(object$model)], in_r(colnames(object$model$rows$x)))
}

#' @export
vcov.hier_of_rows <- function(object, ...) {
  no_dots(...)
  names <- as.list(beta_names(object$model))
  square_named(python_call("covariance", posterior = live(object), names = names), names(fixef(object)))
}

#' @rdname hier_regression_methods
#' @export
ranef.hier_of_rows <- function(object, ...) {
  no_dots(...)
  model <- object$model
  effects_of(object)
  if (model$rows$nested) {
    return(lapply(stats::setNames(nm = names(model$rows$groups)), function(level) {
      probs <- numbers_to_python(c(0.025, 0.975))
      found <- python_call("own_effects", posterior = live(object), level = level, probs = probs)
      named_columns(as.matrix(found[1]), as.matrix(found[2]), "Intercept")
    }))
  }
  found <- python_call("own_coefficients", posterior = live(object))
  names <- effect_columns(model)
  table <- named_columns(by_group(model, found$mean), by_group(model, found$sd), names)
  stats::setNames(list(in_levels_order(table, model)), names(model$rows$groups))
}

named_columns <- function(mean, sd, names) {
  frame <- data.frame(mean, sd, row.names = rownames(mean))
  names(frame) <- c(in_r(names), paste0("sd.", in_r(names)))
  frame
}

#' @rdname hier_regression_methods
#' @export
coef.hier_of_rows <- function(object, ...) {
  no_dots(...)
  model <- object$model
  common <- fixef(object)
  own <- by_group(model, means_of(object)[effects_of(object)])
  table <- matrix(common, nrow(own), length(common), byrow = TRUE, dimnames = list(rownames(own), names(common)))
  for (name in colnames(own)) {
    if (in_r(name) %in% colnames(table)) {
      table[, in_r(name)] <- own[, name]
    } else {
      table <- cbind(table, own[, name, drop = FALSE])
    }
  }
  frame <- as.data.frame(in_levels_order(table, model))
  stats::setNames(list(frame), utils::tail(names(model$rows$groups), 1))
}

#' @rdname hier_regression_methods
#' @export
VarCorr.hier_of_rows <- function(x, sigma = 1, ...) {
  no_dots(...)
  model <- x$model
  found <- python_call("covariances", posterior = live(x))
  groups <- names(model$rows$groups)
  names <- if (model$rows$nested) groups else in_r(effect_columns(model))
  parts <- lapply(seq_along(groups), function(k) {
    at <- if (model$rows$nested) k else seq_along(names)
    named <- if (model$rows$nested) "(Intercept)" else names
    square <- function(table) square_named(matrix(table[at, at], length(at)), named)
    structure(
      square(found$covariance),
      stddev = stats::setNames(as.vector(found$sd)[at], named), correlation = square(found$correlation)
    )
  })
  structure(
    stats::setNames(parts, groups),
    sc = found$sigma, sc2 = found$sigma2, useSc = TRUE, correlated = model$rows$correlated,
    class = "hier_varcorr"
  )
}

#' @rdname hier_regression_methods
#' @export
as.data.frame.hier_varcorr <- function(x, row.names = NULL, optional = FALSE, ...) {
  no_dots(...)
  rows <- lapply(names(x), function(group) {
    one <- x[[group]]
    names <- colnames(one)
    sds <- data.frame(
      grp = group, var1 = names, var2 = NA_character_, vcov = diag(one), sdcor = attr(one, "stddev")
    )
    if (!attr(x, "correlated") || length(names) < 2) {
      return(sds)
    }
    at <- which(lower.tri(one), arr.ind = TRUE)
    rbind(sds, data.frame(
      grp = group, var1 = names[at[, 2]], var2 = names[at[, 1]], vcov = one[at],
      sdcor = attr(one, "correlation")[at]
    ))
  })
  last <- data.frame(
    grp = "Residual", var1 = NA_character_, var2 = NA_character_, vcov = attr(x, "sc2"), sdcor = attr(x, "sc")
  )
  found <- do.call(rbind, c(rows, list(last)))
  rownames(found) <- NULL
  found
}

#' @rdname hier_regression_methods
#' @export
print.hier_varcorr <- function(x, digits = max(3, getOption("digits") - 2), ...) {
  cells <- lapply(names(x), function(group) {
    one <- x[[group]]
    size <- ncol(one)
    text <- matrix("", size, size)
    if (attr(x, "correlated")) {
      below <- lower.tri(one)
      text[below] <- format(round(attr(one, "correlation")[below], 3), nsmall = 3)
    }
    cbind(
      Groups = c(group, rep("", size - 1)), Name = colnames(one), Std.Dev. = attr(one, "stddev"),
      text[, -size, drop = FALSE]
    )
  })
  wide <- max(vapply(cells, ncol, 1L))
  cells <- lapply(cells, function(one) cbind(one, matrix("", nrow(one), wide - ncol(one))))
  table <- rbind(do.call(rbind, cells), c("Residual", "", attr(x, "sc"), rep("", wide - 3)))
  table[, "Std.Dev."] <- format(as.double(table[, "Std.Dev."]), digits = digits)
  colnames(table)[-(1:3)] <- c("Corr", rep("", wide))[seq_len(wide - 3)]
  rownames(table) <- rep("", nrow(table))
  print(table, quote = FALSE, right = FALSE)
  invisible(x)
}

# --- Rows -----------------------------------------------------------------------------------------

#' @rdname hier_regression_methods
#' @export
predict.hier_of_rows <- function(object, newdata = NULL, interval = c("prediction", "confidence"),
                                 level = 0.95, ...) {
  no_dots(...)
  interval <- one_of(interval)
  tail <- (1 - check_level(level)) / 2
  rows <- object$model$rows
  new <- if (!is.null(newdata)) new_rows_of(rows, newdata)
  found <- python_call(
    "of_rows",
    posterior = live(object), new = new[c("x", "z", "groups")], noise = interval == "prediction",
    probs = numbers_to_python(c(tail, 1 - tail))
  )
  if (!is.null(new$offset)) {
    found[c("fit", "lwr", "upr")] <- found[c("fit", "lwr", "upr")] + new$offset
  }
  rownames(found) <- if (is.null(newdata)) rows$names else rownames(newdata)
  found
}

# New rows as the old ones were coded.
new_rows_of <- function(rows, newdata) {
  if (!is.data.frame(newdata)) {
    stop_pyhier("newdata is of class ", class(newdata)[[1]], ": give a data frame with the formula's variables")
  }
  newdata <- decoded_columns(as.data.frame(newdata))
  fixed <- new_design(rows$fixed, newdata)
  z <- do.call(cbind, lapply(rows$varying, function(one) new_design(one, newdata)$x))
  whole <- all(unlist(rows$path) %in% names(newdata))
  parts <- list(nested = rows$nested)
  groups <- if (whole) named_groups(parts, newdata[unlist(rows$path)], c(colnames(fixed$x), colnames(z)))
  list(
    x = matrix_to_python(fixed$x), z = matrix_to_python(z),
    groups = if (whole) named_to_python(lapply(groups, I)), offset = fixed$offset
  )
}

new_design <- function(design, newdata) {
  terms <- stats::delete.response(design$terms)
  frame <- tryCatch(
    model.frame(terms, newdata, xlev = design$levels, na.action = stats::na.pass),
    error = function(e) stop_pyhier("newdata: ", conditionMessage(e))
  )
  x <- plain_matrix(stats::model.matrix(terms, frame, contrasts.arg = design$contrasts))
  lost <- which(!stats::complete.cases(x))
  if (length(lost)) stop_pyhier("newdata lacks a value that the formula needs in row ", lost[[1]])
  list(x = x, offset = stats::model.offset(frame))
}

#' @rdname hier_regression_methods
#' @export
fitted.hier_of_rows <- function(object, ...) {
  no_dots(...)
  model <- object$model
  rows <- model$rows
  beta <- means_of(object)[beta_names(model)]
  own <- by_group(model, means_of(object)[effects_of(object)])
  names <- effect_columns(model)
  common <- match(names, colnames(rows$x))
  own <- sweep(own, 2, ifelse(is.na(common), 0, beta[common]))
  mean <- drop(rows$x %*% beta) + rowSums(rows$z[, names, drop = FALSE] * own[group_of_rows(model), , drop = FALSE])
  stats::setNames(mean + if (is.null(rows$offset)) 0 else rows$offset, rows$names)
}

# The finest group of every row, as a label.
group_of_rows <- function(model) {
  groups <- model$rows$groups
  finest <- groups[[length(groups)]]
  labels <- effect_groups(model)
  if (all(finest %in% labels)) finest else do.call(paste, c(unname(groups), sep = "/"))
}

#' @rdname hier_regression_methods
#' @export
residuals.hier_of_rows <- function(object, type = c("response", "pearson"), ...) {
  no_dots(...)
  type <- one_of(type)
  rest <- object$model$rows$y - fitted(object)
  if (type == "response") rest else rest * sqrt(weights(object)) / sigma(object)
}

#' @rdname hier_regression_methods
#' @export
sigma.hier_of_rows <- function(object, ...) {
  no_dots(...)
  known <- object$model$spec$sigma
  if (is.null(known)) means_of(object)[["sigma"]] else known
}

#' @export
weights.hier_of_rows <- function(object, ...) {
  no_dots(...)
  rows <- object$model$rows
  stats::setNames(if (is.null(rows$weights)) rep(1, length(rows$y)) else rows$weights, rows$names)
}

#' @export
simulate.hier_of_rows <- function(object, nsim = 1, seed = NULL, ...) {
  no_dots(...)
  stream <- stream_of(seed)
  made <- python_call("simulate", posterior = live(object), n = whole_number("nsim", nsim), rng = stream)
  frame <- as.data.frame(t(made), row.names = object$model$rows$names)
  names(frame) <- paste0("sim_", seq_len(nrow(made)))
  attr(frame, "seed") <- stream$rng
  frame
}

#' @export
logLik.hier_of_rows <- function(object, ...) {
  no_dots(...)
  names <- hyperparameters_of(object$model)
  values <- if (is.null(object$estimate)) means_of(object)[names] else unlist(object$estimate)[names]
  if (!all(is.finite(values))) {
    stop_pyhier("the mean of ", names[!is.finite(values)][[1]], " is not finite")
  }
  value <- python_call("log_likelihood", model = live(object$model), values = as.list(values))
  structure(value, df = length(names), nobs = nobs(object), class = "logLik")
}

# Names of the coefficients, sigma, the taus and the correlations.
hyperparameters_of <- function(model) {
  rows <- model$rows
  names <- if (rows$nested) names(rows$groups) else colnames(rows$z)
  pairs <- if (rows$correlated && length(names) > 1) utils::combn(names, 2)
  c(
    beta_names(model), if (is.null(model$spec$sigma)) "sigma", paste0("tau[", names, "]"),
    if (!is.null(pairs)) paste0("rho[", pairs[1, ], ",", pairs[2, ], "]")
  )
}

#' @export
nobs.hier_regression <- function(object, ...) {
  no_dots(...)
  length(object$rows$y)
}

#' @export
model.frame.hier_regression <- function(formula, ...) formula$rows$frame

#' @export
model.frame.hier_of_rows <- function(formula, ...) formula$model$rows$frame

#' @importFrom stats model.matrix
#' @export
model.matrix.hier_regression <- function(object, ...) {
  x <- object$rows$x
  dimnames(x) <- list(object$rows$names, in_r(colnames(x)))
  x
}

#' @export
model.matrix.hier_of_rows <- function(object, ...) model.matrix(object$model)

#' @export
case.names.hier_regression <- function(object, ...) object$rows$names

#' @export
case.names.hier_of_rows <- function(object, ...) object$model$rows$names

#' @exportS3Method generics::augment
augment.hier_of_rows <- function(x, data = x$model$rows$frame, ...) {
  no_dots(...)
  if (nrow(data) != nobs(x)) {
    stop_pyhier("data has ", nrow(data), " rows and the model ", nobs(x))
  }
  table <- predict(x, interval = "confidence")
  rest <- x$model$rows$y - table$fit
  frame <- data.frame(data, .fitted = table$fit, .se.fit = table$sd, .resid = rest, check.names = FALSE)
  rownames(frame) <- NULL
  as_tibble_if_any(frame)
}

# --- Pictures -------------------------------------------------------------------------------------

# Which coefficient is drawn, in R's words: the first without a name.
coefficient_of <- function(x, coefficient) {
  if (!inherits(x, "hier_of_rows")) {
    if (!is.null(coefficient)) stop_pyhier("coefficient is of hier_regression(): each group has one effect here")
    return("effect")
  }
  names <- in_r(effect_columns(x$model))
  if (is.null(coefficient)) {
    return(names[[1]])
  }
  if (!coefficient %in% names) {
    stop_pyhier("coefficient is ", shown(coefficient), ": what varies is ", paste(names, collapse = ", "))
  }
  coefficient
}

# One coefficient of every group, their common one and a new group's.
forest_of_rows <- function(x, coefficient) {
  model <- x$model
  names <- effect_columns(model)
  k <- match(coefficient, in_r(names))
  at <- seq(k, length(model$labels), by = length(names))
  beta <- paste0("beta[", names[[k]], "]")
  common <- if (beta %in% x$names) beta
  new <- x$names[is_new(x$names)][[k]]
  table <- table_of(x, c(0.025, 0.5, 0.975))[c(effects_of(x)[at], common, new), ]
  raw <- model$estimates[at, ]
  half <- stats::qnorm(0.975) * raw$se
  whole <- c(if (!is.null(common)) c(mean = "mean of all"), new = "new group")
  none <- rep(NA, length(whole))
  data.frame(
    label = c(effect_groups(model), whole), kind = c(rep("group", length(at)), names(whole)),
    mid = table$mean, low = table[["2.5%"]], high = table[["97.5%"]], raw = c(raw$estimate, none),
    raw_low = c(raw$estimate - half, none), raw_high = c(raw$estimate + half, none)
  )
}
