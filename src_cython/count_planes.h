/* Log likelihoods of one data set of counts at many hyperparameters, the effects integrated out.
 *
 * Of counts that are not large, Gamma(a + y) / Gamma(a) = a (a + 1) ... (a + y - 1) is multiplied out,
 * for many a at once: groups in the order of their counts share the products. Exponents are split off
 * on the way and added as whole numbers, so nothing overflows and nothing cancels: the log is taken of
 * mantissas, at the end, and is good to the rounding of the factors, a few times 1e-15.
 * Large counts, and hyperparameters far out, take the groups' own terms (count_terms.h).
 */
#ifndef PYHIER_COUNT_PLANES_H
#define PYHIER_COUNT_PLANES_H

#include "count_terms.h"
#include "lanes.h"
#include "pair_priors.h"

#define ROOM_OF_POINTS 24
#define VECTORS (ROOM_OF_POINTS / WIDTH)
#define AT_ONCE 12.0       /* factors between two splits: each is below 2e20, the first above 1e-60 */
#define FARTHEST_LOG 46.0  /* of a size from which on groups are pooled to the last bit */
#define LOG_2 0.693147180559945309417

/* x = 2^k m of every number, k added to what is there. */
static inline void split_exponents(lanes *x, lanes *exponents)
{
    double value[ROOM_OF_POINTS], power[ROOM_OF_POINTS];
    memcpy(value, x, sizeof value);
    memcpy(power, exponents, sizeof power);
    for (size_t k = 0; k < ROOM_OF_POINTS; k++) {
        double e;
        value[k] = split_exponent(value[k], &e);
        power[k] += e;
    }
    memcpy(x, value, sizeof value);
    memcpy(exponents, power, sizeof power);
}

/* The product of a + i step over i < y and over all groups' y, ascending, as mantissas and exponents. */
EACH_INSTRUCTION_SET
static void rising_products(const double *a, const double *step, size_t groups, const double *y,
                            double *mantissa, double *exponents)
{
    lanes one[VECTORS], power[VECTORS], all[VECTORS], sum[VECTORS], from[VECTORS], by[VECTORS];
    double done = 0.0;
    memcpy(from, a, sizeof from);
    memcpy(by, step, sizeof by);
    for (size_t v = 0; v < VECTORS; v++) {
        power[v] = sum[v] = 0.0 * by[v];
        one[v] = all[v] = power[v] + 1.0;
    }
    for (size_t g = 0; g < groups; g++) {
        while (done < y[g]) {
            const double last = y[g] - done < AT_ONCE ? y[g] : done + AT_ONCE;
            for (; done < last; done += 1.0)
                for (size_t v = 0; v < VECTORS; v++)
                    one[v] *= from[v] + done * by[v];
            split_exponents(one, power);
        }
        for (size_t v = 0; v < VECTORS; v++) {
            all[v] *= one[v];
            sum[v] += power[v];
        }
        if (g % 64 == 63) /* mantissas are between sqrt(1/2) and sqrt(2) */
            split_exponents(all, sum);
    }
    split_exponents(all, sum);
    memcpy(mantissa, all, sizeof all);
    memcpy(exponents, sum, sizeof sum);
}

/* A data set: its groups' terms, and its counts in ascending order. */
struct data_set {
    size_t groups;
    const double *y, *other, *hat, *low, *constant; /* as in count_terms.h */
    const double *successes, *failures, *trials;    /* ascending; of events the first alone */
    const double *exposure;
    double events, coefficient; /* the sum of y, and the log of what no parameter is in */
    int products;               /* whether counts are small */
};

static double own_terms(int kind, const struct data_set *s, double location, double log_size)
{
    double total = 0.0, room[ROOM_OF_POINTS];
    for (size_t i = 0; i < s->groups; i += ROOM_OF_POINTS) {
        const size_t rest = s->groups - i, size = rest < ROOM_OF_POINTS ? rest : ROOM_OF_POINTS;
        if (kind == 0) {
            const struct shares at = shares_at(location, log_size);
            beta_binomial_terms(size, s->y + i, s->other + i, s->hat + i, s->low + i,
                                s->constant + i, &at, room);
        } else {
            const struct rates at = rates_at(log_size, location);
            poisson_gamma_terms(size, s->y + i, s->other + i, s->hat + i, s->low + i,
                                s->constant + i, &at, room);
        }
        for (size_t k = 0; k < size; k++)
            total += room[k];
    }
    return log_size < -640.0 ? -INFINITY : total;
}

