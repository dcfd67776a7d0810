"""Several outcomes a group with known sampling covariance, at many covariances of the effects at once.

y_j ~ N(B x_j, V_j + Sigma) over the outcomes that a group has. A group's rows are whitened by the
Cholesky factor of its covariance and go into the triangle that linear_groups.pyx keeps.
"""
from libc.math cimport log, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from pyhier.kernels.density cimport LogDensity, density_t
from pyhier.kernels.linear_groups cimport pack, reduce_rows

import numpy as np

cdef enum:
    ROWS = 64  # added to a triangle at a time

cdef double EPSILON = 2.3e-16


cdef struct Groups:
    Py_ssize_t groups, q, p, width
    const double *y  # (groups, q), NaN where a group lacks an outcome
    const double *x  # (groups, p)
    const double *cov  # (groups, q, q)


cdef int whiten(const Groups *data, Py_ssize_t j, const double *sigma, const double *beta,
                double *rows, double *product) noexcept nogil:
    """A group's rows [x 0 | y] (or what beta leaves of y), whitened; how many there are.

    The determinant of its covariance is multiplied into the product.
    """
    cdef Py_ssize_t q = data.q, width = data.width, i, k, l, c, m = 0
    cdef Py_ssize_t[MOST] at
    cdef double[MOST][MOST] a
    cdef double *row
    cdef double value, pivot
    for k in range(q):
        if data.y[j * q + k] == data.y[j * q + k]:
            at[m] = k
            m += 1
    for i in range(m):
        row = rows + i * width
        memset(row, 0, width * sizeof(double))
        value = data.y[j * q + at[i]]
        for c in range(data.p):
            if beta == NULL:
                row[at[i] * data.p + c] = data.x[j * data.p + c]
            else:
                value -= data.x[j * data.p + c] * beta[at[i] * data.p + c]
        row[width - 1] = value
        for k in range(i + 1):
            a[i][k] = data.cov[(j * q + at[i]) * q + at[k]] + sigma[at[i] * q + at[k]]
    for i in range(m):
        row = rows + i * width
        pivot = a[i][i]
        for k in range(i):
            value = a[i][k]
            for l in range(k):
                value -= a[i][l] * a[k][l]
            a[i][k] = value / a[k][k]
            pivot -= a[i][k] * a[i][k]
            for c in range(width):
                row[c] -= a[i][k] * rows[k * width + c]
        pivot = max(pivot, EPSILON * a[i][i])
        product[0] *= pivot
        a[i][i] = sqrt(pivot)
        for c in range(width):
            row[c] /= a[i][i]
    return <int>m


cdef inline void settle(double *product, double *logs) noexcept nogil:
    if not 1e-100 < product[0] < 1e100:
        logs[0] += log(product[0])
        product[0] = 1.0


def sums(const double[:, ::1] y, const double[:, ::1] x, const double[:, :, ::1] cov,
         const double[:, :, ::1] sigma):
    """Sums over all groups at every node.

    Parameters
    ----------
    y : in, shape (groups, q), NaN where a group lacks an outcome
    x : in, shape (groups, p), the design of every outcome
    cov : in, shape (groups, q, q)
    sigma : in, shape (nodes, q, q)

    Returns
    -------
    ndarray, shape (nodes, size_of(p q))
        As `linear_groups.sums`; the coefficients of the first outcome come first.
    """
    cdef Groups data
    cdef Py_ssize_t n = sigma.shape[0], i, j, full, waiting, size
    cdef double squares, logs, product
    data.groups, data.q, data.p = y.shape[0], y.shape[1], x.shape[1]
    full = data.p * data.q
    data.width = full + 1
    data.y, data.x, data.cov = &y[0, 0], &x[0, 0], &cov[0, 0, 0]
    size = (full * (full + 3)) // 2 + 2
    table = np.zeros((n, size))
    cdef double[:, ::1] out = table
    cdef double *a = <double *> malloc((full + ROWS + MOST) * data.width * sizeof(double))
    if a == NULL:
        raise MemoryError("sums over groups")
    with nogil:
        for i in range(n):
            squares, logs, product, waiting = 0.0, 0.0, 1.0, 0
            memset(a, 0, full * data.width * sizeof(double))
            for j in range(data.groups):
                waiting += whiten(&data, j, &sigma[i, 0, 0], NULL, a + (full + waiting) * data.width,
                                  &product)
                settle(&product, &logs)
                if waiting > ROWS - MOST:
                    reduce_rows(a, full + waiting, full, &squares)
                    waiting = 0
            reduce_rows(a, full + waiting, full, &squares)
            pack(a, &out[i, 0], full)
            out[i, size - 2], out[i, size - 1] = squares, logs + log(product)
    free(a)
    return table


