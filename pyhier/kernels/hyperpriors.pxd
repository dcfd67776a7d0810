# Priors of several hyperparameters with their gradients. See src_cython/hyperpriors.pyx.
from pyhier.kernels.gradients cimport GradientDensity, Smooth, gradient_t

cdef enum:
    SCALES = 3


cdef struct Hyper:
    Py_ssize_t k, known        # coefficients; rows of root
    const double *mean
    const double *root         # (known, k): root (beta - mean) is standard normal
    double constant            # added
    Py_ssize_t scales, rest    # log sds, and all coordinates after the coefficients
    Smooth[SCALES] log_sd
    gradient_t whole           # of all coordinates after the coefficients at once; NULL
    void *whole_data


# The log prior density, Jacobians of the log sds included; adds its slopes.
cdef double hyperpriors(const Hyper *h, const double *x, double *gradient) noexcept nogil


cdef class WithHyperpriors(GradientDensity):
    cdef Hyper hyper
    cdef tuple priors
    cdef set_priors(self, const double[::1] mean, const double[:, ::1] root, double constant,
                    object priors, Py_ssize_t rest)
