"""Log densities behind one small C interface.

A ``LogDensity`` is a C function ``double f(int ndim, double *x, void *data)`` with its data. The
samplers call that function and nothing else, so a density of ours, a ``numba.njit`` function, a
``scipy.LowLevelCallable`` and a Python callable all run through the same loop; only the last one
takes the GIL, and it remembers an exception for the loop's caller to raise.

The densities of the normal model are the log marginal posterior of (mu, log tau), theta integrated
out: y_j ~ N(mu, var_j + tau^2). There are three orders of arithmetic for it.

- "post", the one that R users write: the sum over groups of
  -log(tau^2 + var) / 2 - (mu - y)^2 / (2 (var + tau^2)), then + log tau for the Jacobian. Sums run
  in ``long double`` because R's ``sum`` does; with libm's log and exp the bits equal R's.
- "dnorm", the one LearnBayes' normnormexch documents: normal log densities in the form of R's
  ``dnorm``, then + log(tau).
- the fast one (group_sums.h): one logarithm for all groups. What it decides under an R stream is
  said in sampler.pyx.

They agree to a few ulps of the largest term.
"""
from cpython.pycapsule cimport PyCapsule_GetContext, PyCapsule_GetName, PyCapsule_GetPointer
from libc.math cimport INFINITY, NAN, exp, expm1, fabs, lgamma, log, log1p, sqrt
from libc.stdint cimport uintptr_t

import numpy as np


cdef extern from "group_sums.h" nogil:
    void group_sums(size_t groups, const double *y, const double *var, double mu, double t,
                    double *log_sum, double *square_sum)
    void few_group_sums(size_t groups, const double *y, const double *var, double mu, double t,
                        double *log_sum, double *square_sum)


cdef double LOG_SQRT_2PI = 0.918938533204672741780329736406


cdef class LogDensity:
    """A log density of ``ndim`` coordinates that the samplers can call; so can Python."""

    def __cinit__(self):
        self.failed = &self.own_failed

    def __call__(self, x):
        cdef double[::1] point = np.array(x, dtype=np.float64).ravel()  # a copy: it may be written
        if self.reference == NULL:
            raise TypeError("LogDensity is a base class: make one of its kinds")
        if point.shape[0] != self.ndim:
            raise ValueError(f"x has {point.shape[0]} coordinates: this density takes {self.ndim}")
        value = self.reference(self.ndim, &point[0], self.data)
        self.raise_error()
        return value

    def evaluate(self, x, bint fast=False):
        """The log density at every row of ``x``, in R's arithmetic or the fast one."""
        cdef double[:, ::1] points = np.array(x, dtype=np.float64, order="C", ndmin=2)
        cdef density_t function = self.fast if fast else self.reference
        if function == NULL:
            raise TypeError("LogDensity is a base class: make one of its kinds")
        if points.shape[1] != self.ndim:
            raise ValueError(f"x has {points.shape[1]} columns: this density takes {self.ndim}")
        values = np.empty(points.shape[0])
        cdef double[::1] out = values
        cdef Py_ssize_t i
        with nogil:
            for i in range(points.shape[0]):
                out[i] = function(self.ndim, &points[i, 0], self.data)
                if self.failed[0]:
                    break
        self.raise_error()
        return values

    def undefined_in_r(self, x):
        """Whether R's own formula is NaN, at every row of ``x``."""
        cdef double[:, ::1] points = np.array(x, dtype=np.float64, order="C", ndmin=2)
        if points.shape[1] != self.ndim:
            raise ValueError(f"x has {points.shape[1]} columns: this density takes {self.ndim}")
        if self.undefined == NULL:
            return np.isnan(self.evaluate(points))
        return np.array([
            self.undefined(self.ndim, &points[i, 0], self.undefined_data)
            for i in range(points.shape[0])
        ], dtype=bool)

    def raise_error(self):
        """Raise, once, what a Python callable raised inside a loop."""
        if self.part is not None:
            self.part.raise_error()
        if self.own_failed:
            error, self.error, self.own_failed = self.error, None, False
            raise error


