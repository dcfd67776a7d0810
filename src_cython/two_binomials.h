/* Two binomial counts whose logits are a + theta and a, a on the whole line with weight one: the
 * integral over a as a function of theta.
 *
 * The integrand is log-concave, analytic within pi of the line, and falls off at least like
 * exp(-|a|): sums over equal steps are right to rounding (Trefethen and Weideman 2014, SIAM Review
 * 56). At d from its mode its log is, arm by arm, -n [log(1 + p (e^d - 1)) - p d], in which nothing
 * cancels however large the counts are.
 */
#ifndef PYHIER_TWO_BINOMIALS_H
#define PYHIER_TWO_BINOMIALS_H

#include <math.h>

typedef struct arms {
    double y, f, other_y, other_f; /* events and people without in both arms */
} arms;

/* An arm about one logit: the rarer side's probability, 1 if it is events; n p - y and n p (1 - p). */
typedef struct arm {
    double n, rare, side, excess, var;
} arm;

/* Steps: of a gamma variable's log of any shape, 1 / sd^2, so that what sums leave is 1e-16. */
#define STEPS_A_UNIT 2.6
#define STEPS_AN_SD 1.45
#define ARM_CUT 40.0    /* logs below the highest at which the integrand ends */
#define MOST_STEPS 5000 /* to a side: never reached */

static inline arm arm_about(double y, double f, double logit)
{
    const double e = exp(-fabs(logit)), n = y + f;
    arm m = {n, e / (1.0 + e), logit < 0.0 ? 1.0 : -1.0, 0.0, 0.0};
    m.excess = m.side > 0.0 ? n * m.rare - y : f - n * m.rare;
    m.var = n * m.rare / (1.0 + e);
    return m;
}

/* The arm's part of the fall of the log at d from there; n p less what it was; n p (1 - p). */
static inline double arm_fall(const arm *m, double d, double *more, double *var)
{
    const double toward = m->side * d, rise = expm1(toward), u = m->rare * rise;
    const double by = 1.0 / (1.0 + u);
    *more = m->side * m->var * rise * by;
    *var = m->var * (1.0 + rise) * by * by;
    return -m->n * (log1p(u) - m->rare * toward);
}

/* The mode of a, to rounding of what it is a root of: a quadratic's in exp(a). */
static inline double mode_of_risk(const arms *s, double theta)
{
    const double z = exp(theta), less = s->f + s->other_f, t = s->y + s->other_y;
    const double b = (s->f - s->other_y) * z + (s->other_f - s->y), a = less * z;
    const double root = sqrt(b * b + 4.0 * a * t);
    return b > 0.0 ? log(2.0 * t) - log(b + root) : log(root - b) - log(2.0 * a);
}

/* The log of the integral by its integrand at the mode of a. excess is the mean of n p - y in the
 * first arm, which is minus the slope in theta, and information minus the second derivative: by the
 * arm that says less, as the other one's are differences of larger numbers. */
static double risk_integral(const arms *s, double theta, double a, double *excess,
                            double *information)
{
    const arm first = arm_about(s->y, s->f, a + theta), other = arm_about(s->other_y, s->other_f, a);
    const double slope = first.excess + other.excess, by_sd = sqrt(first.var + other.var);
    const double h = 1.0 / (STEPS_A_UNIT + STEPS_AN_SD * (by_sd > 1.0 ? by_sd : 1.0));
    const int by_first = first.var < other.var;
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    for (int side = 0; side < 2; side++)
        for (int k = side; k < MOST_STEPS; k++) {
            const double d = side ? -k * h : k * h;
            double more[2], var[2];
            const double fall = arm_fall(&first, d, &more[0], &var[0])
                                + arm_fall(&other, d, &more[1], &var[1]) - slope * d;
            const double x = by_first ? more[0] : more[1], weight = exp(fall);
            if (fall < -ARM_CUT)
                break;
            sums[0] += weight;
            sums[1] += weight * x;
            sums[2] += weight * x * x;
            sums[3] += weight * (by_first ? var[0] : var[1]);
        }
    const double mean = sums[1] / sums[0];
    *excess = by_first ? first.excess + mean : -(other.excess + mean);
    *information = sums[3] / sums[0] - (sums[2] / sums[0] - mean * mean);
    return log(h * sums[0]);
}

#endif
