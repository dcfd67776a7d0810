/* What a study's points with the same (mu, log tau) share (risk_tables.h). */
#ifndef PYHIER_RISK_COLUMNS_H
#define PYHIER_RISK_COLUMNS_H

#include <stdlib.h>

#include "lanes.h"
#include "two_risks.h"

#define FALLEN 120.0       /* logs below the highest at which tables of an arm end */
#define FLAT_FAR 120.0     /* how far they go where one does not fall */
#define NARROWEST 3.0      /* steps to the sd of a normal density, at least */
#define NORMAL_REACH 24.0  /* sds of it */
#define FINER 3            /* levels beyond the first */
#define COARSEST 3         /* level */
#define FINEST_LEVEL 24
#define MOST_NODES 16384L   /* of a column */
#define MOST_TABLED 131072L
#define EVERY_OTHER 2e-6   /* of a sum, that every other node is off: what is left is the square */
#define ENDS 1e-14         /* of a sum: its outermost terms */
#define MOST_RULE 13
#define RULES 3

/* Log probabilities, less the highest, exp'ed at steps of 2^-level from first on. */
typedef struct arm_table {
    long first, count;
    double *values;        /* NULL: not made, or too long */
} arm_table;

typedef struct tabled_arm {
    count data;
    double highest, low, high;  /* the highest log; where the tables end */
    arm_table at[FINER + 1];
} tabled_arm;

typedef struct tabled_study {
    tabled_arm arm[2];
    double first;               /* c of the first arm */
    int level;                  /* of the steps to begin with */
    double width;               /* of the likelihoods, about */
    long turn[2], stride;       /* steps of both logits by one of theta; theta's step by that of a */
} tabled_study;

/* Gauss-Hermite rules of the standard normal distribution, the least first. */
typedef struct rule {
    int order;
    double node[MOST_RULE], weight[MOST_RULE];
} rule;

/* H over a; of it by log and per node, and means of (theta - mu) / tau and its square there, which
 * are NULL where they were not asked for. */
typedef struct risk_column {
    long first, count;          /* 0: none that is good */
    double log_scale;
    double *values, *logs, *mean, *square;
} risk_column;

static double arm_log(const count *g, double t)
{
    return g->size == 0.0 ? 0.0 : count_log_likelihood(g, t);
}

/* Where the log has fallen by so much on a side of a place; `far` if it has not by there. */
static double fallen(const count *g, double highest, double from, double far, double by)
{
    double inside = from, outside = far;
    if (arm_log(g, far) > highest - by)
        return far;
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (inside + outside);
        if (arm_log(g, middle) > highest - by)
            inside = middle;
        else
            outside = middle;
    }
    return inside;
}

static void table_arm(tabled_arm *arm, double *bend)
{
    const count *g = &arm->data;
    const int flat = g->size == 0.0, none = g->y == 0.0, all = g->y == g->size;
    const double corner = flat ? 0.0 : none ? -log(g->size) : all ? log(g->size) : g->hat;
    const double steep = none || all ? 70.0 + 2.0 * fabs(corner) : 400.0;
    arm->highest = none || all ? 0.0 : g->highest;
    arm->low = fallen(g, arm->highest, none ? corner - FLAT_FAR : corner,
                      none ? corner - FLAT_FAR : corner - (flat ? FLAT_FAR : steep), FALLEN);
    arm->high = fallen(g, arm->highest, all ? corner + FLAT_FAR : corner,
                       all ? corner + FLAT_FAR : corner + (flat ? FLAT_FAR : steep), FALLEN);
    *bend = 0.0;
    for (int side = 0; side < 2 && !flat; side++) {
        const double end = side ? arm->high : arm->low;
        const double at = fallen(g, arm->highest, corner, end, 3.0), p = expit_of(-fabs(at));
        *bend = fmax(*bend, g->size * p * (1.0 - p));
    }
}