# --- The user's own densities ---------------------------------------------------------------------

cdef double call_python(int ndim, double *x, void *data) noexcept with gil:
    cdef CallableDensity density = <CallableDensity>data
    cdef double[::1] point
    try:
        array = np.empty(ndim)
        point = array
        for i in range(ndim):
            point[i] = x[i]
        value = density.function(array, *density.args)
        if isinstance(value, np.ndarray) and value.size == 1:  # what a vector of one is in R
            value = value.item()
        try:
            return value
        except TypeError:
            raise TypeError(
                f"the log posterior returned {value!r}: it must return one number"
            ) from None
    except BaseException as error:  # KeyboardInterrupt too: the loop ends, its caller decides
        density.error = error
        density.own_failed = True
        return NAN


cdef class CallableDensity(LogDensity):
    """A Python callable ``function(x, *args)``; it gets a fresh array each time."""
    cdef object function
    cdef tuple args

    def __init__(self, function, tuple args, int ndim):
        self.function, self.args, self.ndim, self.compiled = function, args, ndim, False
        self.reference = self.fast = call_python
        self.data = <void *>self


cdef class CheckedDensity(LogDensity):
    """A C function that says when it failed, by address; ``retry`` is its Python twin.

    The function's data is ``record``: it sets the first number and puts the bits of x in the rest.
    ``retry`` is then called there, to raise the failure with its own traceback.
    """
    cdef object retry
    cdef object record
    cdef long long[::1] view

    def __init__(self, uintptr_t address, int ndim, retry, keep_alive):
        self.ndim, self.compiled, self.retry, self.keep_alive = ndim, True, retry, keep_alive
        self.record = np.zeros(ndim + 1, dtype=np.int64)
        self.view = self.record
        self.reference = self.fast = <density_t>address
        self.data = &self.view[0]
        self.failed = <bint *>&self.view[0]

    def raise_error(self):
        """Raise, once, what the function raised inside a loop."""
        if self.failed[0]:
            self.view[0] = 0
            self.retry(self.record[1:].view(np.float64).copy())
            raise RuntimeError("the compiled log posterior failed where its Python twin does not")


cdef struct WithoutData:
    double (*function)(int, double *) noexcept nogil


cdef double call_without_data(int ndim, double *x, void *data) noexcept nogil:
    return (<WithoutData *>data).function(ndim, x)


cdef class ForeignDensity(LogDensity):
    """A C function that something else compiled, by address."""
    cdef WithoutData without_data

    def __init__(self, int ndim, keep_alive):
        self.ndim, self.compiled, self.keep_alive = ndim, True, keep_alive

    @staticmethod
    def from_address(uintptr_t address, int ndim, keep_alive):
        """The function at an address, of scipy's signature."""
        cdef ForeignDensity density = ForeignDensity(ndim, keep_alive)
        density.reference = density.fast = <density_t>address
        return density

    @staticmethod
    def from_capsule(capsule, int ndim, keep_alive):
        """The function in scipy's capsule: its name is the C signature, its context the data."""
        cdef ForeignDensity density = ForeignDensity(ndim, keep_alive)
        cdef const char *signature = PyCapsule_GetName(capsule)
        cdef void *function = PyCapsule_GetPointer(capsule, signature)
        kind = signature.decode().replace(" ", "")
        if kind == "double(int,double*,void*)":
            density.reference = density.fast = <density_t>function
            density.data = PyCapsule_GetContext(capsule)
        elif kind == "double(int,double*)":
            density.without_data.function = <double (*)(int, double *) noexcept nogil>function
            density.reference = density.fast = call_without_data
            density.data = &density.without_data
        else:
            raise ValueError(
                f"the log posterior's C signature is {signature.decode()!r}: "
                "it must be 'double (int, double *, void *)' or 'double (int, double *)'"
            )
        return density


