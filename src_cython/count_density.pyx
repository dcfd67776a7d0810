"""Log densities of the two models for counts, theta integrated out.

With y successes in n trials and theta ~ Beta(alpha, beta), or y events in an exposure e and
theta ~ Gamma(alpha, rate alpha / mu), the marginal likelihood of a group is made of ratios
Gamma(a + y) / Gamma(a). Differences of lgamma lose all digits for large a, where the groups are
nearly pooled, so the ratio is a product here: a (a + 1) ... (a + y - 1). Summed over the groups its
log is sum_i c_i log(a + i), with c_i the number of groups with y > i: as many logarithms as the
largest y, whatever the number of groups. From ``SHIFT`` on the rest of a large y comes from
Stirling's series for the difference (Abramowitz and Stegun 6.1.41), which is exact to rounding
there and does not cancel; for a beyond ``SHIFT`` so does all of it, and small y too where they are
few different ones. The sums run eight terms at once (rising.h).

Coordinates: (logit(alpha / (alpha + beta)), log(alpha + beta)) and (log alpha, log mu), those of
LearnBayes' betabinexch and poissgamexch. Everything is written so that it holds wherever the
coordinates are finite.
"""
from libc.math cimport exp, fabs, log, log1p

from pyhier.kernels.density cimport LogDensity, density_t

import numpy as np


cdef extern from "rising.h" nogil:
    double step_sum(size_t steps, const double *more, double a)
    double tail_sum(size_t tails, const double *tail, const double *times, double start)
    double exposure_sum(size_t groups, const double *y, const double *log_exposure, double alpha,
                        double shift)
    double stirling_rest(double w)  # at 1 / w


cdef enum:
    SHIFT = 64
    LANES = 8  # as in instruction_sets.h
    COMPLETE = 600  # from this log precision on the groups are pooled to the last bit

cdef enum Prior:
    NONE, BDA3, BETABINEXCH, POISSGAMEXCH

PRIORS = {"": NONE, "bda3": BDA3, "betabinexch": BETABINEXCH, "poissgamexch": POISSGAMEXCH}


# --- Sums over groups of log(Gamma(a + y) / Gamma(a)) ---------------------------------------------

cdef struct Rising:
    double first               # the number of groups with y > 0
    Py_ssize_t steps           # the largest y up to SHIFT, less 1, padded; 0 where that is 0
    const double *more         # at i the number of groups with y > i + 1
    Py_ssize_t tails           # different y above SHIFT, padded
    const double *tail         # y - SHIFT; in ``far`` y
    const double *times        # and how many groups have it
    double events, groups      # sums of tails and of times


cdef struct Sums:
    Rising near                # for a below SHIFT
    Rising far                 # for a from there on


cdef inline double rising(Sums *r, double a, double log_a) noexcept nogil:
    """``log_a`` is given beside a because a may underflow."""
    if a < SHIFT:
        return log_sum(&r.near, a, log_a, a + SHIFT, log(a + SHIFT))
    return log_sum(&r.far, a, log_a, a, log_a)


cdef inline double log_sum(Rising *r, double a, double log_a, double start,
                           double log_start) noexcept nogil:
    cdef double total = r.first * log_a
    if r.steps > 0:
        total += step_sum(r.steps, r.more, a + 1.0)
    if r.tails > 0:
        total += tail_sum(r.tails, r.tail, r.times, start)
        total += r.events * (log_start - 1.0) - r.groups * series(start)
    return total


cdef inline double stirling_ratio(double a, double y) noexcept nogil:
    """log(Gamma(a + y) / Gamma(a)), a >= 64."""
    return (a - 0.5) * log1p(y / a) + y * (log(a + y) - 1.0) + series(a + y) - series(a)


cdef inline double series(double z) noexcept nogil:
    """Stirling's correction: log Gamma(z) less (z - 1/2) log z - z + log(2 pi) / 2, z >= 64."""
    return stirling_rest(1.0 / z)


cdef inline double series_slope(double z) noexcept nogil:
    """Digamma(z) less log z (A. and S. 6.3.18)."""
    cdef double w = 1.0 / z
    cdef double w2 = w * w
    return -0.5 * w - w2 * (1.0 / 12.0 - w2 * (1.0 / 120.0 - w2 * (1.0 / 252.0 - w2 / 240.0)))


cdef inline double series_curvature(double z) noexcept nogil:
    """Trigamma(z) (A. and S. 6.4.12)."""
    cdef double w = 1.0 / z
    cdef double w2 = w * w
    return w * (1.0 + 0.5 * w + w2 * (1.0 / 6.0 - w2 * (1.0 / 30.0 - w2 * (1.0 / 42.0 - w2 / 30.0))))


