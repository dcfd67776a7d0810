need_python()

steps <- list(var = diag(2), scale = 1)
# A log posterior that draws random numbers of several kinds.
noisy <- function(theta, sd) -sum(theta^2) / 2 + rnorm(1, 0, sd) - rexp(1) * sd + sum(sample(3)) * 0

same <- function(ours, theirs, tolerance = 0) {
  set.seed(5)
  a <- theirs()
  after <- runif(1)
  set.seed(5)
  b <- ours()
  expect_identical(runif(1), after)
  expect_equal(unname(b), unname(a), tolerance = tolerance)
}

test_that("a log posterior that draws random numbers draws the sampler's own, as in LearnBayes", {
  skip_if_not_installed("LearnBayes")
  for (name in c("rwmetrop", "indepmetrop", "gibbs")) {
    theirs <- getExportedValue("LearnBayes", name)
    ours <- getExportedValue("pyhier", name)
    start <- if (name == "gibbs") matrix(c(0, 0), 1) else c(0, 0)
    arguments <- switch(name,
      rwmetrop = list(noisy, steps, start, 500, 0.1),
      indepmetrop = list(noisy, list(mu = matrix(c(0, 0)), var = diag(2)), start, 500, 0.1),
      gibbs = list(noisy, start, 500, c(1, 1), 0.1)
    )
    same(function() do.call(ours, arguments)$par, function() do.call(theirs, arguments)$par)
  }
  t4 <- list(m = c(0, 0), var = diag(2), df = 4)
  for (name in c("sir", "rejectsampling", "simcontour")) {
    arguments <- switch(name,
      sir = list(noisy, t4, 200, 0.1), rejectsampling = list(noisy, t4, 3, 200, 0.1),
      simcontour = list(noisy, c(-3, 3, -3, 3), 0.1, 200)
    )
    theirs <- getExportedValue("LearnBayes", name)
    ours <- getExportedValue("pyhier", name)
    same(function() unlist(do.call(ours, arguments)), function() {
      found <- do.call(theirs, arguments)
      unlist(if (is.matrix(found)) found else found[c("x", "y")])
    }, 1e-12)
  }
  h <- function(theta) theta[[1]] + rnorm(1)
  same(
    function() impsampling(noisy, t4, h, 200, 0.1)$est,
    function() LearnBayes::impsampling(noisy, t4, h, 200, 0.1)$est, 1e-12
  )
})

test_that("the first number of a log posterior is not the chain's", {
  first <- NULL
  own <- function(theta) {
    drawn <- rnorm(1)
    if (is.null(first)) first <<- drawn
    0
  }
  set.seed(1)
  chain <- rwmetrop(own, list(var = matrix(1), scale = 1), 0, 10)
  set.seed(1)
  drawn <- rnorm(2)
  expect_identical(first, drawn[[1]])
  expect_identical(chain$par[[1]], drawn[[2]])
})

test_that("with a seed R's stream stays where it was, whatever the functions draw", {
  set.seed(1)
  before <- .Random.seed
  a <- rwmetrop(noisy, steps, c(0, 0), 100, 0.1, seed = 7)
  expect_identical(.Random.seed, before)
  set.seed(7)
  expect_identical(rwmetrop(noisy, steps, c(0, 0), 100, 0.1)$par, a$par)
  set.seed(1)
  expect_error(rwmetrop(function(x) if (runif(1) < 0.01) stop("here") else 0, steps, c(0, 0), 1e4, seed = 7))
  expect_identical(.Random.seed, before)
})

test_that("a function that stops leaves the stream where it stood", {
  stops <- function(theta) {
    calls <<- calls + 1
    if (calls == 3) stop("here")
    rnorm(1)
  }
  left <- function(sampler) {
    calls <<- 0
    set.seed(1)
    expect_error(sampler(stops, list(var = matrix(1), scale = 1), 0, 100), "here")
    runif(1)
  }
  calls <- 0
  skip_if_not_installed("LearnBayes")
  expect_identical(left(rwmetrop), left(LearnBayes::rwmetrop))
})

test_that("calls within calls keep their streams apart", {
  inner <- function(theta) {
    hier_rwmetrop(schools$y, schools$sigma, 5, seed = 3)
    -sum(theta^2) / 2
  }
  set.seed(2)
  a <- rwmetrop(inner, steps, c(0, 0), 20)
  set.seed(2)
  expect_identical(rwmetrop(function(theta) -sum(theta^2) / 2, steps, c(0, 0), 20), a)
  shared <- function(theta) rwmetrop(function(x) -x^2, list(var = 1, scale = 1), 0, 1)$par[[1]]
  theirs <- function(theta) LearnBayes::rwmetrop(function(x) -x^2, list(var = 1, scale = 1), 0, 1)$par[[1]]
  skip_if_not_installed("LearnBayes")
  same(
    function() rwmetrop(shared, steps, c(0, 0), 50)$par,
    function() LearnBayes::rwmetrop(theirs, steps, c(0, 0), 50)$par
  )
})

test_that("a log posterior cannot change R's kind of random numbers", {
  old <- RNGkind()
  on.exit(RNGkind(old[[1]]))
  changes <- function(theta) {
    RNGkind("Wichmann-Hill")
    0
  }
  expect_error(rwmetrop(changes, steps, c(0, 0), 10), "changed RNGkind")
})

