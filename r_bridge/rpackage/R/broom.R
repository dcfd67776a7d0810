# For broom: the generics package has the functions.

as_tibble_if_any <- function(frame) {
  if (requireNamespace("tibble", quietly = TRUE)) tibble::as_tibble(frame) else frame
}

#' @exportS3Method generics::tidy
tidy.hier_posterior <- function(x, conf.int = FALSE, conf.level = 0.95, ...) {
  no_dots(...)
  tail <- (1 - check_level(conf.level)) / 2
  table <- table_of(x, c(tail, 1 - tail))
  table <- table[!is_new(rownames(table)), ]
  group <- x$model$labels[match(rownames(table), effect_names(x$model))]
  frame <- data.frame(
    effect = ifelse(is.na(group), "hyperparameter", "group"), group = group,
    term = rownames(table), estimate = table$mean, std.error = table$sd
  )
  if (isTRUE(conf.int)) {
    frame[c("conf.low", "conf.high")] <- table[3:4]
  }
  as_tibble_if_any(frame)
}

#' @exportS3Method generics::glance
glance.hier_posterior <- function(x, ...) {
  no_dots(...)
  size <- if (inherits(x, "hier_draws")) dim(x$draws)[1:2] else c(NA_integer_, NA_integer_)
  evidence <- tryCatch(log_evidence(x), pyhier_error = function(e) NA_real_)
  as_tibble_if_any(data.frame(
    engine = sub("^hier_", "", class(x)[[1]]), nobs = nobs(x), draws = size[[1]], chains = size[[2]],
    log_evidence = evidence
  ))
}

#' @exportS3Method generics::augment
augment.hier_posterior <- function(x, data = x$model$data, ...) {
  no_dots(...)
  if (nrow(data) != nobs(x)) {
    stop_pyhier("data has ", nrow(data), " rows and the model ", nobs(x), " groups")
  }
  table <- table_of(x, 0.5)[effects_of(x), ]
  frame <- data.frame(.group = x$model$labels, data, check.names = FALSE)
  frame$.fitted <- table$mean
  frame$.se.fit <- table$sd
  frame$.resid <- unname(residuals(x))
  rownames(frame) <- NULL
  as_tibble_if_any(frame)
}

#' @exportS3Method generics::tidy
tidy.hier_chain <- function(x, conf.int = FALSE, conf.level = 0.95, ...) {
  no_dots(...)
  frame <- data.frame(
    term = dimnames(chain_array(x))[[3]], estimate = unname(coef(x)),
    std.error = unname(apply(x$par, 2, sd))
  )
  if (isTRUE(conf.int)) {
    ends <- unname(confint(x, level = conf.level))
    frame[c("conf.low", "conf.high")] <- list(ends[, 1], ends[, 2])
  }
  as_tibble_if_any(frame)
}

#' @exportS3Method generics::tidy
tidy.hier_laplace <- function(x, conf.int = FALSE, conf.level = 0.95, ...) {
  no_dots(...)
  frame <- data.frame(
    term = laplace_names(x), estimate = unname(x$mode), std.error = unname(sqrt(diag(x$var)))
  )
  if (isTRUE(conf.int)) {
    ends <- unname(confint(x, level = conf.level))
    frame[c("conf.low", "conf.high")] <- list(ends[, 1], ends[, 2])
  }
  as_tibble_if_any(frame)
}