cdef void rising_slopes(Sums *sums, double a, double *slope, double *curvature) noexcept nogil:
    """First and second derivative of ``rising`` in a."""
    cdef Rising *r = &sums.near
    cdef double from_a = a + SHIFT, to, inverse = 1.0 / a
    cdef Py_ssize_t i
    slope[0] = r.first * inverse
    curvature[0] = -r.first * inverse * inverse
    for i in range(r.steps):
        inverse = 1.0 / (a + 1.0 + i)
        slope[0] += r.more[i] * inverse
        curvature[0] -= r.more[i] * inverse * inverse
    for i in range(r.tails):
        to = from_a + r.tail[i]
        slope[0] += r.times[i] * (log1p(r.tail[i] / from_a) + series_slope(to) - series_slope(from_a))
        curvature[0] += r.times[i] * (series_curvature(to) - series_curvature(from_a))


cdef class Counts:
    """The counts of all groups, in the form that ``rising`` takes."""
    cdef Sums sums
    cdef list arrays

    def __init__(self, y):
        counts = np.asarray(y, dtype=np.float64)
        small, large = counts[counts <= SHIFT], counts[counts > SHIFT]
        self.arrays = []
        self.fill(&self.sums.near, counts, large - SHIFT)
        if 3 * np.unique(small).size < small.max(initial=0.0):  # a tail takes as long as 3 steps
            self.fill(&self.sums.far, small[:0], counts[counts > 0.0])
        else:
            self.fill(&self.sums.far, small, large)

    cdef void fill(self, Rising *r, stepped, tailed) except *:
        cdef double[::1] more, tail, times
        steps = int(min(stepped.max(initial=0.0), SHIFT))
        above = [np.count_nonzero(stepped > i) for i in range(steps)]
        values, groups = np.unique(tailed, return_counts=True)
        more, tail, times = padded(above[1:]), padded(values), padded(groups)
        self.arrays += [more, tail, times]  # what the pointers point to
        r.first = above[0] if above else 0.0
        r.steps, r.tails = more.shape[0] if steps > 1 else 0, tail.shape[0] if len(values) else 0
        r.more, r.tail, r.times = &more[0], &tail[0], &times[0]
        r.events, r.groups = np.sum(tailed), len(tailed)


