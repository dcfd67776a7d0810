"""Many groups' data as a few hundred sums, and many groups' effects by a few series.

See variance_bins.h. A span of groups is summed about its own mean in every bin of log var, so that
nothing cancels; spans are made by threads and put together in order (models/normal_sums.py).
"""
import numpy as np


cdef extern from "variance_bins.h" nogil:
    int TERMS
    void places_in_bins(size_t groups, const double *var, double lowest, double last, int *bin,
                        double *u)
    void sort_by_bin(size_t groups, const double *y, const int *bin, const double *u, size_t *at,
                     double *y_sorted, double *u_sorted)
    void sums_of_bins(size_t bins, const size_t *end, const double *y, const double *u,
                      double *centre, double *table)
    void effects_by_series(size_t groups, const double *y, const int *bin, const double *u,
                           const double *series, double origin, double *mean, double *var,
                           double *rest)


def span_sums(const double[::1] y, const double[::1] var, double lowest, Py_ssize_t bins):
    """Sums of a span of groups, whose log var are in bins from ``lowest`` on.

    Returns
    -------
    centre : ndarray, shape (bins,)
        The mean of y in every bin.
    table : ndarray, shape (bins, 3, TERMS)
        Sums of T_m, of T_m (y - centre) and of T_m (y - centre)^2.
    """
    cdef Py_ssize_t groups = y.shape[0], j
    centres, table = np.zeros(bins), np.zeros((bins, 3, TERMS))
    cdef double[::1] centre = centres, u = np.empty(groups)
    cdef double[::1] y_sorted = np.empty(groups), u_sorted = np.empty(groups)
    cdef size_t[::1] at = np.zeros(bins + 1, dtype=np.uintp)
    cdef double[:, :, ::1] out = table
    cdef int[::1] bin = np.empty(groups, dtype=np.intc)
    with nogil:
        places_in_bins(groups, &var[0], lowest, bins - 1.0, &bin[0], &u[0])
        for j in range(groups):
            at[bin[j] + 1] += 1
        for j in range(bins):
            at[j + 1] += at[j]
        sort_by_bin(groups, &y[0], &bin[0], &u[0], &at[0], &y_sorted[0], &u_sorted[0])
        sums_of_bins(bins, &at[0], &y_sorted[0], &u_sorted[0], &centre[0], &out[0, 0, 0])
    return centres, table


def effects(const double[::1] y, const double[::1] var, double lowest,
            const double[:, :, ::1] series, double origin):
    """Means, variances and 1 - shrinkage of groups' effects, shape (3, groups).

    ``series`` has shape (bins, 6, TERMS): see variance_bins.h.
    """
    cdef Py_ssize_t groups = y.shape[0]
    table = np.empty((3, groups))
    cdef double[:, ::1] out = table
    cdef double[::1] u = np.empty(groups)
    cdef int[::1] bin = np.empty(groups, dtype=np.intc)
    with nogil:
        places_in_bins(groups, &var[0], lowest, series.shape[0] - 1.0, &bin[0], &u[0])
        effects_by_series(groups, &y[0], &bin[0], &u[0], &series[0, 0, 0], origin, &out[0, 0],
                          &out[1, 0], &out[2, 0])
    return table
