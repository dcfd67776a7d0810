"""Counts with normal effects: binomial about logit theta, Poisson about log theta, or by a table.

theta_j ~ N(x_j' beta, tau^2), or about one mu. The effects are integrated out group by group
(normal_effects.h); the coordinates are (beta_1, ..., beta_p, log tau). Groups with the same data are
one where there is one mu: ``times`` says how many. A group's offset is added to its effect's mean,
and taken off the effect, so that normal_effects.h knows of none. Functions of arrays give the law of effects given
their mean and tau: its constant, moments, tails, and draws.
"""
from libc.math cimport INFINITY, exp, fabs, log
from libc.stdlib cimport free, malloc

from pyhier.kernels.density cimport LogDensity
from pyhier.kernels.gradients cimport GradientDensity, Smooth, flag_of, normal_prior, smooth, with_slope

import numpy as np


cdef extern from "normal_effects.h" nogil:
    struct count:
        int kind
        double y, size, hat, highest
        const double *table
    struct mode:
        double t, away, log_likelihood, slope, bend, precision, tau, scale, drop
        double rare, log_rare, side
    struct effect_means:
        double log_integral, log_area
        double v, v2
    struct steps:
        int bent
        double c, u
    double count_log_likelihood(const count *g, double theta)
    double count_integral(const count *g, double eta, double log_tau, int detail, mode *m,
                          effect_means *e)
    void effect_slopes(const mode *m, const effect_means *e, double *slopes)
    void effect_bends(const mode *m, const effect_means *e, double *bends)
    mode find_mode(const count *g, double eta, double log_tau)
    double log_fall_at(const count *g, const mode *m, double d, double *slope, double *bend)
    steps steps_about(const count *g, const mode *m)
    double place_at(const steps *s, const mode *m, double x, double *width)
    double step_to(const steps *s, const mode *m, double d)
    double held_log_tau(double log_tau)
    double tail_by_panels(const count *g, const mode *m, double d, int up, size_t order,
                          const double *node, const double *weight)
    double drawn_effect(const count *g, const mode *m, double first, double second)

KINDS = {"binomial": 0, "poisson": 1, "hypergeometric": 2}

# Rows of ``data``, shape (6, groups). The last is where the group's table starts in ``tables``.
cdef enum:
    Y, SIZE, HAT, HIGHEST, OFFSET, TABLE


cdef struct CountsData:
    int kind
    Py_ssize_t groups, p, known
    const double *data         # (6, groups)
    const double *tables
    const double *times
    const double *design       # (groups, p); NULL: p is 1 and every mean is mu
    const double *mean         # of beta's normal prior
    const double *root         # (known, p): root (beta - mean) is standard normal
    double constant
    bint posterior             # whether priors and the Jacobian are in it
    Smooth tau


cdef inline count count_of(int kind, const double *data, Py_ssize_t groups, const double *tables,
                           Py_ssize_t j) noexcept nogil:
    cdef count g
    g.kind, g.y, g.size = kind, data[j], data[SIZE * groups + j]
    g.hat, g.highest = data[HAT * groups + j], data[HIGHEST * groups + j]
    g.table = tables + <Py_ssize_t>data[TABLE * groups + j]
    return g


cdef inline count group_of(const CountsData *c, Py_ssize_t j) noexcept nogil:
    return count_of(c.kind, c.data, c.groups, c.tables, j)


cdef inline double mean_of(const CountsData *c, Py_ssize_t j, const double *x) noexcept nogil:
    """The mean of the effect, moved by the offset."""
    cdef double mean = c.data[OFFSET * c.groups + j]
    cdef Py_ssize_t i
    if c.design == NULL:
        return mean + x[0]
    for i in range(c.p):
        mean += c.design[j * c.p + i] * x[i]
    return mean


cdef double likelihood(const CountsData *c, const double *x, double *gradient) noexcept nogil:
    """The log likelihood of (beta, log tau); its slopes are added, unless gradient is NULL.

    What its sum rounds off is kept (Neumaier 1974), so that many groups are as smooth as few.
    """
    cdef double value = 0.0, rest = 0.0, one, sum
    cdef double[2] slopes
    cdef count g
    cdef mode m
    cdef effect_means e
    cdef Py_ssize_t i, j
    for j in range(c.groups):
        g = group_of(c, j)
        one = c.times[j] * count_integral(&g, mean_of(c, j, x), x[c.p], 0, &m, &e)
        sum = value + one
        if fabs(sum) < INFINITY:
            rest += (value - sum) + one if fabs(value) >= fabs(one) else (one - sum) + value
        value = sum
        if gradient == NULL:
            continue
        effect_slopes(&m, &e, slopes)
        gradient[c.p] += c.times[j] * slopes[1]
        for i in range(c.p):
            gradient[i] += c.times[j] * slopes[0] * (1.0 if c.design == NULL
                                                     else c.design[j * c.p + i])
    return value + rest


