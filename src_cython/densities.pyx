"""R's densities: C. Loader's saddle-point forms of the binomial and Poisson probabilities and what
follows from them (Fast and accurate computation of binomial probabilities, 2000), closed forms else.

Each function takes a point and its family's parameters, checked by nobody: NaN comes back where R has
NaN. ``par`` is in R's order, scales for rates.
"""
from libc.math cimport INFINITY, NAN, exp, fabs, isfinite, isnan, log, log1p, pow, rint, sqrt

from pyhier.kernels.special cimport r_lbeta, r_lgamma, stirling_error
from pyhier.kernels.tails cimport deviance

cdef double LOG_2PI = 1.837877066409345483560659472811
cdef double LOG_SQRT_2PI = 0.918938533204672741780329736406
cdef double SQRT_2PI_INVERSE = 0.398942280401432677939946059934
cdef double PI = 3.141592653589793238462643383280
cdef double TWO_PI = 6.283185307179586476925286766559
cdef double TINY = 2.2250738585072014e-308


cdef inline double zero(bint give_log) noexcept nogil:
    return -INFINITY if give_log else 0.0


cdef inline double finish(double log_value, bint give_log) noexcept nogil:
    return log_value if give_log else exp(log_value)


cdef inline double over_root(double area, double log_rest, bint give_log) noexcept nogil:
    """exp(log_rest) / sqrt(area)."""
    return -0.5 * log(area) + log_rest if give_log else exp(log_rest) / sqrt(area)


cdef inline bint whole(double x) noexcept nogil:
    return fabs(x - rint(x)) <= 1e-7 * (fabs(x) if fabs(x) > 1.0 else 1.0)


cdef double poisson_raw(double x, double m, bint give_log) noexcept nogil:
    """exp(-m) m^x / Gamma(x + 1), x not negative and perhaps no whole number."""
    if m == 0.0:
        return finish(0.0, give_log) if x == 0.0 else zero(give_log)
    if m == INFINITY or x < 0.0:
        return zero(give_log)
    if x <= m * TINY:
        return finish(-m, give_log)
    if m < x * TINY:
        if x == INFINITY:
            return zero(give_log)
        return finish(-m + x * log(m) - r_lgamma(x + 1.0), give_log)
    return over_root(TWO_PI * x, -stirling_error(x) - deviance(x, m), give_log)


cdef double binomial_raw(double x, double n, double p, double q, bint give_log) noexcept nogil:
    """Gamma(n + 1) / (Gamma(x + 1) Gamma(n - x + 1)) p^x q^(n - x)."""
    cdef double rest
    if p == 0.0:
        return finish(0.0, give_log) if x == 0.0 else zero(give_log)
    if q == 0.0:
        return finish(0.0, give_log) if x == n else zero(give_log)
    if x == 0.0:
        if n == 0.0:
            return finish(0.0, give_log)
        return finish(-deviance(n, n * q) - n * p if p < 0.1 else n * log(q), give_log)
    if x == n:
        return finish(-deviance(n, n * p) - n * q if q < 0.1 else n * log(p), give_log)
    if x < 0.0 or x > n:
        return zero(give_log)
    rest = stirling_error(n) - stirling_error(x) - stirling_error(n - x) \
        - deviance(x, n * p) - deviance(n - x, n * q)
    return finish(rest - 0.5 * (LOG_2PI + log(x) + log1p(-x / n)), give_log)


# --- Continuous families --------------------------------------------------------------------------

cdef double d_norm(double x, const double *par, bint give_log) noexcept nogil:
    cdef double sd = par[1], z, near
    if sd < 0.0:
        return NAN
    if sd == INFINITY or (not isfinite(x) and x != par[0]):
        return zero(give_log)
    if not isfinite(x):
        return NAN
    if sd == 0.0:
        return INFINITY if x == par[0] else zero(give_log)
    z = fabs((x - par[0]) / sd)
    if z >= 2.0 * sqrt(1.797693134862315708e308):
        return zero(give_log)
    if give_log:
        return -(LOG_SQRT_2PI + 0.5 * z * z + log(sd))
    if z < 5.0:
        return SQRT_2PI_INVERSE * exp(-0.5 * z * z) / sd
    if z > 38.56804181549334:
        return 0.0
    near = rint(z * 65536.0) / 65536.0  # z * z in two parts, for the digits of its exponential
    z -= near
    return SQRT_2PI_INVERSE / sd * (exp(-0.5 * near * near) * exp((-0.5 * z - near) * z))


