/* Events in two arms whose logits are a + c_1 theta and a + c_0 theta, c_1 - c_0 = 1, with
 * a ~ N(alpha, sigma^2) and theta ~ N(mu, tau^2): the integral over both, its derivatives, moments.
 *
 * Both logits are normal together. One arm's is the outer one, x = its mean + w with w ~ N(0, v^2);
 * the other one's is its mean + b w + r with r ~ N(0, s^2) apart from w. Given w the integral over
 * r is that of one count with a normal effect (normal_effects.h); as a function of w it is
 * log-concave and analytic, as is the outer arm's likelihood, so that sums over equal steps of w
 * converge exponentially (Trefethen and Weideman 2014, SIAM Review 56). Where the integrand is wide
 * the steps are of asinh about both places at which likelihoods end.
 *
 * Where it is narrower than logits bend, which is most often, the sum is over a product of equal
 * steps about the mode, along the axes in which it is round: a row of r beside each w, eight nodes at
 * a time. That it is close enough is seen from every other row, and every other node of a row.
 */
#ifndef PYHIER_TWO_RISKS_H
#define PYHIER_TWO_RISKS_H

#include "two_risks_round.h"

/* --- Any line: w beside the mode --------------------------------------------------------------- */

typedef struct outer_line {
    const count *own, *inner;
    const arms_law *law;
    double w;                       /* the mode */
    double rare, log_rare, side;    /* of the outer arm there: the rarer side, 1 if it is events */
    double slope, bend, residual;   /* of its log likelihood; the whole log's slope at the mode */
    double scale;                   /* the sd by the curvature */
    double log_inner, slope_inner;  /* the inner integral and b times its slope */
    double at_mode;                 /* log of the integrand */
} outer_line;

/* Where the likelihood of a count bends. */
static double corner_of(const count *g)
{
    return g->y == 0.0 ? -log(g->size) : g->y == g->size ? log(g->size) : g->hat;
}

/* The middle of a bracket on the line of asinh about a place. */
static double middle_about(double place, double low, double high)
{
    return place + sinh(0.5 * (asinh(low - place) + asinh(high - place)));
}

/* The mode of w, by Newton's method within what is known to hold it. */
static void find_outer_mode(outer_line *line)
{
    const arms_law *f = line->law;
    const double place = corner_of(line->own) - f->mean_outer;
    double low = -INFINITY, high = INFINITY, last = INFINITY, slopes[2], total;
    double w = find_mode(line->own, f->mean_outer, f->log_v).away;
    mode m;
    effect_means e;
    for (int i = 0;; i++) {
        line->log_inner = count_integral(line->inner, f->mean_inner + f->b * w, f->log_s, 0, &m, &e);
        effect_slopes(&m, &e, slopes);
        line->slope = arm_slope(line->own, f->mean_outer + w, &line->bend);
        line->slope_inner = f->b * slopes[0];
        line->residual = line->slope - w * f->by_v2 + line->slope_inner;
        total = line->bend + f->by_v2 + f->b * f->b * m.bend / (1.0 + m.bend / f->by_s2);
        double step = line->residual / total;
        if (step * line->residual < NEAR_MODE || i == MODE_STEPS || high - low <= 1e-15 * fabs(w))
            break;
        if (step > 0.0)
            low = w;
        else
            high = w;
        double next = w + step;
        if (!(next > low && next < high) || (fabs(step) > 0.5 * last && high - low < INFINITY))
            next = middle_about(place, low, high);
        last = fabs(next - w);
        w = next;
    }
    line->w = w;
    line->scale = 1.0 / sqrt(total);
    const double t = f->mean_outer + w;
    line->side = t < 0.0 ? 1.0 : -1.0;
    line->rare = expit_of(-fabs(t));
    line->log_rare = -softplus_of(fabs(t));
    line->at_mode = count_log_likelihood(line->own, t) - 0.5 * w * w * f->by_v2 - HALF_LOG_2PI
                    - f->log_v + line->log_inner;
}

