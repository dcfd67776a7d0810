"""Joint log densities of the models for counts, value and gradient in one pass.

Beta-binomial: y_j ~ Binomial(n_j, theta_j), theta_j ~ Beta(alpha, beta); the coordinates are
(logit eta, log K, logit theta_1, ...), eta = alpha / K, K = alpha + beta. Poisson-gamma:
y_j ~ Poisson(e_j theta_j), theta_j ~ Gamma(alpha, rate alpha / mu); they are (log alpha, log mu,
log theta_1, ...). Variance-gamma is Poisson-gamma with precisions for effects: its coordinates are
(log 2 alpha, -log mu, -log theta_1, ...). All are centred: a coordinate is the effect itself on the whole line.

For large K or alpha the groups' laws are narrow and their normalising constants large, and the two
all but cancel. So a group's law is written about its mean, with d = logit theta - logit eta or
log theta - log mu:

    beta     alpha d - K log(1 + eta (e^d - 1))  + [alpha log eta + beta log(1 - eta) - log B]
    gamma    alpha (d - (e^d - 1))               + [alpha log alpha - alpha - log Gamma(alpha)]

and the brackets by Binet's function J(z) = log Gamma(z) - (z - 1/2) log z + z - log(2 pi) / 2:

    beta     (log alpha + log beta - log K - log 2 pi) / 2 - J(alpha) - J(beta) + J(K)
    gamma    (log alpha - log 2 pi) / 2 - J(alpha).

J and its derivative come from Stirling's series from 10 on (Abramowitz and Stegun 6.1.41, 6.3.18) and
by recurrence below. The Jacobians of theta's coordinate are in it already, for they take the -1 off
the exponents. The value has all constants.
"""
from libc.math cimport exp, expm1, fabs, lgamma, log, log1p

from pyhier.kernels.gradients cimport GradientDensity, gradient_t

import numpy as np


cdef double HALF_LOG_2PI = 0.918938533204672741780329736406

cdef extern from "pair_priors.h" nogil:
    enum:
        NO_PRIOR
        BDA3
        BETABINEXCH
        POISSGAMEXCH
    double softplus(double s)  # log(1 + exp(s))
    double expit(double s)
    double pair_prior(int kind, double log_z0, const double *x)
    void pair_prior_slopes(int kind, double log_z0, const double *x, double *gradient,
                           double *diagonal)

PRIORS = {"bda3": BDA3, "betabinexch": BETABINEXCH, "poissgamexch": POISSGAMEXCH,
          "shrinkage": POISSGAMEXCH}


cdef struct CountJoint:
    Py_ssize_t groups
    const double *y            # successes, or events
    const double *rest         # failures, or exposures
    double constant            # of the likelihood
    int prior
    double log_z0
    double log_unit            # of the first coordinate: log 2 of a number of degrees of freedom
    double sign                # -1 where an effect is 1 / theta, 1 else
    gradient_t own             # a density of both hyperparameters' coordinates
    void *own_data


# --- Binet's function -----------------------------------------------------------------------------

cdef inline double binet(double z) noexcept nogil:
    cdef double w = 1.0 / z, w2 = w * w
    if z < 10.0:
        return lgamma(z) - (z - 0.5) * log(z) + z - HALF_LOG_2PI
    return w * (1.0 / 12.0 - w2 * (1.0 / 360.0 - w2 * (1.0 / 1260.0 - w2 * (
        1.0 / 1680.0 - w2 * (1.0 / 1188.0 - w2 * (691.0 / 360360.0 - w2 / 156.0))))))


cdef inline double digamma_series(double z) noexcept nogil:
    """Digamma(z) - log(z), z >= 10."""
    cdef double w = 1.0 / z, w2 = w * w
    return -0.5 * w - w2 * (1.0 / 12.0 - w2 * (1.0 / 120.0 - w2 * (1.0 / 252.0 - w2 * (
        1.0 / 240.0 - w2 * (1.0 / 132.0 - w2 * (691.0 / 32760.0 - w2 / 12.0))))))


cdef inline double binet_slope(double z) noexcept nogil:
    """z times J's derivative: z (digamma(z) - log(z)) + 1/2."""
    cdef double up = z, less = 0.0
    if z >= 10.0:
        return z * digamma_series(z) + 0.5
    while up < 10.0:
        less += z / up
        up += 1.0
    return z * (digamma_series(up) + log(up) - log(z)) - less + 0.5


cdef inline double log_share(double p, double log_p, double log_q, double d) noexcept nogil:
    """log(q + p e^d), d <= 0, q = 1 - p, where either of the two terms may be the small one."""
    cdef double more = p * expm1(d), other = log_p + d
    if more > -0.5:
        return log1p(more)
    if other < log_q:
        return log_q + log1p(exp(other - log_q))
    return other + log1p(exp(log_q - other))


# --- The priors of both hyperparameters -----------------------------------------------------------

