/* Log probabilities of one group's counts, theta integrated out, however large the counts are.
 *
 * Differences of log gamma cancel where counts or hyperparameters are large: of 10^12 trials they
 * leave 10^-3. Here the probability is a saddle-point form in the manner of Loader (2000, "Fast and
 * accurate computation of binomial probabilities"): with w = n / (n + K) and the pooled share
 * r = (y + alpha) / (n + K) of y successes in n trials,
 *
 *   log p = - [gap(y; n r) + gap(n - y; n (1 - r)) + gap(alpha; K r) + gap(beta; K (1 - r))] + rest,
 *   gap(x; m) = x log(x / m) + m - x >= 0,
 *
 * where x - m is +-D for all four, D = K w (y / n - eta). D has its own relative accuracy, since
 * y / n - eta is taken from the difference of logits; so have the gaps, and none is negative: the sum
 * is good to a few ulps of its deviance, which is of the order of one group's worth of information.
 * A rest is made of log Gamma(x) - x log x + x, that is log(2 pi / x) / 2 + 1 / (12 x) - ....
 * Events y in an exposure e are the same with the share q = e mu / (e mu + alpha) of y + alpha.
 *
 * Everything is written without branches, for loops over groups.
 */
#ifndef PYHIER_COUNT_TERMS_H
#define PYHIER_COUNT_TERMS_H

#include "logarithm.h"

#define HALF_LOG_TWO_PI 0.918938533204672741780329736406
#define SMALL_SHAPE 10.0  /* from here on Stirling's series is good to rounding */
#define NO_SHAPE 1e-280   /* a shape below is as good as 0 */

/* log Gamma(x) less (x - 1/2) log x - x + log(2 pi) / 2, x >= SMALL_SHAPE, at w = 1 / x (Abramowitz
 * and Stegun 6.1.41). */
ALWAYS_INLINE static inline double stirling_series(double w)
{
    const double w2 = w * w;
    double r = 1.0 / 156.0;
    r = r * w2 - 691.0 / 360360.0;
    r = r * w2 + 1.0 / 1188.0;
    r = r * w2 - 1.0 / 1680.0;
    r = r * w2 + 1.0 / 1260.0;
    r = r * w2 - 1.0 / 360.0;
    r = r * w2 + 1.0 / 12.0;
    return r * w;
}

/* log(Gamma(a + y) / Gamma(a)), a >= 64. */
ALWAYS_INLINE static inline double stirling_ratio(double a, double y)
{
    return (a - 0.5) * log1p(y / a) + y * (log(a + y) - 1.0) + stirling_series(1.0 / (a + y))
           - stirling_series(1.0 / a);
}

/* log Gamma(x) - x log x + x, x >= SMALL_SHAPE. */
ALWAYS_INLINE static inline double large_rest(double x)
{
    return HALF_LOG_TWO_PI - 0.5 * log_positive(x) + stirling_series(1.0 / x);
}

/* log Gamma(x) - x log x + x, x > 0; some finite number at 0. Below SMALL_SHAPE by
 * Gamma(x) = Gamma(x + 10) / (x (x + 1) ... (x + 9)). */
ALWAYS_INLINE static inline double gamma_rest(double x)
{
    const int small = x < SMALL_SHAPE;
    const double up = small ? x + 10.0 : x, near = small ? x : 1.0;
    const double low = (near + 1.0) * (near + 2.0) * (near + 3.0) * (near + 4.0) * (near + 5.0);
    const double high = (near + 6.0) * (near + 7.0) * (near + 8.0) * (near + 9.0);
    const double log_up = log_positive(up), series = stirling_series(1.0 / up);
    const double log_near = log_positive(near), log_product = log_positive(low * high);
    const double below = (up - 0.5) * log_up - 10.0 - log_product - log_near - near * log_near;
    return HALF_LOG_TWO_PI + series + (small ? below : -0.5 * log_up);
}

