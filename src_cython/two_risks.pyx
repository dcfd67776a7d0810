"""Log densities of (mu, log tau, alpha, log sigma) of events in two arms with normal risks.

Every study's log odds ratio and risk are integrated out (two_risks.h). ``data`` has shape
(8, studies): events, people, the logit at which they are likeliest, and the log probability there, of
the first arm, then of the other one. ``first`` is the first arm's coding, which is one more than the
other one's. Functions of arrays give the laws of effects given the hyperparameters, and draws.
"""
from libc.math cimport INFINITY, fabs, log
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from pyhier.kernels.density cimport LogDensity
from pyhier.kernels.gradients cimport GradientDensity, Smooth, flag_of, smooth, with_slope

import numpy as np


cdef extern from "two_risks.h" nogil:
    enum:
        BINOMIAL_COUNT
    struct count:
        int kind
        double y, size, hat, highest
        const double *table
    struct arms_law:
        int outer
        double own, other, mean_outer, mean_inner, b, less, log_s
    struct arms_found:
        double log_integral, w, r, var_w, cov, var_r
    void two_arms_law(const count *arm, double first, const double *x, arms_law *f,
                      arms_found *found)
    void add_slopes(const arms_law *f, const arms_found *found, double times, double *gradient)
    double drawn_outer(const count *arm, double first, const double *x, const double *u,
                       size_t tries, arms_law *f)
    int outer_arm(const count *arm)


cdef extern from "risk_tables.h" nogil:
    enum:
        FINER
        STENCIL
    double MOST_SPREAD
    struct tabled_study:
        int level
    struct rule:
        int order
        double[13] node
        double[13] weight
    struct risk_column:
        long first, count
        double log_scale
        double *values
        double *logs
    struct risk_row:
        int narrow, finer
        long count
        double *weight
        long *start
    struct crossed:
        double sum, mean, square
    void table_study(const count *arm, double first, tabled_study *s)
    void free_study(tabled_study *s)
    void make_column(tabled_study *s, const rule *rules, int level, double mu, double log_tau,
                     risk_column *v)
    void make_row(const tabled_study *s, const rule *rules, double alpha, double log_sigma,
                  risk_row *g)
    int cross(const risk_row *g, risk_column *v, int moments, crossed *found)


cdef extern from "number_pairs.h" nogil:
    enum:
        FIRST_ROOM
    struct number_pairs:
        Py_ssize_t count
        double *key
        Py_ssize_t *slot
    int empty_pairs(number_pairs *p, Py_ssize_t room)
    Py_ssize_t pair_number(number_pairs *p, double x, double y)
    int more_pairs(number_pairs *p, Py_ssize_t more)
    void fewer_pairs(number_pairs *p, Py_ssize_t count)


cdef inline void arms_of(const double *data, Py_ssize_t studies, Py_ssize_t j,
                         count *arm) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(2):
        arm[i].kind, arm[i].table = BINOMIAL_COUNT, NULL
        arm[i].y, arm[i].size = data[4 * i * studies + j], data[(4 * i + 1) * studies + j]
        arm[i].hat, arm[i].highest = data[(4 * i + 2) * studies + j], data[(4 * i + 3) * studies + j]


cdef double MOST_BYTES = 4e8        # of rows and columns, beyond which all are forgotten
cdef double A_COLUMN = 6.0          # what one takes, and a row, by what a point takes by itself
cdef double A_ROW = 0.3

cdef enum:
    FEW = 64                        # points that go by themselves


cdef void *more_room(void *old, Py_ssize_t wanted, Py_ssize_t each, Py_ssize_t *room) noexcept:
    """A table of pointers, each NULL, with room for so many times ``each``."""
    if wanted <= room[0]:
        return old
    cdef Py_ssize_t size = max(2 * room[0], wanted)
    cdef void **table = <void **>realloc(old, size * each * sizeof(void *))
    if table != NULL:
        memset(table + room[0] * each, 0, (size - room[0]) * each * sizeof(void *))
        room[0] = size
    return table


