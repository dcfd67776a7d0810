# Posteriors: what every engine returns.

new_posterior <- function(class, model, found, ...) {
  structure(
    c(list(model = model, names = as.character(unlist(found$names)), python = found$handle), list(...)),
    class = c(class, "hier_posterior")
  )
}

new_draws <- function(class, model, found, ...) {
  draws <- found$draws
  dimnames(draws) <- list(NULL, NULL, as.character(unlist(found$variables)))
  new_posterior(c(class, "hier_draws"), model, found, draws = draws, ...)
}

#' @exportS3Method
live.hier_posterior <- function(x) {
  if (!is_lost(x$python)) {
    return(x$python)
  }
  model <- live(x$model)
  found <- if (inherits(x, "hier_draws")) {
    phi <- x$draws[, , x$model$coordinates, drop = FALSE]
    theta <- x$draws[, , intersect(effect_names(x$model), dimnames(x$draws)[[3]]), drop = FALSE]
    new <- x$draws[, , "theta_new"]
    dim(new) <- dim(x$draws)[1:2]
    python_call(
      "remake",
      model = model, phi = unname(phi), theta = if (dim(theta)[[3]]) unname(theta), theta_new = new
    )
  } else {
    do.call(python_call, c(x$spec, list(model = model)))
  }
  found$handle
}

effect_names <- function(model) paste0("theta[", model$labels, "]")

#' Methods of posteriors
#'
#' What [hier_exact()], [hier_rwmetrop()] and [hier_draws()] return. Quantities have the names of the
#' hyperparameters (`mu`, `tau`), `theta[LABEL]` for the groups' effects and `theta_new` for the
#' effect of a new group. A model in place of a posterior stands for its exact posterior.
#'
#' @param x,object A posterior, or a model.
#' @param probs Probabilities of the quantiles in the table.
#' @param digits Significant digits to print.
#' @param parm Which quantities; all of them without it.
#' @param level Of the central intervals.
#' @param newdata New groups to predict: a data frame with the column that says their size (`se`,
#'   `trials` or `exposure`), or these numbers alone; without it, new data of the same groups.
#' @param draws Of how many draws the prediction is made, where the posterior is not made of draws.
#' @param nsim How many data sets to simulate.
#' @param seed As in `set.seed(seed)`; R's own stream, as it stands, without it.
#' @param event A comparison of two quantities, or of one with a number, such as
#'   `"theta[A] > theta[C]"`.
#' @param name Name of a quantity.
#' @param n Number of draws.
#' @param row.names,optional Not used.
#' @param ... Not used.
#' @return
#' * `summary()`: a data frame with a row a quantity: mean, sd, quantiles. `as.data.frame()` of an
#'   exact posterior is this table, and of draws the draws themselves, a row a draw.
#' * `coef()`: the posterior means of hyperparameters and effects; `fitted()`: of the effects alone.
#' * `confint()`: a matrix of central intervals.
#' * `predict()`: a data frame with a row a group: mean, sd and central interval of new data.
#' * `simulate()`: a data frame with a row a group and a column a data set of new data of the same
#'   groups; its attribute `seed` is the seed.
#' * `shrinkage()`: a data frame with a row a group: its data, the mean of its effect, how far it is
#'   pulled (0: not at all; 1: all the way to the mean of all), and the ranks.
#' * `probability()`: the probability of an event, with the Monte Carlo standard error as attribute
#'   `se` where there is one.
#' * `marginal()`: a list of functions of one quantity: `d`, `p`, `q` (density, distribution,
#'   quantiles) and `hdi` (the shortest interval of a level).
#' * `log_evidence()`: the log marginal likelihood of the data, under proper priors.
#' * `hier_draws()`: a posterior of independent joint draws (from draws: picked with replacement).
#' * `as.mcmc()`, `as.mcmc.list()` (coda): the coordinates of the hyperparameters (`mu`, `log_tau`),
#'   then the effects. `as_draws()` (posterior): all quantities.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(A = 28, B = 8, C = -3, D = 7, E = -1, F = 1, G = 18, H = 12)
#' fit <- hier_exact(y, c(15, 10, 16, 11, 9, 11, 10, 18))
#' summary(fit, probs = c(0.05, 0.95))
#' confint(fit, "tau")
#' shrinkage(fit)
#' marginal(fit, "tau")$p(10)
#' predict(fit, newdata = data.frame(se = 10), seed = 1)
#' simulate(fit, 3, seed = 1)
#' \dontshow{\})}
#' @name hier_posterior
NULL

