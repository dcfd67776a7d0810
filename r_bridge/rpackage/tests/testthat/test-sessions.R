need_python()

model <- hier_normal(schools$y, schools$sigma, labels = schools$school)

test_that("saved fits work in another session, functions in them too", {
  own <- update(model, prior_tau = function(tau) dexp(tau, 0.1, log = TRUE))
  fits <- list(
    fit = hier_exact(own), chain = hier_rwmetrop(model, m = 200, seed = 1, chains = 2),
    grid = hier_grid(model), importance = hier_importance(model, 500, seed = 1),
    bayes = hier_empirical_bayes(model), given = hier_given(model, mu = 8, tau = 5)
  )
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fits, file)
  wanted <- suppressWarnings(lapply(fits, function(one) as.data.frame(summary(one))))
  said <- run_r(c(
    paste0("fits <- readRDS('", file, "')"),
    "set.seed(1); before <- .Random.seed",
    "found <- suppressWarnings(lapply(fits, function(one) as.data.frame(summary(one))))",
    "stopifnot(identical(.Random.seed, before))",
    "update(fits$fit, prior_tau = 'jeffreys')",
    paste0("saveRDS(found, '", file, "'); cat('done')")
  ))
  expect_identical(tail(said, 1), "done")
  expect_identical(readRDS(file), wanted)
})

test_that("workers fit, and give their fits back", {
  skip_if_not_installed("parallel")
  work <- function(seed) pyhier::hier_rwmetrop(model, m = 100, seed = seed)
  wanted <- lapply(1:2, function(seed) hier_rwmetrop(model, m = 100, seed = seed)$draws)
  if (.Platform$OS.type != "windows") {
    forked <- parallel::mclapply(1:2, work, mc.cores = 2)
    expect_identical(lapply(forked, `[[`, "draws"), wanted)
    expect_equal(coef(forked[[1]])[["mu"]], mean(wanted[[1]][, , "mu"]))
  }
  cluster <- parallel::makePSOCKcluster(1, rscript_args = "--vanilla")
  on.exit(parallel::stopCluster(cluster))
  parallel::clusterCall(cluster, function(paths) .libPaths(paths), .libPaths())
  parallel::clusterExport(cluster, "model", environment())
  environment(work) <- globalenv()
  sent <- parallel::parLapply(cluster, 1:2, work)
  expect_identical(lapply(sent, `[[`, "draws"), wanted)
  expect_equal(predict(sent[[1]], seed = 1), predict(hier_rwmetrop(model, m = 100, seed = 1), seed = 1))
})
