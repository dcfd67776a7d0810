"""Joint log densities of hyperparameters and normal effects, value and gradient in one pass.

theta_j ~ N(m_j, tau^2) with m_j = mu, or a linear predictor x_j'beta; data y_j given theta_j is
normal with a known variance, binomial with logit theta_j (plus an offset), Poisson with log rate
theta_j, or of two arms with log odds ratio theta_j, whose likelihood stands in a table. The
coordinates are (beta_1, ..., beta_k, log tau, effect_1, ..., effect_J), of which an effect is

- centred: theta_j itself;
- non-centred: z_j = (theta_j - m_j) / tau, which is N(0, 1) a priori (Papaspiliopoulos, Roberts and
  Skoeld, Statistical Science 22 (2007), 59-73).

With l the log likelihood of a group, l' its derivative in theta, s = log tau:

    centred       sum l(theta_j) - J s - sum (theta_j - m_j)^2 / (2 tau^2)
                  in theta_j: l'_j - (theta_j - m_j) / tau^2; in beta: sum x_j (theta_j - m_j) / tau^2
                  in s: -J + sum (theta_j - m_j)^2 / tau^2
    non-centred   sum l(m_j + tau z_j) - sum z_j^2 / 2
                  in z_j: tau l'_j - z_j; in beta: sum x_j l'_j; in s: tau sum l'_j z_j

and + s for the Jacobian, + the priors, + all constants: the value is the log of likelihood times
prior, so that its integral is the evidence.

``NormalMarginalGradient`` is the same with the effects integrated out, y_j ~ N(mu, var_j + tau^2).
"""
from libc.math cimport exp, fabs, log, log1p

from pyhier.kernels.density cimport LogDensity, density_t
from pyhier.kernels.gradients cimport (
    GradientDensity, Smooth, flag_of, gradient_t, normal_prior, smooth, with_slope,
)

import numpy as np


cdef extern from "joint_sums.h" nogil:
    void noncentred_sums(size_t groups, const double *y, const double *weight, const double *z,
                         double mu, double tau, double *gradient, double *sums)
    void noncentred_value(size_t groups, const double *y, const double *weight, const double *z,
                          double mu, double tau, double *sums)
    void centred_sums(size_t groups, const double *y, const double *weight, const double *theta,
                      double mu, double precision, double *gradient, double *sums)
    void centred_value(size_t groups, const double *y, const double *weight, const double *theta,
                       double mu, double *sums)
    void marginal_sums(size_t groups, const double *y, const double *var, double mu, double t,
                       double *sums)


cdef extern from "likelihood_table.h" nogil:
    double table_at(const double *table, double theta, double *slope, double *bend)


cdef double LOG_SQRT_2PI = 0.918938533204672741780329736406

cdef enum Likelihood:
    NORMAL, BINOMIAL, POISSON, TABLE

LIKELIHOODS = {"normal": NORMAL, "binomial": BINOMIAL, "poisson": POISSON,
               "table": TABLE}


cdef struct EffectsData:
    int kind
    bint centred
    Py_ssize_t groups, k
    const double *y
    const double *size         # 1 / variance, trials, exposure, or the most that y can be
    const double *offset       # NULL: none
    const double *tables
    const double *start        # of groups' tables
    const double *design       # (groups, k); NULL: k is 1 and every m_j is mu
    const double *mean         # of beta's normal prior
    Py_ssize_t known           # rows of root
    const double *root         # (known, k): root (beta - mean) is standard normal
    double kappa               # mu's prior variance is tau^2 / kappa; 0: not tied to tau
    double constant
    Smooth tau


# --- Priors ---------------------------------------------------------------------------------------

cdef inline double priors(EffectsData *e, const double *x, double *gradient,
                          double *of_tau) noexcept nogil:
    """Of beta and log tau, the Jacobian included; adds their slopes. ``of_tau`` is tau's own part."""
    cdef double value = e.constant + x[e.k], precision, away
    gradient[e.k] += 1.0
    of_tau[0] = with_slope(&e.tau, x[e.k], &gradient[e.k])
    value += of_tau[0]
    if e.kappa > 0.0:
        precision, away = e.kappa * exp(-2.0 * x[e.k]), x[0] - e.mean[0]
        value -= 0.5 * precision * away * away + x[e.k]
        gradient[0] -= precision * away
        gradient[e.k] += precision * away * away - 1.0
    value += normal_prior(e.k, e.known, e.root, e.mean, x, gradient)
    return value


cdef inline double softplus(double s) noexcept nogil:
    """log(1 + exp(s))."""
    return (s if s > 0.0 else 0.0) + log1p(exp(-fabs(s)))


