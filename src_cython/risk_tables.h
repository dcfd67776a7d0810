/* One study's likelihood in two arms (two_risks.h) at many points that share their coordinates.
 *
 * With a ~ N(alpha, sigma^2) and theta ~ N(mu, tau^2) apart from each other the probability is
 *
 *     integral of N(a; alpha, sigma) H(a; mu, tau) da,  H = integral of N(theta; mu, tau) p_1 p_0,
 *
 * p_1 and p_0 those of both arms at their logits: by sums over equal steps that all points share it
 * is a product of rows, one for each (alpha, sigma), and columns, one for each (mu, tau). All steps
 * are 2^-level and start at 0, so that logits are on the grid too and each arm is tabled once.
 *
 * A spread that is narrower than the steps takes finer ones, and below an eighth of the likelihoods'
 * width a Gauss-Hermite rule: over theta at once, over a by polynomials through the logs of H. Sums
 * over steps are compared with those over every other node, and their ends with the whole; what
 * fails goes the other way (two_risks.h).
 */
#ifndef PYHIER_RISK_TABLES_H
#define PYHIER_RISK_TABLES_H

#include "risk_columns.h"

#define STENCIL 12         /* of a polynomial */
#define BY_RULE 0.125      /* of the likelihoods' width, up to which a rule is enough */
#define EACH_SIDE 40       /* of a normal density, nodes between the steps of a table */
#define FARTHEST 1e9       /* of logits */
#define ROW_STEP 0.4       /* sds from one to the next */

/* A normal density by the step, or a rule's nodes with what polynomials take. */
typedef struct risk_row {
    int narrow, finer;
    long first, count;          /* of the weights, or nodes of the rule */
    double *weight;
    long *start;
    double *by;                 /* (nodes, STENCIL) */
} risk_row;

/* --- Rows -------------------------------------------------------------------------------------- */

/* Of (alpha, sigma), at a study's steps: weights, or a rule's nodes with polynomials. */
static void make_row(const tabled_study *s, const rule *rules, double alpha, double log_sigma, risk_row *g)
{
    const double sigma = exp(held(log_sigma));
    memset(g, 0, sizeof *g);
    if (!(fabs(alpha) < FARTHEST)) /* whose places are no numbers of steps */
        return;
    double h = ldexp(1.0, -s->level);
    g->narrow = sigma < NARROWEST * h;
    if (!g->narrow) {
        const tabled_arm *p = &s->arm[0], *q = &s->arm[1];
        const double least = s->stride == 2 ? 0.5 * (p->low + q->low) : s->turn[0] ? q->low : p->low;
        const double most = s->stride == 2 ? 0.5 * (p->high + q->high)
                                           : s->turn[0] ? q->high : p->high;
        const double low = ceil(fmax(least, alpha - NORMAL_REACH * sigma) / h);
        const double high = floor(fmin(most, alpha + NORMAL_REACH * sigma) / h);
        if (!(high >= low) || !(high - low < (double)MOST_TABLED))
            return;
        g->weight = malloc((size_t)(high - low + 1.0) * sizeof *g->weight);
        if (g->weight == NULL)
            return;
        g->first = (long)low;
        g->count = (long)(high - low) + 1;
        for (long i = 0; i < g->count; i++) {
            const double z = ((low + i) * h - alpha) / sigma;
            g->weight[i] = exp(-0.5 * z * z - HALF_LOG_2PI) * (h / sigma);
        }
        return;
    }
    const rule *r = rule_for(rules, sigma / s->width);
    const int by_steps = sigma > BY_RULE * s->width;
    g->finer = 1;
    g->count = by_steps ? 2 * EACH_SIDE + 1 : r->order;
    h = ldexp(1.0, -s->level - g->finer);
    g->weight = malloc((size_t)g->count * (1 + STENCIL) * sizeof *g->weight);
    g->start = malloc((size_t)g->count * sizeof *g->start);
    if (g->weight == NULL || g->start == NULL) {
        g->count = 0;
        return;
    }
    g->by = g->weight + g->count;
    for (long i = 0; i < g->count; i++) {
        const double z = by_steps ? ROW_STEP * (i - EACH_SIDE) : r->node[i];
        const double place = (alpha + sigma * z) / h, start = floor(place) - STENCIL / 2 + 1;
        g->weight[i] = by_steps ? ROW_STEP * exp(-0.5 * z * z - HALF_LOG_2PI) : r->weight[i];
        g->start[i] = (long)start;
        for (int k = 0; k < STENCIL; k++) {
            double by = 1.0;
            for (int j = 0; j < STENCIL; j++)
                if (j != k)
                    by *= (place - start - j) / (double)(k - j);
            g->by[i * STENCIL + k] = by;
        }
    }
}