cdef double d_lnorm(double x, const double *par, bint give_log) noexcept nogil:
    cdef double sd = par[1], z
    if sd < 0.0:
        return NAN
    if not isfinite(x) and log(x) == par[0]:
        return NAN
    if sd == 0.0:
        return INFINITY if log(x) == par[0] else zero(give_log)
    if x <= 0.0:
        return zero(give_log)
    z = (log(x) - par[0]) / sd
    if give_log:
        return -(LOG_SQRT_2PI + 0.5 * z * z + log(x * sd))
    return SQRT_2PI_INVERSE * exp(-0.5 * z * z) / (x * sd)


cdef double d_unif(double x, const double *par, bint give_log) noexcept nogil:
    if par[1] <= par[0]:
        return NAN
    if not par[0] <= x <= par[1]:
        return zero(give_log)
    return -log(par[1] - par[0]) if give_log else 1.0 / (par[1] - par[0])


cdef double d_exp(double x, const double *par, bint give_log) noexcept nogil:
    if par[0] <= 0.0:
        return NAN
    if x < 0.0:
        return zero(give_log)
    return -x / par[0] - log(par[0]) if give_log else exp(-x / par[0]) / par[0]


cdef double d_gamma(double x, const double *par, bint give_log) noexcept nogil:
    cdef double shape = par[0], scale = par[1], value
    if shape < 0.0 or scale <= 0.0:
        return NAN
    if x < 0.0:
        return zero(give_log)
    if shape == 0.0:
        return INFINITY if x == 0.0 else zero(give_log)
    if x == 0.0:
        if shape < 1.0:
            return INFINITY
        if shape > 1.0:
            return zero(give_log)
        return -log(scale) if give_log else 1.0 / scale
    if shape < 1.0:
        value = poisson_raw(shape, x / scale, give_log)
        if isfinite(shape / x):
            return value + log(shape / x) if give_log else value * (shape / x)
        return finish(poisson_raw(shape, x / scale, True) + log(shape) - log(x), give_log)
    value = poisson_raw(shape - 1.0, x / scale, give_log)
    return value - log(scale) if give_log else value / scale


cdef double d_chisq(double x, const double *par, bint give_log) noexcept nogil:
    cdef double[2] gamma_par
    gamma_par[0], gamma_par[1] = 0.5 * par[0], 2.0
    return d_gamma(x, gamma_par, give_log)


cdef double d_weibull(double x, const double *par, bint give_log) noexcept nogil:
    cdef double shape = par[0], scale = par[1], before, power
    if shape <= 0.0 or scale <= 0.0:
        return NAN
    if x < 0.0 or not isfinite(x):
        return zero(give_log)
    if x == 0.0 and shape < 1.0:
        return INFINITY
    before = pow(x / scale, shape - 1.0)
    power = before * (x / scale)
    if give_log:
        return -power + log(shape * before / scale)
    return shape * before * exp(-power) / scale


cdef double d_logis(double x, const double *par, bint give_log) noexcept nogil:
    cdef double e, f
    if par[1] <= 0.0:
        return NAN
    x = fabs((x - par[0]) / par[1])
    e = exp(-x)
    f = 1.0 + e
    return -(x + log(par[1] * f * f)) if give_log else e / (par[1] * f * f)


cdef double d_cauchy(double x, const double *par, bint give_log) noexcept nogil:
    cdef double y
    if par[1] <= 0.0:
        return NAN
    y = (x - par[0]) / par[1]
    return -log(PI * par[1] * (1.0 + y * y)) if give_log else 1.0 / (PI * par[1] * (1.0 + y * y))


cdef double d_beta(double x, const double *par, bint give_log) noexcept nogil:
    cdef double a = par[0], b = par[1], log_value
    if a < 0.0 or b < 0.0:
        return NAN
    if x < 0.0 or x > 1.0:
        return zero(give_log)
    if a == 0.0 or b == 0.0 or not isfinite(a) or not isfinite(b):
        return point_mass(x, a, b, give_log)
    if x == 0.0 or x == 1.0:
        return at_the_end(a if x == 0.0 else b, b if x == 0.0 else a, give_log)
    if a <= 2.0 or b <= 2.0:
        log_value = (a - 1.0) * log(x) + (b - 1.0) * log1p(-x) - r_lbeta(a, b)
    else:
        log_value = log(a + b - 1.0) + binomial_raw(a - 1.0, a + b - 2.0, x, 1.0 - x, True)
    return finish(log_value, give_log)


