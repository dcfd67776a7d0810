# Pictures, in base graphics.

#' Pictures of posteriors
#'
#' @param x A posterior, a model (its exact posterior is drawn), or what [rwmetrop()] or
#'   [laplace()] returned: of the latter the normal density of one coordinate.
#' @param what `"forest"`: each group's own estimate against its pooled effect, with 95% intervals
#'   (the raw one is estimate and standard error under a normal distribution); below them the mean of
#'   all as a diamond, and the interval of a new group's effect. The numbers are the pooled ones;
#'   `annotate = FALSE` leaves them out. `forest(x)` is the same, with metafor's generic too. `"density"`: the
#'   density of one quantity. `"trace"`: its draws in the order they were made.
#' @param name Name of the quantity, for a density or a trace; a chain's column, a coordinate.
#' @param ... Graphical parameters for [graphics::plot()]; of a [hier_regression()] also `coefficient`, which
#'   one of those that vary the forest has.
#' @return `x`, invisibly.
#' @examples
#' \dontshow{if (pyhier_available()) withAutoprint(\{}
#' y <- c(A = 28, B = 8, C = -3, D = 7, E = -1, F = 1, G = 18, H = 12)
#' fit <- hier_exact(y, c(15, 10, 16, 11, 9, 11, 10, 18))
#' plot(fit)
#' forest(fit, annotate = FALSE)
#' plot(fit, "density", "tau")
#' \dontshow{\})}
#' @export
plot.hier_posterior <- function(x, what = c("forest", "density", "trace"), name = x$names[[2]],
                                ...) {
  what <- one_of(what)
  switch(what,
    forest = plot_forest(x, ...),
    density = plot_density(x, name, ...),
    trace = plot_trace(draws_named(x, name), name, ...)
  )
  invisible(x)
}

#' @rdname plot.hier_posterior
#' @export
forest <- function(x, ...) UseMethod("forest")

#' @rawNamespace S3method(metafor::forest, hier_posterior)
#' @rawNamespace S3method(metafor::forest, hier_model)
#' @export
forest.hier_posterior <- function(x, ...) plot(x, "forest", ...)

#' @export
forest.hier_model <- function(x, ...) plot(x, "forest", ...)

# Whichever of both packages was attached last, the other one's fits have their picture.
#' @export
forest.default <- function(x, ...) {
  if (!requireNamespace("metafor", quietly = TRUE)) {
    stop_pyhier("x is of class ", class(x)[[1]], ": give a posterior, such as hier_exact() returns")
  }
  metafor::forest(x, ...)
}

colours <- c(raw = "#b0651d", pooled = "#1f5a99", quiet = "grey60")

plot_forest <- function(x, ..., coefficient = NULL, annotate = TRUE,
                        xlab = paste0(coefficient_of(x, coefficient), ", with 95% intervals"), ylab = "",
                        main = "") {
  rows <- forest_rows(x, coefficient)
  at <- rev(seq_len(nrow(rows)))
  small <- min(1, 32 / nrow(rows))
  old <- graphics::par(mar = forest_margins(rows$label, small, annotate))
  on.exit(graphics::par(old))
  ends <- unlist(rows[c("low", "high", "raw_low", "raw_high")])
  plot(
    range(ends[is.finite(ends)]), range(at) + c(-0.5, 0.5),
    type = "n", yaxt = "n", xlab = xlab, ylab = ylab, main = "", ...
  )
  graphics::title(main, line = 1.9)
  graphics::axis(2, at, rows$label, las = 1, cex.axis = small, tick = FALSE)
  if (annotate) {
    graphics::axis(4, at, forest_text(rows), las = 1, cex.axis = 0.8 * small, tick = FALSE)
  }
  draw_groups(rows[rows$kind == "group", ], at[rows$kind == "group"], max(0.5, small))
  draw_whole(rows[rows$kind != "group", ], at[rows$kind != "group"])
}