cdef struct MultivariateData:
    Groups data
    Py_ssize_t proper
    bint posterior  # whether the density is that of the coordinates
    const double *mean  # of beta's prior
    const double *root  # (proper, p q): root @ (beta - mean) is standard normal
    double constant
    double[MOST] power  # of 1 - r^2 in the density of every partial correlation's atanh
    density_t[MOST] log_tau_prior
    void *log_tau_prior_data[MOST]


cdef void covariance(Py_ssize_t q, const double *log_tau, const double *z, double *sigma) noexcept nogil:
    """Sigma of log tau and of the atanh of partial correlations, by its Cholesky factor."""
    cdef double[MOST][MOST] l
    cdef Py_ssize_t i, j, k
    factor(q, log_tau, z, l)
    for i in range(q):
        for j in range(i + 1):
            sigma[i * q + j] = 0.0
            for k in range(j + 1):
                sigma[i * q + j] += l[i][k] * l[j][k]
            sigma[j * q + i] = sigma[i * q + j]


cdef double multivariate_post(int ndim, double *point, void *data) noexcept nogil:
    cdef MultivariateData *model = <MultivariateData *>data
    cdef Py_ssize_t q = model.data.q, full = model.data.p * q, j, k, at
    cdef double *log_tau = point + full
    cdef double *z = log_tau + q
    cdef double[MOST * MOST] sigma
    cdef double[MOST] rows
    cdef double squares = 0.0, logs = 0.0, product = 1.0, total, value = model.constant
    cdef int m
    covariance(q, log_tau, z, sigma)
    for k in range(q):
        if model.posterior:
            value += log_tau[k]
        if model.log_tau_prior[k] != NULL:
            value += model.log_tau_prior[k](1, &log_tau[k], model.log_tau_prior_data[k])
    for k in range(q * (q - 1) // 2):
        if model.posterior:
            value += 2.0 * model.power[k] * log(sech(z[k]))
    for j in range(model.data.groups):
        m = whiten(&model.data, j, sigma, point, rows, &product)
        for k in range(m):
            squares += rows[k] * rows[k]
        settle(&product, &logs)
    for j in range(model.proper):
        total = 0.0
        for k in range(full):
            total += model.root[j * full + k] * (point[k] - model.mean[k])
        value -= 0.5 * total * total
    return value - 0.5 * (logs + log(product) + squares)


cdef class MultivariateMarginal(LogDensity):
    """The log marginal posterior of (beta, log tau, atanh of partial correlations).

    ``y``, ``x`` and ``cov`` are as for `sums`; ``mean``, (p q,), and ``root``, (k, p q), are of beta's
    prior and ``constant`` its log normalising constant, with those of the correlations'; ``power`` is
    that of 1 - r^2 in the density of every atanh of one; ``priors`` has for every outcome None
    (uniform) or a compiled log density of tau at x = log tau. Without ``posterior`` it is the
    likelihood, no density of the coordinates.
    """
    cdef MultivariateData model
    cdef object arrays

    def __init__(self, const double[:, ::1] y, const double[:, ::1] x, const double[:, :, ::1] cov,
                 const double[::1] mean, const double[:, ::1] root, double constant,
                 const double[::1] power, priors, bint posterior=True):
        cdef Py_ssize_t k
        cdef LogDensity prior
        self.arrays = (y, x, cov, mean, root, tuple(priors))
        self.model.data.groups, self.model.data.q = y.shape[0], y.shape[1]
        self.model.data.p, self.model.data.width = x.shape[1], 1
        self.model.data.y, self.model.data.x = &y[0, 0], &x[0, 0]
        self.model.data.cov, self.model.mean = &cov[0, 0, 0], &mean[0]
        self.model.posterior = posterior
        self.model.proper = root.shape[0]
        self.model.root = &root[0, 0] if root.shape[0] else NULL
        self.model.constant = constant
        for k in range(power.shape[0]):
            self.model.power[k] = power[k]
        for k in range(y.shape[1]):
            self.model.log_tau_prior[k] = NULL
            prior = priors[k]
            if prior is not None:
                self.model.log_tau_prior[k] = prior.reference
                self.model.log_tau_prior_data[k] = prior.data
        self.ndim = <int>(x.shape[1] * y.shape[1] + y.shape[1] + power.shape[0])
        self.compiled = True
        self.data = &self.model
        self.reference = self.fast = multivariate_post
