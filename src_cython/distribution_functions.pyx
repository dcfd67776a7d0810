"""R's distribution functions and quantiles, both tails, plain and in logs.

Each family says its two tails at a point (tails.pxd: the smaller side and which one it is), so that
``lower.tail`` and ``log.p`` are views of one computation and neither side is one minus the other where
that has no digits. Quantiles are found on the logarithm of the smaller tail: in closed form, by Newton
(tails.pyx), or for counts by bisection over whole numbers. NaN comes back where R has NaN.
"""
from libc.math cimport (
    INFINITY, NAN, atan, ceil, exp, expm1, fabs, floor, isfinite, isnan, log, log1p, pow, rint, sqrt, tan,
)

from pyhier.kernels.densities cimport d_hyper
from pyhier.kernels.random cimport pnorm, qnorm
from pyhier.kernels.special cimport r_lbeta
from pyhier.kernels.tails cimport (
    Tails, beta_quantile, beta_tails, gamma_quantile, gamma_tails, tail_value,
)

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


cdef inline bint whole(double x) noexcept nogil:
    return fabs(x - rint(x)) <= 1e-7 * (fabs(x) if fabs(x) > 1.0 else 1.0)


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


# --- Quantiles ------------------------------------------------------------------------------------
# ``lower`` and ``upper`` are the logarithms of both tails, finite.

ctypedef Tails (*tails_t)(double x, const double *par) noexcept nogil


cdef double q_normal(double lower, double upper) noexcept nogil:
    cdef bint left = lower < upper
    cdef double target = lower if left else upper, z, slope
    cdef Tails t
    cdef int i
    if target > -700.0:
        z = qnorm(exp(target))
    else:
        z = -sqrt(-2.0 * target)
    if target < -30.0:  # where the formula was not made for it, Newton on the logarithm
        for i in range(40):
            t = normal_tails(z)
            slope = exp(-0.5 * z * z - LOG_SQRT_2PI - t.log_small)
            slope = (target - t.log_small) / slope
            z += slope
            if fabs(slope) <= 2.3e-16 * fabs(z):
                break
    return z if left else -z


cdef double q_norm(double lower, double upper, const double *par) noexcept nogil:
    return par[0] + par[1] * q_normal(lower, upper) if par[1] >= 0.0 else NAN


cdef double q_lnorm(double lower, double upper, const double *par) noexcept nogil:
    return exp(q_norm(lower, upper, par))


cdef double q_unif(double lower, double upper, const double *par) noexcept nogil:
    if par[1] < par[0]:
        return NAN
    return par[0] + exp(lower) * (par[1] - par[0])


cdef double q_exp(double lower, double upper, const double *par) noexcept nogil:
    return -par[0] * upper if par[0] >= 0.0 else NAN


cdef double q_weibull(double lower, double upper, const double *par) noexcept nogil:
    if par[0] <= 0.0 or par[1] <= 0.0:
        return NAN
    return par[1] * pow(-upper, 1.0 / par[0])


cdef double q_logis(double lower, double upper, const double *par) noexcept nogil:
    if par[1] < 0.0:
        return NAN
    return par[0] + par[1] * (lower - upper) if par[1] > 0.0 else par[0]


cdef double q_cauchy(double lower, double upper, const double *par) noexcept nogil:
    cdef double small = exp(lower if lower < upper else upper), z
    if par[1] < 0.0 or par[1] == INFINITY:
        return NAN
    z = -1.0 / tan(PI * small) if small < 0.25 else -tan(PI * (0.5 - small))
    return par[0] + par[1] * (z if lower < upper else -z)


cdef double q_gamma(double lower, double upper, const double *par) noexcept nogil:
    if par[0] < 0.0 or par[1] < 0.0:
        return NAN
    if par[0] == 0.0 or par[1] == 0.0:
        return 0.0
    return par[1] * gamma_quantile(lower, upper, par[0]) if par[0] < INFINITY else INFINITY


cdef double q_chisq(double lower, double upper, const double *par) noexcept nogil:
    cdef double[2] gamma_par
    gamma_par[0], gamma_par[1] = 0.5 * par[0], 2.0
    return q_gamma(lower, upper, gamma_par)


cdef double q_beta(double lower, double upper, const double *par) noexcept nogil:
    cdef double a = par[0], b = par[1], x, q
    if a < 0.0 or b < 0.0:
        return NAN
    if a == 0.0 and b == 0.0:
        return 0.0 if lower < LOG_HALF else (1.0 if lower > LOG_HALF else 0.5)
    if a == 0.0 or a / b == 0.0:
        return 0.0
    if b == 0.0 or b / a == 0.0:
        return 1.0
    if not isfinite(a) or not isfinite(b):
        return 0.5
    beta_quantile(lower, upper, a, b, &x, &q)
    return x