cdef inline double one_group(EffectsData *e, Py_ssize_t j, double theta,
                             double *slope) noexcept nogil:
    """Log likelihood of a group, less its constant, and its derivative in theta."""
    cdef double r, rate, bend
    if e.kind == NORMAL:
        r = e.y[j] - theta
        slope[0] = e.size[j] * r
        return -0.5 * slope[0] * r
    if e.kind == TABLE:
        slope[0] = 0.0
        if e.size[j] == 0.0:
            return 0.0
        return table_at(e.tables + <Py_ssize_t>e.start[j], theta, slope, &bend)
    if e.kind == BINOMIAL:
        if e.offset != NULL:
            theta += e.offset[j]
        # From the nearer side, so that neither tail loses its digits.
        if theta < 0.0:
            slope[0] = e.y[j] - e.size[j] * (exp(theta) / (1.0 + exp(theta)))
        else:
            slope[0] = e.y[j] - e.size[j] / (1.0 + exp(-theta))
        return e.y[j] * theta - e.size[j] * softplus(theta)
    rate = e.size[j] * exp(theta)
    slope[0] = e.y[j] - rate
    return e.y[j] * theta - rate


# --- The joint densities --------------------------------------------------------------------------

cdef double simple_noncentred(int ndim, const double *x, double *gradient,
                              void *data) noexcept nogil:
    """Normal data about one mu."""
    cdef EffectsData *e = <EffectsData *>data
    cdef double[4] sums
    cdef double tau = exp(x[1]), of_tau
    noncentred_sums(e.groups, e.y, e.size, x + 2, x[0], tau, gradient + 2, sums)
    gradient[0], gradient[1] = sums[2], tau * sums[3]
    return priors(e, x, gradient, &of_tau) - 0.5 * (sums[0] + sums[1])


