"""Log densities of many data sets of counts over the planes of their hyperparameters (count_planes.h).

The coordinates are the location (logit eta or log mu) and the log of the size (K or alpha).
"""
import numpy as np


cdef extern from "count_planes.h" nogil:
    enum:
        ROOM_OF_POINTS
        NO_PRIOR
        BDA3
        BETABINEXCH
        POISSGAMEXCH
    struct data_set:
        size_t groups
        const double *y
        const double *other
        const double *hat
        const double *low
        const double *constant
        const double *successes
        const double *failures
        const double *trials
        const double *exposure
        double events, coefficient
        int products
    void densities "log_densities"(int kind, const data_set *s, int prior, double log_z0, size_t size,
                                   const double *location, const double *log_size, double *out)
    void kept_of(size_t size, const double *weight, double least, size_t *first, size_t *last)
    double plane_moment(int kind, size_t rows, size_t size, const double *weight, const double *a,
                        const double *b, const size_t *first, const size_t *last, double y, double n,
                        int second, double mean, double *apart)


KINDS = {"beta-binomial": 0, "poisson-gamma": 1}
_PRIORS = {"": NO_PRIOR, "bda3": BDA3, "betabinexch": BETABINEXCH, "poissgamexch": POISSGAMEXCH}


def log_densities(family, tables, const double[::1] events, const double[::1] coefficient,
                  const int[::1] products, const Py_ssize_t[::1] which,
                  const double[:, ::1] location, const double[:, ::1] log_size, prior, double log_z0):
    """Log posterior densities at points of data sets.

    Parameters
    ----------
    family : {"beta-binomial", "poisson-gamma"}
    tables : in, shape (9, data sets, groups)
        Counts, and failures or logs of exposures; the two parts of log(y / other) and the constants
        (count_terms.h); successes, failures and trials in ascending order; exposures.
    events, coefficient : in, shape (data sets,)
        Sums of the counts; logs of what no parameter is in.
    products : in, shape (data sets,)
        Whether counts are small enough to be multiplied out.
    which : in, shape (rows,)
        Data sets of rows of points.
    location, log_size : in, shape (rows, points)
    prior : str
        A named one, or "" for the likelihood alone.
    log_z0 : float

    Returns
    -------
    ndarray, shape (rows, points)
    """
    cdef const double[:, :, ::1] table = tables
    cdef int kind = KINDS[family], own = _PRIORS[prior]
    found = np.empty((which.shape[0], location.shape[1]))
    cdef double[:, ::1] out = found
    cdef Py_ssize_t i = 0, k, d, size, last, points = location.shape[1]
    cdef data_set s
    with nogil:
        while i < which.shape[0]:
            d, last = which[i], i + 1
            while last < which.shape[0] and which[last] == d:  # rows of one data set are as one
                last += 1
            s.groups = table.shape[2]
            s.y, s.other, s.hat = &table[0, d, 0], &table[1, d, 0], &table[2, d, 0]
            s.low, s.constant = &table[3, d, 0], &table[4, d, 0]
            s.successes, s.failures, s.trials = &table[5, d, 0], &table[6, d, 0], &table[7, d, 0]
            s.exposure = &table[8, d, 0]
            s.events, s.coefficient, s.products = events[d], coefficient[d], products[d]
            k = 0
            while k < (last - i) * points:
                size = min((last - i) * points - k, <Py_ssize_t>ROOM_OF_POINTS)
                densities(kind, &s, own, log_z0, size, &location[i, 0] + k, &log_size[i, 0] + k,
                          &out[i, 0] + k)
                k += size
            i = last
    return found


def effect_moments(family, const double[:, :, ::1] weight, const double[:, :, :, ::1] shapes,
                   const double[:, :, ::1] b, const double[:, :, ::1] counts,
                   const double[:, ::1] size, const int[:, ::1] side, double least):
    """Means and variances of effects over planes of nodes, and how good they are.

    Parameters
    ----------
    family : {"beta-binomial", "poisson-gamma"}
    weight : in, shape (data sets, rows, nodes)
        A data set's add up to one; a multiple of 8 of nodes.
    shapes : in, shape (1 or 2, data sets, rows, nodes)
        Alpha, and beta of a beta distribution.
    b : in, shape (data sets, rows, nodes)
        K, or the gamma distribution's rate.
    counts : in, shape (1 or 2, data sets, effects)
        Successes and failures, or events.
    size : in, shape (data sets, effects)
        Trials or exposures: as the counts 0 of a new group.
    side : in, shape (data sets, effects)
        1 where one less the effect is the smaller one, of which the sums are.
    least : float
        Weights up to which nodes may be left out.

    Returns
    -------
    ndarray, shape (3, data sets, effects)
        Means, variances, and the worse one's relative difference of even and odd rows, or nodes.
    """
    cdef int kind = KINDS[family]
    cdef Py_ssize_t d, r, j, k, rows = weight.shape[1], nodes = weight.shape[2]
    found = np.empty((3, size.shape[0], size.shape[1]))
    cdef double[:, :, ::1] out = found
    cdef size_t[:, ::1] ends = np.empty((2, rows), dtype=np.uintp)
    cdef double apart, mean
    with nogil:
        for d in range(size.shape[0]):
            for r in range(rows):
                kept_of(nodes, &weight[d, r, 0], least, &ends[0, r], &ends[1, r])
            for j in range(size.shape[1]):
                k = side[d, j]
                mean = plane_moment(kind, rows, nodes, &weight[d, 0, 0], &shapes[k, d, 0, 0],
                                    &b[d, 0, 0], &ends[0, 0], &ends[1, 0], counts[k, d, j],
                                    size[d, j], 0, 0.0, &apart)
                out[0, d, j], out[2, d, j] = 1.0 - mean if k else mean, apart
                out[1, d, j] = plane_moment(kind, rows, nodes, &weight[d, 0, 0],
                                            &shapes[k, d, 0, 0], &b[d, 0, 0], &ends[0, 0],
                                            &ends[1, 0], counts[k, d, j], size[d, j], 1, mean,
                                            &apart)
                if not apart <= out[2, d, j]:
                    out[2, d, j] = apart
    return found
