"""Log probabilities of counts, without cancellation (count_terms.h): at parameters, or at hyperparameters."""
from libc.math cimport INFINITY, log

import numpy as np

from pyhier.kernels.count_data import log_ratio


cdef extern from "count_terms.h" nogil:
    struct shares:
        pass
    struct rates:
        pass
    shares shares_at(double logit, double log_size)
    rates rates_at(double log_alpha, double log_mu)
    void beta_binomial_terms(size_t groups, const double *y, const double *f, const double *hat,
                             const double *low, const double *constant, const shares *s, double *out)
    void poisson_gamma_terms(size_t groups, const double *y, const double *log_exposure,
                             const double *hat, const double *low, const double *constant,
                             const rates *s, double *out)
    double gamma_rest(double x)
    double beta_binomial_mass(double y, double f, double a, double b)
    double binomial_mass(double y, double f, double p)
    double poisson_mass(double y, double m)
    double poisson_gamma_mass(double y, double t, double a, double b)
    double cell_mass(double y, double total, double row, double column)


cdef enum:
    LEAST_LOG = -640  # of a precision, as in count_density.pyx


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


def log_mass_given(family, first, second, const double[:, ::1] phi):
    """Log probabilities of each group's counts, its effect integrated out, at every phi.

    Parameters
    ----------
    family : {"beta-binomial", "poisson-gamma"}
    first, second : array_like, shape (groups,)
        Successes and failures, or events and exposures; no group without trials or exposure.
    phi : in, shape (nodes, 2)
        (logit eta, log K), or (log alpha, log mu).

    Returns
    -------
    ndarray, shape (groups, nodes)
    """
    y, other = (np.ascontiguousarray(part, dtype=np.float64) for part in (first, second))
    cdef bint shared = family == "beta-binomial"
    cdef const double[::1] a = y, b = other if shared else np.log(other), hat, low, constant
    hat, low = log_ratio(y, other)
    constant = factorial_rest(y) + (factorial_rest(other) - factorial_rest(y + other) if shared else 0.0)
    values = np.empty((y.size, phi.shape[0]))
    cdef double[:, ::1] out = values
    cdef double[::1] column = np.empty(y.size)
    cdef Py_ssize_t i, j, groups = y.size
    cdef shares share
    cdef rates rate
    if groups == 0:
        return values
    with nogil:
        for j in range(phi.shape[0]):
            if phi[j, 1 if shared else 0] < LEAST_LOG:
                for i in range(groups):
                    out[i, j] = -INFINITY
                continue
            if shared:
                share = shares_at(phi[j, 0], phi[j, 1])
                beta_binomial_terms(groups, &a[0], &b[0], &hat[0], &low[0], &constant[0], &share,
                                    &column[0])
            else:
                rate = rates_at(phi[j, 0], phi[j, 1])
                poisson_gamma_terms(groups, &a[0], &b[0], &hat[0], &low[0], &constant[0], &rate,
                                    &column[0])
            for i in range(groups):
                out[i, j] = column[i]
    return values
