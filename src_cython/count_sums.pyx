"""Log densities of counts of which only sums over groups are kept (models/count_sums.py).

They are those of count_density.pyx, but less the log likelihood at a reference near its maximum: of 1e9 groups that is 1e9, and a double's last digit there is 1e-7. Differences from the
reference are taken term by term, so that sums are no larger than the posterior is wide. Derivatives
are sums over the same steps.

Of events there are two ways to count, with t = e mu / alpha and s = log t:

- from the reference (alpha0, mu0), with softplus(s) = log(1 + exp(s)),
  sum_i C[i] log((alpha + i) / (alpha0 + i)) - sum y (softplus(-s) - softplus(-s0))
  - sum (alpha softplus(s) - alpha0 softplus(s0));
- from groups that are pooled at mu0, where they nearly are: t is small then,
  sum_{i > 0} C[i] log(1 + i / alpha) + Y log(mu / mu0) - sum y softplus(s)
  - sum (alpha (softplus(s) - t) + e (mu - mu0)).
"""
from libc.math cimport INFINITY, exp, expm1, fabs, log1p

from pyhier.kernels.count_data cimport Counts, Steps
from pyhier.kernels.count_density cimport (
    BetaBinomialMarginal, CountData, CountMarginal, beta_binomial, prior_at,
)

import numpy as np

from pyhier.kernels.count_data import log_ratio
from pyhier.kernels.count_masses import factorial_rest, log_mass_given


cdef extern from "count_terms.h" nogil:
    double log_gap(double t, double one_less)
    enum: LARGEST_LOG

cdef extern from "pair_priors.h" nogil:
    double softplus(double s)  # log(1 + exp(s))

cdef extern from "count_steps.h" nogil:
    struct total:
        double sum, lost
    void add(total *t, double x)
    void add_total(total *t, const total *other, double sign)
    total ratio_sum(size_t steps, const double *more, const double *place, const double *scale,
                    double share, double inverse, double share_off, double inverse_off)


cdef enum:
    LEAST_LOG = -640  # of a precision, as in count_density.pyx

cdef double CLOSE = 0.5  # to the reference, in logs
cdef double SMALL = 0.1  # of t on average, below which groups are nearly pooled
cdef double SMALLEST = 1e-3  # from which on a close reference is the better one all the same


cdef void step_slopes(const Steps *r, double a, double *down, double *bend) noexcept nogil:
    """sum_i C[i] i / (a + i), and its derivative by log a with the sign changed."""
    cdef Py_ssize_t i
    cdef double share
    down[0] = bend[0] = 0.0
    for i in range(r.steps):
        share = r.place[i] / (a + r.place[i])
        down[0] += r.more[i] * share
        bend[0] += r.more[i] * share * (a / (a + r.place[i]))


cdef double counted(const Steps *r) noexcept nogil:
    """The sum of all counts."""
    cdef Py_ssize_t i
    cdef double found = r.first
    for i in range(r.steps):
        found += r.more[i]
    return found


# --- Beta-binomial --------------------------------------------------------------------------------

cdef class BetaBinomialSteps(BetaBinomialMarginal):
    """The log marginal posterior of (logit eta, log K), from the counts of three kinds.

    ``reference`` is a point (2,) near the maximum.
    """

    def __init__(self, Counts successes, Counts failures, Counts trials, reference):
        self._take_prior("", 1.0)
        self.reference = self.fast = beta_binomial
        self.model.shift, self.model.by_groups = 0.0, False
        self._refer(successes, failures, trials, *reference)

    cdef void _add_slopes(self, double *x, double *first, double *second) noexcept nogil:
        cdef double size = exp(x[1] if x[1] < LARGEST_LOG else LARGEST_LOG)
        cdef double small = exp(-fabs(x[0]))
        cdef double eta = (1.0 if x[0] > 0.0 else small) / (1.0 + small)
        cdef double other = (small if x[0] > 0.0 else 1.0) / (1.0 + small)
        cdef double a, b, k, da, db, dk
        cdef double y = counted(&self.model.successes), f = counted(&self.model.failures)
        step_slopes(&self.model.successes, size * eta, &a, &da)
        step_slopes(&self.model.failures, size * other, &b, &db)
        step_slopes(&self.model.trials, size, &k, &dk)
        first[0] += (other * y - eta * f) - (other * a - eta * b)
        first[1] -= a + b - k
        second[0] += other * other * da + eta * eta * db - eta * other * (y + f - a - b)
        second[1] += other * da - eta * db
        second[2] += da + db - dk


cdef class BetaBinomialPairs(BetaBinomialMarginal):
    """The same from different pairs of successes and failures, and how often they are there."""

    def __init__(self, successes, failures, times, reference):
        y, f = successes, failures
        self._take_prior("", 1.0)
        self.reference = self.fast = beta_binomial
        self.model.shift, self.model.by_groups = 0.0, True
        at = log_mass_given("beta-binomial", y, f, np.array([reference]))[:, 0]
        constant = factorial_rest(y) + factorial_rest(f) - factorial_rest(y + f)
        self._take_groups(y, f, *log_ratio(y, f), constant + at, times)


# --- Poisson-gamma --------------------------------------------------------------------------------

