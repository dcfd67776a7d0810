# Seconds of coda's diagnostics on 4 chains of 100,000 draws of 10 variables, best of the repeats.
suppressMessages(library(coda))
arguments <- commandArgs(TRUE)
size <- as.integer(arguments[1])
raw <- readBin(arguments[2], "double", 4 * size * 10)
chains <- mcmc.list(lapply(1:4, function(i) {
    mcmc(matrix(raw[(i - 1) * size * 10 + seq_len(size * 10)], ncol = 10))
}))
best <- function(f, repeats = 3) min(replicate(repeats, system.time(f(chains))[["elapsed"]]))
for (f in list(effectiveSize, gelman.diag, heidel.diag, raftery.diag, geweke.diag, autocorr.diag)) {
    cat(best(f), "\n")
}
