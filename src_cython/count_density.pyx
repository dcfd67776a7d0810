"""Log densities of the two models for counts, theta integrated out.

With y successes in n trials and theta ~ Beta(alpha, beta), or y events in an exposure e and
theta ~ Gamma(alpha, rate alpha / mu), each group has a log probability of the order of one; a
likelihood is their sum, binomial coefficients and factorials included. It is taken in one of two
ways.

- By steps (count_steps.h): as many logarithms as the largest count, whatever the number of groups.
  Exposures of many groups are replaced by a few (count_data.pyx).
- By groups (count_terms.h): every different group's own term, without cancellation; for counts so
  large that the rounding of the logarithms would show, and where there are fewer groups than steps.

Coordinates: (logit(alpha / (alpha + beta)), log(alpha + beta)) and (log alpha, log mu), those of
LearnBayes' betabinexch and poissgamexch. Everything is written so that it holds wherever the
coordinates are finite.

LearnBayes' face leaves the coefficients out, and of the beta-binomial has a reference in an order
of its own: R's optimHess divides differences of values over steps of 1e-3 by 1e-6, which takes every
digit there is.
"""
from libc.math cimport INFINITY, exp, fabs, log, log1p

from pyhier.kernels.count_data cimport MOST_STEPS, POOLED, Counts, Steps
from pyhier.kernels.density cimport LogDensity

import numpy as np

from pyhier.kernels.count_data import (
    counted, distinct, exposures, log_inverse_size, log_ratio, padded, rounding,
)
from pyhier.kernels.count_masses import factorial_rest


cdef extern from "count_terms.h" nogil:
    struct shares:
        pass
    struct trials:
        double y, f, hat, low, constant
    struct rates:
        pass
    struct events:
        double y, log_exposure, hat, low, constant
    shares shares_at(double logit, double log_size)
    rates rates_at(double log_alpha, double log_mu)
    double beta_binomial_sum(size_t groups, const double *y, const double *f, const double *hat,
                             const double *low, const double *constant, const double *times,
                             const shares *s)
    double poisson_gamma_sum(size_t groups, const double *y, const double *log_exposure,
                             const double *hat, const double *low, const double *constant,
                             const double *times, const rates *s)
    void beta_binomial_slopes(const shares *s, const trials *g, double times, double *first,
                              double *second)
    void poisson_gamma_slopes(const rates *s, const events *g, double times, double *first,
                              double *second)
    double stirling_ratio(double a, double y)  # log(Gamma(a + y) / Gamma(a)), a >= 64
    enum: LARGEST_LOG

cdef extern from "pair_priors.h" nogil:
    enum:
        NO_PRIOR
        BDA3
        BETABINEXCH
        POISSGAMEXCH
    double softplus(double s)  # log(1 + exp(s))
    double pair_prior(int kind, double log_z0, const double *x)
    void pair_prior_slopes(int kind, double log_z0, const double *x, double *gradient,
                           double *diagonal)

cdef extern from "count_steps.h" nogil:
    struct total:
        double sum, lost
    void add(total *t, double x)
    void add_total(total *t, const total *other, double sign)
    total step_sum(size_t steps, const double *more, double a, double inverse)
    total ratio_sum(size_t steps, const double *more, const double *place, const double *scale,
                    double share, double inverse, double share_off, double inverse_off)
    total shape_sum(size_t shapes, const double *y, const double *times, double alpha)
    total exposure_sum(size_t exposures, const double *log_exposure, const double *groups,
                       const double *counts, double alpha, double shift, double log_scale)


cdef enum:
    LEAST_LOG = -640  # of a precision: what is made of a smaller one is not within the doubles
    GROUP_COST = 8  # of a group's own term, in steps: measured, 6 to 12

cdef double LOG_TWO = 0.6931471805599453
cdef double NOISE = 2e-9  # of the sum by steps: standard deviation of its rounding, at most

_PRIORS = {"": NO_PRIOR, "bda3": BDA3, "betabinexch": BETABINEXCH, "poissgamexch": POISSGAMEXCH,
           "shrinkage": POISSGAMEXCH}


# --- Sums by steps --------------------------------------------------------------------------------

cdef inline total rising(Steps *r, double a, double log_a, double inverse,
                         double log_inverse) noexcept nogil:
    """``log_a`` is given beside a because a may underflow."""
    cdef total sum = step_sum(r.steps, r.more, a, inverse)
    add(&sum, r.first * (log_a + log_inverse))
    return sum