static void table_study(const count *arm, double first, tabled_study *s)
{
    double bend = 0.0;
    memset(s, 0, sizeof *s);
    s->first = first;
    for (int i = 0; i < 2; i++) {
        double one;
        s->arm[i].data = arm[i];
        table_arm(&s->arm[i], &one);
        bend = fmax(bend, one);
    }
    s->stride = first == 0.5 ? 2 : 1;
    s->turn[0] = first == 0.0 ? 0 : 1;
    s->turn[1] = first == 1.0 ? 0 : -1;
    const double level = ceil(log2(NARROWEST * sqrt(fmax(bend, 1e-6))));
    s->level = level < COARSEST ? COARSEST : level > FINEST_LEVEL ? FINEST_LEVEL : (int)level;
    s->width = NARROWEST * ldexp(1.0, -s->level);
}

/* The table of an arm at a level; its values are NULL where it is too long. */
static const arm_table *arm_at(tabled_study *s, int which, int level)
{
    tabled_arm *arm = &s->arm[which];
    arm_table *t = &arm->at[level - s->level];
    const double h = ldexp(1.0, -level), from = ceil(arm->low / h), to = floor(arm->high / h);
    if (t->values != NULL || t->count < 0)
        return t;
    t->count = -1;
    if (!(to - from < (double)MOST_TABLED) || to < from)
        return t;
    t->values = malloc((size_t)(to - from + 1.0) * sizeof *t->values);
    if (t->values == NULL)
        return t;
    t->first = (long)from;
    t->count = (long)(to - from) + 1;
    for (long i = 0; i < t->count; i++)
        t->values[i] = exp(arm_log(&arm->data, (from + i) * h) - arm->highest);
    return t;
}

static void free_study(tabled_study *s)
{
    for (int i = 0; i < 2; i++)
        for (int k = 0; k <= FINER; k++)
            free(s->arm[i].at[k].values);
}

/* Which rule integrates over a normal density so narrow by the likelihoods' width. */
static const rule *rule_for(const rule *rules, double narrow)
{
    return &rules[narrow > 0.02 ? 2 : narrow > 1e-3 ? 1 : 0];
}

/* --- Columns ----------------------------------------------------------------------------------- */

/* Steps k s with k + turn l within [low, high] for some l within [from, to]. */
static void within(long low, long high, long turn, double from, double to, double *least,
                   double *most)
{
    const double a = turn * from, b = turn * to;
    *least = fmax(*least, low - fmax(a, b));
    *most = fmin(*most, high - fmin(a, b));
}

/* The nodes of theta: weights at steps of it from `first` on, every `by` steps of the tables. */
typedef struct normal_steps {
    long first, count, by;
    double *weight, *away;   /* away: by tau, from mu */
} normal_steps;

/* What a column is made of. */
typedef struct column_parts {
    tabled_study *s;
    const arm_table *arm[2];
    long by;                 /* steps of the tables to one of a */
    double h;                /* of a */
    double mu, tau;
    normal_steps theta;
} column_parts;

static long floor_of(long a, long by)
{
    return a >= 0 ? a / by : -((by - 1 - a) / by);
}

/* The l at which from + turn l is one of `count` places. */
static void narrow_range(long turn, long from, long count, long *low, long *high)
{
    long least = *low, most = *high;
    if (turn == 0 && (from < 0 || from >= count))
        most = least - 1;
    else if (turn > 0) {
        least = -floor_of(from, turn);
        most = floor_of(count - 1 - from, turn);
    }
    else if (turn < 0) {
        least = -floor_of(count - 1 - from, -turn);
        most = floor_of(from, -turn);
    }
    *low = least > *low ? least : *low;
    *high = most < *high ? most : *high;
}

