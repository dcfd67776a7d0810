"""R's distribution functions, both tails, plain and in logs; quantile_functions.pyx inverts them.

Each family says its two tails at a point (tails.pxd: the smaller side and which one it is), so that
``lower.tail`` and ``log.p`` are views of one computation and neither side is one minus the other where
that has no digits. NaN comes back where R has NaN.
"""
from libc.math cimport (
    INFINITY, NAN, atan, exp, expm1, fabs, floor, isfinite, isnan, log, log1p, pow, rint, sqrt,
)

from pyhier.kernels.densities cimport d_hyper, missing
from pyhier.kernels.random cimport pnorm
from pyhier.kernels.special cimport r_lbeta
from pyhier.kernels.tails cimport Tails, beta_tails, gamma_tails, tail_value

cdef double PI = 3.141592653589793238462643383280
cdef double LOG_HALF = -0.693147180559945309417232121458
cdef double LOG_SQRT_2PI = 0.918938533204672741780329736406


cdef inline Tails all_below() noexcept nogil:
    return Tails(False, 0.0, -INFINITY)


cdef inline Tails all_above() noexcept nogil:
    return Tails(True, 0.0, -INFINITY)


cdef inline Tails no_tails() noexcept nogil:
    return Tails(True, NAN, NAN)


cdef inline Tails other_side(Tails t) noexcept nogil:
    t.lower = not t.lower
    return t


cdef inline Tails one_side(bint lower, double log_value) noexcept nogil:
    """By the logarithm of a tail, small or not."""
    if log_value > LOG_HALF:
        return Tails(not lower, -expm1(log_value), log(-expm1(log_value)))
    return Tails(lower, exp(log_value), log_value)


# --- The tails of each family ---------------------------------------------------------------------

cdef double log_mills(double z) noexcept nogil:
    """log of the normal tail beyond z > 37, by its continued fraction (A. and S. 26.2.14)."""
    cdef double w = z
    cdef int k
    for k in range(20, 0, -1):
        w = z + k / w
    return -0.5 * z * z - LOG_SQRT_2PI - log(w)


cdef Tails normal_tails(double z) noexcept nogil:
    cdef double small = pnorm(-fabs(z))
    return Tails(z < 0.0, small, log(small) if fabs(z) < 37.0 else log_mills(fabs(z)))


cdef Tails t_norm(double x, const double *par) noexcept nogil:
    cdef double sd = par[1], z
    if sd < 0.0 or (not isfinite(x) and x == par[0]):
        return no_tails()
    z = (x - par[0]) / sd
    if sd == 0.0 or not isfinite(z):
        return all_above() if x < par[0] else all_below()
    return normal_tails(z)


cdef Tails t_lnorm(double x, const double *par) noexcept nogil:
    if par[1] < 0.0:
        return no_tails()
    return t_norm(log(x), par) if x > 0.0 else all_above()


cdef Tails t_unif(double x, const double *par) noexcept nogil:
    cdef double low = par[0], high = par[1], width = par[1] - par[0]
    if high < low or not isfinite(width):
        return no_tails()
    if x <= low:
        return all_above() if x < high else all_below()
    if x >= high:
        return all_below()
    if x - low < high - x:
        return Tails(True, (x - low) / width, log((x - low) / width))
    return Tails(False, (high - x) / width, log((high - x) / width))


cdef Tails t_exp(double x, const double *par) noexcept nogil:
    if par[0] < 0.0:
        return no_tails()
    return one_side(False, -(x / par[0])) if x > 0.0 else all_above()


cdef Tails t_weibull(double x, const double *par) noexcept nogil:
    if par[0] <= 0.0 or par[1] <= 0.0:
        return no_tails()
    return one_side(False, -pow(x / par[1], par[0])) if x > 0.0 else all_above()


cdef Tails t_logis(double x, const double *par) noexcept nogil:
    cdef double z = (x - par[0]) / par[1], size = fabs(z)
    if par[1] <= 0.0 or isnan(z):
        return no_tails()
    return Tails(z < 0.0, exp(-size) / (1.0 + exp(-size)), -size - log1p(exp(-size)))


