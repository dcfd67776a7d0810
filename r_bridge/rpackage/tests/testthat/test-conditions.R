need_python()

spoiled <- function(at, how) {
  calls <- 0
  function(x) {
    calls <<- calls + 1
    if (calls == at) how()
    -sum(x^2) / 2
  }
}
steps <- list(var = diag(2), scale = 1)

test_that("an error in an R function keeps its class, its message and its call", {
  own <- structure(class = c("mine", "error", "condition"), list(message = "oh no", call = NULL))
  caught <- tryCatch(
    rwmetrop(spoiled(50, function() stop(own)), steps, c(0, 0), 1000),
    error = identity
  )
  expect_s3_class(caught, "mine")
  expect_identical(conditionMessage(caught), "oh no")
  expect_error(laplace(spoiled(5, function() stop("here")), c(1, 1)), "here")
})

test_that("other ways out of an R function work as well", {
  expect_identical(
    withRestarts(
      rwmetrop(spoiled(9, function() invokeRestart("leave", 7)), steps, c(0, 0), 1000),
      leave = function(x) x
    ),
    7
  )
  f <- function() rwmetrop(spoiled(9, function() return_from()), steps, c(0, 0), 1000)
  return_from <- NULL
  g <- function() {
    return_from <<- function() signalCondition(structure(
      class = c("out", "condition"), list(message = "", call = NULL)
    ))
    tryCatch(f(), out = function(c) "out")
  }
  expect_identical(g(), "out")
})

test_that("a condition leaves nothing behind, however often", {
  said <- vapply(1:2000, FUN.VALUE = "", function(i) {
    tryCatch(laplace(function(x) stop("again"), c(0, 0)), error = conditionMessage)
  })
  expect_identical(unique(said), "again")
  expect_equal(coef(hier_exact(schools$y, schools$sigma))[["tau"]], 6.5754833467, tolerance = 1e-10)
})

test_that("warnings and messages in an R function arrive", {
  expect_warning(laplace(spoiled(3, function() warning("careful")), c(1, 1)), "careful")
})

test_that("an R function may call pyhier", {
  nested <- function(x) {
    if (is.null(seen)) seen <<- laplace(function(z) -sum((z - 2)^2), c(0, 0))$mode
    -sum(x^2) / 2
  }
  seen <- NULL
  expect_equal(laplace(nested, c(1, 1))$mode, c(0, 0), tolerance = 1e-3)
  expect_equal(seen, c(2, 2), tolerance = 1e-3)
})

test_that("what is no number is an error that says so", {
  expect_error(laplace(function(x) "a", 0), "must return one number", class = "pyhier_error")
  expect_error(laplace(function(x) c(1, 2), 0), "must return one number")
  expect_error(laplace(function(x) NULL, 0), "must return one number")
  expect_error(laplace(function(x) NA_real_, 0), "at the start", class = "pyhier_error")
})

test_that("an error of Python's has its message alone, counted from 1", {
  caught <- tryCatch(hier_normal(1:4, c(1, 2, 3, -2)), error = identity)
  expect_s3_class(caught, "pyhier_error")
  expect_null(caught$call)
  expect_identical(
    conditionMessage(caught), "se[4] (group 4) is -2.0: standard errors must be positive and finite"
  )
  expect_error(hier_exact(hier_normal(c(1, 2), c(1, 1))), "prior_tau = \"halfcauchy(1)\"", fixed = TRUE)
  output <- capture.output(try(hier_normal(1:4, c(1, 2, 3, -2))), type = "message")
  expect_false(any(grepl("Traceback|File|py_call|reticulate", output)))
})

test_that("Ctrl-C ends a chain with the draws so far, and anything else as it ends R code", {
  skip_on_os("windows")
  ctrl_c <- function() tools::pskill(Sys.getpid(), tools::SIGINT)
  for (i in 1:60) {
    expect_warning(
      chain <- rwmetrop(spoiled(200 + 7 * i, ctrl_c), steps, c(0, 0), 1e5), "interrupted"
    )
    expect_lt(nrow(chain$par), 1e5)
    expect_gt(nrow(chain$par), 100)
    found <- tryCatch(laplace(spoiled(10 + i, ctrl_c), c(1, 1)), interrupt = function(c) "left")
    expect_identical(found, "left")
  }
  nested <- function(x) laplace(spoiled(5, ctrl_c), c(1, 1))$int
  found <- tryCatch(rwmetrop(nested, steps, c(0, 0), 100), interrupt = function(c) "left")
  expect_identical(found, "left")
  # R has its own Ctrl-C back.
  found <- tryCatch(
    {
      ctrl_c()
      for (i in 1:1e7) i^2
    },
    interrupt = function(c) "left"
  )
  expect_identical(found, "left")
})
