"""Mixtures of normal distributions: many with the same weights, all of their quantiles in one pass.

Every posterior marginal of mu and of the groups' effects is a mixture over the nodes of a quadrature
in log tau. ``tails`` evaluates one (normal_sums.h: eight components at a time, both tails without
cancellation). ``quantiles`` inverts all of them for all probabilities: a first answer comes from a
mixture of fewer components, each with the moments of eight neighbours, and a step of Halley's method
or two on all components finish it. The unknown is the normal score of the tail, nearly a straight
line of x; steps stay inside a shrinking bracket, and the tail below one half is the one inverted. A
step that the tail's Taylor series of order four tells is not made.
"""
from libc.math cimport INFINITY, M_SQRT1_2, asinh, cbrt, erfc, exp, fabs, log, sinh, sqrt

from pyhier.kernels.random cimport qnorm

import numpy as np


cdef extern from "normal_sums.h" nogil:
    int LANES, SUMS
    void mixture_sums(size_t components, const double *weight, const double *mean,
                      const double *precision, double x, double *sums)
    void mixture_ends(size_t components, const double *mean, const double *sd, double *ends)


cdef double INV_SQRT_2PI = 0.398942280401432677939946
cdef double SLOW = 0.02, ROUGH = 0.25  # decay of no smooth function; how much its error counts


cdef struct Mixture:  # components in a multiple of LANES
    size_t size
    double *weight
    double *mean
    double *precision
    double *sd
    double narrowest  # sd, where it is asked for


cdef Py_ssize_t padded(Py_ssize_t n) noexcept nogil:
    return (n + LANES - 1) // LANES * LANES


cdef void pad(Mixture *mixture, Py_ssize_t n) noexcept nogil:
    """Fill up what follows the first n components; they count for nothing."""
    cdef Py_ssize_t i
    mixture.size = padded(n)
    for i in range(n, <Py_ssize_t>mixture.size):
        mixture.weight[i], mixture.mean[i] = 0.0, mixture.mean[0]
        mixture.precision[i], mixture.sd[i] = mixture.precision[0], mixture.sd[0]


cdef void fill(Mixture *mixture, Py_ssize_t n, const double *weight, const double *mean,
               const double *sd) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        mixture.weight[i], mixture.mean[i] = weight[i], mean[i]
        mixture.precision[i], mixture.sd[i] = 1.0 / sd[i], sd[i]
    pad(mixture, n)


cdef Mixture at_rows(double[:, ::1] room) noexcept:
    """A mixture whose components are four rows of an array."""
    cdef Mixture mixture
    mixture.size, mixture.narrowest = room.shape[1], INFINITY
    mixture.weight, mixture.mean = &room[0, 0], &room[1, 0]
    mixture.precision, mixture.sd = &room[2, 0], &room[3, 0]
    return mixture


def tails(const double[::1] x, const double[::1] weight, const double[::1] mean,
          const double[::1] sd):
    """Lower tail, upper tail and density at every x, shape (3, points)."""
    table = np.empty((3, x.shape[0]))
    cdef double[:, ::1] out = table
    cdef Py_ssize_t i
    cdef double[6] sums
    cdef double[:, ::1] room = np.empty((4, padded(weight.shape[0])))
    cdef Mixture mixture = at_rows(room)
    with nogil:
        fill(&mixture, weight.shape[0], &weight[0], &mean[0], &sd[0])
        for i in range(x.shape[0]):
            mixture_sums(mixture.size, mixture.weight, mixture.mean, mixture.precision, x[i], sums)
            out[0, i], out[1, i], out[2, i] = sums[0], sums[1], sums[2]
    return table


def logpdf(const double[::1] x, const double[::1] weight, const double[::1] mean,
           const double[::1] sd):
    """Log density at every x, shape (points,), summed about its largest term."""
    values = np.empty(x.shape[0])
    cdef double[::1] out = values
    cdef double[::1] scale = np.log(np.asarray(weight)) - np.log(sd)  # -inf for weight 0
    cdef Py_ssize_t i, j
    cdef double z, largest, total
    with nogil:
        for i in range(x.shape[0]):
            largest = -INFINITY
            for j in range(weight.shape[0]):
                z = (x[i] - mean[j]) / sd[j]
                largest = max(largest, scale[j] - 0.5 * z * z)
            total = 0.0
            for j in range(weight.shape[0]):
                z = (x[i] - mean[j]) / sd[j]
                total += exp(scale[j] - 0.5 * z * z - largest) if largest > -INFINITY else 0.0
            out[i] = largest + log(total * INV_SQRT_2PI)
    return values