cdef double prior_at(CountJoint *m, const double *x, double *gradient) noexcept nogil:
    """Of the coordinates, the Jacobian included; adds its slopes."""
    cdef double[2] slopes = [0.0, 0.0], bend = [0.0, 0.0]
    cdef double value
    if m.prior == NO_PRIOR:
        value = m.own(2, x, slopes, m.own_data)
    else:
        value = pair_prior(m.prior, m.log_z0, x)
        pair_prior_slopes(m.prior, m.log_z0, x, slopes, bend)
    gradient[0] += slopes[0]
    gradient[1] += slopes[1]
    return value


# --- The densities --------------------------------------------------------------------------------

cdef double beta_binomial(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef CountJoint *m = <CountJoint *>data
    cdef double p = expit(x[0]), q = expit(-x[0]), size = exp(x[1])
    cdef double log_p = -softplus(-x[0]), log_q = -softplus(x[0])
    cdef double alpha = exp(x[1] + log_p), beta = exp(x[1] + log_q)
    cdef double jk = binet_slope(size), ja = binet_slope(alpha), jb = binet_slope(beta)
    cdef double u, d, theta, other, law, slope, of_eta = 0.0, of_size = 0.0, value
    cdef Py_ssize_t j
    value = m.groups * (0.5 * (x[1] + log_p + log_q) - HALF_LOG_2PI
                        - binet(alpha) - binet(beta) + binet(size))
    for j in range(m.groups):
        u = x[2 + j]
        d = u - x[0]
        theta, other = expit(u), expit(-u)
        if d <= 0.0:
            law = alpha * d - size * log_share(p, log_p, log_q, d)
        else:
            law = -beta * d - size * log_share(q, log_q, log_p, -d)
        # theta - eta, without its cancellation
        slope = p * other * expm1(d) if d <= 0.0 else -theta * q * expm1(-d)
        value += law - m.y[j] * softplus(-u) - m.rest[j] * softplus(u)
        gradient[2 + j] = -size * slope + m.y[j] * other - m.rest[j] * theta
        of_eta += d
        of_size += law
    # d law / d logit eta = K p q d at every group: its other terms cancel.
    gradient[0] = size * p * q * of_eta + m.groups * (0.5 * (q - p) - q * ja + p * jb)
    gradient[1] = of_size + m.groups * (0.5 - ja - jb + jk)
    return value + m.constant + prior_at(m, x, gradient)


cdef double poisson_gamma(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef CountJoint *m = <CountJoint *>data
    cdef double log_alpha = x[0] - m.log_unit, alpha = exp(log_alpha)
    cdef double value, u, d, rise, rate, of_mu = 0.0, of_alpha = 0.0
    cdef Py_ssize_t j
    value = m.groups * (0.5 * log_alpha - HALF_LOG_2PI - binet(alpha))
    for j in range(m.groups):
        u = m.sign * x[2 + j]
        d = m.sign * (x[2 + j] - x[1])
        rise = expm1(d)
        rate = m.rest[j] * exp(u)
        value += alpha * (d - rise) + m.y[j] * u - rate
        gradient[2 + j] = m.sign * (-alpha * rise + m.y[j] - rate)
        of_mu += rise
        of_alpha += d - rise
    gradient[0] = alpha * of_alpha + m.groups * (0.5 - binet_slope(alpha))
    gradient[1] = m.sign * (alpha * of_mu)
    return value + m.constant + prior_at(m, x, gradient)


cdef class CountsJoint(GradientDensity):
    """The joint log density of both hyperparameters and all effects.

    Parameters
    ----------
    model : "beta-binomial", "poisson-gamma" or "variance-gamma"
    y, rest : in, shape (groups,)
        Successes and failures, or events and exposures; df / 2 and df s2 / 2 of variances.
    constant : of the likelihood
    prior : "bda3", "betabinexch", "poissgamexch", "shrinkage" or a log density of both coordinates, with its
        gradient
    z0 : of "poissgamexch" and of "shrinkage"
    """
    cdef CountJoint model
    cdef const double[::1] y, rest

    def __init__(self, str model, const double[::1] y, const double[::1] rest, double constant,
                 prior, double z0=1.0):
        cdef GradientDensity own
        self.y, self.rest, self.compiled = y, rest, True
        self.model.groups, self.model.constant = y.shape[0], constant
        self.model.y, self.model.rest = &self.y[0], &self.rest[0]
        self.model.log_z0 = log(z0)
        self.model.log_unit = log(2.0) if model == "variance-gamma" else 0.0
        self.model.sign = -1.0 if model == "variance-gamma" else 1.0
        if isinstance(prior, str):
            self.model.prior = PRIORS[prior]
        else:
            own = prior
            self.model.prior = NO_PRIOR
            self.model.own, self.model.own_data = own.function, own.data
            self.part, self.compiled, self.failed = own, own.compiled, own.failed
        self.ndim, self.data = <int>(2 + y.shape[0]), &self.model
        self.function = beta_binomial if model == "beta-binomial" else poisson_gamma
