"""Estimates with normal errors about effects whose law is a scale mixture of normal ones.

Student's t and contaminated normal effects (scale_mixtures.h). The coordinates are (beta_1, ...,
beta_p, log tau), or (mu, log tau). Functions of arrays give the law of effects given their mean and
tau: the density of the estimate, moments, tails and draws.
"""
from libc.math cimport fabs, log

from pyhier.kernels.density cimport LogDensity
from pyhier.kernels.gradients cimport GradientDensity, Smooth, flag_of, normal_prior, smooth, with_slope

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
    Py_ssize_t groups, p, known
    const scale_law *law
    const double *y
    const double *var
    const double *times
    const double *design       # (groups, p); NULL: p is 1 and every mean is mu
    const double *mean         # of beta's normal prior
    const double *root         # (known, p): root (beta - mean) is standard normal
    double constant
    bint posterior             # whether priors and the Jacobian are in it
    Smooth tau


cdef inline double mean_of(const MixtureData *c, Py_ssize_t j, const double *x) noexcept nogil:
    cdef double mean = 0.0
    cdef Py_ssize_t i
    if c.design == NULL:
        return x[0]
    for i in range(c.p):
        mean += c.design[j * c.p + i] * x[i]
    return mean


cdef double likelihood(const MixtureData *c, const double *x, double *gradient) noexcept nogil:
    """The log likelihood of (beta, log tau); its slopes are added, unless gradient is NULL."""
    cdef double value = 0.0
    cdef double[2] slopes
    cdef mixture m
    cdef Py_ssize_t i, j
    for j in range(c.groups):
        value += c.times[j] * mixture_of(c.law, c.y[j], c.var[j], mean_of(c, j, x), x[c.p], &m)
        if gradient == NULL:
            continue
        mixture_slopes(&m, c.var[j], slopes)
        gradient[c.p] += c.times[j] * slopes[1]
        for i in range(c.p):
            gradient[i] += c.times[j] * slopes[0] * (1.0 if c.design == NULL
                                                     else c.design[j * c.p + i])
    return value


cdef double value_of(int ndim, double *x, void *data) noexcept nogil:
    cdef const MixtureData *c = <const MixtureData *>data
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
    cdef const MixtureData *c = <const MixtureData *>data
    cdef double value
    cdef int i
    for i in range(ndim):
        gradient[i] = 0.0
    value = likelihood(c, x, gradient) + x[c.p] + c.constant
    gradient[c.p] += 1.0
    value += normal_prior(c.p, c.known, c.root, c.mean, x, gradient)
    return value + with_slope(&c.tau, x[c.p], &gradient[c.p])


cdef class MixturesWithPriors:
    """The data and priors that both densities take; arrays stay alive here.

    ``y``, ``var`` and ``times`` have shape (groups,); ``design`` (groups, p) or None. ``mean``,
    (p,), and ``root``, (known, p), are of beta's normal prior, ``constant`` its log normalising
    constant; ``prior_tau`` is None (uniform) or a log density of tau at log tau.
    """
    cdef MixtureData model
    cdef object arrays, prior_tau

    def __init__(self, Law law, const double[::1] y, const double[::1] var,
                 const double[::1] times, const double[:, ::1] design, const double[::1] mean,
                 const double[:, ::1] root, double constant, prior_tau=None,
                 bint posterior=True):
        cdef MixtureData *c = &self.model
        self.arrays, self.prior_tau = (law, y, var, times, design, mean, root), prior_tau
        c.groups, c.p, c.known = y.shape[0], mean.shape[0], root.shape[0]
        c.law, c.y, c.var, c.times, c.mean = &law.law, &y[0], &var[0], &times[0], &mean[0]
        c.design = NULL if design is None else &design[0, 0]
        c.root = NULL if root.shape[0] == 0 else &root[0, 0]
        c.constant, c.posterior, c.tau = constant, posterior, smooth(prior_tau)

    def derivatives(self, point):
        """Gradient (p + 1,) and Hessian of the log likelihood at one point."""
        cdef MixtureData *c = &self.model
        cdef double[::1] x = np.array(point, dtype=np.float64)
        cdef Py_ssize_t size = c.p + 1, i, j, k
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        cdef double[::1] of = gradient
        cdef double[:, ::1] bend = hessian
        cdef double[2] slopes
        cdef double[3] bends
        cdef double xi
        cdef mixture m
        with nogil:
            for j in range(c.groups):
                mixture_of(c.law, c.y[j], c.var[j], mean_of(c, j, &x[0]), x[c.p], &m)
                mixture_slopes(&m, c.var[j], slopes)
                mixture_bends(c.law, &m, c.var[j], bends)
                of[c.p] += c.times[j] * slopes[1]
                bend[c.p, c.p] += c.times[j] * bends[2]
                for i in range(c.p):
                    xi = c.times[j] * (1.0 if c.design == NULL else c.design[j * c.p + i])
                    of[i] += xi * slopes[0]
                    bend[i, c.p] += xi * bends[1]
                    for k in range(c.p):
                        bend[i, k] += xi * bends[0] * (1.0 if c.design == NULL
                                                       else c.design[j * c.p + k])
            for i in range(c.p):
                bend[c.p, i] = bend[i, c.p]
        return gradient, hessian


cdef class MixturesMarginal(LogDensity):
    """The log marginal posterior of (beta, log tau), or likelihood, all constants included."""
    cdef MixturesWithPriors owner

    def __init__(self, MixturesWithPriors owner):
        cdef LogDensity prior = owner.prior_tau
        self.owner, self.part = owner, prior
        self.compiled = prior is None or prior.compiled
        if prior is not None:
            self.failed = prior.failed
        self.ndim, self.data = <int>owner.model.p + 1, &owner.model
        self.reference = self.fast = value_of


cdef class MixturesMarginalGradient(GradientDensity):
    """The log marginal posterior of (beta, log tau) with its gradient."""
    cdef MixturesWithPriors owner

    def __init__(self, MixturesWithPriors owner):
        self.owner, self.part = owner, owner.prior_tau
        self.compiled = owner.prior_tau is None or owner.prior_tau.compiled
        self.failed = flag_of(owner.prior_tau, &self.own_failed)
        self.ndim, self.data = <int>owner.model.p + 1, &owner.model
        self.function = value_and_slopes
