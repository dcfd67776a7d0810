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
  expect_identical(b$accept, as.vector(a$accept))
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

test_that("coef(), confint() and vcov() have the same names", {
  fit <- laplace(logpost, c(8, 2), schools$sigma, schools$y)
  chain <- rwmetrop(logpost, list(var = fit$var, scale = 2), fit$mode, 50, schools$sigma, schools$y)
  for (object in list(fit, chain)) {
    expect_length(names(coef(object)), 2)
    expect_identical(names(coef(object)), rownames(confint(object)))
    expect_identical(dimnames(vcov(object)), rep(list(rownames(confint(object))), 2))
    expect_error(coef(object, nix = 1), "unknown: nix")
  }
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

test_that("the other samplers' draws are LearnBayes', to the last bit", {
  data <- cbind(schools$y, schools$sigma^2)
  # The same arithmetic in both: of the R function, and of the compiled one.
  target <- LearnBayes::normnormexch
  normal <- list(mu = matrix(theirs$mode), var = theirs$var)
  same_stream(
    function() indepmetrop(target, normal, theirs$mode, 2000, data),
    function() LearnBayes::indepmetrop(target, normal, theirs$mode, 2000, data)
  )
  for (ours in list(target, "normnormexch")) {
    set.seed(2)
    a <- gibbs(ours, theirs$mode, 2000, c(12, 3), data)
    set.seed(2)
    b <- LearnBayes::gibbs(target, theirs$mode, 2000, c(12, 3), data)
    expect_identical(unname(a$par), unname(b$par))
    expect_identical(unname(a$accept), as.vector(b$accept))
    t4 <- list(m = theirs$mode, var = 2 * theirs$var, df = 4)
    h <- function(theta) theta[1]
    set.seed(3)
    a <- impsampling(ours, t4, h, 500, data)
    set.seed(3)
    b <- LearnBayes::impsampling(target, t4, h, 500, data)
    expect_equal(a$est, b$est, tolerance = 1e-12)
    expect_equal(a$se, b$se, tolerance = 1e-12)
    set.seed(4)
    a <- sir(ours, t4, 500, data)
    set.seed(4)
    expect_equal(a, unname(LearnBayes::sir(target, t4, 500, data)), tolerance = 1e-12)
    set.seed(5)
    a <- rejectsampling(ours, t4, -8, 500, data)
    set.seed(5)
    expect_equal(a, unname(LearnBayes::rejectsampling(target, t4, -8, 500, data)), tolerance = 1e-12)
    set.seed(6)
    a <- simcontour(ours, c(-18, 37, -6, 4), data, 500)
    set.seed(6)
    b <- LearnBayes::simcontour(target, c(-18, 37, -6, 4), data, 500)
    expect_equal(a, b[c("x", "y")], tolerance = 1e-12)
  }
  expect_error(impsampling(target, t4, 3, 500, data), "h is of class numeric")
  expect_error(sir(target, list(m = 1), 500, data), "tpar must be list")
  expect_error(gibbs("normnormexch", theirs$mode, 10, c(12, 3)), "one argument after the others")
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
  seconds <- function(f) min(replicate(3, sum(system.time(f())[1:2])))
  ours <- seconds(function() rwmetrop(logpost, steps, theirs$mode, 20000, schools$sigma, schools$y))
  own <- seconds(function() {
    LearnBayes::rwmetrop(logpost, steps, theirs$mode, 20000, schools$sigma, schools$y)
  })
  expect_lt(ours / own, 3)
})
