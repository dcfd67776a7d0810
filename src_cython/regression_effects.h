/* The groups' own coefficients of a regression, at LANES nodes of the variances at once. */
#include "regression_sums.h"

/* A group's coefficients given its rows, at LANES nodes: their gain K = L (I + G'G)^-1 G', of what the
 * rotations leave of its response, and a root S of their covariance over sigma^2, S S' =
 * L (I + G'G)^-1 L', with G = R L. Both (q, q, LANES), by rows. */
EACH_INSTRUCTION_SET
static void regression_effects(int q, const double *l, const double *r, double *gain, double *root)
{
    double g[9][LANES], turned[9][LANES], whole[9][LANES], solved[9][LANES];
    Factor c;
    group_factor(q, r, l, g);
    for (int i = 0; i < q; i++)
        for (int k = 0; k < q; k++)
            for (int n = 0; n < LANES; n++) {
                turned[3 * i + k][n] = g[3 * k + i][n];
                whole[3 * i + k][n] = k > i ? 0.0 : l[(i * (i + 1) / 2 + k) * LANES + n];
            }
    if (q == 1)
        factor_1(turned, &c);
    else if (q == 2)
        factor_2(turned, &c);
    else
        factor_3(turned, &c);
    for (int i = 0; i < q; i++) { /* rows of L and of G by the inverse of C */
        double(*tables[2])[LANES] = {whole, solved};
        for (int n = 0; n < LANES; n++)
            for (int k = 0; k < q; k++)
                solved[3 * i + k][n] = g[3 * i + k][n];
        for (int t = 0; t < 2; t++) {
            double(*row)[LANES] = tables[t] + 3 * i;
            for (int n = 0; n < LANES; n++) {
                row[0][n] *= c.d[0][n];
                if (q > 1)
                    row[1][n] = (row[1][n] - c.below[0][n] * row[0][n]) * c.d[1][n];
                if (q > 2)
                    row[2][n] = (row[2][n] - c.below[1][n] * row[0][n]
                                 - c.below[2][n] * row[1][n]) * c.d[2][n];
            }
        }
    }
    for (int i = 0; i < q; i++)
        for (int k = 0; k < q; k++)
            for (int n = 0; n < LANES; n++) {
                double sum = 0.0;
                for (int j = 0; j < q; j++)
                    sum += whole[3 * i + j][n] * solved[3 * k + j][n];
                gain[(i * q + k) * LANES + n] = sum;
                root[(i * q + k) * LANES + n] = whole[3 * i + k][n];
            }
}
