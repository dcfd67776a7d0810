"""The densities of many effects on whole panels of their line (effect_panels.h), from the nodes that
`effect_sums` takes: each panel's exponentials serve all effects that have it."""
from libc.string cimport memset

import numpy as np

from pyhier.kernels.effect_sums import KINDS


cdef extern from "effect_panels.h" nogil:
    enum:
        POINTS
    struct shapes:
        double *value
        Py_ssize_t *node
        size_t size
    struct under:
        pass
    void linear_shapes(size_t first, size_t last, const double *a, const double *b, const double *c,
                       const double *x, const double *y, shapes *classes)
    void close_shapes(int kind, size_t size, const double *w, const double *less, const double *side,
                      double c, double low, double high, double depth, const double *z,
                      Py_ssize_t before, shapes *classes)
    void weighted_sum(const shapes *s, const double *weight, double *out)
    void look_under(int kind, double c, const double *z, double low, double high, Py_ssize_t before,
                    size_t size, double start, double spacing, double node, double log_weight,
                    under *out)
    void total_and_error(const double (*sums)[16], double *total, double *error)
    void mixture_moments(int kind, size_t size, const double *a, const double *b,
                         const double *weight, double *mean, double *var)
    void add_under(const under *u, const double *values, double *even, double *odd)


def panel_sums(form, const Py_ssize_t[::1] task, const Py_ssize_t[::1] effect, const double[:, ::1] z,
               const double[:, :, ::1] statistics, linear, close, narrow, const double[:, ::1] weight,
               const double[:, ::1] values, double depth):
    """Sums over components at the points of panels, and their relative errors.

    Parameters
    ----------
    form : {"identity", "log", "logit", "inverse-log"}
    task : in, shape (panels + 1,)
        Where each panel's effects begin, and the last one's end.
    effect : in, shape (tasks,)
    z : in, shape (panels, 16)
        Points of the line, ascending.
    statistics : in, shape (panels, 2, 16)
    linear : (first, parity, a, b, c)
    close : (first, parity, concentration, low, high, w, less, side)
    narrow : (first, parity, concentration, low, high, start, spacing, order, node, log_weight)
        As `effect_sums.sums` has them, but that ``c`` puts the highest value of a linear component at
        one.
    weight : in, shape (effects, linear and close nodes)
        Of components that are one at their highest.
    values : in, shape (effects, narrow nodes)
        Of the log density of the location, less the log of what ``weight`` is relative to.
    depth : float
        Close components below exp(-depth) of their highest may be left out.

    Returns
    -------
    total, error : ndarray, shape (tasks, 16)
        The error is by how far even nodes are from odd ones, and even rows from odd ones.
    """
    cdef int kind = KINDS[form]
    cdef const Py_ssize_t[::1] first = linear[0], close_first = close[0], narrow_first = narrow[0]
    cdef const int[::1] parity = linear[1], close_parity = close[1], narrow_parity = narrow[1]
    cdef const int[::1] order = narrow[7]
    cdef const double[::1] a, b, c, concentration, low, high, w, less, side
    cdef const double[::1] narrow_c, narrow_low, narrow_high, start, spacing
    cdef const double[:, ::1] node = narrow[8], log_weight = narrow[9]
    a, b, c = linear[2:]
    concentration, low, high, w, less, side = close[2:]
    narrow_c, narrow_low, narrow_high, start, spacing = narrow[2:7]
    cdef Py_ssize_t i, j, k, r, n, at, own, before = a.shape[0], nodes = a.shape[0] + w.shape[0]
    cdef double[:, :, ::1] value = np.empty((4, nodes, POINTS))
    cdef Py_ssize_t[:, ::1] number = np.empty((4, nodes), dtype=np.intp)
    cdef Py_ssize_t points_under = np.sum(order)
    room = np.empty(points_under * sizeof(under), dtype=np.uint8)
    cdef unsigned char[::1] bytes_of_room = room
    cdef under *below = <under *> &bytes_of_room[0] if points_under else NULL
    found = np.empty((2, effect.shape[0], POINTS))
    cdef double[:, :, ::1] out = found
    cdef double[4][16] parts
    cdef shapes[4] s
    if nodes:
        for k in range(4):
            s[k].value, s[k].node = &value[k, 0, 0], &number[k, 0]
    with nogil:
        for i in range(z.shape[0]):
            for k in range(4):
                s[k].size = 0
            for j in range(first.shape[0] - 1):
                linear_shapes(first[j], first[j + 1], &a[0], &b[0], &c[0], &statistics[i, 0, 0],
                              &statistics[i, 1, 0], &s[2 * parity[j]])
            for j in range(close_first.shape[0] - 1):
                at = close_first[j]
                close_shapes(kind, close_first[j + 1] - at, &w[at], &less[at], &side[at],
                             concentration[j], low[j], high[j], depth, &z[i, 0], before + at,
                             &s[2 * close_parity[j]])
            n = 0
            for j in range(narrow_first.shape[0] - 1):
                at = narrow_first[j]
                for r in range(order[j]):
                    look_under(kind, narrow_c[j], &z[i, 0], narrow_low[j], narrow_high[j], at,
                               narrow_first[j + 1] - at, start[j], spacing[j], node[j, r],
                               log_weight[j, r], &below[n])
                    n += 1
            for k in range(task[i], task[i + 1]):
                own = effect[k]
                memset(parts, 0, sizeof(parts))
                if nodes:
                    for j in range(4):
                        weighted_sum(&s[j], &weight[own, 0], parts[j])
                n = 0
                for j in range(narrow_first.shape[0] - 1):
                    for r in range(order[j]):
                        add_under(&below[n], &values[own, 0], parts[2 * narrow_parity[j]],
                                  parts[2 * narrow_parity[j] + 1])
                        n += 1
                total_and_error(parts, &out[0, k, 0], &out[1, k, 0])
    return found[0], found[1]


def beta_moments(const double[:, ::1] a, const double[:, ::1] b, const double[::1] weight):
    """Means and variances of mixtures of beta distributions; a and b have shape (mixtures, nodes)."""
    return moments(KINDS["logit"], a, b, weight)


def gamma_moments(const double[:, ::1] shape, const double[:, ::1] rate, const double[::1] weight):
    """Means and variances of mixtures of gamma distributions, of shape (mixtures, nodes)."""
    return moments(KINDS["log"], shape, rate, weight)


def inverse_gamma_moments(const double[:, ::1] shape, const double[:, ::1] scale,
                          const double[::1] weight):
    """The same of inverse gamma distributions, where they have them; else of no meaning."""
    return moments(KINDS["inverse-log"], shape, scale, weight)


cdef tuple moments(int kind, const double[:, ::1] a, const double[:, ::1] b,
                   const double[::1] weight):
    mean, var = np.zeros(a.shape[0]), np.zeros(a.shape[0])
    cdef double[::1] means = mean, vars = var
    cdef Py_ssize_t i
    with nogil:
        for i in range(a.shape[0] if weight.shape[0] else 0):
            mixture_moments(kind, weight.shape[0], &a[i, 0], &b[i, 0], &weight[0], &means[i],
                            &vars[i])
    return mean, var
