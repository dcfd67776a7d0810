need_python()

# Processor time: other programs do not count.
spent <- function(call) sum(system.time(call)[1:2])

live_fit <- pyhier:::live(hier_exact(schools$y, schools$sigma))

test_that("a small call costs less than 5 ms", {
  seconds <- min(replicate(5, spent(for (i in 1:20) {
    pyhier:::python_call("probability", posterior = live_fit, event = "mu > 0")
  }))) / 20
  python <- reticulate::py_run_string(paste(
    "import time",
    "def seconds(post):",
    "    start = time.process_time()",
    "    for _ in range(20): post.value.probability('mu > 0')",
    "    return (time.process_time() - start) / 20",
    sep = "\n"
  ))
  own <- min(replicate(5, python$seconds(live_fit)))
  expect_lt(seconds - own, 0.005)
})

test_that("ten million numbers cross in less than a second", {
  reticulate::py_run_string(paste(
    "import numpy as np",
    "from pyhier.r_bridge import for_r",
    "ones = np.ones((1_000_000, 10))",
    "for_r.ENTRIES['test_ones'] = lambda: ones",
    "for_r.ENTRIES['test_sum'] = lambda x: float(x.sum())",
    "for_r.ENTRIES['test_echo'] = lambda x: x",
    sep = "\n"
  ))
  seconds <- min(replicate(2, spent(pyhier:::python_call("test_ones"))))
  x <- pyhier:::python_call("test_ones")
  expect_identical(dim(x), c(1000000L, 10L))
  expect_identical(pyhier:::python_call("test_sum", x = x), 1e7)
  expect_lt(seconds, 1)
})

test_that("what is sent comes back", {
  echo <- function(x) pyhier:::python_call("test_echo", x = x)
  cube <- array(rnorm(24), c(2, 3, 4))
  expect_identical(echo(cube), cube)
  expect_identical(echo(matrix(1:6 + 0, 2)), matrix(1:6 + 0, 2))
  expect_identical(echo(c(1, NaN, -Inf)), c(1, NaN, -Inf))
  expect_identical(echo(1:3), c(1, 2, 3))
  long <- matrix(rnorm(30000), 10000)
  expect_identical(echo(long), long)
  expect_identical(echo(matrix(0, 0, 3)), matrix(0, 0, 3))
  expect_identical(echo(pyhier:::numbers_to_python(5)), 5)
  expect_identical(echo("\u00e9"), "\u00e9")
  expect_identical(echo(TRUE), TRUE)
  expect_null(echo(NULL))
  expect_identical(echo(list(a = 1, b = list(c = "x", d = c(1, 2)))), list(a = 1, b = list(c = "x", d = c(1, 2))))
})

test_that("R functions are let go when Python has done with them", {
  held <- function() length(ls(pyhier:::functions))
  model <- hier_normal(schools$y, schools$sigma, prior_tau = function(tau) -tau)
  before <- held()
  for (i in 1:20) laplace(function(x) -sum(x^2), c(1, 1))
  expect_lt(held(), before + 3)
  expect_gt(held(), 0) # the prior's
  handle <- pyhier:::live(hier_exact(model))
  rm(model)
  invisible(gc())
  expect_length(pyhier:::python_call("summary", posterior = handle, probs = pyhier:::numbers_to_python(0.5)), 3)
})
