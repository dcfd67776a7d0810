# Engines: each takes any model and returns a posterior.

#' The exact posterior
#'
#' Computes the whole posterior by quadrature, without Monte Carlo error: means, densities, tails and
#' quantiles are good to 1e-9 (1e-8 for counts).
#'
#' @param y A model; or what [hier_normal()] takes, such as estimates followed by their standard
#'   errors; or a formula of [hier_regression()], with `data`.
#' @param model A model.
#' @param ... With data for `y`: more arguments of [hier_normal()]. For `hier_given()`: a value of
#'   each hyperparameter, such as `mu = 8, tau = 5`.
#' @return `hier_exact()`: an object of class `hier_exact`; `hier_given()`: the posterior of the
#'   effects at known hyperparameters, which has the same methods: see [hier_posterior].
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(A = 28, B = 8, C = -3, D = 7, E = -1, F = 1, G = 18, H = 12)
#' fit <- hier_exact(y, c(15, 10, 16, 11, 9, 11, 10, 18))
#' fit
#' probability(fit, "theta[A] > 28")
#' coef(hier_given(hier_normal(y, c(15, 10, 16, 11, 9, 11, 10, 18)), mu = 8, tau = 5))
#' \dontshow{\})}
#' @export
hier_exact <- function(y, ...) {
  model <- as_model(y, ...)
  refit_by(run_engine("hier_exact", model, "exact"), hier_exact)
}

# Run an engine without a burn-in; what it takes is kept, so that a saved posterior can be made anew.
run_engine <- function(class, model, engine, ...) {
  spec <- list(.entry = "engine", engine = engine, ...)
  found <- do.call(python_call, c(spec, list(model = live(model))))
  if (!is.null(spec$rng)) {
    spec$rng <- spec$rng$rng # the stream as it was
  }
  details <- found[setdiff(names(found), c("handle", "names", "draws", "variables"))]
  make <- if (is.null(found$draws)) new_posterior else new_draws
  do.call(make, c(list(class, model, found), details, list(spec = spec)))
}

#' @rdname hier_exact
#' @export
hier_given <- function(model, ...) {
  check_model(model)
  values <- mapply(numbers, names(list(...)), list(...), SIMPLIFY = FALSE)
  spec <- list(.entry = "given", values = values)
  found <- do.call(python_call, c(spec, list(model = live(model))))
  fit <- new_posterior("hier_given", model, found, values = values, spec = spec)
  do.call(refit_by, c(list(fit, hier_given), values))
}

#' Random-walk Metropolis on the hyperparameters
#'
#' Samples the posterior of the hyperparameters by a random walk with normal steps, and draws the
#' groups' effects exactly given each of the draws. With the same seed the chain is the one of
#' LearnBayes' `rwmetrop` and of Python's `pyhier.rwmetrop`, to the last bit.
#'
#' @param y A model; or the estimates of the groups, for the normal model.
#' @param se The standard error of each estimate, with data for `y`.
#' @param m Draws to keep, of each chain.
#' @param proposal The covariance of the steps: a matrix, a list of `var` and `scale` as in LearnBayes,
#'   or what [laplace()] returned; without it, the normal approximation at the mode.
#' @param start Where the chains start: a vector in the coordinates of the model (mu and log tau,
#'   for the normal one), or a matrix with a row a chain; without it, one chain starts at the mode,
#'   several start about it.
#' @param seed The seed, as in `set.seed(seed)`. Without it the chain uses R's own stream as it
#'   stands, and R goes on after it.
#' @param scale Factor of the steps; 2.38 / sqrt(number of coordinates) without it.
#' @param burn_in Draws to make first and leave out.
#' @param chains The number of chains, which use R's stream one after another.
#' @param theta Whether to draw the groups' effects.
#' @param ... With data for `y`: more arguments of [hier_normal()], such as `labels`.
#' @return An object of class `hier_rwmetrop`, with the elements `draws` (an array: draw, chain,
#'   quantity), `accept` (the share of proposals accepted) and `burn_in`, and the methods of
#'   [hier_posterior].
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(28, 8, -3, 7, -1, 1, 18, 12)
#' se <- c(15, 10, 16, 11, 9, 11, 10, 18)
#' chain <- hier_rwmetrop(y, se, 5000, seed = 11, burn_in = 1000, labels = LETTERS[1:8])
#' chain
#' \dontshow{\})}
#' @export
hier_rwmetrop <- function(y, se, m, proposal = NULL, start = NULL, seed = NULL, scale = NULL,
                          burn_in = 0, chains = 1, theta = TRUE, ...) {
  if (inherits(y, "formula")) {
    stop_pyhier("make the model of the formula first: hier_rwmetrop(hier_normal(...), m = ...)")
  }
  if (inherits(y, "hier_model")) {
    if (missing(m) && !missing(se)) {
      m <- se
    }
    model <- as_model(y, ...)
  } else {
    model <- as_model(y, se, ...)
  }
  if (missing(m)) {
    stop_pyhier("m is missing: the number of draws")
  }
  steps <- proposal_of(proposal, scale, model)
  fit <- run_chains(
    "hier_rwmetrop", model, "rwmetrop", m, if (is.null(start) && chains == 1) steps$mode else start,
    seed, burn_in, chains, theta,
    proposal = steps$var, scale = steps$scale
  )
  refit_by(
    fit, hier_rwmetrop,
    m = m, proposal = proposal, start = start, seed = seed, scale = scale, burn_in = burn_in,
    chains = chains, theta = theta
  )
}

