"""Where R's formulas for LearnBayes' log posteriors are not a number.

Our densities hold wherever x is finite; R's own are NaN where exp() overflows, where 0 meets the
logarithm of 0, or outside a parameter's range. LearnBayes' samplers refuse such a proposal without
drawing the uniform number that any other proposal takes, so a chain that is to have R's draws must
know these places (sampler.pyx asks). Each predicate writes the textbook formula in plain doubles and
says whether it comes out as NaN; the comments say what was seen of R from outside, by its values far
beyond every support (tests/against_r). First it leaves, at little cost, where no term can overflow.
"""
from libc.math cimport INFINITY, NAN, exp, fabs, isfinite, isnan, lgamma, log, sqrt

from pyhier.kernels.density cimport LogDensity, undefined_t
from pyhier.kernels.random cimport pnorm

import numpy as np

cdef double LARGEST_LGAMMA = 2.5327372760800758e305  # beyond it R's lgamma is infinite
cdef double LOG_LARGEST = 709.782712893384
cdef double LOG_SMALLEST = -745.1332191019412


cdef struct Rows:
    Py_ssize_t rows
    const double *cells        # column after column
    const double *par


cdef inline double lgamma_kind(double a) noexcept nogil:
    """R's lgamma as far as it matters: 0 for any number, or infinite, or NaN."""
    if isnan(a):
        return NAN
    return INFINITY if a <= 0.0 or a > LARGEST_LGAMMA else 0.0


cdef inline double lbeta_kind(double a, double b) noexcept nogil:
    """R's lbeta likewise."""
    cdef double p = a if a < b else b, q = b if a < b else a
    if isnan(a) or isnan(b) or p < 0.0:
        return NAN
    return INFINITY if p == 0.0 else (-INFINITY if q == INFINITY else 0.0)


cdef inline bint within(const double *x, int ndim, double limit) noexcept nogil:
    cdef int i
    for i in range(ndim):
        if not fabs(x[i]) < limit:
            return False
    return True


# --- Exchangeable groups --------------------------------------------------------------------------

cdef bint normal(int ndim, const double *x, void *data) noexcept nogil:
    """normnormexch: estimates, variances. A standard deviation of 0 or infinity is dnorm's."""
    cdef Rows *t = <Rows *>data
    cdef double tau = exp(x[1]), sd, z, total = log(tau)
    cdef Py_ssize_t j
    if fabs(x[1]) < 300.0 and fabs(x[0]) < 1e100:
        return False
    for j in range(t.rows):
        sd = sqrt(t.cells[t.rows + j] + tau * tau)
        z = (t.cells[j] - x[0]) / sd
        if sd == INFINITY:
            total -= INFINITY
        elif sd == 0.0:
            total += INFINITY if t.cells[j] == x[0] else -INFINITY
        else:
            total += -0.5 * z * z - log(sd)
    return isnan(total)


cdef double beta_binomial_sum(Rows *t, double eta, double k) noexcept nogil:
    cdef double y, n, total = 0.0, a = k * eta, b = k * (1.0 - eta)
    cdef double prior = lbeta_kind(a, b)
    cdef Py_ssize_t j
    for j in range(t.rows):
        y, n = t.cells[j], t.cells[t.rows + j]
        total += lbeta_kind(a + y, b + n - y) - prior
    return total


cdef bint beta_binomial(int ndim, const double *x, void *data) noexcept nogil:
    """betabinexch: successes, trials."""
    cdef double k = exp(x[1])
    if fabs(x[0]) < 36.0 and fabs(x[1]) < 600.0:
        return False
    return isnan(beta_binomial_sum(<Rows *>data, exp(x[0]) / (1.0 + exp(x[0])), k)
                 + x[1] - 2.0 * log(1.0 + k))


cdef bint beta_binomial_plain(int ndim, const double *x, void *data) noexcept nogil:
    """betabinexch0."""
    if 1e-100 < x[0] < 1.0 and 1e-100 < x[1] < 1e100:
        return False
    return isnan(beta_binomial_sum(<Rows *>data, x[0], x[1])
                 - 2.0 * log(1.0 + x[1]) - log(x[0]) - log(1.0 - x[0]))


cdef bint beta_binomial_fixed(int ndim, const double *x, void *data) noexcept nogil:
    """bfexch; par: K."""
    cdef double eta = exp(x[0]) / (1.0 + exp(x[0]))
    if fabs(x[0]) < 36.0:
        return False
    return isnan(beta_binomial_sum(<Rows *>data, eta, (<Rows *>data).par[0])
                 + log(eta * (1.0 - eta)))


cdef bint poisson_gamma(int ndim, const double *x, void *data) noexcept nogil:
    """poissgamexch: exposures, counts; par: z0."""
    cdef Rows *t = <Rows *>data
    cdef double alpha = exp(x[0]), mu = exp(x[1])
    cdef double beta = alpha / mu, total = x[0] - 2.0 * log(alpha + t.par[0]), y, e
    cdef double prior = alpha * log(beta) - lgamma_kind(alpha)
    cdef Py_ssize_t j
    if fabs(x[0]) < 300.0 and fabs(x[1]) < 300.0:
        return False
    for j in range(t.rows):
        e, y = t.cells[j], t.cells[t.rows + j]
        total += prior + lgamma_kind(y + alpha) - (y + alpha) * log(e + beta)
    return isnan(total)


