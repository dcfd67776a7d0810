/* Estimates with normal errors about an effect whose law is a scale mixture of normal distributions.
 *
 * theta | s ~ N(mu, tau^2 s) with s one of K values of known weights, and y ~ N(theta, var). So y is a
 * mixture of K normal distributions, of variances var + tau^2 s_k, and everything is sums over k. For
 * Student's t the s_k are a uniform grid of log s; the trapezoid rule of a log-gamma density converges
 * exponentially, whatever the place, so that one grid does for all y, var, mu and tau (see
 * distributions/scale_laws.py). Of a long grid only the part is summed where there is mass: its ends
 * are found on every eighth component. In units of the error, D = (y - mu) / se and r = tau^2 / var:
 *
 *     w = r s, q = 1 / (1 + w), u = w q = 1 - q: weight sqrt(q) exp(-D^2 q / 2)
 */
#ifndef PYHIER_SCALE_MIXTURES_H
#define PYHIER_SCALE_MIXTURES_H

#include <math.h>
#include <stddef.h>

#include "exp_negative.h"
#include "instruction_sets.h"
#include "logarithm.h"

#define MIXTURE_CUT 45.0 /* logs below the highest at which components are left out */
#define MOST_RATIO 1e290 /* of variances */
#define MIXTURE_PLACES 16
#define MIXTURE_APART 500.0 /* of logs of densities that have a scale together */
#define LOG_FAR_RATIO 460.0 /* of tau^2 and var, from which errors are nothing */
#define HALF_LOG_TWO_PI 0.918938533204672741780329736406

typedef struct scale_law {
    size_t blocks;            /* of LANES components; the last is filled with ones of no weight */
    double nu;                /* of Student's t; 0: all components are summed */
    double first, step;       /* the log s of its grid */
    const double *log_weight; /* (blocks LANES) */
    const double *scale;      /* s */
    const double *half_log;   /* log s / 2 */
    const double *by_scale;   /* 1 / s */
    const double *log_every;  /* the log weights of the first of each block, (blocks) */
    const double *every;
} scale_law;

enum { OF_ONE, OF_Q, OF_Q2, OF_U, OF_U2, OF_UQ, MIXTURE_SUMS };

typedef struct mixture {
    double log_density;   /* of y */
    double mean[MIXTURE_SUMS]; /* over components, given y */
    double away, square, ratio, top; /* D^2 is the square */
    double shrunk, excess; /* y, mu and tau are taken so much nearer where tau is very large; -log */
    size_t first, last;   /* blocks with mass */
} mixture;

ALWAYS_INLINE static inline double exp_of(double x)
{
    double one, two;
    const double p = split_exp_at_once(x, &one, &two);
    return (1.0 + p) * one * two;
}

ALWAYS_INLINE static inline double ratio_at(double ratio, double scale)
{
    const double w = ratio * scale;
    return w < MOST_RATIO ? w : MOST_RATIO;
}

/* Highest of log weights less D^2 q / 2, and of those with the root of q, over some components. */
EACH_INSTRUCTION_SET
static void highest(const double *log_weight, const double *scale, size_t count, double half,
                    double ratio, double *top, double *peak)
{
    double a[LANES], b[LANES];
    size_t k = 0;
    for (int i = 0; i < LANES; i++)
        a[i] = b[i] = -1e300;
    for (; k + LANES <= count; k += LANES)
        for (int i = 0; i < LANES; i++) {
            const double v = 1.0 + ratio_at(ratio, scale[k + i]);
            const double x = log_weight[k + i] - half / v, y = x - 0.5 * log_positive(v);
            a[i] = x > a[i] ? x : a[i];
            b[i] = y > b[i] ? y : b[i];
        }
    for (; k < count; k++) {
        const double v = 1.0 + ratio_at(ratio, scale[k]);
        const double x = log_weight[k] - half / v, y = x - 0.5 * log_positive(v);
        a[0] = x > a[0] ? x : a[0];
        b[0] = y > b[0] ? y : b[0];
    }
    *top = a[0];
    *peak = b[0];
    for (int i = 1; i < LANES; i++) {
        *top = fmax(*top, a[i]);
        *peak = fmax(*peak, b[i]);
    }
}

