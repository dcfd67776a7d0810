"""Kernels of a regression with varying coefficients.

``rotate`` is the one pass over the rows; ``group_sums`` looks at what it leaves of the groups, at
nodes of the variances, and ``triangles`` brings its sums into the form of `linear_groups`.
"""
from libc.math cimport sqrt
from libc.stdint cimport int64_t

import numpy as np

cdef double ROUNDING = 4e-16  # of a sum of squares

cdef enum:
    NODES = 256  # at a time, which stay in cache

cdef extern from "regression_effects.h" nogil:
    int LANES
    void regression_sums(int q, size_t classes, size_t columns, const double *l, const double *r,
                         const double *f, const int64_t *start, const double *count,
                         double *room, double *out)
    void regression_effects(int q, const double *l, const double *r, double *gain, double *root)


def rotate(double[:, ::1] rows, const int64_t[::1] group, double[:, ::1] r, double[:, :, ::1] f):
    """Add rows to the triangular factors of their groups, by Givens' rotations.

    Parameters
    ----------
    rows : inout, shape (rows, q + columns)
        The varying predictors, then the other columns; of the latter what the rotations leave.
    group : in, shape (rows,)
    r : inout, shape (groups, q (q + 1) / 2)
        Upper triangular factors of the groups' varying predictors, by rows.
    f : inout, shape (groups, q, columns)
        The other columns, rotated alike.
    """
    cdef Py_ssize_t n = rows.shape[0], q = f.shape[1], columns = f.shape[2], i, k, m, at
    cdef int64_t j
    cdef double head, length, c, s, value
    with nogil:
        for m in range(n):
            j = group[m]
            at = 0
            for i in range(q):
                head = rows[m, i]
                if head != 0.0:
                    length = sqrt(r[j, at] * r[j, at] + head * head)
                    c, s = r[j, at] / length, head / length
                    r[j, at] = length
                    for k in range(i + 1, q):
                        value = r[j, at + k - i]
                        r[j, at + k - i] = c * value + s * rows[m, k]
                        rows[m, k] = c * rows[m, k] - s * value
                    for k in range(columns):
                        value = f[j, i, k]
                        f[j, i, k] = c * value + s * rows[m, q + k]
                        rows[m, q + k] = c * rows[m, q + k] - s * value
                at += q - i


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


