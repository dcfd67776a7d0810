/* The loops of a Hamiltonian trajectory over p coordinates: LANES accumulators each, so that every
 * instruction set gives the same bits. */
#include "lanes.h"

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
    lanes sum[SLOTS] = {{0.0}};
    const size_t whole = p - p % WIDTH;
    for (size_t at = 0; at < whole; at += WIDTH)
        sum[at / WIDTH % SLOTS] += LOAD(a + at) * LOAD(b + at);
    if (whole < p) {
        double rest[2][WIDTH];
        load_rest(rest[0], a + whole, p - whole, 0.0);
        load_rest(rest[1], b + whole, p - whole, 0.0);
        sum[0] += LOAD(rest[0]) * LOAD(rest[1]);
    }
    return lanes_total(sum);
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
    lanes first[SLOTS] = {{0.0}}, last[SLOTS] = {{0.0}};
    const size_t whole = p - p % WIDTH;
    for (size_t at = 0; at < whole; at += WIDTH) {
        const lanes rho = (LOAD(b_sum + at) - LOAD(a_sum + at)) + LOAD(a_r + at);
        first[at / WIDTH % SLOTS] += rho * LOAD(a_v + at);
        last[at / WIDTH % SLOTS] += rho * LOAD(b_v + at);
    }
    if (whole < p) {
        double rest[3][WIDTH];
        for (size_t i = whole; i < p; i++)
            rest[0][i - whole] = (b_sum[i] - a_sum[i]) + a_r[i];
        load_rest(rest[0], rest[0], p - whole, 0.0);
        load_rest(rest[1], a_v + whole, p - whole, 0.0);
        load_rest(rest[2], b_v + whole, p - whole, 0.0);
        first[0] += LOAD(rest[0]) * LOAD(rest[1]);
        last[0] += LOAD(rest[0]) * LOAD(rest[2]);
    }
    products[0] = lanes_total(first);
    products[1] = lanes_total(last);
}
