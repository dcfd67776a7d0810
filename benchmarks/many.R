# Milliseconds of metafor's REML fit of a data set, as the median of all in a file.
path <- commandArgs(TRUE)[1]
if (!requireNamespace("metafor", quietly = TRUE)) { cat("NA -\n"); quit() }
suppressMessages(library(metafor))
sets <- as.matrix(read.csv(path, header = FALSE))
n <- ncol(sets) / 2
times <- apply(sets[1:100, ], 1, function(row) {
  y <- row[1:n]; se <- row[(n + 1):(2 * n)]
  system.time(for (k in 1:3) try(rma(y, sei = se), silent = TRUE))[["elapsed"]] / 3
})
cat(1000 * median(times), as.character(packageVersion("metafor")), "\n")