cdef Tails t_cauchy(double x, const double *par) noexcept nogil:
    cdef double z = (x - par[0]) / par[1], small
    if par[1] <= 0.0 or isnan(z):
        return no_tails()
    small = atan(1.0 / fabs(z)) / PI if fabs(z) > 1.0 else 0.5 - atan(fabs(z)) / PI
    return Tails(z < 0.0, small, log(small))


cdef Tails t_gamma(double x, const double *par) noexcept nogil:
    cdef double shape = par[0], scale = par[1]
    if shape < 0.0 or scale <= 0.0:
        return no_tails()
    x /= scale
    if isnan(x):
        return no_tails()
    if shape == 0.0:
        return all_below() if x > 0.0 else all_above()
    if x <= 0.0:
        return all_above()
    if x == INFINITY:
        return all_below()
    return gamma_tails(x, shape) if shape < INFINITY else all_above()


cdef Tails t_chisq(double x, const double *par) noexcept nogil:
    cdef double[2] gamma_par
    gamma_par[0], gamma_par[1] = 0.5 * par[0], 2.0
    return t_gamma(x, gamma_par)


cdef Tails beta_of(double x, double q, double a, double b) noexcept nogil:
    """At x = 1 - q in [0, 1], shapes from 0 to infinity."""
    if a == 0.0 and b == 0.0:
        return Tails(True, 0.5, LOG_HALF)
    if a == 0.0 or a / b == 0.0:
        return all_below()
    if b == 0.0 or b / a == 0.0:
        return all_above()
    if not isfinite(a) or not isfinite(b):
        return all_above() if x < 0.5 else all_below()
    if x <= 0.0:
        return all_above()
    return beta_tails(x, q, a, b) if q > 0.0 else all_below()


cdef Tails t_beta(double x, const double *par) noexcept nogil:
    if par[0] < 0.0 or par[1] < 0.0:
        return no_tails()
    if x <= 0.0:
        return all_above()
    return beta_of(x, 1.0 - x, par[0], par[1]) if x < 1.0 else all_below()


cdef Tails t_f(double x, const double *par) noexcept nogil:
    cdef double m = par[0], n = par[1], ratio
    cdef double[1] df
    if m <= 0.0 or n <= 0.0:
        return no_tails()
    if x <= 0.0:
        return all_above()
    if x == INFINITY:
        return all_below()
    if n == INFINITY:
        if m == INFINITY:
            return all_above() if x < 1.0 else (Tails(True, 0.5, LOG_HALF) if x == 1.0 else all_below())
        df[0] = m
        return t_chisq(x * m, df)
    if m == INFINITY:
        df[0] = n
        return other_side(t_chisq(n / x, df))
    ratio = m / n * x
    return beta_of(ratio / (1.0 + ratio) if ratio < INFINITY else 1.0, 1.0 / (1.0 + ratio),
                   0.5 * m, 0.5 * n)


cdef Tails t_t(double x, const double *par) noexcept nogil:
    cdef double n = par[0], root, ratio
    cdef Tails t
    if n <= 0.0:
        return no_tails()
    if not isfinite(x):
        return all_above() if x < 0.0 else all_below()
    if n == INFINITY or n > 1e20:
        return normal_tails(x)
    root = x / sqrt(n)
    ratio = root * root
    if ratio > 1e300:  # the beta tail's first term
        t = one_side(True, -n * log(fabs(root)) - log(0.5 * n) - r_lbeta(0.5 * n, 0.5))
    else:
        t = beta_of(1.0 / (1.0 + ratio), ratio / (1.0 + ratio), 0.5 * n, 0.5)
    # beyond |x| on both sides; half of it on one
    return Tails(x < 0.0, 0.5 * tail_value(t, True, False), LOG_HALF + tail_value(t, True, True))


cdef inline double floor_of(double x) noexcept nogil:
    return floor(x + 1e-7)


cdef Tails t_binom(double x, const double *par) noexcept nogil:
    cdef double n = par[0], p = par[1]
    if not whole(n) or not isfinite(n) or n < 0.0 or not 0.0 <= p <= 1.0:
        return no_tails()
    n, x = rint(n), floor_of(x)
    if x < 0.0:
        return all_above()
    if n <= x:
        return all_below()
    return other_side(beta_of(p, 1.0 - p, x + 1.0, n - x))


