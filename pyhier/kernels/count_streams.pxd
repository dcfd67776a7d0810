# R's binomial and Poisson variates for the kernels. See src_cython/count_streams.pyx.
from numpy.random cimport bitgen_t


cdef struct Binomial:  # the constants of one pair (n, p)
    double n, p
    double low, high, odds, g        # min(p, 1 - p), its complement, their ratio, (n + 1) * ratio
    double start                     # BINV: the probability of 0
    double centre, mode, npq         # BTPE
    double p1, p2, p3, p4
    double middle, left, right, c, left_rate, right_rate


cdef struct Poisson:  # the constants of one mean
    double mu
    double s, d, whole               # algorithm PD, steps N, I and S
    double omega, c, c0, c1, c2, c3  # its step P
    int known                        # case B: how far the table of cumulated probabilities goes
    double p, q
    double[36] table


cdef void prepare_binomial(Binomial *b, double n, double p) noexcept nogil
cdef double binomial_variate(bitgen_t *bits, const Binomial *b) noexcept nogil
cdef double r_binomial(bitgen_t *bits, double n, double p) noexcept nogil
cdef void prepare_poisson(Poisson *s, double mu) noexcept nogil
cdef double poisson_variate(bitgen_t *bits, Poisson *s) noexcept nogil
cdef double r_poisson(bitgen_t *bits, double mu) noexcept nogil
