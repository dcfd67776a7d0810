# Models of counts: successes in trials, events in an exposure.

#' Models for counts
#'
#' `hier_binomial()`: successes in trials, y_j ~ Binomial(n_j, theta_j) with theta_j ~
#' Beta(alpha, beta) (Gelman et al., section 5.3); eta = alpha / (alpha + beta) and K = alpha + beta.
#' `hier_poisson()`: events in an exposure, y_j ~ Poisson(e_j theta_j) with theta_j ~ Gamma(alpha,
#' rate alpha / mu) (Albert 2009, chapter 7). With `effects = "normal"` the effects are logits, or log
#' rates, theta_j ~ N(mu, tau^2): the models of lme4's `glmer(cbind(y, n - y) ~ 1 + (1 | group), binomial)` and
#' `glmer(y ~ 1 + offset(log(e)) + (1 | group), poisson)`. Covariates of the groups take the place of eta or mu:
#' logit eta_j, log mu_j or the effects' mean is x_j' beta.
#'
#' Of a model with normal effects [hier_empirical_bayes()] has lme4's estimates (`nAGQ = 25`), and of one
#' with covariates and conjugate effects those of glmmTMB (`betabinomial`, `nbinom2`).
#'
#' @param successes,counts Successes, or events, of each group: whole numbers; their names label the
#'   groups. Or a formula as for [stats::glm()]: `cbind(successes, failures) ~ dose`, or `events ~
#'   age + offset(log(exposure))`. A variable alone on the right that is text, a factor or the numbers 1,
#'   2, ..., without repetition, names the groups; others are covariates, factors among them coded as R
#'   codes them. With `~ 1` there are none, and the groups have the names of the data's rows, if these have any.
#' @param trials,exposure The trials of each group, or its exposure (positive numbers). With a formula
#'   `exposure`, looked for in `data`, may stand in place of the `offset()`.
#' @param labels Names of the groups; looked for in `data`, too.
#' @param prior Of conjugate effects without covariates. A name: `"bda3"` (density proportional to
#'   (alpha + beta)^(-5/2)) or `"betabinexch"` (LearnBayes') for successes, `"poissgamexch"` (LearnBayes') for
#'   events. Or two independent distributions as strings, such as `list(alpha = "gamma(2, 1)", beta =
#'   "expon(10)")`, of alpha and beta or of eta and K for successes, of alpha and mu or alpha and beta =
#'   alpha / mu for events. Or an R function that returns the log density at (alpha, beta), or at (alpha, mu).
#' @param z0 The prior median of alpha, for `"poissgamexch"` and for `prior_alpha` where it is not given.
#' @param effects `"conjugate"`: beta or gamma distributions of probabilities or rates; `"normal"`: normal
#'   ones of their logits or logs.
#' @param mods Covariates beside vectors, or beside a formula that names the groups: a one-sided formula.
#' @param prior_beta With covariates: a list of normal priors by the coefficients' names, such as
#'   `list(dose = "normal(0, 1)")`; the others' are flat.
#' @param prior_K,prior_alpha Of conjugate effects with covariates: the prior of K, or of alpha, as
#'   [hier_priors] says of `prior_tau`; LearnBayes' 1 / (1 + K)^2 without it.
#' @param prior_mu,prior_tau Of normal effects, as for [hier_normal()]: of their mean (without
#'   covariates) and of their sd.
#' @param data For a formula: a data frame with its variables.
#' @param subset The rows of `data` to take: an expression of its columns.
#' @param missing What to do with rows that lack a value: `"raise"` an error, or `"drop"` them.
#' @param weights Not taken: a group counts by its trials, or its exposure.
#' @param ... With a formula: priors, `effects` and `z0`; otherwise nothing.
#' @return An object of class `hier_model`: see [hier_normal()]. Its quantities are `theta[LABEL]` and those of
#'   `prior`; `mu` and `tau` of normal effects; with covariates `beta[NAME]`, and `K`, `alpha` or `tau`.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' seasons <- data.frame(
#'   season = c("2011", "2012", "2013", "2014"), made = c(10, 25, 26, 31), tried = c(22, 46, 50, 51),
#'   age = c(21, 22, 23, 24.5)
#' )
#' model <- hier_binomial(cbind(made, tried - made) ~ season, data = seasons)
#' coef(model)
#' hier_poisson(c(5, 1, 5, 14), exposure = c(94.3, 15.7, 62.9, 125.8))
#'
#' by_age <- hier_binomial(
#'   cbind(made, tried - made) ~ age,
#'   data = seasons, labels = season, effects = "normal", prior_tau = "halfnorm(0.5)"
#' )
#' fit <- hier_exact(by_age)
#' fixef(fit)
#' predict(fit, newdata = data.frame(trials = 60, age = 26), seed = 1)
#' \dontshow{\})}
#' @name hier_counts
NULL

