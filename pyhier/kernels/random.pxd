# Random numbers for the kernels: one struct, two sources. See src_cython/random.pyx.
from numpy.random cimport bitgen_t
from numpy.random.c_distributions cimport random_standard_exponential, random_standard_normal


cdef struct Source:
    bitgen_t *bits
    bint as_r  # R's transformations of Mersenne-Twister words instead of NumPy's ziggurats


cdef Source source_of(object bit_generator, bint as_r) except *
cdef double qnorm(double p) noexcept nogil
cdef double pnorm(double x) noexcept nogil


cdef inline double r_uniform(bitgen_t *bits) noexcept nogil:
    """R's unif_rand: a 32-bit word over 2^32, kept inside (0, 1) by half of 1 / (2^32 - 1)."""
    cdef double u = bits.next_uint32(bits.state) * 2.3283064365386963e-10
    if u <= 0.0:
        return 0.5 * 2.328306437080797e-10
    return u  # 1 - u is at least 2^-32: the upper bound needs no guard


cdef inline double r_normal(bitgen_t *bits) noexcept nogil:
    """R's norm_rand of kind "Inversion": 27 + 32 random bits through the normal quantile."""
    cdef double high = <double>(<int>(134217728.0 * r_uniform(bits)))  # 2^27
    return qnorm((high + r_uniform(bits)) / 134217728.0)


cdef inline double standard_normal(Source *source) noexcept nogil:
    if source.as_r:
        return r_normal(source.bits)
    return random_standard_normal(source.bits)
