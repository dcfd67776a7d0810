"""The Gibbs samplers of "Bayesian Computation with R" (Albert 2009), without the GIL.

Each draws its full conditionals in LearnBayes' order, one variate after the other, so that an R
stream gives LearnBayes' draws; with NumPy's generators the same loops use NumPy's normals and gammas.
Small linear systems are solved by elimination with partial pivoting, as LAPACK does, and inverses
are taken where R takes them: the draws then agree with R's to rounding.

The callers hold the bit generator's lock and have validated the arguments. Ctrl-C ends a loop: it is
looked for every hundred thousand steps or so.
"""
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY, fabs, sqrt

from numpy.random.c_distributions cimport random_standard_gamma, random_standard_uniform

from pyhier.kernels.random cimport (
    Source, pnorm, qnorm, r_uniform, source_of, standard_normal,
)
from pyhier.kernels.streams cimport GammaShape, gamma_variate, prepare_gamma

import numpy as np


cdef inline Py_ssize_t cycles_between_checks(Py_ssize_t steps) noexcept nogil:
    """How many cycles of so many steps go by between two looks for Ctrl-C."""
    return 1 + 100_000 // (steps + 1)


cdef inline double uniform(Source *source) noexcept nogil:
    return r_uniform(source.bits) if source.as_r else random_standard_uniform(source.bits)


cdef inline double gamma(Source *source, const GammaShape *g, double scale) noexcept nogil:
    if source.as_r:
        return gamma_variate(source.bits, g, scale)
    return scale * random_standard_gamma(source.bits, g.shape)


cdef inline double quantile(double p) noexcept nogil:
    if 0.0 < p < 1.0:
        return qnorm(p)
    return -INFINITY if p <= 0.0 else INFINITY


cdef void invert(int p, double *a, double *inverse) noexcept nogil:
    """Invert a symmetric positive definite matrix by LU with partial pivoting; ``a`` is used up."""
    cdef int i, j, k, pivot
    cdef double factor, swap
    for i in range(p):
        for j in range(p):
            inverse[i * p + j] = 1.0 if i == j else 0.0
    for k in range(p):
        pivot = k
        for i in range(k + 1, p):
            if fabs(a[i * p + k]) > fabs(a[pivot * p + k]):
                pivot = i
        if pivot != k:
            for j in range(p):
                swap = a[k * p + j]
                a[k * p + j] = a[pivot * p + j]
                a[pivot * p + j] = swap
                swap = inverse[k * p + j]
                inverse[k * p + j] = inverse[pivot * p + j]
                inverse[pivot * p + j] = swap
        for i in range(k + 1, p):
            factor = a[i * p + k] * (1.0 / a[k * p + k])
            for j in range(k + 1, p):
                a[i * p + j] -= factor * a[k * p + j]
            for j in range(p):
                inverse[i * p + j] -= factor * inverse[k * p + j]
    for j in range(p):
        for k in range(p - 1, -1, -1):
            inverse[k * p + j] /= a[k * p + k]
            for i in range(k):
                inverse[i * p + j] -= a[i * p + k] * inverse[k * p + j]


cdef void factor_upper(int p, const double *a, double *upper) noexcept nogil:
    """The upper Cholesky factor of a covariance matrix."""
    cdef int i, j, k
    cdef double total
    for j in range(p):
        for i in range(j + 1):
            total = a[i * p + j]
            for k in range(i):
                total -= upper[k * p + i] * upper[k * p + j]
            upper[i * p + j] = sqrt(total) if i == j else total / upper[i * p + i]


cdef inline void add_normal(Source *source, int p, const double *upper, double *z,
                            double *out) noexcept nogil:
    """Add t(upper) z to ``out``; all of z is drawn first."""
    cdef int i, k
    cdef double total
    for i in range(p):
        z[i] = standard_normal(source)
    for i in range(p):
        total = 0.0
        for k in range(i + 1):
            total += upper[k * p + i] * z[k]
        out[i] += total