/* digamma(x) less log(x) and trigamma(x) less 1 / x, x > 0: their series from 10 on (A. and S. 6.3.18
 * and 6.4.12), and below by the recurrence. */
static inline double digamma_rest(double x)
{
    const int small = x < SMALL_SHAPE;
    const double up = small ? x + 10.0 : x, w = 1.0 / up, w2 = w * w;
    double r = -1.0 / 12.0, below = 0.0;
    r = r * w2 + 691.0 / 32760.0;
    r = r * w2 - 1.0 / 132.0;
    r = r * w2 + 1.0 / 240.0;
    r = r * w2 - 1.0 / 252.0;
    r = r * w2 + 1.0 / 120.0;
    r = r * w2 - 1.0 / 12.0;
    if (small) {
        for (int i = 0; i < 10; i++)
            below += 1.0 / (x + i);
        below = log(up / x) - below;
    }
    return r * w2 - 0.5 * w + below;
}

static inline double trigamma_rest(double x)
{
    const int small = x < SMALL_SHAPE;
    const double up = small ? x + 10.0 : x, w = 1.0 / up, w2 = w * w;
    double r = 7.0 / 6.0, below = 0.0;
    r = r * w2 - 691.0 / 2730.0;
    r = r * w2 + 5.0 / 66.0;
    r = r * w2 - 1.0 / 30.0;
    r = r * w2 + 1.0 / 42.0;
    r = r * w2 - 1.0 / 30.0;
    r = r * w2 + 1.0 / 6.0;
    if (small) {
        for (int i = 1; i < 10; i++)
            below += 1.0 / ((x + i) * (x + i));
        below += w + (1.0 / x) * (1.0 / x) - 1.0 / x;
    }
    return r * w2 * w + 0.5 * w2 + below;
}

/* gap(x; x - d) = x log(x / (x - d)) - d, given the ratio (x - d) / x too; x = 0 is allowed. */
ALWAYS_INLINE static inline double gap(double x, double d, double ratio)
{
    const double safe = x > 0.0 ? x : 1.0;
    const double some = safe * log_gap(d / safe, ratio);
    return x > 0.0 ? some : -d;
}

/* A shape alpha or beta that all groups have; one below NO_SHAPE is as good as 0, where its gap is
 * `none` times D. Its rest is log Gamma(x) - x log x + x. */
struct shape {
    double value, inverse, none, rest;
};

/* x and its log, which says more where x is as good as 0. */
ALWAYS_INLINE static inline struct shape shape_of(double x, double log_x)
{
    const int none = x < NO_SHAPE;
    const struct shape made = {none ? 0.0 : x, none ? 0.0 : 1.0 / x, none ? 1.0 : 0.0,
                               none ? -log_x : gamma_rest(x)};
    return made;
}

/* x digamma(x) - x log x, and x^2 trigamma(x) - x. */
static inline double shape_digamma(const struct shape *s)
{
    return s->none > 0.0 ? -1.0 : s->value * digamma_rest(s->value);
}

static inline double shape_trigamma(const struct shape *s)
{
    return s->none > 0.0 ? 1.0 : s->value * s->value * trigamma_rest(s->value);
}

/* gap(x; x + d), x + d being `part` times x + `more`. */
ALWAYS_INLINE static inline double shape_gap(const struct shape *s, double d, double more, double part)
{
    return s->value * log_gap(-d * s->inverse, (1.0 + more * s->inverse) * part + s->none)
           + s->none * d;
}

/* --- y successes and f failures, theta ~ Beta(alpha, beta) ------------------------------------- */

/* phi = (logit eta, log K), as all groups need it. */
struct shares {
    double logit, eta, other; /* eta and 1 - eta */
    double size, size_rest;
    struct shape alpha, beta;
};

#define FURTHEST 700.0    /* from 0 of a logit that exp can take */
#define LARGEST_LOG 600.0 /* the groups are pooled to the last bit long before */

