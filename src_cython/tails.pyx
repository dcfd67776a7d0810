"""Both tails of the gamma and the beta distribution, plain and in logs, and their quantiles.

On the scale y = log x (gamma) or logit x (beta) both densities are log-concave whatever their shapes
are: k(y) = exp(a y - exp(y)) / Gamma(a) and exp(a y - (a + b) softplus(y)) / B(a, b). So a tail is

    k(y) * integral over s > 0 of exp(-E(s)),    E(0) = 0, E convex,

where k is Loader's saddle-point form (C. Loader, Fast and accurate computation of binomial
probabilities, 2000) and the integrand falls smoothly from 1 to 0. The trapezoid rule after
s = scale exp(u - exp(-u)) (Takahasi and Mori 1974, the double exponential rule of the half line) has
full accuracy with some 140 points, in the centre and in tails of 1e-100000 alike, for shapes of 1e-2
and of 1e14: there is no other branch for large shapes. E(s) is written with log1p(z) - z and
expm1(z) - z, which keep their digits where its terms cancel.

Where a shape below 1 puts nearly all mass on the nearer side, the power series of the incomplete gamma
and beta functions (Abramowitz and Stegun 6.5.29, 26.5.4) gives the logarithm of that side, and expm1
the other one.

Quantiles: the logarithm of the smaller tail is concave in y, so that Newton's method converges from
anywhere; a bracket guards the steps.
"""
from libc.math cimport INFINITY, exp, expm1, fabs, isfinite, log, log1p, sqrt

from pyhier.kernels.random cimport qnorm
from pyhier.kernels.special cimport r_lgamma, r_psigamma, stirling_error

cdef double LOG_2PI = 1.837877066409345483560659472811
cdef double STEP = 0.05
cdef double SMALL_SHAPE = 1e-3
cdef int FEW = 100
cdef double LOGIT_END = 708.0  # beyond it exp(-y) has no digits
# zeta(k) / k, k = 2 to 24: log Gamma(1 + a) = -0.5772 a + sum of (-a)^k zeta(k) / k.
cdef double EULER = 0.577215664901532860606512090082
cdef double[23] ZETAS = [
    0.822467033424113218, 0.400685634386531428, 0.270580808427784548, 0.207385551028673985,
    0.16955717699740819, 0.144049896768846118, 0.125509669524743042, 0.11133426586956469,
    0.100099457512781809, 0.0909540171458290422, 0.083353840546109004, 0.0769325164113521915,
    0.0714329462953613361, 0.066668705882420468, 0.0625009551412130407, 0.0588239786586845823,
    0.0555557676274036111, 0.0526316793796166607, 0.0500000476981016936, 0.047619070330142228,
    0.0454545562932046694, 0.0434782660530402594, 0.0416666691503412105,
]


cdef double deviance(double x, double m) noexcept nogil:
    """x log(x / m) + m - x, as Loader computes it."""
    cdef double v, term, total, next_total
    cdef int j
    if fabs(x - m) < 0.1 * (x + m):
        v = (x - m) / (x + m)
        total = (x - m) * v
        term = 2.0 * x * v
        v *= v
        for j in range(1, 1000):
            term *= v
            next_total = total + term / (2 * j + 1)
            if next_total == total:
                return total
            total = next_total
    if x == 0.0:
        return m
    v = (m - x) / x
    return -x * log1p_less(v) if fabs(v) < 0.9 else x * log(x / m) + m - x


cdef inline double log1p_less(double z) noexcept nogil:
    """log(1 + z) - z."""
    cdef double r, r2
    if fabs(z) > 0.4:
        return log1p(z) - z
    r = z / (2.0 + z)
    r2 = r * r
    return -z * r + 2.0 * r * r2 * (
        1.0 / 3.0 + r2 * (1.0 / 5.0 + r2 * (1.0 / 7.0 + r2 * (1.0 / 9.0 + r2 * (
            1.0 / 11.0 + r2 * (1.0 / 13.0 + r2 * (1.0 / 15.0 + r2 * (1.0 / 17.0 + r2 * (
                1.0 / 19.0 + r2 * (1.0 / 21.0 + r2 * (1.0 / 23.0 + r2 / 25.0)))))))))))


