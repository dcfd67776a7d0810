/* Groups' sums of Chebyshev polynomials of log var, on bins of width one.
 *
 * A function of x = log var such as 1 / (exp(x) + t) is analytic within pi of the real line, so on a
 * bin of width one its expansion in T_0 .. T_15 is good to (2 pi + sqrt(4 pi^2 + 1))^-16 = 2e-18 of
 * it; sums of T_m, T_m (y - centre) and T_m (y - centre)^2 over a bin's groups tell the sums of such
 * functions for every t.
 */
#ifndef PYHIER_VARIANCE_BINS_H
#define PYHIER_VARIANCE_BINS_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "instruction_sets.h"
#include "logarithm.h"

#define TERMS 16
#define MOMENTS (3 * TERMS)
#define SHORT_BLOCK 256 /* groups whose sums are added to a span's at a time */
#define ROOM (5 * SHORT_BLOCK)

/* T_0 .. T_15 at u: T_{m + 4} = 2 T_4 T_m - T_{|m - 4|}, four at a time. */
static inline void chebyshev_terms(double u, double *t)
{
    t[0] = 1.0;
    t[1] = u;
    t[2] = 2.0 * u * u - 1.0;
    t[3] = 2.0 * u * t[2] - u;
    const double twice = 2.0 * (2.0 * t[2] * t[2] - 1.0);
    t[4] = 0.5 * twice;
    t[5] = twice * t[1] - t[3];
    t[6] = twice * t[2] - t[2];
    t[7] = twice * t[3] - t[1];
    for (int m = 8; m < TERMS; m++)
        t[m] = twice * t[m - 4] - t[m - 8];
}

/* The bin of each group, and its place in it, from -1 to 1. */
EACH_INSTRUCTION_SET
static void places_in_bins(size_t groups, const double *var, double lowest, double last, int *bin,
                           double *u)
{
    for (size_t j = 0; j < groups; j++) {
        const double x = log_positive(var[j]) - lowest;
        double whole = floor(x);
        whole = whole < 0.0 ? 0.0 : whole > last ? last : whole;
        bin[j] = (int)whole;
        u[j] = 2.0 * (x - whole) - 1.0;
    }
}

/* y and u of each bin's groups side by side, in their order; at holds where each bin begins, and
 * where it ends afterwards. */
static void sort_by_bin(size_t groups, const double *y, const int *bin, const double *u, size_t *at,
                        double *y_sorted, double *u_sorted)
{
    for (size_t j = 0; j < groups; j++) {
        const size_t place = at[bin[j]]++;
        y_sorted[place] = y[j];
        u_sorted[place] = u[j];
    }
}

static inline double sum_of_lanes(const double *s)
{
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* The mean of a bin's y, counted from the first: y may be large beside their spread. */
EACH_INSTRUCTION_SET
static double mean_of_run(size_t groups, const double *y)
{
    double s[LANES] = {0.0};
    const size_t whole = groups - groups % LANES;
    for (size_t j = 0; j < whole; j += LANES)
        for (int i = 0; i < LANES; i++)
            s[i] += y[j + i] - y[0];
    for (size_t j = whole; j < groups; j++)
        s[j - whole] += y[j] - y[0];
    return y[0] + sum_of_lanes(s) / (double)groups;
}

/* Sums of at most SHORT_BLOCK groups of a bin about its centre, added to row (3, TERMS): groups lie
 * side by side in the lanes, and two polynomials are summed at a time. Room holds ROOM numbers. */
EACH_INSTRUCTION_SET
static void add_run(size_t groups, const double *restrict y, const double *restrict u,
                    double centre, double *restrict room, double *restrict row)
{
    double *restrict f = room, *restrict g = f + SHORT_BLOCK, *restrict twice = g + SHORT_BLOCK;
    double *restrict away = twice + SHORT_BLOCK, *restrict square = away + SHORT_BLOCK;
    const size_t padded = (groups + LANES - 1) / LANES * LANES;
    double s[6][LANES];
    for (size_t j = 0; j < groups; j++) {
        f[j] = 1.0;
        g[j] = u[j];
        twice[j] = 2.0 * u[j];
        away[j] = y[j] - centre;
        square[j] = away[j] * away[j];
    }
    for (size_t j = groups; j < padded; j++) /* these polynomials stay 0 */
        f[j] = g[j] = twice[j] = away[j] = square[j] = 0.0;
    for (int m = 0; m < TERMS; m += 2) {
        memset(s, 0, sizeof s);
        for (size_t start = 0; start < padded; start += LANES)
            for (int i = 0; i < LANES; i++) {
                const size_t j = start + i;
                const double a = f[j], b = g[j], d = away[j], q = square[j], w = twice[j];
                const double next = w * b - a;
                s[0][i] += a;
                s[1][i] += b;
                s[2][i] += d * a;
                s[3][i] += d * b;
                s[4][i] += q * a;
                s[5][i] += q * b;
                f[j] = next;
                g[j] = w * next - b;
            }
        for (int k = 0; k < 6; k++)
            row[k / 2 * TERMS + m + k % 2] += sum_of_lanes(s[k]);
    }
}

/* Sums about the bins' means: the bins' groups lie side by side, each ends at end. */
static void sums_of_bins(size_t bins, const size_t *end, const double *y, const double *u,
                         double *centre, double *table)
{
    double room[ROOM];
    size_t start = 0;
    for (size_t k = 0; k < bins; k++) {
        if (end[k] > start)
            centre[k] = mean_of_run(end[k] - start, y + start);
        for (; start < end[k]; start += SHORT_BLOCK) {
            const size_t left = end[k] - start;
            add_run(left < SHORT_BLOCK ? left : SHORT_BLOCK, y + start, u + start, centre[k],
                    room, table + k * MOMENTS);
        }
        start = end[k];
    }
}

/* Mean and variance of groups' effects, by the series of six functions of log var on each bin:
 * with r = y - origin they are origin + R r + M and C + Q r^2 + 2 L r + P. */
EACH_INSTRUCTION_SET
static void effects_by_series(size_t groups, const double *y, const int *bin, const double *u,
                              const double *series, double origin, double *mean, double *var,
                              double *rest)
{
    double t[TERMS];
    for (size_t j = 0; j < groups; j++) {
        const double *row = series + (size_t)bin[j] * 6 * TERMS;
        const double away = y[j] - origin;
        double f[6];
        chebyshev_terms(u[j], t);
        for (int k = 0; k < 6; k++) {
            double sums[4] = {0.0, 0.0, 0.0, 0.0};
            for (int m = 0; m < TERMS; m += 4)
                for (int i = 0; i < 4; i++)
                    sums[i] += row[k * TERMS + m + i] * t[m + i];
            f[k] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        }
        rest[j] = f[0];
        mean[j] = origin + (f[0] * away + f[1]);
        var[j] = f[2] + (away * (f[3] * away + 2.0 * f[4]) + f[5]);
    }
}

#endif
