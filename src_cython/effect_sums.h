/* The density of an effect on its line: sums over components, each given one node of the plane.
 *
 * A component is a normal, log-gamma or logit-beta distribution with a location w and a concentration
 * c (1 / tau^2, alpha, K), or a log-gamma one mirrored, the log of an inverse gamma variable. With
 * d = z - w, w - z of a mirrored one, its log density is norm - c fall(d), where
 *
 *   fall(d) = d^2 / 2,   exp(d) - 1 - d,   log(1 + eta (exp(d) - 1)) - eta d,
 *
 * so that nothing cancels however large c is: the rounding of c fall(d) is that of c d, about as many
 * ulps as d has components' widths. About the place z a component is as wide as a log-gamma one of the
 * concentration c theta (1 - theta).
 */
#ifndef PYHIER_EFFECT_SUMS_H
#define PYHIER_EFFECT_SUMS_H

#include "count_terms.h"

#define ROOM 512
#define DEPTH 45.0 /* what is exp(-DEPTH) of the highest is left out */
#define NEIGHBOURS 12

enum kind { NORMAL, LOG_GAMMA, LOGIT_BETA, LOG_INVERSE_GAMMA };

/* exp(d) - 1, |d| < 700. */
static inline double exp_less_one(double d)
{
    const double m = one_less_exp(-fabs(d));
    return d > 0.0 ? m / exp_negative(-d) : -m;
}

/* log(1 + less (exp(d) - 1)) - less d, 0 <= less <= 1/2. */
static inline double logit_fall(double d, double less)
{
    const double x = less * exp_less_one(d), u = 1.0 + x;
    return (log_positive(u) + (x - (u - 1.0)) / u) - less * d;
}

/* The concentration of the log-gamma distribution that is as wide as a component about z. */
static inline double concentration_at(int kind, double c, double z)
{
    const double small = exp_negative(-fabs(z));
    return kind == LOGIT_BETA ? c * small / ((1.0 + small) * (1.0 + small)) : c;
}

/* How far from z the locations are whose components at z are above exp(-depth) of their highest, at
 * most; `concentration` is that at z. */
static inline double reach(int kind, double concentration, double depth)
{
    const double c = depth / concentration, root = sqrt(2.0 * c);
    if (kind == NORMAL)
        return root;
    if (kind != LOGIT_BETA) /* exp(-a) - 1 + a >= a^2 / (2 + 2 a / 3) */
        return c / 3.0 + sqrt(c * c / 9.0 + 2.0 * c);
    /* The fall is the integral of eta (1 - eta) (z - u) over u from w to z, at least 1 - (1 + a) exp(-a)
     * times that at z; the polynomial is above the inverse of this. */
    return c > 0.5 ? INFINITY : root * (1.0 + root * (1.0 / 3.0 + 0.36 * root));
}

/* Logs of components at z times their weights: size <= ROOM nodes, `side` +1 where eta <= 1/2 and -1
 * where 1 - eta is `less`. */
EACH_INSTRUCTION_SET
static void close_terms(int kind, size_t size, const double *w, const double *less, const double *side,
                        const double *offset, double c, double z, double *out)
{
    if (kind == NORMAL)
        for (size_t i = 0; i < size; i++)
            out[i] = offset[i] - c * (0.5 * (z - w[i]) * (z - w[i]));
    else if (kind != LOGIT_BETA)
        for (size_t i = 0; i < size; i++) {
            const double far = kind == LOG_GAMMA ? z - w[i] : w[i] - z;
            const double d = far > 700.0 ? 700.0 : (far < -700.0 ? -700.0 : far);
            out[i] = offset[i] - c * (exp_less_one(d) - far);
        }
    else
        for (size_t i = 0; i < size; i++) {
            const double far = side[i] * (z - w[i]), d = far > 700.0 ? 700.0 : (far < -700.0 ? -700.0 : far);
            const double rest = far > d ? (1.0 - less[i]) * (far - d) : less[i] * (d - far);
            out[i] = offset[i] - c * (logit_fall(d, less[i]) + rest);
        }
}

/* Logs of terms that are linear in two statistics of the point. */
EACH_INSTRUCTION_SET
static void linear_terms(size_t size, const double *a, const double *b, const double *offset, double x,
                         double y, double *out)
{
    for (size_t i = 0; i < size; i++) {
        const double value = (x * a[i] + y * b[i]) + offset[i];
        out[i] = value == value ? value : -INFINITY; /* 0 times infinity */
    }
}

