schools <- data.frame(
  school = LETTERS[1:8],
  y = c(28, 8, -3, 7, -1, 1, 18, 12),
  sigma = c(15, 10, 16, 11, 9, 11, 10, 18)
)

# The log posterior of (mu, log tau) in the R post, and LearnBayes' fit of it.
logpost <- function(lambda, sigma, y) {
  sum(-0.5 * log(exp(2 * lambda[2]) + sigma^2) -
    ((lambda[1] - y)^2) / (2 * (sigma^2 + exp(2 * lambda[2])))) + lambda[2]
}

# A machine of pyhier's own must have the Python package; elsewhere the tests skip without it.
need_python <- function() {
  if (pyhier_available()) {
    return(invisible())
  }
  if (identical(Sys.getenv("CI"), "true")) stop("CI must have a Python with pyhier")
  skip("no Python with pyhier")
}

# The standard output of R code in an R of its own, with these environment variables.
run_r <- function(code, ...) {
  file <- tempfile(fileext = ".R")
  on.exit(unlink(file))
  paths <- paste0("\"", .libPaths(), "\"", collapse = ", ")
  writeLines(c(paste0(".libPaths(c(", paths, "))"), "library(pyhier)", code), file)
  set <- c(...)
  old <- if (length(set)) Sys.getenv(names(set), unset = NA)
  on.exit(
    {
      Sys.unsetenv(names(set)[is.na(old)])
      restore <- stats::setNames(as.list(old), names(set))[!is.na(old)]
      if (length(restore)) do.call(Sys.setenv, restore)
    },
    add = TRUE
  )
  if (length(set)) do.call(Sys.setenv, as.list(set))
  suppressWarnings(
    system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", file), stdout = TRUE, stderr = TRUE)
  )
}

# Python's float.hex() as R's sprintf("%a") writes it.
shortest_hex <- function(text) {
  sub("\\.?0*p", "p", text)
}
