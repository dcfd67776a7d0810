"""Sums over Fisher's noncentral hypergeometric distribution (hypergeometric.h), and its draws."""
import numpy as np

from libc.math cimport log


cdef extern from "hypergeometric.h" nogil:
    struct margins:
        double a, b, g
    double likeliest(const margins *m, double theta)
    void weight_sums(const margins *m, double theta, double start, double y, double *sums)
    double hypergeometric_draw(const margins *m, double theta, double uniform)


cdef inline margins margins_of(const double[:, ::1] table, Py_ssize_t j) noexcept nogil:
    cdef margins m
    m.a, m.b, m.g = table[0, j], table[1, j], table[2, j]
    return m


def excess(const double[:, ::1] table, const double[::1] y, const double[:, ::1] theta):
    """Means of u - y and variances of u at log odds ratios, shape (2, groups, points).

    ``table`` has a, b and g, shape (3, groups); ``theta`` has shape (groups, points).
    """
    cdef Py_ssize_t groups = theta.shape[0], points = theta.shape[1], i, j
    cdef double[3] sums
    cdef margins m
    cdef double mean
    out = np.empty((2, groups, points))
    cdef double[:, :, ::1] found = out
    with nogil:
        for j in range(groups):
            m = margins_of(table, j)
            for i in range(points):
                weight_sums(&m, theta[j, i], likeliest(&m, theta[j, i]), y[j], sums)
                mean = sums[1] / sums[0]
                found[0, j, i] = mean
                found[1, j, i] = sums[2] / sums[0] - mean * mean
    return out


def log_mass(const double[:, ::1] table, const double[::1] y, const double[::1] theta):
    """Log probabilities of y, which is near the likeliest, shape (groups,)."""
    cdef Py_ssize_t j
    cdef double[3] sums
    cdef margins m
    out = np.empty(y.shape[0])
    cdef double[::1] found = out
    with nogil:
        for j in range(y.shape[0]):
            m = margins_of(table, j)
            weight_sums(&m, theta[j], y[j], y[j], sums)
            found[j] = -log(sums[0])
    return out


def draws(const double[:, ::1] table, const long long[::1] group, const double[::1] theta,
          const double[::1] uniform):
    """Variates of groups, one each, by inversion, shape (n,)."""
    cdef Py_ssize_t i
    cdef margins m
    out = np.empty(theta.shape[0])
    cdef double[::1] found = out
    with nogil:
        for i in range(theta.shape[0]):
            m = margins_of(table, group[i])
            found[i] = hypergeometric_draw(&m, theta[i], uniform[i])
    return out
