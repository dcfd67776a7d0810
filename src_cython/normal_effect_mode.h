/* A group's count given a normal effect: the likelihood, and the integrand about its mode.
 *
 * The count is binomial with logit theta, or Poisson with log rate theta (plus the log of an
 * exposure), or its log likelihood stands in a table (likelihood_table.h), as those of two arms
 * do; theta ~ N(eta, tau^2). The integrand is log-concave. With t its mode, d = theta - t and
 * p = expit(t), the log of what it is there over what it is at the mode is
 *
 *     -n [log(1 + p (e^d - 1)) - p d] - d^2 / (2 tau^2),   or   -rate (e^d - 1 - d) - d^2 / (2 tau^2),
 *
 * in which nothing cancels, however large the counts and small the standard deviations are.
 */
#ifndef PYHIER_NORMAL_EFFECT_MODE_H
#define PYHIER_NORMAL_EFFECT_MODE_H

#include <math.h>
#include <stddef.h>

#include "likelihood_table.h"

enum { BINOMIAL_COUNT, POISSON_COUNT, TABLE_COUNT };

/* size is the trials or the exposure, or the most that the count can be; hat the effect at which the
 * data is likeliest, infinite where no effect is, and highest the log probability there. */
typedef struct count {
    int kind;
    double y, size, hat, highest;
    const double *table; /* of a TABLE_COUNT */
} count;

/* The mode t and what goes with it: distance t - eta, log likelihood there with its slope and the
 * size of its curvature; 1 / tau^2. scale is the normal approximation's. */
typedef struct mode {
    double t, away, log_likelihood, slope, bend, precision, tau, scale;
    double drop; /* of the normal density's log from eta to t */
    double rare, log_rare, side; /* of a binomial: the rarer side's probability, 1 if it is success */
    double height, pull; /* of a table: what it says at the mode, and the slope */
} mode;

#define LEAST_LOG_TAU (-300.0) /* below which tau is as good as 0 */
#define MOST_LOG_TAU 300.0     /* above which all lengths but tau and eta are */
#define WIDE_EFFECT 1.5        /* scales beyond which steps are taken by sinh */
#define FAR_OUT 1e6            /* an eta whose last digits are many of a mode near 0 */
#define FAR_FROM_END 9.5       /* sds at which the likelihood's end is out of sight */

/* e^d - 1 - d */
static inline double exp_excess(double d)
{
    if (fabs(d) > 0.02)
        return expm1(d) - d;
    return d * d * (0.5 + d * (1 / 6. + d * (1 / 24. + d * (1 / 120. + d * (1 / 720.
           + d * (1 / 5040.))))));
}

/* log(1 + p (e^d - 1)) - p d, which are a Bernoulli variable's cumulants from the second on; p at
 * most about a half. */
static inline double log_excess(double p, double log_p, double d)
{
    if (fabs(d) < 0.01) {
        const double v = p * (1.0 - p), skew = 1.0 - 2.0 * p;
        return v * d * d * (0.5 + d * (skew / 6.0 + d * ((1.0 - 6.0 * v) / 24.0
               + d * (skew * (1.0 - 12.0 * v) / 120.0
               + d * (1.0 - 30.0 * v + 120.0 * v * v) / 720.0))));
    }
    if (d > 30.0) {
        const double up = log_p + d;
        return (up > 0.0 ? up + log1p((1.0 - p) * exp(-up))
                : log1p(exp(up) - p)) - p * d;
    }
    return log1p(p * expm1(d)) - p * d;
}

static inline double expit_of(double t)
{
    const double e = exp(-fabs(t));
    return (t > 0.0 ? 1.0 : e) / (1.0 + e);
}

/* log(1 + e^t) */
static inline double softplus_of(double t)
{
    return (t > 0.0 ? t : 0.0) + log1p(exp(-fabs(t)));
}

/* The log probability of the count given theta. */
static double count_log_likelihood(const count *g, double theta)
{
    const double f = g->size - g->y;
    double slope, bend;
    if (g->size == 0.0)
        return 0.0;
    if (g->kind == TABLE_COUNT)
        return g->highest + table_at(g->table, theta, &slope, &bend);
    if (g->kind == POISSON_COUNT)
        return g->y == 0.0 ? -g->size * exp(theta)
                           : g->highest - g->y * exp_excess(theta - g->hat);
    if (g->y == 0.0 || f == 0.0)
        return -g->size * softplus_of(f == 0.0 ? -theta : theta);
    const int less = g->y < f;
    const double share = (less ? g->y : f) / g->size, d = theta - g->hat;
    return g->highest - g->size * log_excess(share, log(share), less ? d : -d);
}