cdef double value_of(int ndim, double *x, void *data) noexcept nogil:
    cdef const CountsData *c = <const CountsData *>data
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
    cdef const CountsData *c = <const CountsData *>data
    cdef double value
    cdef int i
    for i in range(ndim):
        gradient[i] = 0.0
    value = likelihood(c, x, gradient) + x[c.p] + c.constant
    gradient[c.p] += 1.0
    value += normal_prior(c.p, c.known, c.root, c.mean, x, gradient)
    return value + with_slope(&c.tau, x[c.p], &gradient[c.p])


cdef class CountsWithPriors:
    """The data and priors that both densities take; arrays stay alive here.

    ``kind`` is one of `KINDS`; ``data`` are y, size (trials or exposures), hat and highest (see
    normal_effects.h), offsets, and starts in ``tables``, shape (6, groups); ``times`` has shape
    (groups,); ``design`` (groups, p) or None.
    ``mean``, (p,), and ``root``, (known, p), are of beta's normal prior, ``constant`` its log
    normalising constant; ``prior_tau`` is None (uniform) or a log density of tau at log tau.
    """
    cdef CountsData model
    cdef object arrays, prior_tau

    def __init__(self, str kind, const double[:, ::1] data, const double[::1] tables,
                 const double[::1] times, const double[:, ::1] design, const double[::1] mean,
                 const double[:, ::1] root, double constant, prior_tau=None, bint posterior=True):
        cdef CountsData *c = &self.model
        self.arrays, self.prior_tau = (data, tables, times, design, mean, root), prior_tau
        c.kind, c.groups, c.p, c.known = KINDS[kind], data.shape[1], mean.shape[0], root.shape[0]
        c.data, c.tables, c.times, c.mean = &data[0, 0], &tables[0], &times[0], &mean[0]
        c.design = NULL if design is None else &design[0, 0]
        c.root = NULL if root.shape[0] == 0 else &root[0, 0]
        c.constant, c.posterior, c.tau = constant, posterior, smooth(prior_tau)

    def derivatives(self, point):
        """Gradient (p + 1,) and Hessian of the log likelihood at one point."""
        cdef CountsData *c = &self.model
        cdef double[::1] x = np.array(point, dtype=np.float64)
        cdef Py_ssize_t size = c.p + 1, i, j, k
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        cdef double[::1] of = gradient
        cdef double[:, ::1] bend = hessian
        cdef double[2] slopes
        cdef double[3] bends
        cdef double xi
        cdef count g
        cdef mode m
        cdef effect_means e
        with nogil:
            for j in range(c.groups):
                g = group_of(c, j)
                count_integral(&g, mean_of(c, j, &x[0]), x[c.p], 1, &m, &e)
                effect_slopes(&m, &e, slopes)
                effect_bends(&m, &e, bends)
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


cdef class CountsMarginal(LogDensity):
    """The log marginal posterior of (beta, log tau), or likelihood, all constants included."""
    cdef CountsWithPriors owner

    def __init__(self, CountsWithPriors owner):
        cdef LogDensity prior = owner.prior_tau
        self.owner, self.part = owner, prior
        self.compiled = prior is None or prior.compiled
        if prior is not None:
            self.failed = prior.failed
        self.ndim, self.data = <int>owner.model.p + 1, &owner.model
        self.reference = self.fast = value_of


cdef class CountsMarginalGradient(GradientDensity):
    """The log marginal posterior of (beta, log tau) with its gradient."""
    cdef CountsWithPriors owner

    def __init__(self, CountsWithPriors owner):
        self.owner, self.part = owner, owner.prior_tau
        self.compiled = owner.prior_tau is None or owner.prior_tau.compiled
        self.failed = flag_of(owner.prior_tau, &self.own_failed)
        self.ndim, self.data = <int>owner.model.p + 1, &owner.model
        self.function = value_and_slopes


# --- Effects given their mean and tau -------------------------------------------------------------

