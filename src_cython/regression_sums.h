/* Sums over groups for a regression with varying coefficients, at LANES nodes of the variances at
 * once: log|M_j| and F_j' M_j^-1 F_j, with M_j = I + (R_j L)(R_j L)'.
 *
 * R_j (upper triangular, q x q) is the triangular factor of a group's rows of varying predictors, F_j
 * what the same rotations leave of its other columns, and L L' the covariance of the coefficients over
 * the residual variance. Groups with the same R_j are one class, with as few rows F as have the same
 * sums of products.
 *
 * Nothing cancels, however large L is: leading minors of M and what its Cholesky factor C is made of are
 * sums of products (Cauchy and Binet), and C^-1 F is squared only after it is whole.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "instruction_sets.h"

#define LARGE 1e100 /* a running product beyond it has its log taken */
#define INLINE static inline __attribute__((always_inline))

/* What divides in C, inverted, and what is below its diagonal, times that; |M|. */
typedef struct {
    double d[3][LANES], below[3][LANES], det[LANES];
} Factor;

/* Rows of G = R L, for all lanes. */
INLINE void group_factor(const int q, const double *r, const double *l, double g[9][LANES])
{
    for (int i = 0, at = 0; i < q; at += q - i, i++)
        for (int k = 0; k < q; k++)
            for (int n = 0; n < LANES; n++) {
                double sum = 0.0;
                for (int j = i > k ? i : k; j < q; j++)
                    sum += r[at + j - i] * l[(j * (j + 1) / 2 + k) * LANES + n];
                g[3 * i + k][n] = sum;
            }
}

INLINE void factor_1(double g[9][LANES], Factor *c)
{
    for (int n = 0; n < LANES; n++) {
        c->det[n] = 1.0 + g[0][n] * g[0][n];
        c->d[0][n] = 1.0 / sqrt(c->det[n]);
    }
}

INLINE void factor_2(double g[9][LANES], Factor *c)
{
    for (int n = 0; n < LANES; n++) {
        const double a = g[0][n], b = g[1][n], e = g[3][n], f = g[4][n], minor = a * f - b * e;
        const double first = 1.0 + (a * a + b * b), both = e * e + f * f + minor * minor + first;
        c->det[n] = both;
        c->d[0][n] = 1.0 / sqrt(first);
        c->d[1][n] = sqrt(first / both);
        c->below[0][n] = (a * e + b * f) * c->d[0][n];
    }
}

INLINE void factor_3(double g[9][LANES], Factor *c)
{
    for (int n = 0; n < LANES; n++) {
        const double u[3] = {g[0][n], g[1][n], g[2][n]}, v[3] = {g[3][n], g[4][n], g[5][n]},
                     w[3] = {g[6][n], g[7][n], g[8][n]};
        const double uv[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2],
                              u[0] * v[1] - u[1] * v[0]};
        const double uw[3] = {u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2],
                              u[0] * w[1] - u[1] * w[0]};
        const double vw[3] = {v[1] * w[2] - v[2] * w[1], v[2] * w[0] - v[0] * w[2],
                              v[0] * w[1] - v[1] * w[0]};
#define DOT(a, b) ((a)[0] * (b)[0] + (a)[1] * (b)[1] + (a)[2] * (b)[2])
        const double volume = DOT(w, uv), uu = DOT(u, u), vv = DOT(v, v), ww = DOT(w, w);
        const double first = 1.0 + uu, second = first + vv + DOT(uv, uv);
        const double third = second + ww + DOT(uw, uw) + DOT(vw, vw) + volume * volume;
        c->det[n] = third;
        c->d[0][n] = 1.0 / sqrt(first);
        c->d[1][n] = sqrt(first / second);
        c->d[2][n] = sqrt(second / third);
        c->below[0][n] = DOT(u, v) * c->d[0][n];
        c->below[1][n] = DOT(u, w) * c->d[0][n];
        c->below[2][n] = (DOT(v, w) + DOT(uv, uw)) / sqrt(first * second);
#undef DOT
    }
}

INLINE void take_logs(double *product, double *log_sum)
{
    for (int n = 0; n < LANES; n++) {
        log_sum[n] += log(product[n]);
        product[n] = 1.0;
    }
}

/* log|M|, count times. */
INLINE void add_log(const double *det, double count, double *product, double *log_sum)
{
    if (count != 1.0) {
        for (int n = 0; n < LANES; n++)
            log_sum[n] += count * log(det[n]);
        return;
    }
    double most = 0.0;
    for (int n = 0; n < LANES; n++) {
        product[n] *= det[n];
        most = product[n] > most ? product[n] : most;
    }
    if (most > LARGE)
        take_logs(product, log_sum);
}

/* C^-1 F, of the shape (q, columns, LANES), and the products of its rows added up. */
INLINE void add_products(const int q, size_t columns, const Factor *c, const double *f,
                         double *room, double *out)
{
    for (size_t k = 0; k < columns; k++)
        for (int n = 0; n < LANES; n++) {
            const double first = f[k] * c->d[0][n];
            room[k * LANES + n] = first;
            if (q > 1) {
                const double second = (f[columns + k] - c->below[0][n] * first) * c->d[1][n];
                room[(columns + k) * LANES + n] = second;
                if (q > 2)
                    room[(2 * columns + k) * LANES + n] =
                        (f[2 * columns + k] - c->below[1][n] * first - c->below[2][n] * second)
                        * c->d[2][n];
            }
        }
    for (size_t i = 0; i < columns; i++)
        for (size_t k = i; k < columns; k++, out += LANES)
            for (int row = 0; row < q; row++) {
                const double *a = room + (row * columns + i) * LANES;
                const double *b = room + (row * columns + k) * LANES;
                for (int n = 0; n < LANES; n++)
                    out[n] += a[n] * b[n];
            }
}

/* One class after the other. Inlined with a constant q, so that its loops unroll. */
INLINE void sums_of_classes(const int q, size_t classes, size_t columns, const double *l,
                            const double *r, const double *f, const int64_t *start,
                            const double *count, double *room, double *out)
{
    double g[9][LANES], product[LANES];
    Factor c;
    for (int n = 0; n < LANES; n++)
        product[n] = 1.0;
    for (size_t j = 0; j < classes; j++) {
        group_factor(q, r + j * (q * (q + 1) / 2), l, g);
        if (q == 1)
            factor_1(g, &c);
        else if (q == 2)
            factor_2(g, &c);
        else
            factor_3(g, &c);
        add_log(c.det, count[j], product, out);
        for (int64_t i = start[j]; i < start[j + 1]; i++)
            add_products(q, columns, &c, f + (size_t)i * q * columns, room, out + LANES);
    }
    take_logs(product, out);
}

/* The sums at LANES nodes. l: (q(q+1)/2, LANES), L by rows; r: (classes, q(q+1)/2), R by rows;
 * f: (rows, q, columns), those of class j from start[j] on; room: (q, columns, LANES);
 * out: (1 + columns(columns+1)/2, LANES). */
EACH_INSTRUCTION_SET
static void regression_sums(int q, size_t classes, size_t columns, const double *l,
                            const double *r, const double *f, const int64_t *start,
                            const double *count, double *room, double *out)
{
    for (size_t k = 0; k < (1 + columns * (columns + 1) / 2) * LANES; k++)
        out[k] = 0.0;
    if (q == 1)
        sums_of_classes(1, classes, columns, l, r, f, start, count, room, out);
    else if (q == 2)
        sums_of_classes(2, classes, columns, l, r, f, start, count, room, out);
    else
        sums_of_classes(3, classes, columns, l, r, f, start, count, room, out);
}