#' @rdname hier_counts
#' @export
hier_binomial <- function(successes, ...) UseMethod("hier_binomial")

#' @rdname hier_counts
#' @export
hier_binomial.default <- function(successes, trials, labels = NULL, prior = "bda3", ...,
                                  effects = c("conjugate", "normal"), mods = NULL, prior_beta = NULL,
                                  prior_K = NULL, prior_mu = NULL, prior_tau = NULL) {
  no_dots(...)
  trials <- aligned("successes", successes, "trials", trials)
  data <- list(
    successes = numbers_to_python(numbers("successes", successes)),
    trials = numbers_to_python(numbers("trials", trials)),
    labels = text_to_python(labels_beside("successes", successes, labels))
  )
  given <- list(
    prior = if (!base::missing(prior)) prior, prior_K = prior_K, prior_mu = prior_mu, prior_tau = prior_tau
  )
  model <- count_model("binomial", data, one_of(effects), mods, prior_beta, given)
  with_call(model, match.call())
}

#' @rdname hier_counts
#' @export
hier_binomial.formula <- function(successes, data = NULL, ..., labels, subset, weights, mods = NULL,
                                  missing = c("raise", "drop")) {
  no_dots(..., .known = c("prior", "effects", paste0("prior_", c("beta", "K", "mu", "tau"))))
  if (!base::missing(weights)) {
    stop_pyhier("weights: a group counts by its trials; give cbind(successes, failures), not weighted shares")
  }
  call <- match.call()
  check_columns(successes, data)
  parts <- count_parts(successes, data, call, mods, one_of(missing))
  response <- parts$response
  if (!is.matrix(response) || ncol(response) != 2) {
    stop_pyhier("the left side must be cbind(successes, failures), as for glm()")
  }
  if (!is.null(parts$offset)) {
    stop_pyhier("the formula has an offset, which belongs to events in an exposure: hier_poisson() takes it")
  }
  counts <- lapply(c(successes = 1, failures = 2), function(k) {
    stats::setNames(numbers(c("successes", "failures")[[k]], response[, k]), rownames(response))
  })
  whole_counts("failures", counts$failures)
  model <- hier_binomial.default(
    counts$successes, counts$successes + counts$failures,
    labels = parts$labels, mods = parts$design, ...
  )
  of_formula(model, call, successes, parts)
}

#' @rdname hier_counts
#' @export
hier_poisson <- function(counts, ...) UseMethod("hier_poisson")

#' @rdname hier_counts
#' @export
hier_poisson.default <- function(counts, exposure, labels = NULL, prior = "poissgamexch", z0 = 1, ...,
                                 effects = c("conjugate", "normal"), mods = NULL, prior_beta = NULL,
                                 prior_alpha = NULL, prior_mu = NULL, prior_tau = NULL) {
  no_dots(...)
  exposure <- aligned("counts", counts, "exposure", exposure)
  data <- list(
    counts = numbers_to_python(numbers("counts", counts)),
    exposure = numbers_to_python(numbers("exposure", exposure)),
    labels = text_to_python(labels_beside("counts", counts, labels))
  )
  given <- list(
    prior = if (!base::missing(prior)) prior, z0 = if (!base::missing(z0)) numbers("z0", z0),
    prior_alpha = prior_alpha, prior_mu = prior_mu, prior_tau = prior_tau
  )
  model <- count_model("poisson", data, one_of(effects), mods, prior_beta, given)
  with_call(model, match.call())
}

