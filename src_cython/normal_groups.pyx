"""The normal model at many values of tau at once, and draws from its exact posterior.

Given tau, mu is normal with precision sum_j 1 / (var_j + tau^2) and theta_j, theta_new are normal
too (Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.4). So every posterior marginal is a
mixture of normals over the nodes of a quadrature in log tau. ``collapse`` makes the nodes' sums:
blocks of groups stay in cache while all nodes pass over them, and the squares are taken about each
node's own mean, so that nothing cancels. ``draw_phi`` and ``draw_theta`` are ancestral draws: log
tau by inversion of its distribution function, then mu, then theta.
"""
from libc.math cimport exp, fabs, log, sqrt

from numpy.random.c_distributions cimport random_standard_normal_fill
from pyhier.kernels.random cimport Source, r_uniform, source_of, standard_normal

import numpy as np


cdef extern from "group_sums.h" nogil:
    void group_sums(size_t groups, const double *y, const double *var, double mu, double t,
                    double *log_sum, double *square_sum)
    void weight_sums(size_t groups, const double *y, const double *var, double centre, double t,
                     double *weight_sum, double *product_sum)
    void plain_sums(size_t groups, const double *y, const double *var, double mu, double t,
                    double *log_sum, double *square_sum)
    void plain_weight_sums(size_t groups, const double *y, const double *var, double centre,
                           double t, double *weight_sum, double *product_sum)


cdef Py_ssize_t BLOCK = 1024  # 16 kB of data: half of a first-level cache
cdef double LOG_2PI = 1.83787706640934548356


def collapse(const double[::1] y, const double[::1] var, double centre,
             const double[::1] log_tau, double prior_mean, double prior_precision, double kappa,
             double low, double high):
    """Integrate theta and mu out at every log tau.

    Parameters
    ----------
    y, var : in, shape (groups,)
    centre : a number near the y, subtracted before they are averaged
    log_tau : in, shape (nodes,)
    prior_mean, prior_precision, kappa : mu's normal prior
        Its precision is the one given (0: flat) or, with ``kappa`` above 0, kappa / tau^2.
    low, high : the tau^2 between which products of variances stay within a double

    Returns
    -------
    ndarray, shape (3, nodes)
        Log of the likelihood of log tau, mu integrated over its prior, with all constants and the
        Jacobian, tau's prior left out; mean and variance of mu | tau.
    """
    cdef Py_ssize_t n = log_tau.shape[0], groups = y.shape[0], i, block, start, size
    cdef Py_ssize_t blocks = (groups + BLOCK - 1) // BLOCK
    table = np.zeros((5, n))
    cdef double[::1] logs = table[0], mean = table[1], total = table[2]
    cdef double[::1] tau2 = table[3], squares = table[4]
    cdef double a, b, precision, constant = -0.5 * (groups - 1) * LOG_2PI
    with nogil:
        for i in range(n):
            tau2[i] = exp(2.0 * log_tau[i])
        for block in range(blocks):
            start = block * BLOCK
            size = min(BLOCK, groups - start)
            for i in range(n):
                if low <= tau2[i] <= high:
                    weight_sums(size, &y[start], &var[start], centre, tau2[i], &a, &b)
                else:
                    plain_weight_sums(size, &y[start], &var[start], centre, tau2[i], &a, &b)
                total[i] += a
                mean[i] += b
        for i in range(n):
            precision = kappa * exp(-2.0 * log_tau[i]) if kappa > 0.0 else prior_precision
            total[i] += precision
            if precision > 0.0:
                mean[i] += precision * (prior_mean - centre)
            mean[i] = centre + mean[i] / total[i]
            if precision > 0.0:
                squares[i] = precision * (mean[i] - prior_mean) ** 2
        for block in range(blocks):
            start = block * BLOCK
            size = min(BLOCK, groups - start)
            for i in range(n):
                if low <= tau2[i] <= high:
                    group_sums(size, &y[start], &var[start], mean[i], tau2[i], &a, &b)
                else:
                    plain_sums(size, &y[start], &var[start], mean[i], tau2[i], &a, &b)
                logs[i] += a
                squares[i] += b
        for i in range(n):
            logs[i] = constant + log_tau[i] - 0.5 * (logs[i] + squares[i] + log(total[i]))
            if kappa > 0.0:
                logs[i] += 0.5 * (log(kappa) - 2.0 * log_tau[i] - LOG_2PI)
            elif prior_precision > 0.0:
                logs[i] += 0.5 * (log(prior_precision) - LOG_2PI)
            total[i] = 1.0 / total[i]
    return table[:3]


