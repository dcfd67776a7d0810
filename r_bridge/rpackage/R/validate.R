#' Compare pyhier with R
#'
#' Runs `pyhier validate`: every function beside the R function that it stands for, on many inputs,
#' with the installed LearnBayes, coda, metafor and lme4. It prints a line a function: the cases, how
#' many agree to the last bit, the largest difference and its tolerance, and both times. The Python
#' that pyhier uses must have the package rpy2 for it; it runs in a process of its own.
#'
#' @param packages R packages to compare with, such as `"metafor"`; all without it.
#' @param full Whether to try many more cases.
#' @param seed Of the random inputs.
#' @param json,html Files to write the report to.
#' @return The table as a data frame, invisibly, with all digits; `good` says whether a function is
#'   within its tolerance. Its attribute `versions` names what was compared. A function out of its
#'   tolerance is a warning.
#' @examples
#' \dontshow{if (pyhier_available() && reticulate::py_module_available("rpy2") &&
#'   requireNamespace("coda", quietly = TRUE)) withAutoprint(\{}
#' head(validate("coda"))
#' \dontshow{\})}
#' @export
validate <- function(packages = NULL, full = FALSE, seed = 0, json = NULL, html = NULL) {
  report <- if (is.null(json)) tempfile(fileext = ".json") else json
  if (is.null(json)) {
    on.exit(unlink(report))
  }
  boundary() # an error says what is missing
  arguments <- c(
    "-P", "-m", "pyhier", "validate", shQuote(packages), if (isTRUE(full)) "--full",
    "--seed", format(whole_number("seed", seed, 0), scientific = FALSE),
    "--json", shQuote(report), if (!is.null(html)) c("--html", shQuote(html))
  )
  # What R CMD check sets for its own R must not reach the one that Python starts.
  tests <- Sys.getenv("R_TESTS", unset = NA)
  if (!is.na(tests)) {
    Sys.unsetenv("R_TESTS")
    on.exit(Sys.setenv(R_TESTS = tests), add = TRUE)
  }
  status <- with_own_libraries(system2(pyhier_python(), arguments))
  if (!status %in% c(0, 1) || !file.exists(report)) {
    stop_pyhier("pyhier validate ended with status ", status, ": what it said is above")
  }
  found <- python_call("validation", path = normalizePath(report))
  table <- data.frame(found$columns, check.names = FALSE)
  attr(table, "versions") <- unlist(found$versions)
  if (!all(table$good)) {
    warning(
      "out of tolerance: ", paste(table[["function"]][!table$good], collapse = ", "),
      call. = FALSE
    )
  }
  invisible(table)
}