cdef Tails t_pois(double x, const double *par) noexcept nogil:
    cdef double mean = par[0]
    x = floor_of(x)
    if mean < 0.0:
        return no_tails()
    if x < 0.0:
        return all_above()
    if mean == 0.0 or x == INFINITY:
        return all_below()
    return other_side(gamma_tails(mean, x + 1.0)) if mean < INFINITY else all_above()


cdef Tails t_geom(double x, const double *par) noexcept nogil:
    if not 0.0 < par[0] <= 1.0:
        return no_tails()
    x = floor_of(x)
    if x < 0.0:
        return all_above()
    if x == INFINITY or par[0] == 1.0:
        return all_below()
    return one_side(False, log1p(-par[0]) * (x + 1.0))


cdef Tails t_nbinom(double x, const double *par) noexcept nogil:
    """par: size, p, 1 - p."""
    cdef double n = par[0]
    if n < 0.0 or not 0.0 < par[1] <= 1.0:
        return no_tails()
    x = floor_of(x)
    if x < 0.0:
        return all_above()
    if x == INFINITY or n == 0.0:
        return all_below()
    return beta_of(par[1], par[2], n, x + 1.0)


cdef Tails t_hyper(double x, const double *par) noexcept nogil:
    """par: white balls, black balls, drawn."""
    cdef double r = par[0], b = par[1], n = par[2], term = 1.0, total = 1.0, log_term
    cdef bint lower
    if not (whole(r) and whole(b) and whole(n)) or not isfinite(r + b) or r < 0.0 or b < 0.0 \
            or n < 0.0 or n > r + b:
        return no_tails()
    r, b, n, x = rint(r), rint(b), rint(n), floor_of(x)
    if x < 0.0 or x < n - b:
        return all_above()
    if x >= r or x >= n:
        return all_below()
    lower = (x + 0.5) * (r + b + 2.0) < (r + 1.0) * (n + 1.0)  # left of the mode: sum down
    if not lower:
        x += 1.0
    log_term = d_hyper(x, par, True)
    while term > 1e-17 * total:
        if lower:
            term *= x * (b - n + x) / (r + 1.0 - x) / (n + 1.0 - x)
            x -= 1.0
        else:
            term *= (r - x) * (n - x) / (x + 1.0) / (b - n + x + 1.0)
            x += 1.0
        total += term
    return Tails(lower, total * exp(log_term), log(total) + log_term)


# --- By name --------------------------------------------------------------------------------------

cdef tails_t named(str name) except NULL:
    if name == "norm":
        return t_norm
    if name == "lnorm":
        return t_lnorm
    if name == "unif":
        return t_unif
    if name == "exp":
        return t_exp
    if name == "gamma":
        return t_gamma
    if name == "chisq":
        return t_chisq
    if name == "weibull":
        return t_weibull
    if name == "logis":
        return t_logis
    if name == "cauchy":
        return t_cauchy
    if name == "beta":
        return t_beta
    if name == "f":
        return t_f
    if name == "t":
        return t_t
    if name == "binom":
        return t_binom
    if name == "pois":
        return t_pois
    if name == "geom":
        return t_geom
    if name == "nbinom":
        return t_nbinom
    if name == "hyper":
        return t_hyper
    raise ValueError(f"no distribution is named {name!r}")


cdef double probability_at(tails_t tails, double x, const double *par, bint lower_tail,
                           bint log_p) noexcept nogil:
    cdef double z
    if tails == t_norm and not log_p and par[1] > 0.0:
        z = (x - par[0]) / par[1]
        if isfinite(z):
            return pnorm(z if lower_tail else -z)  # R's bits
    return tail_value(tails(x, par), lower_tail, log_p)


def fill_probabilities(str family, const double[::1] x, const double[:, ::1] par, bint lower_tail,
                       bint log_p, double[::1] out):
    """Fill ``out`` with the distribution function at ``x``; a row of ``par`` a point's parameters."""
    cdef tails_t tails = named(family)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            if isnan(x[i]) or missing(&par[i, 0], par.shape[1]):
                out[i] = NAN
            else:
                out[i] = probability_at(tails, x[i], &par[i, 0], lower_tail, log_p)
