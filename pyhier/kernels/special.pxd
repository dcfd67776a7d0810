# Gamma functions with R's digits. See src_cython/special.pyx.

cdef double r_gamma(double x) noexcept nogil
cdef double r_lgamma(double x) noexcept nogil
cdef double r_psigamma(double x, int n) noexcept nogil
cdef double r_lbeta(double a, double b) noexcept nogil
cdef double stirling_error(double x) noexcept nogil
