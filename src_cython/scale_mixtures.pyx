"""Estimates with normal errors about effects whose law is a scale mixture of normal ones.

Student's t and contaminated normal effects (scale_mixtures.h). Functions of arrays give the law of effects given their mean and
tau: the density of the estimate, moments, tails and draws.
"""
from libc.math cimport fabs, log

from pyhier.kernels.integrated_groups cimport IntegratedGroups

import numpy as np


cdef extern from "scale_mixtures.h" nogil:
    struct scale_law:
        size_t blocks
        double nu, first, step
        const double *log_weight
        const double *scale
        const double *half_log
        const double *by_scale
        const double *log_every
        const double *every
    struct mixture:
        double log_density
        double mean[6]
        double away, square, ratio, top
    double mixture_of(const scale_law *law, double y, double var, double mu, double log_tau,
                      mixture *m)
    void log_densities_at(const scale_law *law, double y, double var, const double *mu, size_t n,
                          double log_tau, double *out)
    void mixture_slopes(const mixture *m, double var, double *slopes)
    void mixture_bends(const scale_law *law, const mixture *m, double var, double *bends)
    void effect_moments(const mixture *m, double y, double var, double mu, double *mean,
                        double *variance)
    double effect_tail(const scale_law *law, const mixture *m, double y, double var, double mu,
                       double x, int upper)
    double drawn_effect(const scale_law *law, const mixture *m, double y, double var, double mu,
                        double uniform, double normal)
    void log_student(const double *mu, size_t count, double z, double by_tau, double nu,
                     double constant, double *out)
    void log_of_two(const double *mu, size_t count, double z, double by_tau, const double *logs,
                    const double *by_scale, double *out)
    double log_of_components(const scale_law *law, size_t first, double x, double tau)

cdef Py_ssize_t LANES = 8


