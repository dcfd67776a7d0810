"""Log densities of the models for counts with covariates, theta integrated out.

y_j ~ Binomial(n_j, theta_j), theta_j ~ Beta(eta_j K, (1 - eta_j) K), logit eta_j = x_j' beta; or
y_j ~ Poisson(e_j theta_j), theta_j ~ Gamma(alpha, rate alpha / mu_j), log mu_j = x_j' beta: the
negative binomial regression. The coordinates are (beta, log K) or (beta, log alpha), the prior of
beta is normal in some or all directions and that of K or alpha a function of its own.

Every different group (its counts and its row) is there once, with its own term
(count_regression.h), which holds wherever the coordinates are finite and cancels nowhere, however
large counts are.
"""
from libc.math cimport INFINITY, exp, log, log1p

from pyhier.kernels.density cimport LogDensity
from pyhier.kernels.gradients cimport (
    GradientDensity, Smooth, flag_of, normal_prior, smooth, with_slope,
)

import numpy as np

from pyhier.kernels.count_data import log_ratio
from pyhier.kernels.count_masses import factorial_rest


cdef extern from "count_regression.h" nogil:
    enum:
        BLOCK_OF_TERMS
    double times_sum(size_t size, const double *times, const double *value)
    void binomial_regression_terms(size_t groups, const double *u, const double *y, const double *f,
                                   const double *hat, const double *low, const double *constant,
                                   double log_size, double *out)
    void poisson_regression_terms(size_t groups, const double *u, const double *y,
                                  const double *log_exposure, const double *hat, const double *low,
                                  const double *constant, double log_alpha, double *out)
    void regression_slopes(int binomial, double u, double v, double y, double other, double hat,
                           double low, double constant, double *first, double *second)


cdef enum:
    VECTOR = 8
    LEAST_LOG = -640  # of a precision: what is made of a smaller one is not within the doubles


cdef struct RegressionData:
    bint binomial
    Py_ssize_t groups, p, known, padded  # groups with copies of the last, 0 times: whole vectors
    const double *x
    const double *y
    const double *other        # failures, or the log of the exposure
    const double *hat
    const double *low
    const double *constant
    const double *times
    const double *mean         # of beta's prior
    const double *root         # (known, p): root @ (beta - mean) is standard normal
    double prior_constant
    bint with_prior
    Smooth prior               # of K or alpha, at its log


cdef void predictors(const RegressionData *m, const double *beta, Py_ssize_t start, Py_ssize_t size,
                     double *out) noexcept nogil:
    cdef Py_ssize_t i, k
    cdef const double *row
    for i in range(size):
        row = m.x + (start + i) * m.p
        out[i] = 0.0
        for k in range(m.p):
            out[i] += row[k] * beta[k]


cdef double likelihood(const RegressionData *m, const double *point) noexcept nogil:
    cdef double[BLOCK_OF_TERMS] u, room
    cdef double total = 0.0, v = point[m.p]
    cdef Py_ssize_t i = 0, size
    while i < m.padded:
        size = min(<Py_ssize_t>BLOCK_OF_TERMS, m.padded - i)
        predictors(m, point, i, size, u)
        if m.binomial:
            binomial_regression_terms(size, u, m.y + i, m.other + i, m.hat + i, m.low + i,
                                      m.constant + i, v, room)
        else:
            poisson_regression_terms(size, u, m.y + i, m.other + i, m.hat + i, m.low + i,
                                     m.constant + i, v, room)
        total += times_sum(size, m.times + i, room)
        i += size
    return total


cdef double posterior(int ndim, double *point, void *data) noexcept nogil:
    cdef RegressionData *m = <RegressionData *>data
    cdef double value, z
    cdef Py_ssize_t i, k
    if point[m.p] < LEAST_LOG:
        return -INFINITY
    value = likelihood(m, point) + m.prior_constant
    for i in range(m.known):
        z = 0.0
        for k in range(m.p):
            z += m.root[i * m.p + k] * (point[k] - m.mean[k])
        value -= 0.5 * z * z
    if m.with_prior:
        value += point[m.p]
        if m.prior.value != NULL:
            value += m.prior.value(1, &point[m.p], m.prior.data)
    return value


cdef void add_slopes(const RegressionData *m, const double *point, double *gradient,
                     double *hessian) noexcept nogil:
    """Add the likelihood's derivatives; ``hessian``, (p + 1, p + 1), may be NULL."""
    cdef double[2] first
    cdef double[3] second
    cdef double u, part
    cdef Py_ssize_t i, j, k, p = m.p, d = m.p + 1
    cdef const double *row
    for i in range(m.groups):
        predictors(m, point, i, 1, &u)
        first[0] = first[1] = second[0] = second[1] = second[2] = 0.0
        regression_slopes(m.binomial, u, point[p], m.y[i], m.other[i], m.hat[i], m.low[i],
                          m.constant[i], first, second)
        row = m.x + i * p
        for k in range(p):
            gradient[k] += m.times[i] * first[0] * row[k]
        gradient[p] += m.times[i] * first[1]
        if hessian == NULL:
            continue
        for k in range(p):
            part = m.times[i] * second[0] * row[k]
            for j in range(p):
                hessian[k * d + j] += part * row[j]
            part = m.times[i] * second[1] * row[k]
            hessian[k * d + p] += part
            hessian[p * d + k] += part
        hessian[p * d + p] += m.times[i] * second[2]