/* At (logit eta, log K). */
static inline struct shares shares_at(double logit, double log_size)
{
    struct shares s;
    const double small = exp_negative(-fabs(logit)), more = 1.0 / (1.0 + small), less = small * more;
    const double log_more = -log1p(small), log_less = log_more - fabs(logit);
    const double up = log_size < LARGEST_LOG ? log_size : LARGEST_LOG;
    s.logit = logit;
    s.eta = logit > 0.0 ? more : less;
    s.other = logit > 0.0 ? less : more;
    s.size = exp(up);
    s.size_rest = shape_of(s.size, up).rest;
    const double log_alpha = up + (logit > 0.0 ? log_more : log_less);
    const double log_beta = up + (logit > 0.0 ? log_less : log_more);
    const int within = fabs(logit) < FURTHEST; /* products keep alpha / K where logs would not */
    s.alpha = shape_of(within ? s.size * s.eta : exp(log_alpha), log_alpha);
    s.beta = shape_of(within ? s.size * s.other : exp(log_beta), log_beta);
    return s;
}

/* A group: its counts, not both 0, the two parts of log(y / f), +-1e300 where one is 0, and the sum
 * of log(x!) - x log x + x over y and f, less that of y + f. */
struct trials {
    double y, f, hat, low, constant;
};

/* Log p given D; `constant` is the group's. */
ALWAYS_INLINE static inline double beta_binomial_given(const struct shares *s, double y, double f, double constant,
                                         double D, double *alpha_gap, double *beta_gap)
{
    const double total = y + f + s->size, w = (y + f) / total, v = s->size / total;
    const double a = y + s->alpha.value, b = f + s->beta.value;
    const double safe_y = y > 0.0 ? y : 1.0, safe_f = f > 0.0 ? f : 1.0;
    *alpha_gap = shape_gap(&s->alpha, D, y, v);
    *beta_gap = shape_gap(&s->beta, -D, f, v);
    const double gaps = gap(y, D, a / safe_y * w) + gap(f, -D, b / safe_f * w);
    const double of_y = gamma_rest(a) - s->alpha.rest, of_f = gamma_rest(b) - s->beta.rest;
    const double rest = (y > 0.0 ? of_y : 0.0) + (f > 0.0 ? of_f : 0.0);
    const double size_rest = gamma_rest(total) - s->size_rest + constant;
    return rest - size_rest - (gaps + (*alpha_gap + *beta_gap));
}

/* D, and log p by the pointer. */
ALWAYS_INLINE static inline double beta_binomial_term(const struct shares *s, const struct trials *g, double *value,
                                        double *alpha_gap, double *beta_gap)
{
    const double y = g->y, f = g->f, n = y + f, w = n / (n + s->size);
    const double d = (g->hat - s->logit) + g->low, apart = one_less_exp(-fabs(d));
    const double ahead = y / n * s->other * apart, behind = s->eta * (f / n) * apart;
    const double D = s->size * w * (d >= 0.0 ? ahead : -behind);
    *value = beta_binomial_given(s, y, f, g->constant, D, alpha_gap, beta_gap);
    return D;
}

/* --- y events in an exposure, theta ~ Gamma(alpha, rate alpha / mu) ----------------------------- */

struct rates {
    double log_alpha, log_mu;
    struct shape alpha;
};

/* At (log alpha, log mu). */
static inline struct rates rates_at(double log_alpha, double log_mu)
{
    const double up = log_alpha < LARGEST_LOG ? log_alpha : LARGEST_LOG;
    const struct rates s = {up, log_mu, shape_of(exp(up), up)};
    return s;
}

/* A group: its events, the log of its exposure, the two parts of log(y / exposure), -1e300 without
 * events, and log(y!) - y log y + y. */
struct events {
    double y, log_exposure, hat, low, constant;
};

