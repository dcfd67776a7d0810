# R's densities. See src_cython/densities.pyx.

cdef double d_hyper(double x, const double *par, bint give_log) noexcept nogil