cdef double with_gradient(int ndim, const double *point, double *gradient,
                          void *data) noexcept nogil:
    cdef RegressionData *m = <RegressionData *>data
    cdef double value
    cdef Py_ssize_t k
    for k in range(ndim):
        gradient[k] = 0.0
    if point[m.p] < LEAST_LOG:
        return -INFINITY
    value = likelihood(m, point) + m.prior_constant
    add_slopes(m, point, gradient, NULL)
    value += normal_prior(m.p, m.known, m.root, m.mean, point, gradient)
    if m.with_prior:
        value += point[m.p] + with_slope(&m.prior, point[m.p], &gradient[m.p])
        gradient[m.p] += 1.0
    return value


cdef class RegressionCounts:
    """Different groups of counts with rows of a design, and the prior of the coefficients.

    ``y`` are whole numbers, ``other`` failures or exposures, ``x`` has shape (groups, p), C-ordered;
    ``times`` says how often each group is there. ``mean``, (p,), and ``root``, (known, p), are of
    beta's prior and ``constant`` its log normalising constant.
    """
    cdef RegressionData model
    cdef tuple arrays
    cdef readonly int ndim

    def __init__(self, family, y, other, const double[:, ::1] x, times, const double[::1] mean,
                 const double[:, ::1] root, double constant):
        cdef const double[::1] a, b, hat, low, rest, often
        cdef const double[:, ::1] rows
        cdef RegressionData *m = &self.model
        m.binomial = family == "beta-binomial"
        hats, lows = log_ratio(y, other)
        kept = other
        if m.binomial:
            rests = factorial_rest(y) + factorial_rest(other) - factorial_rest(y + other)
        else:
            rests, kept = factorial_rest(y), np.log(kept)
        m.groups, m.p, m.known = len(y), x.shape[1], root.shape[0]
        at = np.minimum(np.arange((m.groups + VECTOR - 1) // VECTOR * VECTOR), m.groups - 1)
        often = np.where(np.arange(at.size) < m.groups, np.asarray(times, np.float64)[at], 0.0)
        a, b, hat, low, rest = (
            np.asarray(part, dtype=np.float64)[at] for part in (y, kept, hats, lows, rests)
        )
        rows = np.ascontiguousarray(np.asarray(x)[at])
        self.arrays = (a, b, hat, low, rest, often, rows, mean, root)
        self.ndim, m.padded = <int>m.p + 1, at.size
        if m.groups:
            m.x, m.y, m.other, m.hat, m.low = &rows[0, 0], &a[0], &b[0], &hat[0], &low[0]
            m.constant, m.times = &rest[0], &often[0]
        m.mean, m.root = &mean[0], &root[0, 0] if root.shape[0] else NULL
        m.prior_constant, m.with_prior = constant, False

    def derivatives(self, point):
        """Gradient (p + 1,) and Hessian of the log likelihood."""
        cdef const double[::1] x = np.array(point, dtype=np.float64)
        if x.shape[0] != self.ndim:
            raise ValueError(f"x has {x.shape[0]} coordinates: this density takes {self.ndim}")
        gradient, hessian = np.zeros(self.ndim), np.zeros((self.ndim, self.ndim))
        cdef double[::1] g = gradient
        cdef double[:, ::1] h = hessian
        with nogil:
            add_slopes(&self.model, &x[0], &g[0], &h[0, 0])
        return gradient, hessian


cdef class CountRegressionMarginal(LogDensity):
    """The log marginal posterior of (beta, log K) or (beta, log alpha), with all constants.

    ``prior`` is a log density of K or alpha at its log, None a flat one; without ``with_prior`` it
    is the likelihood alone.
    """
    cdef RegressionData model
    cdef RegressionCounts counts

    def __init__(self, RegressionCounts counts, LogDensity prior=None, bint with_prior=True):
        self.counts, self.model, self.ndim = counts, counts.model, counts.ndim
        self.model.prior, self.model.with_prior = smooth(prior), with_prior
        if not with_prior:
            self.model.known, self.model.prior_constant = 0, 0.0
        self.compiled, self.part = prior is None or prior.compiled, prior
        if prior is not None:
            self.failed = prior.failed
        self.reference = self.fast = posterior
        self.data = &self.model


cdef class CountRegressionGradient(GradientDensity):
    """The same with its gradient."""
    cdef RegressionData model
    cdef RegressionCounts counts

    def __init__(self, RegressionCounts counts, prior=None):
        self.counts, self.model, self.ndim = counts, counts.model, counts.ndim
        self.model.prior, self.model.with_prior = smooth(prior), True
        self.compiled, self.part = prior is None or prior.compiled, prior
        self.failed = flag_of(prior, &self.own_failed)
        self.function, self.data = with_gradient, &self.model


# --- The prior of a precision ---------------------------------------------------------------------

cdef double precision(int ndim, double *x, void *data) noexcept nogil:
    cdef double scale = (<double *>data)[0], away = x[0] - scale
    return -scale - 2.0 * (log1p(exp(-away)) + away if away > 0.0 else log1p(exp(away)))


cdef double precision_slope(int ndim, double *x, void *data) noexcept nogil:
    return -2.0 / (1.0 + exp((<double *>data)[0] - x[0]))


cdef class PrecisionPrior(LogDensity):
    """Log of p(K) = z0 / (K + z0)^2 at log K: LearnBayes' prior of K, and of alpha."""
    cdef double log_scale

    def __init__(self, double z0=1.0):
        self.log_scale, self.ndim, self.compiled = log(z0), 1, True
        self.reference = self.fast = precision
        self.slope, self.data = precision_slope, &self.log_scale