def effects(const double[:, ::1] factor, const double[::1] r, int q):
    """A group's coefficients given its rows, at every node.

    Parameters
    ----------
    factor : in, shape (nodes, q (q + 1) / 2)
        As of `group_sums`.
    r : in, shape (q (q + 1) / 2,)
        The group's triangular factor, by rows.
    q : int

    Returns
    -------
    gain : ndarray, shape (q, q, nodes)
        What the rows of F weigh in the coefficients.
    root : ndarray, shape (q, q, nodes)
        A root of their covariance over the residual variance.
    """
    cdef Py_ssize_t nodes = factor.shape[0], pairs = factor.shape[1], block, i, k, n, here
    gain_table, root_table = np.empty((q, q, nodes)), np.empty((q, q, nodes))
    cdef double[:, ::1] gain = gain_table.reshape(q * q, nodes)
    cdef double[:, ::1] root = root_table.reshape(q * q, nodes)
    cdef double[:, ::1] l = np.empty((pairs, LANES))
    cdef double[:, ::1] first = np.empty((q * q, LANES)), second = np.empty((q * q, LANES))
    with nogil:
        for block in range((nodes + LANES - 1) // LANES):
            i = block * LANES
            here = min(<Py_ssize_t>LANES, nodes - i)
            for n in range(LANES):
                for k in range(pairs):
                    l[k, n] = factor[i + min(n, here - 1), k]
            regression_effects(q, &l[0, 0], &r[0], &first[0, 0], &second[0, 0])
            for k in range(q * q):
                for n in range(here):
                    gain[k, i + n] = first[k, n]
                    root[k, i + n] = second[k, n]
    return gain_table, root_table


cdef void add_group(Py_ssize_t q, Py_ssize_t nodes, Py_ssize_t here, const double *gain,
                    const double *root, const double *f, Py_ssize_t p, const double *z,
                    const double *sigma, double *room, double *mean, double *var) noexcept nogil:
    """What a group's rows say of z' b: its mean and variance but for the common coefficients.

    The room becomes the weights of the rows of F, (q, NODES), and what they make of the design,
    (p, NODES).
    """
    cdef Py_ssize_t i, j, c, n
    cdef double total
    cdef double *weight
    cdef double *made
    for n in range(here):
        mean[n] = var[n] = 0.0
    for i in range(q):
        weight = room + i * NODES
        made = room + q * NODES
        for n in range(here):
            weight[n] = made[n] = 0.0
        for j in range(q):
            for n in range(here):
                weight[n] += z[j] * gain[(j * q + i) * nodes + n]
                made[n] += z[j] * root[(j * q + i) * nodes + n]
        total = f[i * (p + 1) + p]
        for n in range(here):
            mean[n] += total * weight[n]
            var[n] += made[n] * made[n]
    for n in range(here):
        var[n] *= sigma[n] * sigma[n]
    for c in range(p):
        made = room + (q + c) * NODES
        for n in range(here):
            made[n] = 0.0
        for i in range(q):
            total = f[i * (p + 1) + c]
            weight = room + i * NODES
            for n in range(here):
                made[n] += total * weight[n]


cdef void add_common(Py_ssize_t p, Py_ssize_t nodes, Py_ssize_t here, const double *x,
                     const double *about, const double *rows, double *lean, double *mean,
                     double *sd) noexcept nogil:
    """The common coefficients' part, of x less what the rows make of the design; variances to sds."""
    cdef Py_ssize_t c, d, n
    cdef double *one
    cdef double *spread = lean + p * NODES
    cdef const double *part
    for c in range(p):
        one = lean + c * NODES
        part = rows + (1 + c) * nodes
        for n in range(here):
            mean[n] += one[n] * about[c]
            one[n] = x[c] - one[n]
            mean[n] += one[n] * part[n]
    for d in range(p):
        for n in range(here):
            spread[n] = 0.0
        for c in range(d + 1):  # row c of the triangle begins after those above it
            one = lean + c * NODES
            part = rows + (1 + p + c * p - c * (c - 1) // 2 + d - c) * nodes
            for n in range(here):
                spread[n] += one[n] * part[n]
        for n in range(here):
            sd[n] += spread[n] * spread[n]
    for n in range(here):
        sd[n] = sqrt(sd[n])


def moments(const double[:, :, ::1] gain, const double[:, :, ::1] root, const double[:, ::1] f,
            const double[:, ::1] x, const double[:, ::1] z, const double[::1] about,
            const double[:, ::1] rows, const double[::1] sigma):
    """Mean and sd of x' beta + z' b of a group at every node, the coefficients integrated out.

    Parameters
    ----------
    gain, root : in, shape (q, q, nodes)
        As `effects` returns them.
    f : in, shape (q, p + 1)
        The group's rows of F, with the design as it was given and the response less the fit.
    x : in, shape (quantities, p)
    z : in, shape (quantities, q)
    about : in, shape (p,)
        The fit's coefficients.
    rows : in, shape (1 + p + p (p + 1) / 2, nodes)
        Of the common coefficients, from the second row on: means, and the rows of the upper
        triangle whose square is their covariance.
    sigma : in, shape (nodes,)

    Returns
    -------
    mean, sd : ndarray, shape (quantities, nodes)
    """
    cdef Py_ssize_t q = gain.shape[0], nodes = gain.shape[2], p = x.shape[1], count = x.shape[0]
    cdef Py_ssize_t k, start, here
    mean_table, sd_table = np.empty((count, nodes)), np.empty((count, nodes))
    cdef double[:, ::1] mean = mean_table, sd = sd_table
    cdef double[::1] room = np.empty((q + p + 1) * NODES)
    with nogil:
        for k in range(count):
            start = 0
            while start < nodes:
                here = min(NODES, nodes - start)
                add_group(q, nodes, here, &gain[0, 0, start], &root[0, 0, start], &f[0, 0], p,
                          &z[k, 0], &sigma[start], &room[0], &mean[k, start], &sd[k, start])
                add_common(p, nodes, here, &x[k, 0], &about[0], &rows[0, start], &room[q * NODES],
                           &mean[k, start], &sd[k, start])
                start += here
    return mean_table, sd_table


def triangles(const double[:, ::1] sums):
    """The sums in the form of `linear_groups`: triangles of the columns, by Cholesky's method.

    Where the columns before it leave nothing of a column but rounding, that is all that is kept: a
    direction of which the groups hardly tell has a density that is finite, and a wide law about 0.

    Parameters
    ----------
    sums : in, shape (nodes, 1 + columns (columns + 1) / 2)
        As `group_sums` returns them.

    Returns
    -------
    ndarray, shape (nodes, linear_groups.size_of(columns - 1))
    """
    cdef Py_ssize_t nodes = sums.shape[0], size = sums.shape[1] - 1, i, j, k, m, at
    cdef Py_ssize_t width = <Py_ssize_t>((sqrt(8.0 * size + 1.0) - 1.0) / 2.0 + 0.5)
    cdef double pivot, total
    table = np.empty((nodes, size + 1))
    cdef double[:, ::1] out = table
    cdef double[:, ::1] a = np.zeros((width, width))
    with nogil:
        for m in range(nodes):
            at = 0
            for i in range(width):
                pivot = sums[m, 1 + at]
                for k in range(i):
                    pivot -= a[k, i] * a[k, i]
                if i == width - 1:
                    out[m, at] = max(pivot, 0.0)
                    break
                if not pivot > ROUNDING * sums[m, 1 + at]:
                    for j in range(i + 1, width):
                        a[i, j] = 0.0
                    a[i, i] = sqrt(ROUNDING * sums[m, 1 + at])
                else:
                    a[i, i] = sqrt(pivot)
                    for j in range(i + 1, width):
                        total = sums[m, 1 + at + j - i]
                        for k in range(i):
                            total -= a[k, i] * a[k, j]
                        a[i, j] = total / a[i, i]
                for j in range(i, width):
                    out[m, at + j - i] = a[i, j]
                at += width - i
            out[m, size] = sums[m, 0]
    return table
