# Run one of LearnBayes' demos as installed: its numeric variables, what it shows, what fails.
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
run_demo <- function(file, seed, before = list()) {
    below <- list2env(before, parent = globalenv())
    assign("windows", function(...) invisible(), below)
    assign("readline", function(...) "", below)
    assign("library", function(...) invisible(), below)
    assign("data", function(...) {
        utils::data(list = as.character(substitute(list(...)))[-1], envir = below)
        invisible()
    }, below)
    assign("attach", function(d) invisible(list2env(as.list(d), below)), below)
    assign("print", function(v) { shown[[length(shown) + 1]] <<- numbers(v); invisible(v) }, below)
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
    list(variables = variables, shown = shown, failed = failed, after = runif(1))
}
