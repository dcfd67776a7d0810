# metafor's rma (REML) on the eight schools, with every group's effect: seconds a fit.
#   Rscript benchmarks/metafor.R FITS
suppressMessages(library(metafor))
n <- as.integer(commandArgs(TRUE)[1])
y <- c(28, 8, -3, 7, -1, 1, 18, 12)
sigma <- c(15, 10, 16, 11, 9, 11, 10, 18)
fit <- function() { f <- rma(y, sei = sigma, method = "REML"); list(f$b, f$se, blup(f)) }
invisible(fit())
cat(system.time(for (i in seq_len(n)) fit())[["elapsed"]] / n, "\n")