cdef double q_f(double lower, double upper, const double *par) noexcept nogil:
    cdef double m = par[0], n = par[1], x, q
    if m <= 0.0 or n <= 0.0:
        return NAN
    if n == INFINITY:
        return 2.0 * gamma_quantile(lower, upper, 0.5 * m) / m if m < INFINITY else 1.0
    if m == INFINITY:
        return 0.5 * n / gamma_quantile(upper, lower, 0.5 * n)
    beta_quantile(lower, upper, 0.5 * m, 0.5 * n, &x, &q)
    return x / q * (n / m)


cdef double q_t(double lower, double upper, const double *par) noexcept nogil:
    cdef double n = par[0], side = lower if lower < upper else upper, x, q, size, both
    if n <= 0.0:
        return NAN
    if n > 1e20:
        return q_normal(lower, upper)
    both = side - LOG_HALF  # beyond the size, on either side
    if both >= 0.0:
        return 0.0
    beta_quantile(both, log(-expm1(both)), 0.5 * n, 0.5, &x, &q)
    if x > 1e-290:
        size = sqrt(n) * sqrt(q / x)
    else:  # the beta tail's first term
        size = sqrt(n) * exp(-(both + log(0.5 * n) + r_lbeta(0.5 * n, 0.5)) / n)
    return -size if lower < upper else size


cdef bint reaches(double k, double lower, double upper, tails_t tails,
                  const double *par) noexcept nogil:
    """Whether the distribution function at k reaches the probability, to 64 roundings as in R."""
    cdef Tails t = tails(k, par)
    cdef double fuzz = 64.0 * 2.220446049250313e-16
    if lower < upper:
        return tail_value(t, True, True) >= lower - fuzz
    return tail_value(t, False, True) <= upper + fuzz


cdef double first_count(double lower, double upper, double mean, double sd, double least, double most,
                        tails_t tails, const double *par) noexcept nogil:
    """The smallest whole number from ``least`` to ``most`` that reaches the probability."""
    cdef double z = q_normal(lower, upper), low, high, step, middle
    cdef double start = floor(mean + sd * (z if z < 40.0 else 40.0))
    start = least if not start > least else (most if start > most else start)
    step = floor(0.1 * sd) + 1.0
    if reaches(start, lower, upper, tails, par):
        high, low = start, start - step
        while low >= least and reaches(low, lower, upper, tails, par):
            high, step = low, 2.0 * step
            low -= step
        low = low if low >= least else least - 1.0
    else:
        low, high = start, start + step
        while high < most and not reaches(high, lower, upper, tails, par):
            low, step = high, 2.0 * step
            high += step
        high = high if high < most else most
    while high - low > 1.0:
        middle = floor(0.5 * (low + high))
        if middle <= low or middle >= high:
            break
        if reaches(middle, lower, upper, tails, par):
            high = middle
        else:
            low = middle
    return high


cdef double q_binom(double lower, double upper, const double *par) noexcept nogil:
    cdef double n = par[0], p = par[1]
    if not whole(n) or not isfinite(n) or n < 0.0 or not 0.0 <= p <= 1.0:
        return NAN
    n = rint(n)
    if p == 0.0 or n == 0.0:
        return 0.0
    if p == 1.0:
        return n
    return first_count(lower, upper, n * p, sqrt(n * p * (1.0 - p)), 0.0, n, t_binom, par)


cdef double q_pois(double lower, double upper, const double *par) noexcept nogil:
    if par[0] < 0.0 or not isfinite(par[0]):
        return NAN
    if par[0] == 0.0:
        return 0.0
    return first_count(lower, upper, par[0], sqrt(par[0]), 0.0, INFINITY, t_pois, par)


cdef double q_geom(double lower, double upper, const double *par) noexcept nogil:
    cdef double k
    if not 0.0 < par[0] <= 1.0:
        return NAN
    if par[0] == 1.0:
        return 0.0
    k = ceil(upper / log1p(-par[0]) - 1.0 - 1e-12)
    return k if k > 0.0 else 0.0


cdef double q_nbinom(double lower, double upper, const double *par) noexcept nogil:
    cdef double n = par[0], p = par[1], q = par[2]
    if n < 0.0 or not 0.0 < p <= 1.0:
        return NAN
    if n == 0.0 or q == 0.0:
        return 0.0
    return first_count(lower, upper, n * q / p, sqrt(n * q) / p, 0.0, INFINITY, t_nbinom, par)