default_probs <- c(0.025, 0.25, 0.5, 0.75, 0.975)

#' @rdname hier_posterior
#' @export
summary.hier_posterior <- function(object, probs = default_probs, ...) {
  probs <- numbers("probs", probs)
  if (any(probs < 0 | probs > 1)) {
    stop_pyhier("probs must be between 0 and 1")
  }
  table <- python_call("summary", posterior = live(object), probs = numbers_to_python(probs))
  class(table) <- c("summary.hier_posterior", "data.frame")
  table
}

#' @export
print.summary.hier_posterior <- function(x, digits = 4, ...) {
  print(format(as.data.frame(x), digits = digits), ...)
  invisible(x)
}

#' @export
as.data.frame.summary.hier_posterior <- function(x, row.names = NULL, optional = FALSE, ...) {
  class(x) <- "data.frame"
  x
}

#' @rdname hier_posterior
#' @export
print.hier_posterior <- function(x, digits = 4, ...) {
  cat(x$model$shown, "\n", how(x), "\n\n", sep = "")
  print(summary(x), digits = digits)
  invisible(x)
}

engine_names <- c(
  hier_exact = "exact, by quadrature", hier_draws = "independent draws",
  hier_rwmetrop = "random-walk Metropolis", hier_gibbs = "Metropolis within Gibbs",
  hier_indepmetrop = "independence Metropolis", hier_importance = "importance sampling",
  hier_sir = "resampled draws", hier_rejection = "rejection sampling", hier_grid = "grid",
  hier_empirical_bayes = "empirical Bayes: hyperparameters taken for their estimates"
)

how <- function(x) {
  if (inherits(x, "hier_given")) {
    return(paste0("given ", paste(names(x$values), "=", x$values, collapse = ", ")))
  }
  name <- engine_names[[class(x)[[1]]]]
  if (inherits(x, "hier_draws")) {
    size <- dim(x$draws)
    chains <- if (size[[2]] > 1) paste(size[[2]], "chains of ") else ""
    name <- paste0(name, ": ", chains, size[[1]], " draws")
  }
  if (inherits(x, "hier_chains")) {
    rates <- paste0(sprintf("%.1f%%", 100 * x$accept), collapse = " and ")
    name <- paste0(name, " after ", dim(x$burn_in)[[1]], " of burn-in, ", rates, " accepted")
  }
  if (!is.null(x$pareto_k)) {
    name <- sprintf("%s, effective size %.0f, Pareto k %.2f", name, x$ess, x$pareto_k)
  }
  name
}

#' @rdname hier_posterior
#' @export
as.data.frame.hier_posterior <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(summary(x, ...))
}

#' @rdname hier_posterior
#' @export
as.data.frame.hier_draws <- function(x, row.names = NULL, optional = FALSE, ...) {
  size <- dim(x$draws)
  columns <- lapply(setNames(x$names, x$names), function(name) as.vector(x$draws[, , name]))
  data.frame(
    chain = rep(seq_len(size[[2]]), each = size[[1]]), draw = rep(seq_len(size[[1]]), size[[2]]),
    columns,
    check.names = FALSE
  )
}

#' @rdname hier_posterior
#' @export
coef.hier_posterior <- function(object, ...) {
  means <- means_of(object)
  means[names(means) != "theta_new"]
}

means_of <- function(object) {
  table <- summary(object, probs = 0.5)
  setNames(table$mean, rownames(table))
}

#' @rdname hier_posterior
#' @export
fitted.hier_posterior <- function(object, ...) {
  setNames(means_of(object)[effect_names(object$model)], object$model$labels)
}

#' @rdname hier_posterior
#' @export
confint.hier_posterior <- function(object, parm, level = 0.95, ...) {
  tail <- (1 - check_level(level)) / 2
  table <- as.matrix(as.data.frame(summary(object, probs = c(tail, 1 - tail))))[, 3:4, drop = FALSE]
  colnames(table) <- paste(format(100 * c(tail, 1 - tail), trim = TRUE, digits = 3), "%")
  if (missing(parm)) {
    return(table)
  }
  unknown <- setdiff(parm, rownames(table))
  if (is.character(parm) && length(unknown)) {
    stop_pyhier("no quantity is named ", unknown[[1]], ": see names in summary()")
  }
  table[parm, , drop = FALSE]
}