cdef inline double expm1_less(double z) noexcept nogil:
    """exp(z) - 1 - z."""
    if fabs(z) > 0.5:
        return expm1(z) - z
    return z * z * (1.0 / 2.0 + z * (1.0 / 6.0 + z * (1.0 / 24.0 + z * (1.0 / 120.0 + z * (
        1.0 / 720.0 + z * (1.0 / 5040.0 + z * (1.0 / 40320.0 + z * (1.0 / 362880.0 + z * (
            1.0 / 3628800.0 + z * (1.0 / 39916800.0 + z * (1.0 / 479001600.0
                                                          + z / 6227020800.0)))))))))))


# --- The integrals --------------------------------------------------------------------------------

ctypedef enum Kind:
    GAMMA_LOWER
    GAMMA_UPPER
    BETA_LOWER


cdef struct Slope:
    Kind kind
    double d       # E'(0)
    double n       # a + b of a beta
    double x
    double q


cdef inline double fall(Slope *t, double s) noexcept nogil:
    """E(s)."""
    if t.kind == GAMMA_LOWER:
        return t.d * s + t.x * expm1_less(-s)
    if t.kind == GAMMA_UPPER:
        return t.d * s + t.x * expm1_less(s)
    if t.x <= 0.5:
        return t.d * s + t.n * (log1p_less(t.x * expm1(-s)) + t.x * expm1_less(-s) if s < 0.7
                                else t.x * s + log1p(t.x * expm1(-s)))
    return t.d * s + t.n * (log1p_less(t.q * expm1(s)) + t.q * expm1_less(s) if s < 0.7
                            else log1p(t.q * expm1(s)) - t.q * s)


cdef double area(Slope *t, double bend) noexcept nogil:
    """Integral of exp(-E) over s > 0; ``bend`` is E''(0)."""
    cdef double scale = 2.0 / (t.d + sqrt(t.d * t.d + 2.0 * bend))
    cdef double total = 0.0, term, u, s, left
    cdef int i
    for i in range(-72, 1000):
        u = STEP * i
        left = exp(-u)
        s = scale * exp(u - left)
        term = exp(-fall(t, s)) * s * (1.0 + left)
        total += term
        if i > 0 and term < 1e-18 * total:
            break
    return total * STEP


# The same integrals where a series or a continued fraction has them in a few steps (A. and S. 6.5.29,
# 6.5.31 and 26.5.8, by Lentz's method); 0 where it has not.

cdef double few_gamma_lower(double x, double a) noexcept nogil:
    cdef double term = 1.0, total = 1.0, at = a
    cdef int n
    for n in range(FEW):
        at += 1.0
        term *= x / at
        total += term
        if term < 1e-17 * total:
            return total / a
    return 0.0


cdef double few_gamma_upper(double x, double a) noexcept nogil:
    cdef double b = x + 1.0 - a, c = 1e300, d = 1.0 / b, value = d, factor, numerator
    cdef int n
    for n in range(1, FEW):
        numerator = -n * (n - a)
        b += 2.0
        d, c = 1.0 / (numerator * d + b), b + numerator / c
        factor = c * d
        value *= factor
        if fabs(factor - 1.0) < 2.3e-16:
            return value
    return 0.0


cdef double few_beta_lower(double x, double a, double b) noexcept nogil:
    cdef double c = 1.0, d = 1.0 / (1.0 - (a + b) * x / (a + 1.0)), value = d, factor, numerator
    cdef int n
    for n in range(1, FEW):
        numerator = n * (b - n) * x / ((a + 2 * n - 1.0) * (a + 2 * n))
        d, c = 1.0 / (1.0 + numerator * d), 1.0 + numerator / c
        value *= d * c
        numerator = -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1.0))
        d, c = 1.0 / (1.0 + numerator * d), 1.0 + numerator / c
        factor = d * c
        value *= factor
        if fabs(factor - 1.0) < 2.3e-16:
            return value / a
    return 0.0


