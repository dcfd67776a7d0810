/* The integral over both logits (two_risks.h) where it is narrower than logits bend: a product of equal
 * steps. */
#ifndef PYHIER_TWO_RISKS_ROUND_H
#define PYHIER_TWO_RISKS_ROUND_H

#include "two_risks_law.h"

#define ROUND_LEVELS 6
#define TABLED 768             /* nodes of the inner logit to a side, at most */
#define ROOM 22.0              /* sds of it that there is room for */

/* Sds up to which steps are this long, and by how much every other node may be off: of the longest
 * steps only the normal's own error is left, of the others less than the square. */
static const double ROUND_SD[ROUND_LEVELS] = {0.3, 0.6, 1.0, 1.5, 2.0, 2.8};
static const double ROUND_STEP[ROUND_LEVELS] = {0.75, 0.535, 0.38, 0.27, 0.19, 0.13};
static const double ROUND_ENOUGH[ROUND_LEVELS] = {2e-3, 3e-6, 3e-6, 3e-6, 3e-6, 3e-6};

#define ROW_SUMS 5             /* weight; e and its square; the inner slope less that at the mode, by e */

typedef struct round_mode {
    double w, r, outer_slope, inner_slope, outer_bend, inner_bend;
    double scale_w, scale_r, lean, follow; /* of r by w, of the inner logit by w */
    double rest_w, rest_r;                 /* slopes left over */
} round_mode;

/* The mode of w and r by Newton's method; whether it was found. */
static int find_round_mode(const count *own, const count *inner, const arms_law *f, round_mode *m)
{
    m->w = find_mode(own, f->mean_outer, f->log_v).away;
    m->r = find_mode(inner, f->mean_inner + f->b * m->w, f->log_s).away;
    for (int i = 0; i < 30; i++) {
        m->outer_slope = arm_slope(own, f->mean_outer + m->w, &m->outer_bend);
        m->inner_slope = arm_slope(inner, f->mean_inner + f->b * m->w + m->r, &m->inner_bend);
        /* r by its mean given w: what is left of the slopes goes over to w */
        const double bend = m->inner_bend + f->by_s2;
        m->rest_r = m->inner_slope - m->r * f->by_s2;
        m->rest_w = m->outer_slope - m->w * f->by_v2 + f->b * m->inner_slope;
        m->follow = f->b * f->by_s2 / bend;
        m->lean = -f->b * m->inner_bend / bend;
        const double total = m->outer_bend + f->by_v2 + f->b * m->inner_bend * m->follow;
        const double slope = m->rest_w + m->lean * m->rest_r;
        const double step = slope / total, own_step = m->rest_r / bend;
        m->scale_w = 1.0 / sqrt(total);
        m->scale_r = 1.0 / sqrt(bend);
        if (slope * step + m->rest_r * own_step < 1e-12)
            return 1;
        m->w += step;
        m->r += m->lean * step + own_step;
    }
    return 0;
}

/* The inner arm beside the mode, at places of its logit: its log's fall, and its slope less that at
 * the mode. Rows of all w have their nodes among these. */
typedef struct inner_table {
    long reach;
    double step;
    double fall[2 * TABLED + 2 * LANES], slope[2 * TABLED + 2 * LANES];
} inner_table;

EACH_INSTRUCTION_SET
static void fill_inner(const count *g, double t, inner_table *table)
{
    const double size = g->size, side = t < 0.0 ? 1.0 : -1.0, rate = expit_of(-fabs(t));
    const double log_rate = -softplus_of(fabs(t)), step = table->step;
    const double q = 1.0 - rate, v1 = rate * q, skew = 1.0 - 2.0 * rate;
    const double third = skew / 6.0, fourth = (1.0 - 6.0 * v1) / 24.0;
    const double fifth = skew * (1.0 - 12.0 * v1) / 120.0;
    const double sixth = (1.0 - 30.0 * v1 + 120.0 * v1 * v1) / 720.0;
    const int reach = (int)table->reach;
    double *restrict falls = table->fall, *restrict slopes = table->slope;
    for (int i = 0; i < 2 * reach; i++) { /* as `add_block` of normal_effects.h */
        const double toward = side * step * (double)(i - reach);
        const double wanted = toward > 30.0 ? log_rate + toward : toward;
        double rise;
        const double power = exp_both(wanted > HIGHEST_EXPONENT ? HIGHEST_EXPONENT : wanted, &rise);
        const double w_far = power - rate, w_near = rate * rise;
        const double w = toward > 30.0 ? w_far : w_near;
        const double u = 1.0 + w, inverse = 1.0 / u;
        const double whole = log_positive(u) + (w - (u - 1.0)) * inverse;
        const double series = v1 * toward * toward * (0.5 + toward * (third + toward * (fourth
                              + toward * (fifth + toward * sixth))));
        falls[i] = -size * (fabs(toward) < 0.01 ? series : whole - rate * toward);
        slopes[i] = -side * size * q * w * inverse;
    }
}

/* A row of nodes: its fall but for the inner arm's, b times d, where the inner logit is likeliest,
 * and the slope left over. */
typedef struct row {
    double fall, bd, at, by_s2, rest;
} row;

