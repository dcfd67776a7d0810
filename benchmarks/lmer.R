# lme4 and lmerTest, seconds: fits by two formulas, the printed summary, profile intervals; many rows.
#   Rscript benchmarks/lmer.R FITS RADON.csv ROWS.csv
suppressMessages({library(lme4); library(lmerTest)})
given <- commandArgs(TRUE)
n <- as.integer(given[1]) %/% 5
radon <- read.csv(given[2])
rows <- read.csv(given[3])
# The least mean of several batches, as the other side takes the least time.
seconds <- function(fit, times) {
  invisible(fit())
  min(replicate(5, system.time(for (i in seq_len(times)) fit())[["elapsed"]])) / times
}
slopes <- Reaction ~ Days + (Days | Subject)
fit <- lme4::lmer(slopes, sleepstudy)
cat(seconds(function() lme4::lmer(slopes, sleepstudy), n),
  seconds(function() lme4::lmer(log_radon ~ floor + (1 | county), radon), n),
  seconds(function() lme4::lmer(strength ~ 1 + (1 | batch/cask), Pastes), n),
  seconds(function() summary(lmerTest::lmer(slopes, sleepstudy)), max(1, n %/% 2)),
  seconds(function() suppressMessages(confint(fit, quiet = TRUE)), 1),
  system.time(suppressWarnings(lme4::lmer(y ~ x + z + (x + z | g), rows)))[["elapsed"]],
  system.time(suppressWarnings(lme4::lmer(y ~ x + (x | g), rows)))[["elapsed"]], "\n")