/* --- Rows by columns --------------------------------------------------------------------------- */

typedef struct crossed {
    double sum, mean, square;   /* of theta's distance from mu by tau */
} crossed;

/* Sums of products: all, and of every other one. */
EACH_INSTRUCTION_SET
static double products(const double *restrict a, const double *restrict b, long count, double *even)
{
    lanes sums[SLOTS];
    double each[LANES], rest[2] = {0.0, 0.0};
    long i = 0;
    memset(sums, 0, sizeof sums);
    for (; i + LANES <= count; i += LANES)
        for (int k = 0; k < SLOTS; k++)
            sums[k] += LOAD(a + i + k * WIDTH) * LOAD(b + i + k * WIDTH);
    for (; i < count; i++)
        rest[i & 1] += a[i] * b[i];
    memcpy(each, sums, sizeof each);
    *even = ((each[0] + each[2]) + (each[4] + each[6])) + rest[0];
    return *even + (((each[1] + each[3]) + (each[5] + each[7])) + rest[1]);
}

/* Whether the sum over equal steps is good. */
static int by_weights(const risk_row *g, const risk_column *v, int moments, crossed *found)
{
    const long low = g->first > v->first ? g->first : v->first;
    const long g_end = g->first + g->count, v_end = v->first + v->count;
    const long count = (g_end < v_end ? g_end : v_end) - low;
    if (count < 2)
        return 0;
    const double *a = g->weight + (low - g->first), *b = v->values + (low - v->first);
    double even, sum = products(a, b, count, &even);
    found->sum = sum;
    if (!(fabs(2.0 * even - sum) <= EVERY_OTHER * sum
          && a[0] * b[0] + a[count - 1] * b[count - 1] <= ENDS * sum))
        return 0;
    if (moments) {
        const double *mean = v->mean + (low - v->first), *square = v->square + (low - v->first);
        found->mean = found->square = 0.0;
        for (long i = 0; i < count; i++) {
            found->mean += a[i] * b[i] * mean[i];
            found->square += a[i] * b[i] * square[i];
        }
        found->mean /= sum;
        found->square /= sum;
    }
    return 1;
}

static double stencil(const double *by, const double *values)
{
    double sum = 0.0;
    for (int k = 0; k < STENCIL; k++)
        sum += by[k] * values[k];
    return sum;
}

/* The same by a rule; whether all of its nodes are within. */
static int by_rule(const risk_row *g, risk_column *v, int moments, crossed *found)
{
    if (g->count == 0 || v->count < STENCIL)
        return 0;
    if (v->logs == NULL) {
        v->logs = malloc((size_t)v->count * sizeof *v->logs);
        if (v->logs == NULL)
            return 0;
        for (long k = 0; k < v->count; k++)
            v->logs[k] = log(v->values[k]);
    }
    found->sum = found->mean = found->square = 0.0;
    const int steps = g->count > MOST_RULE;
    double ends = 0.0, last = 0.0;
    for (long i = 0; i < g->count; i++) {
        const long at = g->start[i] - v->first;
        const double *by = g->by + i * STENCIL;
        if (at < 0 || at > v->count - STENCIL) {
            if (!steps)
                return 0;
            continue;
        }
        const double value = g->weight[i] * exp(stencil(by, v->logs + at));
        ends = found->sum == 0.0 ? value : ends;
        last = value;
        found->sum += value;
        if (moments) {
            found->mean += value * stencil(by, v->mean + at);
            found->square += value * stencil(by, v->square + at);
        }
    }
    found->mean /= found->sum;
    found->square /= found->sum;
    return found->sum > 0.0 && (!steps || ends + last <= ENDS * found->sum);
}

static int cross(const risk_row *g, risk_column *v, int moments, crossed *found)
{
    return g->narrow ? by_rule(g, v, moments, found) : by_weights(g, v, moments, found);
}

#endif