# --- Priors of tau, as functions of log tau -------------------------------------------------------

cdef double half_normal(int ndim, double *x, void *data) noexcept nogil:
    cdef double z = exp(x[0]) / (<double *>data)[0]
    return -0.5 * z * z - log((<double *>data)[0]) - LOG_SQRT_2PI + 0.693147180559945309417


cdef double half_cauchy(int ndim, double *x, void *data) noexcept nogil:
    cdef double scale = (<double *>data)[0]
    cdef double z = exp(x[0]) / scale
    if z > 1e150:  # its square may not be a double
        return log(scale) - 2.0 * x[0] - 0.451582705289454864727
    return -log(scale) - log1p(z * z) - 0.451582705289454864727  # log(pi / 2)


cdef double exponential(int ndim, double *x, void *data) noexcept nogil:
    cdef double scale = (<double *>data)[0]
    return -exp(x[0]) / scale - log(scale)


cdef double square_root(int ndim, double *x, void *data) noexcept nogil:
    return -0.5 * x[0]


cdef double excess(double v) noexcept nogil:
    """exp(v) - 1 - v, to the last digits near 0 too."""
    if fabs(v) > 0.3:
        return expm1(v) - v
    cdef double term = 0.5 * v * v, total = 0.0
    cdef int k = 2
    while fabs(term) > 1e-18 * total:
        total += term
        k += 1
        term *= v / k
    return total


cdef double stirling(double h) noexcept nogil:
    """h log h - lgamma(h) - h, which cancels where h is large (Abramowitz and Stegun 6.1.41)."""
    if h < 30.0:
        return h * log(h) - lgamma(h) - h
    return 0.5 * log(h) - LOG_SQRT_2PI - (1.0 - (1.0 / 30.0 - (1.0 / 105.0 - 3.0 / 420.0 / (h * h))
                                                  / (h * h)) / (h * h)) / (12.0 * h)


cdef double scaled_inv_chi(int ndim, double *x, void *data) noexcept nogil:
    """tau^2 ~ scaled inverse chi-squared(nu, scale^2), as a density of tau.

    About its peak: with nu in the millions the terms of the usual formula cancel.
    """
    cdef double half = 0.5 * (<double *>data)[1]
    cdef double v = 2.0 * (log((<double *>data)[0]) - x[0])
    return 0.693147180559945309417 + stirling(half) - x[0] - half * excess(v)


cdef inline double within(double x) noexcept nogil:
    """A log of tau; that of 0, where there may be a pole, as the least double's, and a finite one."""
    return -744.0 if x == -INFINITY else (1e300 if x > 1e300 else x)


cdef double gamma_law(int ndim, double *x, void *data) noexcept nogil:
    """Gamma: about its peak, as above."""
    cdef double *p = <double *>data
    cdef double at = within(x[0])
    return stirling(p[1]) - at - p[1] * excess(at - p[2] - log(p[1]))


cdef double inverse_gamma(int ndim, double *x, void *data) noexcept nogil:
    cdef double *p = <double *>data
    cdef double at = within(x[0])
    return stirling(p[1]) - at - p[1] * excess(p[2] - at - log(p[1]))


cdef double log_normal(int ndim, double *x, void *data) noexcept nogil:
    cdef double *p = <double *>data
    cdef double at = within(x[0]), z = (at - p[2]) / p[1]
    return -0.5 * z * z - log(p[1]) - LOG_SQRT_2PI - at


cdef double half_normal_slope(int ndim, double *x, void *data) noexcept nogil:
    cdef double z = exp(x[0]) / (<double *>data)[0]
    return -z * z


cdef double half_cauchy_slope(int ndim, double *x, void *data) noexcept nogil:
    cdef double z = exp(x[0]) / (<double *>data)[0]
    return -2.0 / (1.0 + 1.0 / (z * z))