test_that("engines take any kind of random numbers, LearnBayes' samplers R's default ones", {
  old <- RNGkind()
  on.exit(do.call(RNGkind, as.list(old)))
  target <- function(x) -sum(x^2) / 2
  set.seed(1)
  usual <- rwmetrop(target, steps, c(0, 0), 10)
  RNGkind("Wichmann-Hill")
  chain <- function() hier_rwmetrop(schools$y, schools$sigma, 10)$draws
  set.seed(1)
  a <- chain()
  b <- chain()
  set.seed(1)
  expect_identical(chain(), a)
  expect_identical(RNGkind()[[1]], "Wichmann-Hill")
  expect_false(identical(a, b))
  expect_error(rwmetrop(target, steps, c(0, 0), 10), "Wichmann-Hill.*RNGkind.*seed =")
  before <- .Random.seed
  expect_identical(rwmetrop(target, steps, c(0, 0), 10, seed = 1)$par, usual$par)
  expect_identical(.Random.seed, before)
  suppressWarnings(RNGkind("default", "default", "Rounding"))
  suppressWarnings(set.seed(1))
  expect_identical(rwmetrop(target, steps, c(0, 0), 10)$par, usual$par)
  expect_identical(RNGkind()[[3]], "Rounding")
  t4 <- list(m = c(0, 0), var = diag(2), df = 4)
  expect_error(sir(function(x, d) target(x), t4, 10, 0), "Rounding")
  expect_identical(dim(hier_draws(hier_exact(schools$y, schools$sigma), 10)$draws)[[1]], 10L)
})

test_that("a seed that R writes as NA crosses", {
  set.seed(1)
  seed <- .Random.seed
  seed[[10]] <- NA
  state <- pyhier:::stream_of(seed)
  reticulate::py_run_string(paste(
    "from pyhier.r_bridge import for_r", "for_r.ENTRIES['test_rng'] = lambda rng: rng.random_seed",
    sep = "\n"
  ))
  back <- pyhier:::python_call("test_rng", rng = state)
  expect_silent(back <- pyhier:::as_r_seed(back, seed[[1]]))
  expect_identical(back, seed)
})

test_that("named starts are passed on with their names", {
  by_name <- function(theta) -(theta[["mu"]] - 2)^2 - (theta[["log_tau"]] - 1)^2
  start <- c(mu = 1, log_tau = 0)
  fit <- laplace(by_name, start)
  expect_equal(fit$mode, c(mu = 2, log_tau = 1), tolerance = 1e-3)
  set.seed(1)
  expect_identical(colnames(gibbs(by_name, start, 10, c(1, 1))$par), names(start))
  expect_identical(colnames(rwmetrop(by_name, list(var = diag(2), scale = 1), start, 10)$par), names(start))
  normal <- list(mu = c(0, 0), var = diag(2))
  expect_identical(colnames(indepmetrop(by_name, normal, start, 10)$par), names(start))
})

test_that("a model's start goes by its names", {
  model <- hier_normal(schools$y, schools$sigma)
  chain <- function(start, ...) hier_rwmetrop(model, m = 5, start = start, seed = 1, ...)$draws
  wanted <- chain(c(8, log(5)))
  expect_identical(chain(c(mu = 8, tau = 5)), wanted)
  expect_identical(chain(c(tau = 5, mu = 8)), wanted)
  expect_identical(chain(c(log_tau = log(5), mu = 8)), wanted)
  two <- rbind(c(8, log(5)), c(2, log(9)))
  expect_identical(chain(cbind(tau = c(5, 9), mu = c(8, 2)), chains = 2), chain(two, chains = 2))
  expect_error(chain(c(mu = 8, sigma = 5)), "start has the names mu, sigma.*mu, log_tau")
  expect_error(chain(c(mu = 8, tau = -5)), "start has the names.*tau")
  expect_identical(laplace(model, c(mu = 8, tau = exp(2)))$mode, laplace(model, c(8, 2))$mode)
  covariance <- laplace(model)$var
  walk <- function(proposal) hier_rwmetrop(model, m = 5, proposal = proposal, start = c(8, 2), seed = 1)$draws
  expect_identical(walk(covariance[2:1, 2:1]), walk(covariance))
  dimnames(covariance) <- list(c("mu", "tau"), c("mu", "tau"))
  expect_error(walk(covariance), "proposal is of mu, tau: the coordinates of this model are mu, log_tau")
  counts <- hier_binomial(c(1, 5, 9), c(20, 20, 20))
  a <- hier_gibbs(counts, 5, start = c(alpha = 3, beta = 7), seed = 1)$draws
  expect_equal(hier_gibbs(counts, 5, start = c(eta = 0.3, K = 10), seed = 1)$draws, a)
})

test_that("what the engine warns of is heard", {
  reticulate::py_run_string(paste(
    "import numpy as np, warnings", "from pyhier.r_bridge import for_r", "def test_warns():",
    "    np.log(np.zeros(1))", "    np.log(np.zeros(1))", "    return 1.0",
    "for_r.ENTRIES['test_warns'] = test_warns",
    sep = "\n"
  ))
  said <- capture_warnings(pyhier:::python_call("test_warns"))
  expect_identical(said, "divide by zero encountered in log")
})