cdef double simple_centred(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef EffectsData *e = <EffectsData *>data
    cdef double[4] sums
    cdef double precision = exp(-2.0 * x[1]), of_tau
    centred_sums(e.groups, e.y, e.size, x + 2, x[0], precision, gradient + 2, sums)
    gradient[0], gradient[1] = precision * sums[2], precision * sums[1] - e.groups
    return priors(e, x, gradient, &of_tau) - 0.5 * (sums[0] + precision * sums[1]) - e.groups * x[1]


cdef double any_effects(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef EffectsData *e = <EffectsData *>data
    cdef const double *effect = x + e.k + 1
    cdef double *slopes = gradient + e.k + 1
    cdef double tau = exp(x[e.k]), precision = exp(-2.0 * x[e.k])
    cdef double value = 0.0, mean, pull, away, slope = 0.0, of_tau
    cdef Py_ssize_t i, j
    for i in range(e.k):
        gradient[i] = 0.0
    for j in range(e.groups):
        mean = x[0] if e.design == NULL else 0.0
        if e.design != NULL:
            for i in range(e.k):
                mean += e.design[j * e.k + i] * x[i]
        if e.centred:
            value += one_group(e, j, effect[j], &pull)
            away = effect[j] - mean
            value -= 0.5 * precision * away * away
            slopes[j] = pull - precision * away
            slope += precision * away * away
            pull = precision * away
        else:
            value += one_group(e, j, mean + tau * effect[j], &pull) - 0.5 * effect[j] * effect[j]
            slopes[j] = tau * pull - effect[j]
            slope += tau * pull * effect[j]
        for i in range(e.k):
            gradient[i] += pull if e.design == NULL else pull * e.design[j * e.k + i]
    gradient[e.k] = slope
    if e.centred:
        value -= e.groups * x[e.k]
        gradient[e.k] -= e.groups
    return value + priors(e, x, gradient, &of_tau)


cdef class NormalEffects(GradientDensity):
    """The joint log density of (beta, log tau, effects).

    Parameters
    ----------
    likelihood : "normal", "binomial", "poisson" or "table"
    y, size : in, shape (groups,)
        The response; the variances, trials, exposures, or the most that the response can be.
    centred : whether an effect's coordinate is theta itself
    constant : what is added: the constants of likelihood and priors
    mean : in, shape (k,)
    root : in, shape (known, k)
        Of beta's normal prior: root (beta - mean) is standard normal; no rows where it is flat.
    prior_tau : None (uniform) or a log density of tau at log tau, perhaps with its gradient
    kappa : with it above 0, mu's prior variance is tau^2 / kappa
    design : in, shape (groups, k), or None: one mu for all
    offset : in, shape (groups,), of logits, or None
    tables, start : in; of tables: start has shape (groups,)
    """
    cdef EffectsData model
    cdef const double[::1] y, size, mean, offset, tables, start
    cdef const double[:, ::1] design, root

    def __init__(self, str likelihood, const double[::1] y, const double[::1] size, bint centred,
                 double constant, const double[::1] mean, const double[:, ::1] root,
                 prior_tau=None, double kappa=0.0, const double[:, ::1] design=None,
                 const double[::1] offset=None, const double[::1] tables=None,
                 const double[::1] start=None):
        cdef EffectsData *e = &self.model
        self.offset, self.tables, self.start = offset, tables, start
        e.offset = NULL if offset is None else &self.offset[0]
        e.tables = NULL if tables is None else &self.tables[0]
        e.start = NULL if start is None else &self.start[0]
        self.y, self.mean, self.root, self.design = y, mean, root, design
        e.kind, e.centred = LIKELIHOODS[likelihood], centred
        self.size = 1.0 / np.asarray(size) if e.kind == NORMAL else size
        e.groups, e.k = y.shape[0], mean.shape[0]
        e.y, e.size, e.mean = &self.y[0], &self.size[0], &self.mean[0]
        e.known, e.root = root.shape[0], NULL if root.shape[0] == 0 else &self.root[0, 0]
        e.design = NULL if design is None else &self.design[0, 0]
        e.kappa, e.constant, e.tau = kappa, constant, smooth(prior_tau)
        self.part, self.compiled = prior_tau, prior_tau is None or prior_tau.compiled
        self.failed = flag_of(prior_tau, &self.own_failed)
        self.ndim, self.data = <int>(e.k + 1 + e.groups), e
        if e.kind == NORMAL and design is None:
            self.function = simple_centred if centred else simple_noncentred
        else:
            self.function = any_effects

    def value(self, x):
        """The log density alone, where data are normal about one mu."""
        cdef const double[::1] point = np.ascontiguousarray(x, dtype=np.float64)
        cdef EffectsData *e = &self.model
        cdef double[4] sums
        cdef double[2] unused
        cdef double precision, of_tau
        if self.function == any_effects:
            return self(x)[0]
        unused[0] = unused[1] = 0.0
        if e.centred:
            precision = exp(-2.0 * point[1])
            centred_value(e.groups, e.y, e.size, &point[2], point[0], sums)
            value = -0.5 * (sums[0] + precision * sums[1]) - e.groups * point[1]
        else:
            noncentred_value(e.groups, e.y, e.size, &point[2], point[0], exp(point[1]), sums)
            value = -0.5 * (sums[0] + sums[1])
        value += priors(e, &point[0], unused, &of_tau)
        self.raise_error()
        return value


# --- The effects integrated out -------------------------------------------------------------------

cdef struct MarginalData:
    EffectsData effects
    density_t density          # of (mu, log tau), the priors included; not tau's that is Python's
    void *density_data
    const double *var


cdef double marginal(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef MarginalData *m = <MarginalData *>data
    cdef EffectsData *e = &m.effects
    cdef double[4] sums
    cdef double t = exp(2.0 * x[e.k]), of_tau
    if e.design == NULL:
        marginal_sums(e.groups, e.y, m.var, x[0], t, sums)
        gradient[0] = sums[1]
    else:
        linear_sums(m, x, t, gradient, sums)
    gradient[e.k] = t * (sums[3] - sums[0])
    priors(e, x, gradient, &of_tau)
    # The density takes its point for writing, and leaves it alone.
    return m.density(ndim, <double *>x, m.density_data) + e.constant \
        + (of_tau if e.tau.both != NULL else 0.0)


cdef void linear_sums(MarginalData *m, const double *x, double t, double *gradient,
                      double *sums) noexcept nogil:
    """As ``marginal_sums``, about a linear predictor, whose slopes are filled in."""
    cdef EffectsData *e = &m.effects
    cdef double w, r, pull
    cdef Py_ssize_t i, j
    for i in range(e.k):
        gradient[i] = 0.0
    for i in range(4):
        sums[i] = 0.0
    for j in range(e.groups):
        r, w = e.y[j], 1.0 / (m.var[j] + t)
        for i in range(e.k):
            r -= e.design[j * e.k + i] * x[i]
        pull = w * r
        for i in range(e.k):
            gradient[i] += pull * e.design[j * e.k + i]
        sums[0] += w
        sums[3] += pull * pull


cdef class NormalMarginalGradient(GradientDensity):
    """The log marginal posterior of (beta, log tau) in the normal model, with its gradient.

    ``density`` is its value (`NormalMarginal`, `LinearMarginal`) with the priors, without tau's
    where ``prior_tau`` has its gradient; the rest as for `NormalEffects`.
    """
    cdef MarginalData model
    cdef const double[::1] y, var, mean
    cdef const double[:, ::1] design, root

    def __init__(self, LogDensity density, const double[::1] y, const double[::1] var,
                 double constant, const double[::1] mean, const double[:, ::1] root,
                 prior_tau=None, double kappa=0.0, const double[:, ::1] design=None):
        cdef EffectsData *e = &self.model.effects
        self.y, self.var, self.mean, self.root, self.design = y, var, mean, root, design
        e.groups, e.k, e.y, e.mean = y.shape[0], mean.shape[0], &self.y[0], &self.mean[0]
        e.known, e.root = root.shape[0], NULL if root.shape[0] == 0 else &self.root[0, 0]
        e.design = NULL if design is None else &self.design[0, 0]
        e.kappa, e.constant, e.tau = kappa, constant, smooth(prior_tau)
        self.model.density, self.model.density_data = density.fast, density.data
        self.model.var = &self.var[0]
        self.part = prior_tau if isinstance(prior_tau, GradientDensity) else density
        self.compiled, self.failed = self.part.compiled, flag_of(self.part, &self.own_failed)
        self.keep_alive = density
        self.ndim, self.function, self.data = <int>(e.k + 1), marginal, &self.model