/* The slope of the log likelihood; the size of its second derivative. */
static inline double count_slope(const count *g, double theta, double *bend)
{
    if (g->kind == TABLE_COUNT) {
        double slope;
        table_at(g->table, theta, &slope, bend);
        *bend = -*bend;
        return slope;
    }
    if (g->kind == POISSON_COUNT) {
        const double rate = g->size * exp(theta);
        *bend = rate;
        return g->y - rate;
    }
    const double e = exp(-fabs(theta)), high = 1.0 / (1.0 + e), low = e * high;
    const double p = theta > 0.0 ? high : low, q = theta > 0.0 ? low : high;
    *bend = g->size * p * q;
    /* By the rarer side, where the other one rounds to 1. */
    return theta < 0.0 ? g->y - g->size * p : g->size * q - (g->size - g->y);
}

/* The slope where theta is near the likeliest effect: by the distance, of which nothing is lost. */
static inline double slope_near(const count *g, double d)
{
    const double share = g->y / g->size, rise = expm1(d);
    return g->kind == POISSON_COUNT ? -g->y * rise
                                    : -g->y * (1.0 - share) * rise / (1.0 + share * rise);
}

/* eta - t of a count of none: log of it is w in w + log(1 / (tau^2 n)) = log p(eta - e^w), which is
 * convex; n p(t) is the rate in a Poisson model. */
static double distance_of_none(const count *g, double eta, double log_tau)
{
    const double top = 2.0 * log_tau + log(g->size), high = top + eta;
    double w = high > 1.0 ? log(high - log(high)) : high;
    if (g->kind == BINOMIAL_COUNT) /* as n p is at most n */
        w = fmin(eta > 0.0 && high <= 1.0 ? top : w, top);
    for (int i = 0; i < 60; i++) {
        const double e = exp(w);
        double off, slope, step;
        if (g->kind == BINOMIAL_COUNT) {
            off = w - high + e + softplus_of(eta - e);
            slope = 1.0 + e * expit_of(e - eta);
        }
        else {
            off = w - high + e;
            slope = 1.0 + e;
        }
        step = off / slope;
        w -= step;
        if (!(fabs(step) >= 1e-13 * (1.0 + fabs(w))))
            break;
    }
    return exp(w);
}

/* Newton's method from a place in a bracket that halves. */
static double mode_between(const count *g, double eta, double precision, double low, double high,
                           double t)
{
    double last = high - low, bend;
    for (int i = 0; i < 300; i++) {
        const double f = count_slope(g, t, &bend) - (t - eta) * precision;
        const double total = bend + precision;
        double step = f / total, next = t + step;
        /* Of a halving it says nothing, where the integrand is wide. */
        /* The slope there is as steep as the mode is known, and tau times it is much in a wide one. */
        int close = step == 0.0
                    || (step * step * total < 1e-20 && fabs(step) < 1e-7 * (1.0 + fabs(t)));
        if (f > 0.0)
            low = t;
        else
            high = t;
        if (!(next >= low && next <= high) || fabs(step) > 0.5 * last) {
            next = 0.5 * (low + high);
            step = next - t;
            close = 0;
        }
        last = fabs(step);
        t = next;
        if (close || high - low <= 2e-16 * fabs(t))
            break;
    }
    return t;
}

/* The mode of a count that has a likeliest effect: it is between that and eta. */
static double mode_inside(const count *g, double eta, double precision)
{
    double bend;
    count_slope(g, g->hat, &bend);
    return mode_between(g, eta, precision, fmin(eta, g->hat), fmax(eta, g->hat),
                        eta + bend / (bend + precision) * (g->hat - eta));
}

/* The end of the line that a table's count, which is none or all, leaves open. */
static inline const double *open_end(const count *g)
{
    return g->table + (g->y == 0.0 ? TABLE_BELOW : TABLE_ABOVE);
}