cdef class CountMarginal(LogDensity):
    """What both models share: the prior, by name or a density of both coordinates."""

    def with_prior(self, prior, double z0=1.0):
        """The same data under another prior; the sums over the groups are not made anew."""
        cdef CountMarginal new = type(self).__new__(type(self))
        new.model, new.data_of = self.model, self
        new.reference, new.fast, new.slack = self.reference, self.fast, self.slack
        new._take_prior(prior, z0)
        return new

    def _take_prior(self, prior, double z0):
        cdef LogDensity own
        self.ndim, self.compiled, self.model.log_z0 = 2, True, log(z0)
        self.model.own_prior = NULL
        self.data = &self.model
        if isinstance(prior, str):
            self.model.prior = _PRIORS[prior]
            return
        own = prior
        self.part, self.compiled, self.failed = own, own.compiled, own.failed
        self.model.prior = NO_PRIOR
        self.model.own_prior, self.model.own_prior_data = own.reference, own.data

    def _take_groups(self, *columns):
        cdef double[::1] y, other, hat, low, constant, times
        y, other, hat, low, constant, times = (np.ascontiguousarray(c, np.float64) for c in columns)
        self.arrays = [y, other, hat, low, constant, times]  # what the pointers point to
        self.model.groups = Groups(y.shape[0], &y[0], &other[0], &hat[0], &low[0], &constant[0],
                                   &times[0])

    @property
    def by_groups(self):
        """Whether the sum goes over different groups; over steps of the counts otherwise."""
        return self.model.by_groups

    def derivatives(self, point):
        """Gradient (2,) and Hessian (2, 2), a named prior's included."""
        cdef double[::1] x = np.array(point, dtype=np.float64)
        gradient, hessian = np.zeros(2), np.zeros((2, 2))
        cdef double[::1] g = gradient
        cdef double[:, ::1] h = hessian
        cdef double[2] first = [0.0, 0.0], bend = [0.0, 0.0]
        cdef double[3] second = [0.0, 0.0, 0.0]
        with nogil:
            self._add_slopes(&x[0], first, second)
            if self.model.own_prior == NULL:
                pair_prior_slopes(self.model.prior, self.model.log_z0, &x[0], first, bend)
        g[0], g[1] = first[0], first[1]
        h[0, 0], h[0, 1], h[1, 0] = second[0] + bend[0], second[1], second[1]
        h[1, 1] = second[2] + bend[1]
        return gradient, hessian

    cdef void _add_slopes(self, double *x, double *first, double *second) noexcept nogil:
        pass


cdef double prior_at(CountData *model, double *x) noexcept nogil:
    if model.own_prior != NULL:
        return model.own_prior(2, x, model.own_prior_data)
    return pair_prior(model.prior, model.log_z0, x)


# --- Beta-binomial --------------------------------------------------------------------------------

cdef double beta_binomial_groups(CountData *model, double *x) noexcept nogil:
    cdef Groups *g = &model.groups
    cdef shares s = shares_at(x[0], x[1])
    return beta_binomial_sum(g.size, g.y, g.other, g.hat, g.low, g.constant, g.times, &s)


cdef inline total against_reference(Steps *r, double share, double inverse, double share_off,
                                    double inverse_off) noexcept nogil:
    return ratio_sum(r.steps, r.more, r.place, r.scale, share, inverse, share_off, inverse_off)


cdef double beta_binomial_steps(CountData *model, double *x) noexcept nogil:
    cdef double log_total = x[1] if x[1] < LARGEST_LOG else LARGEST_LOG
    cdef double small = exp(-fabs(x[0])), more = log1p(small)
    cdef double log_eta = -more if x[0] > 0.0 else x[0] - more
    cdef double log_other = -x[0] - more if x[0] > 0.0 else -more
    cdef double eta = (1.0 if x[0] > 0.0 else small) / (1.0 + small)
    cdef double other = (small if x[0] > 0.0 else 1.0) / (1.0 + small)
    cdef double inverse = exp(-log_total), off = inverse - model.inverse
    # By the smaller one; with the same difference for both its rounding is one of eta's, no more.
    cdef double away = eta - model.share if eta < other else model.rest - other
    cdef total sum = against_reference(&model.successes, eta, inverse, away, off)
    cdef total part = against_reference(&model.failures, other, inverse, -away, off)
    add_total(&sum, &part, 1.0)
    part = against_reference(&model.trials, 1.0, inverse, 0.0, off)
    add_total(&sum, &part, -1.0)
    add(&sum, model.successes.first * (log_eta - model.log_share))
    add(&sum, model.failures.first * (log_other - model.log_rest))
    add(&sum, model.constant)
    return sum.sum + sum.lost


