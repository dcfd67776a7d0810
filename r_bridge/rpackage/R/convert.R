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
  coda::as.mcmc(hier_draws(x, n, seed))
}

#' @exportS3Method coda::as.mcmc.list
as.mcmc.list.hier_posterior <- function(x, ...) coda::mcmc.list(coda::as.mcmc(x, ...))

#' @exportS3Method coda::as.mcmc
as.mcmc.hier_chain <- function(x, ...) coda::mcmc(x$par)

#' @exportS3Method posterior::as_draws
as_draws.hier_draws <- function(x, ...) {
  posterior::as_draws_array(x$draws[, , x$names, drop = FALSE])
}

#' @exportS3Method posterior::as_draws
as_draws.hier_posterior <- function(x, n = 4000, seed = NULL, ...) {
  posterior::as_draws(hier_draws(x, n, seed))
}

# posterior's own default for these would drop the arguments.

#' @exportS3Method posterior::as_draws_array
as_draws_array.hier_posterior <- function(x, ...) {
  posterior::as_draws_array(posterior::as_draws(x, ...))
}

#' @exportS3Method posterior::as_draws_df
as_draws_df.hier_posterior <- function(x, ...) posterior::as_draws_df(posterior::as_draws(x, ...))

#' @exportS3Method posterior::as_draws_matrix
as_draws_matrix.hier_posterior <- function(x, ...) {
  posterior::as_draws_matrix(posterior::as_draws(x, ...))
}

#' @exportS3Method posterior::as_draws_rvars
as_draws_rvars.hier_posterior <- function(x, ...) {
  posterior::as_draws_rvars(posterior::as_draws(x, ...))
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

# --- LearnBayes' results --------------------------------------------------------------------------

#' @export
print.hier_laplace <- function(x, ...) {
  print(unclass(x), ...)
  invisible(x)
}

#' @export
coef.hier_laplace <- function(object, ...) object$mode

#' @importFrom stats vcov
#' @export
vcov.hier_laplace <- function(object, ...) object$var

#' @export
summary.hier_laplace <- function(object, ...) {
  data.frame(mode = object$mode, sd = sqrt(diag(object$var)))
}

#' @export
print.hier_chain <- function(x, ...) {
  rates <- paste0(sprintf("%.1f%%", 100 * x$accept), collapse = ", ")
  cat(nrow(x$par), " draws of ", ncol(x$par), ", ", rates, " accepted\n\n", sep = "")
  print(summary(x), ...)
  invisible(x)
}

#' @export
summary.hier_chain <- function(object, probs = default_probs, ...) {
  quantiles <- apply(object$par, 2, quantile, probs)
  dim(quantiles) <- c(length(probs), ncol(object$par))
  rownames(quantiles) <- paste0(signif(100 * probs, 6), "%")
  table <- data.frame(
    mean = colMeans(object$par), sd = apply(object$par, 2, sd), t(quantiles),
    row.names = dimnames(chain_array(object))[[3]], check.names = FALSE
  )
  class(table) <- c("summary.hier_posterior", "data.frame")
  table
}

#' @export
coef.hier_chain <- function(object, ...) colMeans(object$par)

#' @export
as.data.frame.hier_chain <- function(x, row.names = NULL, optional = FALSE, ...) {
  draws <- chain_array(x)
  frame <- as.data.frame(matrix(draws, ncol = dim(draws)[[3]]))
  names(frame) <- dimnames(draws)[[3]]
  frame
}