/* Log p given D and the shares q of y + alpha that is expected of y, and p = 1 - q. */
ALWAYS_INLINE static inline double poisson_gamma_given(const struct shape *alpha, double y, double constant, double D,
                                         double q, double p, double *alpha_gap)
{
    const double a = y + alpha->value, safe_y = y > 0.0 ? y : 1.0;
    *alpha_gap = shape_gap(alpha, D, y, p);
    const double rest = gamma_rest(a) - alpha->rest - constant;
    return (y > 0.0 ? rest : 0.0) - (gap(y, D, a / safe_y * q) + *alpha_gap);
}

/* D, and log p and q by the pointers. */
ALWAYS_INLINE static inline double poisson_gamma_term(const struct rates *s, const struct events *g, double *value,
                                        double *alpha_gap, double *share)
{
    const double line = g->log_exposure + s->log_mu - s->log_alpha, small = exp_negative(-fabs(line));
    const double more = 1.0 / (1.0 + small), less = small * more;
    const double q = line > 0.0 ? more : less, p = line > 0.0 ? less : more;
    const double d = (g->hat - s->log_mu) + g->low, apart = one_less_exp(-fabs(d));
    const double D = d >= 0.0 ? p * g->y * apart : -(q * s->alpha.value * apart);
    *value = poisson_gamma_given(&s->alpha, g->y, g->constant, D, q, p, alpha_gap);
    *share = q;
    return D;
}

/* Add times the derivatives of log p by (logit eta, log K): two first and three second ones, uu, uv,
 * vv. With g the derivative by log alpha and h that by log beta, less what both share, everything is
 * of the order of D and of D^2: nothing cancels. */
static inline void beta_binomial_slopes(const struct shares *s, const struct trials *g, double times,
                                        double *first, double *second)
{
    const double alpha = s->alpha.value, beta = s->beta.value, K = s->size;
    const double y = g->y, f = g->f, a = y + alpha, b = f + beta, total = y + f + K;
    const double r = a / total, q = b / total, eta = s->eta, other = s->other;
    double value, alpha_gap, beta_gap;
    const double D = beta_binomial_term(s, g, &value, &alpha_gap, &beta_gap);
    const double da = y > 0.0 ? alpha * digamma_rest(a) - shape_digamma(&s->alpha) : 0.0;
    const double db = f > 0.0 ? beta * digamma_rest(b) - shape_digamma(&s->beta) : 0.0;
    const double dk = K * digamma_rest(total) - K * digamma_rest(K);
    const double A = y > 0.0 ? alpha * alpha * trigamma_rest(a) - shape_trigamma(&s->alpha) : 0.0;
    const double B = f > 0.0 ? beta * beta * trigamma_rest(b) - shape_trigamma(&s->beta) : 0.0;
    const double T = K * K * trigamma_rest(total) - K * K * trigamma_rest(K);
    const double u = D - other * alpha_gap + eta * beta_gap + other * da - eta * db;
    const double v = -(alpha_gap + beta_gap) + da + db - dk;
    const double ly = -alpha * y / a, lf = -beta * f / b, D2 = D * D;
    const double bend = (-D * K + D2 * (other / r - eta / q)) / total;
    first[0] += times * u;
    first[1] += times * v;
    second[0] += times * (other * other * (ly + A) + eta * eta * (lf + B) + (other - eta) * u);
    second[1] += times * (bend + other * A - eta * B + u);
    second[2] += times * (D2 / (r * q * total) + A + B - T + v);
}

/* The same by (log alpha, log mu). */
static inline void poisson_gamma_slopes(const struct rates *s, const struct events *g, double times,
                                        double *first, double *second)
{
    const double alpha = s->alpha.value, a = g->y + alpha;
    double value, alpha_gap, q;
    const double D = poisson_gamma_term(s, g, &value, &alpha_gap, &q);
    const double d = g->y > 0.0 ? alpha * digamma_rest(a) - shape_digamma(&s->alpha) : 0.0;
    const double A = g->y > 0.0 ? alpha * alpha * trigamma_rest(a) - shape_trigamma(&s->alpha) : 0.0;
    first[0] += times * (d - alpha_gap);
    first[1] += times * D;
    second[0] += times * (d - alpha_gap + (a > 0.0 ? D * D / a : 0.0) + A);
    second[1] += times * q * D;
    second[2] -= times * q * (alpha + D);
}