static inline double exp_of(double x)
{
    const double small = exp_negative(-fabs(x));
    return x > 0.0 ? 1.0 / small : small;
}

/* Log likelihoods at ROOM_OF_POINTS points. */
EACH_INSTRUCTION_SET
static void beta_binomial_products(const struct data_set *s, const double *logit,
                                   const double *log_size, double *out)
{
    double a[ROOM_OF_POINTS], b[ROOM_OF_POINTS], c[ROOM_OF_POINTS], step[ROOM_OF_POINTS];
    double part[3][ROOM_OF_POINTS], power[3][ROOM_OF_POINTS];
    for (size_t k = 0; k < ROOM_OF_POINTS; k++) {
        const double small = exp_negative(-fabs(logit[k])), more = 1.0 / (1.0 + small);
        const double less = small * more;
        const double up = log_size[k] < FARTHEST_LOG ? log_size[k] : FARTHEST_LOG;
        c[k] = exp_of(up);
        a[k] = c[k] * (logit[k] > 0.0 ? more : less);
        b[k] = c[k] * (logit[k] > 0.0 ? less : more);
        step[k] = 1.0;
    }
    rising_products(a, step, s->groups, s->successes, part[0], power[0]);
    rising_products(b, step, s->groups, s->failures, part[1], power[1]);
    rising_products(c, step, s->groups, s->trials, part[2], power[2]);
    for (size_t k = 0; k < ROOM_OF_POINTS; k++)
        out[k] = s->coefficient + log_positive(part[0][k] * part[1][k] / part[2][k])
                 + LOG_2 * ((power[0][k] + power[1][k]) - power[2][k]);
}

EACH_INSTRUCTION_SET
static void poisson_gamma_products(const struct data_set *s, const double *log_mu,
                                   const double *log_alpha, double *out)
{
    double a[ROOM_OF_POINTS], first[ROOM_OF_POINTS], step[ROOM_OF_POINTS], ratio[ROOM_OF_POINTS];
    double part[ROOM_OF_POINTS], power[ROOM_OF_POINTS];
    for (size_t k = 0; k < ROOM_OF_POINTS; k++) {
        const double up = log_alpha[k] < FARTHEST_LOG ? log_alpha[k] : FARTHEST_LOG;
        const int large = up > 0.0;
        const double inverse = exp_of(-up);
        a[k] = 1.0 / inverse;
        first[k] = large ? 1.0 : a[k]; /* where alpha is large, in units of it */
        step[k] = large ? inverse : 1.0;
        ratio[k] = exp_of(log_mu[k]) * inverse;
        out[k] = s->coefficient + s->events * (large ? log_mu[k] : log_mu[k] - up);
    }
    rising_products(first, step, s->groups, s->successes, part, power);
    for (size_t g = 0; g < s->groups; g++)
        for (size_t k = 0; k < ROOM_OF_POINTS; k++) {
            const double t = s->exposure[g] * ratio[k];
            out[k] -= (a[k] + s->y[g]) * log_one_plus(t, 1.0 / (1.0 + t));
        }
    for (size_t k = 0; k < ROOM_OF_POINTS; k++)
        out[k] += log_positive(part[k]) + LOG_2 * power[k];
}

/* Whether products take hyperparameters. */
static inline int is_near(int kind, double location, double log_size)
{
    const double up = log_size < FARTHEST_LOG ? log_size : FARTHEST_LOG;
    return fabs(location) + fabs(up) < 2.0 * FARTHEST_LOG
           && (kind == 1 || log_size - fabs(location) > -FARTHEST_LOG);
}

