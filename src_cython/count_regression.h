/* Log probabilities of counts whose groups have means of their own, theta integrated out: the terms of
 * count_terms.h with a linear predictor u = x' beta of each group in the place of logit eta or log mu.
 *
 * What depends on the precision alone is made once for all groups; the loops have no branches.
 */
#ifndef PYHIER_COUNT_REGRESSION_H
#define PYHIER_COUNT_REGRESSION_H

#include "count_terms.h"

/* At (u, log K), the size and its rest given: `shares_at` in functions that vectorise. */
ALWAYS_INLINE static inline struct shares shares_about(double u, double log_size, double size, double size_rest)
{
    struct shares s;
    const double far = fabs(u), small = exp_negative(-far), sum = 1.0 + small;
    const double more = 1.0 / sum, less = small * more;
    const double log_more = -(log_positive(sum) + (small - (sum - 1.0)) * more);
    const double log_alpha = log_size + (u > 0.0 ? log_more : log_more - far);
    const double log_beta = log_size + (u > 0.0 ? log_more - far : log_more);
    const int within = far < FURTHEST; /* products keep alpha / K where logs would not */
    const double far_alpha = exp_negative(log_alpha < 0.0 ? log_alpha : 0.0);
    const double far_beta = exp_negative(log_beta < 0.0 ? log_beta : 0.0);
    s.logit = u;
    s.eta = u > 0.0 ? more : less;
    s.other = u > 0.0 ? less : more;
    s.size = size;
    s.size_rest = size_rest;
    s.alpha = shape_of(within || u > 0.0 ? size * s.eta : far_alpha, log_alpha);
    s.beta = shape_of(within || u < 0.0 ? size * s.other : far_beta, log_beta);
    return s;
}

/* Log p of some groups at their predictors and at log K. */
EACH_INSTRUCTION_SET
static void binomial_regression_terms(size_t groups, const double *u, const double *y, const double *f,
                                      const double *hat, const double *low, const double *constant,
                                      double log_size, double *out)
{
    const double up = log_size < LARGEST_LOG ? log_size : LARGEST_LOG, size = exp(up);
    const double size_rest = shape_of(size, up).rest;
    for (size_t i = 0; i < groups; i++) {
        const struct shares s = shares_about(u[i], up, size, size_rest);
        const struct trials g = {y[i], f[i], hat[i], low[i], constant[i]};
        double value, alpha_gap, beta_gap;
        beta_binomial_term(&s, &g, &value, &alpha_gap, &beta_gap);
        out[i] = value;
    }
}

/* The same of events, at log alpha. */
EACH_INSTRUCTION_SET
static void poisson_regression_terms(size_t groups, const double *u, const double *y,
                                     const double *log_exposure, const double *hat, const double *low,
                                     const double *constant, double log_alpha, double *out)
{
    const struct rates common = rates_at(log_alpha, 0.0);
    for (size_t i = 0; i < groups; i++) {
        struct rates s = common;
        const struct events g = {y[i], log_exposure[i], hat[i], low[i], constant[i]};
        double value, alpha_gap, share;
        s.log_mu = u[i];
        poisson_gamma_term(&s, &g, &value, &alpha_gap, &share);
        out[i] = value;
    }
    for (size_t i = 0; i < groups; i++)
        if (log_exposure[i] + u[i] - common.log_alpha > FAR) {
            struct rates s = common;
            const struct events g = {y[i], log_exposure[i], hat[i], low[i], constant[i]};
            s.log_mu = u[i];
            out[i] = poisson_gamma_far(&s, &g);
        }
}

/* Derivatives of log p of one group by (u, log K or log alpha): two first, and uu, uv, vv. */
static inline void regression_slopes(int binomial, double u, double v, double y, double other, double hat,
                                     double low, double constant, double *first, double *second)
{
    double by[2] = {0.0, 0.0}, twice[3] = {0.0, 0.0, 0.0};
    if (binomial) {
        const struct shares s = shares_at(u, v);
        const struct trials g = {y, other, hat, low, constant};
        beta_binomial_slopes(&s, &g, 1.0, first, second);
        return;
    }
    const struct rates s = rates_at(v, u);
    const struct events g = {y, other, hat, low, constant};
    poisson_gamma_slopes(&s, &g, 1.0, by, twice);
    first[0] += by[1];
    first[1] += by[0];
    second[0] += twice[2];
    second[1] += twice[1];
    second[2] += twice[0];
}

#endif