#define FAR 40.0 /* of log(e mu / alpha): from here on q is 1 to rounding, and 1 - q its exponential */

/* log p where e mu is far above alpha, and 1 - q may be too small for a double. */
static inline double poisson_gamma_far(const struct rates *s, const struct events *g)
{
    const double y = g->y, alpha = s->alpha.value, line = g->log_exposure + s->log_mu - s->log_alpha;
    const double growth = s->alpha.none > 0.0 ? 0.0 : alpha * (log1p(y / alpha) - line);
    if (!(y > 0.0))
        return growth;
    const double rest = gamma_rest(y + alpha) - s->alpha.rest - g->constant;
    return rest + y * (log1p(alpha / y) - exp(-line)) + growth;
}

/* --- At shapes as they are given, for counts that need not be whole ------------------------------ */

/* a b - c d, to two ulps of itself (Kahan; Jeannerod, Louvet and Muller 2013). */
static inline double difference_of_products(double a, double b, double c, double d)
{
    const double second = c * d;
    return fma(a, b, -second) + fma(-c, d, second);
}

/* gap(x; x - d), (x - d) / x being a product that may be too small for a double. */
static inline double product_gap(double x, double d, double first, double second)
{
    if (x > 0.0 && first * second < NO_SHAPE)
        return -x * (log(first) + log(second)) - d;
    return gap(x, d, first * second);
}

static inline double counting_rest(double y)
{
    return y > 0.0 ? gamma_rest(y) + log(y) : 0.0; /* log(y!) - y log(y) + y */
}

/* Log of choose(y + f, y) B(a + y, b + f) / B(a, b). */
static inline double beta_binomial_mass(double y, double f, double a, double b)
{
    const double K = a + b;
    const struct shares s = {0.0,    0.0, 0.0, K, gamma_rest(K), shape_of(a, log(a)),
                             shape_of(b, log(b))};
    const double constant = counting_rest(y) + counting_rest(f) - counting_rest(y + f);
    double alpha_gap, beta_gap;
    return beta_binomial_given(&s, y, f, constant, difference_of_products(y, b, f, a) / (y + f + K),
                               &alpha_gap, &beta_gap);
}

/* Log of choose(y + f, y) p^y (1 - p)^f. */
static inline double binomial_mass(double y, double f, double p)
{
    const double n = y + f, D = difference_of_products(y, 1.0, n, p);
    const double constant = counting_rest(y) + counting_rest(f) - counting_rest(n);
    const double safe_y = y > 0.0 ? y : 1.0, safe_f = f > 0.0 ? f : 1.0;
    if ((p <= 0.0 && y > 0.0) || (p >= 1.0 && f > 0.0))
        return -INFINITY;
    return -constant - product_gap(y, D, n / safe_y, p) - product_gap(f, -D, n / safe_f, 1.0 - p);
}

/* Log of m^y exp(-m) / y!. */
static inline double poisson_mass(double y, double m)
{
    if (m <= 0.0)
        return y > 0.0 ? -INFINITY : 0.0;
    return -counting_rest(y) - product_gap(y, y - m, 1.0 / (y > 0.0 ? y : 1.0), m);
}

/* A cell's share of the log of the probability of a table given its margins. */
static inline double cell_mass(double y, double total, double row, double column)
{
    const double D = difference_of_products(y, total, row, column) / total;
    return -counting_rest(y) - gap(y, D, row * column / total / (y > 0.0 ? y : 1.0));
}