run_chains <- function(class, model, engine, m, start, seed, burn_in, chains, theta, ...) {
  found <- python_call(
    "engine",
    engine = engine, model = live(model), draws = whole_number("m", m),
    start = start_of_model(model, start), burn_in = whole_number("burn_in", burn_in, 0),
    chains = whole_number("chains", chains), theta = isTRUE(theta), rng = seed, ...
  )
  dimnames(found$burn_in) <- list(NULL, NULL, model$coordinates)
  if (length(found$accept) > 1) {
    names(found$accept) <- model$coordinates
  }
  new_draws(c(class, "hier_chains"), model, found, accept = found$accept, burn_in = found$burn_in)
}

#' Other engines
#'
#' `hier_gibbs()`: Metropolis within Gibbs, a random-walk step along each coordinate in turn.
#' `hier_indepmetrop()`: Metropolis with proposals that do not depend on where the chain stands.
#' `hier_importance()`: weighted draws; `hier_sir()`: draws resampled by these weights;
#' `hier_rejection()`: independent draws by rejection. `hier_grid()`: sums over a grid of points.
#' `hier_empirical_bayes()`: the effects' posterior at estimated hyperparameters, as if these were
#' known.
#'
#' @param model A model: see [hier_normal()].
#' @param m Draws, of each chain.
#' @param proposal The distribution of proposals: a covariance matrix, a list of `mean` and `var`, or
#'   what [laplace()] returned; without it, the normal approximation at the mode.
#' @param scale For `hier_gibbs()` the sds of the steps, one a coordinate; otherwise a factor of the
#'   proposals' sds.
#' @param df Degrees of freedom of the t distribution of proposals; `Inf` is the normal one.
#' @param start,seed,burn_in,chains,theta As for [hier_rwmetrop()].
#' @param size Points along each coordinate.
#' @param limits A matrix with a row a coordinate, its least and greatest value; without it, where
#'   the density is.
#' @param method Maximum marginal likelihood, or moments.
#' @return A posterior, with the methods of [hier_posterior]. Chains have the elements `accept` and
#'   `burn_in`; weighted and resampled draws `ess` and `pareto_k` (not to be trusted above 0.7);
#'   `hier_empirical_bayes()` has `estimate`, and `edge`: whether it is at an edge, such as tau = 0.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' model <- hier_binomial(c(0, 2, 4, 9, 3), c(20, 24, 14, 24, 17))
#' coef(hier_gibbs(model, 2000, seed = 1))[1:4]
#' hier_importance(model, 5000, seed = 1)$pareto_k
#' hier_empirical_bayes(model)$estimate
#' \dontshow{\})}
#' @name hier_engines
NULL