check_level <- function(level) {
  level <- numbers("level", level)
  if (length(level) != 1 || level <= 0 || level >= 1) {
    stop_pyhier("level is ", shown(level), ": give one number between 0 and 1")
  }
  level
}

#' @export
nobs.hier_posterior <- function(object, ...) nobs(object$model)

#' @rdname hier_posterior
#' @export
predict.hier_posterior <- function(object, newdata = NULL, level = 0.95, draws = 10000, seed = NULL,
                                   ...) {
  no_dots(...)
  tail <- (1 - check_level(level)) / 2
  size <- names(object$model$data)[[ncol(object$model$data)]]
  rows <- object$model$labels
  if (is.data.frame(newdata)) {
    rows <- rownames(newdata)
    newdata <- as.data.frame(newdata)[[size]]
    if (is.null(newdata)) {
      stop_pyhier("newdata has no column ", size, ": what the model knows of a new group beside its data")
    }
  } else if (!is.null(newdata)) {
    rows <- seq_along(newdata)
  }
  made <- python_call(
    "predict",
    posterior = live(object),
    size = if (!is.null(newdata)) numbers_to_python(numbers(paste0("newdata$", size), newdata)),
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

#' @rdname hier_posterior
#' @export
shrinkage <- function(x) python_call("shrinkage", posterior = live(as_posterior(x)))

#' @rdname hier_posterior
#' @export
probability <- function(x, event) {
  if (!is.character(event) || length(event) != 1) {
    stop_pyhier("event is ", shown(event), ": give a comparison such as \"theta[A] > 28\"")
  }
  found <- python_call("probability", posterior = live(as_posterior(x)), event = event)
  if (found$se == 0) found$probability else structure(found$probability, se = found$se)
}

#' @rdname hier_posterior
#' @export
marginal <- function(x, name) {
  posterior <- as_posterior(x)
  of <- function(what, values) {
    values <- numbers("x", values)
    found <- python_call(
      "marginal",
      posterior = live(posterior), name = name, what = what, x = numbers_to_python(values)
    )
    as.vector(found)
  }
  list(
    d = function(x) of("d", x), p = function(q) of("p", q), q = function(p) of("q", p),
    hdi = function(level = 0.95) {
      python_call(
        "marginal",
        posterior = live(posterior), name = name, what = "hdi", x = check_level(level)
      )
    }
  )
}

#' @rdname hier_posterior
#' @export
log_evidence <- function(x) python_call("log_evidence", posterior = live(as_posterior(x)))

#' @rdname hier_posterior
#' @export
hier_draws <- function(x, n = 4000, seed = NULL) {
  posterior <- as_posterior(x)
  found <- python_call(
    "draws",
    posterior = live(posterior), n = whole_number("n", n), rng = seed
  )
  new_draws(NULL, posterior$model, found)
}

as_posterior <- function(x) {
  if (inherits(x, "hier_posterior")) {
    return(x)
  }
  if (inherits(x, "hier_model")) {
    return(hier_exact(x))
  }
  stop_pyhier(
    "x is of class ", class(x)[[1]], ": give a posterior, such as hier_exact() returns",
    kind = "TypeError"
  )
}

# --- A model stands for its exact posterior -------------------------------------------------------

#' @export
summary.hier_model <- function(object, ...) summary(hier_exact(object), ...)

#' @export
as.data.frame.hier_model <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(hier_exact(x), ...)
}

#' @export
coef.hier_model <- function(object, ...) coef(hier_exact(object))

#' @export
fitted.hier_model <- function(object, ...) fitted(hier_exact(object))

#' @export
confint.hier_model <- function(object, parm, level = 0.95, ...) {
  confint(hier_exact(object), parm, level)
}

#' @export
predict.hier_model <- function(object, ...) predict(hier_exact(object), ...)

#' @export
simulate.hier_model <- function(object, nsim = 1, seed = NULL, ...) {
  simulate(hier_exact(object), nsim, seed, ...)
}

#' @export
plot.hier_model <- function(x, ...) plot(hier_exact(x), ...)
