"""The normal model at many values of tau at once, and draws from its exact posterior.

Given tau, mu is normal with precision sum_j 1 / (var_j + tau^2) and theta_j, theta_new are normal
too (Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.4). So every posterior marginal is a
mixture of normals over the nodes of a quadrature in log tau. ``sums`` makes the nodes' sums: blocks
of groups stay in cache while all nodes pass over them, and the squares are taken about each node's
own mean, so that nothing cancels; sums of parts of the groups add up, and ``finish`` brings in the
prior of mu and the constants. ``draw_phi`` and ``draw_theta`` are ancestral draws: log
tau by inversion of its distribution function, then mu, then theta.
"""
from libc.math cimport exp, fabs, log, log1p, sqrt

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


cdef inline double lost(double a, double b, double total) noexcept nogil:
    """What rounding took from the sum of two numbers (Knuth's two-sum)."""
    cdef double part = total - a
    return (a - (total - part)) + (b - part)


def sums(const double[:, ::1] y, const double[:, ::1] var, const double[::1] centre,
         const double[:, ::1] log_tau, const double[::1] low, const double[::1] high):
    """Sums over the groups of every data set at its log tau; theirs add up (`merge`).

    Parameters
    ----------
    y, var : in, shape (data sets, groups)
    centre : in, shape (data sets,): a number near the y, subtracted before they are averaged
    log_tau : in, shape (data sets, nodes)
    low, high : in, shape (data sets,): the tau^2 between which products of variances stay within a
        double

    Returns
    -------
    ndarray, shape (data sets, 5, nodes)
        Sum of logs of var + tau^2; sum of weights 1 / (var + tau^2); the weighted mean of y;
        weighted squares about it; what rounding took from that mean, which counts beside a prior of
        mu far narrower than mu is from 0.
    """
    cdef Py_ssize_t sets = y.shape[0], n = log_tau.shape[1], groups = y.shape[1], i, d, block
    cdef Py_ssize_t blocks = (groups + BLOCK - 1) // BLOCK, start, size
    table = np.zeros((sets, 5, n))
    cdef double[:, :, ::1] out = table
    cdef double[::1] tau2 = np.empty(n)
    cdef double a, b, away
    with nogil:
        for d in range(sets):
            for i in range(n):
                tau2[i] = exp(2.0 * log_tau[d, i])
            for block in range(blocks):
                start = block * BLOCK
                size = min(BLOCK, groups - start)
                for i in range(n):
                    if low[d] <= tau2[i] <= high[d]:
                        weight_sums(size, &y[d, start], &var[d, start], centre[d], tau2[i], &a, &b)
                    else:
                        plain_weight_sums(size, &y[d, start], &var[d, start], centre[d], tau2[i],
                                          &a, &b)
                    out[d, 1, i] += a
                    out[d, 2, i] += b
            for i in range(n):
                away = out[d, 2, i] / out[d, 1, i]
                out[d, 2, i] = centre[d] + away
                out[d, 4, i] = lost(centre[d], away, out[d, 2, i])
            for block in range(blocks):
                start = block * BLOCK
                size = min(BLOCK, groups - start)
                for i in range(n):
                    if low[d] <= tau2[i] <= high[d]:
                        group_sums(size, &y[d, start], &var[d, start], out[d, 2, i], tau2[i],
                                   &a, &b)
                    else:
                        plain_sums(size, &y[d, start], &var[d, start], out[d, 2, i], tau2[i],
                                   &a, &b)
                    out[d, 0, i] += a
                    out[d, 3, i] += b
    return table


def merge(const double[:, :, ::1] first, const double[:, :, ::1] second):
    """Sums over the groups of both, of ``sums``' shape (Chan, Golub and LeVeque 1983)."""
    cdef Py_ssize_t d, i
    table = np.empty((first.shape[0], 5, first.shape[2]))
    cdef double[:, :, ::1] out = table
    cdef double total, share, apart, away
    with nogil:
        for d in range(first.shape[0]):
            for i in range(first.shape[2]):
                total = first[d, 1, i] + second[d, 1, i]
                share = second[d, 1, i] / total
                apart = (second[d, 2, i] - first[d, 2, i]) + (second[d, 4, i] - first[d, 4, i])
                away = first[d, 4, i] + share * apart
                out[d, 0, i] = first[d, 0, i] + second[d, 0, i]
                out[d, 1, i] = total
                out[d, 2, i] = first[d, 2, i] + away
                out[d, 3, i] = first[d, 3, i] + second[d, 3, i] \
                    + first[d, 1, i] * share * apart * apart
                out[d, 4, i] = lost(first[d, 2, i], away, out[d, 2, i])
    return table


