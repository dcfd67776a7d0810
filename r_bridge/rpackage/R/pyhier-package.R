#' pyhier: hierarchical models with R's numbers at compiled speed
#'
#' A model is data with priors ([hier_normal()], [hier_binomial()], [hier_poisson()]); an engine
#' ([hier_exact()], [hier_rwmetrop()], [laplace()]) takes a model, or the data itself, and returns
#' a posterior, with R's usual methods: see [hier_posterior]. [laplace()] and [rwmetrop()] also take
#' any log posterior of your own, as LearnBayes' functions of these names do, and return the same
#' numbers.
#'
#' The work is done by the Python package pyhier; [pyhier_python()] says which Python is used and
#' [install_pyhier()] makes one.
#'
#' @useDynLib pyhier, .registration = TRUE
#' @importFrom stats coef confint fitted model.frame model.offset model.response
#' @importFrom stats nobs predict quantile sd setNames simulate terms update
#' @importFrom graphics plot
#' @importFrom utils packageVersion
"_PACKAGE"
