# What posteriors and models print.

#' @rdname hier_posterior
#' @export
summary.hier_posterior <- function(object, probs = default_probs, ...) {
  no_dots(...)
  as_summary(table_of(object, probs, "summary"))
}

# Mean, sd and quantiles of everything; by "summary" with the diagnostics of Markov chains.
table_of <- function(object, probs, entry = "table") {
  python_call(entry, posterior = live(object), probs = numbers_to_python(check_probs(probs)))
}

check_probs <- function(probs) {
  probs <- numbers("probs", probs)
  if (any(probs < 0 | probs > 1)) {
    stop_pyhier("probs must be between 0 and 1")
  }
  probs
}

as_summary <- function(table) {
  class(table) <- c("summary.hier_posterior", "data.frame")
  table
}

#' @export
as.data.frame.summary.hier_posterior <- function(x, row.names = NULL, optional = FALSE, ...) {
  no_dots(...)
  class(x) <- "data.frame"
  x
}

#' @export
print.summary.hier_posterior <- function(x, digits = 4, ...) {
  print(shown_table(x, digits), ...)
  writeLines(as.character(notes_of(x)))
  invisible(x)
}

shown_table <- function(x, digits) format(as.data.frame(x), digits = digits)

# What a reader must know of a table.
notes_of <- function(x) {
  values <- unlist(x[c("mean", "sd")])
  c(
    if (any(is.infinite(values))) "Inf: the moment is infinite.",
    if (anyNA(values)) "NaN: the moment does not exist."
  )
}

#' @rdname hier_posterior
#' @export
print.hier_posterior <- function(x, digits = 4, max_groups = 20, ...) {
  cat(x$model$shown, "\n", how(x), "\n\n", sep = "")
  table <- summary(x)
  effects <- effect_names(x$model)
  each <- if (inherits(x, "hier_of_rows")) length(effect_columns(x$model)) else 1
  cut <- effects[seq_along(effects) > max_groups * each]
  few <- as_summary(as.data.frame(table)[!rownames(table) %in% cut, , drop = FALSE])
  print(few, digits = digits, ...)
  if (length(few$mean) < length(table$mean)) {
    cat("... and ", length(cut) / each, " more groups: summary() has them all\n", sep = "")
  }
  invisible(x)
}

#' @export
print.hier_model <- function(x, max_groups = 20, ...) {
  cat(x$shown, "\n", sep = "")
  said_dropped(x$dropped)
  print(x$data[seq_len(nrow(x$data)) <= max_groups, , drop = FALSE], ...)
  if (nrow(x$data) > max_groups) {
    cat("... and ", nrow(x$data) - max_groups, " more groups\n", sep = "")
  }
  invisible(x)
}

said_dropped <- function(n) {
  if (!is.null(n) && n > 0) {
    cat(n, " row", if (n > 1) "s", " that lack", if (n == 1) "s", " a value left out\n", sep = "")
  }
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

# In documents a table is a table.

#' @exportS3Method knitr::knit_print
knit_print.summary.hier_posterior <- function(x, digits = 4, ...) {
  table <- knitr::kable(shown_table(x, digits), align = "r")
  notes <- notes_of(x)
  knitr::asis_output(paste(c("", table, "", notes, ""), collapse = "\n"))
}

#' @exportS3Method knitr::knit_print
knit_print.hier_posterior <- function(x, ...) {
  head <- paste0("\n", x$model$shown, "; ", how(x), ".\n")
  knitr::asis_output(paste0(head, knit_print.summary.hier_posterior(summary(x), ...)))
}
