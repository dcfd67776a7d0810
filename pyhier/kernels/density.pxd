# Log densities behind one small C interface. See src_cython/density.pyx.

# scipy.LowLevelCallable's signature, so that its functions and numba's run unchanged.
ctypedef double (*density_t)(int ndim, double *x, void *data) noexcept nogil

# Whether R's own formula is NaN at x. See src_cython/undefined.pyx.
ctypedef bint (*undefined_t)(int ndim, const double *x, void *data) noexcept nogil


cdef class LogDensity:
    cdef density_t reference  # the terms and sums in R's order: R's bits
    cdef density_t fast       # the same value to rounding, in the fastest order
    cdef density_t slope      # of one coordinate: its derivative; NULL: by differences
    cdef double slack         # |fast - reference| <= slack + 1e-13 |fast|; 0: they are one function
    cdef void *data
    cdef bint *failed         # its own flag, or its part's: a Python callable has raised
    cdef bint own_failed
    cdef object error
    cdef undefined_t undefined  # NULL: where the density itself is NaN
    cdef void *undefined_data
    cdef object undefined_owner
    cdef LogDensity part      # a density that this one calls
    cdef readonly int ndim
    cdef readonly bint compiled
    cdef object keep_alive    # owns what a foreign function and its data point to


cdef struct NormalData:
    Py_ssize_t groups
    const double *y
    const double *var
    double log_scale_low      # log tau between which the products of variances cannot overflow
    double log_scale_high
    double mu_mean
    double mu_precision       # 0: flat
    double mu_constant
    double mu_kappa           # mu's prior variance is tau^2 / kappa; 0: not tied to tau
    density_t log_tau_prior   # NULL: tau uniform
    void *log_tau_prior_data