/* The log of the integrand at d from the mode, by what it is there; with what `LINES` sums take. */
static double outer_fall(const outer_line *line, double d, double *value)
{
    const arms_law *f = line->law;
    double slopes[2], bend;
    mode m;
    effect_means e;
    const double w = line->w + d;
    const double inner = count_integral(line->inner, f->mean_inner + f->b * w, f->log_s, 0, &m, &e);
    const double fall = -line->own->size * log_excess(line->rare, line->log_rare, line->side * d)
                        - 0.5 * d * d * f->by_v2 + (line->residual - line->slope_inner) * d
                        + (inner - line->log_inner);
    if (value == NULL)
        return fall;
    effect_slopes(&m, &e, slopes);
    const double r = m.away + m.scale * e.v;
    const double own = arm_slope(line->own, f->mean_outer + w, &bend);
    const double all[LINES] = {1.0, d, d * d, r, d * r, r * r + m.scale * m.scale * (e.v2 - e.v * e.v),
                               slopes[0], slopes[0] * w, slopes[1], own, own * w};
    for (int k = 0; k < LINES; k++)
        value[k] = all[k];
    return fall;
}

/* Steps of d: equal ones by the scale, or of the sum of asinh about places, by their widths. */
typedef struct outer_steps {
    int places;
    double at[2], width[2]; /* from the mode */
    double scale;
} outer_steps;

static outer_steps outer_steps_of(const outer_line *line)
{
    const arms_law *f = line->law;
    const double reach = FAR_FROM_END * exp(f->log_v);
    outer_steps s = {0, {0.0, 0.0}, {1.0, 1.0}, line->scale};
    if (line->scale <= BENT_IF)
        return s;
    const double own = corner_of(line->own) - f->mean_outer - line->w;
    if (fabs(own) < reach)
        s.at[s.places++] = own;
    if (f->b != 0.0) {
        const double other = (corner_of(line->inner) - f->mean_inner) / f->b - line->w;
        const double width = fmax(1.0, exp(f->log_s)) / fabs(f->b);
        if (fabs(other) < reach && width < exp(f->log_v)) {
            s.width[s.places] = width;
            s.at[s.places++] = other;
        }
    }
    return s;
}

/* d at u steps of one, and its derivative by the scale; by Newton's method from d as it was. */
static double outer_place(const outer_steps *s, double u, double d, double *width)
{
    if (s->places == 0) {
        *width = 1.0;
        return s->scale * u;
    }
    for (int i = 0;; i++) {
        double value = -u, slope = 0.0;
        for (int k = 0; k < s->places; k++) {
            const double by = 1.0 / s->width[k];
            value += asinh((d - s->at[k]) * by) - asinh(-s->at[k] * by);
            slope += by / sqrt(1.0 + (d - s->at[k]) * (d - s->at[k]) * by * by);
        }
        const double step = value / slope;
        d -= step;
        *width = 1.0 / (slope * s->scale);
        if (fabs(step) <= 1e-13 * (1.0 + fabs(d)) || i == 60)
            break;
    }
    return d;
}

/* Add the nodes at (k + first) h to sums; those of even k alone to even. */
static void add_outer(const outer_line *line, const outer_steps *s, double first, double h,
                      double *sums, double *even)
{
    for (int side = 0; side < 2; side++) {
        double d = 0.0;
        for (long k = -side;; k += side ? -1 : 1) {
            double width, value[LINES];
            d = outer_place(s, (k + first) * h, d, &width);
            const double fall = outer_fall(line, d, value);
            if (!(fall > -OUTER_CUT))
                break;
            const double weight = exp(fall) * width;
            for (int i = 0; i < LINES; i++)
                sums[i] += weight * value[i];
            if (!(k & 1)) {
                even[0] += weight;
                even[1] += weight * d;
            }
        }
    }
}

