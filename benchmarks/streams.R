# R's random numbers: nanoseconds a draw, the least of REPEATS runs of N draws, a name a line.
#   Rscript benchmarks/streams.R N REPEATS
arguments <- as.numeric(commandArgs(TRUE))
n <- arguments[1]
weights <- 1:1000
draws <- list(
  "runif" = function() runif(n), "rnorm" = function() rnorm(n), "rexp" = function() rexp(n),
  "rgamma, shape 2.5" = function() rgamma(n, 2.5), "rgamma, shape 0.5" = function() rgamma(n, 0.5),
  "rbeta, shapes 2 and 3" = function() rbeta(n, 2, 3),
  "rbeta, shapes 0.5 and 3" = function() rbeta(n, 0.5, 3),
  "rt, 4 df" = function() rt(n, 4),
  "rbinom, 100 and 0.4" = function() rbinom(n, 100, 0.4),
  "rpois, mean 3" = function() rpois(n, 3), "rpois, mean 50" = function() rpois(n, 50),
  "sample, permutation" = function() sample(n),
  "sample, with replacement" = function() sample(n, n, TRUE),
  "sample, 1,000 weights" = function() sample(1000, n, TRUE, weights),
  "sample, 5 weights" = function() sample(5, n, TRUE, 1:5)
)
suppressMessages(library(LearnBayes))
cycles <- 20000
seconds <- sapply(1:3, function(i) system.time(hiergibbs(iowagpa, cycles))[["elapsed"]])
cat("hiergibbs, a cycle\t", 1e9 * min(seconds) / cycles, "\n", sep = "")
set.seed(1)
for (name in names(draws)) {
  seconds <- sapply(seq_len(arguments[2]), function(i) system.time(draws[[name]]())[["elapsed"]])
  cat(name, "\t", 1e9 * min(seconds) / n, "\n", sep = "")
}
