# For coda and posterior.

# The coordinates, then the effects: what as.mcmc() has.
chain_columns <- function(x) {
  c(x$model$coordinates, intersect(effect_names(x$model), dimnames(x$draws)[[3]]))
}

one_chain <- function(x, k) {
  columns <- chain_columns(x)
  matrix(x$draws[, k, columns], ncol = length(columns), dimnames = list(NULL, columns))
}

first_draw <- function(x) if (is.null(x$burn_in)) 1 else dim(x$burn_in)[[1]] + 1

#' @exportS3Method coda::as.mcmc
as.mcmc.hier_draws <- function(x, ...) {
  if (dim(x$draws)[[2]] > 1) {
    stop_pyhier("there are ", dim(x$draws)[[2]], " chains: as.mcmc.list() takes them")
  }
  coda::mcmc(one_chain(x, 1), start = first_draw(x))
}

#' @exportS3Method coda::as.mcmc.list
as.mcmc.list.hier_draws <- function(x, ...) {
  chains <- lapply(seq_len(dim(x$draws)[[2]]), function(k) {
    coda::mcmc(one_chain(x, k), start = first_draw(x))
  })
  coda::mcmc.list(chains)
}

#' @exportS3Method coda::as.mcmc
as.mcmc.hier_posterior <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  coda::as.mcmc(hier_draws(x, n, seed))
}

#' @exportS3Method coda::as.mcmc.list
as.mcmc.list.hier_posterior <- function(x, ...) coda::mcmc.list(coda::as.mcmc(x, ...))

#' @exportS3Method coda::as.mcmc
as.mcmc.hier_model <- function(x, ...) coda::as.mcmc(hier_exact(x), ...)

#' @exportS3Method coda::as.mcmc.list
as.mcmc.list.hier_model <- function(x, ...) coda::as.mcmc.list(hier_exact(x), ...)

#' @exportS3Method coda::as.mcmc
as.mcmc.hier_chain <- function(x, ...) coda::mcmc(x$par)

#' @exportS3Method posterior::as_draws
as_draws.hier_draws <- function(x, ...) {
  posterior::as_draws_array(x$draws[, , x$names, drop = FALSE])
}

#' @exportS3Method posterior::as_draws
as_draws.hier_posterior <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  posterior::as_draws(hier_draws(x, n, seed))
}

#' @exportS3Method posterior::as_draws
as_draws.hier_model <- function(x, ...) posterior::as_draws(hier_exact(x), ...)

# posterior's own default for these would drop the arguments.

#' @exportS3Method posterior::as_draws_array
as_draws_array.hier_model <- function(x, ...) posterior::as_draws_array(hier_exact(x), ...)

#' @exportS3Method posterior::as_draws_array
as_draws_array.hier_posterior <- function(x, ...) {
  posterior::as_draws_array(posterior::as_draws(x, ...))
}

#' @exportS3Method posterior::as_draws_df
as_draws_df.hier_model <- function(x, ...) posterior::as_draws_df(hier_exact(x), ...)

#' @exportS3Method posterior::as_draws_df
as_draws_df.hier_posterior <- function(x, ...) posterior::as_draws_df(posterior::as_draws(x, ...))

#' @exportS3Method posterior::as_draws_matrix
as_draws_matrix.hier_model <- function(x, ...) posterior::as_draws_matrix(hier_exact(x), ...)

#' @exportS3Method posterior::as_draws_matrix
as_draws_matrix.hier_posterior <- function(x, ...) {
  posterior::as_draws_matrix(posterior::as_draws(x, ...))
}

#' @exportS3Method posterior::as_draws_rvars
as_draws_rvars.hier_model <- function(x, ...) posterior::as_draws_rvars(hier_exact(x), ...)

# posterior reads what is in brackets as indices, and a label's comma as two of them: the effects
# are made one variable here, named by the labels.
#' @exportS3Method posterior::as_draws_rvars
as_draws_rvars.hier_posterior <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  drawn <- if (inherits(x, "hier_draws")) x else hier_draws(x, n, seed)
  effects <- intersect(effect_names(drawn$model), drawn$names)
  parts <- lapply(setNames(nm = setdiff(drawn$names, effects)), function(name) {
    rvar_of(drawn$draws[, , name, drop = FALSE])
  })
  if (length(effects)) {
    theta <- rvar_of(drawn$draws[, , effects, drop = FALSE])
    names(theta) <- drawn$model$labels
    parts <- append(parts, list(theta = theta), which(is_new(names(parts)))[[1]] - 1)
  }
  do.call(posterior::draws_rvars, parts)
}

