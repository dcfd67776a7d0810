# The covariance of several outcomes by its Cholesky factor. See src_cython/multivariate.pyx.
from libc.math cimport exp, tanh

cdef enum:
    MOST = 3  # outcomes


cdef inline double sech(double z) noexcept nogil:
    cdef double small = exp(-(z if z > 0.0 else -z))
    return 2.0 * small / (1.0 + small * small)


cdef inline void factor(Py_ssize_t q, const double *log_tau, const double *z,
                        double[MOST][MOST] l) noexcept nogil:
    """The lower triangle of log tau and of the atanh of partial correlations, row by row."""
    cdef double left
    cdef Py_ssize_t i, k, at = 0
    for i in range(q):
        left = exp(log_tau[i])
        for k in range(i):
            l[i][k] = left * tanh(z[at])
            left *= sech(z[at])
            at += 1
        l[i][i] = left