cdef double q_hyper(double lower, double upper, const double *par) noexcept nogil:
    cdef double r = par[0], b = par[1], n = par[2], size, share, sd
    if not (whole(r) and whole(b) and whole(n)) or not isfinite(r + b) or r < 0.0 or b < 0.0 \
            or n < 0.0 or n > r + b:
        return NAN
    r, b, n = rint(r), rint(b), rint(n)
    size = r + b
    if size == 0.0:
        return 0.0
    share = r / size
    sd = sqrt(n * share * (1.0 - share) * (size - n) / (size - 1.0 if size > 1.0 else 1.0))
    return first_count(lower, upper, n * share, sd, n - b if n > b else 0.0, r if r < n else n,
                       t_hyper, par)


# --- By name --------------------------------------------------------------------------------------

ctypedef double (*quantile_t)(double lower, double upper, const double *par) noexcept nogil

cdef struct Family:
    tails_t tails
    quantile_t quantile
    bint discrete


cdef Family named(str name) except *:
    if name == "norm":
        return Family(t_norm, q_norm, False)
    if name == "lnorm":
        return Family(t_lnorm, q_lnorm, False)
    if name == "unif":
        return Family(t_unif, q_unif, False)
    if name == "exp":
        return Family(t_exp, q_exp, False)
    if name == "gamma":
        return Family(t_gamma, q_gamma, False)
    if name == "chisq":
        return Family(t_chisq, q_chisq, False)
    if name == "weibull":
        return Family(t_weibull, q_weibull, False)
    if name == "logis":
        return Family(t_logis, q_logis, False)
    if name == "cauchy":
        return Family(t_cauchy, q_cauchy, False)
    if name == "beta":
        return Family(t_beta, q_beta, False)
    if name == "f":
        return Family(t_f, q_f, False)
    if name == "t":
        return Family(t_t, q_t, False)
    if name == "binom":
        return Family(t_binom, q_binom, True)
    if name == "pois":
        return Family(t_pois, q_pois, True)
    if name == "geom":
        return Family(t_geom, q_geom, True)
    if name == "nbinom":
        return Family(t_nbinom, q_nbinom, True)
    if name == "hyper":
        return Family(t_hyper, q_hyper, True)
    raise ValueError(f"no distribution is named {name!r}")


cdef bint missing(const double *par, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        if isnan(par[k]):
            return True
    return False


cdef double probability_at(Family f, double x, const double *par, bint lower_tail,
                           bint log_p) noexcept nogil:
    cdef double z
    if f.tails == t_norm and not log_p and par[1] > 0.0:
        z = (x - par[0]) / par[1]
        if isfinite(z):
            return pnorm(z if lower_tail else -z)  # R's bits
    return tail_value(f.tails(x, par), lower_tail, log_p)


def fill_probabilities(str family, const double[::1] x, const double[:, ::1] par, bint lower_tail,
                       bint log_p, double[::1] out):
    """Fill ``out`` with the distribution function at ``x``; a row of ``par`` a point's parameters."""
    cdef Family f = named(family)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            if isnan(x[i]) or missing(&par[i, 0], par.shape[1]):
                out[i] = NAN
            else:
                out[i] = probability_at(f, x[i], &par[i, 0], lower_tail, log_p)


cdef double quantile_at(Family f, double p, const double *par, bint lower_tail, bint log_p,
                        double least, double most) noexcept nogil:
    cdef double own, other
    if log_p:
        if p > 0.0:
            return NAN
        own, other = p, log(-expm1(p)) if p > LOG_HALF else log1p(-exp(p))
    else:
        if not 0.0 <= p <= 1.0:
            return NAN
        if f.quantile == q_norm and 0.0 < p < 1.0 and par[1] >= 0.0:
            return par[0] + par[1] * (qnorm(p) if lower_tail else -qnorm(p))  # R's bits
        own, other = log(p), log1p(-p)
    if not lower_tail:
        own, other = other, own
    if own == -INFINITY or other == -INFINITY:
        if isnan(f.quantile(LOG_HALF, LOG_HALF, par)):
            return NAN
        return least if own == -INFINITY else most
    return f.quantile(own, other, par)


def fill_quantiles(str family, const double[::1] p, const double[:, ::1] par,
                   const double[:, ::1] support, bint lower_tail, bint log_p, double[::1] out):
    """Fill ``out`` with quantiles; a row of ``support`` are the ends of a point's range."""
    cdef Family f = named(family)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            if isnan(p[i]) or missing(&par[i, 0], par.shape[1]):
                out[i] = NAN
            else:
                out[i] = quantile_at(f, p[i], &par[i, 0], lower_tail, log_p, support[i, 0],
                                     support[i, 1])
