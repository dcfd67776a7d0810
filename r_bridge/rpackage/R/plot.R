# Pictures, in base graphics.

#' Pictures of posteriors
#'
#' @param x A posterior, a model (its exact posterior is drawn), or what [rwmetrop()] returned.
#' @param what `"forest"`: each group's own estimate against its pooled effect, with 95% intervals
#'   (the raw one is estimate and standard error under a normal distribution). `"density"`: the
#'   density of one quantity. `"trace"`: its draws in the order they were made.
#' @param name Name of the quantity, for a density or a trace; a chain's column.
#' @param ... Graphical parameters for [graphics::plot()].
#' @return `x`, invisibly.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(A = 28, B = 8, C = -3, D = 7, E = -1, F = 1, G = 18, H = 12)
#' fit <- hier_exact(y, c(15, 10, 16, 11, 9, 11, 10, 18))
#' plot(fit)
#' plot(fit, "density", "tau")
#' \dontshow{\})}
#' @export
plot.hier_posterior <- function(x, what = c("forest", "density", "trace"), name = x$names[[2]],
                                ...) {
  what <- match.arg(what)
  switch(what,
    forest = plot_forest(x, ...),
    density = plot_density(x, name, ...),
    trace = plot_trace(draws_named(x, name), name, ...)
  )
  invisible(x)
}

colours <- c(raw = "#b0651d", pooled = "#1f5a99", quiet = "grey60")

plot_forest <- function(x, ..., xlab = "effect, with 95% intervals", ylab = "", main = "") {
  raw <- x$model$estimates
  pooled <- cbind(fitted(x), confint(x, effect_names(x$model)))
  rows <- rev(seq_len(nrow(raw)))
  low <- raw$estimate - stats::qnorm(0.975) * raw$se
  high <- raw$estimate + stats::qnorm(0.975) * raw$se
  ends <- c(low, high, pooled)
  plot(
    range(ends[is.finite(ends)]), range(rows) + c(-0.5, 0.5),
    type = "n", yaxt = "n", xlab = xlab, ylab = ylab, main = main, ...
  )
  graphics::axis(2, rows, x$model$labels, las = 1)
  graphics::segments(low, rows + 0.12, high, rows + 0.12, col = colours[["raw"]])
  graphics::points(raw$estimate, rows + 0.12, pch = 15, col = colours[["raw"]])
  graphics::segments(pooled[, 2], rows - 0.12, pooled[, 3], rows - 0.12, col = colours[["pooled"]])
  graphics::points(pooled[, 1], rows - 0.12, pch = 16, col = colours[["pooled"]])
  graphics::legend(
    "topright", c("raw", "pooled"),
    pch = 15:16, col = colours[c("raw", "pooled")], bty = "n"
  )
}

plot_density <- function(x, name, ..., xlab = name, ylab = "density", main = "") {
  of <- marginal(x, name)
  ends <- of$q(c(0.001, 0.995))
  at <- seq(ends[[1]], ends[[2]], length.out = 400)
  plot(at, of$d(at), type = "l", col = colours[["pooled"]], xlab = xlab, ylab = ylab, main = main, ...)
}

plot_trace <- function(draws, name, ..., xlab = "draw", ylab = name, main = "") {
  graphics::matplot(
    draws,
    type = "l", lty = 1, xlab = xlab, ylab = ylab, main = main, ...
  )
}

draws_named <- function(x, name) {
  if (!inherits(x, "hier_draws")) {
    stop_pyhier("there are no draws to trace: this posterior is ", how(x))
  }
  if (!name %in% dimnames(x$draws)[[3]]) {
    stop_pyhier("no quantity is named ", name, ": see names in summary()")
  }
  matrix(x$draws[, , name], nrow = dim(x$draws)[[1]])
}

#' @rdname plot.hier_posterior
#' @export
plot.hier_chain <- function(x, name = 1, ...) {
  draws <- chain_array(x)
  plot_trace(matrix(draws[, 1, name], ncol = 1), if (is.character(name)) name else dimnames(draws)[[3]][[name]], ...)
  invisible(x)
}
