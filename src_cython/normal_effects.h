/* The integral over the normal effect of a group's count, and its moments, tails and draws.
 *
 * The integrand is that of normal_effect_mode.h. Sums over equal steps of d converge exponentially
 * (Trefethen and Weideman 2014, SIAM Review 56); steps are halved until a halving changes nothing that
 * matters, and its error is about the square of that. Where the integrand is wide, which is where the
 * likelihood is flat on one side (no success, or no failure), the steps are of u with
 * theta = c + sinh(u), c where the likelihood ends.
 */
#ifndef PYHIER_NORMAL_EFFECTS_H
#define PYHIER_NORMAL_EFFECTS_H

#include <math.h>
#include <stddef.h>

#include "exp_negative.h"
#include "instruction_sets.h"
#include "logarithm.h"
#include "normal_effect_mode.h"

#define EFFECT_CUT 36.0        /* logs below the highest at which the integrand is left out */
#define FIRST_STEP 1.07
#define STEP_TOLERANCE 3e-9    /* of a halving: what is left is about the square */
#define BENT_TOLERANCE 1e-11   /* of one by sinh, after which less is gained */
#define AT_ONCE 5e-7           /* of one where the integrand is nearly normal: 1e-14 is left */
#define AT_ONCE_IF_WIDE 1e-9   /* of one where it is wider, and need not be */
#define STEP_LEVELS 9

/* Means over the effect's law: powers of v = d / scale; of a, the slope of the log likelihood less
 * that at the mode; of b, the second derivative; with w = theta - eta. */
typedef struct effect_means {
    double log_integral, log_area; /* the second by the height and the scale */
    double v, v2, v3, v4;
    double a, a2, aw, a2w, a2w2, b, bw, bw2;
} effect_means;

/* Add one node to the sums of what derivatives take. */
static inline void add_detail(const mode *m, double d, double weight, double slope, double bend,
                              double *sums)
{
    const double v = d / m->scale, wv = weight * v;
    const double a = slope + m->slope, w = m->away + d, wa = weight * a;
    sums[4] += wv * v * v;
    sums[5] += wv * v * v * v;
    sums[6] += weight * slope * slope;
    sums[7] += wa * w;
    sums[8] += wa * a * w;
    sums[9] += wa * a * w * w;
    sums[10] += weight * bend;
    sums[11] += weight * bend * w;
    sums[12] += weight * bend * w * w;
}

/* Add what derivatives take of the nodes at (k + first) h; by steps to one side until the integrand
 * is nothing. */
static void add_details(const count *g, const mode *m, const steps *s, double first, double h,
                        double *sums)
{
    for (int side = 0; side < 2; side++)
        for (double k = side ? first - 1.0 : first;; k += side ? -1.0 : 1.0) {
            double width, slope, bend;
            const double d = place_at(s, m, k * h, &width);
            const double fall = log_fall_at(g, m, d, &slope, &bend);
            if (!(fall > -EFFECT_CUT))
                break;
            add_detail(m, d, exp(fall) * width, slope, bend, sums);
        }
}

/* What a loop over nodes takes of the group: the integrand is that of `log_fall_at`. rate is the
 * rarer side's probability, or a Poisson rate. */
typedef struct integrand {
    int binomial, bent;
    double size, rate, log_rate, side, precision;
    double grow, fade, scale, by_scale; /* e^u and e^-u of sinh; the scale and its inverse */
} integrand;

static inline integrand integrand_of(const count *g, const mode *m, const steps *s)
{
    const int binomial = g->kind == BINOMIAL_COUNT;
    integrand f = {binomial, s->bent, binomial ? g->size : 1.0, binomial ? m->rare : m->bend,
                   binomial ? m->log_rare : log(g->size) + m->t, binomial ? m->side : 1.0,
                   m->precision, exp(s->u), exp(-s->u), m->scale, 1.0 / m->scale};
    return f;
}

#define SUMMED 4 /* weight, weight v, weight v^2, weight of the slope */
#define HIGHEST_EXPONENT 700.0

/* exp(x) and exp(x) - 1 for x up to HIGHEST_EXPONENT. */
ALWAYS_INLINE static inline double exp_both(double x, double *less_one)
{
    double one, two;
    const double p = split_exp_at_once(x, &one, &two), power = one * two;
    *less_one = p * power + (power - 1.0);
    return (1.0 + p) * one * two;
}