/* Sums over theta at a place of a: all, those of every other node, the ends. */
static void column_node(const column_parts *c, long k, int moments, double *sum, double *even,
                        double *ends)
{
    const arm_table *p = c->arm[0], *q = c->arm[1];
    const long turn = c->s->turn[0] * c->theta.by, other = c->s->turn[1] * c->theta.by;
    const long at = k * c->by - p->first, beside = k * c->by - q->first;
    long low = c->theta.first, high = c->theta.first + c->theta.count - 1;
    narrow_range(turn, at, p->count, &low, &high);
    narrow_range(other, beside, q->count, &low, &high);
    *even = *ends = sum[0] = sum[1] = sum[2] = 0.0;
    if (high < low)
        return;
    const double *weight = c->theta.weight + (low - c->theta.first);
    const double *one = p->values + (at + turn * low), *two = q->values + (beside + other * low);
    const long count = high - low + 1;
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    long i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; k++)
            sums[k] += weight[i + k] * one[turn * (i + k)] * two[other * (i + k)];
    for (; i < count; i++)
        sums[i & 3] += weight[i] * one[turn * i] * two[other * i];
    *even = sums[0] + sums[2];
    sum[0] = *even + (sums[1] + sums[3]);
    i = count - 1;
    *ends = weight[0] * one[0] * two[0] + weight[i] * one[turn * i] * two[other * i];
    for (i = 0; moments && i < count; i++) {
        const double away = c->theta.away[low - c->theta.first + i];
        const double value = weight[i] * one[turn * i] * two[other * i] * away;
        sum[1] += value;
        sum[2] += value * away;
    }
}

/* The same by a rule. */
static void rule_node(const column_parts *c, const rule *r, long k, double *sum)
{
    const tabled_study *s = c->s;
    const double a = k * c->h;
    sum[0] = sum[1] = sum[2] = 0.0;
    for (int i = 0; i < r->order; i++) {
        const double z = r->node[i], theta = c->mu + c->tau * z;
        const double value = r->weight[i] * exp(
            (arm_log(&s->arm[0].data, a + s->first * theta) - s->arm[0].highest)
            + (arm_log(&s->arm[1].data, a + (s->first - 1.0) * theta) - s->arm[1].highest));
        sum[0] += value;
        sum[1] += value * z;
        sum[2] += value * z * z;
    }
}

/* The weights of theta's nodes, where neither arm's table ends; 0 if they are too many. */
static int theta_steps(column_parts *c, double h)
{
    normal_steps *t = &c->theta;
    const double step = c->s->stride * h * t->by, apart = (c->s->turn[0] - c->s->turn[1]) * t->by;
    const arm_table *p = c->arm[0], *q = c->arm[1];
    const double low = fmax(ceil((c->mu - NORMAL_REACH * c->tau) / step),
                            (double)(p->first - q->first - q->count) / apart - 1.0);
    const double high = fmin(floor((c->mu + NORMAL_REACH * c->tau) / step),
                             (double)(p->first + p->count - q->first) / apart + 1.0);
    if (!(high >= low) || !(high - low < (double)MOST_TABLED))
        return 0;
    t->first = (long)ceil(low);
    t->count = (long)floor(high) - t->first + 1;
    if (t->count < 1)
        return 0;
    t->weight = malloc(2 * (size_t)t->count * sizeof *t->weight);
    if (t->weight == NULL)
        return 0;
    t->away = t->weight + t->count;
    for (long i = 0; i < t->count; i++) {
        const double z = ((t->first + i) * step - c->mu) / c->tau;
        t->away[i] = z;
        t->weight[i] = exp(-0.5 * z * z - HALF_LOG_2PI) * (step / c->tau);
    }
    return 1;
}

/* From where to where a may be, in steps of it. */
static void column_range(const column_parts *c, double from, double to, double *low, double *high)
{
    const double by = (double)c->by;
    double least = -INFINITY, most = INFINITY;
    for (int i = 0; i < 2; i++)
        within(c->arm[i]->first, c->arm[i]->first + c->arm[i]->count - 1, c->s->turn[i], from, to,
               &least, &most);
    if (c->s->stride == 2) {
        least = fmax(least, 0.5 * (double)(c->arm[0]->first + c->arm[1]->first));
        most = fmin(most, 0.5 * (double)(c->arm[0]->first + c->arm[0]->count + c->arm[1]->first
                                         + c->arm[1]->count));
    }
    *low = ceil(least / by);
    *high = floor(most / by);
}