#' @rdname hier_counts
#' @export
hier_poisson.formula <- function(counts, data = NULL, ..., exposure, labels, subset, weights, mods = NULL,
                                 missing = c("raise", "drop")) {
  no_dots(..., .known = c("prior", "z0", "effects", paste0("prior_", c("beta", "alpha", "mu", "tau"))))
  if (!base::missing(weights)) {
    stop_pyhier("weights: a group counts by its exposure; give offset(log(exposure)), or exposure =")
  }
  call <- match.call()
  parts <- count_parts(counts, data, call, mods, one_of(missing))
  if (is.null(parts$offset) && is.null(parts$exposure)) {
    stop_pyhier("the right side must have offset(log(exposure)), as for glm(); or give exposure =")
  }
  if (!is.null(parts$offset) && !is.null(parts$exposure)) {
    stop_pyhier("exposure is given, and the formula has an offset: give one of them")
  }
  if (is.matrix(parts$response)) {
    stop_pyhier("the left side has ", ncol(parts$response), " columns: give the events alone")
  }
  size <- if (is.null(parts$exposure)) exp(numbers("the offset", parts$offset)) else parts$exposure
  model <- hier_poisson.default(parts$response, size, labels = parts$labels, mods = parts$design, ...)
  of_formula(model, call, counts, parts)
}

of_formula <- function(model, call, formula, parts) {
  model <- with_call(model, call, formula)
  if (!is.null(parts$offset)) {
    model$sized <- terms(stats::reformulate(parts$offset_terms, env = environment(formula)))
  }
  model$dropped <- parts$dropped
  model
}

# cbind() makes numbers of the codes of factors, and of dates and times: neither is a count.
check_columns <- function(formula, data) {
  left <- if (length(formula) == 3) formula[[2]]
  if (!is.call(left) || !identical(left[[1]], as.name("cbind"))) {
    return(invisible())
  }
  for (column in as.list(left)[-1]) {
    value <- tryCatch(eval(column, data, environment(formula)), error = function(e) NULL)
    if (is.factor(value) || is_time(value)) numbers(shown(column), value)
  }
}

# --- A formula's parts ----------------------------------------------------------------------------

# Response, labels, exposure and design of a formula over the rows that are asked for.
count_parts <- function(formula, data, call, mods, missing) {
  if (!is.null(data)) {
    data <- decoded_columns(as.data.frame(data))
  }
  asked <- c("subset", "labels", "exposure")
  given <- stats::setNames(as.list(call)[asked], asked)
  rows <- rows_asked_for(data, given$subset, environment(formula))
  if (!is.null(rows)) {
    data <- data[rows, , drop = FALSE]
  }
  parts <- formula_parts(formula, data, several = TRUE)
  beside <- function(name) eval(given[[name]], parts$data, environment(formula))
  covariates <- covariates_of(formula, parts, mods)
  lacking <- list(parts$frame, if (!is.null(covariates)) frame_of(covariates, parts$data))
  aside <- Filter(Negate(is.null), list(beside("labels"), beside("exposure")))
  names <- if (is.null(data)) seq_len(nrow(parts$frame)) else rownames(data)
  kept <- kept_rows(c(lacking, lapply(aside, of_length, length(names))), length(names), missing, names)
  if (length(kept) < length(names)) {
    if (is.null(data)) stop_pyhier("missing = \"drop\" leaves out rows of data: give data =")
    call["subset"] <- list(NULL)
    again <- count_parts(formula, data[kept, , drop = FALSE], call, mods, missing)
    return(replace(again, "dropped", list(length(names) - length(kept))))
  }
  named <- if (is.null(covariates) || !is.null(mods)) parts$group
  terms <- terms(parts$frame)
  list(
    response = parts$response, offset = parts$offset, exposure = beside("exposure"),
    labels = if (is.null(given$labels)) named else beside("labels"),
    offset_terms = vapply(as.list(attr(terms, "variables"))[1 + attr(terms, "offset")], deparse1, ""),
    design = if (!is.null(covariates)) design_of(covariates, parts$data), dropped = 0
  )
}