def log_likelihoods(str kind, const double[:, ::1] data, const double[::1] tables,
                    const long long[::1] group, const double[::1] theta):
    """Log probabilities of the counts of groups, one each, given effects, shape (n,)."""
    cdef Py_ssize_t i, j
    cdef int which = KINDS[kind]
    cdef count g
    out = np.empty(theta.shape[0])
    cdef double[::1] found = out
    with nogil:
        for i in range(theta.shape[0]):
            j = group[i]
            g = count_of(which, &data[0, 0], data.shape[1], &tables[0], j)
            found[i] = count_log_likelihood(&g, theta[i] + data[OFFSET, j])
    return out


def laws(str kind, const double[:, ::1] data, const double[::1] tables, const double[:, :] eta,
         const double[::1] log_tau):
    """Log probabilities of counts, means and variances of effects, shape (3, groups, nodes).

    ``data`` are those of `CountsWithPriors`; ``eta`` has shape (groups, nodes), or
    (1, nodes) where it is the same for all.
    """
    cdef Py_ssize_t groups = data.shape[1], nodes = log_tau.shape[0], i, j
    cdef int which = KINDS[kind]
    out = np.empty((3, groups, nodes))
    cdef double[:, :, ::1] found = out
    cdef bint one = eta.shape[0] == 1
    cdef double at, off
    cdef count g
    cdef mode m
    cdef effect_means e
    with nogil:
        for j in range(groups):
            g = count_of(which, &data[0, 0], groups, &tables[0], j)
            off = data[OFFSET, j]
            for i in range(nodes):
                at = eta[0 if one else j, i] + off
                if log_tau[i] == -INFINITY:
                    found[0, j, i] = count_log_likelihood(&g, at)
                    found[1, j, i], found[2, j, i] = at - off, 0.0
                    continue
                found[0, j, i] = count_integral(&g, at, log_tau[i], 0, &m, &e)
                found[1, j, i] = m.t - off + m.scale * e.v
                found[2, j, i] = m.scale * m.scale * (e.v2 - e.v * e.v)
    return out


def tails(str kind, const double[:, ::1] data, const double[::1] tables, const double[::1] eta,
          const double[::1] log_tau, const double[::1] x, bint upper, const double[::1] node,
          const double[::1] weight):
    """Probabilities that effects are at most x, or above, shape (points, nodes).

    ``data``, (6, nodes), ``eta`` and ``log_tau`` are those of the nodes; ``node`` and ``weight`` of a
    Gauss rule on [-1, 1]. Each is the integral over the side of x that is not the mode's, or what
    that leaves.
    """
    cdef Py_ssize_t nodes = eta.shape[0], points = x.shape[0], i, k
    cdef int which = KINDS[kind]
    out = np.empty((points, nodes))
    cdef double[:, ::1] found = out
    cdef double d, tail, height, off
    cdef bint up
    cdef count g
    cdef mode m
    cdef effect_means e
    with nogil:
        for i in range(nodes):
            g = count_of(which, &data[0, 0], data.shape[1], &tables[0], i)
            off = data[OFFSET, i]
            count_integral(&g, eta[i] + off, held_log_tau(log_tau[i]), 0, &m, &e)
            # of the integrand at the mode, by the integral
            height = e.log_area + log(m.scale)
            for k in range(points):
                d = x[k] - (m.t - off)
                up = d > 0.0
                tail = 0.0
                if fabs(d) < INFINITY:
                    tail = exp(-height) * tail_by_panels(&g, &m, d, up, node.shape[0], &node[0],
                                                         &weight[0])
                found[k, i] = tail if up == upper else 1.0 - tail
    return out


def draws(str kind, const double[:, ::1] data, const double[::1] tables,
          const long long[::1] group, const double[::1] eta, const double[::1] log_tau,
          const double[::1] first, const double[::1] second):
    """Draws of effects of groups by rejection from two uniform numbers each; NaN: rejected."""
    cdef Py_ssize_t size = eta.shape[0], i, j
    cdef double off
    cdef int which = KINDS[kind]
    out = np.empty(size)
    cdef double[::1] found = out
    cdef count g
    cdef mode m
    with nogil:
        for i in range(size):
            if log_tau[i] == -INFINITY:
                found[i] = eta[i]
                continue
            j = group[i]
            g = count_of(which, &data[0, 0], data.shape[1], &tables[0], j)
            off = data[OFFSET, j]
            m = find_mode(&g, eta[i] + off, held_log_tau(log_tau[i]))
            found[i] = drawn_effect(&g, &m, first[i], second[i]) - off
    return out
