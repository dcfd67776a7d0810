/* Sums over all groups of log(Gamma(a + y) / Gamma(a)) for counts that are not large.
 *
 * Gamma(a + y) / Gamma(a) = a (a + 1) ... (a + y - 1), so the sum is sum_i C[i] log(a + i) with C[i]
 * the number of groups with y > i: as many logarithms as the largest count, whatever the number of
 * groups. Terms are taken in a unit (one a likelihood, for all its sums: it cancels) that makes them
 * small where the groups are nearly pooled; sums carry their rounding errors along (Neumaier 1974),
 * so that what is left is that of the logarithms, which average out.
 */
#ifndef PYHIER_COUNT_STEPS_H
#define PYHIER_COUNT_STEPS_H

#include "count_terms.h"

#define BLOCK_OF_STEPS 256

/* A sum and what its rounding has lost. */
struct total {
    double sum, lost;
};

static inline void add(struct total *t, double x)
{
    const double sum = t->sum + x, own = sum - t->sum;
    t->lost += (t->sum - (sum - own)) + (x - own);
    t->sum = sum;
}

static inline void add_total(struct total *t, const struct total *other, double sign)
{
    add(t, sign * other->sum);
    t->lost += sign * other->lost;
}

/* Add a multiple of LANES of values. */
static inline void add_block(size_t size, const double *value, double *sum, double *lost)
{
    for (size_t j = 0; j < size; j += LANES)
        for (int k = 0; k < LANES; k++) {
            const double x = value[j + k], s = sum[k] + x, own = s - sum[k];
            lost[k] += (sum[k] - (s - own)) + (x - own);
            sum[k] = s;
        }
}

static inline struct total lanes_total(const double *sum, const double *lost)
{
    struct total t = {0.0, 0.0};
    for (int k = 0; k < LANES; k++) {
        add(&t, sum[k]);
        t.lost += lost[k];
    }
    return t;
}

/* sum_i more[i] log((a + 1 + i) inverse); a multiple of LANES of steps (pad with 0). */
EACH_INSTRUCTION_SET
static struct total step_sum(size_t steps, const double *more, double a, double inverse)
{
    double room[BLOCK_OF_STEPS], sum[LANES], lost[LANES];
    for (int k = 0; k < LANES; k++)
        sum[k] = lost[k] = 0.0;
    for (size_t start = 0; start < steps; start += BLOCK_OF_STEPS) {
        const size_t rest = steps - start, size = rest < BLOCK_OF_STEPS ? rest : BLOCK_OF_STEPS;
        const double first = a + 1.0 + (double)start;
        for (size_t i = 0; i < size; i++)
            room[i] = more[start + i] * log_positive((first + (double)(int)i) * inverse);
        add_block(size, room, sum, lost);
    }
    return lanes_total(sum, lost);
}

/* sum_i more[i] log((share + place[i] inverse) scale[i]); a multiple of LANES of steps (pad with 0).
 * Places are 1, 2, ..., or a few that stand for them. scale[i] is the inverse of the same sum at a reference, from which share and inverse are `share_off` and
 * `inverse_off` away: near it the logarithm is as small as it should be, and so is its rounding. */
EACH_INSTRUCTION_SET
static struct total ratio_sum(size_t steps, const double *more, const double *place,
                              const double *scale, double share, double inverse, double share_off,
                              double inverse_off)
{
    double room[BLOCK_OF_STEPS], sum[LANES], lost[LANES];
    for (int k = 0; k < LANES; k++)
        sum[k] = lost[k] = 0.0;
    for (size_t start = 0; start < steps; start += BLOCK_OF_STEPS) {
        const size_t rest = steps - start, size = rest < BLOCK_OF_STEPS ? rest : BLOCK_OF_STEPS;
        for (size_t i = 0; i < size; i++) {
            const double n = place[start + i], r = scale[start + i];
            const double t = (share_off + n * inverse_off) * r, direct = (share + n * inverse) * r;
            const int near = fabs(t) < 0.5;
            const double u = near ? 1.0 + t : direct, left = near ? t - (u - 1.0) : 0.0;
            room[i] = more[start + i] * (log_positive(u) + left / u);
        }
        add_block(size, room, sum, lost);
    }
    return lanes_total(sum, lost);
}

/* sum_j counts[j] (min(s_j, 0) + log_scale - log_exposure[j] - L(s_j)) less
 * alpha sum_j groups[j] (max(s_j, 0) + L(s_j)), L(s) = log(1 + exp(-|s|)), with s_j = log_exposure[j]
 * + shift; a multiple of LANES of exposures (pad with 0). */
EACH_INSTRUCTION_SET
static struct total exposure_sum(size_t exposures, const double *log_exposure, const double *groups,
                                 const double *counts, double alpha, double shift, double log_scale)
{
    double room[BLOCK_OF_STEPS], sum[LANES], lost[LANES];
    for (int k = 0; k < LANES; k++)
        sum[k] = lost[k] = 0.0;
    for (size_t start = 0; start < exposures; start += BLOCK_OF_STEPS) {
        const size_t rest = exposures - start, size = rest < BLOCK_OF_STEPS ? rest : BLOCK_OF_STEPS;
        for (size_t i = 0; i < size; i++) {
            const double e = log_exposure[start + i], s = e + shift, x = exp_negative(-fabs(s));
            const double more = log_one_plus(x, 1.0 / (1.0 + x));
            const double below = s < 0.0 ? shift + log_scale : log_scale - e;
            room[i] = counts[start + i] * (below - more)
                      - alpha * (groups[start + i] * ((s > 0.0 ? s : 0.0) + more));
        }
        add_block(size, room, sum, lost);
    }
    return lanes_total(sum, lost);
}

/* times (log(Gamma(alpha + y) / Gamma(alpha)) - y log(alpha)) of all y, which need not be whole. */
static struct total shape_sum(size_t shapes, const double *y, const double *times, double alpha)
{
    const double rest = gamma_rest(alpha);
    struct total sum = {0.0, 0.0};
    for (size_t i = 0; i < shapes; i++) {
        const double a = alpha + y[i];
        add(&sum, times[i] * (gamma_rest(a) - rest + gap(a, y[i], alpha / a)));
    }
    return sum;
}

#endif
