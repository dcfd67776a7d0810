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
  # system2() quotes its command, and the shell leaves a quoted ~ as it is.
  python <- python_in(path.expand(file.path(reticulate::virtualenv_root(), environment_name)))
  if (file.exists(python)) python
}

#' Make a Python environment with pyhier
#'
#' Makes a virtual environment, `r-pyhier`, where reticulate keeps such (`WORKON_HOME`, or
#' `~/.virtualenvs`), and installs the Python package pyhier of this package's version. From then on
#' this package uses it, unless `RETICULATE_PYTHON` says otherwise.
#'
#' @param source What pip is to install: the folder of a clone of the repository, a wheel, or the
#'   released package (the default).
#' @param python The Python (3.11 or later) to make the environment with; `python3` by default.
#' @param ... More arguments for [reticulate::virtualenv_create()].
#' @return The path of the environment's Python, invisibly.
#' @examples
#' \dontrun{
#' install_pyhier(source = "~/src/pyhier") # from a clone
#' }
#' # What it made, if it was run:
#' reticulate::virtualenv_exists("r-pyhier")
#' @export
install_pyhier <- function(source = paste0("pyhier==", package_version()), python = NULL, ...) {
  released <- missing(source)
  if (file.exists(source)) {
    source <- normalizePath(source)
  } else if (grepl("[/\\\\]|[.]whl$", source)) {
    stop_pyhier("there is nothing at ", source, ": give the folder of a clone of pyhier, or a wheel")
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
  with_own_libraries(reticulate::virtualenv_create(environment_name, python = python, packages = NULL, ...))
  made <- environment_python()
  if (pip_install(made, source) != 0) {
    stop_pyhier(
      "pip could not install ", source, ": what it said is above",
      if (released) "; give source = the folder of a clone of pyhier, or a wheel, if it is not released"
    )
  }
  if (reticulate::py_available(initialize = FALSE)) {
    message("Restart R to use it: this session has already started ", pyhier_python())
  }
  invisible(made)
}

# With ArviZ, for the diagnostics of Markov chains.
pip_install <- function(python, source) {
  what <- sub("(?===|$)", "[arviz]", source, perl = TRUE)
  with_own_libraries(system2(python, c("-m", "pip", "install", "--upgrade", shQuote(what))))
}

# Run something with the LD_LIBRARY_PATH that R was started with: R puts its own in front, which is
# for R's programs and not for Python's.
with_own_libraries <- function(code) {
  now <- Sys.getenv("LD_LIBRARY_PATH", NA)
  if (!is.na(now)) {
    on.exit(Sys.setenv(LD_LIBRARY_PATH = now))
    own <- own_libraries(now)
    if (nzchar(own)) Sys.setenv(LD_LIBRARY_PATH = own) else Sys.unsetenv("LD_LIBRARY_PATH")
  }
  force(code)
}

own_libraries <- function(now) {
  script <- file.path(R.home("etc"), "ldpaths")
  if (!file.exists(script)) {
    return(now)
  }
  ask <- shQuote("unset LD_LIBRARY_PATH R_LD_LIBRARY_PATH; . \"$0\"; echo \"$LD_LIBRARY_PATH\"")
  rs <- system2("sh", c("-c", ask, shQuote(script)), stdout = TRUE)
  if (startsWith(now, rs)) sub("^:", "", substring(now, nchar(rs) + 1)) else now
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

# Within R, Debian's Python reads no path files of a virtual environment: an install that is editable
# is known by one.
read_path_files <- function() {
  if (is.null(reticulate::import("importlib.util")$find_spec("pyhier"))) {
    path <- reticulate::import("sys")$path
    for (folder in path[basename(path) == "site-packages"]) {
      reticulate::import("site")$addsitedir(folder)
    }
  }
}

import_boundary <- function(python) {
  mend <- paste0(
    "run pyhier::install_pyhier() and restart R, or ", shQuote(python), " -m pip install ",
    shQuote(paste0("pyhier==", package_version()))
  )
  import <- function(module) {
    tryCatch(elsewhere_than_here(reticulate::import(module)), error = function(e) {
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
  elsewhere_than_here(read_path_files())
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

# Run an import without the working directory, which an R that sits in a clone would take for the
# installed package.
elsewhere_than_here <- function(import) {
  path <- reticulate::import("sys", convert = FALSE)$path
  before <- reticulate::py_to_r(path)
  here <- c("", ".", normalizePath(getwd()))
  named <- strsplit(Sys.getenv("PYTHONPATH"), .Platform$path.sep, fixed = TRUE)[[1]]
  path$clear()
  path$extend(as.list(setdiff(before, setdiff(here, named))))
  on.exit({
    path$clear()
    path$extend(as.list(before))
  })
  force(import)
}