cdef double exponential_slope(int ndim, double *x, void *data) noexcept nogil:
    return -exp(x[0]) / (<double *>data)[0]


cdef double square_root_slope(int ndim, double *x, void *data) noexcept nogil:
    return -0.5


cdef double scaled_inv_chi_slope(int ndim, double *x, void *data) noexcept nogil:
    cdef double ratio = (<double *>data)[0] * exp(-x[0]), nu = (<double *>data)[1]
    return nu * ratio * ratio - (nu + 1.0)


cdef double gamma_law_slope(int ndim, double *x, void *data) noexcept nogil:
    cdef double *p = <double *>data
    return -1.0 - p[1] * expm1(x[0] - p[2] - log(p[1]))


cdef double inverse_gamma_slope(int ndim, double *x, void *data) noexcept nogil:
    cdef double *p = <double *>data
    return -1.0 + p[1] * expm1(p[2] - x[0] - log(p[1]))


cdef double log_normal_slope(int ndim, double *x, void *data) noexcept nogil:
    cdef double *p = <double *>data
    return -1.0 - (x[0] - p[2]) / (p[1] * p[1])


cdef class ScalePrior(LogDensity):
    """A prior of tau with a scale, as a log density of tau (no Jacobian) at x = log tau.

    ``shape`` is nu of "invchi", a of "gamma" and "invgamma", and the sd of log tau of "lognorm"; the
    other families have none. "sqrt" has no scale either.
    """
    cdef double[3] parameters  # the last: log of the scale

    def __init__(self, str family, double scale=1.0, double shape=1.0):
        self.ndim, self.compiled = 1, True
        self.parameters[0], self.parameters[1], self.parameters[2] = scale, shape, log(scale)
        self.data = &self.parameters[0]
        if family == "halfnorm":
            self.reference, self.slope = half_normal, half_normal_slope
        elif family == "halfcauchy":
            self.reference, self.slope = half_cauchy, half_cauchy_slope
        elif family == "expon":
            self.reference, self.slope = exponential, exponential_slope
        elif family == "sqrt":
            self.reference, self.slope = square_root, square_root_slope
        elif family == "invchi":
            self.reference, self.slope = scaled_inv_chi, scaled_inv_chi_slope
        elif family == "gamma":
            self.reference, self.slope = gamma_law, gamma_law_slope
        elif family == "invgamma":
            self.reference, self.slope = inverse_gamma, inverse_gamma_slope
        elif family == "lognorm":
            self.reference, self.slope = log_normal, log_normal_slope
        else:
            raise ValueError(f"no compiled prior of tau is named {family!r}")
        self.fast = self.reference


# --- The normal model -----------------------------------------------------------------------------

cdef double log_prior(NormalData *model, double *x) noexcept nogil:
    cdef double residual, precision, value = 0.0
    if model.log_tau_prior != NULL:
        value += model.log_tau_prior(1, &x[1], model.log_tau_prior_data)
    residual = x[0] - model.mu_mean
    if model.mu_kappa > 0.0:
        precision = model.mu_kappa * exp(-2.0 * x[1])
        value += 0.5 * log(precision) - LOG_SQRT_2PI - 0.5 * precision * residual * residual
    elif model.mu_precision > 0.0:
        value += model.mu_constant - 0.5 * model.mu_precision * residual * residual
    return value


cdef double normal_post(int ndim, double *x, void *data) noexcept nogil:
    cdef NormalData *model = <NormalData *>data
    cdef double tau2 = exp(2.0 * x[1])
    cdef double total_var, residual
    cdef long double total = 0.0
    cdef Py_ssize_t j
    for j in range(model.groups):
        total_var = tau2 + model.var[j]
        residual = x[0] - model.y[j]
        total += -0.5 * log(total_var) - residual * residual / (2.0 * total_var)
    return <double>total + x[1] + log_prior(model, x)