def effects_given_tau(const double[::1] y, const double[::1] var, const double[::1] log_tau):
    """Groups' effects given log tau, as linear functions of mu with normal noise.

    Returns
    -------
    ndarray, shape (3, groups, nodes)
        Intercept, slope and the noise's variance.
    """
    cdef Py_ssize_t i, j, groups = y.shape[0], n = log_tau.shape[0]
    table = np.empty((3, groups, n))
    cdef double[:, ::1] intercept = table[0], slope = table[1], noise = table[2]
    cdef double[::1] tau2 = np.exp(2.0 * np.asarray(log_tau))
    cdef double reciprocal
    with nogil:
        for i in range(groups):
            for j in range(n):
                reciprocal = 1.0 / (var[i] + tau2[j])
                slope[i, j] = var[i] * reciprocal
                intercept[i, j] = y[i] * (tau2[j] * reciprocal)
                noise[i, j] = tau2[j] * slope[i, j]
    return table


# --- Ancestral draws ------------------------------------------------------------------------------

cdef inline double hermite(double t, double h, double a, double b, double da,
                           double db) noexcept nogil:
    """The cubic with values a, b and slopes da, db at the ends of a cell of width h."""
    cdef double rise = b - a
    return a + t * (h * da + t * (3.0 * rise - h * (2.0 * da + db) + t * (h * (da + db) - 2.0 * rise)))


def draw_phi(object bit_generator, bint as_r, const double[::1] knots, const double[:, ::1] table,
             const Py_ssize_t[::1] guide, double[:, ::1] out):
    """Independent draws of (mu, log tau).

    Parameters
    ----------
    knots : in, shape (knots,)
        Log tau at the ends of cells.
    table : in, shape (knots, 6)
        There: distribution function and density of log tau; mean of mu and its slope; sd of mu and
        its slope.
    guide : in, shape (steps + 1,)
        For every multiple of 1 / steps the last knot whose distribution function is not above it.
    out : out, shape (draws, 2)
    """
    cdef Source source = source_of(bit_generator, as_r)
    cdef Py_ssize_t i, low, high, middle, steps = guide.shape[0] - 1, last = knots.shape[0] - 1
    cdef double u, t, h, rise, error, slope, sd
    cdef double lower, upper
    cdef int k
    with nogil:
        for i in range(out.shape[0]):
            if as_r:
                u = r_uniform(source.bits)
            else:
                u = source.bits.next_double(source.bits.state)
            low = guide[<Py_ssize_t>(u * steps)]
            high = min(guide[<Py_ssize_t>(u * steps) + 1] + 1, last)
            while high - low > 1:
                middle = (low + high) // 2
                if table[middle, 0] <= u:
                    low = middle
                else:
                    high = middle
            h, rise = knots[high] - knots[low], table[high, 0] - table[low, 0]
            t = (u - table[low, 0]) / rise if rise > 0.0 else 0.5
            t = min(max(t, 0.0), 1.0)
            lower, upper = 0.0, 1.0
            for k in range(60):  # Newton's method on the cubic, inside a bracket
                error = hermite(t, h, table[low, 0], table[high, 0], table[low, 1],
                                table[high, 1]) - u
                if error > 0.0:
                    upper = t
                else:
                    lower = t
                slope = h * table[low, 1] + t * (
                    2.0 * (3.0 * rise - h * (2.0 * table[low, 1] + table[high, 1]))
                    + 3.0 * t * (h * (table[low, 1] + table[high, 1]) - 2.0 * rise))
                if fabs(error) <= 1e-10 * rise:
                    break
                t = t - error / slope if slope > 0.0 else -1.0
                if not lower <= t <= upper:
                    t = 0.5 * (lower + upper)
            sd = hermite(t, h, table[low, 4], table[high, 4], table[low, 5], table[high, 5])
            out[i, 1] = knots[low] + t * h
            out[i, 0] = hermite(t, h, table[low, 2], table[high, 2], table[low, 3], table[high, 3]) \
                + sd * standard_normal(&source)


def draw_theta(object bit_generator, const double[::1] y, const double[::1] var,
               const double[:, ::1] phi, double[:, ::1] out):
    """Draws of theta given each (mu, log tau), by NumPy's normals.

    Parameters
    ----------
    y, var : in, shape (groups,)
    phi : in, shape (draws, 2)
    out : out, shape (draws, groups)
    """
    cdef Source source = source_of(bit_generator, False)
    cdef Py_ssize_t i, j, groups = y.shape[0]
    cdef double mu, tau, tau2, shrinkage
    cdef double *row
    with nogil:
        for i in range(phi.shape[0]):
            mu, tau = phi[i, 0], exp(phi[i, 1])
            tau2 = tau * tau
            row = &out[i, 0]
            random_standard_normal_fill(source.bits, groups, row)
            for j in range(groups):
                shrinkage = var[j] / (var[j] + tau2)
                row[j] = y[j] + shrinkage * (mu - y[j]) + tau * sqrt(shrinkage) * row[j]