EACH_INSTRUCTION_SET
static void add_components(const double *log_weight, const double *scale, size_t count, double half,
                           double ratio, double top, double (*sums)[LANES])
{
    for (size_t k = 0; k < count; k += LANES)
        for (int i = 0; i < LANES; i++) {
            const double w = ratio_at(ratio, scale[k + i]), q = 1.0 / (1.0 + w), u = w * q;
            const double p = exp_of(log_weight[k + i] - half * q - top) * sqrt(q);
            const double pq = p * q, pu = p * u;
            sums[OF_ONE][i] += p;
            sums[OF_Q][i] += pq;
            sums[OF_Q2][i] += pq * q;
            sums[OF_U][i] += pu;
            sums[OF_U2][i] += pu * u;
            sums[OF_UQ][i] += pu * q;
        }
}

static inline double log_at(const scale_law *law, size_t block, double half, double ratio)
{
    const double v = 1.0 + ratio_at(ratio, law->every[block]);
    return law->log_every[block] - half / v - 0.5 * log(v);
}

/* One more than the last block that may have mass: log weights are below
 * -(nu / 2) e^2 / (2 + e) of the highest at log s = e. */
static size_t last_block(const scale_law *law, double half, double ratio)
{
    const double far = 2.0 * half > ratio ? log(2.0 * half / ratio) : 0.0, nu = law->nu;
    const double near = half / (1.0 + ratio) + 0.5 * log1p(ratio);
    const double w = ratio * exp(far);
    const double away = 0.5 * nu * (far - 1.0 + exp(-far)) + half / (1.0 + w) + 0.5 * log1p(w);
    const double c = 2.0 * (MIXTURE_CUT + 1.0 + fmin(near, away)) / nu;
    const double end = (0.5 * (c + sqrt(c * c + 8.0 * c)) - law->first) / (law->step * LANES) + 2.0;
    return end < (double)law->blocks ? (size_t)end : law->blocks;
}

/* The blocks with mass, and the highest log weight. */
static void find_mass(const scale_law *law, mixture *m, double half)
{
    double peak;
    size_t blocks = law->blocks;
    if (law->nu == 0.0) {
        highest(law->log_weight, law->scale, blocks * LANES, half, m->ratio, &m->top, &peak);
        m->first = 0;
        m->last = blocks;
        return;
    }
    blocks = last_block(law, half, m->ratio);
    highest(law->log_every, law->every, blocks, half, m->ratio, &m->top, &peak);
    for (m->first = 0; m->first < blocks - 1; m->first++)
        if (log_at(law, m->first + 1, half, m->ratio) > peak - MIXTURE_CUT)
            break;
    m->last = blocks;
    if (blocks == law->blocks) { /* beyond what the grid is for terms rise to its very end */
        double end_top, end_peak;
        const size_t start = (blocks - 1) * LANES;
        highest(law->log_weight + start, law->scale + start, LANES, half, m->ratio, &end_top,
                &end_peak);
        m->top = fmax(m->top, end_top);
        if (end_peak > peak)
            return;
    }
    for (; m->last > m->first + 1; m->last--)
        if (log_at(law, m->last - 1, half, m->ratio) > peak - MIXTURE_CUT)
            break;
}

/* D^2 and r; where tau is very large y and mu, and tau, are taken nearer. */
static void set_place(mixture *m, double y, double var, double mu, double log_tau)
{
    const double log_ratio = 2.0 * log_tau - log(var);
    const double excess = fmax(0.0, 0.5 * (log_ratio - LOG_FAR_RATIO));
    m->excess = excess;
    m->shrunk = exp(-excess);
    m->away = y - mu;
    m->square = (m->away * m->shrunk) * (m->away * m->shrunk) / var;
    m->ratio = exp(log_ratio - 2.0 * excess);
}

/* The log density of y, and means over components given y. */
static double mixture_of(const scale_law *law, double y, double var, double mu, double log_tau,
                         mixture *m)
{
    double sums[MIXTURE_SUMS][LANES] = {{0.0}};
    size_t start;
    set_place(m, y, var, mu, log_tau);
    find_mass(law, m, 0.5 * m->square);
    start = m->first * LANES;
    add_components(law->log_weight + start, law->scale + start, (m->last - m->first) * LANES,
                   0.5 * m->square, m->ratio, m->top, sums);
    for (int k = 0; k < MIXTURE_SUMS; k++) {
        const double *a = sums[k];
        m->mean[k] = ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
    }
    m->log_density = m->top + log(m->mean[0]) - HALF_LOG_TWO_PI - 0.5 * log(var) - m->excess;
    for (int k = 1; k < MIXTURE_SUMS; k++)
        m->mean[k] /= m->mean[0];
    return m->log_density;
}

