"""Priors of several hyperparameters with their gradients, for densities with several log sds.

Coefficients have a normal prior, of all or some of them; every log sd has a prior of its own, a
compiled function of it. A prior that is Python's is one density of all coordinates after the
coefficients, Jacobians included, and is called once for value and slopes.
"""
from pyhier.kernels.density cimport LogDensity
from pyhier.kernels.gradients cimport GradientDensity, Smooth, flag_of, normal_prior, with_slope

cdef enum:
    COORDINATES = 6  # after the coefficients


cdef double hyperpriors(const Hyper *h, const double *x, double *gradient) noexcept nogil:
    cdef double value = h.constant
    cdef double[COORDINATES] slopes
    cdef const double *psi = x + h.k
    cdef Py_ssize_t i
    value += normal_prior(h.k, h.known, h.root, h.mean, x, gradient)
    if h.whole != NULL:
        value += h.whole(<int>h.rest, psi, slopes, h.whole_data)
        for i in range(h.rest):
            gradient[h.k + i] += slopes[i]
        return value
    for i in range(h.scales):
        value += psi[i] + with_slope(&h.log_sd[i], psi[i], &gradient[h.k + i])
        gradient[h.k + i] += 1.0
    return value


cdef class WithHyperpriors(GradientDensity):
    """A density that has them; ``priors`` is a list of a function or None for each log sd, or one
    density of all coordinates after the coefficients."""

    cdef set_priors(self, const double[::1] mean, const double[:, ::1] root, double constant,
                    object priors, Py_ssize_t rest):
        cdef Hyper *h = &self.hyper
        cdef GradientDensity whole
        cdef LogDensity plain
        cdef Py_ssize_t i
        self.priors = (mean, root, priors)
        h.k, h.known, h.constant, h.rest, h.whole = mean.shape[0], root.shape[0], constant, rest, NULL
        h.mean, h.root = &mean[0], NULL if root.shape[0] == 0 else &root[0, 0]
        self.compiled, h.scales = True, 0
        if isinstance(priors, GradientDensity):
            whole = priors
            h.whole, h.whole_data, self.compiled = whole.function, whole.data, whole.compiled
            self.part, self.failed = whole, flag_of(whole, &self.own_failed)
            return
        h.scales = len(priors)
        for i in range(h.scales):
            plain = priors[i]
            h.log_sd[i] = Smooth(NULL, NULL, NULL, NULL)
            if plain is not None:
                h.log_sd[i] = Smooth(plain.reference, plain.slope, NULL, plain.data)