# --- Gamma ----------------------------------------------------------------------------------------

cdef double lgamma1p(double a) noexcept nogil:
    """log Gamma(1 + a), with all its digits for small a."""
    cdef double total = 0.0
    cdef int k
    if fabs(a) > 0.2:
        return r_lgamma(1.0 + a)
    for k in range(22, -1, -1):
        total = (ZETAS[k] + total) * -a
    return a * (-EULER - total)


cdef Tails from_log_lower(double log_lower) noexcept nogil:
    """Tails by the logarithm of the lower one, whichever is smaller."""
    if log_lower < -0.7:
        return Tails(True, exp(log_lower), log_lower)
    return Tails(False, -expm1(log_lower), log(-expm1(log_lower)))


cdef double log_gamma_series(double x, double a) noexcept nogil:
    """log of the lower tail, x and a below 1."""
    cdef double term = 1.0, total = 0.0
    cdef int n
    for n in range(1, 60):
        term *= -x / n
        total += a * term / (a + n)
        if fabs(term) < 1e-18:
            break
    return a * log(x) - lgamma1p(a) + log1p(total)


cdef Tails gamma_tails(double x, double a) noexcept nogil:
    """x > 0 and a > 0, both finite."""
    cdef Slope t
    cdef double log_k, whole, integral = 0.0
    if a < 1.0 and x < 1.0:
        return from_log_lower(log_gamma_series(x, a))
    if a < 1e4:
        integral = few_gamma_lower(x, a) if x < a else few_gamma_upper(x, a)
    if integral == 0.0:
        t.kind, t.x, t.d = GAMMA_LOWER if x < a else GAMMA_UPPER, x, fabs(x - a)
        integral = area(&t, x)
    log_k = -stirling_error(a) - deviance(a, x)
    whole = sqrt(a / 6.283185307179586476925286766559) * integral
    return Tails(x < a, whole * exp(log_k), log(whole) + log_k)


# --- Beta -----------------------------------------------------------------------------------------

cdef double lgamma_step(double b, double a) noexcept nogil:
    """log Gamma(b) - log Gamma(a + b), a > 0; it keeps its digits for small a."""
    cdef double n = a + b
    if a < SMALL_SHAPE * (b if b < 1.0 else 1.0):
        return -a * (r_psigamma(b, 0) + 0.5 * a * (r_psigamma(b, 1) + a / 3.0 * (
            r_psigamma(b, 2) + 0.25 * a * (r_psigamma(b, 3) + 0.2 * a * r_psigamma(b, 4)))))
    if b >= 10.0:
        return -(b - 0.5) * log1p(a / b) - a * log(n) + a + stirling_error(b) - stirling_error(n)
    if n < 1.0:
        return lgamma1p(b) - lgamma1p(n) + log1p(a / b)
    return r_lgamma(b) - r_lgamma(n)


cdef double log_beta_series(double x, double a, double b) noexcept nogil:
    """log of the lower tail, a < 1 and b x < 0.7 or x <= 0.5."""
    cdef double term = 1.0, total = 0.0
    cdef int n
    for n in range(1, 2000):
        term *= (n - b) / n * x
        total += a * term / (a + n)
        if fabs(term) < 1e-18 * (1.0 + fabs(total)):
            break
    return a * log(x) - lgamma1p(a) - lgamma_step(b, a) + log1p(total)


cdef inline double off_mode(double x, double q, double a, double b) noexcept nogil:
    """a q - b x, from the smaller of x and q: the other one is rounded."""
    if x <= q:
        return <double>(a - (<long double>a + b) * x)
    return <double>((<long double>a + b) * q - b)


