/* Sums over groups: log(var_j + t) and (y_j - mu)^2 / (var_j + t); 1 / (var_j + t) and
 * (y_j - centre) / (var_j + t).
 *
 * One logarithm for all groups: the variances are multiplied up, and the exponent is split off the
 * running product every 8 factors, so that only a mantissa is left to take the log of. Four groups
 * share one division. Each of the LANES accumulators has its own product, exponent and sum.
 *
 * The caller guarantees 1e-30 <= var_j + t <= 1e30: eight factors then stay within a double.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "instruction_sets.h"

static inline int64_t take_exponent(double *product)
{
    uint64_t bits;
    memcpy(&bits, product, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000);
    memcpy(product, &bits, sizeof bits);
    return exponent;
}

/* Four groups: the product of their variances, and their sum of squares over it. */
#define FOUR_GROUPS(a, b, c, d)                                                              \
    double w0 = var[a] + t, w1 = var[b] + t, w2 = var[c] + t, w3 = var[d] + t;               \
    double r0 = y[a] - mu, r1 = y[b] - mu, r2 = y[c] - mu, r3 = y[d] - mu;                   \
    double low = w0 * w1, high = w2 * w3, all = low * high;                                  \
    double top = (r0 * r0 * w1 + r1 * r1 * w0) * high + (r2 * r2 * w3 + r3 * r3 * w2) * low;

/* Up to 8 groups: no exponent to split off, and nothing for wide registers to gain. */
static inline void few_group_sums(size_t groups, const double *y, const double *var, double mu,
                                  double t, double *log_sum, double *square_sum)
{
    double product = 1.0, squares = 0.0;
    size_t j = 0;
    for (; j + 4 <= groups; j += 4) {
        FOUR_GROUPS(j, j + 1, j + 2, j + 3)
        product *= all;
        squares += top / all;
    }
    for (; j < groups; j++) {
        const double w = var[j] + t, r = y[j] - mu;
        product *= w;
        squares += r * r / w;
    }
    *log_sum = log(product);
    *square_sum = squares;
}

EACH_INSTRUCTION_SET
static void group_sums(size_t groups, const double *y, const double *var, double mu, double t,
                       double *log_sum, double *square_sum)
{
    double product[LANES], square[LANES];
    int64_t exponent[LANES];
    size_t j = 0;
    double mantissa = 1.0, squares = 0.0;
    int64_t exponents = 0;

    if (groups >= 8 * LANES) {
        for (int k = 0; k < LANES; k++) {
            product[k] = 1.0;
            square[k] = 0.0;
            exponent[k] = 0;
        }
        for (; j + 8 * LANES <= groups; j += 8 * LANES) {
            for (int half = 0; half < 2; half++) {
                const size_t at = j + 4 * LANES * half;
                for (int k = 0; k < LANES; k++) {
                    FOUR_GROUPS(at + k, at + k + LANES, at + k + 2 * LANES, at + k + 3 * LANES)
                    product[k] *= all;
                    square[k] += top / all;
                }
            }
            for (int k = 0; k < LANES; k++)
                exponent[k] += take_exponent(&product[k]);
        }
        for (int k = 0; k < LANES; k++) {
            mantissa *= product[k]; /* at most 2^8 */
            exponents += exponent[k];
            squares += square[k];
        }
    }
    for (; j + 4 <= groups; j += 4) {
        FOUR_GROUPS(j, j + 1, j + 2, j + 3)
        mantissa *= all;
        squares += top / all;
        exponents += take_exponent(&mantissa);
    }
    for (; j < groups; j++) {
        const double w = var[j] + t, r = y[j] - mu;
        mantissa *= w;
        squares += r * r / w;
    }
    exponents += take_exponent(&mantissa);
    *log_sum = log(mantissa) + (double)exponents * 0.693147180559945309417;
    *square_sum = squares;
}

/* Two groups: the reciprocal of the product of their variances serves both. */
#define TWO_GROUPS(a, b)                                                                     \
    double w0 = var[a] + t, w1 = var[b] + t, reciprocal = 1.0 / (w0 * w1);                   \
    double r0 = y[a] - centre, r1 = y[b] - centre;

/* Sums of the weights 1 / (var_j + t), and of weight times (y_j - centre). */
EACH_INSTRUCTION_SET
static void weight_sums(size_t groups, const double *y, const double *var, double centre,
                        double t, double *weight_sum, double *product_sum)
{
    double weight[LANES], product[LANES];
    double weights = 0.0, products = 0.0;
    size_t j = 0;
    for (int k = 0; k < LANES; k++)
        weight[k] = product[k] = 0.0;
    for (; j + 2 * LANES <= groups; j += 2 * LANES) {
        for (int k = 0; k < LANES; k++) {
            TWO_GROUPS(j + k, j + k + LANES)
            weight[k] += (w0 + w1) * reciprocal;
            product[k] += (r0 * w1 + r1 * w0) * reciprocal;
        }
    }
    for (int k = 0; k < LANES; k++) {
        weights += weight[k];
        products += product[k];
    }
    for (; j < groups; j++) {
        const double w = 1.0 / (var[j] + t);
        weights += w;
        products += w * (y[j] - centre);
    }
    *weight_sum = weights;
    *product_sum = products;
}

/* The same four sums group by group, where products of variances would leave a double. */
static void plain_sums(size_t groups, const double *y, const double *var, double mu, double t,
                       double *log_sum, double *square_sum)
{
    double logs = 0.0, squares = 0.0;
    for (size_t j = 0; j < groups; j++) {
        const double w = var[j] + t, r = y[j] - mu;
        logs += log(w);
        squares += r * (r / w);
    }
    *log_sum = logs;
    *square_sum = squares;
}

static void plain_weight_sums(size_t groups, const double *y, const double *var, double centre,
                              double t, double *weight_sum, double *product_sum)
{
    double weights = 0.0, products = 0.0;
    for (size_t j = 0; j < groups; j++) {
        const double w = 1.0 / (var[j] + t);
        weights += w;
        products += w * (y[j] - centre);
    }
    *weight_sum = weights;
    *product_sum = products;
}
