"""R's quantiles, of both tails, plain and in logs (distribution_functions.pyx has the tails).

They are found on the logarithm of the smaller tail: in closed form, by Newton's method (tails.pyx), or
for counts by bisection over whole numbers. NaN comes back where R has NaN.
"""
from libc.math cimport (
    INFINITY, NAN, ceil, exp, expm1, fabs, floor, isfinite, isnan, log, log1p, pow, rint, sqrt, tan,
)

from pyhier.kernels.densities cimport missing
from pyhier.kernels.distribution_functions cimport (
    normal_tails, t_binom, t_hyper, t_nbinom, t_pois, tails_t, whole,
)
from pyhier.kernels.random cimport qnorm
from pyhier.kernels.special cimport r_lbeta
from pyhier.kernels.tails cimport Tails, beta_quantile, gamma_quantile, tail_value

cdef double PI = 3.141592653589793238462643383280
cdef double LOG_HALF = -0.693147180559945309417232121458
cdef double LOG_SQRT_2PI = 0.918938533204672741780329736406


# ``lower`` and ``upper`` are the logarithms of both tails, finite.

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


cdef quantile_t named(str name) except NULL:
    if name == "norm":
        return q_norm
    if name == "lnorm":
        return q_lnorm
    if name == "unif":
        return q_unif
    if name == "exp":
        return q_exp
    if name == "gamma":
        return q_gamma
    if name == "chisq":
        return q_chisq
    if name == "weibull":
        return q_weibull
    if name == "logis":
        return q_logis
    if name == "cauchy":
        return q_cauchy
    if name == "beta":
        return q_beta
    if name == "f":
        return q_f
    if name == "t":
        return q_t
    if name == "binom":
        return q_binom
    if name == "pois":
        return q_pois
    if name == "geom":
        return q_geom
    if name == "nbinom":
        return q_nbinom
    if name == "hyper":
        return q_hyper
    raise ValueError(f"no distribution is named {name!r}")


cdef double quantile_at(quantile_t quantile, double p, const double *par, bint lower_tail, bint log_p,
                        double least, double most) noexcept nogil:
    cdef double own, other
    if log_p:
        if p > 0.0:
            return NAN
        own, other = p, log(-expm1(p)) if p > LOG_HALF else log1p(-exp(p))
    else:
        if not 0.0 <= p <= 1.0:
            return NAN
        if quantile == q_norm and 0.0 < p < 1.0 and par[1] >= 0.0:
            return par[0] + par[1] * (qnorm(p) if lower_tail else -qnorm(p))  # R's bits
        own, other = log(p), log1p(-p)
    if not lower_tail:
        own, other = other, own
    if own == -INFINITY or other == -INFINITY:
        if isnan(quantile(LOG_HALF, LOG_HALF, par)):
            return NAN
        return least if own == -INFINITY else most
    return quantile(own, other, par)


def fill_quantiles(str family, const double[::1] p, const double[:, ::1] par,
                   const double[:, ::1] support, bint lower_tail, bint log_p, double[::1] out):
    """Fill ``out`` with quantiles; a row of ``support`` are the ends of a point's range."""
    cdef quantile_t quantile = named(family)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            if isnan(p[i]) or missing(&par[i, 0], par.shape[1]):
                out[i] = NAN
            else:
                out[i] = quantile_at(quantile, p[i], &par[i, 0], lower_tail, log_p, support[i, 0],
                                     support[i, 1])
