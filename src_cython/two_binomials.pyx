"""Likelihoods of log odds ratios from two binomial counts, the risk integrated out (two_binomials.h)."""
import numpy as np


cdef extern from "two_binomials.h" nogil:
    struct arms:
        double y, f, other_y, other_f
    double mode_of_risk(const arms *s, double theta)
    double risk_integral(const arms *s, double theta, double a, double *excess,
                         double *information)


cdef inline arms arms_of(const double[:, ::1] counts, Py_ssize_t j) noexcept nogil:
    cdef arms s
    s.y, s.f, s.other_y, s.other_f = counts[0, j], counts[1, j], counts[2, j], counts[3, j]
    return s


def excess(const double[:, ::1] counts, const double[:, ::1] theta):
    """Minus the first and the second derivatives at log odds ratios, shape (2, groups, points).

    ``counts`` are people with the event and without in the first arm, and in the other, shape
    (4, groups); ``theta`` has shape (groups, points).
    """
    cdef Py_ssize_t groups = theta.shape[0], points = theta.shape[1], i, j
    cdef arms s
    out = np.empty((2, groups, points))
    cdef double[:, :, ::1] found = out
    with nogil:
        for j in range(groups):
            s = arms_of(counts, j)
            for i in range(points):
                risk_integral(&s, theta[j, i], mode_of_risk(&s, theta[j, i]), &found[0, j, i],
                              &found[1, j, i])
    return out


def log_integrals(const double[:, ::1] counts, const double[::1] theta):
    """The other arm's likeliest logits, and logs of the integrals by the integrands there.

    Of shape (2, groups).
    """
    cdef Py_ssize_t j
    cdef double[2] unused
    cdef arms s
    out = np.empty((2, theta.shape[0]))
    cdef double[:, ::1] found = out
    with nogil:
        for j in range(theta.shape[0]):
            s = arms_of(counts, j)
            found[0, j] = mode_of_risk(&s, theta[j])
            found[1, j] = risk_integral(&s, theta[j], found[0, j], &unused[0], &unused[1])
    return out