#' @rdname hier_engines
#' @export
hier_gibbs <- function(model, m, scale = NULL, start = NULL, seed = NULL, burn_in = 0, chains = 1,
                       theta = TRUE) {
  check_model(model)
  fit <- run_chains(
    "hier_gibbs", model, "gibbs", m, start, seed, burn_in, chains, theta,
    scale = numeric_array("scale", by_coordinate("scale", scale, model))
  )
  refit_by(
    fit, hier_gibbs,
    m = m, scale = scale, start = start, seed = seed, burn_in = burn_in, chains = chains, theta = theta
  )
}

#' @rdname hier_engines
#' @export
hier_indepmetrop <- function(model, m, proposal = NULL, start = NULL, seed = NULL, scale = NULL,
                             df = 4, burn_in = 0, chains = 1, theta = TRUE) {
  check_model(model)
  source <- source_of(proposal, scale, df, model)
  fit <- do.call(run_chains, c(
    list("hier_indepmetrop", model, "indepmetrop", m, start, seed, burn_in, chains, theta), source
  ))
  refit_by(
    fit, hier_indepmetrop,
    m = m, proposal = proposal, start = start, seed = seed, scale = scale, df = df, burn_in = burn_in,
    chains = chains, theta = theta
  )
}

#' @rdname hier_engines
#' @export
hier_importance <- function(model, m, proposal = NULL, seed = NULL, scale = NULL, df = 4) {
  fit <- run_weighted("hier_importance", model, "importance", m, proposal, seed, scale, df)
  refit_by(fit, hier_importance, m = m, proposal = proposal, seed = seed, scale = scale, df = df)
}

#' @rdname hier_engines
#' @export
hier_sir <- function(model, m, proposal = NULL, seed = NULL, scale = NULL, df = 4, theta = TRUE) {
  fit <- run_weighted("hier_sir", model, "sir", m, proposal, seed, scale, df, theta = isTRUE(theta))
  refit_by(fit, hier_sir, m = m, proposal = proposal, seed = seed, scale = scale, df = df, theta = theta)
}

#' @rdname hier_engines
#' @export
hier_rejection <- function(model, m, proposal = NULL, seed = NULL, scale = NULL, df = 4,
                           theta = TRUE) {
  fit <- run_weighted("hier_rejection", model, "rejection", m, proposal, seed, scale, df, theta = isTRUE(theta))
  refit_by(fit, hier_rejection, m = m, proposal = proposal, seed = seed, scale = scale, df = df, theta = theta)
}

run_weighted <- function(class, model, engine, m, proposal, seed, scale, df, ...) {
  check_model(model)
  arguments <- c(
    list(class, model, engine, draws = whole_number("m", m), ...), source_of(proposal, scale, df, model)
  )
  do.call(run_engine, c(arguments, list(rng = stream_of(seed))))
}

# The distribution of proposals as Python's engines take it.
source_of <- function(proposal, scale, df, model) {
  if (is.list(proposal) && is.null(proposal$mode)) {
    proposal$mode <- proposal$mean
  }
  steps <- proposal_of(proposal, scale, model)
  list(
    proposal = if (is.null(steps$mode)) steps$var else list(mean = as.double(steps$mode), var = steps$var),
    scale = steps$scale, df = numbers("df", df)
  )
}

#' @rdname hier_engines
#' @export
hier_grid <- function(model, size = 100, limits = NULL) {
  check_model(model)
  size <- vapply(size, whole_number, 1, name = "size")
  if (length(size) > 1) {
    size <- as.list(size)
  }
  fit <- run_engine(
    "hier_grid", model, "grid",
    size = size,
    limits = numeric_array("limits", by_coordinate("limits", limits, model))
  )
  refit_by(fit, hier_grid, size = unlist(size), limits = limits)
}

