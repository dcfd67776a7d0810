# Normal approximations, and samplers of any log posterior: LearnBayes, name for name.

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
  target <- target_of(logpost, ..., .names = names(mode))
  found <- python_call(
    "laplace",
    logpost = target$logpost, mode = numeric_array("mode", mode), data = target$data
  )
  new_laplace(found, names(mode))
}

#' @export
laplace.character <- laplace.function

#' @rdname laplace
#' @export
laplace.hier_model <- function(logpost, mode = NULL, ...) {
  no_dots(...)
  found <- python_call("laplace_model", model = live(logpost), start = start_of_model(logpost, mode, "mode"))
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
    data <- as.matrix(decoded_columns(as.data.frame(data)))
  }
  if (is.list(data)) {
    return(lapply(data, plain_data))
  }
  if (is.matrix(data)) {
    return(array(numbers("data", as.vector(data)), dim(data)))
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
#' @param seed As in `set.seed(seed)`; R's own stream, as it stands, without it.
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
rwmetrop.function <- function(logpost, proposal, start, m, ..., seed = NULL) {
  steps <- proposal_of(proposal)
  if (is.null(steps$var) || is.null(steps$scale)) {
    stop_pyhier("proposal must be list(var = covariance, scale = factor)")
  }
  proposal <- list(var = steps$var, scale = steps$scale)
  new_chain("rwmetrop", target_of(logpost, ..., .names = names(start)), start, seed, list(
    proposal = proposal, start = start_of(start), m = whole_number("m", m)
  ))
}

#' @export
rwmetrop.character <- rwmetrop.function

#' @rdname rwmetrop
#' @export
rwmetrop.hier_model <- function(logpost, proposal = NULL, start = NULL, m, ...) {
  hier_rwmetrop(logpost, m = m, proposal = proposal, start = start, ...)
}

#' Other samplers of any log posterior
#'
#' LearnBayes' functions of these names: the same arguments and, after the same `set.seed()`, the same
#' draws.
#'
#' @param logpost,logf A log posterior density: an R function of theta and the data, or the name of
#'   a compiled one, such as `"normnormexch"`.
#' @param proposal A list of `mu` and `var`: mean and covariance of the normal proposals.
#' @param start Where the chain starts.
#' @param m Iterations; for `simcontour()`, draws.
#' @param scale The sds of the steps, one a coordinate.
#' @param tpar A list of `m`, `var` and `df`: location, scale matrix and degrees of freedom of the
#'   t proposals.
#' @param h The R function of theta whose posterior mean is estimated.
#' @param n Draws from the proposal.
#' @param dmax The highest value of log target over proposal.
#' @param limits Two limits of the first parameter, then two of the second.
#' @param data,... The data that the log posterior takes after its first argument.
#' @param seed As in `set.seed(seed)`; R's own stream, as it stands, without it.
#' @return `indepmetrop()` and `gibbs()`: as for [rwmetrop()]. `impsampling()`: a list of `est`, `se`,
#'   `theta` and `wt`. `sir()` and `rejectsampling()`: a matrix with a row a draw. `simcontour()`: a
#'   list of `x` and `y`.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' data <- cbind(c(28, 8, -3, 7, -1, 1, 18, 12), c(15, 10, 16, 11, 9, 11, 10, 18)^2)
#' fit <- laplace("normnormexch", c(8, 2), data)
#' set.seed(1)
#' gibbs("normnormexch", fit$mode, 1000, c(12, 3), data)
#' tpar <- list(m = fit$mode, var = 2 * fit$var, df = 4)
#' impsampling("normnormexch", tpar, function(theta) theta[1], 1000, data)$est
#' \dontshow{\})}
#' @name samplers
NULL

#' @rdname samplers
#' @export
indepmetrop <- function(logpost, proposal, start, m, ..., seed = NULL) {
  if (!is.list(proposal) || !setequal(names(proposal), c("mu", "var"))) {
    stop_pyhier("proposal must be list(mu = mean, var = covariance)")
  }
  proposal <- list(mu = numeric_array("mu", proposal$mu), var = covariance(proposal$var))
  new_chain("indepmetrop", target_of(logpost, ..., .names = names(start)), start, seed, list(
    proposal = proposal, start = start_of(start), m = whole_number("m", m)
  ))
}

#' @rdname samplers
#' @export
gibbs <- function(logpost, start, m, scale, ..., seed = NULL) {
  new_chain("gibbs", target_of(logpost, ..., .names = names(start)), start, seed, list(
    start = start_of(start), m = whole_number("m", m), scale = numeric_array("scale", scale)
  ))
}

#' @rdname samplers
#' @export
impsampling <- function(logf, tpar, h, n, data, seed = NULL) {
  if (!is.function(h)) {
    stop_pyhier("h is of class ", class(h)[[1]], ": give a function of theta", kind = "TypeError")
  }
  call_sampler("impsampling", target_of(logf, data), seed, list(
    tpar = t_proposal(tpar), h = h, n = whole_number("n", n)
  ))
}

#' @rdname samplers
#' @export
sir <- function(logf, tpar, n, data, seed = NULL) {
  call_sampler("sir", target_of(logf, data), seed, list(tpar = t_proposal(tpar), n = whole_number("n", n)))
}

#' @rdname samplers
#' @export
rejectsampling <- function(logf, tpar, dmax, n, data, seed = NULL) {
  call_sampler("rejectsampling", target_of(logf, data), seed, list(
    tpar = t_proposal(tpar), dmax = numbers("dmax", dmax), n = whole_number("n", n)
  ))
}

#' @rdname samplers
#' @export
simcontour <- function(logf, limits, data, m, seed = NULL) {
  call_sampler("simcontour", target_of(logf, data), seed, list(
    limits = numeric_array("limits", limits), m = whole_number("m", m)
  ))
}

# A log posterior with its data: within a closure, or beside a compiled one's name. It sees theta
# with the names of where it started.
target_of <- function(logpost, ..., .names = NULL) {
  if (is.function(logpost)) {
    plain <- function(theta) logpost(theta, ...)
    named <- function(theta) {
      names(theta) <- .names
      logpost(theta, ...)
    }
    return(list(logpost = if (is.null(.names)) plain else named, data = NULL))
  }
  if (!is.character(logpost) || length(logpost) != 1) {
    unknown_logpost(logpost)
  }
  if (...length() != 1) {
    stop_pyhier(logpost, " takes one argument after the others: its data")
  }
  list(logpost = logpost, data = plain_data(..1))
}

start_of <- function(start) numbers_to_python(numbers("start", start))

covariance <- function(var) {
  numbers("var", as.vector(var))
  as.matrix(var)
}

t_proposal <- function(tpar) {
  if (!is.list(tpar) || !setequal(names(tpar), c("m", "var", "df"))) {
    stop_pyhier("tpar must be list(m = location, var = scale matrix, df = degrees of freedom)")
  }
  list(
    m = numeric_array("tpar$m", as.vector(tpar$m)), var = covariance(tpar$var),
    df = numbers("tpar$df", tpar$df)
  )
}

call_sampler <- function(sampler, target, seed, arguments) {
  python_call(
    "sampler",
    name = sampler, logpost = target$logpost, data = target$data, arguments = arguments,
    rng = stream_of(seed, sampler)
  )
}

new_chain <- function(sampler, target, start, seed, arguments) {
  found <- call_sampler(sampler, target, seed, arguments)
  colnames(found$par) <- names(start)
  structure(found[c("par", "accept")], class = "hier_chain")
}
