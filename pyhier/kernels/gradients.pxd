# Log densities with their gradients behind one small C interface. See src_cython/gradients.pyx.
from libc.math cimport isfinite

from pyhier.kernels.density cimport LogDensity, density_t

# Returns the value and fills the gradient; x is left alone.
ctypedef double (*gradient_t)(int ndim, const double *x, double *gradient, void *data) noexcept nogil


cdef class GradientDensity:
    cdef gradient_t function
    cdef void *data
    cdef bint *failed         # its own flag, or its part's: a Python callable has raised
    cdef bint own_failed
    cdef object error
    cdef object part          # a density that this one calls
    cdef readonly int ndim
    cdef readonly bint compiled
    cdef object keep_alive    # owns what a foreign function and its data point to
    cdef check(self, Py_ssize_t found)


cdef struct Smooth:           # a log density that is differentiated: a prior
    density_t value           # NULL: constant, or of the next kind
    density_t slope           # NULL: by differences
    gradient_t both           # NULL: value and slope apart
    void *data


cdef Smooth smooth(density) except *
cdef bint *flag_of(part, bint *own) except NULL


cdef inline double five_points(double here, const double *around, double h) noexcept nogil:
    """A derivative from the values at -2h, -h, h and 2h; where the density ends inside them, from
    three points on the side that is left."""
    if isfinite(around[0] + around[1] + around[2] + around[3]):
        return (around[0] - around[3] + 8.0 * (around[2] - around[1])) / (12.0 * h)
    if isfinite(around[0] + around[1]):
        return (3.0 * here - 4.0 * around[1] + around[0]) / (2.0 * h)
    return (4.0 * around[2] - around[3] - 3.0 * here) / (2.0 * h)


cdef inline double difference(density_t value, void *data, int ndim, double *x, int k,
                              double here) noexcept nogil:
    """The priors' rule: five points, 1e-3 apart, along coordinate k of x, which is put back."""
    cdef double h = 1e-3, middle = x[k]
    cdef double[4] around
    cdef int i
    for i in range(4):
        x[k] = middle + h * (i - 2 if i < 2 else i - 1)
        around[i] = value(ndim, x, data)
    x[k] = middle
    return five_points(here, around, h)


cdef inline double with_slope(const Smooth *prior, double x, double *slope) noexcept nogil:
    """A density of one coordinate, and its derivative added to ``slope``."""
    cdef double here, found = 0.0
    if prior.both != NULL:
        here = prior.both(1, &x, &found, prior.data)
        slope[0] += found
        return here
    if prior.value == NULL:
        return 0.0
    here = prior.value(1, &x, prior.data)
    if prior.slope != NULL:
        slope[0] += prior.slope(1, &x, prior.data)
    else:
        slope[0] += difference(prior.value, prior.data, 1, &x, 0, here)
    return here


cdef inline double normal_prior(Py_ssize_t k, Py_ssize_t known, const double *root,
                                const double *mean, const double *x,
                                double *gradient) noexcept nogil:
    """-|root (x - mean)|^2 / 2, root of shape (known, k); its slopes are added."""
    cdef double value = 0.0, z
    cdef Py_ssize_t i, j
    for j in range(known):
        z = 0.0
        for i in range(k):
            z += root[j * k + i] * (x[i] - mean[i])
        value -= 0.5 * z * z
        for i in range(k):
            gradient[i] -= z * root[j * k + i]
    return value
