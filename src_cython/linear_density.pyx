"""The log posterior density of (beta, log tau) in the normal model with covariates.

The effects are integrated out: y_j ~ N(x_j' beta, var_j + tau^2). One pass over the groups, the
residuals of a block first and then their sums by group_sums.h.
"""
from libc.math cimport INFINITY, exp, fabs

from pyhier.kernels.density cimport LogDensity

import numpy as np


cdef extern from "group_sums.h" nogil:
    void group_sums(size_t groups, const double *y, const double *var, double mu, double t,
                    double *log_sum, double *square_sum)
    void plain_sums(size_t groups, const double *y, const double *var, double mu, double t,
                    double *log_sum, double *square_sum)


cdef enum:
    BLOCK = 256


cdef struct LinearData:
    Py_ssize_t groups, p, proper
    const double *y
    const double *x
    const double *var
    const double *mean  # of beta's prior
    const double *root  # (proper, p): root @ (beta - mean) is standard normal
    double constant
    double low, high  # tau^2 between which products of variances stay within a double
    double (*log_tau_prior)(int, double *, void *) noexcept nogil
    void *log_tau_prior_data


cdef double linear_post(int ndim, double *point, void *data) noexcept nogil:
    cdef LinearData *model = <LinearData *>data
    cdef double[BLOCK] residual
    cdef double t = exp(2.0 * point[model.p]), value = point[model.p] + model.constant
    cdef double logs, squares, total
    cdef Py_ssize_t start, size, j, k
    cdef const double *row
    start = 0
    while start < model.groups:
        size = min(<Py_ssize_t>BLOCK, model.groups - start)
        for j in range(size):
            row = model.x + (start + j) * model.p
            total = model.y[start + j]
            for k in range(model.p):
                total -= row[k] * point[k]
            residual[j] = total
        if model.low <= t <= model.high:
            group_sums(size, residual, model.var + start, 0.0, t, &logs, &squares)
        else:
            plain_sums(size, residual, model.var + start, 0.0, t, &logs, &squares)
        value -= 0.5 * (logs + squares)
        start += size
    for j in range(model.proper):
        total = 0.0
        for k in range(model.p):
            total += model.root[j * model.p + k] * (point[k] - model.mean[k])
        value -= 0.5 * total * total
    if model.log_tau_prior != NULL:
        value += model.log_tau_prior(1, &point[model.p], model.log_tau_prior_data)
    return value


cdef class LinearMarginal(LogDensity):
    """The log marginal posterior of (beta, log tau).

    ``y``, ``x`` and ``var`` are the estimates, shape (groups,), the design, (groups, p), and the
    variances; ``mean``, (p,), and ``root``, (k, p), are of beta's prior and ``constant`` its log
    normalising constant; ``prior_tau`` is None (uniform) or a log density of tau at x = log tau.
    """
    cdef LinearData model
    cdef object arrays

    def __init__(self, const double[::1] y, const double[:, ::1] x, const double[::1] var,
                 const double[::1] mean, const double[:, ::1] root, double constant,
                 LogDensity prior_tau=None):
        self.arrays = (y, x, var, mean, root)
        self.model.groups, self.model.p, self.model.proper = y.shape[0], x.shape[1], root.shape[0]
        self.model.y, self.model.x, self.model.var = &y[0], &x[0, 0], &var[0]
        self.model.mean = &mean[0]
        self.model.root = &root[0, 0] if root.shape[0] else NULL
        self.model.constant = constant
        self.ndim = <int>x.shape[1] + 1
        self.part = prior_tau
        self.compiled = prior_tau is None or prior_tau.compiled
        self.data = &self.model
        self.reference = self.fast = linear_post
        fits = np.max(var) <= 5e29 and np.max(np.abs(y)) < 1e60
        self.model.low = (0.0 if np.min(var) >= 1e-30 else 1e-30) if fits else INFINITY
        self.model.high = 5e29 if fits else INFINITY
        self.model.log_tau_prior = NULL
        if prior_tau is not None:
            self.failed = prior_tau.failed
            self.model.log_tau_prior = prior_tau.reference
            self.model.log_tau_prior_data = prior_tau.data
