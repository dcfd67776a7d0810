# The two tails of R's families at a point. See src_cython/distribution_functions.pyx.

from libc.math cimport fabs, rint

from pyhier.kernels.tails cimport Tails

ctypedef Tails (*tails_t)(double x, const double *par) noexcept nogil

cdef Tails normal_tails(double z) noexcept nogil
cdef Tails t_binom(double x, const double *par) noexcept nogil
cdef Tails t_pois(double x, const double *par) noexcept nogil
cdef Tails t_nbinom(double x, const double *par) noexcept nogil
cdef Tails t_hyper(double x, const double *par) noexcept nogil


cdef inline bint whole(double x) noexcept nogil:
    return fabs(x - rint(x)) <= 1e-7 * (fabs(x) if fabs(x) > 1.0 else 1.0)