cdef inline double share_deviance(double a, double shift, double ratio) noexcept nogil:
    """a log(a / m) + m - a for m = a + shift = a ratio."""
    cdef double v = shift / a
    return -a * log1p_less(v) if v > -0.9 else -a * log(ratio) + shift


cdef double log_beta_kernel(double x, double q, double a, double b, double off) noexcept nogil:
    """log of x^a q^b / B(a, b), less log(a b / (2 pi (a + b))) / 2; ``off`` is a q - b x."""
    cdef double n = a + b
    return stirling_error(n) - stirling_error(a) - stirling_error(b) \
        - share_deviance(a, -off, x * (1.0 + b / a)) - share_deviance(b, off, q * (1.0 + a / b))


cdef Tails beta_tails(double x, double q, double a, double b) noexcept nogil:
    """0 < x < 1 and q = 1 - x; a, b > 0, all finite."""
    cdef Slope t
    cdef Tails result
    cdef double log_k, whole, integral = 0.0, off = off_mode(x, q, a, b)
    cdef bint lower = off > 0.0
    if a < 1.0 and (b * x < 0.7 and x <= 0.7 or b < 1.0 and x <= 0.5):
        return from_log_lower(log_beta_series(x, a, b))
    if b < 1.0 and (a * q < 0.7 and q <= 0.7 or a < 1.0):
        result = from_log_lower(log_beta_series(q, b, a))
        result.lower = not result.lower
        return result
    t.kind, t.n, t.d = BETA_LOWER, a + b, fabs(off)
    t.x, t.q = x if lower else q, q if lower else x
    if t.n < 1e4 and t.x < 0.9:  # nearer to 1 the fraction subtracts numbers near 1
        integral = few_beta_lower(x, a, b) if lower else few_beta_lower(q, b, a)
    if integral == 0.0:
        integral = area(&t, t.n * x * q)
    log_k = log_beta_kernel(x, q, a, b, off)
    whole = sqrt(a / t.n * b / 6.283185307179586476925286766559) * integral
    return Tails(lower, whole * exp(log_k), log(whole) + log_k)


cdef double tail_value(Tails t, bint lower, bint log_p) noexcept nogil:
    cdef double small = 1.0 if t.small > 1.0 else t.small
    if t.lower == lower:
        return (0.0 if t.log_small > 0.0 else t.log_small) if log_p else small
    return log1p(-small) if log_p else 1.0 - small


# --- Quantiles ------------------------------------------------------------------------------------

cdef inline double miss(Tails t, bint lower, double target) noexcept nogil:
    """How far the logarithm of a tail is above its target; to be 0."""
    return tail_value(t, lower, True) - target


cdef inline double normal_start(double target) noexcept nogil:
    return qnorm(exp(target)) if target > -30.0 else -sqrt(-2.0 * target)


cdef double gamma_quantile(double lower, double upper, double a) noexcept nogil:
    """The point with these logarithms of both tails, finite."""
    cdef bint left = lower < upper
    cdef double target = lower if left else upper, low = 0.0, high = INFINITY
    cdef double x = a if a > 1e-3 else 1e-3, error, density, step, new, last = INFINITY
    cdef Tails t
    cdef int i
    if a >= 1.0:
        step = normal_start(target) / sqrt(a)
        x = a * exp(step if left else -step)
    elif left:  # where the power of x is nearly all
        x = exp((target + lgamma1p(a)) / a)
        if x == 0.0:
            return 0.0
    for i in range(200):
        t = gamma_tails(x, a)
        error = miss(t, left, target)
        if (error > 0.0) == left:
            high = x
        else:
            low = x
        # k(y) over the tail: the slope of its logarithm in y
        density = exp(log_gamma_density(x, a) - tail_value(t, left, True))
        step = -error / density if left else error / density
        new = x * (1.0 + step) if step > 0.0 else x * exp(step)
        if fabs(step) <= 4e-16 or (fabs(step) < 1e-9 and fabs(step) >= 0.5 * last):
            return new  # the tail's own rounding is all that is left
        if not (low < new < high) or not isfinite(new):
            new = middle(low, high, x)
        x, last = new, fabs(step)
    return x