def padded(values):
    """The values as a whole number of vectors, at least one, filled up with 0."""
    room = np.zeros(max(LANES, (len(values) + LANES - 1) // LANES * LANES))
    room[: len(values)] = values
    return room


cdef inline double softplus(double s) noexcept nogil:
    """log(1 + exp(s))."""
    return (s if s > 0.0 else 0.0) + log1p(exp(-fabs(s)))


cdef double shared_prior(int kind, double z0, double *x) noexcept nogil:
    """Log density of the named priors in the coordinates, the Jacobian included."""
    if kind == BDA3:  # p(alpha, beta) ~ (alpha + beta)^(-5/2)
        return -softplus(x[0]) - softplus(-x[0]) - 0.5 * x[1]
    if kind == BETABINEXCH:  # p(eta, K) ~ 1 / (eta (1 - eta) (1 + K)^2)
        return x[1] - 2.0 * softplus(x[1])
    if kind == POISSGAMEXCH:  # p(alpha, mu) ~ z0 / ((alpha + z0)^2 mu)
        return x[0] - log(z0) - 2.0 * softplus(x[0] - log(z0))
    return 0.0


cdef void shared_prior_slopes(int kind, double z0, double *x, double[::1] gradient,
                              double[:, ::1] hessian) noexcept nogil:
    """Add a named prior's derivatives."""
    cdef double p
    cdef int k = 1 if kind == BETABINEXCH else 0
    if kind == BDA3:
        p = 1.0 / (1.0 + exp(-x[0]))
        gradient[0] += 1.0 - 2.0 * p
        gradient[1] -= 0.5
        hessian[0, 0] -= 2.0 * p * (1.0 - p)
    elif kind != NONE:
        p = 1.0 / (1.0 + exp(-x[k] + (log(z0) if kind == POISSGAMEXCH else 0.0)))
        gradient[k] += 1.0 - 2.0 * p
        hessian[k, k] -= 2.0 * p * (1.0 - p)


cdef struct CountData:
    Sums successes             # or events
    Sums failures
    Sums trials
    Py_ssize_t groups
    const double *y            # the rarer outcome, of a beta-binomial model
    const double *others       # and the other one
    double sign                # 1: successes are rarer; -1: failures
    Rising common              # the other outcome
    const double *log_exposure
    int prior
    double z0
    density_t own_prior        # NULL: a named one
    void *own_prior_data


cdef double prior_at(CountData *model, double *x) noexcept nogil:
    if model.own_prior != NULL:
        return model.own_prior(2, x, model.own_prior_data)
    return shared_prior(model.prior, model.z0, x)


cdef class CountMarginal(LogDensity):
    """What both models share: the prior, by name or a density of both coordinates."""
    cdef CountData model
    cdef Counts successes, failures, trials

    def _take_prior(self, prior, double z0):
        cdef LogDensity own
        self.ndim, self.compiled, self.model.z0 = 2, True, z0
        self.model.own_prior = NULL
        self.data = &self.model
        if isinstance(prior, str):
            self.model.prior = PRIORS[prior]
            return
        own = prior
        self.part, self.compiled, self.failed = own, own.compiled, own.failed
        self.model.prior = NONE
        self.model.own_prior, self.model.own_prior_data = own.reference, own.data

    def _add_named_prior(self, double[::1] x, double[::1] gradient, double[:, ::1] hessian):
        if self.model.own_prior == NULL:
            shared_prior_slopes(self.model.prior, self.model.z0, &x[0], gradient, hessian)


# --- Beta-binomial --------------------------------------------------------------------------------

cdef double beta_binomial(int ndim, double *x, void *data) noexcept nogil:
    cdef CountData *model = <CountData *>data
    cdef double log_total = x[1] if x[1] < COMPLETE else COMPLETE
    cdef double log_alpha = log_total - softplus(-x[0]), log_beta = log_total - softplus(x[0])
    return rising(&model.successes, exp(log_alpha), log_alpha) \
        + rising(&model.failures, exp(log_beta), log_beta) \
        - rising(&model.trials, exp(log_total), log_total) + prior_at(model, x)


cdef double mixed_ratio(double b, double s, double t) noexcept nogil:
    """log(Gamma(b + s) Gamma(b + t) / (Gamma(b) Gamma(b + s + t))), b >= 64.

    It is symmetric in s and t, and no term is larger than about the smaller of them.
    """
    cdef double u = s if s < t else t, v = t if s < t else s
    return (b - 0.5) * log1p(u / b) - (b + v - 0.5) * log1p(u / (b + v)) - u * log1p(v / (b + u)) \
        + series(b + u) - series(b) + series(b + v) - series(b + u + v)


cdef double beta_binomial_by_group(int ndim, double *x, void *data) noexcept nogil:
    """The same as ``beta_binomial``, without its differences of sums over all trials.

    Those are of the size of the trials times log K, and their rounding, 1e-11 say, is what a
    difference of the density over a step of 1e-3 divides by 1e-6 (R's optimHess). Here the rarer of
    the two outcomes, a count y beside f, has the factors (alpha + i) / (K + f + i), and the other
    one (K - alpha + i) / (K + i), near 1 where y is rare.
    """
    cdef CountData *model = <CountData *>data
    cdef double sign = model.sign
    cdef double log_total = x[1] if x[1] < COMPLETE else COMPLETE
    cdef double log_alpha = log_total - softplus(-sign * x[0])
    cdef double log_beta = log_total - softplus(sign * x[0])
    cdef double total = exp(log_total), alpha = exp(log_alpha), beta = exp(log_beta)
    cdef Rising *common = &model.common
    cdef long double value = common.first * (log_beta - log_total)
    cdef double y, f
    cdef Py_ssize_t i, j
    for i in range(1, 1 + common.steps):
        if common.more[i - 1] == 0.0:  # the padding
            break
        value += common.more[i - 1] * (log1p(-alpha / (total + i)) if alpha < beta
                                       else log((beta + i) / (total + i)))
    for i in range(common.tails):
        if common.times[i] == 0.0:
            break
        value += common.times[i] * mixed_ratio(beta + SHIFT, alpha, common.tail[i])
    for j in range(model.groups):
        y, f = model.y[j], model.others[j]
        if y > 0.0:
            value += log_alpha - (log(total + f) if f > 0.0 else log_total)
        for i in range(1, <Py_ssize_t>(y if y < SHIFT else SHIFT)):
            value += log((alpha + i) / (total + f + i))
        if y > SHIFT:
            value += stirling_ratio(alpha + SHIFT, y - SHIFT) \
                - stirling_ratio(total + f + SHIFT, y - SHIFT)
    return <double>value + prior_at(model, x)


cdef class BetaBinomialMarginal(CountMarginal):
    """The log marginal posterior of (logit eta, log K), without the binomial coefficients.

    ``successes`` and ``trials`` are whole numbers of shape (groups,); ``prior`` is "bda3",
    "betabinexch", "" (none) or a log density of both coordinates.
    """
    cdef double[::1] rarer, others
    cdef Counts common

    def __init__(self, successes, trials, prior="bda3"):
        self.successes, self.failures = Counts(successes), Counts(np.subtract(trials, successes))
        self.trials = Counts(trials)
        self.model.successes, self.model.failures = self.successes.sums, self.failures.sums
        self.model.trials = self.trials.sums
        self._take_prior(prior, 1.0)
        y = np.array(successes, dtype=np.float64)
        f = np.asarray(trials, dtype=np.float64) - y
        self.model.sign = 1.0 if y.sum() <= f.sum() else -1.0
        self.rarer, self.others = (y, f) if self.model.sign > 0.0 else (f, y)
        self.common = self.failures if self.model.sign > 0.0 else self.successes
        self.model.groups = self.rarer.shape[0]
        self.model.y, self.model.others = &self.rarer[0], &self.others[0]
        self.model.common = self.common.sums.near
        self.reference, self.fast = beta_binomial_by_group, beta_binomial
        # Logarithms of sizes up to 700, one a trial, each good to 2e-16 of itself.
        self.slack = 3e-13 * <double>np.sum(trials)

    def derivatives(self, point):
        """Gradient (2,) and Hessian (2, 2), a named prior's included."""
        cdef double[::1] x = np.array(point, dtype=np.float64)
        gradient, hessian = np.zeros(2), np.zeros((2, 2))
        cdef double[::1] g = gradient
        cdef double[:, ::1] h = hessian
        cdef double p = 1.0 / (1.0 + exp(-x[0])), q = 1.0 / (1.0 + exp(x[0]))
        cdef double total = exp(x[1])
        cdef double alpha = total * p, beta = total * q
        cdef double da, daa, db, dbb, dk, dkk
        rising_slopes(&self.model.successes, alpha, &da, &daa)
        rising_slopes(&self.model.failures, beta, &db, &dbb)
        rising_slopes(&self.model.trials, total, &dk, &dkk)
        g[0] = da * alpha * q - db * beta * p
        g[1] = da * alpha + db * beta - dk * total
        h[0, 0] = daa * (alpha * q) ** 2 + dbb * (beta * p) ** 2 \
            + (q - p) * (da * alpha * q - db * beta * p)
        h[0, 1] = daa * alpha * alpha * q - dbb * beta * beta * p + g[0]
        h[1, 0] = h[0, 1]
        h[1, 1] = daa * alpha * alpha + dbb * beta * beta - dkk * total * total + g[1]
        self._add_named_prior(x, g, h)
        return gradient, hessian


# --- Poisson-gamma --------------------------------------------------------------------------------

cdef double poisson_gamma(int ndim, double *x, void *data) noexcept nogil:
    cdef CountData *model = <CountData *>data
    cdef double log_alpha = x[0] if x[0] < COMPLETE else COMPLETE
    cdef double alpha = exp(log_alpha)
    cdef double total = exposure_sum(model.groups, model.y, model.log_exposure, alpha,
                                     x[1] - log_alpha)  # at log(e mu / alpha)
    return rising(&model.successes, alpha, log_alpha) - total + prior_at(model, x)


cdef class PoissonGammaMarginal(CountMarginal):
    """The log marginal posterior of (log alpha, log mu), without the terms log(y!).

    ``counts`` are whole numbers and ``exposure`` positive, both of shape (groups,); ``prior`` is
    "poissgamexch" with its ``z0``, "" (none) or a log density of both coordinates.
    """
    cdef double[::1] y, log_exposure

    def __init__(self, counts, exposure, prior="poissgamexch", double z0=1.0):
        self.successes = Counts(counts)
        self.model.successes = self.successes.sums
        self.y = np.array(counts, dtype=np.float64)
        self.log_exposure = np.log(np.asarray(exposure, dtype=np.float64))
        self.model.groups = self.y.shape[0]
        self.model.y, self.model.log_exposure = &self.y[0], &self.log_exposure[0]
        self._take_prior(prior, z0)
        self.reference = self.fast = poisson_gamma

    def derivatives(self, point):
        """Gradient (2,) and Hessian (2, 2), a named prior's included."""
        cdef double[::1] x = np.array(point, dtype=np.float64)
        gradient, hessian = np.zeros(2), np.zeros((2, 2))
        cdef double[::1] g = gradient
        cdef double[:, ::1] h = hessian
        cdef double alpha = exp(x[0]), da, daa, s, p, pull, bend
        cdef Py_ssize_t j
        rising_slopes(&self.model.successes, alpha, &da, &daa)
        g[0] = alpha * da
        h[0, 0] = alpha * da + alpha * alpha * daa
        for j in range(self.model.groups):
            s = self.log_exposure[j] + x[1] - x[0]
            p = 1.0 / (1.0 + exp(-s))
            pull = self.y[j] / (1.0 + exp(s)) - alpha * p
            bend = -(self.y[j] + alpha) * p / (1.0 + exp(s))
            g[1] += pull
            g[0] -= alpha * softplus(s) + pull
            h[1, 1] += bend
            h[0, 1] -= bend + alpha * p
            h[0, 0] += bend + 2.0 * alpha * p - alpha * softplus(s)
        h[1, 0] = h[0, 1]
        self._add_named_prior(x, g, h)
        return gradient, hessian
