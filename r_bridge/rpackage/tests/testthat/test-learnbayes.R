need_python()
skip_if_not_installed("LearnBayes")

theirs <- LearnBayes::laplace(logpost, c(8, 2), schools$sigma, schools$y)
steps <- list(var = theirs$var, scale = 2)

same_stream <- function(ours, theirs) {
  set.seed(11)
  a <- theirs()
  after <- runif(1)
  set.seed(11)
  b <- ours()
  expect_identical(runif(1), after) # the stream stands where it stood
  expect_identical(unname(b$par), unname(a$par))
  expect_identical(b$accept, a$accept)
}

test_that("laplace() of an R function is LearnBayes', to the last bit", {
  ours <- laplace(logpost, c(8, 2), schools$sigma, schools$y)
  expect_identical(unclass(ours), theirs)
})

test_that("laplace() of one parameter, and with names", {
  one <- function(x, a) -(x - a)^2 / 2
  expect_identical(laplace(one, 0, 3)$mode, LearnBayes::laplace(one, 0, 3)$mode)
  expect_named(laplace(logpost, c(mu = 8, log_tau = 2), schools$sigma, schools$y)$mode, c("mu", "log_tau"))
})

test_that("the chain of an R function is LearnBayes', to the last bit", {
  same_stream(
    function() rwmetrop(logpost, steps, theirs$mode, 5000, schools$sigma, y = schools$y),
    function() LearnBayes::rwmetrop(logpost, steps, theirs$mode, 5000, schools$sigma, y = schools$y)
  )
})

test_that("the chain of a compiled log posterior is LearnBayes', to the last bit", {
  data <- cbind(schools$y, schools$sigma^2)
  same_stream(
    function() rwmetrop("normnormexch", steps, theirs$mode, 5000, data),
    function() LearnBayes::rwmetrop(LearnBayes::normnormexch, steps, theirs$mode, 5000, data)
  )
  expect_error(rwmetrop("nosuch", steps, c(8, 2), 10, data), "normnormexch", class = "pyhier_error")
})

test_that("hier_rwmetrop() is LearnBayes' and Python's chain, to the last bit", {
  skip_if_not_installed("coda")
  set.seed(11)
  chain <- LearnBayes::rwmetrop(logpost, steps, theirs$mode, 4000, schools$sigma, schools$y)
  ours <- hier_rwmetrop(schools$y, schools$sigma, 4000, steps, theirs$mode, seed = 11)
  m <- coda::as.mcmc(ours)
  expect_identical(coda::varnames(m), c("mu", "log_tau", paste0("theta[", 1:8, "]")))
  expect_identical(unname(as.matrix(m)[, 1:2]), unname(chain$par))
  expect_identical(ours$accept, chain$accept)
  # ... and from R's stream, without a seed.
  set.seed(11)
  again <- hier_rwmetrop(schools$y, schools$sigma, 4000, steps, theirs$mode)
  expect_identical(again$draws, ours$draws)
  # ... and burn-in is the head of the same chain.
  tail <- hier_rwmetrop(schools$y, schools$sigma, 1000, steps, theirs$mode, 11, burn_in = 3000)
  expect_identical(unname(as.matrix(coda::as.mcmc(tail))[, 1:2]), unname(chain$par[3001:4000, ]))
  # Python, asked by itself: the bits of the whole chain.
  python <- reticulate::py_run_string(paste(
    "import pyhier as ph, numpy as np",
    "schools = ph.load_dataset('eight_schools')",
    "model = ph.NormalNormal(schools['y'], se=schools['sigma'])",
    "fit = ph.laplace(model, start=[8, 2])",
    "chain = ph.rwmetrop(model, 4000, fit.var, 2, fit.mode, rng=ph.RStream(11))",
    "bits = [x.hex() for x in np.c_[chain.phi[0], chain.theta[0]].ravel(order='F').tolist()]",
    sep = "\n"
  ))
  expect_identical(sprintf("%a", as.vector(m)), vapply(python$bits, shortest_hex, "", USE.NAMES = FALSE))
})

test_that("an R function costs at most 3 times LearnBayes' own loop", {
  seconds <- function(f) min(replicate(3, system.time(f())[["elapsed"]]))
  ours <- seconds(function() rwmetrop(logpost, steps, theirs$mode, 20000, schools$sigma, schools$y))
  own <- seconds(function() {
    LearnBayes::rwmetrop(logpost, steps, theirs$mode, 20000, schools$sigma, schools$y)
  })
  expect_lt(ours / own, 3)
})