/* One block of nodes from first on. */
ALWAYS_INLINE static inline int add_row_block(const row *f, const inner_table *restrict table, long first,
                                              int outer, double (*restrict sums)[LANES])
{
    const double step = table->step, base = f->fall, bd = f->bd, at = f->at, rest = f->rest;
    const double half = 0.5 * f->by_s2, *restrict fall_of = table->fall + table->reach + first;
    const double *restrict slope_of = table->slope + table->reach + first;
    const double from = (double)first;
    double falls[LANES];
    for (int i = 0; i < LANES; i++) {
        const double d = step * (from + i), e = d - at, r = d - bd;
        const double fall = base + fall_of[i] - half * r * r + rest * e;
        double one, two;
        const double part = split_exp_at_once(fall, &one, &two);
        const double height = (1.0 + part) * one * two;
        const double weight = fall > -OUTER_CUT ? height : 0.0;
        const double bent = weight * slope_of[i];
        falls[i] = fall;
        sums[0][i] += weight;
        sums[1][i] += weight * e;
        sums[2][i] += weight * e * e;
        sums[3][i] += bent;
        sums[4][i] += bent * e;
    }
    return falls[outer] > -OUTER_CUT;
}

/* Whether the table reached far enough. */
EACH_INSTRUCTION_SET
static int add_row(const row *f, const inner_table *restrict table, double (*restrict sums)[LANES])
{
    const long reach = table->reach - LANES, start = LANES * lround(f->at / table->step / LANES);
    long k = start;
    if (start < -reach || start > reach - LANES)
        return 0;
    while (add_row_block(f, table, k, LANES - 1, sums))
        if ((k += LANES) > reach)
            return 0;
    k = start - LANES;
    while (k >= -reach && add_row_block(f, table, k, 0, sums))
        k -= LANES;
    return k >= -reach;
}

/* Add a row's sums to those over the outer line, with w at d from the mode. */
static void add_row_sums(const count *own, const arms_law *f, const round_mode *m, double d,
                         const double *part, double *sums)
{
    double bend;
    const double w = m->w + d, start = m->r + m->lean * d;
    const double own_slope = part[0] * arm_slope(own, f->mean_outer + w, &bend);
    const double r = start * part[0] + part[1];
    const double r2 = start * (start * part[0] + 2.0 * part[1]) + part[2];
    const double slope = m->inner_slope * part[0] + part[3];
    const double by_r = start * slope + m->inner_slope * part[1] + part[4];
    const int narrow = m->inner_bend < f->by_s2;
    const double p = narrow ? slope : r * f->by_s2;
    const double log_s = narrow ? by_r : r2 * f->by_s2 - part[0];
    const double all[LINES] = {part[0], part[0] * d, part[0] * d * d, r, r * d, r2, p, p * w, log_s,
                               own_slope, own_slope * w};
    for (int i = 0; i < LINES; i++)
        sums[i] += all[i];
}

/* The sums over all nodes of steps h; how far every other one is off, INFINITY if there is no room. */
static double round_sums(const count *own, const count *inner, const arms_law *f,
                         const round_mode *m, double h, double *sums)
{
    const double t = f->mean_outer + m->w, y = f->mean_inner + f->b * m->w + m->r;
    const double side = t < 0.0 ? 1.0 : -1.0, rare = expit_of(-fabs(t));
    const double log_rare = -softplus_of(fabs(t));
    double even_rows = 0.0, even_nodes = 0.0;
    inner_table table;
    table.step = h * m->scale_r;
    const double wide = (ROOM * m->scale_r + ROOM * fabs(m->follow) * m->scale_w) / table.step;
    if (!(wide + 3 * LANES < TABLED))
        return INFINITY;
    table.reach = LANES * (long)ceil(wide / LANES) + 2 * LANES;
    fill_inner(inner, y, &table);
    for (int i = 0; i < LINES; i++)
        sums[i] = 0.0;
    for (int way = 0; way < 2; way++)
        for (long k = -way;; k += way ? -1 : 1) {
            const double d = k * h * m->scale_w;
            double lanes[ROW_SUMS][LANES] = {{0.0}}, part[ROW_SUMS], even = 0.0, unused;
            const double fall = -own->size * log_excess(rare, log_rare, side * d)
                                - 0.5 * d * d * f->by_v2 + (m->rest_w + m->lean * m->rest_r) * d;
            const row one = {fall, f->b * d, m->follow * d, f->by_s2, m->rest_r};
            if (!(fall > -OUTER_CUT)) /* what the inner arm adds is nowhere above 0 */
                break;
            if (!add_row(&one, &table, lanes))
                return INFINITY;
            for (int i = 0; i < ROW_SUMS; i++)
                part[i] = over_lanes(lanes[i], i ? &unused : &even);
            if (part[0] == 0.0)
                break;
            add_row_sums(own, f, m, d, part, sums);
            even_nodes += even;
            if (!(k & 1))
                even_rows += part[0];
        }
    return fabs(1.0 - 2.0 * even_rows / sums[0]) + fabs(1.0 - 2.0 * even_nodes / sums[0]);
}

/* The same as `outer_law`; whether every other node says that it is close enough. */
static int round_law(const count *own, const count *inner, const arms_law *f, arms_found *found)
{
    round_mode m;
    double sums[LINES];
    if (!find_round_mode(own, inner, f, &m))
        return 0;
    const double widest = m.scale_w > m.scale_r ? m.scale_w : m.scale_r;
    for (int level = 0; level < ROUND_LEVELS; level++) {
        const double h = ROUND_STEP[level];
        if (!(widest < ROUND_SD[level])
            || !(round_sums(own, inner, f, &m, h, sums) <= ROUND_ENOUGH[level]))
            continue;
        found->log_integral = count_log_likelihood(own, f->mean_outer + m.w)
                              + count_log_likelihood(inner, f->mean_inner + f->b * m.w + m.r)
                              - 0.5 * (m.w * m.w * f->by_v2 + m.r * m.r * f->by_s2)
                              - 2.0 * HALF_LOG_2PI - f->log_v - f->log_s
                              + log(h * h * sums[0] * m.scale_w * m.scale_r);
        for (int i = 1; i < LINES; i++)
            sums[i] /= sums[0];
        by_sums(f, m.w, m.outer_bend, sums, found);
        return 1;
    }
    return 0;
}

#endif
