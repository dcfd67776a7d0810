"""Log densities of (mu, log tau, alpha, log sigma) of events in two arms with normal risks.

Every study's log odds ratio and risk are integrated out (two_risks.h). ``data`` has shape
(8, studies): events, people, the logit at which they are likeliest, and the log probability there, of
the first arm, then of the other one. ``first`` is the first arm's coding, which is one more than the
other one's. Functions of arrays give the laws of effects given the hyperparameters, and draws.
"""
from libc.math cimport INFINITY, fabs

from pyhier.kernels.density cimport LogDensity
from pyhier.kernels.gradients cimport GradientDensity, Smooth, flag_of, smooth, with_slope
from pyhier.kernels.risk_tables cimport (
    RiskTables, arms_found, arms_law, arms_of, count, two_arms_law,
)

import numpy as np


cdef extern from "two_risks.h" nogil:
    void add_slopes(const arms_law *f, const arms_found *found, double times, double *gradient)
    double drawn_outer(const count *arm, double first, const double *x, const double *u,
                       size_t tries, arms_law *f)
    int outer_arm(const count *arm)


cdef enum:
    FEW = 64                        # points that go by themselves


cdef struct Risks:
    Py_ssize_t studies
    const double *data
    const double *times
    double first
    bint posterior
    double[2] mean            # of the normal priors of mu and alpha
    double[2] root            # 0: flat
    double constant
    Smooth[2] spread          # log densities of tau at log tau, and of sigma


cdef double likelihood(const Risks *c, const double *x, double *gradient) noexcept nogil:
    """The log likelihood; its slopes are added, unless gradient is NULL.

    What its sum rounds off is kept (Neumaier 1974).
    """
    cdef double value = 0.0, rest = 0.0, one, total
    cdef Py_ssize_t j
    cdef count[2] arm
    cdef arms_law law
    cdef arms_found found
    for j in range(c.studies):
        arms_of(c.data, c.studies, j, arm)
        two_arms_law(arm, c.first, x, &law, &found)
        one = c.times[j] * found.log_integral
        total = value + one
        if fabs(total) < INFINITY:
            rest += (value - total) + one if fabs(value) >= fabs(one) else (one - total) + value
        value = total
        if gradient != NULL:
            add_slopes(&law, &found, c.times[j], gradient)
    return value + rest


cdef double value_of(int ndim, double *x, void *data) noexcept nogil:
    cdef const Risks *c = <const Risks *>data
    return with_prior(c, x, likelihood(c, x, NULL))


cdef double with_prior(const Risks *c, double *x, double value) noexcept nogil:
    """The log density by the log likelihood."""
    cdef double z
    cdef Py_ssize_t k
    if not c.posterior:
        return value
    value += c.constant + x[1] + x[3]
    for k in range(2):
        z = c.root[k] * (x[2 * k] - c.mean[k])
        value -= 0.5 * z * z
        if c.spread[k].value != NULL:
            value += c.spread[k].value(1, x + 2 * k + 1, c.spread[k].data)
    return value


cdef double value_and_slopes(int ndim, const double *x, double *gradient,
                             void *data) noexcept nogil:
    cdef const Risks *c = <const Risks *>data
    cdef double value, z
    cdef Py_ssize_t k
    for k in range(4):
        gradient[k] = 1.0 if c.posterior and k % 2 == 1 else 0.0
    value = likelihood(c, x, gradient)
    if not c.posterior:
        return value
    value += c.constant + x[1] + x[3]
    for k in range(2):
        z = c.root[k] * (x[2 * k] - c.mean[k])
        value -= 0.5 * z * z
        gradient[2 * k] -= z * c.root[k]
        value += with_slope(&c.spread[k], x[2 * k + 1], &gradient[2 * k + 1])
    return value


cdef class TwoRisks:
    """The data and priors that both densities take; arrays stay alive here.

    ``times`` says how many studies are the same. ``mean`` and ``root``, (2,), are of the normal priors
    of mu and alpha, a root of 0 being flat, ``constant`` their log normalising constant; ``spreads``
    has for tau and for sigma None (uniform) or a log density at its log.
    """
    cdef Risks model
    cdef tuple arrays
    cdef tuple spreads

    def __init__(self, const double[:, ::1] data, const double[::1] times, double first, mean, root,
                 double constant, spreads, bint posterior=True):
        cdef Risks *c = &self.model
        cdef int k
        self.arrays, self.spreads = (data, times), tuple(spreads)
        c.studies, c.data, c.times = data.shape[1], &data[0, 0], &times[0]
        c.first, c.posterior, c.constant = first, posterior, constant
        for k in range(2):
            c.mean[k], c.root[k], c.spread[k] = mean[k], root[k], smooth(spreads[k])


