"""The log posteriors of "Bayesian Computation with R" that are not a model of their own.

Each is a C function of (ndim, x, data) behind the interface of density.pyx, so that the samplers run
them without touching Python. The data of all of them have one form: a table, column after column,
and a few parameters or constants that do not change with x. Its Python face (learnbayes) checks the
data and fills the table.

The sums follow the formulas of the book (Albert 2009) with R's long double, but the pieces are
written so that they hold wherever x is finite: log(1 + exp(s)) and its kin never overflow, the
probability of a bin keeps its digits in the tails and in narrow bins, and outside a parameter's
range the density is 0.
"""
from libc.math cimport INFINITY, erfc, exp, fabs, log, log1p

from pyhier.kernels.density cimport LogDensity, density_t

import numpy as np

cdef double LOG_PI = 1.144729885849400174143427351353
cdef double LOG_SQRT_2PI = 0.918938533204672741780329736406
cdef double SQRT_HALF = 0.707106781186547524400844362105


cdef struct Table:
    Py_ssize_t rows
    Py_ssize_t columns
    const double *cells        # column after column
    const double *par


cdef inline double softplus(double s) noexcept nogil:
    """log(1 + exp(s))."""
    return (s if s > 0.0 else 0.0) + log1p(exp(-fabs(s)))


cdef inline double log_add(double s, double t) noexcept nogil:
    """log(exp(s) + exp(t)); either may be -inf."""
    return (s if s > t else t) + (log1p(exp(-fabs(s - t))) if s != t else 0.693147180559945309417)


cdef inline double binomial(double successes, double failures, double logit) noexcept nogil:
    """Log likelihood of a proportion by its logit, without the binomial coefficient."""
    cdef double rest = log1p(exp(-fabs(logit)))
    if logit > 0.0:
        return -successes * rest - failures * (rest + logit)
    return -successes * (rest - logit) - failures * rest


# --- Location and scale ---------------------------------------------------------------------------

cdef double cauchy(int ndim, double *x, void *data) noexcept nogil:
    """(M, log S), observations."""
    cdef Table *t = <Table *>data
    cdef double z, scale = exp(-x[1])
    cdef long double total = 0.0
    cdef Py_ssize_t i
    for i in range(t.rows):
        z = fabs(t.cells[i] - x[0]) * scale
        total -= log1p(z * z) if z < 1e100 else 2.0 * log(z)
    return <double>(total - t.rows * <long double>(LOG_PI + x[1]))


cdef double log_lower_tail(double z) noexcept nogil:
    """log Phi(z) for z < -30 (Abramowitz and Stegun 26.2.12)."""
    cdef double w = 1.0 / (z * z)
    cdef double series = -w * (1.0 - w * (3.0 - w * (15.0 - w * (105.0 - w * 945.0))))
    return -0.5 * z * z - log(-z) - LOG_SQRT_2PI + log1p(series)


cdef double log_bin(double low, double high) noexcept nogil:
    """log(Phi(high) - Phi(low))."""
    cdef double middle, width, bend
    if low > 0.0:
        low, high = -high, -low
    width = high - low
    if width <= 0.0:
        return -INFINITY
    middle = 0.5 * (low + high)
    if width < 1e-3 and fabs(middle * width) < 0.03:
        bend = middle * middle
        width *= width
        return -0.5 * bend - LOG_SQRT_2PI + 0.5 * log(width) + log1p(
            width / 24.0 * (bend - 1.0 + width / 80.0 * (bend * bend - 6.0 * bend + 3.0)))
    if high > -30.0:
        return log(0.5 * (erfc(-high * SQRT_HALF) - erfc(-low * SQRT_HALF)))
    return log_lower_tail(high) + (
        log1p(-exp(log_lower_tail(low) - log_lower_tail(high))) if low > -INFINITY else 0.0)


cdef double grouped(int ndim, double *x, void *data) noexcept nogil:
    """(M, log S); bins' lower ends, upper ends, frequencies."""
    cdef Table *t = <Table *>data
    cdef double scale = exp(-x[1])
    cdef long double total = 0.0
    cdef Py_ssize_t i
    for i in range(t.rows):
        if t.cells[2 * t.rows + i] > 0.0:
            total += t.cells[2 * t.rows + i] * log_bin(
                (t.cells[i] - x[0]) * scale, (t.cells[t.rows + i] - x[0]) * scale)
    return <double>total


cdef double normal_chi2(int ndim, double *x, void *data) noexcept nogil:
    """(M, S2); par: the size of the sample, its mean, its sum of squares about the mean."""
    cdef const double *p = (<Table *>data).par
    if not x[1] > 0.0:
        return -INFINITY
    return -0.5 * (p[2] + p[0] * (x[0] - p[1]) * (x[0] - p[1])) / x[1] - (0.5 * p[0] + 1.0) * log(x[1])