/* Add every component's density at n places by their D^2 / 2, into LANES sums of each. */
EACH_INSTRUCTION_SET
static void add_components_at(const double *log_weight, const double *scale, size_t count,
                              double ratio, double top, const double *half, size_t n,
                              double (*sums)[LANES])
{
    double q[LANES], root[LANES], log_p[LANES];
    for (size_t k = 0; k < count; k += LANES) {
        for (int i = 0; i < LANES; i++) {
            q[i] = 1.0 / (1.0 + ratio_at(ratio, scale[k + i]));
            root[i] = sqrt(q[i]);
            log_p[i] = log_weight[k + i] - top;
        }
        for (size_t j = 0; j < n; j++)
            for (int i = 0; i < LANES; i++)
                sums[j][i] += exp_of(log_p[i] - half[j] * q[i]) * root[i];
    }
}

/* Log densities of y at n <= MIXTURE_PLACES ascending mu: they share components. */
static void log_densities_at(const scale_law *law, double y, double var, const double *mu, size_t n,
                             double log_tau, double *out)
{
    double half[MIXTURE_PLACES], sums[MIXTURE_PLACES][LANES] = {{0.0}};
    mixture near, far;
    const double low = mu[0], high = mu[n - 1], first = fabs(y - low), last = fabs(y - high);
    set_place(&near, y, var, y < low ? low : (y > high ? high : y), log_tau);
    set_place(&far, y, var, first < last ? high : low, log_tau);
    if (0.5 * (far.square - near.square) > MIXTURE_APART) {
        for (size_t j = 0; j < n; j++)
            out[j] = mixture_of(law, y, var, mu[j], log_tau, &near);
        return;
    }
    find_mass(law, &near, 0.5 * near.square); /* mass is at larger s the further out */
    find_mass(law, &far, 0.5 * far.square);
    const size_t start = near.first * LANES;
    for (size_t j = 0; j < n; j++) {
        const double away = (y - mu[j]) * near.shrunk;
        half[j] = 0.5 * (away * away / var);
    }
    add_components_at(law->log_weight + start, law->scale + start, (far.last - near.first) * LANES,
                      near.ratio, near.top, half, n, sums);
    for (size_t j = 0; j < n; j++) {
        const double *a = sums[j];
        const double sum = ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
        out[j] = near.top + log(sum) - HALF_LOG_TWO_PI - 0.5 * log(var) - near.excess;
    }
}

/* The variance of q, which is that of u: by the smaller of the two. */
static inline double spread_of(const mixture *m)
{
    const double q = m->mean[OF_Q], u = m->mean[OF_U];
    return fmax(0.0, q < u ? m->mean[OF_Q2] - q * q : m->mean[OF_U2] - u * u);
}

/* Slopes of the log density in mu and log tau. */
static inline void mixture_slopes(const mixture *m, double var, double *slopes)
{
    slopes[0] = m->away * m->mean[OF_Q] / var * m->shrunk * m->shrunk;
    slopes[1] = m->square * m->mean[OF_UQ] - m->mean[OF_U];
}

/* Second derivatives: mu twice, mu and log tau, log tau twice. */
static void mixture_bends(const scale_law *law, const mixture *m, double var, double *bends)
{
    double total = 0.0, of_b = 0.0, of_qb = 0.0, of_b2 = 0.0, of_slope = 0.0;
    for (size_t k = m->first * LANES; k < m->last * LANES; k++) {
        const double w = ratio_at(m->ratio, law->scale[k]), q = 1.0 / (1.0 + w), u = w * q;
        const double p = exp(law->log_weight[k] - 0.5 * m->square * q - m->top) * sqrt(q);
        const double b = u * (m->square * q - 1.0);
        total += p;
        of_b += p * b;
        of_qb += p * q * b;
        of_b2 += p * b * b;
        of_slope += 2.0 * p * u * q * (m->square * (1.0 - 2.0 * u) - 1.0);
    }
    of_b /= total;
    bends[0] = (m->square * spread_of(m) - m->mean[OF_Q]) / var * m->shrunk * m->shrunk;
    bends[1] = m->away / var * m->shrunk * m->shrunk * (of_qb / total - m->mean[OF_Q] * of_b - 2.0 * m->mean[OF_UQ]);
    bends[2] = (of_slope + of_b2) / total - of_b * of_b;
}