def hierarchical_regression(object bit_generator, bint as_r, const double[::1] y,
                            const double[::1] precision, const double[:, ::1] x,
                            const double[::1] prior_mean, const double[:, ::1] prior_precision,
                            double extra, double df, double start, double[:, ::1] beta,
                            double[:, ::1] mu, double[::1] var):
    """Cell means about a regression: beta, the variance about it, then the means.

    y_i ~ N(mu_i, 1 / precision_i), mu_i ~ N(x_i beta, var), beta ~ N(prior), and
    ``extra`` / var ~ chi-squared with ``df`` degrees of freedom.
    """
    cdef Source source = source_of(bit_generator, as_r)
    cdef int p = x.shape[1], i, j
    cdef Py_ssize_t k = y.shape[0], row, t
    cdef double[:, ::1] cross = np.asarray(x).T @ np.asarray(x)
    cdef double[::1] shift = np.asarray(prior_precision) @ np.asarray(prior_mean)
    cdef double[:, ::1] work = np.empty((p, p)), inverse = np.empty((p, p))
    cdef double[:, ::1] upper = np.zeros((p, p))
    cdef double[::1] right = np.empty(p), z = np.empty(p), fitted = np.empty(k)
    cdef double[::1] current = np.array(y)
    cdef double v = start, total, weight, noise
    cdef GammaShape g
    prepare_gamma(&g, 0.5 * (df + k))
    cdef Py_ssize_t every = cycles_between_checks(k * p)
    with nogil:
        for t in range(var.shape[0]):
            if t % every == 0:
                with gil:
                    PyErr_CheckSignals()
            for i in range(p):
                total = 0.0
                for row in range(k):
                    total += x[row, i] * current[row]
                right[i] = total / v + shift[i]
                for j in range(p):
                    work[i, j] = cross[i, j] / v + prior_precision[i, j]
            invert(p, &work[0, 0], &inverse[0, 0])
            factor_upper(p, &inverse[0, 0], &upper[0, 0])
            for i in range(p):
                total = 0.0
                for j in range(p):
                    total += inverse[i, j] * right[j]
                beta[t, i] = total
            add_normal(&source, p, &upper[0, 0], &z[0], &beta[t, 0])
            total = extra
            for row in range(k):
                noise = 0.0
                for i in range(p):
                    noise += x[row, i] * beta[t, i]
                fitted[row] = noise
                noise = current[row] - noise
                total += noise * noise
            v = total / gamma(&source, &g, 2.0)
            for row in range(k):
                weight = precision[row] + 1.0 / v
                current[row] = (y[row] * precision[row] + fitted[row] / v) / weight \
                    + sqrt(1.0 / weight) * standard_normal(&source)
                mu[t, row] = current[row]
            var[t] = v


def ordered_means(object bit_generator, bint as_r, const double[:, ::1] y,
                  const double[:, ::1] sd, double[:, ::1] state, double[:, ::1] out):
    """Means of a table that rise along both margins, cell by cell along the rows.

    Each is normal between its neighbours, by the inverse distribution function of one uniform
    number. A row of ``out`` is the table, column after column.
    """
    cdef Source source = source_of(bit_generator, as_r)
    cdef Py_ssize_t rows = y.shape[0], columns = y.shape[1], i, j, t
    cdef double low, high, below, above
    cdef Py_ssize_t every = cycles_between_checks(rows * columns)
    with nogil:
        for t in range(out.shape[0]):
            if t % every == 0:
                with gil:
                    PyErr_CheckSignals()
            for i in range(rows):
                for j in range(columns):
                    low, high = -INFINITY, INFINITY
                    if i > 0:
                        low = state[i - 1, j]
                    if j > 0 and state[i, j - 1] > low:
                        low = state[i, j - 1]
                    if i < rows - 1:
                        high = state[i + 1, j]
                    if j < columns - 1 and state[i, j + 1] < high:
                        high = state[i, j + 1]
                    below = pnorm((low - y[i, j]) / sd[i, j])
                    above = pnorm((high - y[i, j]) / sd[i, j])
                    state[i, j] = y[i, j] + sd[i, j] * quantile(
                        below + uniform(&source) * (above - below))
                    out[t, j * rows + i] = state[i, j]