cdef double binormal(int ndim, double *x, void *data) noexcept nogil:
    """Kernel of the bivariate normal; par: means, sds, correlation."""
    cdef const double *p = (<Table *>data).par
    cdef double u = (x[0] - p[0]) / p[2], v = (x[1] - p[1]) / p[3]
    return -0.5 * (u * u - 2.0 * p[4] * u * v + v * v) / (1.0 - p[4] * p[4])


# --- Proportions ----------------------------------------------------------------------------------

cdef double howard(int ndim, double *x, void *data) noexcept nogil:
    """(p1, p2); par: alpha, beta, gamma, delta, sigma."""
    cdef const double *p = (<Table *>data).par
    cdef double difference
    if not (0.0 < x[0] < 1.0 and 0.0 < x[1] < 1.0):
        return -INFINITY
    difference = (log(x[0]) - log1p(-x[0]) - log(x[1]) + log1p(-x[1])) / p[4]
    return -0.5 * difference * difference + (p[0] - 1.0) * log(x[0]) + (p[1] - 1.0) * log1p(-x[0]) \
        + (p[2] - 1.0) * log(x[1]) + (p[3] - 1.0) * log1p(-x[1])


cdef double two_by_two(int ndim, double *x, void *data) noexcept nogil:
    """(difference, sum) of the logits; par: successes and failures of the samples."""
    cdef const double *p = (<Table *>data).par
    cdef double first = 0.5 * (x[0] + x[1]), second = 0.5 * (x[1] - x[0])
    return binomial(p[0], p[1], first) + binomial(p[2], p[3], second)


cdef double logistic(int ndim, double *x, void *data) noexcept nogil:
    """(beta0, beta1); covariate, failures, successes."""
    cdef Table *t = <Table *>data
    cdef long double total = 0.0
    cdef Py_ssize_t i
    for i in range(t.rows):
        total += binomial(t.cells[2 * t.rows + i], t.cells[t.rows + i], x[0] + x[1] * t.cells[i])
    return <double>total


cdef double bradley_terry(int ndim, double *x, void *data) noexcept nogil:
    """(talents, log sd of them); first team, second team (from 0), wins of each."""
    cdef Table *t = <Table *>data
    cdef double edge, z, scale = exp(-x[ndim - 1])
    cdef long double total = 0.0
    cdef Py_ssize_t i
    for i in range(t.rows):
        edge = x[<Py_ssize_t>t.cells[i]] - x[<Py_ssize_t>t.cells[t.rows + i]]
        total += binomial(t.cells[2 * t.rows + i], t.cells[3 * t.rows + i], edge)
    for i in range(ndim - 1):
        z = x[i] * scale
        total -= 0.5 * z * z + x[ndim - 1] + LOG_SQRT_2PI
    return <double>total


# --- A Poisson mean -------------------------------------------------------------------------------

cdef double poisson_gamma_mean(int ndim, double *x, void *data) noexcept nogil:
    """log mean; par: power and rate of the posterior's kernel, and its constant."""
    cdef const double *p = (<Table *>data).par
    return p[0] * x[0] - p[1] * exp(x[0]) + p[2]


cdef double poisson_normal_mean(int ndim, double *x, void *data) noexcept nogil:
    """log mean; par: sum and size of the sample, the prior's mean and sd, and a constant."""
    cdef const double *p = (<Table *>data).par
    cdef double z = (x[0] - p[2]) / p[3]
    return p[0] * x[0] - p[1] * exp(x[0]) - 0.5 * z * z + p[4]


cdef double poisson_gamma_prior(int ndim, double *x, void *data) noexcept nogil:
    """The prior of (log alpha, log mu) in poissgamexch, unscaled; par: log z0, a constant."""
    cdef const double *p = (<Table *>data).par
    return x[0] - 2.0 * log_add(x[0], p[0]) + p[1]


# --- Survival -------------------------------------------------------------------------------------

cdef double pareto(int ndim, double *x, void *data) noexcept nogil:
    """(log tau, log lambda, log p); survival, transplant, time to it, censored, and logs of times."""
    cdef Table *t = <Table *>data
    cdef const double *survival = t.cells
    cdef const double *transplant = t.cells + t.rows
    cdef const double *wait = t.cells + 2 * t.rows
    cdef const double *censored = t.cells + 3 * t.rows
    cdef double p = exp(x[2]), more   # log((lambda + time) / lambda)
    cdef double by_tau = exp(x[0] - x[1]), by_one = exp(-x[1])
    cdef bint plain = fabs(x[0]) < 300.0 and fabs(x[1]) < 300.0
    cdef long double total = x[0] + x[1] + x[2]
    cdef Py_ssize_t i
    for i in range(t.rows):
        if plain:
            more = log1p(survival[i] * by_one if transplant[i] == 0.0
                         else wait[i] * by_one + survival[i] * by_tau)
        elif transplant[i] == 0.0:
            more = softplus(t.cells[4 * t.rows + i] - x[1])
        else:
            more = softplus(log_add(x[0] + t.cells[4 * t.rows + i], t.cells[5 * t.rows + i]) - x[1])
        total -= p * more
        if censored[i] == 0.0:
            total += x[2] - x[1] - more + (x[0] if transplant[i] != 0.0 else 0.0)
    return <double>total