/* Log of the probability of y events in t when their rate is Gamma(a, rate b). */
static inline double poisson_gamma_mass(double y, double t, double a, double b)
{
    const struct shape alpha = shape_of(a, log(a));
    const double total = b + t, D = difference_of_products(b, y, t, a) / total;
    double alpha_gap;
    return poisson_gamma_given(&alpha, y, counting_rest(y), D, t / total, b / total, &alpha_gap);
}

/* --- Sums over groups --------------------------------------------------------------------------- */

#define BLOCK_OF_TERMS 256

/* The sum of values, each so many times. */
static inline double times_sum(size_t size, const double *times, const double *value)
{
    double sum[LANES], total = 0.0;
    const size_t whole = size - size % LANES;
    for (int k = 0; k < LANES; k++)
        sum[k] = 0.0;
    for (size_t j = 0; j < whole; j += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += times[j + k] * value[j + k];
    for (int k = 0; k < LANES; k++)
        total += sum[k];
    for (size_t j = whole; j < size; j++)
        total += times[j] * value[j];
    return total;
}

/* Log p of every group. */
EACH_INSTRUCTION_SET
static void beta_binomial_terms(size_t groups, const double *y, const double *f, const double *hat,
                                const double *low, const double *constant, const struct shares *s,
                                double *out)
{
    const struct shares own = *s;
    for (size_t i = 0; i < groups; i++) {
        const struct trials g = {y[i], f[i], hat[i], low[i], constant[i]};
        double value, alpha_gap, beta_gap;
        beta_binomial_term(&own, &g, &value, &alpha_gap, &beta_gap);
        out[i] = value;
    }
}

EACH_INSTRUCTION_SET
static void poisson_gamma_terms(size_t groups, const double *y, const double *log_exposure,
                                const double *hat, const double *low, const double *constant,
                                const struct rates *s, double *out)
{
    const struct rates own = *s;
    const double shift = s->log_mu - s->log_alpha;
    for (size_t i = 0; i < groups; i++) {
        const struct events g = {y[i], log_exposure[i], hat[i], low[i], constant[i]};
        double value, alpha_gap, share;
        poisson_gamma_term(&own, &g, &value, &alpha_gap, &share);
        out[i] = value;
    }
    for (size_t i = 0; i < groups; i++)
        if (log_exposure[i] + shift > FAR) {
            const struct events g = {y[i], log_exposure[i], hat[i], low[i], constant[i]};
            out[i] = poisson_gamma_far(&own, &g);
        }
}

/* Log p of all groups, each so many times. */
EACH_INSTRUCTION_SET
static double beta_binomial_sum(size_t groups, const double *y, const double *f, const double *hat,
                                const double *low, const double *constant, const double *times,
                                const struct shares *s)
{
    double room[BLOCK_OF_TERMS], total = 0.0;
    for (size_t i = 0; i < groups; i += BLOCK_OF_TERMS) {
        const size_t rest = groups - i, size = rest < BLOCK_OF_TERMS ? rest : BLOCK_OF_TERMS;
        beta_binomial_terms(size, y + i, f + i, hat + i, low + i, constant + i, s, room);
        total += times_sum(size, times + i, room);
    }
    return total;
}

EACH_INSTRUCTION_SET
static double poisson_gamma_sum(size_t groups, const double *y, const double *log_exposure,
                                const double *hat, const double *low, const double *constant,
                                const double *times, const struct rates *s)
{
    double room[BLOCK_OF_TERMS], total = 0.0;
    for (size_t i = 0; i < groups; i += BLOCK_OF_TERMS) {
        const size_t rest = groups - i, size = rest < BLOCK_OF_TERMS ? rest : BLOCK_OF_TERMS;
        poisson_gamma_terms(size, y + i, log_exposure + i, hat + i, low + i, constant + i, s, room);
        total += times_sum(size, times + i, room);
    }
    return total;
}

#endif
