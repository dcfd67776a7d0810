/* The loops of a Hamiltonian trajectory over p coordinates: LANES accumulators each, so that every
 * instruction set gives the same bits. */
#include <stddef.h>

#include "instruction_sets.h"

#define OVER(TERM)                                            \
    for (size_t start = 0; start < whole; start += LANES)     \
        for (int k = 0; k < LANES; k++) {                     \
            const size_t i = start + k;                       \
            TERM                                              \
        }                                                     \
    for (size_t i = whole; i < p; i++) {                      \
        const int k = (int)(i - whole);                       \
        TERM                                                  \
    }

static inline double lanes_sum(const double *a)
{
    return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
}

/* Half a step of the momentum r, a step of x with velocity inverse * r. */
EACH_INSTRUCTION_SET
static void kick_and_drift(size_t p, double step, const double *restrict inverse,
                           const double *restrict x, const double *restrict r,
                           const double *restrict g, double *restrict new_x,
                           double *restrict new_r)
{
    for (size_t i = 0; i < p; i++) {
        new_r[i] = r[i] + 0.5 * step * g[i];
        new_x[i] = x[i] + step * (inverse[i] * new_r[i]);
    }
}

/* Half a step of the momentum alone. */
EACH_INSTRUCTION_SET
static void kick(size_t p, double step, const double *restrict r, const double *restrict g,
                 double *restrict new_r)
{
    for (size_t i = 0; i < p; i++)
        new_r[i] = r[i] + 0.5 * step * g[i];
}

EACH_INSTRUCTION_SET
static void drift(size_t p, double step, const double *restrict x, const double *restrict v,
                  double *restrict new_x)
{
    for (size_t i = 0; i < p; i++)
        new_x[i] = x[i] + step * v[i];
}

EACH_INSTRUCTION_SET
static void scale(size_t p, const double *restrict inverse, const double *restrict r,
                  double *restrict v)
{
    for (size_t i = 0; i < p; i++)
        v[i] = inverse[i] * r[i];
}

EACH_INSTRUCTION_SET
static double dot(size_t p, const double *restrict a, const double *restrict b)
{
    double sum[LANES] = {0.0};
    const size_t whole = p - p % LANES;
    OVER(sum[k] += a[i] * b[i];)
    return lanes_sum(sum);
}

/* sum = from + sign * more, the running sum of the momenta. */
EACH_INSTRUCTION_SET
static void add(size_t p, double sign, const double *restrict from, const double *restrict more,
                double *restrict sum)
{
    for (size_t i = 0; i < p; i++)
        sum[i] = from[i] + sign * more[i];
}

/* The momenta from a to b (the running sum at b, less that at a, with a's own) times both ends'
 * velocities. */
EACH_INSTRUCTION_SET
static void turn_products(size_t p, const double *restrict a_r, const double *restrict a_sum,
                          const double *restrict a_v, const double *restrict b_sum,
                          const double *restrict b_v, double *products)
{
    double first[LANES] = {0.0}, last[LANES] = {0.0};
    const size_t whole = p - p % LANES;
    OVER({
        const double rho = (b_sum[i] - a_sum[i]) + a_r[i];
        first[k] += rho * a_v[i];
        last[k] += rho * b_v[i];
    })
    products[0] = lanes_sum(first);
    products[1] = lanes_sum(last);
}