cdef double beta_binomial(int ndim, double *x, void *data) noexcept nogil:
    cdef CountData *model = <CountData *>data
    cdef double value
    if x[1] < LEAST_LOG:
        return -INFINITY
    value = beta_binomial_groups(model, x) if model.by_groups else beta_binomial_steps(model, x)
    return value + model.shift + prior_at(model, x)


cdef enum:
    SHIFT = 64  # steps of LearnBayes' reference


cdef double beta_binomial_by_group(int ndim, double *x, void *data) noexcept nogil:
    """The same, without differences of sums over all trials, for LearnBayes' face.

    Those are of the size of the trials times log K, and their rounding, 1e-11 say, is what a
    difference of the density over a step of 1e-3 divides by 1e-6 (R's optimHess). Here the rarer of
    the two outcomes, a count y beside f, has the factors (alpha + i) / (K + f + i), and the other
    one (K - alpha + i) / (K + i), near 1 where y is rare.
    """
    cdef CountData *model = <CountData *>data
    cdef double sign = model.sign
    cdef double log_total = x[1] if x[1] < LARGEST_LOG else LARGEST_LOG
    cdef double log_alpha = log_total - softplus(-sign * x[0])
    cdef double log_beta = log_total - softplus(sign * x[0])
    cdef double total = exp(log_total), alpha = exp(log_alpha), beta = exp(log_beta)
    cdef Steps *common = &model.common
    cdef long double value = common.first * (log_beta - log_total)
    cdef double y, f
    cdef Py_ssize_t i, j
    for i in range(1, 1 + common.steps):
        if common.more[i - 1] == 0.0:  # the padding
            break
        value += common.more[i - 1] * (log1p(-alpha / (total + i)) if alpha < beta
                                       else log((beta + i) / (total + i)))
    for j in range(model.by_group):
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
    """The log marginal posterior of (logit eta, log K).

    ``successes`` and ``trials`` are whole numbers of shape (groups,); ``prior`` is "bda3",
    "betabinexch", "" (none) or a log density of both coordinates. ``coefficients`` says whether the
    binomial coefficients are in it, ``by_groups`` in which way the sum is taken (by itself the better).
    """

    def __init__(self, successes, trials, prior="bda3", bint coefficients=True,
                 by_groups=None):
        n = np.asarray(trials, dtype=np.float64)
        y = np.asarray(successes, dtype=np.float64)
        y, n = y[n > 0.0], n[n > 0.0]
        f = n - y
        self._take_prior(prior, 1.0)
        self.reference = self.fast = beta_binomial
        self.model.shift = 0.0
        if n.size == 0:
            self.model.by_groups, self.model.groups.size = True, 0
            return
        # Where there is mass, the terms are as far from the reference's as the posterior is wide.
        noise = max(rounding(y), rounding(f), rounding(n)) * min(1.0, 8.0 / np.sqrt(n.size))
        a, b, times = distinct(y, f)
        steps = y.max() + f.max() + n.max()
        best = noise > NOISE or GROUP_COST * a.size < steps
        self.model.by_groups = best if by_groups is None else by_groups
        constant = factorial_rest(a) + factorial_rest(b) - factorial_rest(a + b)
        self._take_groups(a, b, *log_ratio(a, b), constant, times)
        if not self.model.by_groups:
            self._take_steps(y, f, n)
        if not coefficients:
            self._leave_out(y, f, n)

    def _take_steps(self, y, f, n):
        cdef double[2] x
        x[0] = np.log(y.sum() + 0.5) - np.log(f.sum() + 0.5)
        x[1] = -log_inverse_size(y, n)
        self._refer(counted(y), counted(f), counted(n), x[0], x[1])
        self.model.constant = beta_binomial_groups(&self.model, x) - beta_binomial_steps(&self.model, x)

    def _refer(self, Counts y, Counts f, Counts n, double logit, double log_size):
        """Take the counts, and terms at a reference from which sums by steps are counted."""
        cdef double[2] x = [logit, log_size]
        self.successes, self.failures, self.trials = y, f, n
        self.model.successes, self.model.failures = self.successes.sums, self.failures.sums
        self.model.trials = self.trials.sums
        self.model.log_share, self.model.log_rest = -softplus(-x[0]), -softplus(x[0])
        self.model.share, self.model.rest = np.exp(self.model.log_share), np.exp(self.model.log_rest)
        self.model.inverse = np.exp(-x[1])
        self.model.successes.scale = self.successes.refer(self.model.share, self.model.inverse)
        self.model.failures.scale = self.failures.refer(self.model.rest, self.model.inverse)
        self.model.trials.scale = self.trials.refer(1.0, self.model.inverse)
        self.model.constant = 0.0

    def _leave_out(self, y, f, n):
        """Be LearnBayes' face: without the coefficients, and with a reference for optimHess."""
        from scipy.special import betaln

        self.model.shift = float(np.sum(betaln(y + 1.0, f + 1.0) + np.log1p(n)))
        if max(y.max(), f.max()) > MOST_STEPS:
            return
        self.model.sign = 1.0 if y.sum() <= f.sum() else -1.0
        self.rarer, self.others = (y, f) if self.model.sign > 0.0 else (f, y)
        common: Counts = counted(self.others)
        self.arrays.append(common)
        self.model.common = common.sums
        self.model.by_group = self.rarer.shape[0]
        self.model.y, self.model.others = &self.rarer[0], &self.others[0]
        self.reference = beta_binomial_by_group
        # Logarithms of sizes up to 700, one a trial, each good to 2e-16 of itself.
        self.slack = 3e-13 * <double>np.sum(n)

    cdef void _add_slopes(self, double *x, double *first, double *second) noexcept nogil:
        cdef Groups *g = &self.model.groups
        cdef shares s = shares_at(x[0], x[1])
        cdef trials group
        cdef Py_ssize_t i
        for i in range(g.size):
            group = trials(g.y[i], g.other[i], g.hat[i], g.low[i], g.constant[i])
            beta_binomial_slopes(&s, &group, g.times[i], first, second)


