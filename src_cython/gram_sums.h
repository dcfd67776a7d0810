/* Sums over groups of weighted products of columns: q_k' W q_l for k <= l, with w_j = 1 / (var_j + t).
 *
 * The weighted column stays in cache while it meets the columns beside it, and each of the LANES
 * accumulators has a sum of its own.
 */
#include <stddef.h>

#include "instruction_sets.h"

#define GRAM_GROUPS 512 /* at a time */

/* columns: q, each of `stride` doubles, of which `groups` are summed; gram: packed rows, added to. */
EACH_INSTRUCTION_SET
static void gram_sums(size_t groups, size_t columns, size_t stride, const double *q,
                      const double *var, double t, double *gram)
{
    double weight[GRAM_GROUPS], weighted[GRAM_GROUPS];
    for (size_t start = 0; start < groups; start += GRAM_GROUPS) {
        const size_t size = groups - start < GRAM_GROUPS ? groups - start : GRAM_GROUPS;
        const double *v = var + start;
        for (size_t j = 0; j < size; j++)
            weight[j] = 1.0 / (v[j] + t);
        double *out = gram;
        for (size_t k = 0; k < columns; k++) {
            const double *a = q + k * stride + start;
            for (size_t j = 0; j < size; j++)
                weighted[j] = weight[j] * a[j];
            for (size_t l = k; l < columns; l++) {
                const double *b = q + l * stride + start;
                double part[LANES], sum = 0.0;
                size_t j = 0;
                for (int i = 0; i < LANES; i++)
                    part[i] = 0.0;
                for (; j + LANES <= size; j += LANES)
                    for (int i = 0; i < LANES; i++)
                        part[i] += weighted[j + i] * b[j + i];
                for (; j < size; j++)
                    sum += weighted[j] * b[j];
                for (int i = 0; i < LANES; i++)
                    sum += part[i];
                *out++ += sum;
            }
        }
    }
}
