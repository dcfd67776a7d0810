"""The gamma function and its kin, by the published algorithms that R's go back to.

- gamma, lgamma, beta, lbeta and the Chebyshev series behind them: W. Fullerton's FNLIB (Los Alamos,
  1977), in the public domain as part of SLATEC: DGAMMA, DLNGAM, D9LGMC, DBETA, DLBETA.
- digamma, trigamma and the derivatives after them: D. E. Amos, Algorithm 610, ACM Transactions on
  Mathematical Software 9 (1983), 494-502; DPSIFN of SLATEC. Below 0 by reflection.
- choose and lchoose: products, and lbeta where they are long.

The order of each sum and product is part of the contract: a log posterior that an R user wrote with
lbeta has then R's bits, and so have the chains that depend on them.
"""
from libc.math cimport INFINITY, NAN, exp, fabs, floor, isnan, log, log1p, pow, rint, sin, tan


cdef double PI = 3.141592653589793238462643383280
cdef double LOG_SQRT_2PI = 0.918938533204672741780329736406
cdef double LOG_SQRT_HALF_PI = 0.225791352644727432363097614947
cdef double GAMMA_MAX = 171.61447887182298
cdef double GAMMA_MIN = -170.5674972726612
cdef double LGAMMA_MAX = 2.5327372760800758e305
cdef double ALL_DIGITS = 94906265.62425156      # 2^26.5: the first term of D9LGMC's series is enough

# gamma(1 + y) - 0.9375 on [0, 1], the terms above a tenth of the unit roundoff.
cdef double[22] GAMMA_SERIES = [
    +.8571195590989331421920062399942e-2, +.4415381324841006757191315771652e-2,
    +.5685043681599363378632664588789e-1, -.4219835396418560501012500186624e-2,
    +.1326808181212460220584006796352e-2, -.1893024529798880432523947023886e-3,
    +.3606925327441245256578082217231e-4, -.6056761904460864218485548290365e-5,
    +.1055829546302283344731823509093e-5, -.1811967365542384048291855891166e-6,
    +.3117724964715322277790254593169e-7, -.5354219639019687140874081024347e-8,
    +.9193275519859588946887786825940e-9, -.1577941280288339761767423273953e-9,
    +.2707980622934954543266540433089e-10, -.4646818653825730144081661058933e-11,
    +.7973350192007419656460767175359e-12, -.1368078209830916025799499172309e-12,
    +.2347319486563800657233471771688e-13, -.4027432614949066932766570534699e-14,
    +.6910051747372100912138336975257e-15, -.1185584500221992907052387126192e-15,
]
# log gamma(x) less Stirling's formula, times x, for x >= 10.
cdef double[5] STIRLING_SERIES = [
    +.1666389480451863247205729650822e+0, -.1384948176067563840732986059135e-4,
    +.9810825646924729426157171547487e-8, -.1809129475572494194263306266719e-10,
    +.6221098041892605227126015543416e-13,
]
cdef double[22] BERNOULLI = [
    1.00000000000000000, -5.00000000000000000e-01, 1.66666666666666667e-01,
    -3.33333333333333333e-02, 2.38095238095238095e-02, -3.33333333333333333e-02,
    7.57575757575757576e-02, -2.53113553113553114e-01, 1.16666666666666667,
    -7.09215686274509804, 5.49711779448621554e+01, -5.29124242424242424e+02,
    6.19212318840579710e+03, -8.65802531135531136e+04, 1.42551716666666667e+06,
    -2.72982310678160920e+07, 6.01580873900642368e+08, -1.51163157670921569e+10,
    4.29614643061166667e+11, -1.37116552050883328e+13, 4.88332318973593167e+14,
    -1.92965793419400681e+16,
]


cdef inline double chebyshev(double x, const double *terms, int n) noexcept nogil:
    """Broucke's recurrence; half of the first coefficient is summed."""
    cdef double b0 = 0.0, b1 = 0.0, b2 = 0.0
    cdef int i
    for i in range(n - 1, -1, -1):
        b2, b1 = b1, b0
        b0 = (2.0 * x) * b1 - b2 + terms[i]
    return 0.5 * (b0 - b2)