# A random variable of posterior's, of draws of shape (draw, chain, element).
rvar_of <- function(draws) {
  size <- dim(draws)
  posterior::rvar(array(draws, c(size[[1]] * size[[2]], size[[3]])), nchains = size[[2]])
}

#' @exportS3Method posterior::as_draws
as_draws.hier_chain <- function(x, ...) posterior::as_draws_array(chain_array(x))

chain_array <- function(x) {
  names <- colnames(x$par)
  if (is.null(names)) {
    names <- paste0("theta[", seq_len(ncol(x$par)), "]")
  }
  array(x$par, c(nrow(x$par), 1, ncol(x$par)), list(NULL, NULL, names))
}

# --- R's own --------------------------------------------------------------------------------------

#' @rdname hier_posterior
#' @export
as.data.frame.hier_posterior <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(summary(x, ...))
}

#' @rdname hier_posterior
#' @export
as.data.frame.hier_draws <- function(x, row.names = NULL, optional = FALSE, ...) {
  no_dots(...)
  size <- dim(x$draws)
  data.frame(
    chain = rep(seq_len(size[[2]]), each = size[[1]]), draw = rep(seq_len(size[[1]]), size[[2]]),
    as.matrix(x),
    check.names = FALSE
  )
}

#' @export
as.array.hier_draws <- function(x, ...) {
  no_dots(...)
  draws <- x$draws[, , x$names, drop = FALSE]
  dimnames(draws) <- list(iterations = NULL, chains = NULL, parameters = x$names)
  draws
}

#' @export
as.matrix.hier_draws <- function(x, ...) {
  no_dots(...)
  matrix(x$draws[, , x$names], ncol = length(x$names), dimnames = list(NULL, x$names))
}

#' @export
as.array.hier_posterior <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  as.array(hier_draws(x, n, seed))
}

#' @export
as.matrix.hier_posterior <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  as.matrix(hier_draws(x, n, seed))
}

#' @export
as.array.hier_model <- function(x, ...) as.array(hier_exact(x), ...)

#' @export
as.matrix.hier_model <- function(x, ...) as.matrix(hier_exact(x), ...)

#' @export
as.array.hier_chain <- function(x, ...) chain_array(x)

#' @export
as.matrix.hier_chain <- function(x, ...) x$par

# --- LearnBayes' results --------------------------------------------------------------------------

#' @export
print.hier_laplace <- function(x, ...) {
  print(unclass(x), ...)
  invisible(x)
}

#' @export
print.hier_chain <- function(x, ...) {
  cat(said_of_chain(x), "\n\n", sep = "")
  print(summary(x), ...)
  invisible(x)
}

said_of_chain <- function(x) {
  rates <- paste0(sprintf("%.1f%%", 100 * x$accept), collapse = ", ")
  paste0(nrow(x$par), " draws of ", ncol(x$par), ", ", rates, " accepted")
}

#' @export
summary.hier_chain <- function(object, probs = default_probs, ...) {
  no_dots(...)
  probs <- check_probs(probs)
  quantiles <- apply(object$par, 2, quantile, probs)
  dim(quantiles) <- c(length(probs), ncol(object$par))
  rownames(quantiles) <- paste0(signif(100 * probs, 6), "%")
  draws <- chain_array(object)
  names <- dimnames(draws)[[3]]
  table <- data.frame(
    mean = colMeans(object$par), sd = apply(object$par, 2, sd), t(quantiles),
    row.names = names, check.names = FALSE
  )
  as_summary(cbind(table, diagnostics(unname(draws), names)))
}

# By ArviZ, or nothing where Python has it not.
diagnostics <- function(draws, names) {
  found <- tryCatch(
    python_call("diagnose", draws = draws, names = as.list(names)),
    pyhier_error = function(e) if (e$kind %in% c("ImportError", "ModuleNotFoundError")) NULL else stop(e)
  )
  if (is.null(found)) data.frame(row.names = names) else found
}

#' @export
as.data.frame.hier_chain <- function(x, row.names = NULL, optional = FALSE, ...) {
  no_dots(...)
  draws <- chain_array(x)
  frame <- as.data.frame(matrix(draws, ncol = dim(draws)[[3]]))
  names(frame) <- dimnames(draws)[[3]]
  frame
}