# --- Poisson-gamma --------------------------------------------------------------------------------

cdef void plain_coordinates(CountData *model, double *at, double *x) noexcept nogil:
    """(log alpha, log mu) at a model's own coordinates."""
    x[0] = at[0] - LOG_TWO if model.inverse_effects else at[0]
    x[1] = -at[1] if model.inverse_effects else at[1]


cdef double poisson_gamma_groups(CountData *model, double *x) noexcept nogil:
    cdef Groups *g = &model.groups
    cdef rates s = rates_at(x[0], x[1])
    return poisson_gamma_sum(g.size, g.y, g.other, g.hat, g.low, g.constant, g.times, &s)


cdef double poisson_gamma_steps(CountData *model, double *x) noexcept nogil:
    cdef double log_alpha = x[0] if x[0] < LARGEST_LOG else LARGEST_LOG
    cdef double alpha = exp(log_alpha)
    cdef bint large = model.shapes > 0 or alpha > 1.0
    cdef double unit = alpha if large else 1.0, log_unit = log_alpha if large else 0.0
    cdef total part, sum
    if model.shapes > 0:
        sum = shape_sum(model.shapes, model.shape, model.shape_times, alpha)
    else:
        sum = rising(&model.successes, alpha, log_alpha - log_unit, 1.0 / unit, 0.0)
    part = exposure_sum(model.exposures, model.log_exposure, model.exposure_groups,
                                   model.exposure_counts, alpha, x[1] - log_alpha,
                                   log_unit - model.log_share)
    add_total(&sum, &part, 1.0)
    add(&sum, model.constant)
    return sum.sum + sum.lost


cdef double poisson_gamma(int ndim, double *at, void *data) noexcept nogil:
    cdef CountData *model = <CountData *>data
    cdef double value
    cdef double[2] x
    plain_coordinates(model, at, x)
    if x[0] < LEAST_LOG:
        return -INFINITY
    value = poisson_gamma_groups(model, x) if model.by_groups else poisson_gamma_steps(model, x)
    return value + model.shift + prior_at(model, at)