# --- Location and scale ---------------------------------------------------------------------------

cdef bint cauchy(int ndim, const double *x, void *data) noexcept nogil:
    """cauchyerrorpost: observations."""
    cdef Rows *t = <Rows *>data
    cdef double scale = exp(x[1]), z, total = 0.0
    cdef Py_ssize_t i
    if fabs(x[1]) < 300.0 and fabs(x[0]) < 1e300:
        return False
    for i in range(t.rows):
        z = (t.cells[i] - x[0]) / scale
        total -= log(1.0 + z * z) + log(scale)
    return isnan(total)


cdef inline double share_below(double end, double mean, double sd) noexcept nogil:
    cdef double z = (end - mean) / sd
    return pnorm(z) if isfinite(z) else (0.0 if end < mean else 1.0)


cdef bint grouped(int ndim, const double *x, void *data) noexcept nogil:
    """groupeddatapost: lower ends, upper ends, frequencies. 0 times the log of an empty bin."""
    cdef Rows *t = <Rows *>data
    cdef double sd = exp(x[1])
    cdef Py_ssize_t i
    for i in range(t.rows):
        if t.cells[2 * t.rows + i] == 0.0 and share_below(t.cells[t.rows + i], x[0], sd) \
                == share_below(t.cells[i], x[0], sd):
            return True
    return False


cdef bint normal_chi2(int ndim, const double *x, void *data) noexcept nogil:
    """normchi2post: observations."""
    cdef Rows *t = <Rows *>data
    cdef double total = -log(x[1]), deviation
    cdef Py_ssize_t i
    if 1e-100 < x[1] < 1e300 and fabs(x[0]) < 1e100:
        return False
    for i in range(t.rows):
        deviation = t.cells[i] - x[0]
        total += -0.5 * (deviation * deviation) / x[1] - 0.5 * log(x[1])
    return isnan(total)


cdef bint binormal(int ndim, const double *x, void *data) noexcept nogil:
    """lbinorm; par: means, sds, correlation."""
    cdef const double *p = (<Rows *>data).par
    cdef double u = (x[0] - p[0]) / p[2], v = (x[1] - p[1]) / p[3]
    return isnan(u * u - 2.0 * p[4] * u * v + v * v)


# --- Proportions ----------------------------------------------------------------------------------

cdef bint howard(int ndim, const double *x, void *data) noexcept nogil:
    """howardprior; par: alpha, beta, gamma, delta, sigma."""
    cdef const double *p = (<Rows *>data).par
    cdef double u
    if 1e-100 < x[0] < 1.0 and 1e-100 < x[1] < 1.0:
        return False
    u = log(x[0] / (1.0 - x[0]) * (1.0 - x[1]) / x[1]) / p[4]
    return isnan(-0.5 * u * u + (p[0] - 1.0) * log(x[0]) + (p[1] - 1.0) * log(1.0 - x[0])
                 + (p[2] - 1.0) * log(x[1]) + (p[3] - 1.0) * log(1.0 - x[1]))


cdef bint two_by_two(int ndim, const double *x, void *data) noexcept nogil:
    """logctablepost; par: successes and failures of the samples."""
    cdef const double *p = (<Rows *>data).par
    cdef double a = 0.5 * (x[0] + x[1]), b = 0.5 * (x[1] - x[0])
    if fabs(a) < 700.0 and fabs(b) < 700.0:
        return False
    return isnan(p[0] * a - (p[0] + p[1]) * log(1.0 + exp(a))
                 + p[2] * b - (p[2] + p[3]) * log(1.0 + exp(b)))


cdef inline double proportion_term(double yes, double no, double logit) noexcept nogil:
    cdef double p
    if fabs(logit) < 36.0:
        return 0.0
    p = exp(logit) / (1.0 + exp(logit))
    return yes * log(p) + no * log(1.0 - p)


cdef bint logistic(int ndim, const double *x, void *data) noexcept nogil:
    """logisticpost: covariate, failures, successes."""
    cdef Rows *t = <Rows *>data
    cdef Py_ssize_t i
    for i in range(t.rows):
        if isnan(proportion_term(t.cells[2 * t.rows + i], t.cells[t.rows + i],
                                 x[0] + x[1] * t.cells[i])):
            return True
    return False


cdef bint bradley_terry(int ndim, const double *x, void *data) noexcept nogil:
    """bradley.terry.post: first team, second team (from 0), wins of each."""
    cdef Rows *t = <Rows *>data
    cdef double sd = exp(x[ndim - 1]), z, total = 0.0
    cdef Py_ssize_t i
    for i in range(t.rows):
        total += proportion_term(
            t.cells[2 * t.rows + i], t.cells[3 * t.rows + i],
            x[<Py_ssize_t>t.cells[i]] - x[<Py_ssize_t>t.cells[t.rows + i]])
    for i in range(ndim - 1):
        z = x[i] / sd
        if sd == 0.0:
            total += INFINITY if x[i] == 0.0 else -INFINITY
        else:
            total -= 0.5 * z * z + log(sd) if sd < INFINITY else INFINITY
    return isnan(total)


