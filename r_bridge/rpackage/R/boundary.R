# Calls of Python. Numbers cross as addresses, so that reticulate has no array to convert.

# Conditions of class "pyhier_error": the message alone, without the call inside this package.
stop_pyhier <- function(..., kind = "ValueError") {
  stop(structure(
    class = c("pyhier_error", "error", "condition"),
    list(message = paste0(...), call = NULL, kind = kind)
  ))
}

# Run one of for_r.py's entries on named arguments.
#
# `rng` is a seed, NULL for R's own stream, which then goes on as if R had used it, or what
# `stream_of()` made of either.
python_call <- function(.entry, ..., rng) {
  given <- list(...)
  if (!missing(rng)) {
    stream <- stream_of(rng)
    given["rng"] <- list(stream$rng)
    if (!stream$goes_on) {
      before <- r_seed() # R functions that Python calls draw from `stream`
      on.exit(set_r_seed(before), add = TRUE)
    }
  }
  sent <- lapply(given, to_python) # holds what Python reads by address, until it has
  answer <- uninterrupted(boundary(), .entry, lapply(sent, `[[`, "value"))
  rm(list = as.character(unlist(answer$released)), envir = functions)
  if (!missing(rng) && stream$goes_on && !is.null(answer$random_seed)) {
    set_r_seed(as_r_seed(from_python(answer$random_seed), stream$rng[[1]]))
  }
  .Call(C_go_on) # an R function stopped: its condition takes its course from here
  for (text in answer$warnings) {
    warning(text, call. = FALSE)
  }
  if (identical(answer$kind, "KeyboardInterrupt")) {
    signalCondition(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
    invokeRestart("abort")
  }
  if (!is.null(answer$error)) {
    stop_pyhier(answer$error, kind = answer$kind)
  }
  from_python(answer$value)
}

# A call of Python in which Ctrl-C is Python's. reticulate lets R and Python race for it, and where
# Python has called R the loser's frames are jumped over.
uninterrupted <- function(boundary, entry, arguments) {
  handler <- .Call(C_interrupts, NULL)
  on.exit(.Call(C_interrupts, handler))
  boundary$call(entry, arguments)
}

# What reticulate is to convert, in `value`, with whatever it points into.
to_python <- function(x) {
  if (inherits(x, "python.builtin.object") || is.null(x)) {
    return(list(value = x))
  }
  if (is.function(x)) {
    return(list(value = function_to_python(x)))
  }
  if (is.character(x)) {
    text <- enc2utf8(as.vector(x))
    return(list(value = if (inherits(x, "AsIs")) list(text = as.list(text)) else text))
  }
  if (is.logical(x)) {
    return(list(value = as.vector(x)))
  }
  if (is.list(x)) {
    parts <- lapply(x, to_python)
    return(list(value = lapply(parts, `[[`, "value"), held = parts))
  }
  if (length(x) == 1 && is.null(dim(x))) {
    return(list(value = as.double(x)))
  }
  numbers <- as.double(x)
  dim <- as.list(as.integer(if (is.null(dim(x))) length(x) else dim(x)))
  list(value = list(address = .Call(C_numbers, numbers), dim = dim), held = numbers)
}

# R functions that Python has, by number: it says when it has done with one.
functions <- new.env(parent = emptyenv())

function_to_python <- function(f) {
  number <- if (is.null(session$functions)) 1 else session$functions + 1
  session$functions <- number
  name <- format(number, scientific = FALSE)
  assign(name, f, envir = functions)
  list(evaluate = .Call(C_evaluate), "function" = .Call(C_function, f), name = name)
}

# A vector of numbers, also when it has one element only.
numbers_to_python <- function(x) array(as.double(x), length(x))

# Names: several, also when there is one.
text_to_python <- function(x) if (!is.null(x)) I(as.character(x))

# A list whose names may be any, those that mean something to to_python() too.
named_to_python <- function(x) {
  list(names = I(names(x)), values = setNames(unname(x), seq_along(x)))
}

from_python <- function(x) {
  if (!is.list(x) || inherits(x, "python.builtin.object")) {
    return(x)
  }
  if (!is.null(x[["address"]])) {
    return(.Call(C_copy, x$address, as.double(unlist(x$dim)), as.double(unlist(x$stride))))
  }
  if (setequal(names(x), c("columns", "rows"))) {
    columns <- lapply(x$columns, from_python)
    frame <- data.frame(columns, row.names = as.character(unlist(x$rows)), check.names = FALSE)
    return(frame)
  }
  lapply(x, from_python)
}

# --- R's stream -----------------------------------------------------------------------------------

# What a call draws from: `rng`, a seed or a .Random.seed, and whether R goes on where Python stops.
#
# `bits` names a sampler whose draws are LearnBayes', to the last bit: it needs R's default kinds.
# Anything else makes do with a seed that is drawn from whatever stream R has.
stream_of <- function(seed, bits = NULL) {
  if (inherits(seed, "pyhier_stream")) {
    return(seed)
  }
  goes_on <- is.null(seed)
  if (goes_on && has_default_kinds(bits)) {
    seed <- started_seed()
  } else if (goes_on) {
    seed <- sample.int(.Machine$integer.max, 1)
    goes_on <- FALSE
  } else if (length(seed) != 626) {
    seed <- whole_number("seed", seed, -.Machine$integer.max)
  }
  structure(list(rng = seed, goes_on = goes_on), class = "pyhier_stream")
}

default_kinds <- c("Mersenne-Twister", "Inversion", "Rejection")

has_default_kinds <- function(bits) {
  kinds <- RNGkind()
  # Of LearnBayes' samplers these alone draw from a sample.
  needed <- if (is.null(bits) || bits %in% c("sir", "simcontour")) 1:3 else 1:2
  same <- identical(kinds[needed], default_kinds[needed])
  if (!same && !is.null(bits)) {
    stop_pyhier(
      "RNGkind() is ", paste(kinds, collapse = ", "), ": with R's stream ", bits, "() is ",
      "LearnBayes', which pyhier knows for R's default kinds only; run ",
      "RNGkind(\"default\", \"default\", \"default\"), or give seed ="
    )
  }
  same
}

started_seed <- function() {
  if (is.null(r_seed())) {
    set.seed(NULL)
  }
  r_seed()
}

r_seed <- function() get0(".Random.seed", envir = globalenv(), inherits = FALSE)

set_r_seed <- function(seed) {
  if (!is.null(seed)) {
    .Call(C_seed, seed)
  } else if (!is.null(r_seed())) {
    rm(".Random.seed", envir = globalenv())
  }
}

# A .Random.seed of the doubles that crossed; R reads the word -2^31 as NA, and means it.
as_r_seed <- function(numbers, kinds) {
  numbers[numbers == -2^31] <- NA
  seed <- as.integer(numbers)
  seed[[1]] <- kinds
  seed
}