static void outer_law(outer_line *line, arms_found *found)
{
    find_outer_mode(line);
    const outer_steps s = outer_steps_of(line);
    const double enough = s.places ? BENT_TOLERANCE : STEP_TOLERANCE;
    double h = s.places ? BENT_STEP : OUTER_STEP, last = 1.0, sums[LINES] = {0.0}, half[2] = {0.0};
    add_outer(line, &s, 0.0, h, sums, half);
    for (int level = 0;; level++) {
        const double by = 1.0 / (line->scale * sums[0]);
        const double change = fabs(1.0 - 2.0 * half[0] / sums[0])
                              + 0.2 * fabs(sums[1] - 2.0 * half[1]) * by;
        if (change <= (s.places ? BENT_AT_ONCE : AT_ONCE) || (change <= enough && last * last <= enough)
            || level == OUTER_LEVELS)
            break;
        double unused[2] = {0.0, 0.0};
        last = change;
        half[0] = sums[0];
        half[1] = sums[1];
        add_outer(line, &s, 0.5, h, sums, unused);
        h *= 0.5;
    }
    found->log_integral = line->at_mode + log(h * sums[0] * line->scale);
    for (int i = 1; i < LINES; i++)
        sums[i] /= sums[0];
    by_sums(line->law, line->w, line->bend, sums, found);
}

/* --- The whole --------------------------------------------------------------------------------- */

/* The arm that says more is the outer one. */
static int outer_arm(const count *arm)
{
    double first, second;
    const double share = arm[0].y / arm[0].size, other = arm[1].y / arm[1].size;
    first = arm[0].y * (1.0 - share);
    second = arm[1].y * (1.0 - other);
    if (first == 0.0 && second == 0.0)
        return arm[0].size < arm[1].size;
    return first < second;
}

/* Derivatives by mu, log tau, alpha and log sigma, added times a number. */
static void add_slopes(const arms_law *f, const arms_found *found, double times, double *gradient)
{
    const double turn = 2.0 * f->of_sigma * f->less * found->inner_w;
    gradient[0] += times * (f->own * found->outer + f->other * found->inner);
    gradient[1] += times * (f->of_tau * found->log_v + f->of_sigma * found->log_s + turn);
    gradient[2] += times * (found->outer + found->inner);
    gradient[3] += times * (f->of_sigma * found->log_v + f->of_tau * found->log_s - turn);
}

static void two_arms_law(const count *arm, double first, const double *x, arms_law *f,
                         arms_found *found)
{
    const int outer = outer_arm(arm);
    *f = arms_law_of(outer, first, x);
    if (!round_law(&arm[outer], &arm[1 - outer], f, found)) {
        outer_line line = {&arm[outer], &arm[1 - outer], f, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                           0.0, 0.0, 0.0};
        outer_law(&line, found);
    }
    if (x[1] > MOST_SPREAD || x[3] > MOST_SPREAD) {
        double slopes[4] = {0.0, 0.0, 0.0, 0.0};
        add_slopes(f, found, 1.0, slopes);
        found->log_integral += fmin(0.0, slopes[1] * fmax(x[1] - MOST_SPREAD, 0.0)
                                             + slopes[3] * fmax(x[3] - MOST_SPREAD, 0.0));
    }
}

/* --- Draws ------------------------------------------------------------------------------------- */

/* A draw of w by rejection: a log-concave density p with mode 0 is at most p(0) and
 * p(0) exp(1 - p(0) |d|) (Devroye 1986, Non-Uniform Random Variate Generation, VII.2). u has two
 * uniform numbers a try; NaN: they were too few. */
static double drawn_outer(const count *arm, double first, const double *x, const double *u,
                          size_t tries, arms_law *f)
{
    arms_found found;
    two_arms_law(arm, first, x, f, &found);
    outer_line line = {&arm[f->outer], &arm[1 - f->outer], f, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                       0.0, 0.0, 0.0};
    find_outer_mode(&line);
    const double reach = exp(found.log_integral - line.at_mode);
    for (size_t i = 0; i < tries; i++) {
        const double side = u[2 * i] < 0.5 ? -1.0 : 1.0;
        const double v = 4.0 * u[2 * i] - (side < 0.0 ? 0.0 : 2.0);
        const double away = v < 1.0 ? v : 1.0 - log(2.0 - v), bound = v < 1.0 ? 0.0 : 1.0 - away;
        if (log(u[2 * i + 1]) < outer_fall(&line, side * away * reach, NULL) - bound)
            return line.w + side * away * reach;
    }
    return NAN;
}

#endif
