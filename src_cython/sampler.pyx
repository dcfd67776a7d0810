"""Metropolis chains and weighted draws over any log density, without the GIL.

Three chains (Metropolis et al. 1953; Hastings 1970; Tierney 1994):

- random walk: x' = x + scale * t(A) z, where t(A) A is the proposal covariance (A upper triangular,
  as R's ``chol`` returns it);
- independence: x' = mean + w t(A) z, whatever x is; w = 1 makes the proposal normal, and
  w^2 = df / chi-squared(df) makes it t. Its density is a function of z'z, so that nothing is solved
  for;
- coordinate-wise: one normal step along each coordinate in turn (Metropolis within Gibbs).

The product t(A) z is summed coordinate by coordinate in ascending order, as the reference BLAS
does, so that a chain driven by an R stream has R's bits. A proposal whose density is NaN is refused,
and under an R stream one where R's own formula is (undefined.pyx), without a uniform number.

Which proposals R accepts depends on the last bits of its log density only when the uniform number
falls within rounding error of the ratio. So the loop takes the fast density throughout, and turns
to R's own order of arithmetic for the decisions that the error bound leaves open, about one in
1e10: R's chain at the fast density's speed.

A chain is run in pieces, so that its caller can show progress and stop; ``counts`` and ``current``
carry its state and are valid whenever the loop returns.
"""
from libc.math cimport INFINITY, exp, fabs, log1p, sqrt

from pyhier.kernels.density cimport LogDensity, density_t, undefined_t
from pyhier.kernels.random cimport (
    Source, r_uniform, random_standard_exponential, source_of, standard_normal,
)
from pyhier.kernels.streams cimport r_chisq

from numpy.random cimport bitgen_t
from numpy.random.c_distributions cimport random_chisquare

import numpy as np


cdef struct Target:
    density_t fast
    density_t reference
    void *data
    int ndim
    undefined_t undefined
    void *undefined_data
    double slack     # |fast - reference| <= slack + 1e-13 |fast|; 0 where they are one function


cdef inline bint r_has_none(Target *target, double *proposal, double value,
                            double proposed) noexcept nogil:
    """Whether R has no number for the ratio: its own formula is NaN at the proposal, or both are."""
    if proposed - value != proposed - value:
        return True
    return target.undefined != NULL and target.undefined(target.ndim, proposal,
                                                         target.undefined_data)


cdef inline bint r_decides(double u, Target *target, double *x, double *proposal, double value,
                           double proposed, double balance) noexcept nogil:
    """R's decision, u < exp(proposed - value + balance), with R's bits where they matter.

    ``balance`` is the log density of the way back over that of the way there; it is 0 where the
    proposal is symmetric.
    """
    cdef double ratio = exp(proposed - value + balance)
    cdef double error
    if target.slack > 0.0:
        error = 2.0 * target.slack + 1e-13 * (fabs(proposed) + fabs(value)) + 1e-15
        if fabs(u - ratio) <= 2.0 * error * ratio:
            ratio = exp(target.reference(target.ndim, proposal, target.data)
                        - target.reference(target.ndim, x, target.data) + balance)
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
        if not source.as_r:
            accepted = accepts(&source, proposed - value)
        elif r_has_none(&target, proposal, value, proposed):
            accepted = False  # LearnBayes draws no uniform then, and the stream must stay in step
        else:
            accepted = r_decides(r_uniform(source.bits), &target, x, proposal, value, proposed, 0.0)
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


cdef inline bint visit(int p, Source source, Target target, bint *failed, const double *mean,
                       const double *upper, double df, double *x, double *scratch, double *out,
                       long long *counts, Py_ssize_t iterations) noexcept nogil:
    cdef double *z = scratch
    cdef double *proposal = scratch + p
    cdef double *point = scratch + 2 * p
    cdef double value = x[p], own = x[p + 1], proposed, there, step, distance, w = 1.0
    cdef Py_ssize_t i
    cdef int j, k
    cdef bint accepted, finite = True
    cdef long long done = counts[0], total = counts[1]
    for i in range(done, done + iterations):
        distance = 0.0
        for j in range(p):
            z[j] = standard_normal(&source)
            distance += z[j] * z[j]
        if df < INFINITY:
            w = sqrt(df / chi_squared(&source, df))
        for k in range(p):
            step = 0.0
            for j in range(k + 1):
                step += z[j] * upper[j * p + k]
            proposal[k] = point[k] = mean[k] + w * step
        there = log_elliptic(w * w * distance, df, p)
        proposed = target.fast(p, point, target.data)
        if failed[0]:
            break
        if not source.as_r:
            accepted = accepts(&source, proposed - there - (value - own))
        elif r_has_none(&target, proposal, value, proposed):
            accepted = False
        else:
            accepted = r_decides(r_uniform(source.bits), &target, x, proposal, value, proposed,
                                 own - there)
        if accepted:
            if proposed == INFINITY:
                finite = False
                break
            value, own = proposed, there
            for k in range(p):
                x[k] = proposal[k]
            total += 1
        for k in range(p):
            out[i * p + k] = x[k]
        done = i + 1
    counts[0], counts[1], x[p], x[p + 1] = done, total, value, own
    return finite


cdef inline double chi_squared(Source *source, double df) noexcept nogil:
    return r_chisq(source.bits, df) if source.as_r else random_chisquare(source.bits, df)


cdef inline double log_elliptic(double distance, double df, int p) noexcept nogil:
    """Log density of a normal (df infinite) or t, less its constant, at a squared distance."""
    if df == INFINITY:
        return -0.5 * distance
    return -0.5 * (df + p) * log1p(distance / df)


