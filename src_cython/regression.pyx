"""Kernels of a regression with varying coefficients.

``group_sums`` is the one place where the groups are looked at, at nodes of the variances; ``finish``
integrates the common coefficients out of what it leaves.
"""
from libc.math cimport NAN, exp, log, sqrt
from libc.stdint cimport int64_t

import numpy as np

cdef double EPSILON = 2.3e-16

cdef extern from "regression_sums.h" nogil:
    int LANES
    void regression_sums(int q, size_t classes, size_t columns, const double *l, const double *r,
                         const double *f, const int64_t *start, const double *count,
                         double *room, double *out)


def group_sums(const double[:, ::1] factor, const double[:, ::1] r, const double[:, :, ::1] f,
               const int64_t[::1] start, const double[::1] count):
    """Sums of log|M_j| and of F_j' M_j^-1 F_j at every node.

    Parameters
    ----------
    factor : in, shape (nodes, q (q + 1) / 2)
        Cholesky factor of the coefficients' covariance over the residual variance, by rows.
    r : in, shape (classes, q (q + 1) / 2)
        Triangular factors, by rows.
    f : in, shape (rows, q, columns)
        What the groups' rotations leave of the other columns; the response's is the last.
    start : in, shape (classes + 1,)
        Where the rows of every class begin in ``f``, and their end.
    count : in, shape (classes,)
        How many groups are in a class.

    Returns
    -------
    ndarray, shape (nodes, 1 + columns (columns + 1) / 2)
    """
    cdef Py_ssize_t nodes = factor.shape[0], pairs = factor.shape[1], columns = f.shape[2]
    cdef Py_ssize_t size = columns * (columns + 1) // 2, block, i, k, n, here
    cdef int q = f.shape[1]
    table = np.empty((nodes, 1 + size))
    cdef double[:, ::1] out = table
    cdef double[:, ::1] l = np.empty((pairs, LANES))
    cdef double[::1] room = np.empty(q * columns * LANES)
    cdef double[:, ::1] sums = np.empty((1 + size, LANES))
    with nogil:
        for block in range((nodes + LANES - 1) // LANES):
            i = block * LANES
            here = min(<Py_ssize_t>LANES, nodes - i)
            for n in range(LANES):
                for k in range(pairs):
                    l[k, n] = factor[i + min(n, here - 1), k]
            regression_sums(q, r.shape[0], columns, &l[0, 0], &r[0, 0], &f[0, 0, 0], &start[0],
                            &count[0], &room[0], &sums[0, 0])
            for n in range(here):
                for k in range(1 + size):
                    out[i + n, k] = sums[k, n]
    return table


def finish(const double[:, ::1] sums, const double[::1] within, const double[::1] precision,
           const double[::1] log_sigma, bint moments):
    """Integrate the common coefficients out.

    Parameters
    ----------
    sums : in, shape (nodes, 1 + size)
        As `group_sums` returns them; the last row and column of the products are the response's.
    within : in, shape (size,)
        What the groups' own rows leave: products of the rest, by rows of the upper triangle.
    precision : in, shape (size,)
        The prior's products: its precision, precision times mean, and mean' precision mean.
    log_sigma : in, shape (nodes,)
    moments : bool
        Whether to return the coefficients' means and covariances too.

    Returns
    -------
    ndarray, shape (nodes,)
        -1/2 (log|V| - log|C| + quadratic form), V relative to sigma^2, C the conditional covariance
        of the coefficients; NaN where that is not positive definite.
    mean : ndarray, shape (nodes, p), and cov : ndarray, shape (nodes, p, p)
        Only with ``moments``.
    """
    cdef Py_ssize_t nodes = sums.shape[0], size = within.shape[0], i, j, k, m, at
    cdef Py_ssize_t d = <Py_ssize_t>((sqrt(8.0 * size + 1.0) - 1.0) / 2.0 + 0.5)
    cdef Py_ssize_t p = d - 1
    value = np.empty(nodes)
    cdef double[::1] out = value
    cdef double[:, ::1] a = np.empty((d, d))
    mean_table = np.empty((nodes if moments else 0, p))
    cov_table = np.empty((nodes if moments else 0, p, p))
    cdef double[:, ::1] mean = mean_table
    cdef double[:, :, ::1] cov = cov_table
    cdef double[:, ::1] inverse = np.zeros((d, d))
    cdef double scale, total, log_det
    with nogil:
        for m in range(nodes):
            scale = exp(-2.0 * log_sigma[m])
            at = 0
            for i in range(d):
                for j in range(i, d):
                    a[i, j] = (within[at] + sums[m, 1 + at]) * scale + precision[at]
                    at += 1
            log_det = eliminate(a, p)
            out[m] = -0.5 * (sums[m, 0] + log_det + a[p, p])
            if moments:
                back(a, inverse, p)
                for i in range(p):
                    mean[m, i] = 0.0
                    for j in range(i, p):
                        mean[m, i] += inverse[i, j] * a[j, p]
                    for j in range(i, p):
                        total = 0.0
                        for k in range(j, p):
                            total += inverse[i, k] * inverse[j, k]
                        cov[m, i, j] = cov[m, j, i] = total
    return (value, mean_table, cov_table) if moments else value


cdef double eliminate(double[:, ::1] a, Py_ssize_t p) noexcept nogil:
    """Cholesky's factor U of the leading p columns in place, with the last column carried along.

    The last pivot becomes what the first p leave of it; returns log|leading block|. Far out, where a
    variance is 1e16 times another, pivots are rounding: they stay at its size.
    """
    cdef Py_ssize_t i, j, k
    cdef double pivot, product = 1.0, log_det = 0.0
    for i in range(p):
        pivot = a[i, i]
        for k in range(i):
            pivot -= a[k, i] * a[k, i]
        pivot = max(pivot, EPSILON * a[i, i])
        if not pivot > 0.0:
            return NAN
        product *= pivot
        if not 1e-100 < product < 1e100:
            log_det += log(product)
            product = 1.0
        a[i, i] = sqrt(pivot)
        for j in range(i + 1, p + 1):
            for k in range(i):
                a[i, j] -= a[k, i] * a[k, j]
            a[i, j] /= a[i, i]
        a[p, p] -= a[i, p] * a[i, p]
    return log_det + log(product)


cdef void back(double[:, ::1] a, double[:, ::1] inverse, Py_ssize_t p) noexcept nogil:
    """The inverse of the upper triangular factor."""
    cdef Py_ssize_t i, j, k
    cdef double total
    for j in range(p):
        inverse[j, j] = 1.0 / a[j, j]
        for i in range(j - 1, -1, -1):
            total = 0.0
            for k in range(i + 1, j + 1):
                total += a[i, k] * inverse[k, j]
            inverse[i, j] = -total / a[i, i]
