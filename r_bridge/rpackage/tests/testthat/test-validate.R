need_python()

test_that("validate() runs pyhier validate and reads its report", {
  expect_error(capture.output(validate("nosuch")), "ended with status 2", class = "pyhier_error")
  if (!identical(Sys.getenv("CI"), "true")) {
    skip_if_not(reticulate::py_module_available("rpy2"), "no rpy2")
    skip_if_not_installed("coda")
  }
  page <- tempfile(fileext = ".html")
  on.exit(unlink(page))
  table <- validate("coda", html = page)
  expect_true(all(table$good))
  expect_true("effectiveSize" %in% table[["function"]])
  expect_true(all(table$largest_difference <= table$tolerance))
  expect_true("coda" %in% names(attr(table, "versions")))
  expect_true(file.exists(page))
})