/* One block of nodes from first on, h apart; whether the integrand still matters at its outer end. */
ALWAYS_INLINE static inline int add_block(const integrand *f, int bent, int binomial, double first,
                                          double h, int outer, double (*sums)[LANES])
{
    /* read here: a loop that reads in a branch is no vector loop */
    const double rate = f->rate, log_rate = f->log_rate, side = f->side, size = f->size;
    const double precision = f->precision, scale = f->scale, by_scale = f->by_scale;
    const double grow = f->grow, fade = f->fade;
    const double q = 1.0 - rate, v1 = rate * q, skew = 1.0 - 2.0 * rate;
    /* the series of what is left of the log, or of the exponential, after the second term */
    const double third = binomial ? skew / 6.0 : 1 / 6.;
    const double fourth = binomial ? (1.0 - 6.0 * v1) / 24.0 : 1 / 24.;
    const double fifth = binomial ? skew * (1.0 - 12.0 * v1) / 120.0 : 1 / 120.;
    const double sixth = binomial ? (1.0 - 30.0 * v1 + 120.0 * v1 * v1) / 720.0 : 1 / 720.;
    const double curve = binomial ? v1 : rate, near = binomial ? 0.01 : 0.02;
    double falls[LANES];
    for (int i = 0; i < LANES; i++) {
        const double x = first + i * h;
        double d = scale * x, width = 1.0;
        if (bent) {
            /* sinh(u + x) - sinh(u): the terms have one sign */
            const double held = x > HIGHEST_EXPONENT ? HIGHEST_EXPONENT
                                : x < -HIGHEST_EXPONENT ? -HIGHEST_EXPONENT : x;
            double up, down;
            const double e = exp_both(held, &up), by_e = exp_both(-held, &down);
            d = 0.5 * (grow * up - fade * down);
            width = 0.5 * (grow * e + fade * by_e) * by_scale;
        }
        const double toward = side * d, logged = log_rate + toward;
        const double wanted = toward > 30.0 ? logged : toward;
        double rise;
        const double power = exp_both(wanted > HIGHEST_EXPONENT ? HIGHEST_EXPONENT : wanted, &rise);
        const double w_far = power - rate, w_near = rate * rise;
        const double w = toward > 30.0 ? w_far : w_near; /* of the rate, from the mode */
        const double u = 1.0 + w, inverse = binomial ? 1.0 / u : 1.0;
        const double whole = binomial ? log_positive(u) + (w - (u - 1.0)) * inverse : w;
        const double series = curve * toward * toward * (0.5 + toward * (third + toward * (fourth
                              + toward * (fifth + toward * (sixth
                              + (binomial ? 0.0 : toward * (1 / 5040.)))))));
        const double rest = whole - rate * toward;
        const double excess = fabs(toward) < near ? series : rest;
        const double slope = binomial ? -side * size * q * w * inverse : -w;
        const double fall = -size * excess - 0.5 * d * d * precision;
        double one, two;
        const double part = split_exp_at_once(fall, &one, &two);
        const double height = (1.0 + part) * one * two * width, scaled = d * by_scale;
        const double weight = fall > -EFFECT_CUT ? height : 0.0;
        const double v = fall > -EFFECT_CUT ? scaled : 0.0;
        falls[i] = fall;
        sums[0][i] += weight;
        sums[1][i] += weight * v;
        sums[2][i] += weight * v * v;
        sums[3][i] += weight * (fall > -EFFECT_CUT ? slope : 0.0);
    }
    return falls[outer] > -EFFECT_CUT;
}

ALWAYS_INLINE static inline void add_side(const integrand *f, int bent, int binomial, double first,
                                          double h, double (*sums)[LANES])
{
    for (double k = first; add_block(f, bent, binomial, k * h, h, LANES - 1, sums); k += LANES)
        ;
    for (double k = first - LANES; add_block(f, bent, binomial, k * h, h, 0, sums); k -= LANES)
        ;
}

/* Add the nodes at (k + first) h, block by block to one side until the integrand is nothing: those of
 * even k to even lanes, the others to odd ones. */
EACH_INSTRUCTION_SET
static void add_nodes(const integrand *f, double first, double h, double (*sums)[LANES])
{
    if (f->binomial)
        f->bent ? add_side(f, 1, 1, first, h, sums) : add_side(f, 0, 1, first, h, sums);
    else
        f->bent ? add_side(f, 1, 0, first, h, sums) : add_side(f, 0, 0, first, h, sums);
}

/* The same where the log likelihood is a table's. */
static void add_table_nodes(const count *g, const mode *m, const steps *s, double first, double h,
                            double (*sums)[LANES])
{
    for (int side = 0; side < 2; side++)
        for (long node = -side;; node += side ? -1 : 1) {
            double width, slope, bend;
            const double d = place_at(s, m, (first + node) * h, &width);
            const double fall = log_fall_at(g, m, d, &slope, &bend), v = d / m->scale;
            if (!(fall > -EFFECT_CUT))
                break;
            const double weight = exp(fall) * width;
            const int lane = node & 1;
            sums[0][lane] += weight;
            sums[1][lane] += weight * v;
            sums[2][lane] += weight * v * v;
            sums[3][lane] += weight * slope;
        }
}