# --- A Poisson mean -------------------------------------------------------------------------------

cdef double log_dgamma_kind(double x, double shape, double rate) noexcept nogil:
    """The log of R's dgamma: -inf and inf where the density itself under- or overflows."""
    cdef double value
    if x == INFINITY:
        return -INFINITY
    if x == 0.0:
        return INFINITY if shape < 1.0 else (0.0 if shape == 1.0 else -INFINITY)
    value = shape * log(rate) + (shape - 1.0) * log(x) - rate * x - lgamma(shape)
    return -INFINITY if value < LOG_SMALLEST else (INFINITY if value > LOG_LARGEST else 0.0)


cdef bint poisson_gamma_mean(int ndim, const double *x, void *data) noexcept nogil:
    """logpoissgamma; par: the sample's sum and size, shape and rate of the prior."""
    cdef const double *p = (<Rows *>data).par
    cdef double mean = exp(x[0])
    return isnan(log_dgamma_kind(mean, p[0] + 1.0, p[1]) + log_dgamma_kind(mean, p[2], p[3])
                 + log(mean))


cdef bint nowhere(int ndim, const double *x, void *data) noexcept nogil:
    """logpoissnormal is a number everywhere: two densities that are never infinite."""
    return False


# --- Survival -------------------------------------------------------------------------------------

cdef bint pareto(int ndim, const double *x, void *data) noexcept nogil:
    """transplantpost: survival, transplant, time to it, censored.

    An indicator of 0 takes the other term of the likelihood times 0, so that both must be finite;
    tau p is a product before its logarithm is taken, lambda over lambda + time a ratio.
    """
    cdef Rows *t = <Rows *>data
    cdef double tau = exp(x[0]), scale = exp(x[1]), p = exp(x[2])
    cdef double time, died, alive, total = x[0] + x[1] + x[2]
    cdef bint moved
    cdef Py_ssize_t i
    if within(x, 3, 200.0) and t.par[0] < 1e100:
        return False
    for i in range(t.rows):
        moved, alive = t.cells[t.rows + i] != 0.0, t.cells[3 * t.rows + i]
        died = 1.0 - alive
        time = t.cells[i] if not moved else t.cells[2 * t.rows + i] + tau * t.cells[i]
        time += scale
        total += died * (log(p * tau if moved else p) + p * log(scale) - (p + 1.0) * log(time)) \
            + alive * p * log(scale / time)
    return isnan(total)


cdef bint weibull(int ndim, const double *x, void *data) noexcept nogil:
    """weibullregpost: log survival, died, covariates. Density and survival are logged as numbers."""
    cdef Rows *t = <Rows *>data
    cdef double z, sd = exp(x[0]), died, density, survival, total = 0.0
    cdef Py_ssize_t i, k
    for i in range(t.rows):
        z = t.cells[i] - x[1]
        for k in range(2, ndim):
            z -= x[k] * t.cells[k * t.rows + i]
        z /= sd
        if fabs(x[0]) < 300.0 and -300.0 < z < 5.0:
            continue
        died = t.cells[t.rows + i]
        density, survival = 1.0 / sd * exp(z - exp(z)), exp(-exp(z))
        total += died * log(density) + (1.0 - died) * log(survival)
    return isnan(total)


# --- By name --------------------------------------------------------------------------------------

cdef undefined_t predicate_named(str name) except NULL:
    if name == "normnormexch":
        return normal
    if name == "betabinexch":
        return beta_binomial
    if name == "betabinexch0":
        return beta_binomial_plain
    if name == "bfexch":
        return beta_binomial_fixed
    if name == "poissgamexch":
        return poisson_gamma
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
        return nowhere
    if name == "transplantpost":
        return pareto
    if name == "weibullregpost":
        return weibull
    raise ValueError(f"no log posterior of R is named {name!r}")


cdef class Predicate:
    """R's formula by name, with its data: a table of shape (columns, rows), and a vector."""
    cdef Rows data
    cdef const double[:, ::1] cells
    cdef const double[::1] par

    def __init__(self, table, par):
        self.cells = np.ascontiguousarray(table, dtype=np.float64)
        self.par = np.array([*par, 0.0], dtype=np.float64)
        self.data.rows = self.cells.shape[1]
        self.data.cells = &self.cells[0, 0] if self.cells.size else NULL
        self.data.par = &self.par[0]


def undefined_as_in_r(LogDensity density, str name, table=((),), par=()):
    """The density, which knows from now on where R's formula of that name is NaN."""
    cdef Predicate predicate = Predicate(table, par)
    density.undefined, density.undefined_data = predicate_named(name), &predicate.data
    density.undefined_owner = predicate
    return density
