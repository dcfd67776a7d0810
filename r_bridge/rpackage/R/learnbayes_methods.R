# More of R's habits, for what laplace() and LearnBayes' samplers return.

# --- Draws of a normal approximation --------------------------------------------------------------

# Draws of shape (n, coordinates), with these names; a seed leaves R's own stream as it was.
normal_draws <- function(x, n, seed) {
  n <- whole_number("n", n)
  root <- tryCatch(chol(x$var), error = function(e) {
    stop_pyhier(
      "var of this fit is no covariance: there is no mode where the search stopped; start it elsewhere (mode)"
    )
  })
  if (!is.null(seed)) {
    before <- r_seed()
    on.exit(set_r_seed(before))
    set.seed(whole_number("seed", seed, -.Machine$integer.max))
  }
  draws <- matrix(stats::rnorm(n * length(x$mode)), n) %*% root
  matrix(draws, n, dimnames = list(NULL, laplace_names(x))) + rep(as.vector(x$mode), each = n)
}

#' @export
as.matrix.hier_laplace <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  normal_draws(x, n, seed)
}

#' @export
as.array.hier_laplace <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  draws <- normal_draws(x, n, seed)
  names <- list(iterations = NULL, chains = NULL, parameters = colnames(draws))
  array(draws, c(nrow(draws), 1, ncol(draws)), names)
}

#' @export
as.data.frame.hier_laplace <- function(x, row.names = NULL, optional = FALSE, ...) summary(x, ...)

#' @exportS3Method coda::as.mcmc
as.mcmc.hier_laplace <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  coda::mcmc(normal_draws(x, n, seed))
}

#' @exportS3Method coda::as.mcmc.list
as.mcmc.list.hier_laplace <- function(x, ...) coda::mcmc.list(coda::as.mcmc(x, ...))

#' @exportS3Method coda::as.mcmc.list
as.mcmc.list.hier_chain <- function(x, ...) coda::mcmc.list(coda::as.mcmc(x, ...))

#' @exportS3Method posterior::as_draws
as_draws.hier_laplace <- function(x, n = 4000, seed = NULL, ...) {
  no_dots(...)
  posterior::as_draws_matrix(normal_draws(x, n, seed))
}

# --- Documents ------------------------------------------------------------------------------------

#' @exportS3Method knitr::knit_print
knit_print.hier_laplace <- function(x, digits = 4, ...) {
  head <- paste0("\nNormal approximation at the mode", if (!x$converge) "; the search did not converge", ".\n")
  table <- knitr::kable(format(summary(x), digits = digits), align = "r")
  knitr::asis_output(paste(c(head, table, ""), collapse = "\n"))
}

#' @exportS3Method knitr::knit_print
knit_print.hier_chain <- function(x, ...) {
  head <- paste0("\n", said_of_chain(x), ".\n")
  knitr::asis_output(paste0(head, knit_print.summary.hier_posterior(summary(x), ...)))
}

#' @exportS3Method knitr::knit_print
knit_print.hier_model <- function(x, max_groups = 20, ...) {
  left_out <- nrow(x$data) - max_groups
  said <- utils::capture.output(said_dropped(x$dropped))
  table <- knitr::kable(x$data[seq_len(nrow(x$data)) <= max_groups, , drop = FALSE])
  more <- if (left_out > 0) c("", paste("... and", left_out, "more groups"))
  knitr::asis_output(paste(c("", x$shown, said, "", table, more, ""), collapse = "\n"))
}

# --- broom ----------------------------------------------------------------------------------------

#' @exportS3Method generics::glance
glance.hier_laplace <- function(x, ...) {
  no_dots(...)
  as_tibble_if_any(data.frame(log_integral = as.vector(x$int), converged = as.logical(x$converge)))
}

#' @exportS3Method generics::glance
glance.hier_chain <- function(x, ...) {
  no_dots(...)
  as_tibble_if_any(data.frame(draws = nrow(x$par), accept = mean(x$accept)))
}

# --- What takes data ------------------------------------------------------------------------------

#' @export
nobs.hier_laplace <- function(object, ...) no_data("number of observations")

#' @export
logLik.hier_laplace <- function(object, ...) {
  no_data("likelihood apart from its prior; the log of its integral is the element int")
}

#' @export
predict.hier_laplace <- function(object, ...) no_data("data to predict")

#' @export
simulate.hier_laplace <- function(object, nsim = 1, seed = NULL, ...) {
  no_data("data to simulate; as.matrix() has draws")
}

#' @export
model.frame.hier_laplace <- function(formula, ...) no_data("data")

#' @export
formula.hier_laplace <- function(x, ...) no_data("formula")

#' @export
update.hier_laplace <- function(object, ...) no_data("call to change: call again what made it")

#' @export
fixef.hier_laplace <- function(object, ...) no_data("common effects; coef() has all its coordinates")

#' @export
ranef.hier_laplace <- function(object, ...) no_data("groups")

#' @export
VarCorr.hier_laplace <- function(x, ...) no_data("groups")

#' @export
forest.hier_laplace <- function(x, ...) no_data("groups; plot() has its densities")

#' @exportS3Method generics::augment
augment.hier_laplace <- function(x, ...) no_data("data")

#' @export
nobs.hier_chain <- nobs.hier_laplace

#' @export
logLik.hier_chain <- function(object, ...) no_data("likelihood apart from its prior")

#' @export
predict.hier_chain <- predict.hier_laplace

#' @export
simulate.hier_chain <- simulate.hier_laplace

#' @export
model.frame.hier_chain <- model.frame.hier_laplace

#' @export
formula.hier_chain <- formula.hier_laplace

#' @export
update.hier_chain <- update.hier_laplace

#' @export
fixef.hier_chain <- fixef.hier_laplace

#' @export
ranef.hier_chain <- ranef.hier_laplace

#' @export
VarCorr.hier_chain <- VarCorr.hier_laplace

#' @export
forest.hier_chain <- function(x, ...) no_data("groups; plot() has its draws")

#' @exportS3Method generics::augment
augment.hier_chain <- augment.hier_laplace
