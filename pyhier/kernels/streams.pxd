# R's continuous variates for the kernels. See src_cython/streams.pyx.
from numpy.random cimport bitgen_t


cdef struct GammaShape:  # the constants of one shape
    double shape
    double s2, s, d          # steps 1 to 3 of algorithm GD
    double q0, b, si, c      # its steps 4 onwards


cdef struct BetaShapes:  # the constants of one pair of shapes
    double first, second
    double low, high, total
    double beta, gamma       # algorithm BB; beta serves BC too
    double k1, k2            # algorithm BC


cdef double r_exponential(bitgen_t *bits) noexcept nogil
cdef void prepare_gamma(GammaShape *g, double shape) noexcept nogil
cdef double gamma_variate(bitgen_t *bits, const GammaShape *g, double scale) noexcept nogil
cdef double r_gamma(bitgen_t *bits, double shape, double scale) noexcept nogil
cdef double r_chisq(bitgen_t *bits, double df) noexcept nogil
cdef double r_beta(bitgen_t *bits, double a, double b) noexcept nogil
cdef double r_t(bitgen_t *bits, double df) noexcept nogil
