# Counts of all groups as histograms. See src_cython/count_data.pyx.

cdef enum:
    LANES = 8  # as in instruction_sets.h
    DEGREES = 14  # of the polynomials that carry exposures, plus one
    MOST_STEPS = 2_000_000
    POOLED = 36  # log of a precision at which groups that are taken by steps are all but pooled


cdef struct Steps:
    double first               # the number of groups with y > 0
    Py_ssize_t steps           # the largest y, less 1, padded
    const double *more         # at i the number of groups with y > i + 1
    const double *place        # i + 1
    const double *scale        # at i 1 / (share + place / K) at a reference; a beta-binomial's


cdef class Counts:
    cdef Steps sums
    cdef double[::1] more, place, scale
    cdef const double *refer(self, double share, double inverse)
