# Run a script as installed, a demo or a help page's examples: its numeric variables, what it shows,
# what fails. Of the functions in `watched`, pictures, the numbers that they are given are shown.
numbers <- function(v) {
    if (inherits(v, "lm")) return(unname(coef(v)))
    if (inherits(v, c("summary.lm", "summary.glm"))) return(as.numeric(coef(v)[, 1:2]))
    if (inherits(v, "htest")) return(unname(c(v$statistic, v$parameter, v$p.value)))
    if (inherits(v, "integrate")) return(c(v$value, v$abs.error))
    if (inherits(v, c("trellis", "histogram", "density"))) return(NULL)
    if (inherits(v, "summary.mcmc")) return(unname(c(v$statistics, v$quantiles)))
    if (is.list(v)) {
        if (!is.null(names(v))) v <- v[order(gsub(".", "_", names(v), fixed = TRUE), method = "radix")]
        kept <- Filter(Negate(is.null), lapply(unclass(v), numbers))
        return(if (length(kept)) unname(unlist(kept)))
    }
    if (is.factor(v) || is.function(v) || !(is.numeric(v) || is.logical(v))) return(NULL)
    as.numeric(v)
}
run_script <- function(file, seed, watched = character()) {
    below <- new.env(parent = globalenv())
    assign("windows", function(...) invisible(), below)
    assign("readline", function(...) "", below)
    assign("library", function(...) invisible(), below)
    assign("data", function(...) {
        utils::data(list = as.character(substitute(list(...)))[-1], envir = below)
        invisible()
    }, below)
    assign("attach", function(d) invisible(list2env(as.list(d), below)), below)
    assign("print", function(v) { shown[[length(shown) + 1]] <<- numbers(v); invisible(v) }, below)
    for (name in watched) assign(name, function(...) below$print(list(...)), below)
    own <- new.env(parent = below)
    shown <- list(); failed <- character()
    pdf(NULL); on.exit(dev.off())
    set.seed(seed)
    for (expression in parse(file)) {
        found <- tryCatch(suppressWarnings(withVisible(eval(expression, own))),
                          error = function(e) conditionMessage(e))
        if (is.character(found)) failed <- c(failed, found)
        else if (found$visible && !is.null(value <- numbers(found$value)))
            shown[[length(shown) + 1]] <- value
    }
    variables <- Filter(Negate(is.null), lapply(as.list(own), numbers))
    list(variables = variables, values = Filter(crosses, as.list(own)), shown = shown,
         failed = failed, after = runif(1))
}
crosses <- function(v) is.numeric(v) || (is.list(v) && !is.object(v) && all(vapply(v, crosses, NA)))
# What a page's variables are, and which of them the package's functions made.
run_example <- function(page, package, seed, watched) {
    file <- tempfile(fileext = ".R"); on.exit(unlink(file))
    tools::Rd2ex(tools::Rd_db(package)[[page]], file, commentDontrun = FALSE)
    made <- Filter(function(e) any(all.names(e) %in% getNamespaceExports(package)), parse(file))
    c(run_script(file, seed, watched), list(made = unlist(lapply(made, assigned))))
}
assigned <- function(e) if (is.call(e) && as.character(e[[1]]) %in% c("=", "<-")) all.vars(e[[2]])
pages_with_examples <- function(package) {
    has <- function(rd) "\\examples" %in% vapply(rd, function(part) attr(part, "Rd_tag"), "")
    names(Filter(has, tools::Rd_db(package)))
}
