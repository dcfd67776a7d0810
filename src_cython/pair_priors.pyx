"""Independent priors of the two hyperparameters of conjugate models, in the coordinates of the models.

What has a prior is each the share eta or a positive number: a log density of one (no Jacobian) at its
logit or log. The charts: "log" (both coordinates are logs of those), "share" (the first is the logit of
a share), "shapes" (alpha and beta of a beta distribution, at (logit eta, log K)) and "rate" (alpha and
alpha / mu, at (log alpha, log mu)).
"""
from pyhier.kernels.density cimport LogDensity
from pyhier.kernels.gradients cimport GradientDensity, Smooth, smooth, with_slope


cdef extern from "pair_priors.h" nogil:
    double softplus(double s)  # log(1 + exp(s))
    double expit(double s)


cdef enum chart:
    LOG
    SHARE
    SHAPES
    RATE

CHARTS = {"log": LOG, "share": SHARE, "shapes": SHAPES, "rate": RATE}


cdef double beta_law(int ndim, double *x, void *data) noexcept nogil:
    cdef double *p = <double *>data
    return -(p[0] - 1.0) * softplus(-x[0]) - (p[1] - 1.0) * softplus(x[0]) - p[2]


cdef double beta_law_slope(int ndim, double *x, void *data) noexcept nogil:
    cdef double *p = <double *>data
    return (p[0] - 1.0) * expit(-x[0]) - (p[1] - 1.0) * expit(x[0])


cdef class SharePrior(LogDensity):
    """A beta distribution of a share, as a log density of it (no Jacobian) at its logit."""
    cdef double[3] parameters

    def __init__(self, double a, double b):
        from scipy.special import betaln

        self.ndim, self.compiled = 1, True
        self.parameters[0], self.parameters[1], self.parameters[2] = a, b, betaln(a, b)
        self.data = &self.parameters[0]
        self.reference = self.fast = beta_law
        self.slope = beta_law_slope


cdef struct Pair:
    chart kind
    Smooth first, second


cdef double pair_at(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    """Log density of the coordinates; its slopes are written."""
    cdef Pair *m = <Pair *>data
    cdef double u = x[0], v = x[1], value, p, of_u = 0.0, of_v = 0.0
    if m.kind == SHAPES:
        u, v = x[1] - softplus(-x[0]), x[1] - softplus(x[0])
    elif m.kind == RATE:
        v = x[0] - x[1]
    value = with_slope(&m.first, u, &of_u) + with_slope(&m.second, v, &of_v) + v
    of_v += 1.0
    if m.kind == SHARE:  # its Jacobian is that of the logit
        value -= softplus(u) + softplus(-u)
        of_u += expit(-u) - expit(u)
    else:
        value += u
        of_u += 1.0
    if m.kind == SHAPES:
        p = expit(x[0])
        gradient[0], gradient[1] = of_u * expit(-x[0]) - of_v * p, of_u + of_v
    elif m.kind == RATE:
        gradient[0], gradient[1] = of_u + of_v, -of_v
    else:
        gradient[0], gradient[1] = of_u, of_v
    return value


cdef class IndependentPair(GradientDensity):
    """Two compiled log densities as one of both coordinates, Jacobians included."""
    cdef Pair pair
    cdef tuple both

    def __init__(self, str chart, LogDensity first, LogDensity second):
        self.ndim, self.compiled, self.both = 2, True, (first, second)
        self.pair.kind = CHARTS[chart]
        self.pair.first, self.pair.second = smooth(first), smooth(second)
        self.data = &self.pair
        self.function = pair_at