/* The sum over lanes, and that over lanes of even nodes alone. */
static inline double over_lanes(const double *lane, double *even)
{
    const double some = (lane[0] + lane[2]) + (lane[4] + lane[6]);
    *even = some;
    return some + ((lane[1] + lane[3]) + (lane[5] + lane[7]));
}

/* The sums over nodes of steps h, which are close enough: 13 of them, the first the integral over
 * its height and the scale. What a halving changes is seen in the mean too, whose error is large
 * where the integral's happens to be small. */
static double resolved_sums(const count *g, const mode *m, int detail, double *sums)
{
    const steps s = steps_about(g, m);
    const int tabled = g->kind == TABLE_COUNT;
    const integrand f = integrand_of(g, m, &s);
    const double enough = s.bent ? BENT_TOLERANCE : STEP_TOLERANCE;
    const double at_once = s.bent ? 0.0 : m->scale < 0.7 ? AT_ONCE : AT_ONCE_IF_WIDE;
    double h = 0.5 * FIRST_STEP, last, change, half[SUMMED], part[SUMMED][LANES] = {{0.0}};
    for (int i = 0; i < 13; i++)
        sums[i] = 0.0;
    tabled ? add_table_nodes(g, m, &s, 0.0, h, part) : add_nodes(&f, 0.0, h, part);
    for (int i = 0; i < SUMMED; i++)
        sums[i] = over_lanes(part[i], &half[i]);
    last = 1.0;
    for (int level = 0;; level++) {
        change = (fabs(sums[0] - 2.0 * half[0]) + 0.2 * fabs(sums[1] - 2.0 * half[1])) / sums[0];
        if (change <= at_once || (change <= enough && last * last <= enough)
            || level == STEP_LEVELS)
            break;
        last = change;
        tabled ? add_table_nodes(g, m, &s, 0.5, h, part) : add_nodes(&f, 0.5, h, part);
        for (int i = 0; i < SUMMED; i++) {
            double even;
            half[i] = sums[i];
            sums[i] = over_lanes(part[i], &even);
        }
        h *= 0.5;
    }
    if (detail)
        add_details(g, m, &s, 0.0, h, sums);
    return h;
}

/* The log of the integral alone, and the mean and variance of the effect. */
static double count_integral(const count *g, double eta, double log_tau, int detail, mode *m,
                             effect_means *e)
{
    double more = 0.0, sums[13];
    if (log_tau > MOST_LOG_TAU) { /* by the ratio of eta and tau: all else is next to tau as 0 */
        more = g->y == 0.0 || g->y == g->size ? 0.0 : MOST_LOG_TAU - log_tau;
        if (g->kind == POISSON_COUNT && g->y > 0.0)
            more = MOST_LOG_TAU - log_tau;
        if (g->kind == TABLE_COUNT && g->size > 0.0 && more == 0.0 && open_end(g)[END_GROWTH] > 0.0)
            more = log_tau - MOST_LOG_TAU;
        eta *= exp(MOST_LOG_TAU - log_tau);
        log_tau = MOST_LOG_TAU;
    }
    *m = find_mode(g, eta, log_tau < LEAST_LOG_TAU ? LEAST_LOG_TAU : log_tau);
    const double h = resolved_sums(g, m, detail, sums), total = sums[0];
    /* scale / tau, and the constant of the normal density */
    e->log_area = log(h * total);
    e->log_integral = m->log_likelihood - m->drop + e->log_area - 0.918938533204672741780329736406
                      - 0.5 * log1p(m->bend / m->precision) + more;
    e->v = sums[1] / total;
    e->v2 = sums[2] / total;
    e->a = sums[3] / total;
    if (detail) {
        e->v3 = sums[4] / total;
        e->v4 = sums[5] / total;
        e->a2 = sums[6] / total;
        e->aw = sums[7] / total;
        e->a2w = sums[8] / total;
        e->a2w2 = sums[9] / total;
        e->b = sums[10] / total;
        e->bw = sums[11] / total;
        e->bw2 = sums[12] / total;
    }
    return e->log_integral;
}

/* Derivatives of the log of the integral in eta and log tau. */
static void effect_slopes(const mode *m, const effect_means *e, double *slopes)
{
    const double w = m->away + m->scale * e->v;
    const double var = m->scale * m->scale * (e->v2 - e->v * e->v);
    slopes[0] = m->bend < m->precision ? m->slope + e->a : w * m->precision;
    slopes[1] = (w * w + var) * m->precision - 1.0;
}

