# New data.

#' @rdname hier_posterior
#' @export
predict.hier_posterior <- function(object, newdata = NULL, level = 0.95, draws = 10000, seed = NULL,
                                   ...) {
  no_dots(...)
  tail <- (1 - check_level(level)) / 2
  size <- names(object$model$data)[[ncol(object$model$data)]]
  rows <- object$model$labels
  given <- newdata
  if (is.data.frame(newdata)) {
    rows <- rownames(newdata)
    newdata <- size_of(object$model, size, decoded_columns(as.data.frame(newdata)))
    if (is.null(newdata)) {
      stop_pyhier("newdata has no column ", size, ": what the model knows of a new group beside its data")
    }
  } else if (!is.null(newdata)) {
    rows <- seq_along(newdata)
  }
  design <- object$model$design
  special <- !(is.null(design) && is.null(object$model$levels))
  if (!is.null(newdata) && special && !is.data.frame(given)) {
    stop_pyhier("newdata must be a data frame with ", size, " and the variables of the covariates or levels")
  }
  counts <- object$model$family %in% c("binomial", "poisson")
  if (!is.null(newdata) && special && !counts) {
    return(predict_at(object, given, newdata, rows, tail))
  }
  made <- python_call(
    "predict",
    posterior = live(object),
    size = if (!is.null(newdata)) numbers_to_python(numbers(paste0("newdata$", size), newdata)),
    x = if (!is.null(newdata) && !is.null(design)) new_rows(design, given),
    draws = whole_number("draws", draws, 2), rng = seed
  )
  data.frame(
    fit = colMeans(made), sd = apply(made, 2, sd), lwr = apply(made, 2, quantile, tail),
    upr = apply(made, 2, quantile, 1 - tail), row.names = rows
  )
}

#' @rdname hier_posterior
#' @export
simulate.hier_posterior <- function(object, nsim = 1, seed = NULL, ...) {
  no_dots(...)
  stream <- stream_of(seed)
  made <- python_call(
    "simulate",
    posterior = live(object), n = whole_number("nsim", nsim), rng = stream
  )
  frame <- as.data.frame(t(made), row.names = object$model$labels)
  names(frame) <- paste0("sim_", seq_len(nrow(made)))
  attr(frame, "seed") <- stream$rng
  frame
}

# The sizes of new groups: their column, or, where a formula's offset told them, that of its variables.
size_of <- function(model, name, newdata) {
  if (!is.null(newdata[[name]]) || is.null(model$sized)) {
    return(newdata[[name]])
  }
  frame <- tryCatch(
    model.frame(model$sized, newdata, na.action = stats::na.pass),
    error = function(e) stop_pyhier("newdata: ", conditionMessage(e), "; or give ", name)
  )
  exp(model.offset(frame))
}

# New groups of a model with moderators or levels, without draws.
predict_at <- function(object, newdata, size, rows, tail) {
  design <- object$model$design
  found <- python_call(
    "predict_at",
    posterior = live(object), size = numbers_to_python(numbers("newdata$se", size)),
    x = if (!is.null(design)) new_rows(design, newdata),
    probs = numbers_to_python(c(tail, 1 - tail)), groups = groups_within(object$model, newdata)
  )
  rownames(found) <- rows
  found
}

# Rows of the design of new data.
new_rows <- function(design, newdata) {
  frame <- tryCatch(
    model.frame(design$terms, newdata, xlev = design$levels, na.action = stats::na.pass),
    error = function(e) stop_pyhier("newdata: ", conditionMessage(e))
  )
  design_columns(stats::model.matrix(design$terms, frame, contrasts.arg = design$contrasts))$x
}
