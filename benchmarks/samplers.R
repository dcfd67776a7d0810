# LearnBayes' samplers: milliseconds a call on the eight schools (normnormexch) and on the cancer
# mortality data (betabinexch); the least of several runs;
# simcontour makes a tenth of the draws.
#   Rscript benchmarks/samplers.R DRAWS
suppressMessages(library(LearnBayes))
n <- as.numeric(commandArgs(TRUE)[1])
data(cancermortality)
y <- c(28, 8, -3, 7, -1, 1, 18, 12)
schools <- cbind(y, c(15, 10, 16, 11, 9, 11, 10, 18)^2)
second <- function(theta) theta[2]
least <- function(run) min(sapply(1:5, function(i) system.time(run())[["elapsed"]])) * 1e3
measure <- function(logf, data, start, scale, dmax, limits) {
  fit <- laplace(logf, start, data)
  tpar <- list(m = fit$mode, var = 2 * fit$var, df = 4)
  normal <- list(mu = fit$mode, var = fit$var)
  cat(
    least(function() rwmetrop(logf, list(var = fit$var, scale = 2), fit$mode, n, data)),
    least(function() indepmetrop(logf, normal, fit$mode, n, data)),
    least(function() gibbs(logf, matrix(fit$mode, 1), n, scale, data)),
    least(function() impsampling(logf, tpar, second, n, data)),
    least(function() sir(logf, tpar, n, data)),
    least(function() rejectsampling(logf, tpar, dmax, n, data)),
    least(function() simcontour(logf, limits, data, n / 10)),
    "\n"
  )
}
set.seed(1)
measure(normnormexch, schools, c(8, 2), c(5, 1), -20, c(-20, 40, -3, 5))
measure(betabinexch, cancermortality, c(-7, 6), c(0.5, 1), -569.2813, c(-8, -4.5, 3, 16.5))
