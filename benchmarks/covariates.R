# metafor's meta-regression of the BCG trials and its three levels of Konstantopoulos: seconds a fit.
#   Rscript benchmarks/covariates.R FITS
suppressMessages(library(metafor))
n <- as.integer(commandArgs(TRUE)[1])
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
line <- function() { f <- rma(yi, vi, mods = ~ablat, data = bcg); list(f$b, f$se, blup(f)) }
levels <- function() {
  rma.mv(yi, vi, random = ~ 1 | district/school, data = dat.konstantopoulos2011)
}
seconds <- function(fit, times) {
  invisible(fit())
  system.time(for (i in seq_len(times)) fit())[["elapsed"]] / times
}
cat(seconds(line, n), seconds(levels, max(1, n %/% 5)), "\n")