/* The mode where a table's count is at an end. It is between eta and where the slope at eta would
 * take it; and, where the end has a rate, between eta and the mode of a Poisson count of none. Where
 * the likelihood grows like a line, it is about a root of a quadratic. */
static double mode_at_end(const count *g, double eta, double log_tau, double precision)
{
    const double *end = open_end(g), out = g->y == 0.0 ? -1.0 : 1.0;
    double bend, away = fabs(count_slope(g, eta, &bend)) / precision;
    if (end[END_RATE] < INFINITY) {
        const count far = {POISSON_COUNT, 0.0, end[END_RATE], -INFINITY, 0.0, NULL};
        away = fmin(away, distance_of_none(&far, -out * eta, log_tau));
    }
    away *= 1.0 + 1e-15; /* as eta plus it is rounded */
    double first = away;
    if (end[END_GROWTH] > 0.0) {
        const double edge = g->table[out < 0.0 ? TABLE_LEFT : TABLE_RIGHT];
        const double from = out * (eta - edge) + 1.0 / end[END_GROWTH]; /* where the line is 0 */
        const double root = hypot(from, 2.0 * exp(log_tau));
        first = fmin(away, from > 0.0 ? 2.0 / precision / (from + root) : 0.5 * (root - from));
    }
    return mode_between(g, eta, precision, out < 0.0 ? eta - away : eta,
                        out < 0.0 ? eta : eta + away, eta + out * first);
}

/* Seen from the other end, failures are successes: theta and eta change their signs. */
static inline count other_side(const count *g)
{
    count other = {g->kind, g->size - g->y, g->size, -g->hat, g->highest, NULL};
    return other;
}

/* Where the likelihood is open and eta far out beside the mode: as its distance from eta the mode has
 * lost the digits that a wide integrand needs of it. By the rate or probability that balances the
 * normal density's slope, which a mode so near hardly moves; and by Newton's method. */
static double closer_mode(const count *g, double eta, double precision, double t)
{
    const double out = g->y == 0.0 ? 1.0 : -1.0;
    for (int i = 0; g->kind != TABLE_COUNT && out * eta > FAR_OUT && i < 4; i++) {
        const double rate = out * (eta - t) * precision / g->size;
        const double next = log(rate) - (g->kind == BINOMIAL_COUNT ? log1p(-rate) : 0.0);
        if (!(fabs(next) < fabs(eta))) /* NaN, too */
            break;
        t = out * next;
    }
    for (int i = 0; i < 3; i++) {
        double bend;
        const double off = count_slope(g, t, &bend) - (t - eta) * precision;
        const double step = off / (bend + precision);
        if (!(fabs(step) <= 1e-6 * (1.0 + fabs(t))))
            break;
        t += step;
    }
    return t;
}

/* eta - t of a count of none, or how far eta is from 0 where the mode is near that. */
static double distance_or_all(const count *g, double eta, double log_tau, double precision)
{
    if (eta > FAR_OUT && eta * precision < 0.5 * g->size)
        return eta;
    return distance_of_none(g, eta, log_tau);
}

static mode find_mode(const count *g, double eta, double log_tau)
{
    mode m;
    m.tau = exp(log_tau);
    m.precision = exp(-2.0 * log_tau);
    if (g->size == 0.0) {
        m.t = eta;
        m.away = 0.0;
    }
    else if (g->kind == TABLE_COUNT && (g->y == 0.0 || g->y == g->size)) {
        m.t = mode_at_end(g, eta, log_tau, m.precision);
        m.away = m.t - eta;
    }
    else if (g->y == 0.0) {
        m.away = -distance_or_all(g, eta, log_tau, m.precision);
        m.t = eta + m.away;
    }
    else if (g->kind == BINOMIAL_COUNT && g->y == g->size) {
        const count other = other_side(g);
        m.away = distance_or_all(&other, -eta, log_tau, m.precision);
        m.t = eta + m.away;
    }
    else {
        m.t = mode_inside(g, eta, m.precision);
        m.away = m.t - eta;
    }
    const int open = g->y == 0.0 || (g->kind != POISSON_COUNT && g->y == g->size);
    if (g->size > 0.0 && open && fabs(m.away) > fabs(m.t)) {
        m.t = closer_mode(g, eta, m.precision, m.t);
        m.away = m.t - eta;
    }
    m.height = m.slope = m.bend = 0.0;
    if (g->kind != TABLE_COUNT)
        m.slope = count_slope(g, m.t, &m.bend);
    else if (g->size > 0.0) {
        m.height = table_at(g->table, m.t, &m.slope, &m.bend);
        m.bend = -m.bend;
    }
    m.pull = m.slope;
    if (g->kind != TABLE_COUNT && fabs(m.t - g->hat) < 1.0 && g->size > 0.0)
        m.slope = slope_near(g, m.t - g->hat);
    if (m.bend < m.precision)
        m.away = m.slope / m.precision; /* what the distance is, where that has lost its digits */
    else
        m.slope = m.away * m.precision;
    /* At the very t that the log likelihood is of, unless its last digits are much of tau. */
    m.drop = m.bend < m.precision && m.tau < 1e-7 * fabs(m.t)
                 ? 0.5 * m.slope * m.slope / m.precision
                 : 0.5 * (m.t - eta) * (m.t - eta) * m.precision;
    m.scale = 1.0 / sqrt(m.bend + m.precision);
    m.log_likelihood = count_log_likelihood(g, m.t);
    m.side = m.t < 0.0 ? 1.0 : -1.0;
    m.rare = expit_of(-fabs(m.t));
    m.log_rare = -softplus_of(fabs(m.t));
    return m;
}