cdef enum:
    ORDER = 16  # components a panel (quadrature/rule.py)


cdef double log_part(double z, int kind) noexcept nogil:
    """Log of the density at a score, or of its lower (-1) or upper (1) tail, without a kink."""
    cdef double u = 1.0 / max(z * z, 1.0)
    if kind == 0:
        return -0.5 * z * z
    if kind * z < 30.0:
        return log(0.5 * erfc(kind * z * M_SQRT1_2))
    u = 1.0 - u * (1.0 - u * (3.0 - u * (15.0 - u * 105.0)))
    return -0.5 * z * z + log(INV_SQRT_2PI * u / fabs(z))


cdef double two_terms(const double *values, const double *row) noexcept nogil:
    """Two coefficients of the polynomial through a panel's values, added up."""
    cdef double a = 0.0, b = 0.0
    cdef Py_ssize_t i
    for i in range(ORDER):
        a += row[i] * values[i]
        b += row[ORDER + i] * values[i]
    return fabs(a) + fabs(b)


def resolved(const double[::1] x, int kind, const double[::1] log_density, const double[::1] rule,
             const double[::1] mean, const double[::1] sd, const double[:, ::1] last,
             double log_missing, double tolerance):
    """Whether components at the nodes of panels tell the mixture at every x, shape (points,).

    With a panel's values c_14 and c_15 are its polynomial's last coefficients; what its rule leaves
    out is about their square, over the highest value; where the last four are hardly less than
    those amid, as beside a pole, it is about the last four themselves (2.3 times them, or less).

    Parameters
    ----------
    x : in, shape (points,)
    kind : int
        0 for the density, -1 for the lower tail, 1 for the upper.
    log_density, rule, mean, sd : in, shape (panels * ORDER,)
        Of the mixing coordinate; the rule's weights; the components.
    last : in, shape (8, ORDER)
        From values to c_14, c_15, c_12, c_13 and those amid, c_6 to c_9.
    log_missing, tolerance : float
        Log of what may be missing, and how large errors may be beside the integral.
    """
    found = np.zeros(x.shape[0], dtype=np.bool_)
    cdef unsigned char[::1] out = found.view(np.uint8)
    cdef double[::1] terms = np.empty(mean.shape[0])
    cdef double[::1] scale = np.asarray(log_density) - (np.log(sd) if kind == 0 else 0.0)
    cdef Py_ssize_t i, j, k, panel, n = mean.shape[0]
    cdef double largest, total, off, high, lasts, four, amid, width
    with nogil:
        for i in range(x.shape[0]):
            largest = -INFINITY
            for j in range(n):
                terms[j] = scale[j] + log_part((x[i] - mean[j]) / sd[j], kind)
                largest = max(largest, terms[j])
            if not fabs(largest) < INFINITY:
                continue
            total = off = 0.0
            for panel in range(n // ORDER):
                k, high, width = panel * ORDER, 0.0, 0.0
                for j in range(k, k + ORDER):
                    terms[j] = exp(terms[j] - largest) if terms[j] > largest - 60.0 else 0.0
                    high, width = max(high, terms[j]), width + rule[j]
                    total += rule[j] * terms[j]
                if high > 1e-14:
                    lasts = two_terms(&terms[k], &last[0, 0])
                    four = lasts + two_terms(&terms[k], &last[2, 0])
                    amid = two_terms(&terms[k], &last[4, 0]) + two_terms(&terms[k], &last[6, 0])
                    off += width * (ROUGH * four if four > SLOW * amid else lasts * lasts / high)
            out[i] = off <= tolerance * total and log_missing <= largest + log(tolerance * total)
    return found


def components(const double[:, ::1] intercept, const double[:, ::1] slope,
               const double[:, ::1] noise, const double[::1] mean, const double[::1] var,
               double[:, ::1] out_mean, double[:, ::1] out_sd):
    """Means and sds of intercept + slope * normal(mean, var) + normal(0, noise).

    Parameters
    ----------
    intercept, slope, noise : in, shape (mixtures, components)
    mean, var : in, shape (components,)
    out_mean, out_sd : out, shape (mixtures, components)
    """
    cdef Py_ssize_t i, j
    cdef double b
    with nogil:
        for i in range(intercept.shape[0]):
            for j in range(mean.shape[0]):
                b = slope[i, j]
                out_mean[i, j] = intercept[i, j] + b * mean[j]
                out_sd[i, j] = sqrt(noise[i, j] + b * b * var[j])


def moments(const double[::1] weight, const double[:, ::1] mean, const double[:, ::1] sd):
    """Mean and variance of every mixture, shape (2, mixtures)."""
    table = np.zeros((2, mean.shape[0]))
    cdef double[:, ::1] out = table
    cdef Py_ssize_t i, j
    cdef double centre, total
    with nogil:
        for i in range(mean.shape[0]):
            centre = total = 0.0
            for j in range(weight.shape[0]):
                # About one component's mean: of data far from 0 only what differs is rounded.
                centre += weight[j] * (mean[i, j] - mean[i, 0])
            out[0, i] = mean[i, 0] + centre
            for j in range(weight.shape[0]):
                total += weight[j] * (sd[i, j] * sd[i, j]
                                      + (mean[i, j] - out[0, i]) * (mean[i, j] - out[0, i]))
            out[1, i] = total
    return table


# --- Quantiles ------------------------------------------------------------------------------------

cdef void merge(const Mixture *full, Mixture *coarse) noexcept nogil:
    """One component with the weight, mean and variance of every LANES neighbours."""
    cdef Py_ssize_t i, j, n = full.size // LANES
    cdef double weight, mean, var, away
    for i in range(n):
        weight = mean = var = 0.0
        for j in range(i * LANES, (i + 1) * LANES):
            weight += full.weight[j]
            mean += full.weight[j] * (full.mean[j] - full.mean[i * LANES])
        mean = full.mean[i * LANES] + (mean / weight if weight > 0.0 else 0.0)
        for j in range(i * LANES, (i + 1) * LANES):
            away = full.mean[j] - mean
            var += full.weight[j] * (full.sd[j] * full.sd[j] + away * away)
        coarse.weight[i], coarse.mean[i] = weight, mean
        coarse.sd[i] = sqrt(var / weight) if weight > 0.0 else full.sd[i * LANES]
        coarse.precision[i] = 1.0 / coarse.sd[i]
    pad(coarse, n)


cdef double by_series(const double *sums, double rise, double step, double *left_out) noexcept nogil:
    """The step over which the lower tail rises by so much, by its derivatives.

    ``left_out`` is about the size of what follows the terms used.
    """
    cdef double a = sums[2], b = sums[3] / 2.0, c = sums[4] / 6.0, d = sums[5] / 24.0, ratio
    cdef int i
    for i in range(3):  # Newton's method, from a step good to the third order
        step -= ((((d * step + c) * step + b) * step + a) * step - rise) \
            / (((4.0 * d * step + 3.0 * c) * step + 2.0 * b) * step + a)
    ratio = max(fabs(b / a), sqrt(fabs(c / a)))
    left_out[0] = fabs(d * step * step * step * step * step) * max(ratio, cbrt(fabs(d / a)))
    return step


cdef double between(double low, double high, double centre, double scale) noexcept nogil:
    """The middle of a bracket; of one over many powers of ten that of their powers."""
    cdef double x
    if high - low > 1e3 * scale:
        x = centre + scale * sinh(0.5 * (asinh((low - centre) / scale)
                                         + asinh((high - centre) / scale)))
        if low < x < high:
            return x
    return 0.5 * (low + high)


cdef double invert(const Mixture *mixture, double q, bint upper, double x, double low, double high,
                   double enough) noexcept nogil:
    """The x with lower (upper) tail q, between low and high, from a first guess.

    With s the score of the tail, a step of Halley's method leaves an error of the third order in
    the step. Both its size and the curvature that it meets are asked to be at most ``enough``; and
    the step is to be short beside the narrowest component, which it could have jumped.
    """
    cdef double[6] sums
    cdef double tail, excess, score, height, error, bend, step, further, left_out
    cdef double target = qnorm(q), short_step = 0.05 * mixture.narrowest
    cdef int k
    for k in range(200):
        mixture_sums(mixture.size, mixture.weight, mixture.mean, mixture.precision, x, sums)
        tail = sums[1] if upper else sums[0]
        excess = q - tail if upper else tail - q  # grows with x
        if excess == 0.0:
            return x
        if excess > 0.0:
            high = x
        else:
            low = x
        score = qnorm(tail)
        error = target - score if upper else score - target
        height = INV_SQRT_2PI * exp(-0.5 * score * score)
        # s'' / s'^2, with s' = density / height
        bend = sums[3] * height / (sums[2] * sums[2]) + (-score if upper else score)
        bend *= 0.5 * error
        step = error * height / sums[2]
        if fabs(bend) < 0.5:
            step /= 1.0 - bend
        if low < x - step < high:
            if fabs(step) <= max(short_step, 4e-16 * fabs(x)):
                if fabs(error) <= enough and fabs(bend) <= enough:
                    return x - step
                if fabs(error) <= 0.01:
                    further = by_series(sums, -excess, -step, &left_out)
                    if low < x + further < high and left_out <= 1e-14 * q:
                        return x + further
            x = x - step
        else:
            if high - low <= 2e-16 * fabs(x):
                return x
            x = between(low, high, mixture.mean[0], mixture.sd[0])
    return x


cdef void invert_all(const Mixture *full, Mixture *coarse, const double[::1] q, bint upper,
                     double *out) noexcept nogil:
    cdef double low, high, p, x, centre = 0.0, spread = 0.0
    cdef double[3] ends
    cdef Mixture whole = full[0]
    cdef bint other
    cdef Py_ssize_t j, k
    merge(full, coarse)
    mixture_ends(full.size, full.mean, full.sd, ends)
    low, high, whole.narrowest = ends[0], ends[1], ends[2]
    for j in range(<Py_ssize_t>coarse.size):
        centre += coarse.weight[j] * (coarse.mean[j] - coarse.mean[0])
    centre += coarse.mean[0]
    for j in range(<Py_ssize_t>coarse.size):
        spread += coarse.weight[j] * (coarse.sd[j] + fabs(coarse.mean[j] - centre))
    for k in range(q.shape[0]):
        other = q[k] > 0.5
        p = 1.0 - q[k] if other else q[k]
        x = centre + qnorm(p) * (-spread if upper != other else spread)
        x = invert(coarse, p, upper != other, min(max(x, low), high), low, high, 0.03)
        if not low <= x <= high:
            x = centre
        out[k] = invert(&whole, p, upper != other, x, low, high, 3e-6)


def quantiles(const double[::1] q, bint upper, const double[::1] weight,
              const double[:, :] mean, const double[:, :] sd):
    """The x whose lower tail (upper tail, if ``upper``) is q, shape (mixtures, points)."""
    values = np.empty((mean.shape[0], q.shape[0]))
    cdef double[:, ::1] out = values
    cdef Py_ssize_t n = weight.shape[0], i
    cdef double[:, ::1] room = np.empty((8, padded(n)))
    cdef Mixture full = at_rows(room[:4])
    cdef Mixture coarse = at_rows(room[4:])
    with nogil:
        for i in range(mean.shape[0]):
            fill(&full, n, &weight[0], &mean[i, 0], &sd[i, 0])
            invert_all(&full, &coarse, q, upper, &out[i, 0])
    return values


# --- Many data sets, each with its own nodes of tau -------------------------------------------------

cdef struct Given:  # at a data set's nodes: weights, tau^2, and mean and variance of mu
    Py_ssize_t size
    const double *weight
    const double *tau2
    const double *mean
    const double *var


cdef inline void effect_at(double y, double v, double tau2, double mean, double var, double *centre,
                           double *spread) noexcept nogil:
    cdef double share, rest
    if v == 0.0:
        centre[0], spread[0] = mean, var
    elif v == INFINITY:
        centre[0], spread[0] = mean, var + tau2
    else:
        share = 1.0 / (v + tau2)
        rest, share = tau2 * share, v * share
        centre[0], spread[0] = y * rest + share * mean, v * rest + share * share * var


cdef void fill_effect(Mixture *mixture, const Given *given, double y, double v) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(given.size):
        effect_at(y, v, given.tau2[i], given.mean[i], given.var[i], &mixture.mean[i],
                  &mixture.sd[i])
        mixture.weight[i], mixture.sd[i] = given.weight[i], sqrt(mixture.sd[i])
        mixture.precision[i] = 1.0 / mixture.sd[i]
    pad(mixture, given.size)


cdef Given heavy_part(const double *weight, const double *tau2, const double *mean,
                      const double *var, Py_ssize_t n, double least) noexcept nogil:
    cdef Given found
    cdef Py_ssize_t first = 0, last = n
    while first < n - 1 and weight[first] <= least:
        first += 1
    while last > first + 1 and weight[last - 1] <= least:
        last -= 1
    found.size = last - first
    found.weight, found.tau2, found.mean, found.var = \
        weight + first, tau2 + first, mean + first, var + first
    return found


def effect_moments(const double[:, ::1] y, const double[:, ::1] v, const double[:, ::1] weight,
                   const double[:, ::1] tau2, const double[:, ::1] mean, const double[:, ::1] var):
    """Mean and variance of every effect of every data set, and how far every other node is off.

    Of y and v, (data sets, effects), v is 0 for mu itself, inf for a new group's effect. At nodes of
    tau, (data sets, nodes), there are weights, tau^2, and mean and variance of mu. Of shape (3, data
    sets, effects), third how far sums over even and odd nodes are apart, by the sd or the variance.
    """
    cdef Py_ssize_t d, j, i, n = weight.shape[1], top
    table = np.empty((3, y.shape[0], y.shape[1]))
    cdef double[:, :, ::1] out = table
    cdef double centre, spread, reference, first, second, sign, odd_first, odd_second, part
    cdef Given g
    with nogil:
        for d in range(y.shape[0]):
            g = heavy_part(&weight[d, 0], &tau2[d, 0], &mean[d, 0], &var[d, 0], n, 0.0)
            top = 0
            for i in range(g.size):
                top = i if g.weight[i] > g.weight[top] else top
            for j in range(y.shape[1]):
                effect_at(y[d, j], v[d, j], g.tau2[top], g.mean[top], g.var[top], &reference,
                          &spread)
                first, second, odd_first, odd_second, sign = 0.0, 0.0, 0.0, 0.0, 1.0
                for i in range(g.size):
                    effect_at(y[d, j], v[d, j], g.tau2[i], g.mean[i], g.var[i], &centre, &spread)
                    centre -= reference
                    part = g.weight[i] * centre
                    first += part
                    odd_first += sign * part
                    part = g.weight[i] * (spread + centre * centre)
                    second += part
                    odd_second += sign * part
                    sign = -sign
                out[0, d, j] = reference + first
                out[1, d, j] = second - first * first
                out[2, d, j] = max(fabs(odd_first) / sqrt(out[1, d, j]),
                                   fabs(odd_second) / out[1, d, j])
    return table


cdef double doubt(Mixture *mixture, Py_ssize_t n, const double *alias, double x,
                  bint upper) noexcept nogil:
    """About the error of a tail at x, as a sum over nodes of an even grid.

    The square of what every other node changes; and what steps of log tau leave out of what changes.
    """
    cdef double[6] sums
    cdef double rough = 0.0, z, last = 0.0, change
    cdef Py_ssize_t i
    for i in range(n):
        z = (x - mixture.mean[i]) * mixture.precision[i]
        if i > 0 and (min(fabs(z), fabs(last)) < 7.0 or z * last < 0.0):
            change = fabs(z - last) + fabs(1.0 - mixture.precision[i] * mixture.sd[i - 1])
            rough += max(mixture.weight[i], mixture.weight[i - 1]) * alias[i] * min(change, 1.0)
        last = z
    for i in range(1, n, 2):
        mixture.weight[i] = -mixture.weight[i]
    mixture_sums(mixture.size, mixture.weight, mixture.mean, mixture.precision, x, sums)
    for i in range(1, n, 2):
        mixture.weight[i] = -mixture.weight[i]
    z = sums[1] if upper else sums[0]
    return z * z + rough


def effect_quantiles(const double[::1] q, const double[:, ::1] y, const double[:, ::1] v,
                     const double[:, ::1] weight, const double[:, ::1] tau2,
                     const double[:, ::1] mean, const double[:, ::1] var,
                     const double[:, ::1] alias):
    """Quantiles of these effects, and about how far the tails there are off.

    Of shape (2, data sets, effects, probabilities). ``alias``, of the weights' shape, is what the
    step from the node before leaves out of a function of log tau that is analytic up to pi / 2 from
    the line, relative to its change; the rest is as of ``effect_moments``.
    """
    cdef Py_ssize_t d, j, k, n = weight.shape[1]
    values = np.empty((2, y.shape[0], y.shape[1], q.shape[0]))
    cdef double[:, :, :, ::1] out = values
    cdef double[:, ::1] room = np.empty((8, padded(n)))
    cdef Mixture full = at_rows(room[:4])
    cdef Mixture coarse = at_rows(room[4:])
    cdef double least = 1e-15 * min(np.min(q), 1.0 - np.max(q))
    cdef Given g
    with nogil:
        for d in range(y.shape[0]):
            g = heavy_part(&weight[d, 0], &tau2[d, 0], &mean[d, 0], &var[d, 0], n, least)
            for j in range(y.shape[1]):
                fill_effect(&full, &g, y[d, j], v[d, j])
                invert_all(&full, &coarse, q, False, &out[0, d, j, 0])
                for k in range(q.shape[0]):
                    out[1, d, j, k] = doubt(&full, g.size, &alias[d, g.weight - &weight[d, 0]],
                                             out[0, d, j, k], q[k] > 0.5)
    return values
