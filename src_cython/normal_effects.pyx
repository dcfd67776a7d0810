"""Counts with normal effects: binomial about logit theta, Poisson about log theta, or by a table.

theta_j ~ N(x_j' beta, tau^2), or about one mu. The effects are integrated out group by group
(normal_effects.h). A group's offset is added to its effect's mean, and taken off the effect, so that
normal_effects.h knows of none. Functions of arrays give the law of effects given
their mean and tau: its constant, moments, tails, and draws.
"""
from libc.math cimport INFINITY, exp, fabs, log
from libc.stdlib cimport free, malloc

from pyhier.kernels.integrated_groups cimport IntegratedGroups

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

KINDS = {"binomial": 0, "poisson": 1, "table": 2}

# Rows of ``data``, shape (6, groups). The last is where the group's table starts in ``tables``.
cdef enum:
    Y, SIZE, HAT, HIGHEST, OFFSET, TABLE


cdef struct CountsData:
    int kind
    Py_ssize_t groups
    const double *data         # (6, groups)
    const double *tables


cdef inline count count_of(int kind, const double *data, Py_ssize_t groups, const double *tables,
                           Py_ssize_t j) noexcept nogil:
    cdef count g
    g.kind, g.y, g.size = kind, data[j], data[SIZE * groups + j]
    g.hat, g.highest = data[HAT * groups + j], data[HIGHEST * groups + j]
    g.table = tables + <Py_ssize_t>data[TABLE * groups + j]
    return g


cdef double of_group(const void *groups, Py_ssize_t j, double mean, double log_tau, double *slopes,
                     double *bends) noexcept nogil:
    cdef const CountsData *c = <const CountsData *>groups
    cdef count g = count_of(c.kind, c.data, c.groups, c.tables, j)
    cdef mode m
    cdef effect_means e
    cdef double value = count_integral(&g, mean, log_tau, bends != NULL, &m, &e)
    if slopes != NULL:
        effect_slopes(&m, &e, slopes)
    if bends != NULL:
        effect_bends(&m, &e, bends)
    return value


cdef class CountsWithPriors(IntegratedGroups):
    """The data and priors of a marginal density (integrated_groups.pyx).

    ``kind`` is one of `KINDS`; ``data`` are y, size (trials or exposures), hat and highest (see
    normal_effects.h), offsets, and starts in ``tables``, shape (6, groups).
    """
    cdef CountsData counts
    cdef object own

    def __init__(self, str kind, const double[:, ::1] data, const double[::1] tables,
                 const double[::1] times, const double[:, ::1] design, const double[::1] mean,
                 const double[:, ::1] root, double constant, prior_tau=None, bint posterior=True):
        self.own = (data, tables)
        self.counts.kind, self.counts.groups = KINDS[kind], data.shape[1]
        self.counts.data, self.counts.tables = &data[0, 0], &tables[0]
        self.take(of_group, &self.counts, times, design, mean, root, constant, prior_tau,
                  posterior)
        self.model.offset = &data[OFFSET, 0]


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
