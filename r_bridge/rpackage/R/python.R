# Which Python: RETICULATE_PYTHON, the environment that install_pyhier() makes, the active one.

session <- new.env(parent = emptyenv())

environment_name <- "r-pyhier"

#' The Python that pyhier uses
#'
#' pyhier looks for a Python with the Python package pyhier in this order: the one that the
#' environment variable `RETICULATE_PYTHON` names; the environment that [install_pyhier()] made; the
#' active one (`VIRTUAL_ENV`, `CONDA_PREFIX`, or `python3` on the `PATH`). Within a session that
#' has already started a Python, it is that one.
#'
#' @return `pyhier_python()`: the path of the Python, and an error that says what to do when there
#'   is none. `pyhier_available()`: whether pyhier can be used.
#' @examples
#' pyhier_available()
#' @export
pyhier_python <- function() {
  if (reticulate::py_available(initialize = FALSE)) {
    return(reticulate::py_config()$python)
  }
  named <- Sys.getenv("RETICULATE_PYTHON")
  if (nzchar(named)) {
    return(path.expand(named))
  }
  own <- environment_python()
  if (!is.null(own)) {
    return(own)
  }
  for (root in Sys.getenv(c("VIRTUAL_ENV", "CONDA_PREFIX"))) {
    if (nzchar(root) && file.exists(python_in(root))) {
      return(python_in(root))
    }
  }
  found <- Sys.which(c("python3", "python"))
  found <- found[nzchar(found)]
  if (!length(found)) {
    stop_pyhier(
      "there is no Python: run pyhier::install_pyhier(), or set RETICULATE_PYTHON to a Python ",
      "(3.11 or later) that has the package pyhier"
    )
  }
  found[[1]]
}

#' @rdname pyhier_python
#' @export
pyhier_available <- function() {
  !inherits(try(boundary(), silent = TRUE), "try-error")
}

python_in <- function(root) {
  if (.Platform$OS.type == "windows") {
    inside <- file.path(root, c("Scripts/python.exe", "python.exe"))
    return(c(inside[file.exists(inside)], inside)[[1]])
  }
  file.path(root, "bin", "python")
}

environment_python <- function() {
  python <- python_in(file.path(reticulate::virtualenv_root(), environment_name))
  if (file.exists(python)) python
}

#' Make a Python environment with pyhier
#'
#' Makes a virtual environment, `r-pyhier`, where reticulate keeps such (`WORKON_HOME`, or
#' `~/.virtualenvs`), and installs the Python package pyhier of this package's version. From then on
#' this package uses it, unless `RETICULATE_PYTHON` says otherwise.
#'
#' @param source What pip is to install: the released package by default; or the folder of a clone
#'   of the repository, or a wheel.
#' @param python The Python (3.11 or later) to make the environment with; `python3` by default.
#' @param ... More arguments for [reticulate::virtualenv_create()].
#' @return The path of the environment's Python, invisibly.
#' @examples
#' \dontrun{
#' install_pyhier()
#' install_pyhier(source = "~/src/pyhier") # from a clone
#' }
#' @export
install_pyhier <- function(source = paste0("pyhier==", package_version()), python = NULL, ...) {
  if (file.exists(source)) {
    source <- normalizePath(source)
  }
  if (is.null(python)) {
    python <- Sys.which("python3")
    if (!nzchar(python)) {
      stop_pyhier(
        "there is no python3 to make an environment with: install Python 3.11 or later ",
        "(Debian: apt-get install python3-venv python3-dev gcc), or give python = its path"
      )
    }
  }
  reticulate::virtualenv_create(environment_name, python = python, packages = NULL, ...)
  made <- environment_python()
  status <- system2(made, c("-m", "pip", "install", "--upgrade", shQuote(source)))
  if (status != 0) {
    stop_pyhier("pip could not install ", source, ": what it said is above")
  }
  if (reticulate::py_available(initialize = FALSE)) {
    message("Restart R to use it: this session has already started ", pyhier_python())
  }
  invisible(made)
}

package_version <- function() as.character(utils::packageVersion("pyhier"))

# The Python module that does the work, of a pyhier that fits this package.
boundary <- function() {
  if (is.null(session$boundary)) {
    python <- pyhier_python()
    start_python(python)
    session$boundary <- import_boundary(python)
  }
  session$boundary
}

start_python <- function(python) {
  if (reticulate::py_available(initialize = FALSE)) {
    return(invisible())
  }
  if (!file.exists(python) && !nzchar(Sys.which(python))) {
    stop_pyhier(
      "there is no Python at ", python, ", which RETICULATE_PYTHON names: correct it, or unset it"
    )
  }
  if (!nzchar(Sys.getenv("RETICULATE_PYTHON"))) {
    Sys.unsetenv("RETICULATE_PYTHON") # reticulate takes an empty one for a path
  }
  started <- tryCatch(
    {
      reticulate::use_python(python, required = TRUE)
      reticulate::py_config()
    },
    error = function(e) stop_pyhier("Python cannot be started: ", conditionMessage(e))
  )
  invisible(started)
}

import_boundary <- function(python) {
  mend <- paste0(
    "run pyhier::install_pyhier() and restart R, or ", shQuote(python), " -m pip install ",
    shQuote(paste0("pyhier==", package_version()))
  )
  import <- function(module) {
    tryCatch(reticulate::import(module), error = function(e) {
      why <- strsplit(conditionMessage(e), "\n", fixed = TRUE)[[1]][[1]]
      if (grepl("No module named 'pyhier'", why, fixed = TRUE)) {
        why <- "it has no package pyhier"
      }
      if (grepl("No module named 'pyhier.r_bridge'", why, fixed = TRUE)) {
        mend <- paste0("a folder of pyhier's sources is in its way: start R elsewhere than in ", getwd())
      }
      stop_pyhier("the Python at ", python, " cannot be used: ", why, "; ", mend)
    })
  }
  found <- import("pyhier")
  theirs <- found[["__version__"]]
  if (!identical(theirs, package_version())) {
    stop_pyhier(
      "the Python at ", python, " has pyhier ", theirs, " and this is the R package pyhier ",
      package_version(), ": they must be of one version; ", mend
    )
  }
  import("pyhier.r_bridge.for_r")
}
