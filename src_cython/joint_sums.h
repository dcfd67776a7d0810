/* Sums over groups with normal data, for the joint and the marginal density and their gradients.
 *
 * LANES accumulators each, so that every instruction set gives the same bits (lanes.h).
 */
#include <math.h>

#include "lanes.h"

/* TERM makes `slopes` and adds to part[0..3][k] from a, b, c, which stand at A, B, C; KEEP stores the
 * slopes. Beyond the last group a, b, c are PAD_A, PAD_B, PAD_C, which must add nothing. */
#define OVER_GROUPS(A, PAD_A, B, PAD_B, C, PAD_C, TERM, KEEP)                                   \
    lanes part[4][SLOTS] = {{{0.0}}};                                                           \
    const size_t whole = groups - groups % WIDTH;                                               \
    for (size_t at = 0; at < whole; at += WIDTH) {                                              \
        const size_t k = at / WIDTH % SLOTS;                                                    \
        const lanes a = LOAD(A + at), b = LOAD(B + at), c = LOAD(C + at);                       \
        lanes slopes = c;                                                                       \
        TERM                                                                                    \
        KEEP(at, sizeof(lanes));                                                                \
    }                                                                                           \
    if (whole < groups) {                                                                       \
        const size_t k = 0, left = groups - whole;                                              \
        double rest[3][WIDTH];                                                                  \
        load_rest(rest[0], A + whole, left, PAD_A);                                             \
        load_rest(rest[1], B + whole, left, PAD_B);                                             \
        load_rest(rest[2], C + whole, left, PAD_C);                                             \
        const lanes a = LOAD(rest[0]), b = LOAD(rest[1]), c = LOAD(rest[2]);                    \
        lanes slopes = c;                                                                       \
        TERM                                                                                    \
        KEEP(whole, left * sizeof(double));                                                     \
    }                                                                                           \
    for (int i = 0; i < 4; i++)                                                                 \
        sums[i] = lanes_total(part[i]);

#define SLOPES(at, bytes) memcpy(gradient + (at), &slopes, bytes)
#define NOTHING(at, bytes) (void)slopes

/* y_j ~ N(mu + tau z_j, 1 / weight_j), z_j ~ N(0, 1). The gradient in z; sums of weight r^2, z^2,
 * weight r and weight r z, r the residual. */
EACH_INSTRUCTION_SET
static void noncentred_sums(size_t groups, const double *restrict y, const double *restrict weight,
                            const double *restrict z, double mu, double tau,
                            double *restrict gradient, double *sums)
{
    OVER_GROUPS(y, mu, weight, 0.0, z, 0.0, {
        const lanes r = (a - mu) - tau * c;
        const lanes pull = b * r;
        slopes = tau * pull - c;
        part[0][k] += pull * r;
        part[1][k] += c * c;
        part[2][k] += pull;
        part[3][k] += pull * c;
    }, SLOPES)
}

EACH_INSTRUCTION_SET
static void noncentred_value(size_t groups, const double *restrict y, const double *restrict weight,
                             const double *restrict z, double mu, double tau, double *sums)
{
    OVER_GROUPS(y, mu, weight, 0.0, z, 0.0, {
        const lanes r = (a - mu) - tau * c;
        part[0][k] += b * r * r;
        part[1][k] += c * c;
    }, NOTHING)
}

/* y_j ~ N(theta_j, 1 / weight_j), theta_j ~ N(mu, 1 / precision). The gradient in theta; sums of
 * weight r^2, d^2 and d, d = theta - mu. */
EACH_INSTRUCTION_SET
static void centred_sums(size_t groups, const double *restrict y, const double *restrict weight,
                         const double *restrict theta, double mu, double precision,
                         double *restrict gradient, double *sums)
{
    OVER_GROUPS(y, mu, weight, 0.0, theta, mu, {
        const lanes r = a - c;
        const lanes d = c - mu;
        const lanes pull = b * r;
        slopes = pull - precision * d;
        part[0][k] += pull * r;
        part[1][k] += d * d;
        part[2][k] += d;
    }, SLOPES)
}

EACH_INSTRUCTION_SET
static void centred_value(size_t groups, const double *restrict y, const double *restrict weight,
                          const double *restrict theta, double mu, double *sums)
{
    OVER_GROUPS(y, mu, weight, 0.0, theta, mu, {
        const lanes r = a - c;
        const lanes d = c - mu;
        part[0][k] += b * r * r;
        part[1][k] += d * d;
    }, NOTHING)
}

/* y_j ~ N(mu, var_j + t): sums of w, w r, w r^2 and (w r)^2, w = 1 / (var + t). */
EACH_INSTRUCTION_SET
static void marginal_sums(size_t groups, const double *restrict y, const double *restrict var,
                          double mu, double t, double *sums)
{
    OVER_GROUPS(y, mu, var, INFINITY, var, INFINITY, {
        const lanes w = 1.0 / (b + t);
        const lanes r = a - mu;
        const lanes pull = w * r;
        part[0][k] += w;
        part[1][k] += pull;
        part[2][k] += pull * r;
        part[3][k] += pull * pull;
    }, NOTHING)
}