cdef class PoissonGammaMarginal(CountMarginal):
    """The log marginal posterior of (log alpha, log mu).

    ``counts`` are whole numbers and ``exposure`` positive, both of shape (groups,); ``prior`` is
    "poissgamexch" with its ``z0``, "" (none) or a log density of both coordinates.
    ``coefficients`` says whether the terms log(y!) are in it, ``by_groups`` in which way the sum is
    taken (by itself the better).
    """
    cdef double[::1] log_exposure, exposure_groups, exposure_counts

    def __init__(self, counts, exposure, prior="poissgamexch", double z0=1.0,
                 bint coefficients=True, by_groups=None):
        y, e = (np.asarray(part, dtype=np.float64) for part in (counts, exposure))
        self._take_prior(prior, z0)
        self.reference = self.fast = poisson_gamma
        a, b, times = distinct(y, e)
        logs = exposures(y, e)
        steps = y.max(initial=0.0) + 3 * logs[0].size
        best = rounding(y) > NOISE or GROUP_COST * a.size < steps
        self.model.by_groups = best if by_groups is None else by_groups
        self._take_groups(a, np.log(b), *log_ratio(a, b), factorial_rest(a), times)
        if not self.model.by_groups:
            self.successes = counted(y)
            self.model.successes = self.successes.sums
            self._take_steps(y, e, logs)
        self.model.shift = 0.0
        if not coefficients:
            from scipy.special import gammaln

            self.model.shift = float(np.sum(gammaln(y + 1.0)))

    def _take_steps(self, y, e, logs):
        cdef double[2] x
        self.log_exposure, self.exposure_groups, self.exposure_counts = map(padded, logs)
        self.model.exposures = self.log_exposure.shape[0]
        self.model.log_exposure = &self.log_exposure[0]
        self.model.exposure_groups = &self.exposure_groups[0]
        self.model.exposure_counts = &self.exposure_counts[0]
        # Where the groups are pooled, at the rate of all events, only the exposures' mean is left.
        x[0], x[1] = POOLED, np.log(y.sum() + 0.5) - np.log(e.sum())
        self.model.log_share = x[1]
        self.model.constant = 0.0
        self.model.constant = poisson_gamma_groups(&self.model, x) - poisson_gamma_steps(&self.model, x)

    cdef void _add_slopes(self, double *x, double *first, double *second) noexcept nogil:
        cdef Groups *g = &self.model.groups
        cdef double[2] at
        cdef rates s
        cdef events group
        cdef Py_ssize_t i
        plain_coordinates(&self.model, x, at)
        s = rates_at(at[0], at[1])
        for i in range(g.size):
            group = events(g.y[i], g.other[i], g.hat[i], g.low[i], g.constant[i])
            poisson_gamma_slopes(&s, &group, g.times[i], first, second)
        if self.model.inverse_effects:
            first[1], second[1] = -first[1], -second[1]


cdef class VarianceGammaMarginal(PoissonGammaMarginal):
    """The log marginal posterior of (log d0, log s0^2).

    ``s2`` and its degrees of freedom ``df`` are positive, both of shape (groups,). As a function of
    the hyperparameters the density of s2 is the probability of y = df / 2 events in an exposure
    df s2 / 2, the effects being gamma distributed precisions; it is that times y / s2.
    """

    cdef double[::1] shape, shape_times

    def __init__(self, s2, df, prior="shrinkage", double z0=1.0, by_groups=None):
        y, variance = (np.asarray(part, dtype=np.float64) for part in (0.5 * df, s2))
        self._take_prior(prior, z0)
        self.reference = self.fast = poisson_gamma
        self.model.inverse_effects = True
        a, b, times = distinct(y, variance)
        hat, low = log_ratio(np.ones(a.size), b)
        self._take_groups(a, np.log(a) + np.log(b), hat, low, factorial_rest(a), times)
        logs, shapes = exposures(y, y * variance), exposures(y, y)
        steps = 3 * logs[0].size + GROUP_COST * shapes[0].size
        # Rounding of the terms by steps, of which none is much above the sum of all y.
        best = 2e-16 * y.sum() / np.sqrt(logs[0].size) > NOISE or GROUP_COST * a.size < steps
        self.model.by_groups = best if by_groups is None else by_groups
        if not self.model.by_groups:
            self.shape, self.shape_times = np.exp(shapes[0]), shapes[1].astype(np.float64)
            self.model.shapes = self.shape.shape[0]
            self.model.shape, self.model.shape_times = &self.shape[0], &self.shape_times[0]
            self._take_steps(y, y * variance, logs)
        self.model.shift = float(times @ (np.log(a) - np.log(b)))