cdef double point_mass(double x, double a, double b, bint give_log) noexcept nogil:
    """Of shapes that are 0 or infinite: where all mass is, the density is infinite."""
    cdef bint at
    if a == 0.0 and b == 0.0:
        at = x == 0.0 or x == 1.0
    elif a == 0.0 or a / b == 0.0:
        at = x == 0.0
    elif b == 0.0 or b / a == 0.0:
        at = x == 1.0
    else:
        at = x == 0.5
    return INFINITY if at else zero(give_log)


cdef double at_the_end(double shape, double other, bint give_log) noexcept nogil:
    if shape > 1.0:
        return zero(give_log)
    if shape < 1.0:
        return INFINITY
    return log(other) if give_log else other


cdef double d_f(double x, const double *par, bint give_log) noexcept nogil:
    cdef double m = par[0], n = par[1], share, p, q, factor, value
    cdef double[2] gamma_par
    if m <= 0.0 or n <= 0.0:
        return NAN
    if x < 0.0:
        return zero(give_log)
    if x == 0.0:
        return zero(give_log) if m > 2.0 else (finish(0.0, give_log) if m == 2.0 else INFINITY)
    if not isfinite(m) and not isfinite(n):
        return INFINITY if x == 1.0 else zero(give_log)
    if not isfinite(n):
        gamma_par[0], gamma_par[1] = 0.5 * m, 2.0 / m
        return d_gamma(x, gamma_par, give_log)
    if m > 1e14:
        gamma_par[0], gamma_par[1] = 0.5 * n, 2.0 / n
        value = d_gamma(1.0 / x, gamma_par, give_log)
        return value - 2.0 * log(x) if give_log else value / (x * x)
    share = 1.0 / (n + x * m)
    q, p = n * share, x * m * share
    if m >= 2.0:
        factor, value = 0.5 * m * q, binomial_raw(0.5 * (m - 2.0), 0.5 * (m + n - 2.0), p, q, give_log)
    else:
        if p < 1e-290:  # the first power of x is all
            return finish(0.5 * m * log(m / n) + (0.5 * m - 1.0) * log(x) - r_lbeta(0.5 * m, 0.5 * n),
                          give_log)
        factor, value = m * m * q / (2.0 * p * (m + n)), binomial_raw(0.5 * m, 0.5 * (m + n), p, q,
                                                                     give_log)
    return log(factor) + value if give_log else factor * value


cdef double d_t(double x, const double *par, bint give_log) noexcept nogil:
    cdef double n = par[0], square, rest, half_log, size
    cdef double[2] normal
    if n <= 0.0:
        return NAN
    if not isfinite(x):
        return zero(give_log)
    if not isfinite(n):
        normal[0], normal[1] = 0.0, 1.0
        return d_norm(x, normal, give_log)
    rest = -deviance(0.5 * n, 0.5 * (n + 1.0)) + stirling_error(0.5 * (n + 1.0)) \
        - stirling_error(0.5 * n)
    square, size = x * x / n, fabs(x)
    if square > 4503599627370496.0:  # 1 + square is square
        half_log = log(size) - 0.5 * log(n)
        square = n * half_log
    elif square > 0.2:
        half_log = 0.5 * log(1.0 + square)
        square = n * half_log
    else:
        half_log = 0.5 * log1p(square)
        square = -deviance(0.5 * n, 0.5 * (n + x * x)) + 0.5 * x * x
    if give_log:
        return rest - square - (LOG_SQRT_2PI + half_log)
    return exp(rest - square) * SQRT_2PI_INVERSE * exp(-half_log)


# --- Counts ---------------------------------------------------------------------------------------