# Rows of data where a condition holds; where it is NA it does not, as in R's own subset().
rows_asked_for <- function(data, condition, where) {
  if (is.null(condition)) {
    return(NULL)
  }
  if (is.null(data)) stop_pyhier("subset takes rows of data: give data =")
  rows <- eval(condition, data, where)
  if (is.logical(rows)) {
    if (length(rows) != nrow(data)) {
      stop_pyhier("subset has ", length(rows), " values and data ", nrow(data), " rows: give one each")
    }
    rows <- which(rows)
  }
  if (!length(rows)) stop_pyhier("subset leaves no row of data")
  rows
}

of_length <- function(x, size) {
  if (length(x) == size) x else rep(0, size) # of another length is an error elsewhere, in words of its own
}

# The covariates of a formula as a one-sided one without the offset, or mods; NULL where there are none.
covariates_of <- function(formula, parts, mods) {
  if (!has_covariates(parts, formula)) {
    return(mods)
  }
  if (!is.null(mods)) {
    stop_pyhier("the formula has covariates, ", shown(formula[[3]]), ", and so has mods: give all of them in one")
  }
  with_intercept <- attr(terms(parts$frame), "intercept") == 1
  stats::reformulate(parts$terms, intercept = with_intercept, env = environment(formula))
}

whole_counts <- function(name, x) {
  wrong <- which(!is.finite(x) | x < 0 | x != floor(x))
  if (length(wrong)) {
    k <- wrong[[1]]
    where <- if (is.null(names(x))) "" else paste0(" (group ", names(x)[[k]], ")")
    stop_pyhier(name, "[", k, "]", where, " is ", x[[k]], ": counts must be whole numbers from 0 up")
  }
}

# --- The model ------------------------------------------------------------------------------------

count_model <- function(kind, data, effects, mods, prior_beta, given) {
  design <- as_design(mods)
  priors <- count_priors(kind, effects, design, prior_beta, given)
  made <- c(list(kind, kind), data, list(effects = effects), priors, list(design = design, call = NULL))
  model <- do.call(new_model, made)
  model$effects <- effects
  model
}

# The priors that a model has, as Python takes them; an error names one that it has not.
count_priors <- function(kind, effects, design, prior_beta, given) {
  conjugate <- effects == "conjugate"
  spread <- c(binomial = "prior_K", poisson = "prior_alpha")[[kind]]
  scale <- if (conjugate && kind == "poisson") "z0"
  known <- c(
    if (is.null(design)) if (conjugate) "prior" else c("prior_mu", "prior_tau"),
    if (!is.null(design)) if (conjugate) spread else "prior_tau", scale
  )
  for (name in setdiff(names(given)[!vapply(given, is.null, NA)], known)) {
    stop_pyhier(
      name, " is no argument of ", effects, " effects with", if (is.null(design)) "out", " covariates: they have ",
      paste(c(if (!is.null(design)) "prior_beta", known), collapse = " and ")
    )
  }
  made <- lapply(stats::setNames(nm = known), function(name) {
    one <- given[[name]]
    switch(name,
      prior = pair_prior(if (is.null(one)) c(binomial = "bda3", poisson = "poissgamexch")[[kind]] else one),
      z0 = if (is.null(one)) 1 else one,
      prior_mu = mu_prior(one),
      prior_tau = one_prior(name, if (is.null(one)) "uniform" else one),
      if (!is.null(one)) one_prior(name, one)
    )
  })
  c(made, list(mods = moderators(design, NULL, prior_beta)))
}

# Whether the effects of a model are normal, as those of counts need not be.
has_normal_effects <- function(model) {
  !model$family %in% c("binomial", "poisson") || identical(model$effects, "normal")
}