# The groups, their mean, and a group to come: estimate and 95% interval; of groups the raw ones too.
forest_rows <- function(x, coefficient = NULL) {
  if (inherits(x, "hier_of_rows")) {
    return(forest_of_rows(x, coefficient_of(x, coefficient)))
  }
  plain <- is.null(x$model$design)
  names <- c(effects_of(x), if (plain) centre_of(x$model), "theta_new")
  table <- table_of(x, c(0.025, 0.5, 0.975))[names, ]
  raw <- x$model$estimates
  half <- stats::qnorm(0.975) * raw$se
  whole <- c(if (plain) c(mean = "mean of all"), new = "new group")
  none <- rep(NA, length(whole))
  data.frame(
    label = c(x$model$labels, whole), kind = c(rep("group", nrow(raw)), names(whole)),
    mid = ifelse(is.finite(table$mean), table$mean, table[["50%"]]),
    low = table[["2.5%"]], high = table[["97.5%"]], raw = c(raw$estimate, none),
    raw_low = c(raw$estimate - half, none), raw_high = c(raw$estimate + half, none)
  )
}

forest_text <- function(rows) {
  digits <- max(0, 2 - floor(log10(max(abs(unlist(rows[c("low", "high")])), na.rm = TRUE))))
  number <- function(x) formatC(x, digits = digits, format = "f")
  paste0(number(rows$mid), " [", number(rows$low), ", ", number(rows$high), "]")
}

# Room for labels on the left and numbers on the right, in lines.
forest_margins <- function(labels, small, annotate) {
  lines <- min(18, 1.5 + 0.6 * small * max(nchar(labels)))
  c(4.1, lines, 3.1, if (annotate) 1 + 10 * small else 1.1)
}

draw_groups <- function(rows, at, size) {
  graphics::segments(rows$raw_low, at + 0.12, rows$raw_high, at + 0.12, col = colours[["raw"]])
  graphics::points(rows$raw, at + 0.12, pch = 15, cex = size, col = colours[["raw"]])
  graphics::segments(rows$low, at - 0.12, rows$high, at - 0.12, col = colours[["pooled"]])
  graphics::points(rows$mid, at - 0.12, pch = 16, cex = size, col = colours[["pooled"]])
  frame <- graphics::par("usr")
  graphics::legend(
    mean(frame[1:2]), frame[[4]], c("raw", "pooled"),
    pch = 15:16, col = colours[c("raw", "pooled")], bty = "n", horiz = TRUE, xjust = 0.5, yjust = 0,
    xpd = NA
  )
}

# The mean as a diamond, a new group's effect as a line.
draw_whole <- function(rows, at) {
  graphics::abline(h = at[[1]] + 0.5, col = colours[["quiet"]], lty = 3)
  for (k in seq_along(at)) {
    if (rows$kind[[k]] == "new") {
      graphics::segments(rows$low[[k]], at[[k]], rows$high[[k]], at[[k]], col = colours[["pooled"]], lwd = 2)
    } else {
      graphics::polygon(
        c(rows$low[[k]], rows$mid[[k]], rows$high[[k]], rows$mid[[k]]), at[[k]] + c(0, 0.25, 0, -0.25),
        col = colours[["pooled"]], border = NA
      )
    }
  }
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

#' @rdname plot.hier_posterior
#' @export
plot.hier_laplace <- function(x, name = 1, ...) {
  names <- laplace_names(x)
  k <- if (is.character(name)) match(name, names) else name
  if (length(k) != 1 || !k %in% seq_along(names)) {
    stop_pyhier("no coordinate is named ", shown(name), ": they are ", paste(names, collapse = ", "))
  }
  plot_normal(x$mode[[k]], sqrt(x$var[k, k]), names[[k]], ...)
  invisible(x)
}

plot_normal <- function(mean, sd, name, ..., xlab = name, ylab = "density", main = "") {
  at <- mean + sd * seq(-4, 4, length.out = 400)
  plot(
    at, stats::dnorm(at, mean, sd),
    type = "l", col = colours[["pooled"]], xlab = xlab, ylab = ylab, main = main, ...
  )
}