cdef double d_binom(double x, const double *par, bint give_log) noexcept nogil:
    cdef double n = par[0], p = par[1]
    if not 0.0 <= p <= 1.0 or n < 0.0 or not whole(n):
        return NAN
    if not whole(x) or x < 0.0 or not isfinite(x):
        return zero(give_log)
    return binomial_raw(rint(x), rint(n), p, 1.0 - p, give_log)


cdef double d_pois(double x, const double *par, bint give_log) noexcept nogil:
    if par[0] < 0.0:
        return NAN
    if not whole(x) or x < 0.0 or not isfinite(x):
        return zero(give_log)
    return poisson_raw(rint(x), par[0], give_log)


cdef double d_geom(double x, const double *par, bint give_log) noexcept nogil:
    cdef double p = par[0], value
    if not 0.0 < p <= 1.0:
        return NAN
    if not whole(x) or x < 0.0 or not isfinite(x):
        return zero(give_log)
    value = binomial_raw(0.0, rint(x), p, 1.0 - p, give_log)
    return log(p) + value if give_log else p * value


cdef double d_nbinom(double x, const double *par, bint give_log) noexcept nogil:
    """par: size, p and 1 - p; R's ``mu`` is size q / p."""
    cdef double n = par[0], p = par[1], q = par[2], value
    if not 0.0 < p <= 1.0 or n < 0.0:
        return NAN
    if not whole(x) or x < 0.0 or not isfinite(x):
        return zero(give_log)
    x = rint(x)
    if x == 0.0:
        return finish(0.0 if n == 0.0 else n * (log(p) if p < 0.5 else log1p(-q)), give_log)
    if n == INFINITY:
        return zero(give_log)
    if x < 1e-10 * n:  # then the binomial form has no digits in n - x
        return finish(n * log1p(-q) + x * (log(n) + log(q)) - r_lgamma(x + 1.0)
                      + log1p(x * (x - 1.0) / (2.0 * n)), give_log)
    value = binomial_raw(n, x + n, p, q, give_log)
    return log(n / (n + x)) + value if give_log else n / (n + x) * value


cdef double d_hyper(double x, const double *par, bint give_log) noexcept nogil:
    """par: white balls, black balls, drawn."""
    cdef double r = par[0], b = par[1], n = par[2], p, q, first, second, third
    if r < 0.0 or b < 0.0 or n < 0.0 or not whole(r) or not whole(b) or not whole(n) or n > r + b:
        return NAN
    if not whole(x) or x < 0.0 or not isfinite(x):
        return zero(give_log)
    x, r, b, n = rint(x), rint(r), rint(b), rint(n)
    if n < x or r < x or n - x > b:
        return zero(give_log)
    if n == 0.0:
        return finish(0.0, give_log) if x == 0.0 else zero(give_log)
    p, q = n / (r + b), (r + b - n) / (r + b)
    first = binomial_raw(x, r, p, q, give_log)
    second = binomial_raw(n - x, b, p, q, give_log)
    third = binomial_raw(n, r + b, p, q, give_log)
    return first + second - third if give_log else first * second / third


# --- By name --------------------------------------------------------------------------------------

ctypedef double (*density_t)(double x, const double *par, bint give_log) noexcept nogil


cdef density_t named(str family) except NULL:
    if family == "norm":
        return d_norm
    if family == "lnorm":
        return d_lnorm
    if family == "unif":
        return d_unif
    if family == "exp":
        return d_exp
    if family == "gamma":
        return d_gamma
    if family == "chisq":
        return d_chisq
    if family == "weibull":
        return d_weibull
    if family == "logis":
        return d_logis
    if family == "cauchy":
        return d_cauchy
    if family == "beta":
        return d_beta
    if family == "f":
        return d_f
    if family == "t":
        return d_t
    if family == "binom":
        return d_binom
    if family == "pois":
        return d_pois
    if family == "geom":
        return d_geom
    if family == "nbinom":
        return d_nbinom
    if family == "hyper":
        return d_hyper
    raise ValueError(f"no density is named {family!r}")


def fill(str family, const double[::1] x, const double[:, ::1] par, bint give_log,
         double[::1] out):
    """Fill ``out`` with the density at ``x``; a row of ``par`` are the parameters of a point."""
    cdef density_t density = named(family)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            if isnan(x[i]) or missing(&par[i, 0], par.shape[1]):
                out[i] = NAN
            else:
                out[i] = density(x[i], &par[i, 0], give_log)
