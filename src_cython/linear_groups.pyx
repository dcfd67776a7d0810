"""The normal model with covariates at many values of tau at once.

Given tau the coefficients beta are normal: y ~ N(X beta, diag(var + tau^2)). The sums over groups
are kept as the triangle of an orthogonal factorisation of the weighted [X y] (Golub and Van Loan,
Matrix Computations, section 5.2): R, Q'y and the squares left over, which no normal equations have
squared the condition of. Triangles add up: two of them, one above the other, are factorised again
(Demmel et al. 2012), as blocks of groups are here, and as a prior of beta is added.

The caller sorts the groups by their variances: weights that differ by many decades then fall from
the first row to the last at every tau, without which Householder's method loses the light rows
(Cox and Higham 1998).
"""
from libc.math cimport exp, fabs, log, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import numpy as np


cdef extern from "group_sums.h" nogil:
    void group_sums(size_t groups, const double *y, const double *var, double mu, double t,
                    double *log_sum, double *square_sum)
    void plain_sums(size_t groups, const double *y, const double *var, double mu, double t,
                    double *log_sum, double *square_sum)


cdef extern from "gram_sums.h" nogil:
    void gram_sums(size_t groups, size_t columns, size_t stride, const double *q,
                   const double *var, double t, double *gram)


cdef Py_ssize_t ROWS = 64  # added to a triangle at a time
cdef Py_ssize_t BLOCK = 1024  # groups that stay in cache while all nodes pass over them


cdef void reduce_rows(double *a, Py_ssize_t rows, Py_ssize_t p, double *squares) noexcept nogil:
    """Make the first p columns of ``a``, shape (rows, p + 1), upper triangular, the diagonal positive.

    What is left of the last column below row p is added to ``squares`` and set to 0.
    """
    cdef Py_ssize_t i, j, k, width = p + 1
    cdef double norm, head, product, scale
    for k in range(min(p, rows)):
        norm = 0.0
        for i in range(k, rows):
            norm += a[i * width + k] * a[i * width + k]
        if norm == 0.0:
            continue
        head = a[k * width + k]
        norm = sqrt(norm)
        # The reflection sends the column to -sign(head) norm: nothing cancels in its head.
        scale = head + norm if head > 0.0 else head - norm
        for j in range(k + 1, width):
            product = scale * a[k * width + j]
            for i in range(k + 1, rows):
                product += a[i * width + k] * a[i * width + j]
            product /= norm * (norm + (head if head > 0.0 else -head))
            a[k * width + j] -= product * scale
            for i in range(k + 1, rows):
                a[i * width + j] -= product * a[i * width + k]
        a[k * width + k] = -norm if head > 0.0 else norm
        for i in range(k + 1, rows):
            a[i * width + k] = 0.0
        if a[k * width + k] < 0.0:
            for j in range(k, width):
                a[k * width + j] = -a[k * width + j]
    for i in range(p, rows):
        squares[0] += a[i * width + p] * a[i * width + p]
        a[i * width + p] = 0.0


cdef Py_ssize_t unpack(const double *sums, double *a, Py_ssize_t p) noexcept nogil:
    """The triangle [R z] of one node's sums as rows; how many numbers it takes."""
    cdef Py_ssize_t i, j, at = 0, width = p + 1
    memset(a, 0, p * width * sizeof(double))
    for i in range(p):
        for j in range(i, width):
            a[i * width + j] = sums[at]
            at += 1
    return at


cdef void pack(const double *a, double *sums, Py_ssize_t p) noexcept nogil:
    cdef Py_ssize_t i, j, at = 0, width = p + 1
    for i in range(p):
        for j in range(i, width):
            sums[at] = a[i * width + j]
            at += 1


def size_of(Py_ssize_t p):
    """How many numbers a node's sums are: the triangle of [X y], the squares left over, the logs."""
    return (p * (p + 3)) // 2 + 2


def sums(const double[::1] y, const double[:, ::1] x, const double[::1] var,
         const double[::1] log_tau, double low, double high):
    """Sums over groups at every log tau.

    Parameters
    ----------
    y, var : in, shape (groups,), sorted by var
    x : in, shape (groups, p)
    log_tau : in, shape (nodes,)
    low, high : the tau^2 between which products of variances stay within a double

    Returns
    -------
    ndarray, shape (nodes, size_of(p))
        The rows of the triangle of the weighted [x y], the squares left over, sum of logs of
        var + tau^2.
    """
    cdef Py_ssize_t n = log_tau.shape[0], groups = y.shape[0], p = x.shape[1]
    cdef Py_ssize_t width = p + 1, size = (p * (p + 3)) // 2 + 2
    table = np.zeros((n, size))
    cdef double[:, ::1] out = table
    cdef double *a = <double *> malloc((p + ROWS) * width * sizeof(double))
    cdef double *row
    cdef Py_ssize_t i, j, k, start, stop, first, last
    cdef double t, root, logs, unused
    if a == NULL:
        raise MemoryError("sums over groups")
    with nogil:
        start = 0
        while start < groups:
            stop = min(start + BLOCK, groups)
            for i in range(n):
                t = exp(2.0 * log_tau[i])
                if low <= t <= high:
                    group_sums(stop - start, &y[start], &var[start], 0.0, t, &logs, &unused)
                else:
                    plain_sums(stop - start, &y[start], &var[start], 0.0, t, &logs, &unused)
                out[i, size - 1] += logs
                unpack(&out[i, 0], a, p)
                first = start
                while first < stop:
                    last = min(first + ROWS, stop)
                    for j in range(first, last):
                        root = 1.0 / sqrt(var[j] + t)
                        row = a + (p + j - first) * width
                        for k in range(p):
                            row[k] = root * x[j, k]
                        row[p] = root * y[j]
                    reduce_rows(a, p + last - first, p, &out[i, size - 2])
                    first = last
                pack(a, &out[i, 0], p)
            start = stop
    free(a)
    return table


