"""Log densities of (beta_1, ..., beta_p, log tau), the effects integrated out group by group.

A family's kernel gives a group's likelihood by its effect's mean, x_j' beta or mu, and log tau. Groups
with the same data are one: ``times`` says how many.
"""
from libc.math cimport INFINITY, fabs

from pyhier.kernels.density cimport LogDensity
from pyhier.kernels.gradients cimport GradientDensity, flag_of, normal_prior, smooth, with_slope

import numpy as np


cdef inline double column(const Integrated *c, Py_ssize_t j, Py_ssize_t i) noexcept nogil:
    return 1.0 if c.design == NULL else c.design[j * c.p + i]


cdef inline double mean_of(const Integrated *c, Py_ssize_t j, const double *x) noexcept nogil:
    cdef double mean = 0.0 if c.offset == NULL else c.offset[j]
    cdef Py_ssize_t i
    for i in range(c.p):
        mean += column(c, j, i) * x[i]
    return mean


cdef double likelihood(const Integrated *c, const double *x, double *gradient) noexcept nogil:
    """The log likelihood of (beta, log tau); its slopes are added, unless gradient is NULL.

    What its sum rounds off is kept (Neumaier 1974), so that many groups are as smooth as few.
    """
    cdef double value = 0.0, rest = 0.0, one, total
    cdef double[2] slopes
    cdef Py_ssize_t i, j
    for j in range(c.groups):
        one = c.times[j] * c.of_group(c.data, j, mean_of(c, j, x), x[c.p],
                                      slopes if gradient != NULL else NULL, NULL)
        total = value + one
        if fabs(total) < INFINITY:
            rest += (value - total) + one if fabs(value) >= fabs(one) else (one - total) + value
        value = total
        if gradient == NULL:
            continue
        gradient[c.p] += c.times[j] * slopes[1]
        for i in range(c.p):
            gradient[i] += c.times[j] * slopes[0] * column(c, j, i)
    return value + rest


cdef double value_of(int ndim, double *x, void *data) noexcept nogil:
    cdef const Integrated *c = <const Integrated *>data
    cdef double value = likelihood(c, x, NULL), z
    cdef Py_ssize_t i, j
    if not c.posterior:
        return value
    value += x[c.p] + c.constant
    for j in range(c.known):
        z = 0.0
        for i in range(c.p):
            z += c.root[j * c.p + i] * (x[i] - c.mean[i])
        value -= 0.5 * z * z
    if c.tau.value != NULL:
        value += c.tau.value(1, x + c.p, c.tau.data)
    return value


cdef double value_and_slopes(int ndim, const double *x, double *gradient,
                             void *data) noexcept nogil:
    cdef const Integrated *c = <const Integrated *>data
    cdef double value
    cdef int i
    for i in range(ndim):
        gradient[i] = 0.0
    value = likelihood(c, x, gradient) + x[c.p] + c.constant
    gradient[c.p] += 1.0
    value += normal_prior(c.p, c.known, c.root, c.mean, x, gradient)
    return value + with_slope(&c.tau, x[c.p], &gradient[c.p])


cdef class IntegratedGroups:
    """The data and priors that both densities take; arrays stay alive here.

    A subclass calls ``take``: ``times`` has shape (groups,); ``design`` (groups, p) or None.
    ``mean``, (p,), and ``root``, (known, p), are of beta's normal prior, ``constant`` its log
    normalising constant; ``prior_tau`` is None (uniform) or a log density of tau at log tau.
    """

    cdef take(self, group_t of_group, const void *data, const double[::1] times,
              const double[:, ::1] design, const double[::1] mean, const double[:, ::1] root,
              double constant, prior_tau, bint posterior):
        cdef Integrated *c = &self.model
        self.arrays, self.prior_tau = (times, design, mean, root), prior_tau
        c.of_group, c.of_group_at, c.data = of_group, NULL, data
        c.groups, c.p, c.known = times.shape[0], mean.shape[0], root.shape[0]
        c.times, c.mean, c.offset = &times[0], &mean[0], NULL
        c.design = NULL if design is None else &design[0, 0]
        c.root = NULL if root.shape[0] == 0 else &root[0, 0]
        c.constant, c.posterior, c.tau = constant, posterior, smooth(prior_tau)

    def derivatives(self, point):
        """Gradient (p + 1,) and Hessian of the log likelihood at one point."""
        cdef const Integrated *c = &self.model
        cdef double[::1] x = np.array(point, dtype=np.float64)
        cdef Py_ssize_t size = c.p + 1, i, j, k
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        cdef double[::1] of = gradient
        cdef double[:, ::1] bend = hessian
        cdef double[2] slopes
        cdef double[3] bends
        cdef double xi
        with nogil:
            for j in range(c.groups):
                c.of_group(c.data, j, mean_of(c, j, &x[0]), x[c.p], slopes, bends)
                of[c.p] += c.times[j] * slopes[1]
                bend[c.p, c.p] += c.times[j] * bends[2]
                for i in range(c.p):
                    xi = c.times[j] * column(c, j, i)
                    of[i] += xi * slopes[0]
                    bend[i, c.p] += xi * bends[1]
                    for k in range(c.p):
                        bend[i, k] += xi * bends[0] * column(c, j, k)
            for i in range(c.p):
                bend[c.p, i] = bend[i, c.p]
        return gradient, hessian


    def each(self, beta, const double[:, ::1] away, const double[::1] log_tau, Py_ssize_t first):
        """Log likelihoods of groups from the first on, once each, shape (groups, log taus, k).

        At means that are ``away``, shape (groups, k), from those at ``beta``, (p,).
        """
        cdef const Integrated *c = &self.model
        cdef double[::1] x = np.array(beta, dtype=np.float64)
        found = np.empty((away.shape[0], log_tau.shape[0], away.shape[1]))
        cdef double[:, :, ::1] out = found
        cdef Py_ssize_t j, i, k
        cdef double mean
        with nogil:
            for j in range(away.shape[0]):
                mean = mean_of(c, first + j, &x[0])
                for i in range(log_tau.shape[0]):
                    for k in range(away.shape[1]):
                        out[j, i, k] = c.of_group(c.data, first + j, mean + away[j, k],
                                                  log_tau[i], NULL, NULL)
        return found


cdef class IntegratedMarginal(LogDensity):
    """The log marginal posterior of (beta, log tau), or likelihood, all constants included."""
    cdef IntegratedGroups owner

    def __init__(self, IntegratedGroups owner):
        cdef LogDensity prior = owner.prior_tau
        self.owner, self.part = owner, prior
        self.compiled = prior is None or prior.compiled
        if prior is not None:
            self.failed = prior.failed
        self.ndim, self.data = <int>owner.model.p + 1, &owner.model
        self.reference = self.fast = value_of


cdef class IntegratedGradient(GradientDensity):
    """The log marginal posterior of (beta, log tau) with its gradient."""
    cdef IntegratedGroups owner

    def __init__(self, IntegratedGroups owner):
        self.owner, self.part = owner, owner.prior_tau
        self.compiled = owner.prior_tau is None or owner.prior_tau.compiled
        self.failed = flag_of(owner.prior_tau, &self.own_failed)
        self.ndim, self.data = <int>owner.model.p + 1, &owner.model
        self.function = value_and_slopes