/* Second derivatives: eta twice, eta and log tau, log tau twice. By moments of w where the data say
 * more than the population, by the likelihood's derivatives where they say less. */
static void effect_bends(const mode *m, const effect_means *e, double *bends)
{
    if (m->bend < m->precision) {
        const double a = m->slope + e->a;
        bends[0] = e->b + e->a2 - e->a * e->a;
        bends[1] = e->bw + e->a2w - a * e->aw;
        bends[2] = e->bw2 + e->aw + e->a2w2 - e->aw * e->aw;
        return;
    }
    const double s = m->scale, k = m->precision, x = m->away, w = x + s * e->v;
    const double var = s * s * (e->v2 - e->v * e->v);
    const double cov = s * s * s * (e->v3 - e->v * e->v2);
    const double of_squares = s * s * s * s * (e->v4 - e->v2 * e->v2);
    bends[0] = (var * k - 1.0) * k;
    bends[1] = ((2.0 * x * var + cov) * k - 2.0 * w) * k;
    bends[2] = ((4.0 * x * (x * var + cov) + of_squares) * k - 2.0 * (w * w + var)) * k;
}

/* --- Tails and draws -------------------------------------------------------------------------- */

/* Log tau within which all is resolved. */
static inline double held_log_tau(double log_tau)
{
    return fmin(fmax(log_tau, LEAST_LOG_TAU), MOST_LOG_TAU);
}

/* Steps from the mode to a place d. */
static inline double step_to(const steps *s, const mode *m, double d)
{
    return s->bent ? asinh(m->t + d - s->c) - s->u : d / m->scale;
}

/* The integral beyond d, on the side that is not the mode's, by the integrand's height there: Gauss
 * panels as long as a step, shorter where it is steep. */
static double tail_by_panels(const count *g, const mode *m, double d, int up, size_t order,
                             const double *node, const double *weight)
{
    const steps s = steps_about(g, m);
    double slope, bend, width, total = 0.0, start = step_to(&s, m, d);
    const double first = log_fall_at(g, m, d, &slope, &bend);
    if (!(first > -745.0))
        return 0.0;
    for (int panel = 0; panel < 4000; panel++) {
        const double from = place_at(&s, m, start, &width);
        const double fall = log_fall_at(g, m, from, &slope, &bend);
        const double steep = fabs(slope - from * m->precision) * width * m->scale;
        const double length = steep > 8.0 ? 8.0 / steep : 1.0;
        double part = 0.0;
        if (!(fall > first - EFFECT_CUT))
            break;
        for (size_t i = 0; i < order; i++) {
            const double x = start + (up ? 0.5 : -0.5) * length * (1.0 + node[i]);
            const double at = place_at(&s, m, x, &width);
            const double here = log_fall_at(g, m, at, &slope, &bend);
            if (here > -745.0)
                part += weight[i] * exp(here) * width;
        }
        total += 0.5 * length * part;
        start += up ? length : -length;
    }
    return total * m->scale;
}

/* A place to one side where the log of the integrand has fallen by about one, and its slope. */
static double about_one_down(const count *g, const mode *m, double d, double *fall, double *slope)
{
    double bend, low = 0.0, high = 0.0;
    for (int i = 0; i < 400; i++) {
        *fall = log_fall_at(g, m, d, slope, &bend);
        if (*fall > -0.5)
            low = d;
        else if (!(*fall > -2.0))
            high = d;
        else
            break;
        d = high == 0.0 ? 2.0 * d : low == 0.0 ? 0.5 * d : 0.5 * (low + high);
    }
    *slope -= d * m->precision;
    return d;
}

/* A draw by rejection from a bound: flat about the mode, exponential beyond where tangents on both
 * sides reach that (Gilks and Wild 1992, Applied Statistics 41). NaN: rejected. */
static double drawn_effect(const count *g, const mode *m, double first, double second)
{
    double slope, bend, left_fall, left_slope, right_fall, right_slope, d, bound = 0.0;
    const double left_at = about_one_down(g, m, -1.4 * m->scale, &left_fall, &left_slope);
    const double right_at = about_one_down(g, m, 1.4 * m->scale, &right_fall, &right_slope);
    const double low = left_at - left_fall / left_slope, high = right_at - right_fall / right_slope;
    const double left = 1.0 / left_slope, right = -1.0 / right_slope;
    double u = first * (left + (high - low) + right);
    if (u < left) {
        bound = log(u / left);
        d = low + left * bound;
    }
    else if (u - left < high - low)
        d = low + (u - left);
    else {
        bound = log(1.0 - (u - left - (high - low)) / right);
        d = high - right * bound;
    }
    return log(second) < log_fall_at(g, m, d, &slope, &bend) - bound ? m->t + d : NAN;
}

#endif
