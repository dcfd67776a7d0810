# Arguments as R users give them: each error says what to do.

# match.arg(), whose error says "'arg'" and not which: the choices are the caller's own defaults.
one_of <- function(arg) {
  name <- as.character(substitute(arg))
  choices <- eval(formals(sys.function(sys.parent()))[[name]], parent.frame())
  if (identical(arg, choices)) {
    return(choices[[1]])
  }
  at <- if (is.character(arg) && length(arg) == 1 && !is.na(arg)) pmatch(arg, choices) else NA
  if (is.na(at)) {
    stop_pyhier(name, " is ", shown(arg), ": it must be ", paste0('"', choices, '"', collapse = " or "))
  }
  choices[[at]]
}

# A vector of finite-or-not doubles; what is no such vector, or has an NA, is an error.
numbers <- function(name, x) {
  if (is.null(x)) {
    stop_pyhier(name, " is NULL: give a numeric vector (is the column's name right?)")
  }
  if (is_time(x)) {
    stop_pyhier(
      name, " is of class ", class(x)[[1]], ": give numbers, such as as.numeric() of it in a unit of your choice",
      kind = "TypeError"
    )
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
  x <- decoded(x)
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
  no_integer64_bits(name, x)
  as.double(x)
}

# Dates, times and differences of them: numbers to R's model.matrix(), in a unit that the class knows.
is_time <- function(x) inherits(x, c("Date", "POSIXt", "difftime"))

# The doubles that an integer64 stands for, whether or not bit64 is there; anything else as it is.
decoded <- function(x) {
  if (!inherits(x, "integer64")) {
    return(x)
  }
  value <- .Call(C_integer64, unclass(x))
  attributes(value) <- attributes(x)[c("names", "dim", "dimnames")]
  value
}

decoded_columns <- function(data) {
  whole <- vapply(data, inherits, NA, "integer64")
  data[whole] <- lapply(data[whole], decoded)
  data
}

# What has lost its class, as cbind() makes of it without bit64: numbers that nobody has measured.
no_integer64_bits <- function(name, x) {
  bits <- which(x != 0 & abs(x) < .Machine$double.xmin)
  if (length(bits)) {
    stop_pyhier(
      name, "[", bits[[1]], "] is ", format(as.double(x)[bits[[1]]]), ", as an integer64 looks when ",
      "R takes it for a double: load bit64 before you compute with it, or use as.double() of it"
    )
  }
}

# A whole number, integer or double.
whole_number <- function(name, x, least = 1) {
  x <- decoded(x)
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
  if (is_time(x)) {
    x <- as.character(x)
  }
  if (is.data.frame(x) || is.list(x)) {
    stop_pyhier(
      name, " is a ", class(x)[[1]], ": give one column of it, such as data$", name,
      kind = "TypeError"
    )
  }
  x <- decoded(x)
  missing <- which(is.na(x))
  if (length(missing)) {
    stop_pyhier(name, "[", missing[[1]], "] is NA: give every group a name")
  }
  if (is.double(x) && all(x == floor(x) & abs(x) < 1e15)) {
    return(sprintf("%.0f", x)) # 1e5 is named 100000
  }
  as.character(x)
}

# An error that names what else was given, before any of it is evaluated.
no_dots <- function(..., .known = NULL) {
  given <- as.list(substitute(list(...)))[-1]
  named <- if (is.null(names(given))) rep("", length(given)) else names(given)
  unknown <- which(!named %in% .known)
  if (length(unknown)) {
    name <- named[[unknown[[1]]]]
    what <- if (nzchar(name)) name else paste0(shown(given[[unknown[[1]]]]), ", an argument too many")
    stop_pyhier("unknown: ", what, "; see the help page for the arguments", kind = "TypeError")
  }
}

# `y` in the order of `x`'s names, where both have names; names that do not match are an error.
aligned <- function(name, x, beside, y) {
  ours <- names(x)
  theirs <- names(y)
  if (is.null(ours) || is.null(theirs) || identical(ours, theirs)) {
    return(y)
  }
  mend <- paste0("give both the same names, or take unname() of one")
  lost <- setdiff(ours, theirs)
  if (length(lost) || length(ours) != length(theirs) || anyDuplicated(ours)) {
    which <- if (length(lost)) paste0(" has no \"", lost[[1]], "\"") else " does not match them"
    stop_pyhier("names(", name, ") and names(", beside, ") differ: names(", beside, ")", which, "; ", mend)
  }
  y[match(ours, theirs)]
}

# Labels beside the names of the data: others replace them, the same ones elsewhere are a mistake.
labels_beside <- function(name, x, labels) {
  if (is.null(labels)) {
    return(group_names("labels", if (is.numeric(x)) names(x)))
  }
  labels <- group_names("labels", aligned(name, x, "labels", labels))
  named <- names(x)
  if (!is.null(named) && !identical(named, labels) && setequal(named, labels)) {
    stop_pyhier(
      "labels are names(", name, ") in another order: leave labels out, or take unname() of ", name
    )
  }
  labels
}