def robust_location(object bit_generator, bint as_r, const double[::1] y, double df, double mean,
                    double variance, double[::1] mu, double[::1] s2, double[:, ::1] lam):
    """A t sample as a scale mixture of normals: the weights, then mu, then sigma^2."""
    cdef Source source = source_of(bit_generator, as_r)
    cdef Py_ssize_t n = y.shape[0], i, t
    cdef GammaShape each, whole
    cdef long double weight, weighted, squares
    cdef double centre = mean, scale = variance
    prepare_gamma(&each, (df + 1.0) / 2.0)
    prepare_gamma(&whole, n / 2.0)
    cdef Py_ssize_t every = cycles_between_checks(n)
    with nogil:
        for t in range(mu.shape[0]):
            if t % every == 0:
                with gil:
                    PyErr_CheckSignals()
            weight = weighted = squares = 0.0
            for i in range(n):
                lam[t, i] = gamma(&source, &each, 1.0 / (
                    df / 2.0 + (y[i] - centre) * (y[i] - centre) / 2.0 / scale))
                weight += lam[t, i]
                weighted += y[i] * lam[t, i]
            centre = <double>weighted / <double>weight \
                + sqrt(scale / <double>weight) * standard_normal(&source)
            for i in range(n):
                squares += lam[t, i] * ((y[i] - centre) * (y[i] - centre))
            scale = 1.0 / gamma(&source, &whole, 1.0 / (<double>squares / 2.0))
            mu[t], s2[t] = centre, scale


def normal_sample(object bit_generator, bint as_r, const double[::1] y, double prior_mean,
                  double prior_variance, double a, double b, double start, double[::1] mu,
                  double[::1] sigma2):
    """A normal sample with independent priors of its mean and variance: mu, then sigma^2."""
    cdef Source source = source_of(bit_generator, as_r)
    cdef Py_ssize_t n = y.shape[0], i, t
    cdef long double total = 0.0
    cdef double mean, weight, centre, v = start
    cdef GammaShape g
    prepare_gamma(&g, a + n / 2.0)
    cdef Py_ssize_t every = cycles_between_checks(n)
    with nogil:
        for i in range(n):
            total += y[i]
        mean = <double>(total / n)
        total = 0.0
        for i in range(n):  # R's mean is refined once
            total += y[i] - mean
        mean += <double>(total / n)
        for t in range(mu.shape[0]):
            if t % every == 0:
                with gil:
                    PyErr_CheckSignals()
            weight = n / v + 1.0 / prior_variance
            centre = (mean * n / v + prior_mean / prior_variance) / weight \
                + sqrt(1.0 / weight) * standard_normal(&source)
            total = 0.0
            for i in range(n):
                total += (y[i] - centre) * (y[i] - centre)
            v = 1.0 / gamma(&source, &g, 1.0 / (b + <double>total / 2.0))
            mu[t], sigma2[t] = centre, v


def probit(object bit_generator, bint as_r, const double[::1] y, const double[:, ::1] x,
           const double[::1] shift, const double[:, ::1] covariance,
           const double[:, ::1] upper, const double[::1] start, double[:, ::1] mean,
           double[:, ::1] beta):
    """Albert and Chib's data augmentation: latent normals, then the coefficients.

    ``shift`` is the prior's precision times its mean, ``covariance`` that of the coefficients
    given the latent data, ``upper`` its Cholesky factor. ``mean`` is given the conditional means.
    """
    cdef Source source = source_of(bit_generator, as_r)
    cdef Py_ssize_t n = y.shape[0], row, t
    cdef int p = x.shape[1], i, j
    cdef double[::1] current = np.array(start), right = np.empty(p), z = np.empty(p)
    cdef double fitted, below, latent, total
    cdef Py_ssize_t every = cycles_between_checks(n * p)
    with nogil:
        for t in range(beta.shape[0]):
            if t % every == 0:
                with gil:
                    PyErr_CheckSignals()
            for i in range(p):
                right[i] = shift[i]
            for row in range(n):
                fitted = 0.0
                for i in range(p):
                    fitted += x[row, i] * current[i]
                below = pnorm(-fitted)
                latent = fitted + quantile(
                    (below * (1.0 - y[row]) + (1.0 - below) * y[row]) * uniform(&source)
                    + below * y[row])
                for i in range(p):
                    right[i] += x[row, i] * latent
            for i in range(p):
                total = 0.0
                for j in range(p):
                    total += covariance[i, j] * right[j]
                mean[t, i] = total
                beta[t, i] = total
            add_normal(&source, p, &upper[0, 0], &z[0], &beta[t, 0])
            for i in range(p):
                current[i] = beta[t, i]