/* Sums over the even and over the odd nodes of rows with even and odd numbers, exp(top) being taken
 * out: how far they are apart says how good the rules are. */
struct classes {
    double top, sum[4];
};

/* Add the exponentials of size <= ROOM terms, the first of which is an even node or an odd one. */
EACH_INSTRUCTION_SET
static void add_terms(struct classes *s, size_t size, const double *terms, int row, int odd)
{
    double best = -INFINITY, sum[LANES];
    for (size_t i = 0; i < size; i++)
        best = terms[i] > best ? terms[i] : best;
    if (!(best > s->top - DEPTH))
        return;
    if (best > s->top) {
        const double fall = s->top > -INFINITY ? exp(s->top - best) : 0.0;
        for (int k = 0; k < 4; k++)
            s->sum[k] *= fall;
        s->top = best;
    }
    for (int k = 0; k < LANES; k++)
        sum[k] = 0.0;
    const size_t whole = size - size % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += exp_negative(terms[i + k] - s->top);
    for (size_t i = whole; i < size; i++)
        sum[i - whole] += exp_negative(terms[i] - s->top);
    for (int k = 0; k < LANES; k++)
        s->sum[2 * row + ((k + odd) & 1)] += sum[k];
}

/* The first of ascending w that is not below x. */
static inline size_t lower_bound(const double *w, size_t size, double x)
{
    size_t low = 0;
    while (size > 0) {
        const size_t half = size / 2;
        if (w[low + half] < x) {
            low += half + 1;
            size -= half + 1;
        } else
            size = half;
    }
    return low;
}

/* Lagrange's interpolation from NEIGHBOURS values of a uniform grid, by its barycentric form. */
static inline double interpolate(const double *values, double at, size_t size)
{
    static const double binomial[NEIGHBOURS] = {-1, 11, -55, 165, -330, 462, -462, 330, -165, 55, -11, 1};
    const double last = (double)(size - NEIGHBOURS);
    double first = floor(at) - (NEIGHBOURS / 2 - 1), up = 0.0, down = 0.0;
    first = first < 0.0 ? 0.0 : (first > last ? last : first);
    const double *near = values + (size_t)first;
    for (int i = 0; i < NEIGHBOURS; i++) {
        const double off = at - (first + i);
        if (off == 0.0)
            return near[i];
        const double weight = binomial[i] / off;
        up += weight * near[i];
        down += weight;
    }
    return up / down;
}

/* Log density of a component at its location: c is at least a hundred or so. */
static inline double log_height(int kind, double c, double w)
{
    double log_c = log(c) - 2.0 * HALF_LOG_TWO_PI;
    if (kind == NORMAL)
        return 0.5 * log_c;
    if (kind != LOGIT_BETA)
        return 0.5 * log_c - stirling_series(1.0 / c);
    const double small = exp(-fabs(w)), more = 1.0 / (1.0 + small), less = small * more;
    return 0.5 * (log_c + log(more * less)) - stirling_series(1.0 / (c * more))
           - stirling_series(1.0 / (c * less)) + stirling_series(1.0 / c);
}

/* Log of the integral over the locations of exp(interpolated values) times the component at z: a rule
 * of `order` nodes in widths of the component, with the logs of its weights (the normal density is
 * divided out). */
static inline double narrow_term(int kind, double c, double z, const double *values, size_t size,
                                 double start, double spacing, int order, const double *node,
                                 const double *log_weight)
{
    const double width = 1.0 / sqrt(concentration_at(kind, c, z));
    double terms[32], top = -INFINITY, sum = 0.0;
    for (int i = 0; i < order; i++) {
        const double w = z + width * node[i], at = (w - start) / spacing;
        terms[i] = -INFINITY;
        if (at < 0.0 || at > (double)(size - 1))
            continue;
        const double less = 1.0 / (1.0 + exp(fabs(w))), side = w > 0.0 ? -1.0 : 1.0;
        double one;
        close_terms(kind, 1, &w, &less, &side, &log_weight[i], c, z, &one);
        terms[i] = one + log_height(kind, c, w) + interpolate(values, at, size);
        top = terms[i] > top ? terms[i] : top;
    }
    if (!(top > -INFINITY))
        return -INFINITY;
    for (int i = 0; i < order; i++)
        sum += exp(terms[i] - top);
    return top + log(sum * width);
}

#endif
