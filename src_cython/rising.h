/* Sums of logarithms for the densities of counts, eight terms at once.
 *
 * log(x) is k log(2) + log(m) with m in [sqrt(1/2), sqrt(2)): with f = m - 1, s = f / (2 + f) and
 * z = s^2, log(m) = 2 atanh(s) = f - f^2 / 2 + s (f^2 / 2 + R(z)), R(z) = sum_n 2 z^n / (2 n + 1).
 * R(z) / z is taken by Chebyshev's expansion to degree 6 on 0 <= z <= 0.02944 (60-digit arithmetic;
 * 3e-16, of which z s reaches the result: 2e-18). About an ulp throughout; no branch, no table.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "normal_sums.h" /* exp_negative, the lanes */

/* log(x), x positive and normal; at 0 some finite number. */
static inline double log_positive(double x)
{
    const uint64_t root_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    uint64_t bits, exponent;
    double m, k;
    memcpy(&bits, &x, sizeof bits);
    bits += one - root_half;
    exponent = (bits >> 52) | 0x4330000000000000; /* 2^52 + its biased exponent, as a double */
    bits = (bits & 0x000fffffffffffff) + root_half;
    memcpy(&m, &bits, sizeof m);
    memcpy(&k, &exponent, sizeof k);
    k -= 4503599627370496.0 + 1023.0;
    const double f = m - 1.0, s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f;
    double r = 0.1461644968504340586;
    r = r * z + 0.15331721600556041269;
    r = r * z + 0.1818288912526172208;
    r = r * z + 0.22222211134795079855;
    r = r * z + 0.28571428625975484921;
    r = r * z + 0.3999999999989950449;
    r = r * z + 0.66666666666666696862;
    r = r * z;
    /* log(2) in two parts: k times the first is exact */
    return k * 6.93147180369123816490e-01
           - ((half_square - (s * (half_square + r) + k * 1.90821492927058770002e-10)) - f);
}

/* log(1 + x), x >= 0: what is lost in 1 + x comes back as a first-order term, for which any
 * approximation of 1 / (1 + x) will do. */
static inline double log_one_plus(double x, double inverse)
{
    const double u = 1.0 + x;
    return log_positive(u) + (x - (u - 1.0)) * inverse;
}

/* Stirling's correction at z = 1 / w: log Gamma(z) less (z - 1/2) log z - z + log(2 pi) / 2, for
 * z >= 64. */
static inline double stirling_rest(double w)
{
    const double w2 = w * w;
    return w * (1.0 / 12.0 - w2 * (1.0 / 360.0 - w2 * (1.0 / 1260.0 - w2 / 1680.0)));
}

/* sum_i more[i] log(a + i); the number of steps is a multiple of LANES (pad with 0). */
EACH_INSTRUCTION_SET
static double step_sum(size_t steps, const double *more, double a)
{
    double sum[LANES], total = 0.0;
    for (int k = 0; k < LANES; k++)
        sum[k] = 0.0;
    for (size_t i = 0; i < steps; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += more[i + k] * log_positive(a + (double)(int)(i + k));
    for (int k = 0; k < LANES; k++)
        total += sum[k];
    return total;
}

/* sum_i times[i] (log Gamma(from + tail[i]) - log Gamma(from)), less the terms in log(from) and in
 * stirling_rest(from), which are alike; from >= 64; a multiple of LANES of tails (pad with 0). */
EACH_INSTRUCTION_SET
static double tail_sum(size_t tails, const double *tail, const double *times, double from)
{
    const double inverse = 1.0 / from;
    double sum[LANES], total = 0.0;
    for (int k = 0; k < LANES; k++)
        sum[k] = 0.0;
    for (size_t i = 0; i < tails; i += LANES)
        for (int k = 0; k < LANES; k++) {
            const double to = from + tail[i + k], w = 1.0 / to;
            const double growth = log_one_plus(tail[i + k] * inverse, from * w);
            sum[k] += times[i + k] * ((to - 0.5) * growth + stirling_rest(w));
        }
    for (int k = 0; k < LANES; k++)
        total += sum[k];
    return total;
}

/* alpha log(1 + exp(s)) + y log(1 + exp(-s)) */
static inline double exposure_term(double alpha, double y, double s)
{
    const double x = exp_negative(-fabs(s)), rest = log_one_plus(x, 1.0 / (1.0 + x));
    return alpha * ((s > 0.0 ? s : 0.0) + rest) + y * ((s < 0.0 ? -s : 0.0) + rest);
}

/* The sum of exposure_term over groups, s = log_exposure + shift. */
EACH_INSTRUCTION_SET
static double exposure_sum(size_t groups, const double *y, const double *log_exposure, double alpha,
                           double shift)
{
    double sum[LANES], total = 0.0;
    const size_t whole = groups - groups % LANES;
    for (int k = 0; k < LANES; k++)
        sum[k] = 0.0;
    for (size_t j = 0; j < whole; j += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += exposure_term(alpha, y[j + k], log_exposure[j + k] + shift);
    for (int k = 0; k < LANES; k++)
        total += sum[k];
    for (size_t j = whole; j < groups; j++)
        total += exposure_term(alpha, y[j], log_exposure[j] + shift);
    return total;
}
