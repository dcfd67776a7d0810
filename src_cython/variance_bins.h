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
#define SHORT_BLOCK 1024 /* groups whose sums are added to a span's at a time */

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

/* Sums about the bins' centres, added to table (bins, 3, TERMS); part has as much room. */
EACH_INSTRUCTION_SET
static void add_to_bins(size_t groups, size_t bins, const double *y, const int *bin,
                        const double *u, const double *centre, double *part, double *table)
{
    double t[TERMS];
    for (size_t start = 0; start < groups; start += SHORT_BLOCK) {
        const size_t end = start + SHORT_BLOCK < groups ? start + SHORT_BLOCK : groups;
        memset(part, 0, bins * MOMENTS * sizeof *part);
        for (size_t j = start; j < end; j++) {
            const double away = y[j] - centre[bin[j]], square = away * away;
            double *row = part + (size_t)bin[j] * MOMENTS;
            chebyshev_terms(u[j], t);
            for (int m = 0; m < TERMS; m++) {
                row[m] += t[m];
                row[TERMS + m] += away * t[m];
                row[2 * TERMS + m] += square * t[m];
            }
        }
        for (size_t k = 0; k < bins * MOMENTS; k++)
            table[k] += part[k];
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
