/* A log likelihood of one effect as polynomials on panels of one width, with series beyond them.
 *
 * The table holds the log likelihood less its highest value. Beyond the panels it is a line less a
 * power series of e^theta (to the left) or e^-theta (to the right), of which three terms are enough,
 * and perhaps the log of a line that grows outward.
 */
#ifndef PYHIER_LIKELIHOOD_TABLE_H
#define PYHIER_LIKELIHOOD_TABLE_H

#include <math.h>
#include <stddef.h>

enum {
    TABLE_LEFT, TABLE_RIGHT, TABLE_PANELS, TABLE_PER_WIDTH,
    TABLE_BELOW,                    /* of either end: see below */
    TABLE_ABOVE = TABLE_BELOW + 8,
    TABLE_HEAD = TABLE_ABOVE + 8,
    TABLE_TERMS = 17                /* of a panel's polynomial on [-1, 1] */
};

/* Of an end: the line's slope and height; the three terms; the slope of the line whose log is added,
 * by its height; where the likelihood turns into these; and a rate r such that the slope is nowhere
 * further from the line's than r e^theta (or r e^-theta), infinite where there is none. */
enum { END_SLOPE, END_HEIGHT, END_TERMS, END_GROWTH = END_TERMS + 3, END_CORNER, END_RATE };

/* The series beyond an end; toward is 1 below the panels and -1 above them. */
static inline double end_series(const double *end, double theta, double toward, double *first,
                                double *second)
{
    const double *terms = end + END_TERMS, z = exp(toward * theta);
    const double one = terms[0] * z, two = terms[1] * z * z, three = terms[2] * z * z * z;
    *first = toward * (one + 2.0 * two + 3.0 * three);
    *second = one + 4.0 * two + 9.0 * three;
    return one + two + three;
}

/* Beyond an end, `away` from it. */
static inline double beyond_table(const double *end, double theta, double away, double toward,
                                  double *slope, double *bend)
{
    double first, second;
    const double growth = end[END_GROWTH], series = end_series(end, theta, toward, &first, &second);
    const double value = end[END_HEIGHT] + end[END_SLOPE] * away - series;
    *slope = end[END_SLOPE] - first;
    *bend = -second;
    if (growth == 0.0)
        return value;
    const double grown = 1.0 - toward * growth * away, rate = growth / grown;
    *slope -= toward * rate;
    *bend -= rate * rate;
    return value + log(grown);
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

/* The log likelihood at theta + d less `height`, that at theta, and less pull d; both derivatives at
 * theta + d. Beyond one end the line is taken off before, of which nothing is left far out. */
static inline double table_change(const double *table, double theta, double height, double d,
                                  double pull, double *slope, double *bend)
{
    const double there = table_at(table, theta + d, slope, bend);
    const int below = theta < table[TABLE_LEFT] && theta + d < table[TABLE_LEFT];
    if (!below && !(theta >= table[TABLE_RIGHT] && theta + d >= table[TABLE_RIGHT]))
        return there - height - pull * d;
    const double *end = table + (below ? TABLE_BELOW : TABLE_ABOVE), toward = below ? 1.0 : -1.0;
    const double away = theta - table[below ? TABLE_LEFT : TABLE_RIGHT], growth = end[END_GROWTH];
    double first, second;
    const double change = end_series(end, theta, toward, &first, &second)
                          - end_series(end, theta + d, toward, &first, &second);
    const double grown = growth == 0.0 ? 0.0 : log1p(-toward * growth * d
                                                     / (1.0 - toward * growth * away));
    return change + grown + (end[END_SLOPE] - pull) * d;
}

#endif