cdef double lgamma_rest(double x) noexcept nogil:
    """log gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2, x >= 10."""
    cdef double u
    if x < ALL_DIGITS:
        u = 10.0 / x
        return chebyshev(u * u * 2.0 - 1.0, STIRLING_SERIES, 5) / x
    return 1.0 / (x * 12.0)


cdef double stirling_error(double x) noexcept nogil:
    """log gamma(x + 1) - (x + 1/2) log x + x - log(2 pi) / 2 as C. Loader has it (2000)."""
    cdef double w
    if x <= 15.0:
        return r_lgamma(x + 1.0) - (x + 0.5) * log(x) + x - LOG_SQRT_2PI
    w = x * x
    if x > 500.0:
        return (1.0 / 12.0 - 1.0 / 360.0 / w) / x
    if x > 80.0:
        return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / w) / w) / x
    if x > 35.0:
        return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / 1680.0 / w) / w) / w) / x
    return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / w) / w)
                          / w) / w) / x


cdef double r_gamma(double x) noexcept nogil:
    cdef double y = fabs(x), value
    cdef int n, i
    if isnan(x) or x == 0.0 or (x < 0.0 and x == rint(x)):
        return NAN
    if y > 10.0:
        return far_gamma(x, y)
    n = <int>floor(x)
    y = x - n
    n -= 1
    value = chebyshev(y * 2.0 - 1.0, GAMMA_SERIES, 22) + 0.9375
    if n < 0:
        if y < 0.0 or fabs(x) < 2.2474362225598545e-308:
            return INFINITY if x > 0.0 else -INFINITY
        for i in range(-n):
            value /= x + i
        return value
    for i in range(1, n + 1):
        value *= y + i
    return value


cdef double far_gamma(double x, double y) noexcept nogil:
    cdef double value, wave
    cdef int i, n = <int>y
    if x > GAMMA_MAX:
        return INFINITY
    if x < GAMMA_MIN:
        return 0.0
    if y <= 50.0 and y == rint(y):  # the factorials are exact as long as they can be
        value = 1.0
        for i in range(2, n):
            value *= i
    else:
        value = exp((y - 0.5) * log(y) - y + LOG_SQRT_2PI + stirling_error(y))
    if x > 0.0:
        return value
    wave = sin_pi(y)
    return INFINITY if wave == 0.0 else -PI / (y * wave * value)


cdef double sin_pi(double x) noexcept nogil:
    """sin(pi x), from the remainder by 2."""
    cdef double rest = x - 2.0 * floor(0.5 * x)
    if rest <= 0.5:
        return sin(PI * rest)
    if rest < 1.5:
        return sin(PI * (1.0 - rest))
    return sin(PI * (rest - 2.0))


cdef double r_lgamma(double x) noexcept nogil:
    cdef double y = fabs(x), wave
    if isnan(x):
        return x
    if x <= 0.0 and x == rint(x):
        return INFINITY
    if y < 1e-306:
        return -log(y)
    if y <= 10.0:
        return log(fabs(r_gamma(x)))
    if y > LGAMMA_MAX:
        return INFINITY
    if x > 0.0:
        if x > 1e17:
            return x * (log(x) - 1.0)
        if x > 4934720.0:
            return LOG_SQRT_2PI + (x - 0.5) * log(x) - x
        return LOG_SQRT_2PI + (x - 0.5) * log(x) - x + lgamma_rest(x)
    wave = fabs(sin_pi(y))
    if wave == 0.0:
        return NAN
    return LOG_SQRT_HALF_PI + (x - 0.5) * log(y) - x - log(wave) - lgamma_rest(y)


cdef double r_lbeta(double a, double b) noexcept nogil:
    cdef double p = a if a < b else b, q = b if a < b else a, rest
    if isnan(a) or isnan(b) or p < 0.0:
        return NAN
    if p == 0.0:
        return INFINITY
    if q == INFINITY:
        return -INFINITY
    if p >= 10.0:
        rest = lgamma_rest(p) + lgamma_rest(q) - lgamma_rest(p + q)
        return log(q) * -0.5 + LOG_SQRT_2PI + rest + (p - 0.5) * log(p / (p + q)) \
            + q * log1p(-p / (p + q))
    if q >= 10.0:
        rest = lgamma_rest(q) - lgamma_rest(p + q)
        return r_lgamma(p) + rest + p - p * log(p + q) + (q - 0.5) * log1p(-p / (p + q))
    if p < 1e-306:
        return r_lgamma(p) + (r_lgamma(q) - r_lgamma(p + q))
    return log(r_gamma(p) * (r_gamma(q) / r_gamma(p + q)))


