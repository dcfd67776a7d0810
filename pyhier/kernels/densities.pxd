# R's densities. See src_cython/densities.pyx.

from libc.math cimport isnan

cdef double d_hyper(double x, const double *par, bint give_log) noexcept nogil


cdef inline bint missing(const double *par, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        if isnan(par[k]):
            return True
    return False
