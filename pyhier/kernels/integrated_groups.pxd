# Densities of (beta, log tau) whose effects are integrated out. See src_cython/integrated_groups.pyx.
from pyhier.kernels.gradients cimport Smooth

# Log likelihood of group j, its effect's mean and log tau given, with slopes in both (NULL: none)
# and second derivatives: mean twice, mean and log tau, log tau twice (NULL: none).
ctypedef double (*group_t)(const void *groups, Py_ssize_t j, double mean, double log_tau,
                           double *slopes, double *bends) noexcept nogil


# The same at ascending means, n of them.
ctypedef void (*group_at_t)(const void *groups, Py_ssize_t j, const double *mean, Py_ssize_t n,
                            double log_tau, double *value) noexcept nogil


cdef struct Integrated:
    Py_ssize_t groups, p, known
    group_t of_group
    group_at_t of_group_at     # NULL: one mean after the other
    const void *data
    const double *times        # how many groups each is
    const double *offset       # of the effects' means; NULL: none
    const double *design       # (groups, p); NULL: p is 1 and every mean is mu
    const double *mean         # of beta's normal prior
    const double *root         # (known, p): root (beta - mean) is standard normal
    double constant
    bint posterior             # whether priors and the Jacobian are in it
    Smooth tau


cdef class IntegratedGroups:
    cdef Integrated model
    cdef object arrays, prior_tau
    cdef take(self, group_t of_group, const void *data, const double[::1] times,
              const double[:, ::1] design, const double[::1] mean, const double[:, ::1] root,
              double constant, prior_tau, bint posterior)
