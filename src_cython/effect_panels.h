/* Densities of many effects on whole panels of their line: what components are at a panel's points is
 * worked out once for all effects that have the panel, and each effect's density is a weighted sum.
 *
 * A component is taken relative to its highest value, so that its shape lies between 0 and 1; its height
 * is in the effects' weights. Rows of narrow components (effect_sums.h) have no shape that serves all
 * effects: of them the points under a component and the interpolation there are worked out once.
 */
#ifndef PYHIER_EFFECT_PANELS_H
#define PYHIER_EFFECT_PANELS_H

#include "effect_sums.h"
#include "lanes.h"

#define POINTS 16
#define UNITS (POINTS / WIDTH)
#define LEAST_SHAPE -690.0 /* log of what is left out where it is at no point more */
#define ABOVE 40.0         /* log of what terms of narrow rows are below, by the top of an effect's */

/* Shapes of the nodes of one class, POINTS values each, and which node it is. */
struct shapes {
    double *value;
    ptrdiff_t *node;
    size_t size;
};

/* Add shapes exp(x a + y b + c) of a row's nodes to the classes of even nodes and of odd ones. */
EACH_INSTRUCTION_SET
static void linear_shapes(size_t first, size_t last, const double *a, const double *b, const double *c,
                          const double *x, const double *y, struct shapes *classes)
{
    for (size_t k = first; k < last; k++) {
        struct shapes *s = classes + ((k - first) & 1);
        double *out = s->value + POINTS * s->size, best = -INFINITY;
        for (int p = 0; p < POINTS; p++) {
            const double term = (x[p] * a[k] + y[p] * b[k]) + c[k];
            out[p] = term == term ? (term < 0.0 ? term : 0.0) : -INFINITY; /* 0 times infinity */
            best = out[p] > best ? out[p] : best;
        }
        if (!(best > LEAST_SHAPE))
            continue;
        for (int p = 0; p < POINTS; p++)
            out[p] = exp_negative(out[p]);
        s->node[s->size++] = (ptrdiff_t)k;
    }
}

/* The same of a row's close nodes that reach any of the points, which are ascending; the row serves
 * those between `low` and `high`. Nodes are counted from `before` on. */
EACH_INSTRUCTION_SET
static void close_shapes(int kind, size_t size, const double *w, const double *less, const double *side,
                         double c, double low, double high, double depth, const double *z,
                         ptrdiff_t before, struct shapes *classes)
{
    static const double zero[ROOM] = {0.0};
    size_t begin[POINTS], end[POINTS], least = size, most = 0;
    double terms[ROOM];
    for (int p = 0; p < POINTS; p++) {
        const double far = reach(kind, concentration_at(kind, c, z[p]), depth);
        const int served = low < z[p] && z[p] <= high;
        end[p] = served ? lower_bound(w, size, z[p] + far) : 0;
        begin[p] = served ? lower_bound(w, size, z[p] - far) : 0;
        if (end[p] > begin[p]) {
            least = begin[p] < least ? begin[p] : least;
            most = end[p] > most ? end[p] : most;
        }
    }
    if (most <= least)
        return;
    struct shapes *pair[2] = {classes + (least & 1), classes + 1 - (least & 1)};
    double *out[2];
    for (int k = 0; k < 2; k++) {
        const size_t count = (most - least + 1 - k) / 2;
        out[k] = pair[k]->value + POINTS * pair[k]->size;
        memset(out[k], 0, count * POINTS * sizeof(double));
        for (size_t i = 0; i < count; i++)
            pair[k]->node[pair[k]->size++] = before + (ptrdiff_t)(least + 2 * i) + k;
    }
    for (int p = 0; p < POINTS; p++)
        for (size_t at = begin[p]; at < end[p]; at += ROOM) {
            const size_t some = end[p] - at < ROOM ? end[p] - at : ROOM;
            close_terms(kind, some, w + at, less + at, side + at, zero, c, z[p], terms);
            for (size_t i = 0; i < some; i++)
                terms[i] = exp_negative(terms[i] < 0.0 ? terms[i] : 0.0);
            for (size_t i = 0; i < some; i++)
                out[(at + i - least) & 1][((at + i - least) >> 1) * POINTS + p] = terms[i];
        }
}

/* The weighted sum of the shapes of a class. */
EACH_INSTRUCTION_SET
static void weighted_sum(const struct shapes *s, const double *weight, double *out)
{
    lanes sum[UNITS];
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i < s->size; i++) {
        const double *value = s->value + POINTS * i, by = weight[s->node[i]];
        for (int k = 0; k < UNITS; k++)
            sum[k] += by * LOAD(value + WIDTH * k);
    }
    memcpy(out, sum, sizeof sum);
}

/* Of a point under the components at a panel's points: the log of its weight without the density of
 * the location, where the values that this is interpolated from begin, and their coefficients. */
struct under {
    double constant[POINTS], coefficient[NEIGHBOURS][POINTS];
    ptrdiff_t first[POINTS];
};

