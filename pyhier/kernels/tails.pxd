# Both tails of the gamma and beta families, and their quantiles. See src_cython/tails.pyx.

cdef struct Tails:
    bint lower        # which side ``small`` is of
    double small      # the probability of the smaller side, or near it
    double log_small

cdef double deviance(double x, double m) noexcept nogil
cdef Tails gamma_tails(double x, double a) noexcept nogil
cdef Tails beta_tails(double x, double q, double a, double b) noexcept nogil
cdef double tail_value(Tails t, bint lower, bint log_p) noexcept nogil
cdef double gamma_quantile(double lower, double upper, double a) noexcept nogil
cdef void beta_quantile(double lower, double upper, double a, double b, double *x,
                        double *q) noexcept nogil