/* Add a named prior's log density (pair_priors.h). */
EACH_INSTRUCTION_SET
static void add_priors(int prior, double log_z0, const double *location, const double *log_size,
                       double *out)
{
    const double shift = prior == POISSGAMEXCH ? log_z0 : 0.0;
    for (size_t k = 0; k < ROOM_OF_POINTS; k++) {
        const double at = prior == BDA3 ? location[k] : log_size[k] - shift;
        const double small = exp_negative(-fabs(at)), more = log_one_plus(small, 1.0 / (1.0 + small));
        const double tent = -fabs(at) - 2.0 * more; /* both are the logistic density */
        out[k] += prior == BDA3 ? tent - 0.5 * log_size[k] : tent;
    }
}

/* Log densities at `size` points, at most ROOM_OF_POINTS. */
static void log_densities(int kind, const struct data_set *s, int prior, double log_z0, size_t size,
                          const double *location, const double *log_size, double *out)
{
    double at[2][ROOM_OF_POINTS], value[ROOM_OF_POINTS];
    for (size_t k = 0; k < ROOM_OF_POINTS; k++) {
        at[0][k] = location[k < size ? k : size - 1];
        at[1][k] = log_size[k < size ? k : size - 1];
    }
    if (s->products && kind == 0)
        beta_binomial_products(s, at[0], at[1], value);
    else if (s->products)
        poisson_gamma_products(s, at[0], at[1], value);
    for (size_t k = 0; k < size; k++)
        if (!s->products || !is_near(kind, at[0][k], at[1][k]))
            value[k] = own_terms(kind, s, at[0][k], at[1][k]);
    if (prior != NO_PRIOR)
        add_priors(prior, log_z0, at[0], at[1], value);
    memcpy(out, value, size * sizeof *out);
}

/* --- Moments of effects over the nodes of a plane ------------------------------------------------ */

/* Where a row's weights are above the least that matters, in whole steps of LANES; it has as many. */
static inline void kept_of(size_t size, const double *weight, double least, size_t *first, size_t *last)
{
    size_t low = size, high = 0;
    for (size_t k = 0; k < size; k++)
        if (weight[k] > least) {
            low = k < low ? k : low;
            high = k + 1;
        }
    *first = low / LANES * LANES;
    *last = (high + LANES - 1) / LANES * LANES;
}

/* Sums of weights times values over a row: all, and even nodes less odd ones. The values are those of
 * the effect given the node, Beta(a + y, b - a + f) or Gamma(a + y, b + e): the mean, or (`mean` given)
 * the variance and the square of how far the mean is from it. */
EACH_INSTRUCTION_SET
static void row_sums(int kind, size_t size, const double *weight, const double *a, const double *b,
                     double y, double n, int second, double mean, double *all, double *apart)
{
    double sum[LANES];
    for (int k = 0; k < LANES; k++)
        sum[k] = 0.0;
    for (size_t i = 0; i < size; i += LANES)
        for (int k = 0; k < LANES; k++) {
            const double total = b[i + k] + n, m = (a[i + k] + y) / total, off = m - mean;
            const double spread = kind == 0 ? m * (1.0 - m) / (total + 1.0) : m / total;
            sum[k] += weight[i + k] * (second ? spread + off * off : m);
        }
    *all = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
    *apart = ((sum[0] - sum[1]) + (sum[2] - sum[3])) + ((sum[4] - sum[5]) + (sum[6] - sum[7]));
}

/* Mean or second moment of an effect over a plane of rows, and the greater one of how far even rows are
 * from odd ones and even nodes from odd ones, by itself. */
static double plane_moment(int kind, size_t rows, size_t size, const double *weight, const double *a,
                           const double *b, const size_t *first, const size_t *last, double y, double n,
                           int second, double mean, double *apart)
{
    double total = 0.0, by_rows = 0.0, by_nodes = 0.0;
    for (size_t r = 0; r < rows; r++) {
        double all = 0.0, off = 0.0;
        const size_t at = r * size + first[r];
        if (last[r] > first[r])
            row_sums(kind, last[r] - first[r], weight + at, a + at, b + at, y, n, second, mean, &all,
                     &off);
        total += all;
        by_rows += r % 2 ? -all : all;
        by_nodes += off;
    }
    by_rows = fabs(by_rows), by_nodes = fabs(by_nodes);
    *apart = (by_rows > by_nodes ? by_rows : by_nodes) / total;
    return total;
}

#endif