static inline void look_under(int kind, double c, const double *z, double low, double high,
                              ptrdiff_t before, size_t size, double start, double spacing, double node,
                              double log_weight, struct under *out)
{
    static const double binomial[NEIGHBOURS] = {-1, 11, -55, 165, -330, 462, -462, 330, -165, 55, -11, 1};
    const double last = (double)(size - NEIGHBOURS);
    for (int p = 0; p < POINTS; p++) {
        const double width = 1.0 / sqrt(concentration_at(kind, c, z[p]));
        const double w = z[p] + width * node, at = (w - start) / spacing;
        const double less = 1.0 / (1.0 + exp(fabs(w))), side = w > 0.0 ? -1.0 : 1.0;
        double first = floor(at) - (NEIGHBOURS / 2 - 1), total = 0.0, one;
        int exact = -1;
        if (!(low < z[p] && z[p] <= high) || !(at >= 0.0 && at <= (double)(size - 1))) {
            for (int i = 0; i < NEIGHBOURS; i++)
                out->coefficient[i][p] = 0.0;
            out->constant[p] = -INFINITY;
            out->first[p] = before;
            continue;
        }
        first = first < 0.0 ? 0.0 : (first > last ? last : first);
        out->first[p] = before + (ptrdiff_t)first;
        for (int i = 0; i < NEIGHBOURS; i++) {
            const double off = at - (first + i);
            exact = off == 0.0 ? i : exact;
            out->coefficient[i][p] = binomial[i] / off;
            total += out->coefficient[i][p];
        }
        for (int i = 0; i < NEIGHBOURS; i++)
            out->coefficient[i][p] = exact < 0 ? out->coefficient[i][p] / total : (double)(i == exact);
        close_terms(kind, 1, &w, &less, &side, &log_weight, c, z[p], &one);
        out->constant[p] = one + log_height(kind, c, w) + log(width);
    }
}

/* Add what is under the components of an effect, half of it to even nodes and half to odd ones. */
EACH_INSTRUCTION_SET
static void add_under(const struct under *u, const double *values, double *even, double *odd)
{
    const double half = 1.1769263341850999e17; /* exp(ABOVE) / 2 */
    double terms[POINTS];
    for (int p = 0; p < POINTS; p++) {
        const double *near = values + u->first[p];
        terms[p] = u->constant[p] - ABOVE;
        for (int i = 0; i < NEIGHBOURS; i++)
            terms[p] += u->coefficient[i][p] * near[i];
    }
    for (int p = 0; p < POINTS; p++) {
        const double term = half * exp_negative(terms[p] < 0.0 ? terms[p] : 0.0);
        even[p] += term;
        odd[p] += term;
    }
}

/* Sums over classes of nodes as their total and its relative error: how far even and odd nodes, and even
 * and odd rows, are apart. */
EACH_INSTRUCTION_SET
static void total_and_error(const double sums[4][POINTS], double *total, double *error)
{
    for (int p = 0; p < POINTS; p++) {
        const double a = sums[0][p], b = sums[1][p], c = sums[2][p], d = sums[3][p];
        const double all = (a + b) + (c + d);
        const double nodes = ((a + c) - (b + d)) / all, rows = ((a + b) - (c + d)) / all;
        total[p] = all;
        error[p] = nodes * nodes + rows * rows;
    }
}

/* --- Means and variances of mixtures ------------------------------------------------------------- */

struct component {
    double mean, var;
};

static inline struct component component_of(int kind, double a, double b)
{
    const double all = kind == LOG_GAMMA ? b : a + b, mean = a / all, inverse = b / (a - 1.0);
    const struct component beta = {mean, mean * (b / all) / (all + 1.0)}, gamma = {mean, mean / all};
    const struct component reciprocal = {inverse, inverse / (a - 2.0) * inverse};
    return kind == LOG_INVERSE_GAMMA ? reciprocal : kind == LOG_GAMMA ? gamma : beta;
}

static inline double spread_of(int kind, double a, double b, double centre)
{
    const struct component own = component_of(kind, a, b);
    return own.var + (own.mean - centre) * (own.mean - centre);
}

/* The weighted mean of the components' means, and of their variances and squares about it. */
EACH_INSTRUCTION_SET
static void mixture_moments(int kind, size_t size, const double *a, const double *b,
                            const double *weight, double *mean, double *var)
{
    double sum[LANES], total = 0.0, spread = 0.0;
    const size_t whole = size - size % LANES;
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i < whole; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += weight[i + k] * component_of(kind, a[i + k], b[i + k]).mean;
    for (size_t i = whole; i < size; i++)
        sum[i - whole] += weight[i] * component_of(kind, a[i], b[i]).mean;
    for (int k = 0; k < LANES; k++)
        total += sum[k];
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i < whole; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += weight[i + k] * spread_of(kind, a[i + k], b[i + k], total);
    for (size_t i = whole; i < size; i++)
        sum[i - whole] += weight[i] * spread_of(kind, a[i], b[i], total);
    for (int k = 0; k < LANES; k++)
        spread += sum[k];
    *mean = total;
    *var = spread;
}

#endif