/* Log of the integrand at d from the mode, by what it is there; the first and second derivatives of
 * the log likelihood, the first less what it is at the mode. */
static inline double log_fall_at(const count *g, const mode *m, double d, double *slope, double *bend)
{
    if (g->kind == TABLE_COUNT) {
        *slope = *bend = 0.0;
        if (g->size == 0.0)
            return -0.5 * d * d * m->precision;
        const double change = table_change(g->table, m->t, m->height, d, m->pull, slope, bend);
        *slope -= m->pull;
        return change - 0.5 * d * d * m->precision;
    }
    if (g->kind == POISSON_COUNT) {
        const double rise = expm1(d);
        *slope = d > 30.0 ? -exp(log(g->size) + m->t + d) : -m->bend * rise;
        *bend = *slope - m->bend;
        const double fall = d > 30.0 ? *slope + m->bend * (1.0 + d) : -m->bend * exp_excess(d);
        return fall - 0.5 * d * d * m->precision;
    }
    const double toward = m->side * d;
    double more;
    if (toward > 30.0)
        more = expit_of(m->log_rare - log1p(-m->rare) + toward) - m->rare;
    else {
        const double rise = expm1(toward);
        more = m->rare * (1.0 - m->rare) * rise / (1.0 + m->rare * rise);
    }
    *slope = -m->side * g->size * more;
    *bend = -g->size * (m->rare + more) * (1.0 - m->rare - more);
    return -g->size * log_excess(m->rare, m->log_rare, toward) - 0.5 * d * d * m->precision;
}

/* Where the likelihood of a wide integrand ends, and whether that is in sight. */
static int sinh_centre(const count *g, const mode *m, double *c)
{
    if (m->scale <= WIDE_EFFECT || g->size == 0.0)
        return 0;
    if (g->kind == TABLE_COUNT)
        *c = g->y == 0.0 || g->y == g->size ? open_end(g)[END_CORNER] : g->hat;
    else if (g->kind == POISSON_COUNT)
        *c = g->y == 0.0 ? -log(g->size) : g->hat;
    else
        *c = g->y == 0.0 ? -log(g->size) : g->y == g->size ? log(g->size) : g->hat;
    return fabs(m->t - *c) < FAR_FROM_END * m->tau;
}

typedef struct steps {
    int bent;
    double c, u; /* the centre of sinh, and the mode there */
} steps;

static inline steps steps_about(const count *g, const mode *m)
{
    steps s = {0, 0.0, 0.0};
    s.bent = sinh_centre(g, m, &s.c);
    if (s.bent)
        s.u = asinh(m->t - s.c);
    return s;
}

/* d at x steps of one from the mode, and its derivative over the scale. */
static inline double place_at(const steps *s, const mode *m, double x, double *width)
{
    if (!s->bent) {
        *width = 1.0;
        return m->scale * x;
    }
    *width = cosh(s->u + x) / m->scale;
    /* sinh(u + x) - sinh(u) */
    return 2.0 * cosh(s->u + 0.5 * x) * sinh(0.5 * x);
}

#endif
