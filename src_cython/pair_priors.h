/* The named priors of the two hyperparameters of conjugate models, in the coordinates of the models:
 * log densities with the Jacobian, and their derivatives. */
#ifndef PYHIER_PAIR_PRIORS_H
#define PYHIER_PAIR_PRIORS_H

#include <math.h>

enum named_prior { NO_PRIOR, BDA3, BETABINEXCH, POISSGAMEXCH };

/* log(1 + exp(s)). */
static inline double softplus(double s)
{
    return (s > 0.0 ? s : 0.0) + log1p(exp(-fabs(s)));
}

static inline double expit(double s)
{
    const double e = exp(-fabs(s));
    return s < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}

static inline double pair_prior(int kind, double log_z0, const double *x)
{
    if (kind == BDA3) /* p(alpha, beta) ~ (alpha + beta)^(-5/2) */
        return -softplus(x[0]) - softplus(-x[0]) - 0.5 * x[1];
    if (kind == BETABINEXCH) /* p(eta, K) ~ 1 / (eta (1 - eta) (1 + K)^2) */
        return x[1] - 2.0 * softplus(x[1]);
    if (kind == POISSGAMEXCH) /* p(alpha, mu) ~ z0 / ((alpha + z0)^2 mu) */
        return x[0] - log_z0 - 2.0 * softplus(x[0] - log_z0);
    return 0.0;
}

/* Add the first derivatives, and the second ones to the diagonal. */
static inline void pair_prior_slopes(int kind, double log_z0, const double *x, double *gradient,
                                     double *diagonal)
{
    const int k = kind == BETABINEXCH;
    const double at = x[k] - (kind == POISSGAMEXCH ? log_z0 : 0.0), small = exp(-fabs(at));
    const double p = (at > 0.0 ? 1.0 : small) / (1.0 + small), q = (at > 0.0 ? small : 1.0) / (1.0 + small);
    if (kind == NO_PRIOR)
        return;
    gradient[k] += q - p;
    diagonal[k] -= 2.0 * p * q;
    if (kind == BDA3)
        gradient[1] -= 0.5;
}

#endif