cdef class TwoRisksMarginal(LogDensity):
    """The log posterior of the four coordinates, or the likelihood, all constants included."""
    cdef TwoRisks owner
    cdef RiskTables tables

    def __init__(self, TwoRisks owner, RiskTables tables=None):
        self.owner, self.tables = owner, tables
        self.compiled = all(prior is None or prior.compiled for prior in owner.spreads)
        self.ndim, self.data = 4, &owner.model
        self.reference = self.fast = value_of

    def evaluate(self, x, bint fast=False):
        """The log density at every row of ``x``: by what they share, where that is enough."""
        cdef double[:, ::1] points = np.array(x, dtype=np.float64, order="C", ndmin=2)
        cdef Py_ssize_t i
        if self.tables is None or points.shape[0] < FEW or points.shape[1] != 4:
            return LogDensity.evaluate(self, x, fast)
        values = np.empty(points.shape[0])
        cdef double[::1] found = values
        if not self.tables.evaluate(points, self.owner.model.times, found):
            return LogDensity.evaluate(self, x, fast)
        for i in range(points.shape[0]):
            found[i] = with_prior(&self.owner.model, &points[i, 0], found[i])
            if self.failed[0]:
                break
        self.raise_error()
        return values


cdef class TwoRisksGradient(GradientDensity):
    """The log posterior of the four coordinates with its gradient."""
    cdef TwoRisks owner

    def __init__(self, TwoRisks owner):
        self.owner = owner
        self.compiled = all(prior is None or prior.compiled for prior in owner.spreads)
        self.failed = &self.own_failed
        self.ndim, self.data = 4, &owner.model
        self.function = value_and_slopes


def laws(const double[:, ::1] data, double first, const double[:, ::1] phi):
    """Log probabilities, means and variances of log odds ratios, (3, studies, nodes)."""
    cdef Py_ssize_t studies = data.shape[1], nodes = phi.shape[0], i, j
    cdef count[2] arm
    cdef arms_law law
    cdef arms_found g
    cdef double sign
    out = np.empty((3, studies, nodes))
    cdef double[:, :, ::1] found = out
    with nogil:
        for j in range(studies):
            arms_of(&data[0, 0], studies, j, arm)
            for i in range(nodes):
                two_arms_law(arm, first, &phi[i, 0], &law, &g)
                sign = 1.0 if law.outer == 1 else -1.0
                found[0, j, i] = g.log_integral
                found[1, j, i] = phi[i, 0] + sign * (law.less * g.w + g.r)
                found[2, j, i] = law.less * (law.less * g.var_w + 2.0 * g.cov) + g.var_r
    return out


def log_probabilities(const double[:, ::1] data, double first, const long long[::1] study,
                      const double[:, ::1] phi):
    """Log probabilities of the events of studies, one each, at points (n, 4); shape (n,)."""
    cdef Py_ssize_t i
    cdef count[2] arm
    cdef arms_law law
    cdef arms_found g
    out = np.empty(phi.shape[0])
    cdef double[::1] found = out
    with nogil:
        for i in range(phi.shape[0]):
            arms_of(&data[0, 0], data.shape[1], study[i], arm)
            two_arms_law(arm, first, &phi[i, 0], &law, &g)
            found[i] = g.log_integral
    return out


def outer_arms(const double[:, ::1] data):
    """Which arm of every study is the outer one (two_risks.h): 0 is the first, shape (studies,)."""
    cdef Py_ssize_t j
    cdef count[2] arm
    out = np.empty(data.shape[1], dtype=np.int64)
    cdef long long[::1] found = out
    for j in range(data.shape[1]):
        arms_of(&data[0, 0], data.shape[1], j, arm)
        found[j] = outer_arm(arm)
    return out


def outer_draws(const double[:, ::1] data, double first, const long long[::1] study,
                const double[:, ::1] phi, const double[:, ::1] u):
    """Draws of w, one each of studies at points (n, 4), from uniform numbers (n, 2 tries).

    In rows, (4, n): w, or NaN where there were too few tries; the part of it that is the log odds
    ratio's, less mu, but for r; the mean of the inner arm's logit, and log s.
    """
    cdef Py_ssize_t i
    cdef count[2] arm
    cdef arms_law law
    out = np.empty((4, phi.shape[0]))
    cdef double[:, ::1] found = out
    with nogil:
        for i in range(phi.shape[0]):
            arms_of(&data[0, 0], data.shape[1], study[i], arm)
            found[0, i] = drawn_outer(arm, first, &phi[i, 0], &u[i, 0], u.shape[1] // 2, &law)
            found[1, i] = (1.0 if law.outer == 1 else -1.0) * law.less * found[0, i]
            found[2, i] = law.mean_inner + law.b * found[0, i]
            found[3, i] = law.log_s
    return out
