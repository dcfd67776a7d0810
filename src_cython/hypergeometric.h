/* Fisher's noncentral hypergeometric distribution, of u = 0, ..., m = min(a, b).
 *
 * Its weights are C(a, u) C(b + g, b - u) z^u up to a constant, so that those of u + 1 and u are to
 * each other as (a - u) (b - u) z to (u + 1) (g + u + 1); g is not negative. Of a table of two arms
 * with n1 and n2 patients and t events, u is the events of the first arm less the fewest that there
 * can be, which are l = max(0, t - n2); a = n1 - l, b = t - l, g = |n2 - t|.
 */
#ifndef PYHIER_HYPERGEOMETRIC_H
#define PYHIER_HYPERGEOMETRIC_H

#include <math.h>

typedef struct margins {
    double a, b, g;
} margins;

#define LEAST_WEIGHT 1e-26 /* of the sum of weights, at which sums end */

/* The weight of u + 1 over that of u. */
static inline double weight_up(const margins *m, double u, double z)
{
    return (m->a - u) * (m->b - u) * z / ((u + 1.0) * (m->g + u + 1.0));
}

static inline double most_of(const margins *m)
{
    return m->a < m->b ? m->a : m->b;
}

/* The likeliest u, by the root of a quadratic; perhaps one off. */
static inline double likeliest(const margins *m, double theta)
{
    const double z = theta < 0.0 ? exp(theta) : 1.0, by = theta < 0.0 ? 1.0 : exp(-theta);
    const double c = (m->a + 1.0) * (m->b + 1.0) * z, b = (m->a + m->b + 2.0) * z + m->g * by;
    const double u = floor(2.0 * c / (b + sqrt(fmax(b * b - 4.0 * (z - by) * c, 0.0))));
    const double most = most_of(m);
    return u < most ? u : most;
}

/* Sums over u of weights by the one at `start`, times 1, (u - y) and (u - y)^2. */
static void weight_sums(const margins *m, double theta, double start, double y, double *sums)
{
    const double z = exp(theta), most = most_of(m);
    double weight = 1.0, d = start - y;
    sums[0] = 1.0;
    sums[1] = d;
    sums[2] = d * d;
    for (double u = start; u < most; u++) {
        weight *= weight_up(m, u, z);
        if (weight < LEAST_WEIGHT * sums[0])
            break;
        d = u + 1.0 - y;
        sums[0] += weight;
        sums[1] += weight * d;
        sums[2] += weight * d * d;
    }
    weight = 1.0;
    for (double u = start; u > 0.0; u--) {
        weight /= weight_up(m, u - 1.0, z);
        if (weight < LEAST_WEIGHT * sums[0])
            break;
        d = u - 1.0 - y;
        sums[0] += weight;
        sums[1] += weight * d;
        sums[2] += weight * d * d;
    }
}

/* A variate by inversion, from a uniform number: the places nearest the likeliest come first. */
static double hypergeometric_draw(const margins *m, double theta, double uniform)
{
    const double z = exp(theta), most = most_of(m), start = likeliest(m, theta);
    double sums[3], up = 1.0, down = 1.0, high = start, low = start, left;
    weight_sums(m, theta, start, 0.0, sums);
    left = uniform * sums[0] - 1.0;
    while (left >= 0.0 && (high < most || low > 0.0)) {
        up = high < most ? up * weight_up(m, high, z) : 0.0;
        down = low > 0.0 ? down / weight_up(m, low - 1.0, z) : 0.0;
        if (up < LEAST_WEIGHT * sums[0] && down < LEAST_WEIGHT * sums[0])
            break;
        high += high < most;
        low -= low > 0.0;
        if (left < up)
            return high;
        left -= up;
        if (left < down)
            return low;
        left -= down;
    }
    return start;
}

#endif