cdef double normal_dnorm(int ndim, double *x, void *data) noexcept nogil:
    cdef NormalData *model = <NormalData *>data
    cdef double tau = exp(x[1])
    cdef double sd, z
    cdef long double total = 0.0
    cdef Py_ssize_t j
    for j in range(model.groups):
        sd = sqrt(model.var[j] + tau * tau)
        z = fabs((model.y[j] - x[0]) / sd)
        total += -(LOG_SQRT_2PI + 0.5 * z * z + log(sd))
    return <double>total + log(tau) + log_prior(model, x)


cdef double normal_post_fast(int ndim, double *x, void *data) noexcept nogil:
    cdef NormalData *model = <NormalData *>data
    cdef double logs = 0.0, squares = 0.0
    if not (model.log_scale_low <= x[1] <= model.log_scale_high and fabs(x[0]) < 1e60):
        return normal_post(ndim, x, data)
    if model.groups <= 8:
        few_group_sums(model.groups, model.y, model.var, x[0], exp(2.0 * x[1]), &logs, &squares)
    else:
        group_sums(model.groups, model.y, model.var, x[0], exp(2.0 * x[1]), &logs, &squares)
    return -0.5 * (logs + squares) + x[1] + log_prior(model, x)


cdef double normal_dnorm_fast(int ndim, double *x, void *data) noexcept nogil:
    return normal_post_fast(ndim, x, data) - (<NormalData *>data).groups * LOG_SQRT_2PI


cdef class NormalMarginal(LogDensity):
    """The log marginal posterior of (mu, log tau) in the normal model.

    ``y`` and ``var`` are the estimates and their variances, shape (groups,), float64, contiguous;
    ``prior_mu`` is None (flat), (mean, sd), or with ``tied`` (mean, kappa) for a variance of
    tau^2 / kappa; ``prior_tau`` is None (uniform) or a log density of
    tau at x = log tau. ``form`` is "post" or "dnorm".
    """
    cdef NormalData model
    cdef const double[::1] y, var

    def __init__(self, const double[::1] y, const double[::1] var, prior_mu=None,
                 LogDensity prior_tau=None, str form="post", bint tied=False):
        self.y, self.var, self.ndim = y, var, 2
        self.part = prior_tau
        self.compiled = prior_tau is None or prior_tau.compiled
        self.data = &self.model
        # 70 bounds |log(var + tau^2)| where the fast sums are used; each sum over the groups is good
        # to a few dozen ulps of the sum of its terms' sizes, far inside this.
        self.slack = 1e-13 * 100.0 * y.shape[0]
        self.model.groups = y.shape[0]
        self.model.y = &y[0]
        self.model.var = &var[0]
        # tau^2 and var both below 5e29, and one of them above 1e-30 (group_sums.h); every |y| below
        # 1e60 keeps the squares times three variances finite too.
        smallest, largest = np.min(var), np.max(var)
        fits = largest <= 5e29 and np.max(np.abs(y)) < 1e60
        self.model.log_scale_low = (-INFINITY if smallest >= 1e-30 else -34.0) if fits else INFINITY
        self.model.log_scale_high = 34.0  # exp(2 * 34) = 3.4e29
        self.model.mu_precision = self.model.mu_kappa = self.model.mu_mean = 0.0
        if tied:
            self.model.mu_mean, self.model.mu_kappa = prior_mu
        elif prior_mu is not None:
            self.model.mu_mean = prior_mu[0]
            self.model.mu_precision = 1.0 / prior_mu[1] ** 2
            self.model.mu_constant = -log(prior_mu[1]) - LOG_SQRT_2PI
        self.model.log_tau_prior = NULL
        if prior_tau is not None:
            self.model.log_tau_prior = prior_tau.reference
            self.model.log_tau_prior_data = prior_tau.data
            self.failed = prior_tau.failed
        self.reference = normal_post if form == "post" else normal_dnorm
        self.fast = normal_post_fast if form == "post" else normal_dnorm_fast
