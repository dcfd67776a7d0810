need_python()
skip_on_os("windows")

python <- pyhier_python()

# A folder that looks like an environment: its python is this one.
environment_in <- function(folder, python) {
  dir.create(file.path(folder, "bin"), recursive = TRUE)
  writeLines(c("#!/bin/sh", paste0("exec '", python, "' \"$@\"")), file.path(folder, "bin", "python"))
  Sys.chmod(file.path(folder, "bin", "python"), "755")
  folder
}

test_that("RETICULATE_PYTHON comes first, then install_pyhier()'s, then the active one", {
  home <- tempfile("home")
  own <- file.path(environment_in(file.path(home, "r-pyhier"), python), "bin", "python")
  active <- environment_in(file.path(home, "active"), python)
  empty <- tempfile("empty")
  dir.create(empty)
  found <- function(...) {
    code <- c("chosen <- pyhier_python()", "stopifnot(nobs(hier_normal(1:4, 1:4)) == 4)", "cat(chosen)")
    tail(run_r(code, ...), 1)
  }
  variables <- c(WORKON_HOME = home, VIRTUAL_ENV = active, CONDA_PREFIX = "")
  expect_identical(found(variables, RETICULATE_PYTHON = python), python)
  expect_identical(found(variables, RETICULATE_PYTHON = ""), own)
  variables[["WORKON_HOME"]] <- empty
  expect_identical(found(variables, RETICULATE_PYTHON = ""), file.path(active, "bin", "python"))
  variables[["VIRTUAL_ENV"]] <- ""
  on_path <- c(PATH = paste(file.path(active, "bin"), Sys.getenv("PATH"), sep = ":"))
  file.symlink(file.path(active, "bin", "python"), file.path(active, "bin", "python3"))
  expect_identical(
    found(variables, on_path, RETICULATE_PYTHON = ""), file.path(active, "bin", "python3")
  )
})

test_that("the environment's Python is a path that a quoting shell finds", {
  folder <- tempfile("user")
  environment_in(file.path(folder, "of", "r-pyhier"), python)
  before <- Sys.getenv(c("HOME", "WORKON_HOME"), NA)
  on.exit(for (name in names(before)) {
    if (is.na(before[[name]])) Sys.unsetenv(name) else do.call(Sys.setenv, as.list(before[name]))
  })
  Sys.setenv(HOME = folder, WORKON_HOME = "~/of")
  expect_identical(
    pyhier:::environment_python(), file.path(folder, "of", "r-pyhier", "bin", "python")
  )
})

test_that("without a Python the error says what to run", {
  empty <- tempfile("empty")
  dir.create(empty)
  nothing <- c(RETICULATE_PYTHON = "", WORKON_HOME = empty, VIRTUAL_ENV = "", CONDA_PREFIX = "")
  code <- c(paste0("Sys.setenv(PATH = '", empty, "')"), "hier_normal(1:3, 1:3)")
  said <- paste(run_r(code, nothing), collapse = "\n")
  expect_match(said, "there is no Python: run pyhier::install_pyhier\\(\\), or set RETICULATE_PYTHON")
  said <- paste(run_r("hier_normal(1:3, 1:3)", RETICULATE_PYTHON = "/nowhere/python"), collapse = "\n")
  expect_match(said, "no Python at /nowhere/python, which RETICULATE_PYTHON names")
})

# A module `pyhier` that hides the real one.
said_with <- function(text) {
  folder <- tempfile("modules")
  dir.create(file.path(folder, "pyhier"), recursive = TRUE)
  writeLines(text, file.path(folder, "pyhier", "__init__.py"))
  code <- c(
    "reticulate::py_run_string(\"import os, sys; sys.path.insert(0, os.environ['HIDING'])\")",
    "hier_normal(1:3, 1:3)"
  )
  paste(run_r(code, HIDING = folder, RETICULATE_PYTHON = python), collapse = "\n")
}

test_that("a Python without pyhier, or with another version, is an error that says what to run", {
  missing <- said_with("raise ModuleNotFoundError(\"No module named 'pyhier'\")")
  expect_match(missing, "has no package pyhier; run pyhier::install_pyhier\\(\\).*-m pip install")
  other <- said_with("__version__ = '9.9.9'")
  expect_match(other, "has pyhier 9.9.9 and this is the R package pyhier 0.1.0.*of one version")
  expect_no_match(paste(missing, other), "Traceback")
  broken <- said_with("import nonesuch")
  expect_match(broken, "cannot be used: .*nonesuch")
})

test_that("a folder of sources in the way is an error that says so", {
  source_folder <- c(
    "import sys", "__version__ = '0.1.0'",
    "class NoBridge:",
    "    @staticmethod",
    "    def find_spec(name, path=None, target=None):",
    "        if name == 'pyhier.r_bridge':",
    "            raise ModuleNotFoundError(\"No module named 'pyhier.r_bridge'\")",
    "sys.meta_path.insert(0, NoBridge)"
  )
  expect_match(said_with(source_folder), "folder of pyhier's sources.*start R elsewhere")
})

test_that("R that sits in a clone takes the installed package", {
  clone <- tempfile("clone")
  dir.create(file.path(clone, "pyhier"), recursive = TRUE)
  writeLines("raise ImportError('the sources')", file.path(clone, "pyhier", "__init__.py"))
  code <- c(
    paste0("setwd('", clone, "')"), "stopifnot(nobs(hier_normal(1:4, 1:4)) == 4)",
    "path <- reticulate::import('sys')$path", "cat(pyhier:::package_version())"
  )
  expect_identical(tail(run_r(code, RETICULATE_PYTHON = python), 1), pyhier:::package_version())
})

test_that("Python's programs do not see R's libraries", {
  skip_if_not(file.exists(file.path(R.home("etc"), "ldpaths")))
  code <- c(
    "seen <- function() system2('sh', c('-c', shQuote('echo \"<$LD_LIBRARY_PATH>\"')), stdout = TRUE)",
    "stopifnot(grepl(R.home('lib'), seen(), fixed = TRUE))",
    "cat(pyhier:::with_own_libraries(seen()), '\\n')",
    "stopifnot(grepl(R.home('lib'), Sys.getenv('LD_LIBRARY_PATH'), fixed = TRUE))"
  )
  said <- tail(run_r(code, LD_LIBRARY_PATH = "/mine"), 1)
  expect_match(said, "<(.*:)?/mine>")
  expect_no_match(said, R.home("lib"), fixed = TRUE)
})

test_that("install_pyhier() says what to give", {
  expect_error(install_pyhier("no/such/clone"), "nothing at no/such/clone: give the folder of a clone")
})

test_that("there is a citation", {
  expect_match(paste(format(citation("pyhier")), collapse = " "), "Hierarchical Models with R's Numbers")
})