cdef class RiskTables:
    """What many points share.

    ``data`` is of shape (8, studies) and ``first`` the first arm's coding, as of the kernel
    ``two_risks``.
    """
    cdef const double[:, ::1] data
    cdef double first
    cdef Py_ssize_t studies, row_room, column_room
    cdef tabled_study *study
    cdef rule[3] rules
    cdef number_pairs row_pairs, column_pairs
    cdef risk_row **rows                 # (pairs, studies), NULL where not made
    cdef risk_column **columns           # (pairs, studies, FINER + 1)
    cdef double bytes
    cdef readonly Py_ssize_t alone  # how many studies' points went by themselves, for tests
    cdef readonly Py_ssize_t crossed

    def __cinit__(self, const double[:, ::1] data, double first):
        cdef Py_ssize_t j, k, i
        cdef count[2] arm
        self.data, self.first, self.studies = data, first, data.shape[1]
        self.study = <tabled_study *>calloc(self.studies, sizeof(tabled_study))
        if (self.study == NULL or not empty_pairs(&self.row_pairs, FIRST_ROOM)
                or not empty_pairs(&self.column_pairs, FIRST_ROOM)):
            raise MemoryError
        for k, order in enumerate((3, 7, 13)):
            node, weight = np.polynomial.hermite_e.hermegauss(order)
            self.rules[k].order = order
            for i in range(order):
                self.rules[k].node[i] = node[i]
                self.rules[k].weight[i] = weight[i] / weight.sum()
        for j in range(self.studies):
            arms_of(&self.data[0, 0], self.studies, j, arm)
            table_study(arm, first, &self.study[j])

    def __dealloc__(self):
        cdef Py_ssize_t j
        self.forget()
        if self.study != NULL:
            for j in range(self.studies):
                free_study(&self.study[j])
        free(self.study)
        free(self.row_pairs.key)
        free(self.row_pairs.slot)
        free(self.column_pairs.key)
        free(self.column_pairs.slot)

    cdef void forget(self) noexcept nogil:
        """Free all rows and columns."""
        cdef Py_ssize_t i
        cdef risk_row *g
        cdef risk_column *v
        for i in range(self.row_room * self.studies):
            g = self.rows[i]
            if g != NULL:
                free(g.weight)
                free(g.start)
                free(g)
        for i in range(self.column_room * self.studies * (FINER + 1)):
            v = self.columns[i]
            if v != NULL:
                free(v.values)
                free(v.logs)
                free(v)
        free(self.rows)
        free(self.columns)
        self.rows, self.columns, self.row_room, self.column_room = NULL, NULL, 0, 0
        self.bytes = 0.0

    cdef int prepare(self, const double[:, ::1] points, Py_ssize_t[::1] which,
                     Py_ssize_t[::1] beside, bint must) except -1:
        """Numbers of the points' rows and columns; 0 where there would be too little to share."""
        cdef Py_ssize_t n = points.shape[0], i, rows, columns, each = self.studies
        if self.bytes > MOST_BYTES:
            self.forget()
            if not empty_pairs(&self.row_pairs, FIRST_ROOM) or not empty_pairs(&self.column_pairs, FIRST_ROOM):
                raise MemoryError
        if not more_pairs(&self.row_pairs, n) or not more_pairs(&self.column_pairs, n):
            raise MemoryError
        rows, columns = self.row_pairs.count, self.column_pairs.count
        for i in range(n):
            which[i] = pair_number(&self.row_pairs, points[i, 2], points[i, 3])
            beside[i] = pair_number(&self.column_pairs, points[i, 0], points[i, 1])
        if not must and (A_ROW * (self.row_pairs.count - rows)
                         + A_COLUMN * (self.column_pairs.count - columns) > n):
            fewer_pairs(&self.row_pairs, rows)
            fewer_pairs(&self.column_pairs, columns)
            return 0
        self.rows = <risk_row **>more_room(self.rows, self.row_pairs.count, each, &self.row_room)
        self.columns = <risk_column **>more_room(self.columns, self.column_pairs.count,
                                                 each * (FINER + 1), &self.column_room)
        if self.rows == NULL or self.columns == NULL:
            raise MemoryError
        return 1

    cdef risk_row *row_of(self, Py_ssize_t number, Py_ssize_t j) noexcept nogil:
        cdef risk_row *g = self.rows[number * self.studies + j]
        cdef const double *key = &self.row_pairs.key[2 * number]
        if g == NULL:
            g = <risk_row *>calloc(1, sizeof(risk_row))
            if g != NULL:
                make_row(&self.study[j], self.rules, key[0], key[1], g)
                self.bytes += sizeof(risk_row) + 8.0 * g.count * (STENCIL + 2 if g.narrow else 1)
                self.rows[number * self.studies + j] = g
        return g

    cdef risk_column *column_of(self, Py_ssize_t number, Py_ssize_t j, int finer) noexcept nogil:
        cdef Py_ssize_t at = (number * self.studies + j) * (FINER + 1) + finer
        cdef risk_column *v = self.columns[at]
        cdef const double *key = &self.column_pairs.key[2 * number]
        if v == NULL:
            v = <risk_column *>calloc(1, sizeof(risk_column))
            if v != NULL:
                make_column(&self.study[j], self.rules, self.study[j].level + finer, key[0],
                            key[1], v)
                self.bytes += sizeof(risk_column) + 40.0 * v.count
                self.columns[at] = v
        return v

    cdef double one(self, Py_ssize_t j, Py_ssize_t g_number, Py_ssize_t v_number, const double *x,
                    double *moments) noexcept nogil:
        """A study's log likelihood; its effect's moments too, unless they are NULL."""
        cdef risk_row *g
        cdef risk_column *v
        cdef crossed found
        cdef count[2] arm
        cdef arms_law law
        cdef arms_found whole
        cdef double sign
        if g_number >= 0 and x[1] <= MOST_SPREAD and x[3] <= MOST_SPREAD:
            g = self.row_of(g_number, j)
            v = self.column_of(v_number, j, g.finer) if g != NULL and g.count > 0 else NULL
            if v != NULL and v.count > 0 and cross(g, v, moments != NULL, &found):
                self.crossed += 1
                if moments != NULL:
                    moments[0], moments[1] = found.mean, found.square - found.mean * found.mean
                return v.log_scale + log(found.sum)
        self.alone += 1
        arms_of(&self.data[0, 0], self.studies, j, arm)
        two_arms_law(arm, self.first, x, &law, &whole)
        if moments != NULL:
            sign = 1.0 if law.outer == 1 else -1.0
            moments[0] = sign * (law.less * whole.w + whole.r)
            moments[1] = law.less * (law.less * whole.var_w + 2.0 * whole.cov) + whole.var_r
        return whole.log_integral

    cdef bint evaluate(self, const double[:, ::1] points, const double *times, double[::1] found):
        """The log likelihood at points (n, 4), unless there is too little to share.

        ``times`` says of how many studies each is. What sums round off is kept (Neumaier 1974).
        """
        cdef Py_ssize_t n = points.shape[0], i, j
        which, beside = np.empty((2, n), dtype=np.intp)
        cdef Py_ssize_t[::1] g = which, v = beside
        cdef double value, rest, one, total
        if not self.prepare(points, g, v, False):
            return False
        for i in range(n):
            value = rest = 0.0
            for j in range(self.studies):
                one = times[j] * self.one(j, g[i], v[i], &points[i, 0], NULL)
                total = value + one
                if fabs(total) < INFINITY:
                    rest += ((value - total) + one if fabs(value) >= fabs(one)
                             else (one - total) + value)
                value = total
            found[i] = value + rest
        return True


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
