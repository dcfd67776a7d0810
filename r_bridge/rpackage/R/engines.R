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
  new_posterior("hier_exact", model, python_call("exact", model = live(model)))
}

#' @rdname hier_exact
#' @export
hier_given <- function(model, ...) {
  check_model(model)
  values <- mapply(numbers, names(list(...)), list(...), SIMPLIFY = FALSE)
  found <- python_call("given", model = live(model), values = values)
  new_posterior("hier_given", model, found, values = values)
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
  chains <- whole_number("chains", chains)
  if (is.null(start) && chains == 1) {
    start <- steps$mode
  }
  found <- python_call(
    "rwmetrop_model",
    model = live(model), m = whole_number("m", m), proposal = steps$var, scale = steps$scale,
    start = numeric_array("start", start), burn_in = whole_number("burn_in", burn_in, 0),
    chains = chains, theta = isTRUE(theta), rng = seed
  )
  dimnames(found$burn_in) <- list(NULL, NULL, model$coordinates)
  new_draws("hier_rwmetrop", model, found, accept = found$accept, burn_in = found$burn_in)
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
