/* Logarithms for loops over lanes: no branch, no table, about an ulp.
 *
 * log(x) is k log(2) + log(m) with m in [sqrt(1/2), sqrt(2)): with f = m - 1, s = f / (2 + f) and
 * z = s^2, log(m) = 2 atanh(s) = f - f^2 / 2 + s (f^2 / 2 + R(z)), R(z) = sum_n 2 z^n / (2 n + 1).
 * R(z) / z is taken by Chebyshev's expansion to degree 6 on 0 <= z <= 0.02944 (60-digit arithmetic;
 * 3e-16, of which z s reaches the result: 2e-18).
 */
#ifndef PYHIER_LOGARITHM_H
#define PYHIER_LOGARITHM_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "exp_negative.h"
#include "instruction_sets.h"

/* x = 2^k m, x positive and normal; at 0 some finite numbers. */
ALWAYS_INLINE static inline double split_exponent(double x, double *k)
{
    const uint64_t root_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    uint64_t bits, exponent;
    double m;
    memcpy(&bits, &x, sizeof bits);
    bits += one - root_half;
    exponent = (bits >> 52) | 0x4330000000000000; /* 2^52 + its biased exponent, as a double */
    bits = (bits & 0x000fffffffffffff) + root_half;
    memcpy(&m, &bits, sizeof m);
    memcpy(k, &exponent, sizeof *k);
    *k -= 4503599627370496.0 + 1023.0;
    return m;
}

/* f - log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)), to an ulp of itself. */
ALWAYS_INLINE static inline double log_fall(double f)
{
    const double s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f;
    double r = 0.1461644968504340586;
    r = r * z + 0.15331721600556041269;
    r = r * z + 0.1818288912526172208;
    r = r * z + 0.22222211134795079855;
    r = r * z + 0.28571428625975484921;
    r = r * z + 0.3999999999989950449;
    r = r * z + 0.66666666666666696862;
    r = r * z;
    return half_square - s * (half_square + r);
}

/* log(x), x positive and normal; at 0 some finite number. */
ALWAYS_INLINE static inline double log_positive(double x)
{
    double k;
    const double m = split_exponent(x, &k), f = m - 1.0;
    const double s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f;
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
ALWAYS_INLINE static inline double log_one_plus(double x, double inverse)
{
    const double u = 1.0 + x;
    return log_positive(u) + (x - (u - 1.0)) * inverse;
}

/* -log(1 - t) - t for t < 1, with 1 - t given too: t is what is exact near 0, 1 - t elsewhere.
 * Never negative, and nothing cancels: near 0 it is t^2 / 2. */
ALWAYS_INLINE static inline double log_gap(double t, double one_less)
{
    double k;
    const double m = split_exponent(one_less, &k);
    const int near = k == 0.0;
    const double f = near ? -t : m - 1.0;
    const double fall = log_fall(f);
    const double away = -k * 6.93147180369123816490e-01 - (k * 1.90821492927058770002e-10 + f) - t;
    return near ? fall : fall + away;
}

#endif
