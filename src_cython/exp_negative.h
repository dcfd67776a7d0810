#ifndef PYHIER_EXP_NEGATIVE_H
#define PYHIER_EXP_NEGATIVE_H

#include <stdint.h>
#include <string.h>

#include "instruction_sets.h"

/* exp(x) = exp(r) one two for x <= 0, |r| <= log(2) / 2: the power of two in two factors, so that it
 * goes on into the denormal numbers. */
ALWAYS_INLINE static inline double reduced_exponent(double x, double *one, double *two)
{
    const double shift = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to a whole number */
    const double least = x < -746.0 ? -746.0 : x; /* exp(-746) is 0 */
    const double shifted = least * 1.44269504088896340736 + shift;
    const double k = shifted - shift;
    const double r = (least - k * 6.93145751953125e-1) - k * 1.42860682030941723212e-6;
    /* The low bits of `shifted` are k; half of it goes into each factor's exponent. */
    uint64_t first, second;
    double half = k * 0.5 + shift, rest;
    memcpy(&first, &half, sizeof first);
    rest = k - (half - shift) + shift;
    memcpy(&second, &rest, sizeof second);
    first = (first + 1023) << 52;
    second = (second + 1023) << 52;
    memcpy(one, &first, sizeof *one);
    memcpy(two, &second, sizeof *two);
    return r;
}

/* exp(x) = (1 + p) one two for x <= 0, by a polynomial p. */
ALWAYS_INLINE static inline double split_exp(double x, double *one, double *two)
{
    const double r = reduced_exponent(x, one, two);
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * (r * r) + r;
    return p;
}

/* The same polynomial by its even and odd terms: half as many steps that wait for each other, for
 * loops that have no other work to do meanwhile. */
ALWAYS_INLINE static inline double split_exp_at_once(double x, double *one, double *two)
{
    const double r = reduced_exponent(x, one, two), z = r * r;
    double even = 1.0 / 479001600.0, odd = 1.0 / 6227020800.0;
    even = even * z + 1.0 / 3628800.0;
    odd = odd * z + 1.0 / 39916800.0;
    even = even * z + 1.0 / 40320.0;
    odd = odd * z + 1.0 / 362880.0;
    even = even * z + 1.0 / 720.0;
    odd = odd * z + 1.0 / 5040.0;
    even = even * z + 1.0 / 24.0;
    odd = odd * z + 1.0 / 120.0;
    even = even * z + 0.5;
    odd = odd * z + 1.0 / 6.0;
    return r + z * (even + r * odd);
}

/* exp(x) for x <= 0, to an ulp and a half. */
ALWAYS_INLINE static inline double exp_negative(double x)
{
    double one, two;
    const double p = split_exp(x, &one, &two);
    return (1.0 + p) * one * two;
}

/* 1 - exp(x) for x <= 0, to two ulps of itself. */
ALWAYS_INLINE static inline double one_less_exp(double x)
{
    double one, two;
    const double p = split_exp(x, &one, &two);
    return one * two == 1.0 ? -p : 1.0 - (1.0 + p) * one * two;
}

#endif
