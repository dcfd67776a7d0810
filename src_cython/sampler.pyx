"""Random-walk Metropolis over any log density, without the GIL.

The loop is Metropolis et al. (1953) with normal steps: x' = x + scale * t(A) z, where t(A) A is the
proposal covariance (A upper triangular, as R's ``chol`` returns it). The product t(A) z is summed
coordinate by coordinate in ascending order, as the reference BLAS does, so that a chain driven by
an R stream has R's bits. A proposal whose density is NaN is refused.

Which proposals R accepts depends on the last bits of its log density only when the uniform number
falls within rounding error of the ratio. So the loop takes the fast density throughout, and turns
to R's own order of arithmetic for the decisions that the error bound leaves open, about one in
1e10: R's chain at the fast density's speed.

A chain is run in pieces, so that its caller can show progress and stop; ``counts`` and ``current``
carry its state and are valid whenever the loop returns.
"""
from libc.math cimport INFINITY, exp, fabs

from pyhier.kernels.density cimport LogDensity, density_t
from pyhier.kernels.random cimport (
    Source, r_uniform, random_standard_exponential, source_of, standard_normal,
)

import numpy as np


cdef struct Target:
    density_t fast
    density_t reference
    void *data
    int ndim
    double slack     # |fast - reference| <= slack + 1e-13 |fast|; 0 where they are one function


cdef inline bint r_accepts(Source *source, Target *target, double *x, double *proposal,
                           double value, double proposed) noexcept nogil:
    """R's decision, runif(1) < exp(proposed - value), with R's bits where they matter.

    No uniform is drawn when the ratio is NaN: LearnBayes' way, and the stream must stay in step.
    """
    cdef double ratio = exp(proposed - value)
    cdef double error, u
    if ratio != ratio:
        return False
    u = r_uniform(source.bits)
    if target.slack > 0.0:
        error = 2.0 * target.slack + 1e-13 * (fabs(proposed) + fabs(value)) + 1e-15
        if fabs(u - ratio) <= 2.0 * error * ratio:
            ratio = exp(target.reference(target.ndim, proposal, target.data)
                        - target.reference(target.ndim, x, target.data))
    return u < ratio


cdef inline bint accepts(Source *source, double log_ratio) noexcept nogil:
    """Whether a step of this log ratio is taken; a number is drawn only when the density falls."""
    return log_ratio >= 0.0 or -random_standard_exponential(source.bits) < log_ratio


cdef inline bint walk(int p, Source source, Target target, bint *failed, const double *upper,
                      double scale, double *x, double *scratch, double *out, long long *counts,
                      Py_ssize_t iterations) noexcept nogil:
    cdef double *z = scratch
    cdef double *proposal = scratch + p
    cdef double *point = scratch + 2 * p  # a copy for the density, which may write to it
    cdef double value = x[p], proposed, step
    cdef Py_ssize_t i
    cdef int j, k
    cdef bint accepted, finite = True
    cdef long long done = counts[0], total = counts[1]
    for i in range(done, done + iterations):
        for j in range(p):
            z[j] = standard_normal(&source)
        for k in range(p):
            step = 0.0
            for j in range(k + 1):
                step += z[j] * upper[j * p + k]
            proposal[k] = point[k] = x[k] + scale * step
        proposed = target.fast(p, point, target.data)
        if failed[0]:
            break
        if source.as_r:
            accepted = r_accepts(&source, &target, x, proposal, value, proposed)
        else:
            accepted = accepts(&source, proposed - value)
        if accepted:
            if proposed == INFINITY:
                finite = False
                break
            value = proposed
            for k in range(p):
                x[k] = proposal[k]
            total += 1
        for k in range(p):
            out[i * p + k] = x[k]
        done = i + 1
    counts[0], counts[1], x[p] = done, total, value
    return finite


def random_walk(LogDensity density, object bit_generator, bint as_r,
                const double[:, ::1] upper, double scale,
                double[::1] current, double[:, ::1] out, long long[::1] counts,
                Py_ssize_t iterations):
    """Run ``iterations`` more steps of a chain; stop early where the density fails.

    Parameters
    ----------
    upper : in, shape (p, p)
        The upper Cholesky factor of the proposal covariance.
    current : in and out, shape (p + 1,)
        The chain's point, then its log density.
    out : out, shape (draws, p)
        The chain; rows from ``counts[0]`` on are filled.
    counts : in and out, shape (2,)
        Rows filled so far, proposals accepted so far.

    Returns
    -------
    bool
        False when the density was +inf at a proposal, which ends the chain there.
    """
    cdef Source source = source_of(bit_generator, as_r)
    cdef Target target = Target(density.fast, density.reference, density.data, density.ndim,
                                density.slack)
    cdef double[::1] scratch = np.empty(3 * density.ndim)
    cdef bint finite
    with nogil:
        if density.ndim == 2:  # unrolled by the compiler
            finite = walk(2, source, target, density.failed, &upper[0, 0], scale, &current[0],
                          &scratch[0], &out[0, 0], &counts[0], iterations)
        else:
            finite = walk(density.ndim, source, target, density.failed, &upper[0, 0], scale,
                          &current[0], &scratch[0], &out[0, 0], &counts[0], iterations)
    return finite
