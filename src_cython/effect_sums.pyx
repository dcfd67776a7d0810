"""The density of an effect at many points, from the nodes of a quadrature of the plane (effect_sums.h).

Rows of nodes come in three forms. Linear: a component's log density is linear in two statistics of
the point; a term takes a nanosecond. Close: by the distance from the component's location, without
cancellation; only what reaches the point is looked at. Narrow: components so narrow that the density
of their locations is interpolated under each of them.
"""
from libc.math cimport INFINITY

import numpy as np


cdef extern from "effect_sums.h" nogil:
    enum:
        ROOM
    struct classes:
        double top
        double[4] sum
    double concentration_at(int kind, double c, double z)
    double reach(int kind, double concentration, double depth)
    void close_terms(int kind, size_t size, const double *w, const double *less, const double *side,
                     const double *offset, double c, double z, double *out)
    void linear_terms(size_t size, const double *a, const double *b, const double *offset, double x,
                      double y, double *out)
    void add_terms(classes *s, size_t size, const double *terms, int row, int odd)
    size_t lower_bound(const double *w, size_t size, double x)
    double narrow_term(int kind, double c, double z, const double *values, size_t size, double start,
                       double spacing, int order, const double *node, const double *log_weight)


KINDS = {"identity": 0, "log": 1, "logit": 2, "inverse-log": 3}


def sums(form, const Py_ssize_t[::1] effect, const double[::1] z, const double[:, ::1] statistics,
         linear, close, narrow, const double[::1] depth):
    """Logs of mixtures' sums at points, by classes of nodes.

    The mixtures are of the same nodes; only what is added to the logs of the components is an effect's own.

    Parameters
    ----------
    form : {"identity", "log", "logit", "inverse-log"}
        Of a normal, a log-gamma, a logit-beta or a mirrored log-gamma component.
    effect, z : in, shape (points,)
        Which effect's density is asked for, and where.
    statistics : in, shape (points, 2)
    linear : (first, parity, a, b, offset)
        Where each row begins (and the last ends), whether its number is odd, and its nodes;
        ``offset`` has shape (effects, nodes).
    close : (first, parity, concentration, low, high, w, less, side, offset)
        A row serves places between ``low`` and ``high``; w is ascending in each, ``less`` the smaller
        one of eta and 1 - eta and ``side`` which (effect_sums.h);
        ``offset`` has shape (effects, nodes).
    narrow : (first, parity, concentration, low, high, start, spacing, values, order, node, log_weight)
        Rows of uniform grids of values, shape (effects, nodes), and rules of order[row] nodes, shape
        (rows, 32).
    depth : in, shape (effects,)
        Close components below exp(-depth) of their highest may be left out.

    Returns
    -------
    top : ndarray, shape (points,)
    sum : ndarray, shape (points, 4)
        Times exp(top): over even and odd nodes of even rows, and of odd rows.
    """
    cdef int kind = KINDS[form]
    cdef const Py_ssize_t[::1] first = linear[0], close_first = close[0], narrow_first = narrow[0]
    cdef const int[::1] parity = linear[1], close_parity = close[1], narrow_parity = narrow[1]
    cdef const int[::1] order = narrow[8]
    cdef const double[::1] a, b, c, close_low, close_high, w, less, side
    cdef const double[::1] narrow_c, low, high, start, spacing
    cdef const double[:, ::1] offset, close_offset, values
    cdef const double[:, ::1] node = narrow[9], log_weight = narrow[10]
    a, b, offset = linear[2:]
    c, close_low, close_high, w, less, side, close_offset = close[2:]
    narrow_c, low, high, start, spacing, values = narrow[2:8]
    tops, found = np.empty(z.shape[0]), np.empty((z.shape[0], 4))
    cdef double[::1] top = tops
    cdef double[:, ::1] out = found
    cdef double[512] terms
    cdef classes s
    cdef double far, one
    cdef Py_ssize_t i, j, k, at, end, size, own
    with nogil:
        for i in range(z.shape[0]):
            own, s.top = effect[i], -INFINITY
            for k in range(4):
                s.sum[k] = 0.0
            for j in range(first.shape[0] - 1):
                at = first[j]
                while at < first[j + 1]:
                    size = min(first[j + 1] - at, <Py_ssize_t>ROOM)
                    linear_terms(size, &a[at], &b[at], &offset[own, at], statistics[i, 0],
                                 statistics[i, 1], terms)
                    add_terms(&s, size, terms, parity[j], (at - first[j]) & 1)
                    at += size
            for j in range(close_first.shape[0] - 1):
                if not close_low[j] < z[i] <= close_high[j]:
                    continue
                far = reach(kind, concentration_at(kind, c[j], z[i]), depth[own])
                at, end = close_first[j], close_first[j + 1]
                size = end - at
                end = at + lower_bound(&w[at], size, z[i] + far)
                at += lower_bound(&w[at], size, z[i] - far)
                while at < end:
                    size = min(end - at, <Py_ssize_t>ROOM)
                    close_terms(kind, size, &w[at], &less[at], &side[at], &close_offset[own, at], c[j],
                                z[i], terms)
                    add_terms(&s, size, terms, close_parity[j], (at - close_first[j]) & 1)
                    at += size
            for j in range(narrow_first.shape[0] - 1):
                if low[j] < z[i] <= high[j]:
                    one = narrow_term(kind, narrow_c[j], z[i], &values[own, narrow_first[j]],
                                      narrow_first[j + 1] - narrow_first[j], start[j], spacing[j],
                                      order[j], &node[j, 0], &log_weight[j, 0])
                    terms[0], terms[1] = one - 0.6931471805599453, one - 0.6931471805599453
                    add_terms(&s, 2, terms, narrow_parity[j], 0)
            top[i] = s.top
            for k in range(4):
                out[i, k] = s.sum[k]
    return tops, found
