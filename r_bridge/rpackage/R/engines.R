# Engines: each takes any model and returns a posterior.

#' The exact posterior
#'
#' Computes the whole posterior by quadrature, without Monte Carlo error: means, densities, tails and
#' quantiles are good to 1e-9 (1e-8 for counts).
#'
#' @param y A model; or what [hier_normal()] takes, such as estimates followed by their standard
#'   errors.
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
  run_engine("hier_exact", model, "exact")
}

# Run an engine without a burn-in; what it takes is kept, so that a saved posterior can be made anew.
run_engine <- function(class, model, engine, ...) {
  spec <- list(.entry = "engine", engine = engine, ...)
  found <- do.call(python_call, c(spec, list(model = live(model))))
  details <- found[setdiff(names(found), c("handle", "names", "draws", "variables"))]
  make <- if (is.null(found$draws)) new_posterior else new_draws
  spec["keep_stream"] <- if (!is.null(spec$rng)) FALSE
  do.call(make, c(list(class, model, found), details, list(spec = spec)))
}

#' @rdname hier_exact
#' @export
hier_given <- function(model, ...) {
  check_model(model)
  values <- mapply(numbers, names(list(...)), list(...), SIMPLIFY = FALSE)
  spec <- list(.entry = "given", values = values)
  found <- do.call(python_call, c(spec, list(model = live(model))))
  new_posterior("hier_given", model, found, values = values, spec = spec)
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
  steps <- proposal_of(proposal, scale)
  if (is.null(start) && chains == 1) {
    start <- steps$mode
  }
  run_chains(
    "hier_rwmetrop", model, "rwmetrop", m, start, seed, burn_in, chains, theta,
    proposal = steps$var, scale = steps$scale
  )
}

