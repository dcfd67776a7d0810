/* Sums over groups with normal data, for the joint and the marginal density and their gradients.
 *
 * LANES accumulators each, so that every instruction set gives the same bits. A sum that is only
 * wanted for the value is made by the same loop with ``gradient`` NULL.
 */
#include <stddef.h>

#include "instruction_sets.h"

static inline double lanes_total(const double *lane)
{
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

#define OVER_GROUPS(TERM)                                                                       \
    for (int i = 0; i < 4; i++)                                                                 \
        for (int k = 0; k < LANES; k++)                                                         \
            part[i][k] = 0.0;                                                                   \
    const size_t whole = groups - groups % LANES;                                               \
    for (size_t start = 0; start < whole; start += LANES)                                       \
        for (int k = 0; k < LANES; k++) {                                                       \
            const size_t j = start + k;                                                         \
            TERM                                                                                \
        }                                                                                       \
    for (size_t j = whole; j < groups; j++) {                                                   \
        const int k = (int)(j - whole);                                                         \
        TERM                                                                                    \
    }                                                                                           \
    for (int i = 0; i < 4; i++)                                                                 \
        sums[i] = lanes_total(part[i]);

/* y_j ~ N(mu + tau z_j, 1 / weight_j), z_j ~ N(0, 1). The gradient in z; sums of weight r^2, z^2,
 * weight r and weight r z, r the residual. */
EACH_INSTRUCTION_SET
static void noncentred_sums(size_t groups, const double *restrict y, const double *restrict weight,
                            const double *restrict z, double mu, double tau,
                            double *restrict gradient, double *sums)
{
    double part[4][LANES];
    OVER_GROUPS({
        const double r = (y[j] - mu) - tau * z[j];
        const double pull = weight[j] * r;
        gradient[j] = tau * pull - z[j];
        part[0][k] += pull * r;
        part[1][k] += z[j] * z[j];
        part[2][k] += pull;
        part[3][k] += pull * z[j];
    })
}

EACH_INSTRUCTION_SET
static void noncentred_value(size_t groups, const double *restrict y, const double *restrict weight,
                             const double *restrict z, double mu, double tau, double *sums)
{
    double part[4][LANES];
    OVER_GROUPS({
        const double r = (y[j] - mu) - tau * z[j];
        part[0][k] += weight[j] * r * r;
        part[1][k] += z[j] * z[j];
    })
}

/* y_j ~ N(theta_j, 1 / weight_j), theta_j ~ N(mu, 1 / precision). The gradient in theta; sums of
 * weight r^2, d^2 and d, d = theta - mu. */
EACH_INSTRUCTION_SET
static void centred_sums(size_t groups, const double *restrict y, const double *restrict weight,
                         const double *restrict theta, double mu, double precision,
                         double *restrict gradient, double *sums)
{
    double part[4][LANES];
    OVER_GROUPS({
        const double r = y[j] - theta[j];
        const double d = theta[j] - mu;
        const double pull = weight[j] * r;
        gradient[j] = pull - precision * d;
        part[0][k] += pull * r;
        part[1][k] += d * d;
        part[2][k] += d;
    })
}

EACH_INSTRUCTION_SET
static void centred_value(size_t groups, const double *restrict y, const double *restrict weight,
                          const double *restrict theta, double mu, double *sums)
{
    double part[4][LANES];
    OVER_GROUPS({
        const double r = y[j] - theta[j];
        const double d = theta[j] - mu;
        part[0][k] += weight[j] * r * r;
        part[1][k] += d * d;
    })
}

/* y_j ~ N(mu, var_j + t): sums of w, w r, w r^2 and (w r)^2, w = 1 / (var + t). */
EACH_INSTRUCTION_SET
static void marginal_sums(size_t groups, const double *restrict y, const double *restrict var,
                          double mu, double t, double *sums)
{
    double part[4][LANES];
    OVER_GROUPS({
        const double w = 1.0 / (var[j] + t);
        const double r = y[j] - mu;
        const double pull = w * r;
        part[0][k] += w;
        part[1][k] += pull;
        part[2][k] += pull * r;
        part[3][k] += pull * pull;
    })
}