/* The mean and variance of the effect given y. */
static inline void effect_moments(const mixture *m, double y, double var, double mu, double *mean,
                                  double *variance)
{
    const double q = m->mean[OF_Q], u = m->mean[OF_U];
    *mean = q < u ? y - m->away * q : mu + m->away * u;
    *variance = var * (u + m->square * spread_of(m));
}

/* The probability that the effect is at most x, or above, given y. */
static double effect_tail(const scale_law *law, const mixture *m, double y, double var, double mu,
                          double x, int upper)
{
    double total = 0.0, tail = 0.0;
    const double sign = upper ? 1.0 : -1.0;
    for (size_t k = m->first * LANES; k < m->last * LANES; k++) {
        const double w = ratio_at(m->ratio, law->scale[k]), q = 1.0 / (1.0 + w), u = w * q;
        const double p = exp(law->log_weight[k] - 0.5 * m->square * q - m->top) * sqrt(q);
        const double away = q < u ? (x - y) + m->away * q : (x - mu) - m->away * u;
        const double sd = sqrt(var * u);
        const double z = away == 0.0 ? 0.0 : away / sd;
        total += p;
        if (p > 0.0)
            tail += p * 0.5 * erfc(sign * z * 0.707106781186547524400844362105);
    }
    return tail / total;
}

/* A draw of the effect: the component by a uniform number, then a normal one. */
static double drawn_effect(const scale_law *law, const mixture *m, double y, double var, double mu,
                           double uniform, double normal)
{
    const double wanted = uniform * m->mean[0];
    double below = 0.0, q = 1.0, u = 0.0;
    for (size_t k = m->first * LANES; k < m->last * LANES; k++) {
        const double w = ratio_at(m->ratio, law->scale[k]);
        const double here = 1.0 / (1.0 + w);
        const double p = exp(law->log_weight[k] - 0.5 * m->square * here - m->top) * sqrt(here);
        if (p > 0.0) {
            q = here;
            u = w * here;
        }
        below += p;
        if (below > wanted)
            break;
    }
    return (q < u ? y - m->away * q : mu + m->away * u) + sqrt(var * u) * normal;
}

/* --- The law itself ------------------------------------------------------------------------------ */

/* Logs of Student's density at places by tau, a constant apart. */
EACH_INSTRUCTION_SET
static void log_student(const double *mu, size_t count, double z, double by_tau, double nu,
                        double constant, double *out)
{
    const double by_nu = 1.0 / nu, half = -0.5 * (nu + 1.0);
    for (size_t i = 0; i < count; i++) {
        const double x = (z - mu[i]) * by_tau, square = x * x * by_nu;
        out[i] = constant + half * log_one_plus(square, 1.0 / (1.0 + square));
    }
}

/* The same of two components, or of one twice; log weights have the rest of the constants. */
EACH_INSTRUCTION_SET
static void log_of_two(const double *mu, size_t count, double z, double by_tau, const double *logs,
                       const double *by_scale, double *out)
{
    for (size_t i = 0; i < count; i++) {
        const double x = (z - mu[i]) * by_tau, square = 0.5 * x * x;
        const double a = logs[0] - square * by_scale[0], b = logs[1] - square * by_scale[1];
        const double top = a > b ? a : b;
        out[i] = top + log_positive(1.0 + exp_of((a > b ? b : a) - top));
    }
}

/* Log of the density by components from one on, at a distance. */
static double log_of_components(const scale_law *law, size_t first, double x, double tau)
{
    double top = -1e300, total = 0.0;
    const size_t count = law->blocks * LANES;
    const double square = 0.5 * (x / tau) * (x / tau);
    for (size_t k = first; k < count; k++) {
        const double here = law->log_weight[k] - law->half_log[k] - square * law->by_scale[k];
        if (here > top) {
            total = total * exp(top - here) + 1.0;
            top = here;
        } else if (here > top - MIXTURE_CUT)
            total += exp(here - top);
        else if (law->scale[k] > square)
            break;
    }
    return top + log(total) - log(tau) - HALF_LOG_TWO_PI;
}

#endif