cdef double weibull(int ndim, double *x, void *data) noexcept nogil:
    """(log sigma, mu, beta); log survival, died, covariates."""
    cdef Table *t = <Table *>data
    cdef double z, scale = exp(-x[0])
    cdef long double total = 0.0
    cdef Py_ssize_t i, k
    for i in range(t.rows):
        z = t.cells[i] - x[1]
        for k in range(2, ndim):
            z -= x[k] * t.cells[k * t.rows + i]
        z *= scale
        if t.cells[t.rows + i] != 0.0:
            total += z - x[0]
        total -= exp(z)
    return <double>total


# --- The one object behind them -------------------------------------------------------------------

cdef density_t function_named(str name) except NULL:
    if name == "cauchyerrorpost":
        return cauchy
    if name == "groupeddatapost":
        return grouped
    if name == "normchi2post":
        return normal_chi2
    if name == "lbinorm":
        return binormal
    if name == "howardprior":
        return howard
    if name == "logctablepost":
        return two_by_two
    if name == "logisticpost":
        return logistic
    if name == "bradley_terry_post":
        return bradley_terry
    if name == "logpoissgamma":
        return poisson_gamma_mean
    if name == "logpoissnormal":
        return poisson_normal_mean
    if name == "poissgamexch prior":
        return poisson_gamma_prior
    if name == "transplantpost":
        return pareto
    if name == "weibullregpost":
        return weibull
    raise ValueError(f"no compiled log posterior is named {name!r}")


cdef class TablePosterior(LogDensity):
    """A log posterior by name, of ``ndim`` coordinates.

    ``table`` has shape (columns, rows), float64, contiguous; ``par`` is a vector.
    """
    cdef Table table
    cdef const double[:, ::1] cells
    cdef const double[::1] par

    def __init__(self, str name, int ndim, table=((),), par=()):
        self.cells = np.ascontiguousarray(table, dtype=np.float64)
        self.par = np.array([*par, 0.0], dtype=np.float64)
        self.ndim, self.compiled = ndim, True
        self.table.columns, self.table.rows = self.cells.shape[0], self.cells.shape[1]
        self.table.cells = &self.cells[0, 0] if self.cells.size else NULL
        self.table.par = &self.par[0]
        self.data = &self.table
        self.reference = self.fast = function_named(name)


# --- The beta-binomial model in other coordinates -------------------------------------------------

cdef struct Inner:
    density_t marginal         # of (logit eta, log K), without a prior
    void *marginal_data
    double log_k               # bfexch only: the fixed precision
    double constant


cdef double eta_and_k(int ndim, double *x, void *data) noexcept nogil:
    cdef Inner *inner = <Inner *>data
    cdef double[2] y
    if not (0.0 < x[0] < 1.0 and 0.0 < x[1] < INFINITY):
        return -INFINITY
    y[0], y[1] = log(x[0]) - log1p(-x[0]), log(x[1])
    return inner.marginal(2, &y[0], inner.marginal_data) \
        - log(x[0]) - log1p(-x[0]) - 2.0 * log1p(x[1])


cdef double logit_at_fixed_k(int ndim, double *x, void *data) noexcept nogil:
    cdef Inner *inner = <Inner *>data
    cdef double[2] y
    y[0], y[1] = x[0], inner.log_k
    return inner.marginal(2, &y[0], inner.marginal_data) \
        - softplus(x[0]) - softplus(-x[0]) + inner.constant


cdef class BetaBinomialCoordinates(LogDensity):
    """A beta-binomial marginal of (logit eta, log K) as a density of (eta, K), or at a fixed K.

    Without ``k`` it is betabinexch0, with the prior 1 / (eta (1 - eta) (1 + K)^2); with it bfexch's
    integrand, of logit eta alone, plus ``constant``.
    """
    cdef Inner inner

    def __init__(self, LogDensity marginal, k=None, double constant=0.0):
        self.part, self.failed = marginal, marginal.failed
        self.ndim, self.compiled = 2 if k is None else 1, True
        self.inner.marginal, self.inner.marginal_data = marginal.reference, marginal.data
        self.inner.constant = constant
        self.inner.log_k = 0.0 if k is None else log(<double>k)
        self.reference = self.fast = eta_and_k if k is None else logit_at_fixed_k
        self.data = &self.inner
