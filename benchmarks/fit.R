# What `pyhier fit` prints, from LearnBayes: 10,000 iterations, then every effect.
#   Rscript benchmarks/fit.R FILE
suppressMessages(library(LearnBayes))
d <- read.csv(commandArgs(TRUE)[1], comment.char = "#")
set.seed(11)
fit <- laplace(normnormexch, c(8, 2), cbind(d$y, d$sigma^2))
sim <- rwmetrop(normnormexch, list(var = fit$var, scale = 2), fit$mode, 10000,
                cbind(d$y, d$sigma^2))
mu <- sim$par[, 1]
tau <- exp(sim$par[, 2])
row <- function(x, shrinkage = NA)
  c(mean = mean(x), sd = sd(x), quantile(x, c(0.025, 0.5, 0.975)), shrinkage = shrinkage)
table <- rbind(mu = row(mu), tau = row(tau))
for (j in seq_along(d$y)) {
  B <- d$sigma[j]^2 / (d$sigma[j]^2 + tau^2)
  theta <- rnorm(length(mu), d$y[j] + B * (mu - d$y[j]), tau * sqrt(B))
  table <- rbind(table, row(theta, mean(B)))
}
rownames(table)[-(1:2)] <- paste0("theta[", d$school, "]")
print(table)