run_chains <- function(class, model, engine, m, start, seed, burn_in, chains, theta, ...) {
  found <- python_call(
    "engine",
    engine = engine, model = live(model), draws = whole_number("m", m),
    start = numeric_array("start", start), burn_in = whole_number("burn_in", burn_in, 0),
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
  run_chains(
    "hier_gibbs", model, "gibbs", m, start, seed, burn_in, chains, theta,
    scale = numeric_array("scale", scale)
  )
}

#' @rdname hier_engines
#' @export
hier_indepmetrop <- function(model, m, proposal = NULL, start = NULL, seed = NULL, scale = NULL,
                             df = 4, burn_in = 0, chains = 1, theta = TRUE) {
  check_model(model)
  source <- source_of(proposal, scale, df)
  do.call(run_chains, c(
    list("hier_indepmetrop", model, "indepmetrop", m, start, seed, burn_in, chains, theta), source
  ))
}

#' @rdname hier_engines
#' @export
hier_importance <- function(model, m, proposal = NULL, seed = NULL, scale = NULL, df = 4) {
  run_weighted("hier_importance", model, "importance", m, proposal, seed, scale, df)
}

#' @rdname hier_engines
#' @export
hier_sir <- function(model, m, proposal = NULL, seed = NULL, scale = NULL, df = 4, theta = TRUE) {
  run_weighted("hier_sir", model, "sir", m, proposal, seed, scale, df, theta = isTRUE(theta))
}

#' @rdname hier_engines
#' @export
hier_rejection <- function(model, m, proposal = NULL, seed = NULL, scale = NULL, df = 4,
                           theta = TRUE) {
  run_weighted("hier_rejection", model, "rejection", m, proposal, seed, scale, df, theta = isTRUE(theta))
}

run_weighted <- function(class, model, engine, m, proposal, seed, scale, df, ...) {
  check_model(model)
  # The stream as it is now, so that a saved posterior can be made anew.
  stream <- random_stream(seed)
  arguments <- c(
    list(class, model, engine, draws = whole_number("m", m), ...), source_of(proposal, scale, df)
  )
  do.call(run_engine, c(arguments, list(rng = stream, keep_stream = is.null(seed))))
}

# The distribution of proposals as Python's engines take it.
source_of <- function(proposal, scale, df) {
  if (is.list(proposal) && is.null(proposal$mode)) {
    proposal$mode <- proposal$mean
  }
  steps <- proposal_of(proposal, scale)
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
  run_engine("hier_grid", model, "grid", size = size, limits = numeric_array("limits", limits))
}

#' @rdname hier_engines
#' @export
hier_empirical_bayes <- function(model, method = c("ml", "moments")) {
  check_model(model)
  run_engine("hier_empirical_bayes", model, "empirical_bayes", method = match.arg(method))
}

as_model <- function(y, ...) {
  if (!inherits(y, "hier_model")) {
    return(hier_normal(y, ...))
  }
  no_dots(...)
  y
}

check_model <- function(model) {
  if (!inherits(model, "hier_model")) {
    stop_pyhier(
      "model is of class ", class(model)[[1]], ": make one with hier_normal(), hier_binomial() or ",
      "hier_poisson()",
      kind = "TypeError"
    )
  }
}

# var, scale and mode of the steps, from whatever a user has.
proposal_of <- function(proposal, scale = NULL) {
  mode <- NULL
  if (is.list(proposal)) {
    if (is.null(proposal$var)) {
      stop_pyhier("proposal has no element var: give list(var = covariance, scale = factor)")
    }
    if (is.null(scale)) {
      scale <- proposal$scale
    }
    mode <- proposal$mode
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
    proposal <- as.matrix(proposal)
  }
  list(var = proposal, scale = scale, mode = mode)
}

# A vector or a matrix of numbers for Python, or NULL.
numeric_array <- function(name, x) {
  if (is.null(x)) {
    return(NULL)
  }
  checked <- numbers(name, as.vector(x))
  if (is.matrix(x)) array(checked, dim(x)) else numbers_to_python(checked)
}

# --- Normal approximations, and samplers of any log posterior --------------------------------------

#' Normal approximation at the mode
#'
#' For a function of your own this is LearnBayes' `laplace`: the same arguments, the same numbers to
#' the last bit, whenever the function returns the same numbers.
#'
#' @param logpost A log posterior density: an R function `logpost(theta, ...)`; the name of one of
#'   LearnBayes' that pyhier has compiled, such as `"normnormexch"`; or a model.
#' @param mode A guess at the mode, where the search starts. A model needs none: without it the
#'   search goes to the mode by Newton's method; from one it is R's `optim()`, with its numbers.
#' @param ... The data that `logpost` takes after its first argument.
#' @return A list of class `hier_laplace` with LearnBayes' elements: `mode`, `var`, `int` (the log
#'   of the density's integral, approximately) and `converge`.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' logpost <- function(theta, y, n) y * theta - n * log(1 + exp(theta)) - theta^2 / 8
#' laplace(logpost, 0, y = 7, n = 10)
#' \dontshow{\})}
#' @export
laplace <- function(logpost, mode, ...) UseMethod("laplace")

#' @export
laplace.default <- function(logpost, mode, ...) unknown_logpost(logpost)

#' @rdname laplace
#' @export
laplace.function <- function(logpost, mode, ...) {
  of_one <- function(theta) logpost(theta, ...)
  new_laplace(
    python_call("laplace", logpost = of_one, mode = numeric_array("mode", mode), data = NULL),
    names(mode)
  )
}

#' @rdname laplace
#' @param data The data of a compiled log posterior, as LearnBayes has it.
#' @export
laplace.character <- function(logpost, mode, data, ...) {
  no_dots(...)
  found <- python_call(
    "laplace",
    logpost = logpost, mode = numeric_array("mode", mode), data = plain_data(data)
  )
  new_laplace(found, names(mode))
}

#' @rdname laplace
#' @export
laplace.hier_model <- function(logpost, mode = NULL, ...) {
  no_dots(...)
  found <- python_call("laplace_model", model = live(logpost), start = numeric_array("mode", mode))
  new_laplace(found, logpost$coordinates)
}

new_laplace <- function(found, names) {
  found <- found[c("mode", "var", "int", "converge")]
  if (!is.null(names)) {
    names(found$mode) <- names
    dimnames(found$var) <- list(names, names)
  }
  structure(found, class = "hier_laplace")
}

unknown_logpost <- function(logpost) {
  stop_pyhier(
    "logpost is of class ", class(logpost)[[1]], ": give a function, a compiled one's name or a model",
    kind = "TypeError"
  )
}

# Data of a compiled log posterior: a matrix, a data frame, or a list of numbers and matrices.
plain_data <- function(data) {
  if (is.data.frame(data)) {
    data <- as.matrix(as.data.frame(data))
  }
  if (is.list(data)) {
    return(lapply(data, plain_data))
  }
  if (is.matrix(data)) {
    numbers("data", as.vector(data))
    return(array(as.double(data), dim(data)))
  }
  if (length(data) == 1) numbers("data", data) else numeric_array("data", data)
}

#' Random-walk Metropolis of any log posterior
#'
#' LearnBayes' `rwmetrop`: the same arguments and, after the same `set.seed()`, the same chain to the
#' last bit. An R function costs what R needs to call it; a compiled log posterior some tens of
#' nanoseconds. Ctrl-C ends a long run with the draws so far.
#'
#' @param logpost As for [laplace()]. For a model see [hier_rwmetrop()], too, which draws the groups'
#'   effects.
#' @param proposal A list of `var`, the covariance of the steps, and `scale`, their factor.
#' @param start Where the chain starts.
#' @param m Iterations.
#' @param ... The data that `logpost` takes after its first argument.
#' @return A list of class `hier_chain` with LearnBayes' elements: `par`, a matrix with a row an
#'   iteration, and `accept`, the share of proposals accepted. `as.mcmc()`, `as_draws()`,
#'   `summary()`, `plot()` and `as.data.frame()` take it.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' logpost <- function(theta, y, n) y * theta - n * log(1 + exp(theta)) - theta^2 / 8
#' fit <- laplace(logpost, 0, y = 7, n = 10)
#' set.seed(1)
#' chain <- rwmetrop(logpost, list(var = fit$var, scale = 2), fit$mode, 1000, y = 7, n = 10)
#' chain$accept
#' \dontshow{\})}
#' @export
rwmetrop <- function(logpost, proposal, start, m, ...) UseMethod("rwmetrop")

#' @export
rwmetrop.default <- function(logpost, proposal, start, m, ...) unknown_logpost(logpost)

#' @rdname rwmetrop
#' @export
rwmetrop.function <- function(logpost, proposal, start, m, ...) {
  of_one <- function(theta) logpost(theta, ...)
  new_chain(of_one, proposal, start, m, NULL)
}

#' @rdname rwmetrop
#' @param data The data of a compiled log posterior, as LearnBayes has it.
#' @export
rwmetrop.character <- function(logpost, proposal, start, m, data, ...) {
  no_dots(...)
  new_chain(logpost, proposal, start, m, plain_data(data))
}

#' @rdname rwmetrop
#' @export
rwmetrop.hier_model <- function(logpost, proposal = NULL, start = NULL, m, ...) {
  hier_rwmetrop(logpost, m = m, proposal = proposal, start = start, ...)
}

new_chain <- function(logpost, proposal, start, m, data) {
  steps <- proposal_of(proposal)
  if (is.null(steps$var) || is.null(steps$scale)) {
    stop_pyhier("proposal must be list(var = covariance, scale = factor)")
  }
  found <- python_call(
    "rwmetrop",
    logpost = logpost, var = steps$var, scale = steps$scale,
    start = numbers_to_python(numbers("start", start)), m = whole_number("m", m), data = data,
    rng = NULL
  )
  colnames(found$par) <- names(start)
  structure(found[c("par", "accept")], class = "hier_chain")
}
