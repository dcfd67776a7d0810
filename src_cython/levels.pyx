"""The normal model with groups within groups, at many values of its standard deviations at once.

y_j ~ N(x_j' beta + one effect a level, var_j), the effects of a level normal with sd tau. From the
finest level up a group's members become one estimate: their mean, weighted by precision, with
variance 1 / (sum of precisions) + tau^2 of the level above; what they lie apart from it goes into the
triangle that linear_groups.pyx keeps. Nothing is subtracted, so no spread of variances cancels.

The members of a group stand together, and ``ends[j]`` says how many levels above the finest have a
group that ends at row j.
"""
from libc.math cimport exp, log, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from pyhier.kernels.density cimport LogDensity, density_t
from pyhier.kernels.linear_groups cimport pack, reduce_rows

import numpy as np

cdef enum:
    LEVELS = 3
    ROWS = 64  # added to a triangle at a time


cdef struct Upward:
    # The way up through one tree at one value of the taus.
    Py_ssize_t p, levels, waiting
    double *triangle  # (p + ROWS, p + 1), the rows that wait below it
    double *mean  # (LEVELS, p + 1): of the members so far, x first
    double[LEVELS] precision
    double[LEVELS] tau2  # outermost first
    double squares, logs
    double product  # of what is to be added to the logs still


cdef inline void count(Upward *up, double factor) noexcept nogil:
    """Add log(factor) to the logs: one logarithm for many factors."""
    if not 1e-50 < factor < 1e50:
        up.logs += log(factor)
        return
    up.product *= factor
    if not 1e-200 < up.product < 1e200:
        up.logs += log(up.product)
        up.product = 1.0


cdef inline void push(Upward *up, const double *row, double scale) noexcept nogil:
    """Add a row to the triangle."""
    cdef Py_ssize_t k, width = up.p + 1
    cdef double *to = up.triangle + (up.p + up.waiting) * width
    if up.p == 0:
        up.squares += scale * scale * row[0] * row[0]
        return
    for k in range(width):
        to[k] = scale * row[k]
    up.waiting += 1
    if up.waiting == ROWS:
        reduce_rows(up.triangle, up.p + ROWS, up.p, &up.squares)
        up.waiting = 0


cdef inline void join(Upward *up, Py_ssize_t level, double *row, double precision) noexcept nogil:
    """Add a member to the group of a level that is open; the row is lost."""
    cdef Py_ssize_t k, width = up.p + 1
    cdef double *mean = up.mean + level * width
    cdef double total = up.precision[level] + precision, share
    if up.precision[level] == 0.0:
        memcpy(mean, row, width * sizeof(double))
    else:
        share = precision / total
        for k in range(width):
            row[k] -= mean[k]
        push(up, row, sqrt(up.precision[level] * share))
        for k in range(width):
            mean[k] += share * row[k]
    up.precision[level] = total


cdef void climb(Upward *up, double *row, double var, int ends) noexcept nogil:
    """Take a finest group in, and the groups above it that end with it."""
    cdef Py_ssize_t level = up.levels - 2, width = up.p + 1, done
    cdef double precision = var + up.tau2[up.levels - 1]
    count(up, precision)
    precision = 1.0 / precision
    if level < 0:
        push(up, row, sqrt(precision))
        return
    join(up, level, row, precision)
    for done in range(ends):
        precision = 1.0 + up.precision[level] * up.tau2[level]
        count(up, precision)
        precision = up.precision[level] / precision
        up.precision[level] = 0.0
        if level == 0:
            push(up, up.mean, sqrt(precision))
        else:
            memcpy(row, up.mean + level * width, width * sizeof(double))
            join(up, level - 1, row, precision)
        level -= 1