def grams(const double[:, ::1] q, const double[::1] var, const double[::1] log_tau,
          double low, double high):
    """Sums over groups of products of columns at every log tau.

    Sums of blocks are added with what rounding takes from them (Neumaier 1974): a million groups'
    log density must be right to far less than one.

    Parameters
    ----------
    q : in, shape (columns, groups)
    var : in, shape (groups,)
    log_tau : in, shape (nodes,)
    low, high : the tau^2 between which products of variances stay within a double

    Returns
    -------
    ndarray, shape (nodes, columns (columns + 1) / 2 + 1)
        The rows of the upper triangle of q W q', W of the weights 1 / (var + tau^2), and the sum of
        logs of var + tau^2.
    """
    cdef Py_ssize_t n = log_tau.shape[0], columns = q.shape[0], groups = q.shape[1]
    cdef Py_ssize_t size = (columns * (columns + 1)) // 2 + 1, i, k, start, count
    found, lost = np.zeros((n, size)), np.zeros((n, size))
    cdef double[:, ::1] out = found, rest = lost
    cdef double *part = <double *> malloc(size * sizeof(double))
    cdef double t, total, unused
    if part == NULL:
        raise MemoryError("sums over groups")
    with nogil:
        start = 0
        while start < groups:
            count = min(BLOCK, groups - start)
            for i in range(n):
                t = exp(2.0 * log_tau[i])
                memset(part, 0, size * sizeof(double))
                gram_sums(count, columns, groups, &q[0, start], &var[start], t, part)
                if low <= t <= high:
                    group_sums(count, &q[0, start], &var[start], 0.0, t, &part[size - 1], &unused)
                else:
                    plain_sums(count, &q[0, start], &var[start], 0.0, t, &part[size - 1], &unused)
                for k in range(size):
                    total = out[i, k] + part[k]
                    if fabs(out[i, k]) >= fabs(part[k]):
                        rest[i, k] += (out[i, k] - total) + part[k]
                    else:
                        rest[i, k] += (part[k] - total) + out[i, k]
                    out[i, k] = total
            start += count
    free(part)
    return found + lost


def merge(const double[:, ::1] first, const double[:, ::1] second, Py_ssize_t p):
    """Sums over the groups of both, node by node; a second of one row goes to every node.

    Parameters
    ----------
    first : in, shape (nodes, size_of(p))
    second : in, shape (nodes, size_of(p)) or (1, size_of(p))

    Returns
    -------
    ndarray, shape (nodes, size_of(p))
    """
    cdef Py_ssize_t n = first.shape[0], size = first.shape[1], width = p + 1, i, other
    table = np.zeros((n, size))
    cdef double[:, ::1] out = table
    cdef double *a = <double *> malloc(2 * p * width * sizeof(double))
    if a == NULL:
        raise MemoryError("sums over groups")
    with nogil:
        for i in range(n):
            other = i if second.shape[0] > 1 else 0
            unpack(&first[i, 0], a, p)
            unpack(&second[other, 0], a + p * width, p)
            out[i, size - 2] = first[i, size - 2] + second[other, size - 2]
            out[i, size - 1] = first[i, size - 1] + second[other, size - 1]
            reduce_rows(a, 2 * p, p, &out[i, size - 2])
            pack(a, &out[i, 0], p)
    free(a)
    return table


def solve(const double[:, ::1] table, Py_ssize_t p):
    """Integrate beta out of sums: the log density, the mean of beta and a factor of its covariance.

    Returns
    -------
    ndarray, shape (1 + p + p (p + 1) / 2, nodes)
        -1/2 (logs + squares) - log |R|; the mean R^-1 z; the rows of the upper triangle F = R^-1,
        F F' being the covariance.
    """
    cdef Py_ssize_t n = table.shape[0], size = table.shape[1], i, j, k, l, at
    cdef Py_ssize_t width = p + 1
    found = np.empty((1 + p + (p * (p + 1)) // 2, n))
    cdef double[:, ::1] out = found
    cdef double *a = <double *> malloc(p * (width + p) * sizeof(double))
    cdef double *f = a + p * width
    cdef double total, value
    if a == NULL:
        raise MemoryError("sums over groups")
    with nogil:
        for i in range(n):
            unpack(&table[i, 0], a, p)
            value = -0.5 * (table[i, size - 1] + table[i, size - 2])
            for k in range(p):
                value -= log(a[k * width + k])
            out[0, i] = value
            for l in range(p):  # column l of the inverse, from its diagonal up
                f[l * p + l] = 1.0 / a[l * width + l]
                for k in range(l - 1, -1, -1):
                    total = 0.0
                    for j in range(k + 1, l + 1):
                        total += a[k * width + j] * f[j * p + l]
                    f[k * p + l] = -total / a[k * width + k]
            for k in range(p - 1, -1, -1):
                total = a[k * width + p]
                for j in range(k + 1, p):
                    total -= a[k * width + j] * out[1 + j, i]
                out[1 + k, i] = total / a[k * width + k]
            at = 1 + p
            for k in range(p):
                for l in range(k, p):
                    out[at, i] = f[k * p + l]
                    at += 1
    free(a)
    return found
