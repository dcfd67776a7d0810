# A model stands for its exact posterior.

#' @export
summary.hier_model <- function(object, ...) summary(hier_exact(object), ...)

#' @export
as.data.frame.hier_model <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(hier_exact(x), ...)
}

#' @export
coef.hier_model <- function(object, ...) coef(hier_exact(object), ...)

#' @export
fitted.hier_model <- function(object, ...) fitted(hier_exact(object), ...)

#' @export
residuals.hier_model <- function(object, ...) residuals(hier_exact(object), ...)

#' @export
confint.hier_model <- function(object, parm, level = 0.95, ...) {
  confint(hier_exact(object), parm, level, ...)
}

#' @export
predict.hier_model <- function(object, ...) predict(hier_exact(object), ...)

#' @export
simulate.hier_model <- function(object, nsim = 1, seed = NULL, ...) {
  simulate(hier_exact(object), nsim, seed, ...)
}

#' @export
plot.hier_model <- function(x, ...) plot(hier_exact(x), ...)

#' @export
vcov.hier_model <- function(object, ...) vcov(hier_exact(object), ...)

#' @export
fixef.hier_model <- function(object, ...) fixef(hier_exact(object), ...)

#' @export
ranef.hier_model <- function(object, ...) ranef(hier_exact(object), ...)

#' @export
VarCorr.hier_model <- function(x, ...) VarCorr(hier_exact(x), ...)

#' @export
logLik.hier_model <- function(object, ...) logLik(hier_exact(object), ...)

#' @export
AIC.hier_model <- function(object, ...) AIC(hier_exact(object), ...)

#' @export
BIC.hier_model <- function(object, ...) BIC(hier_exact(object), ...)

#' @export
weights.hier_model <- function(object, ...) weights(hier_exact(object), ...)

#' @export
sigma.hier_model <- function(object, ...) sigma(hier_exact(object), ...)

#' @export
deviance.hier_model <- function(object, ...) deviance(hier_exact(object), ...)

#' @export
df.residual.hier_model <- function(object, ...) df.residual(hier_exact(object), ...)

#' @export
anova.hier_model <- function(object, ...) anova.hier_posterior(object)

#' @export
variable.names.hier_model <- function(object, ...) variable.names(hier_exact(object), ...)

#' @export
getCall.hier_model <- function(x, ...) x$call

#' @exportS3Method generics::tidy
tidy.hier_model <- function(x, ...) tidy.hier_posterior(hier_exact(x), ...)

#' @exportS3Method generics::glance
glance.hier_model <- function(x, ...) glance.hier_posterior(hier_exact(x), ...)

#' @exportS3Method generics::augment
augment.hier_model <- function(x, ...) augment.hier_posterior(hier_exact(x), ...)
