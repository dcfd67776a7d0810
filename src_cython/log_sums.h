/* Log of a sum of exponentials of linear functions, without overflow: two passes, the largest term
 * and the sum relative to it. */
#include <math.h>
#include <stddef.h>

#include "exp_negative.h"
#include "instruction_sets.h"

#define BLOCK 1024 /* terms that stay in the first cache between the passes */

/* log sum_j exp(x a_j + y b_j + c_j); the number of terms is a multiple of LANES (pad with c = -inf
 * and a = b = 0). -inf when all terms are. */
EACH_INSTRUCTION_SET
static double log_sum(size_t terms, const double *a, const double *b, const double *c, double x,
                      double y)
{
    double room[BLOCK], top = -INFINITY, total = 0.0;
    for (size_t start = 0; start < terms; start += BLOCK) {
        const size_t size = terms - start < BLOCK ? terms - start : BLOCK;
        double best[LANES], sum[LANES];
        for (int k = 0; k < LANES; k++) {
            best[k] = -INFINITY;
            sum[k] = 0.0;
        }
        for (size_t j = 0; j < size; j += LANES)
            for (int k = 0; k < LANES; k++) {
                const size_t i = start + j + k;
                const double linear = (x * a[i] + y * b[i]) + c[i];
                const double term = linear == linear ? linear : -INFINITY; /* 0 times infinity */
                room[j + k] = term;
                best[k] = term > best[k] ? term : best[k];
            }
        double highest = top;
        for (int k = 0; k < LANES; k++)
            highest = best[k] > highest ? best[k] : highest;
        if (!(highest > -INFINITY))
            continue;
        total = highest > top && total > 0.0 ? total * exp(top - highest) : total;
        top = highest;
        for (size_t j = 0; j < size; j += LANES)
            for (int k = 0; k < LANES; k++)
                sum[k] += exp_negative(room[j + k] - top);
        for (int k = 0; k < LANES; k++)
            total += sum[k];
    }
    return top + log(total);
}
