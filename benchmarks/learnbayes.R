# LearnBayes' rwmetrop on the eight schools: seconds an iteration, for both log posteriors.
#   Rscript benchmarks/learnbayes.R ITERATIONS
suppressMessages(library(LearnBayes))
m <- as.numeric(commandArgs(TRUE)[1])
y <- c(28, 8, -3, 7, -1, 1, 18, 12)
sigma <- c(15, 10, 16, 11, 9, 11, 10, 18)
data <- cbind(y, sigma^2)
logpost <- function(lambda, sigma, y)
  sum(-0.5 * log(exp(2 * lambda[2]) + sigma^2) -
      ((lambda[1] - y)^2) / (2 * (sigma^2 + exp(2 * lambda[2])))) + lambda[2]
fit <- laplace(normnormexch, c(8, 2), data)
proposal <- list(var = fit$var, scale = 2)
seconds <- function(expression) system.time(expression)[["elapsed"]] / m
set.seed(11)
cat(seconds(rwmetrop(normnormexch, proposal, fit$mode, m, data)), "\n")
cat(seconds(rwmetrop(logpost, proposal, fit$mode, m, sigma, y)), "\n")
