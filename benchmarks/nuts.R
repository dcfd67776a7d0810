# Eight schools, non-centred, by rstan: seconds of sampling, without compiling, then mu and log tau.
# Rscript nuts.R DRAWS TUNE CHAINS OUT; the data from standard input: y, sigma.
suppressMessages(library(rstan))
args <- commandArgs(TRUE)
d <- read.csv(file("stdin"))
code <- "
data { int J; vector[J] y; vector[J] sigma; }
parameters { real mu; real<lower=0> tau; vector[J] z; }
model { mu ~ normal(0, 5); tau ~ normal(0, 5); z ~ std_normal(); y ~ normal(mu + tau * z, sigma); }
"
# Debian's BH leaves its headers in the system's place.
boost <- if (nzchar(system.file("include", package = "BH"))) NULL else "/usr/include"
model <- stan_model(model_code = code, boost_lib = boost)
data <- list(J = nrow(d), y = d$y, sigma = d$sigma)
n <- as.integer(args[1:3])
run <- function() sampling(model, data, chains = n[3], iter = n[1] + n[2], warmup = n[2], seed = 1,
                           cores = 2, refresh = 0)
run()
seconds <- system.time(fit <- run())[["elapsed"]]
draws <- as.array(fit, pars = c("mu", "tau"))
steps <- sapply(get_sampler_params(fit, inc_warmup = FALSE), function(s) mean(s[, "n_leapfrog__"]))
write.csv(data.frame(mu = c(draws[, , "mu"]), log_tau = log(c(draws[, , "tau"]))), args[4],
          row.names = FALSE)
cat(seconds, mean(steps), "\n")