def finish(const double[:, :, ::1] sums, const double[:, ::1] log_tau, Py_ssize_t groups,
           double prior_mean, double prior_precision, double kappa):
    """Integrate mu out of sums over all groups.

    Parameters
    ----------
    sums : in, shape (data sets, 5, nodes)
    log_tau : in, shape (data sets, nodes)
    groups : how many groups were summed over
    prior_mean, prior_precision, kappa : mu's normal prior
        Its precision is the one given (0: flat) or, with ``kappa`` above 0, kappa / tau^2.

    Returns
    -------
    ndarray, shape (data sets, 3, nodes)
        Log of the likelihood of log tau, mu integrated over its prior, with all constants and the
        Jacobian, tau's prior left out; mean and variance of mu | tau.
    """
    cdef Py_ssize_t d, i
    table = np.empty((sums.shape[0], 3, sums.shape[2]))
    cdef double[:, :, ::1] out = table
    cdef double precision, share, away, squares, value
    cdef double constant = -0.5 * (groups - 1) * LOG_2PI
    with nogil:
        for d in range(sums.shape[0]):
            for i in range(sums.shape[2]):
                precision = kappa * exp(-2.0 * log_tau[d, i]) if kappa > 0.0 else prior_precision
                squares = sums[d, 3, i]
                out[d, 1, i] = sums[d, 2, i]
                if precision > 0.0:  # perhaps inf
                    share = 1.0 / (1.0 + sums[d, 1, i] / precision)
                    away = (prior_mean - sums[d, 2, i]) - sums[d, 4, i]
                    if share > 0.5:  # from the nearer end: a sd may be tiny beside their distance
                        out[d, 1, i] = prior_mean - share * (sums[d, 1, i] / precision) * away
                    else:
                        out[d, 1, i] += share * away
                    squares += sums[d, 1, i] * share * away * away
                    value = log1p(sums[d, 1, i] / precision) + LOG_2PI
                    out[d, 2, i] = share / precision
                else:
                    value = log(sums[d, 1, i])
                    out[d, 2, i] = 1.0 / sums[d, 1, i]
                out[d, 0, i] = constant + log_tau[d, i] - 0.5 * (sums[d, 0, i] + squares + value)
    return table


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
                noise[i, j] = var[i] * (tau2[j] * reciprocal)  # the slope may leave the doubles
    return table


# --- Ancestral draws ------------------------------------------------------------------------------

cdef inline double hermite(double t, double h, double a, double b, double da,
                           double db) noexcept nogil:
    """The cubic with values a, b and slopes da, db at the ends of a cell of width h."""
    cdef double rise = b - a
    return a + t * (h * da + t * (3.0 * rise - h * (2.0 * da + db) + t * (h * (da + db) - 2.0 * rise)))


def draw_phi(object bit_generator, bint as_r, const double[::1] knots, const double[:, ::1] table,
             const Py_ssize_t[::1] guide, double[:, ::1] out):
    """Independent draws of (beta, log tau), beta being the p linear coefficients: mu, with p = 1.

    Parameters
    ----------
    knots : in, shape (knots,)
        Log tau at the ends of cells.
    table : in, shape (knots, 2 + 2 p + p (p + 1))
        There: distribution function and density of log tau; the mean of every coefficient and its
        slope; the rows of the upper triangle F, F F' being their covariance, and their slopes.
    guide : in, shape (steps + 1,)
        For every multiple of 1 / steps the last knot whose distribution function is not above it.
    out : out, shape (draws, p + 1)
    """
    cdef Source source = source_of(bit_generator, as_r)
    cdef Py_ssize_t i, low, high, middle, steps = guide.shape[0] - 1, last = knots.shape[0] - 1
    cdef Py_ssize_t p = out.shape[1] - 1, row, column, at
    cdef double u, t, h, rise, error, slope, value
    cdef double[::1] z = np.empty(p)
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
            out[i, p] = knots[low] + t * h
            for row in range(p):
                z[row] = standard_normal(&source)
            at = 2 + 2 * p
            for row in range(p):
                value = hermite(t, h, table[low, 2 + 2 * row], table[high, 2 + 2 * row],
                                table[low, 3 + 2 * row], table[high, 3 + 2 * row])
                for column in range(row, p):
                    value += z[column] * hermite(t, h, table[low, at], table[high, at],
                                                 table[low, at + 1], table[high, at + 1])
                    at += 2
                out[i, row] = value


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
    cdef double mu, tau, tau2, total, shrinkage
    cdef double *row
    with nogil:
        for i in range(phi.shape[0]):
            mu, tau = phi[i, 0], exp(phi[i, 1])
            tau2 = tau * tau
            row = &out[i, 0]
            random_standard_normal_fill(source.bits, groups, row)
            for j in range(groups):
                total = var[j] + tau2
                shrinkage = var[j] / total
                # The two parts apart: at tau = 0 all are mu, to the last bit.
                row[j] = tau * sqrt(shrinkage) * row[j] + shrinkage * mu + tau2 / total * y[j]