cdef double log_gamma_density(double x, double a) noexcept nogil:
    """log of x times the density."""
    if a < 1.0 and x < 1.0:
        return a * log(x) - x - lgamma1p(a) + log(a)
    return 0.5 * (log(a) - LOG_2PI) - stirling_error(a) - deviance(a, x)


cdef inline double middle(double low, double high, double x) noexcept nogil:
    """A point between: of the exponents where the ends are far apart."""
    if high == INFINITY:
        return 2.0 * x
    if low == 0.0:
        return 0.5 * high if high < 1e-300 else high * 1e-5
    return sqrt(low) * sqrt(high) if high > 2.0 * low else 0.5 * (low + high)


cdef void beta_quantile(double lower, double upper, double a, double b, double *x,
                        double *q) noexcept nogil:
    """The point x = 1 - q with these logarithms of both tails, finite."""
    if lower < upper:
        beta_left(lower, a, b, x, q)
    else:
        beta_left(upper, b, a, q, x)


cdef void beta_left(double target, double a, double b, double *x, double *q) noexcept nogil:
    """x and q = 1 - x with the logarithm of the lower tail, by Newton in logit x."""
    cdef double low = -LOGIT_END, high = LOGIT_END, error, step = 0.0, new, last = INFINITY
    cdef double power = (target + (lgamma1p(a) if a < 1.0 else r_lgamma(a + 1.0))
                         + lgamma_step(b, a)) / a  # log x if the tail were its first power
    cdef double y = log(a) - log(b)  # the mode in logit x
    cdef Tails t
    cdef int i
    if power + log(b if b > 1.0 else 1.0) < -40.0:
        x[0], q[0] = exp(power), 1.0
        return
    if a >= 1.0 and b >= 1.0:
        y += normal_start(target) * sqrt(1.0 / a + 1.0 / b)
    y = power if power < y else y
    y = y if y < high else 0.5 * high
    for i in range(200):
        set_logit(y, x, q)
        t = beta_tails(x[0], q[0], a, b)
        error = miss(t, True, target)
        low, high = (low, y) if error > 0.0 else (y, high)
        step = -error / exp(log_beta_density(x[0], q[0], a, b) - tail_value(t, True, True))
        if fabs(step) <= 4e-16 or (fabs(step) < 1e-9 and fabs(step) >= 0.5 * last):
            break
        new, last = y + step, fabs(step)
        if not (low < new < high):
            new = 0.5 * (low + high)
        if new == y:
            break
        y = new
    if y > LOGIT_END - 1.0:
        x[0], q[0] = 1.0, 0.0
    elif fabs(step) < 1e-8:  # y has lost the last digits of x and q
        step *= x[0] * q[0]
        x[0], q[0] = x[0] + step, q[0] - step


cdef void set_logit(double y, double *x, double *q) noexcept nogil:
    cdef double e = exp(-fabs(y))
    cdef double small = e / (1.0 + e), large = 1.0 / (1.0 + e)
    x[0], q[0] = (small, large) if y < 0.0 else (large, small)


cdef double log_beta_density(double x, double q, double a, double b) noexcept nogil:
    """log of x q times the density."""
    if a < 1.0 and x <= 0.5:
        return a * log(x) + b * log1p(-x) - lgamma1p(a) + log(a) - lgamma_step(b, a)
    if b < 1.0 and q <= 0.5:
        return b * log(q) + a * log1p(-q) - lgamma1p(b) + log(b) - lgamma_step(a, b)
    return 0.5 * (log(a / (a + b) * b) - LOG_2PI) \
        + log_beta_kernel(x, q, a, b, off_mode(x, q, a, b))
