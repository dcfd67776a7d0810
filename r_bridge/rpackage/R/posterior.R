# Posteriors: what every engine returns.

new_posterior <- function(class, model, found, ...) {
  structure(
    c(list(model = model, names = as.character(unlist(found$names)), python = found$handle), list(...)),
    class = c(class, if (model$family == "regression") "hier_of_rows", "hier_posterior")
  )
}

# What update() runs again: the engine, and all that it was given but the model.
refit_by <- function(posterior, engine, ...) {
  posterior$refit <- list(engine = engine, arguments = list(...))
  posterior
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
    new <- unname(x$draws[, , is_new(dimnames(x$draws)[[3]]), drop = FALSE])
    if (dim(new)[[3]] == 1) dim(new) <- dim(x$draws)[1:2]
    python_call(
      "remake",
      model = model, phi = unname(phi), theta = if (dim(theta)[[3]]) unname(theta), theta_new = new,
      markov = inherits(x, "hier_chains")
    )
  } else {
    do.call(python_call, c(x$spec, list(model = model)))
  }
  found$handle
}

# Whether quantities are a new group's.
is_new <- function(names) grepl("^theta_new(\\[.*\\])?$", names)

effect_names <- function(model) paste0("theta[", model$labels, "]")

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

#' Methods of posteriors
#'
#' What [hier_exact()], [hier_rwmetrop()] and [hier_draws()] return. Quantities have the names of the
#' hyperparameters (`mu`, `tau`), `theta[LABEL]` for the groups' effects and `theta_new` for the
#' effect of a new group. A model in place of a posterior stands for its exact posterior.
#'
#' @param x,object A posterior, or a model.
#' @param probs Probabilities of the quantiles in the table.
#' @param digits Significant digits to print.
#' @param max_groups How many groups' effects are printed.
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
#' @param ... For `update()`: priors, as for [update.hier_model()], and arguments of the engine,
#'   such as `m`; otherwise nothing.
#' @return
#' * `summary()`: a data frame with a row a quantity: mean, sd, quantiles; of Markov chains the Monte
#'   Carlo standard error of the mean (`mcse_mean`), effective sample sizes (`ess_bulk`, `ess_tail`) and
#'   R-hat (`r_hat`), as defined by Vehtari et al. (2021, <doi:10.1214/20-BA1221>), with a warning where
#'   they are bad; these need the Python package arviz. `as.data.frame()` of an exact posterior is
#'   this table, and of draws the draws themselves, a row a draw.
#' * `update()`: the posterior under other priors, or by the engine with other arguments.
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
#'   then the effects. `as_draws()` and its kin (posterior): all quantities, and so have `as.matrix()`,
#'   with a row a draw, and `as.array()`, of shape (draw, chain, quantity), for bayesplot. An exact
#'   posterior and a model are drawn from for these: `n` draws, `seed`.
#'
#' For the rest of R's habits see [hier_methods].
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(A = 28, B = 8, C = -3, D = 7, E = -1, F = 1, G = 18, H = 12)
#' fit <- hier_exact(y, c(15, 10, 16, 11, 9, 11, 10, 18))
#' summary(fit, probs = c(0.05, 0.95))
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

#' @rdname hier_posterior
#' @export
update.hier_posterior <- function(object, ...) {
  no_dots(..., .known = known_changes(object))
  changes <- list(...)
  prior <- names(changes) %in% prior_arguments(object$model)
  model <- object$model
  if (any(prior)) {
    model <- do.call(update, c(list(model), changes[prior]))
  }
  arguments <- object$refit$arguments
  arguments[names(changes)[!prior]] <- changes[!prior]
  do.call(object$refit$engine, c(list(model), arguments))
}

known_changes <- function(object) {
  if (is.null(object$refit)) {
    stop_pyhier("these are draws of another posterior: update that one, and draw again by hier_draws()")
  }
  c(prior_arguments(object$model), names(object$refit$arguments))
}
