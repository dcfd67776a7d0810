# Arguments as R users give them: each error says what to do.

# A vector of finite-or-not doubles; what is no such vector, or has an NA, is an error.
numbers <- function(name, x) {
  if (is.null(x)) {
    stop_pyhier(name, " is NULL: give a numeric vector (is the column's name right?)")
  }
  if (is.factor(x)) {
    stop_pyhier(
      name, " is a factor: give numbers, such as as.numeric(as.character(", name, "))",
      kind = "TypeError"
    )
  }
  if (is.data.frame(x) || is.list(x)) {
    stop_pyhier(
      name, " is a ", class(x)[[1]], ": give one column of it, such as data$", name,
      kind = "TypeError"
    )
  }
  if (inherits(x, "integer64")) {
    x <- as.double(x)
  }
  if (!is.numeric(x) && !(is.logical(x) && all(is.na(x)))) {
    stop_pyhier(name, " is of class ", class(x)[[1]], ": give numbers", kind = "TypeError")
  }
  if (is.array(x) && sum(dim(x) > 1) > 1) {
    stop_pyhier(name, " has ", paste(dim(x), collapse = " x "), " entries: give a vector")
  }
  missing <- which(is.na(x) & !is.nan(x))
  if (length(missing)) {
    overflow <- if (is.integer(x)) " (an integer overflow makes one too: use doubles)" else ""
    stop_pyhier(
      name, "[", missing[[1]], "] is NA: leave the group out, or find its number", overflow
    )
  }
  as.double(x)
}

# A whole number, integer or double.
whole_number <- function(name, x, least = 1) {
  if (!is.numeric(x) || length(x) != 1 || is.factor(x)) {
    stop_pyhier(
      name, " is ", shown(x), ": give one whole number from ", least, " up", kind = "TypeError"
    )
  }
  if (is.na(x) || x != floor(x) || x < least || x >= 2^53) {
    stop_pyhier(name, " is ", shown(x), ": give one whole number from ", least, " up")
  }
  as.double(x)
}

shown <- function(x) {
  text <- paste(deparse(x, width.cutoff = 60, nlines = 1), collapse = "")
  if (nchar(text) > 60) paste0(substr(text, 1, 57), "...") else text
}

# Names of the groups; factors, numbers and character vectors.
group_names <- function(name, x) {
  if (is.null(x)) {
    return(NULL)
  }
  if (is.data.frame(x) || is.list(x)) {
    stop_pyhier(
      name, " is a ", class(x)[[1]], ": give one column of it, such as data$", name,
      kind = "TypeError"
    )
  }
  missing <- which(is.na(x))
  if (length(missing)) {
    stop_pyhier(name, "[", missing[[1]], "] is NA: give every group a name")
  }
  as.character(x)
}

no_dots <- function(...) {
  if (...length()) {
    given <- names(list(...))
    given <- if (is.null(given) || !nzchar(given[[1]])) "an argument too many" else given[[1]]
    stop_pyhier("unknown: ", given, "; see the help page for the arguments", kind = "TypeError")
  }
}