cdef class Law:
    """The components of a law: log weights and the logs of their variances.

    ``nu`` is Student's; then the logs of the variances are a uniform grid. 0: any, all summed.
    """
    cdef scale_law law
    cdef object arrays

    def __init__(self, log_weight, log_scale, double nu=0.0):
        cdef Py_ssize_t size = len(log_weight), blocks = (size + LANES - 1) // LANES
        weights, scales = np.full(blocks * LANES, -1e290), np.ones(blocks * LANES)
        weights[:size], scales[:size] = log_weight, np.exp(log_scale)
        half_log, by_scale = 0.5 * np.log(scales), 1.0 / scales
        every = np.ascontiguousarray(weights[::LANES]), np.ascontiguousarray(scales[::LANES])
        self.arrays = (weights, scales, half_log, by_scale, *every)
        cdef double[::1] a = weights, b = scales, c = every[0], d = every[1]
        cdef double[::1] e = half_log, f = by_scale
        self.law.blocks, self.law.nu = blocks, nu
        self.law.first = log_scale[0]
        self.law.step = log_scale[1] - log_scale[0] if size > 1 else 1.0
        self.law.log_weight, self.law.scale = &a[0], &b[0]
        self.law.half_log, self.law.by_scale = &e[0], &f[0]
        self.law.log_every, self.law.every = &c[0], &d[0]

    def laws(self, const double[::1] y, const double[::1] var, const double[:, :] mu,
             const double[::1] log_tau):
        """Log densities of estimates, means and variances of effects, how far these are shrunk.

        Of shape (4, groups, nodes); the last is the part of the way from y to mu. ``mu`` has
        shape (groups, nodes), or (1, nodes) where it is the same for all.
        """
        cdef Py_ssize_t groups = y.shape[0], nodes = log_tau.shape[0], i, j
        cdef bint one = mu.shape[0] == 1
        cdef double at
        cdef mixture m
        out = np.empty((4, groups, nodes))
        cdef double[:, :, ::1] found = out
        with nogil:
            for j in range(groups):
                for i in range(nodes):
                    at = mu[0 if one else j, i]
                    found[0, j, i] = mixture_of(&self.law, y[j], var[j], at, log_tau[i], &m)
                    effect_moments(&m, y[j], var[j], at, &found[1, j, i], &found[2, j, i])
                    found[3, j, i] = m.mean[1]
        return out

    def tails(self, double y, double var, const double[::1] mu, const double[::1] log_tau,
              const double[::1] x, bint upper):
        """Probabilities that a group's effect is at most x, or above, shape (points, nodes)."""
        cdef Py_ssize_t nodes = mu.shape[0], points = x.shape[0], i, k
        cdef mixture m
        out = np.empty((points, nodes))
        cdef double[:, ::1] found = out
        with nogil:
            for i in range(nodes):
                mixture_of(&self.law, y, var, mu[i], log_tau[i], &m)
                for k in range(points):
                    found[k, i] = effect_tail(&self.law, &m, y, var, mu[i], x[k], upper)
        return out

    def draws(self, const double[::1] y, const double[::1] var, const double[:, ::1] mu,
              const double[::1] log_tau, const double[:, ::1] uniform,
              const double[:, ::1] normal):
        """Draws of groups' effects, shape (nodes, groups); mu may have one column."""
        cdef Py_ssize_t groups = y.shape[0], nodes = log_tau.shape[0], i, j
        cdef bint one = mu.shape[1] == 1
        cdef double at
        cdef mixture m
        out = np.empty((nodes, groups))
        cdef double[:, ::1] found = out
        with nogil:
            for i in range(nodes):
                for j in range(groups):
                    at = mu[i, 0 if one else j]
                    mixture_of(&self.law, y[j], var[j], at, log_tau[i], &m)
                    found[i, j] = drawn_effect(&self.law, &m, y[j], var[j], at, uniform[i, j],
                                               normal[i, j])
        return out

    def log_densities(self, const double[::1] z, const double[::1] mu,
                      const long long[::1] first, const double[::1] tau,
                      const long long[::1] split, const double[::1] near, double constant):
        """Logs of the population's density at z, shape (points, nodes), the nodes in rows.

        ``constant`` is the log of Student's at 0. From a row's ``split`` on components count at
        distances within ``near``, further out all of them.
        """
        cdef Py_ssize_t rows = tau.shape[0], i, j, k
        cdef size_t count
        cdef double x, by_tau, unit
        cdef double[2] logs
        out = np.empty((z.shape[0], mu.shape[0]))
        cdef double[:, ::1] found = out
        with nogil:
            for k in range(z.shape[0]):
                for i in range(rows):
                    by_tau, unit, count = 1.0 / tau[i], log(tau[i]), first[i + 1] - first[i]
                    if count == 0:
                        continue
                    if self.law.nu > 0.0:
                        log_student(&mu[first[i]], count, z[k], by_tau, self.law.nu,
                                    constant - unit, &found[k, first[i]])
                    else:
                        for j in range(2):
                            logs[j] = (self.law.log_weight[j] - self.law.half_log[j] - unit
                                       - 0.918938533204672741780329736406)
                        log_of_two(&mu[first[i]], count, z[k], by_tau, logs, self.law.by_scale,
                                   &found[k, first[i]])
                    if split[i] == 0:
                        continue
                    for j in range(first[i], first[i + 1]):
                        x = fabs(z[k] - mu[j])
                        if x < near[i]:
                            found[k, j] = log_of_components(&self.law, split[i], x, tau[i])
        return out


# --- The marginal density -------------------------------------------------------------------------

cdef struct MixtureData:
    const scale_law *law
    const double *y
    const double *var


cdef double of_group(const void *groups, Py_ssize_t j, double mean, double log_tau, double *slopes,
                     double *bends) noexcept nogil:
    cdef const MixtureData *c = <const MixtureData *>groups
    cdef mixture m
    cdef double value = mixture_of(c.law, c.y[j], c.var[j], mean, log_tau, &m)
    if slopes != NULL:
        mixture_slopes(&m, c.var[j], slopes)
    if bends != NULL:
        mixture_bends(c.law, &m, c.var[j], bends)
    return value


cdef void of_group_at(const void *groups, Py_ssize_t j, const double *mean, Py_ssize_t n,
                      double log_tau, double *value) noexcept nogil:
    cdef const MixtureData *c = <const MixtureData *>groups
    log_densities_at(c.law, c.y[j], c.var[j], mean, <size_t>n, log_tau, value)


cdef class MixturesWithPriors(IntegratedGroups):
    """The data and priors of a marginal density (integrated_groups.pyx); y and var are (groups,)."""
    cdef MixtureData estimates
    cdef object own

    def __init__(self, Law law, const double[::1] y, const double[::1] var,
                 const double[::1] times, const double[:, ::1] design, const double[::1] mean,
                 const double[:, ::1] root, double constant, prior_tau=None,
                 bint posterior=True):
        self.own = (law, y, var)
        self.estimates.law, self.estimates.y, self.estimates.var = &law.law, &y[0], &var[0]
        self.take(of_group, &self.estimates, times, design, mean, root, constant, prior_tau,
                  posterior)
        self.model.of_group_at = of_group_at
