/* Eight numbers at once, for loops whose sums keep eight accumulators.
 *
 * GCC makes poor code of a loop over lanes (it shuffles what it has loaded), so the lanes are a
 * vector type where the compiler has one. Element k of every step adds to accumulator k either way:
 * the bits are the same with every instruction set, and without the type.
 */
#ifndef PYHIER_LANES_H
#define PYHIER_LANES_H

#include <stddef.h>
#include <string.h>

#include "instruction_sets.h"

#if defined(__GNUC__)
#define WIDTH LANES
typedef double lanes __attribute__((vector_size(8 * LANES)));
typedef double lanes_at __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
#else
#define WIDTH 1
typedef double lanes;
typedef double lanes_at;
#endif
#define SLOTS (LANES / WIDTH)

/* What stands at an address of doubles. */
#define LOAD(address) (*(const lanes_at *)(address))

static inline double lanes_total(const lanes *sums)
{
    double a[LANES];
    memcpy(a, sums, sizeof a);
    return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
}

/* The last few of an array, the rest filled with what changes no sum. */
static inline void load_rest(double *rest, const double *source, size_t count, double filling)
{
    for (size_t i = 0; i < WIDTH; i++)
        rest[i] = i < count ? source[i] : filling;
}

#endif