cdef double r_beta(double a, double b) noexcept nogil:
    if isnan(a) or isnan(b) or a < 0.0 or b < 0.0:
        return NAN
    if a == 0.0 or b == 0.0:
        return INFINITY
    if a == INFINITY or b == INFINITY:
        return 0.0
    if a + b < GAMMA_MAX:
        return (1.0 / r_gamma(a + b)) * r_gamma(a) * r_gamma(b)
    return exp(r_lbeta(a, b))


# --- Derivatives of log gamma ---------------------------------------------------------------------

cdef double amos(int n, double x) noexcept nogil:
    """(-1)^(n+1) / n! times the n-th derivative of digamma at x > 0."""
    cdef double roundoff = 1.1102230246251565e-16, digits = 15.95458977019100  # 53 log10(2)
    cdef double more = digits - 3.0, log_x = log(x)
    cdef double least, shifted = x, up = 0.0, w
    cdef double arg, small, terms
    if fabs((n + 1) * log_x) > 702.5:  # 2.302 (1021 log10(2) - 3)
        return 0.0 if log_x > 0.0 else INFINITY
    if x < roundoff:
        return pow(x, -n - 1.0)
    least = <int>(3.5 + 0.4 * more + (0.21 + more * (0.0006038 * more + 0.008677)) * n) + 1
    if n > 0:
        arg = (-2.302 * digits - (log_x if log_x < 0.0 else 0.0)) / n
        arg = arg if arg < 0.0 else 0.0
        small = exp(arg)
        terms = x * (1.0 - small if fabs(arg) >= 1e-3 else -arg) / small
        if least - x > 7.0 and terms < 15.0:
            return power_sum(n, x, <int>terms + 1)
    if x < least:
        up = least - <int>x
        shifted = x + up
    w = asymptotic(n, shifted, roundoff)
    return stepped_down(n, x, <int>up, w) - (log(shifted) if n == 0 else 0.0)


cdef double power_sum(int n, double x, int terms) noexcept nogil:
    """The first terms of the sum of (x + k)^-(n+1)."""
    cdef double total = exp(-(n + 1) * log(x)), at = x
    cdef int i
    for i in range(terms):
        at += 1.0
        total += pow(at, -(n + 1))
    return total


cdef double asymptotic(int n, double x, double roundoff) noexcept nogil:
    cdef double half = 0.5 / x, square = 1.0 / (x * x), enough = roundoff * half
    cdef double t = (n + 1) * (0.5 * square), s = t * BERNOULLI[2], term, k = 2.0
    cdef int i
    if fabs(s) >= enough:
        for i in range(3, 22):
            t = t * ((k + n + 1) / (k + 1.0)) * ((k + n) / (k + 2.0)) * square
            term = t * BERNOULLI[i]
            if fabs(term) < enough:
                break
            s = s + term
            k += 2.0
    return (s + (half if n == 0 else half + 1.0 / n)) * exp(-(n * log(x)))


cdef double stepped_down(int n, double x, int up, double w) noexcept nogil:
    cdef int i
    if n == 0:
        for i in range(1, up + 1):
            w += 1.0 / (x + (up - i))
    else:
        for i in range(up - 1, -1, -1):
            w += pow(x + i, -(n + 1))
    return w


cdef double r_psigamma(double x, int n) noexcept nogil:
    """The n-th derivative of digamma."""
    cdef double value
    cdef int k
    if isnan(x) or (x <= 0.0 and x == floor(x)):
        return INFINITY if n % 2 == 1 else NAN
    if n == 0 and 0.0 < x < 1e-300:
        return -1.0 / x
    value = -amos(n, x if x > 0.0 else 1.0 - x)
    for k in range(1, n + 1):
        value *= -k
    if x > 0.0:
        return value
    # Reflection: psi_n(1 - x) + (-1)^(n+1) psi_n(x) = (-1)^n pi d^n/dx^n cot(pi x).
    return (value if n % 2 == 0 else -value) - pow(PI, n + 1) * cotangent(n, x)