#' @rdname hier_engines
#' @export
hier_empirical_bayes <- function(model, method = c("ml", "moments")) {
  check_model(model)
  method <- one_of(method)
  fit <- run_engine("hier_empirical_bayes", model, "empirical_bayes", method = method)
  refit_by(fit, hier_empirical_bayes, method = method)
}

as_model <- function(y, ...) {
  if (!inherits(y, "hier_model")) {
    rows <- inherits(y, "formula") && length(y) == 3 && has_bar(y[[3]])
    return(if (rows) hier_regression(y, ...) else hier_normal(y, ...))
  }
  no_dots(...)
  y
}

check_model <- function(model) {
  if (!inherits(model, "hier_model")) {
    stop_pyhier(
      "model is of class ", class(model)[[1]], ": make one with hier_regression(), hier_normal(), ",
      "hier_binomial() or hier_poisson()",
      kind = "TypeError"
    )
  }
}

# var, scale and mode of the steps, from whatever a user has; in the coordinates of a model.
proposal_of <- function(proposal, scale = NULL, model = NULL) {
  mode <- NULL
  if (is.list(proposal)) {
    if (is.null(proposal$var)) {
      stop_pyhier("proposal has no element var: give list(var = covariance, scale = factor)")
    }
    if (is.null(scale)) {
      scale <- proposal$scale
    }
    mode <- by_coordinate("proposal$mode", proposal$mode, model)
    proposal <- proposal$var
  }
  if (!is.null(scale)) {
    scale <- numbers("scale", scale)
    if (length(scale) != 1) {
      stop_pyhier("scale has ", length(scale), " elements: give one number")
    }
  }
  if (!is.null(proposal)) {
    numbers("proposal", as.vector(proposal))
    proposal <- by_coordinate("proposal", as.matrix(proposal), model)
  }
  list(var = proposal, scale = scale, mode = mode)
}

# Numbers or a covariance, one a coordinate: in the order of the coordinates, where they have names.
by_coordinate <- function(name, x, model) {
  given <- if (is.matrix(x)) rownames(x) else names(x)
  if (is.null(model) || is.null(given) || identical(given, model$coordinates)) {
    return(x)
  }
  if (!setequal(given, model$coordinates) || anyDuplicated(given)) {
    stop_pyhier(
      name, " is of ", paste(given, collapse = ", "), ": the coordinates of this model are ",
      paste(model$coordinates, collapse = ", ")
    )
  }
  order <- match(model$coordinates, given)
  if (!is.matrix(x)) x[order] else if (nrow(x) == ncol(x)) x[order, order] else x[order, ]
}

# Where chains start, in coordinates; names may be those of the hyperparameters, as in c(tau = 5).
start_of_model <- function(model, start, name = "start") {
  given <- if (is.matrix(start)) colnames(start) else names(start)
  if (is.null(given)) {
    return(numeric_array(name, start))
  }
  rows <- if (is.matrix(start)) start else matrix(numbers(name, start), 1, dimnames = list(NULL, given))
  rows[] <- numbers(name, as.vector(rows))
  if (setequal(given, model$coordinates) && !anyDuplicated(given)) {
    rows <- rows[, model$coordinates, drop = FALSE]
  } else {
    rows <- t(apply(rows, 1, function(row) in_coordinates(name, model, row)))
  }
  if (is.matrix(start)) unname(rows) else numbers_to_python(rows)
}

in_coordinates <- function(name, model, row) {
  tryCatch(
    python_call("phi_at", model = live(model), values = as.list(row)),
    pyhier_error = function(e) {
      stop_pyhier(
        name, " has the names ", paste(names(row), collapse = ", "), ": ", conditionMessage(e),
        "; or give ", paste(model$coordinates, collapse = ", ")
      )
    }
  )
}

# A vector or a matrix of numbers for Python, or NULL.
numeric_array <- function(name, x) {
  if (is.null(x)) {
    return(NULL)
  }
  checked <- numbers(name, if (is.array(x)) as.vector(x) else x)
  if (is.matrix(x)) array(checked, dim(x)) else numbers_to_python(checked)
}