cdef inline bint tour(int p, Source source, Target target, bint *failed, const double *scale,
                      double *x, double *scratch, double *out, long long *counts,
                      Py_ssize_t iterations) noexcept nogil:
    cdef double *proposal = scratch
    cdef double *point = scratch + p
    cdef double *entered = scratch + 2 * p  # where the iteration began: it may be left half-way
    cdef double *taken = scratch + 3 * p
    cdef double value = x[p], proposed, u
    cdef Py_ssize_t i
    cdef int j, k
    cdef bint accepted
    cdef long long done = counts[0]
    for i in range(done, done + iterations):
        for k in range(p):
            entered[k] = x[k]
        x[p] = value
        for j in range(p):
            for k in range(p):
                proposal[k] = point[k] = x[k]
            proposal[j] = point[j] = x[j] + scale[j] * standard_normal(&source)
            proposed = target.fast(p, point, target.data)
            if failed[0] or proposed == INFINITY:
                for k in range(p):
                    x[k] = entered[k]
                counts[0] = done
                return failed[0]
            if source.as_r:  # here LearnBayes draws a uniform even where the ratio is NaN
                u = r_uniform(source.bits)
                accepted = not r_has_none(&target, proposal, value, proposed) \
                    and r_decides(u, &target, x, proposal, value, proposed, 0.0)
            else:
                accepted = accepts(&source, proposed - value)
            taken[j] = accepted
            if accepted:
                x[j] = proposal[j]
                value = proposed
        for k in range(p):
            out[i * p + k] = x[k]
            counts[1 + k] += <long long>taken[k]
        done = i + 1
    counts[0], x[p] = done, value
    return True


cdef Target target_of(LogDensity density) noexcept:
    return Target(density.fast, density.reference, density.data, density.ndim, density.undefined,
                  density.undefined_data, density.slack)


def random_walk(const double[:, ::1] upper, double scale, LogDensity density,
                object bit_generator, bint as_r, double[::1] current, double[:, ::1] out,
                long long[::1] counts, Py_ssize_t iterations):
    """Run ``iterations`` more steps of a random walk; stop early where the density fails.

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
    cdef Target target = target_of(density)
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


def independence(const double[::1] mean, const double[:, ::1] upper, double df,
                 LogDensity density, object bit_generator, bint as_r, double[::1] current,
                 double[:, ::1] out, long long[::1] counts, Py_ssize_t iterations):
    """Run an independence chain on, as `random_walk` does.

    Parameters
    ----------
    df : in
        Degrees of freedom of the t proposal; infinite for the normal one.
    current : in and out, shape (p + 2,)
        The chain's point, its log density, and that of the proposal there (less its constant).
    """
    cdef Source source = source_of(bit_generator, as_r)
    cdef Target target = target_of(density)
    cdef double[::1] scratch = np.empty(3 * density.ndim)
    cdef bint finite
    with nogil:
        if density.ndim == 2:
            finite = visit(2, source, target, density.failed, &mean[0], &upper[0, 0], df,
                           &current[0], &scratch[0], &out[0, 0], &counts[0], iterations)
        else:
            finite = visit(density.ndim, source, target, density.failed, &mean[0], &upper[0, 0],
                           df, &current[0], &scratch[0], &out[0, 0], &counts[0], iterations)
    return finite


def coordinate_walk(const double[::1] scale, LogDensity density, object bit_generator, bint as_r,
                    double[::1] current, double[:, ::1] out, long long[::1] counts,
                    Py_ssize_t iterations):
    """Run a coordinate-wise random walk on, as `random_walk` does.

    Parameters
    ----------
    scale : in, shape (p,)
        The sd of the steps along each coordinate.
    counts : in and out, shape (1 + p,)
        Rows filled so far, steps accepted so far along each coordinate.
    """
    cdef Source source = source_of(bit_generator, as_r)
    cdef Target target = target_of(density)
    cdef double[::1] scratch = np.empty(4 * density.ndim)
    cdef bint finite
    with nogil:
        if density.ndim == 2:
            finite = tour(2, source, target, density.failed, &scale[0], &current[0], &scratch[0],
                          &out[0, 0], &counts[0], iterations)
        else:
            finite = tour(density.ndim, source, target, density.failed, &scale[0], &current[0],
                          &scratch[0], &out[0, 0], &counts[0], iterations)
    return finite


def weigh(const double[::1] mean, const double[:, ::1] upper, double df, const double[:, :] z,
          const double[::1] chi2, LogDensity density, double[:, ::1] out, double[::1] log_target,
          double[::1] log_proposal):
    """Put standard draws where the proposal has them, with both log densities there.

    x = mean + t(A) z / sqrt(chi2 / df), row by row: R's order of arithmetic.

    Parameters
    ----------
    z : in, shape (n, p)
        Standard normals.
    chi2 : in, shape (n,), or (0,) for a normal proposal
        Chi-squared numbers with ``df`` degrees of freedom.
    out : out, shape (n, p)
    log_target, log_proposal : out, shape (n,)
        The proposal's is less its constant.
    """
    cdef Py_ssize_t i
    cdef int j, k, p = density.ndim
    cdef double[::1] scratch = np.empty(p)
    cdef double *point = &scratch[0]
    cdef double distance, step, w = 1.0
    cdef bint heavy = chi2.shape[0] > 0
    with nogil:
        for i in range(out.shape[0]):
            distance = 0.0
            for j in range(p):
                distance += z[i, j] * z[i, j]
            if heavy:
                w = chi2[i] / df
                distance /= w
                w = sqrt(w)
            for k in range(p):
                step = 0.0
                for j in range(k + 1):
                    step += z[i, j] * upper[j, k]
                out[i, k] = point[k] = mean[k] + step / w
            log_proposal[i] = log_elliptic(distance, df, p)
            log_target[i] = density.fast(p, point, density.data)
            if density.failed[0]:
                break
    density.raise_error()
