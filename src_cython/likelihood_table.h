/* A log likelihood of one effect as polynomials on panels of one width, with series beyond them.
 *
 * The table holds the log likelihood less its highest value. Beyond the panels it is a line less a
 * power series of e^theta (to the left) or e^-theta (to the right), of which three terms are enough.
 */
#ifndef PYHIER_LIKELIHOOD_TABLE_H
#define PYHIER_LIKELIHOOD_TABLE_H

#include <math.h>
#include <stddef.h>

enum {
    TABLE_LEFT, TABLE_RIGHT, TABLE_PANELS, TABLE_PER_WIDTH,
    TABLE_BELOW,                    /* the line's slope and height, three terms */
    TABLE_ABOVE = TABLE_BELOW + 5,
    TABLE_HEAD = TABLE_ABOVE + 5,
    TABLE_TERMS = 17                /* of a panel's polynomial on [-1, 1] */
};

/* Beyond an end, `away` from it; toward is 1 below the panels and -1 above them. */
static inline double beyond_table(const double *end, double theta, double away, double toward,
                                  double *slope, double *bend)
{
    const double z = exp(toward * theta);
    const double one = end[2] * z, two = end[3] * z * z, three = end[4] * z * z * z;
    *slope = end[0] - toward * (one + 2.0 * two + 3.0 * three);
    *bend = -(one + 4.0 * two + 9.0 * three);
    return end[1] + end[0] * away - (one + two + three);
}

/* The log likelihood at theta less its highest, with its first and second derivatives. */
static inline double table_at(const double *table, double theta, double *slope, double *bend)
{
    if (theta < table[TABLE_LEFT])
        return beyond_table(table + TABLE_BELOW, theta, theta - table[TABLE_LEFT], 1.0, slope, bend);
    if (!(theta < table[TABLE_RIGHT]))
        return beyond_table(table + TABLE_ABOVE, theta, theta - table[TABLE_RIGHT], -1.0, slope,
                            bend);
    const double rate = table[TABLE_PER_WIDTH], at = (theta - table[TABLE_LEFT]) * rate;
    const double last = table[TABLE_PANELS] - 1.0, panel = floor(at) < last ? floor(at) : last;
    const double x = 2.0 * (at - panel) - 1.0;
    const double *c = table + TABLE_HEAD + (size_t)panel * TABLE_TERMS;
    double value = c[TABLE_TERMS - 1], first = 0.0, second = 0.0;
    for (int k = TABLE_TERMS - 2; k >= 0; k--) {
        second = second * x + first;
        first = first * x + value;
        value = value * x + c[k];
    }
    *slope = 2.0 * rate * first;
    *bend = 8.0 * rate * rate * second;
    return value;
}

#endif