def sums(const double[::1] y, const double[:, ::1] x, const double[::1] var,
         const signed char[::1] ends, const double[:, ::1] log_tau):
    """Sums over all groups at every node.

    Parameters
    ----------
    y, var, ends : in, shape (groups,)
    x : in, shape (groups, p)
    log_tau : in, shape (nodes, levels), the outermost first

    Returns
    -------
    ndarray, shape (nodes, size_of(p))
        As `linear_groups.sums`.
    """
    cdef Py_ssize_t n = log_tau.shape[0], groups = y.shape[0], p = x.shape[1], width = p + 1
    cdef Py_ssize_t i, j, k, size = (p * (p + 3)) // 2 + 2
    cdef Upward up
    table = np.zeros((n, size))
    cdef double[:, ::1] out = table
    cdef double *room = <double *> malloc((p + ROWS + LEVELS + 1) * width * sizeof(double))
    if room == NULL:
        raise MemoryError("sums over groups")
    cdef double *row = room + (p + ROWS + LEVELS) * width
    up.p, up.levels = p, log_tau.shape[1]
    up.triangle, up.mean = room, room + (p + ROWS) * width
    with nogil:
        for i in range(n):
            up.waiting, up.squares, up.logs, up.product = 0, 0.0, 0.0, 1.0
            memset(up.triangle, 0, p * width * sizeof(double))
            for k in range(up.levels):
                up.tau2[k], up.precision[k] = exp(2.0 * log_tau[i, k]), 0.0
            for j in range(groups):
                for k in range(p):
                    row[k] = x[j, k]
                row[p] = y[j]
                climb(&up, row, var[j], ends[j])
            reduce_rows(up.triangle, p + up.waiting, p, &up.squares)
            pack(up.triangle, &out[i, 0], p)
            out[i, size - 2], out[i, size - 1] = up.squares, up.logs + log(up.product)
    free(room)
    return table


cdef struct LevelsData:
    Py_ssize_t groups, p, levels, proper
    bint posterior  # whether the density is that of log tau
    const double *y
    const double *x
    const double *var
    const signed char *ends
    const double *mean  # of beta's prior
    const double *root  # (proper, p): root @ (beta - mean) is standard normal
    double constant
    density_t[LEVELS] log_tau_prior
    void *log_tau_prior_data[LEVELS]


cdef double levels_post(int ndim, double *point, void *data) noexcept nogil:
    cdef LevelsData *model = <LevelsData *>data
    cdef Upward up
    cdef double[LEVELS] mean
    cdef double residual, total, value = model.constant
    cdef double *log_tau = point + model.p
    cdef const double *row = model.x
    cdef Py_ssize_t j, k
    up.p, up.levels, up.waiting = 0, model.levels, 0
    up.squares, up.logs, up.product = 0.0, 0.0, 1.0
    up.triangle, up.mean = NULL, mean
    for k in range(model.levels):
        up.tau2[k], up.precision[k] = exp(2.0 * log_tau[k]), 0.0
        if model.posterior:
            value += log_tau[k]
        if model.log_tau_prior[k] != NULL:
            value += model.log_tau_prior[k](1, &log_tau[k], model.log_tau_prior_data[k])
    for j in range(model.groups):
        residual = model.y[j]
        for k in range(model.p):
            residual -= row[k] * point[k]
        row += model.p
        climb(&up, &residual, model.var[j], model.ends[j])
    for j in range(model.proper):
        total = 0.0
        for k in range(model.p):
            total += model.root[j * model.p + k] * (point[k] - model.mean[k])
        value -= 0.5 * total * total
    return value - 0.5 * (up.logs + log(up.product) + up.squares)


cdef class LevelsMarginal(LogDensity):
    """The log marginal posterior of (beta, log tau of every level), without the factors 2 pi.

    ``y``, ``x``, ``var`` and ``ends`` are as for `sums`; ``mean``, (p,), and ``root``, (k, p), are of
    beta's prior and ``constant`` its log normalising constant; ``priors`` has for every level None
    (uniform) or a compiled log density of tau at x = log tau. Without ``posterior`` it is the
    likelihood, no density of log tau.
    """
    cdef LevelsData model
    cdef object arrays

    def __init__(self, const double[::1] y, const double[:, ::1] x, const double[::1] var,
                 const signed char[::1] ends, const double[::1] mean, const double[:, ::1] root,
                 double constant, priors, bint posterior=True):
        cdef Py_ssize_t k
        cdef LogDensity prior
        self.arrays = (y, x, var, ends, mean, root, tuple(priors))
        self.model.groups, self.model.p, self.model.levels = y.shape[0], x.shape[1], len(priors)
        self.model.y, self.model.x, self.model.var = &y[0], &x[0, 0], &var[0]
        self.model.ends, self.model.mean = &ends[0], &mean[0]
        self.model.posterior = posterior
        self.model.proper = root.shape[0]
        self.model.root = &root[0, 0] if root.shape[0] else NULL
        self.model.constant = constant
        for k in range(self.model.levels):
            self.model.log_tau_prior[k] = NULL
            prior = priors[k]
            if prior is not None:
                self.model.log_tau_prior[k] = prior.reference
                self.model.log_tau_prior_data[k] = prior.data
        self.ndim = <int>(x.shape[1] + self.model.levels)
        self.compiled = True
        self.data = &self.model
        self.reference = self.fast = levels_post