cdef double from_reference(CountData *model, double *x) noexcept nogil:
    cdef double growth = x[0] - model.log_alpha, more = x[1] - model.log_mu, d = more - growth
    cdef double before = exp(model.log_alpha), off = before * expm1(growth), alpha = exp(x[0])
    cdef double s, ahead, behind, small, share, up = expm1(d), down = expm1(-d)
    cdef bint near = fabs(d) < CLOSE
    cdef Py_ssize_t j
    cdef total sum = ratio_sum(model.successes.steps, model.successes.more, model.successes.place,
                               model.successes.scale, alpha, 1.0, off, 0.0)
    add(&sum, model.successes.first * growth)
    for j in range(model.exposures):
        s = model.log_exposure[j] + model.log_mu - model.log_alpha
        small = exp(-fabs(s))
        if near:
            share = (1.0 if s > 0.0 else small) / (1.0 + small)
            ahead = log1p(share * up)
            share = (small if s > 0.0 else 1.0) / (1.0 + small)
            behind = log1p(share * down)
        else:
            ahead = softplus(s + d) - softplus(s)
            behind = softplus(-(s + d)) - softplus(-s)
        add(&sum, -(model.exposure_counts[j] * behind))
        add(&sum, -(model.exposure_groups[j] * (alpha * ahead + off * softplus(s))))
    return sum.sum + sum.lost


cdef double from_pooled(CountData *model, double *x) noexcept nogil:
    cdef double alpha = exp(x[0]), more = x[1] - model.log_mu, grown = expm1(more)
    cdef double s, t, before, away
    cdef Py_ssize_t j
    cdef total sum = ratio_sum(model.successes.steps, model.successes.more, model.successes.place,
                               model.ones, 1.0, 1.0 / alpha, 0.0, 1.0 / alpha)
    for j in range(model.exposures):
        s = model.log_exposure[j] + x[1] - x[0]
        before = exp(model.log_exposure[j] + model.log_mu)
        if s < -CLOSE:
            t = exp(s)
            away = before * grown - alpha * log_gap(-t, 1.0 + t)
        else:
            away = alpha * softplus(s) - before
        add(&sum, model.exposure_counts[j] * (more - softplus(s)))
        add(&sum, -(model.exposure_groups[j] * away))
    return sum.sum + sum.lost


cdef double poisson_gamma_sums(int ndim, double *x, void *data) noexcept nogil:
    cdef CountData *model = <CountData *>data
    cdef double[2] at = [x[0] if x[0] < LARGEST_LOG else LARGEST_LOG, x[1]]
    cdef double growth = at[0] - model.log_alpha, d = (at[1] - model.log_mu) - growth
    cdef double t = model.mean_exposure * exp(model.log_mu - model.log_alpha), value
    if at[0] < LEAST_LOG:
        return -INFINITY
    if t * exp(d) > SMALL or (fabs(growth) < CLOSE and fabs(d) < CLOSE and t > SMALLEST):
        value = from_reference(model, at)
    else:
        value = from_pooled(model, at) - model.pooled
    if value != value:  # infinite sums of both signs, far out
        return -INFINITY
    return value + prior_at(model, x)


cdef class PoissonGammaSums(CountMarginal):
    """The log marginal posterior of (log alpha, log mu), from the counts and a few exposures.

    ``log_exposure`` are places with the numbers of groups and of events that they stand for, which
    need not be positive; ``reference`` is a point (2,) near the maximum.
    """
    cdef double[::1] ones, log_exposure, exposure_groups, exposure_counts

    def __init__(self, Counts events, log_exposure, groups, counts, reference):
        cdef double[2] x = reference
        self._take_prior("", 1.0)
        self.reference = self.fast = poisson_gamma_sums
        self.successes = events
        self.model.successes = self.successes.sums
        self.model.successes.scale = self.successes.refer(exp(x[0]), 1.0)
        self.ones = np.ones(self.successes.more.shape[0])
        self.model.ones = &self.ones[0]
        self.log_exposure, self.exposure_groups, self.exposure_counts = (
            np.ascontiguousarray(part) for part in (log_exposure, groups, counts))
        self.model.exposures = self.log_exposure.shape[0]
        self.model.log_exposure = &self.log_exposure[0]
        self.model.exposure_groups = &self.exposure_groups[0]
        self.model.exposure_counts = &self.exposure_counts[0]
        self.model.log_alpha, self.model.log_mu = x[0], x[1]
        self.model.mean_exposure = groups @ np.exp(log_exposure) / groups.sum()
        self.model.pooled = from_pooled(&self.model, x)

    cdef void _add_slopes(self, double *x, double *first, double *second) noexcept nogil:
        cdef double log_alpha = x[0] if x[0] < LARGEST_LOG else LARGEST_LOG
        cdef double alpha = exp(log_alpha), s, small, q, p, groups, counts, down, bend
        cdef Py_ssize_t j
        step_slopes(&self.model.successes, alpha, &down, &bend)
        first[0] -= down
        second[0] += bend
        for j in range(self.model.exposures):
            s = self.model.log_exposure[j] + x[1] - log_alpha
            small = exp(-fabs(s))
            q = (1.0 if s > 0.0 else small) / (1.0 + small)
            p = (small if s > 0.0 else 1.0) / (1.0 + small)
            groups, counts = alpha * self.model.exposure_groups[j], self.model.exposure_counts[j]
            first[0] += counts * q - groups * (softplus(s) - q)
            first[1] += counts * p - groups * q
            second[0] += groups * (q - softplus(s)) + groups * q * q - counts * (q * p)
            second[1] += q * (counts * p - groups * q)
            second[2] -= (groups + counts) * (q * p)