/* Keep the nodes about the highest one that are good. */
static void keep_good(risk_column *v, const double *good)
{
    long top = 0, low, high;
    double scale;
    for (long k = 1; k < v->count; k++)
        if (v->values[k] > v->values[top])
            top = k;
    scale = v->values[top];
    for (low = top; low >= 0 && good[low] > 0.0 && v->values[low] > 0.0; low--)
        ;
    for (high = top; high < v->count && good[high] > 0.0 && v->values[high] > 0.0; high++)
        ;
    low++;
    v->count = high > low ? high - low : 0;
    v->first += low;
    v->log_scale += v->count > 0 ? log(scale) : 0.0;
    for (long k = 0; k < v->count; k++) {
        const double value = v->values[low + k], by = 1.0 / value;
        v->values[k] = value / scale;
        if (v->mean != NULL) {
            v->mean[k] = v->mean[low + k] * by;
            v->square[k] = v->square[low + k] * by;
        }
    }
}

/* A column at a level of a's steps, with moments or without; without nodes where none is good. */
static void make_column(tabled_study *s, const rule *rules, int level, double mu, double log_tau,
                        int moments, risk_column *v)
{
    const double tau = exp(held(log_tau));
    double low, high, from, to, *good;
    int fine = s->level;
    column_parts c;
    memset(v, 0, sizeof *v);
    memset(&c, 0, sizeof c);
    while (fine < s->level + FINER && tau < NARROWEST * s->stride * ldexp(1.0, -fine))
        fine++;
    const int by_steps = tau >= NARROWEST * s->stride * ldexp(1.0, -fine);
    const int tables = by_steps && fine > level ? fine : level;
    const double h = ldexp(1.0, -tables);
    const rule *r = rule_for(rules, tau / (s->stride * s->width));
    c.s = s;
    c.mu = mu;
    c.tau = tau;
    c.h = ldexp(1.0, -level);
    c.by = 1L << (tables - level);
    for (int i = 0; i < 2; i++)
        if ((c.arm[i] = arm_at(s, i, tables))->values == NULL)
            return;
    if (by_steps) {
        c.theta.by = 1L << (tables - fine);
        if (!theta_steps(&c, h))
            return;
        from = (double)(c.theta.first * c.theta.by);
        to = from + (double)((c.theta.count - 1) * c.theta.by);
    }
    else {
        const double reach = r->node[r->order - 1] * tau;
        from = (mu - reach) / (s->stride * h);
        to = (mu + reach) / (s->stride * h);
    }
    column_range(&c, from, to, &low, &high);
    v->count = high >= low && high - low < MOST_NODES ? (long)(high - low) + 1 : 0;
    v->values = v->count ? malloc((moments ? 4 : 2) * (size_t)v->count * sizeof *v->values) : NULL;
    if (v->values == NULL)
        v->count = 0;
    v->first = v->count ? (long)low : 0;
    v->log_scale = s->arm[0].highest + s->arm[1].highest;
    good = v->values + v->count;
    v->mean = moments && v->count ? good + v->count : NULL;
    v->square = v->mean == NULL ? NULL : v->mean + v->count;
    for (long k = 0; k < v->count; k++) {
        double sum[3], even, ends;
        good[k] = 1.0;
        if (by_steps) {
            column_node(&c, v->first + k, moments, sum, &even, &ends);
            good[k] = fabs(2.0 * even - sum[0]) <= EVERY_OTHER * sum[0] && ends <= ENDS * sum[0];
        }
        else
            rule_node(&c, r, v->first + k, sum);
        v->values[k] = sum[0];
        if (v->mean != NULL) {
            v->mean[k] = sum[1];
            v->square[k] = sum[2];
        }
    }
    if (v->count)
        keep_good(v, good);
    free(c.theta.weight);
}

#endif
