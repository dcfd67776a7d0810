need_python()

days <- as.Date("2020-01-01") + c(0, 30, 70, 90, 200, 300)
times <- list(Date = days, POSIXct = as.POSIXct(days), difftime = days - days[1], POSIXlt = as.POSIXlt(days))
rows <- data.frame(
  y = c(1, 2, 3, 2.5, 4, 5, 1.5, 2, 3, 3.5, 4, 5), g = rep(letters[1:4], 3), s = 1, k = c(3, 1, 2),
  day = rep(days, 2)
)

test_that("dates, times and their differences are no responses, errors or counts", {
  for (class in names(times)) {
    x <- times[[class]]
    of <- function(name) paste0(name, " is of class ", class, ": give numbers, such as as.numeric\\(\\)")
    expect_error(hier_normal(x, rep(1, 6)), of("y"))
    expect_error(hier_normal(1:6, x), of("se"))
    expect_error(hier_normal(1:6, var = x), of("var"))
    expect_error(hier_binomial(x, 1:6), of("successes"))
    expect_error(hier_binomial(1:6, x), of("trials"))
    expect_error(hier_binomial(cbind(1:6, x) ~ 1), of("x"))
    expect_error(hier_poisson(1:6, x), of("exposure"))
    expect_error(hier_poisson(c(1:6) ~ 1, exposure = x), of("exposure"))
    expect_error(hier_rwmetrop(hier_normal(1:6, rep(1, 6)), m = 10, start = x[1:2]), of("start"))
    expect_error(laplace(function(p) -sum(p^2), x[1:2]), of("mode"))
    expect_error(predict(hier_normal(1:6, rep(1, 6)), x), "class")
    expect_length(hier_normal(1:6, rep(1, 6), labels = x)$labels, 6)
  }
  expect_identical(hier_normal(1:6, rep(1, 6), labels = days)$labels, as.character(days))
  expect_error(hier_binomial(cbind(k, factor(g)) ~ 1, rows), "factor\\(g\\) is a factor")
  expect_error(hier_regression(day ~ k + (1 | g), rows), "the left side is of class Date")
  expect_error(hier_regression(y ~ k + (1 | g), rows, weights = day), "weights is of class Date")
  expect_error(hier_multilevel(day ~ (1 | g/k), rows, se = s), "the left side is of class Date")
  expect_error(hier_multilevel(y ~ (1 | g/k), rows, se = day), "se is of class Date")
})

test_that("as covariates they are R's numbers, and alone on the right nobody knows", {
  for (class in c("Date", "POSIXct", "difftime")) {
    frame <- data.frame(y = 1:6, s = 1, k = c(2, 1, 4, 3, 6, 2))
    frame$when <- times[[class]]
    frame$number <- as.numeric(times[[class]])
    by <- hier_normal(y ~ when + k, frame, se = s)
    expect_equal(
      unname(by$design$x), unname(hier_normal(y ~ number + k, frame, se = s)$design$x)
    )
    expect_identical(by$coordinates[[2]], "beta[when]")
    expect_error(hier_normal(y ~ when, frame, se = s), "labels = when")
    expect_identical(hier_normal(y ~ 1, frame, se = s, mods = ~when)$coordinates[[2]], "beta[when]")
    expect_identical(hier_binomial(cbind(y, y) ~ when + k, frame)$coordinates[[2]], "beta[when]")
  }
  expect_match(hier_regression(y ~ day + (1 | g), rows)$shown, "day")
  expect_match(hier_multilevel(y ~ day + (1 | g/k), rows, se = s)$shown, "day")
})
