"""Logs of mixtures of exponential families at many points (log_sums.h).

A component's log density is linear in two statistics of the point, so a mixture over thousands of
nodes is one pass without memory of its own: 1 ns a term, where NumPy's passes over a matrix of all
terms take 8.
"""
import numpy as np


cdef extern from "log_sums.h" nogil:
    int LANES
    double log_sum(size_t terms, const double *a, const double *b, const double *c, double x,
                   double y)


def log_mixture(const double[:, :] statistics, const double[:, :] natural,
                const double[:] offset):
    """Log of sum_j exp(statistics @ natural[j] + offset[j]) at every point.

    ``statistics`` has shape (points, 2), ``natural`` (terms, 2), ``offset`` (terms,).
    """
    cdef Py_ssize_t i, terms = offset.shape[0], points = statistics.shape[0]
    padded = np.zeros((3, (terms + LANES - 1) // LANES * LANES))
    padded[2] = -np.inf
    padded[:2, :terms], padded[2, :terms] = np.asarray(natural).T, offset
    values = np.empty(points)
    cdef double[:, ::1] term = padded
    cdef double[::1] out = values
    with nogil:
        for i in range(points):
            out[i] = log_sum(term.shape[1], &term[0, 0], &term[1, 0], &term[2, 0],
                             statistics[i, 0], statistics[i, 1])
    return values