cdef double cotangent(int n, double x) noexcept nogil:
    """The n-th derivative of the cotangent at pi x, for n up to 5: polynomials in it."""
    cdef double rest = x - rint(x), t = 1.0 / tan(PI * rest), s = 1.0 + t * t
    if n == 0:
        return t
    if n == 1:
        return -s
    if n == 2:
        return 2.0 * t * s
    if n == 3:
        return -2.0 * s * (1.0 + 3.0 * t * t)
    if n == 4:
        return 8.0 * t * s * (2.0 + 3.0 * t * t)
    if n == 5:
        return -8.0 * s * (2.0 + 15.0 * t * t * s)
    return NAN


# --- Binomial coefficients ------------------------------------------------------------------------

cdef double r_lchoose(double n, double k) noexcept nogil:
    k = rint(k)
    if isnan(n) or isnan(k):
        return n + k
    if k < 2.0:
        return -INFINITY if k < 0.0 else (0.0 if k == 0.0 else log(fabs(n)))
    if n < 0.0:
        return r_lchoose(-n + k - 1.0, k)
    if fabs(n - rint(n)) <= 1e-7 * (fabs(n) if fabs(n) > 1.0 else 1.0):
        n = rint(n)
        if n < k:
            return -INFINITY
        if n - k < 2.0:
            return r_lchoose(n, n - k)
    elif n < k - 1.0:  # the gamma function of a negative number: its logarithm's modulus
        return r_lgamma(n + 1.0) - r_lgamma(k + 1.0) - r_lgamma(n - k + 1.0)
    return -log(n + 1.0) - r_lbeta(n - k + 1.0, k + 1.0)


cdef inline bint gamma_is_negative(double x) noexcept nogil:
    return x < 0.0 and <long long>floor(x) % 2 != 0


cdef double r_choose(double n, double k) noexcept nogil:
    cdef double value, whole = rint(n)
    cdef int j, last
    cdef bint counts = fabs(n - whole) <= 1e-7 * (fabs(n) if fabs(n) > 1.0 else 1.0)
    k = rint(k)
    if isnan(n) or isnan(k):
        return n + k
    if k < 30.0:
        if n - k < k and n >= 0.0 and counts:
            k = rint(whole - k)
        if k <= 0.0:
            return 1.0 if k == 0.0 else 0.0
        value, last = n, <int>k
        for j in range(2, last + 1):
            n -= 1.0
            value *= n / j
        return rint(value) if counts else value
    if n < 0.0:
        value = r_choose(-n + k - 1.0, k)
        return -value if <long long>k % 2 else value
    if counts:
        if whole < k:
            return 0.0
        if whole - k < 30.0:
            return r_choose(whole, whole - k)
        return rint(exp(r_lchoose(whole, k)))
    value = exp(r_lchoose(n, k))
    return -value if n < k - 1.0 and gamma_is_negative(n - k + 1.0) else value


# --- Arrays ---------------------------------------------------------------------------------------

ctypedef double (*one_t)(double) noexcept nogil
ctypedef double (*two_t)(double, double) noexcept nogil


cdef double r_psigamma_of(double x, double n) noexcept nogil:
    return r_psigamma(x, <int>n)


def fill(str name, const double[::1] a, const double[::1] b, double[::1] out):
    """Fill ``out`` with the function by R's name; ``b`` may be empty where it takes one argument."""
    cdef one_t one = NULL
    cdef two_t two = NULL
    cdef Py_ssize_t i
    if name == "gamma":
        one = r_gamma
    elif name == "lgamma":
        one = r_lgamma
    elif name == "beta":
        two = r_beta
    elif name == "lbeta":
        two = r_lbeta
    elif name == "choose":
        two = r_choose
    elif name == "lchoose":
        two = r_lchoose
    elif name == "psigamma":
        two = r_psigamma_of
    else:
        raise ValueError(f"no function is named {name!r}")
    with nogil:
        for i in range(out.shape[0]):
            out[i] = one(a[i]) if one != NULL else two(a[i], b[i])
