"""Log probabilities of counts at single parameters, without cancellation (count_terms.h)."""
from libc.math cimport log

import numpy as np


cdef extern from "count_terms.h" nogil:
    double gamma_rest(double x)
    double beta_binomial_mass(double y, double f, double a, double b)
    double binomial_mass(double y, double f, double p)
    double poisson_mass(double y, double m)
    double poisson_gamma_mass(double y, double t, double a, double b)
    double cell_mass(double y, double total, double row, double column)


def factorial_rest(y):
    """log(y!) - y log(y) + y."""
    cdef double[::1] x = np.asarray(y, dtype=np.float64)
    rest = np.zeros(x.shape[0])
    cdef double[::1] out = rest
    cdef Py_ssize_t i
    for i in range(x.shape[0]):
        if x[i] > 0.0:
            out[i] = gamma_rest(x[i]) + log(x[i])
    return rest


def log_mass(family, *arguments):
    """Log probabilities of counts that need not be whole, without cancellation.

    ``"beta-binomial"`` takes successes, failures and both shapes of the proportion's beta
    distribution, ``"binomial"`` successes, failures and the proportion, ``"poisson-gamma"`` events,
    exposures, and shape and rate of the gamma distribution, ``"poisson"`` events and their mean;
    arrays that broadcast. ``"cell"`` takes a cell of a table, the whole, the row's sum and the
    column's: summed over the cells it is what the cells add to the log of the table's probability
    given its margins; these add their `factorial_rest`, and the whole takes its away.
    """
    kinds = ("beta-binomial", "binomial", "poisson-gamma", "poisson", "cell")
    parts = np.broadcast_arrays(*(np.asarray(part, dtype=np.float64) for part in arguments))
    cdef double[:, ::1] x = np.array([part.ravel() for part in parts])
    values = np.empty(parts[0].shape)
    cdef double[::1] out = values.reshape(-1)
    cdef Py_ssize_t i, kind = kinds.index(family)
    for i in range(out.shape[0]):
        if kind == 0:
            out[i] = beta_binomial_mass(x[0, i], x[1, i], x[2, i], x[3, i])
        elif kind == 1:
            out[i] = binomial_mass(x[0, i], x[1, i], x[2, i])
        elif kind == 2:
            out[i] = poisson_gamma_mass(x[0, i], x[1, i], x[2, i], x[3, i])
        elif kind == 3:
            out[i] = poisson_mass(x[0, i], x[1, i])
        else:
            out[i] = cell_mass(x[0, i], x[1, i], x[2, i], x[3, i])
    return values
