# lme4 of raw rows, seconds a fit: sleepstudy, radon from a file; rstanarm's chains of sleepstudy, or NA.
#   Rscript benchmarks/rows.R FITS RADON.csv
suppressMessages(library(lme4))
given <- commandArgs(TRUE)
n <- as.integer(given[1])
radon <- read.csv(given[2])
seconds <- function(fit, times) {
  invisible(fit())
  system.time(for (i in seq_len(times)) fit())[["elapsed"]] / times
}
slopes <- seconds(function() lmer(Reaction ~ Days + (Days | Subject), sleepstudy), n)
intercepts <- seconds(function() lmer(log_radon ~ floor + (1 | county), radon), n)
chains <- NA
if (suppressWarnings(suppressMessages(require(rstanarm, quietly = TRUE))))
  chains <- system.time(suppressWarnings(stan_lmer(
    Reaction ~ Days + (Days | Subject), sleepstudy, chains = 4, iter = 2000, refresh = 0,
    seed = 1)))[["elapsed"]]
cat(slopes, intercepts, chains, "\n")
