"""R's exponential, gamma and beta variates, and what is made of them, bit for bit.

R's help pages name the algorithms and their papers; each is implemented from the paper:

- exponential: algorithm SA of Ahrens and Dieter, Communications of the ACM 15 (1972), 873-882;
- gamma of a shape from 1 up: algorithm GD of Ahrens and Dieter, Communications of the ACM 25
  (1982), 47-54, with the paper's polynomials, ``log(1 + v)`` and ``expm1`` taken from libm;
- gamma of a shape below 1: algorithm GS of Ahrens and Dieter, Computing 12 (1974), 223-246;
- beta: algorithms BB and BC of Cheng, Communications of the ACM 21 (1978), 317-322.

The other variates are one-line transformations. The published constants have seven digits or so;
they are part of the algorithm, as is the order of every operation, since the tests ask for R's
bits. A variate's constants depend on its shape alone, so keeping them between draws, as R does,
changes the time and never the numbers: the loops here keep them while a shape repeats.

The callers hold the bit generator's lock and have validated the parameters.
"""
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY, exp, expm1, fabs, isinf, isfinite, log, pow, sqrt, tan

from pyhier.kernels.random cimport Source, r_normal, r_uniform, source_of

cdef double PI = 3.141592653589793
cdef double LOG_HUGE = 709.782712893384  # exp overflows beyond
cdef double HUGE = 1.7976931348623157e308

# Sums of (log 2)^k / k!, k from 1: the table of algorithm SA.
cdef double[16] LOG2_SUMS = [
    0.6931471805599453, 0.933373687519046, 0.9888777961838676, 0.9984959252914961,
    0.9998292811061389, 0.9999833164100728, 0.9999985691438767, 0.9999998906925558,
    0.9999999924734159, 0.9999999995283275, 0.9999999999728814, 0.9999999999985598,
    0.999999999999929, 0.9999999999999968, 0.9999999999999999, 1.0,
]


cdef double r_exponential(bitgen_t *bits) noexcept nogil:
    """R's exp_rand: count the doublings up to 1, then the least of a few uniforms."""
    cdef double whole = 0.0
    cdef double u = r_uniform(bits)
    cdef double least, another
    cdef int i = 0
    while True:
        u += u
        if u > 1.0:
            break
        whole += LOG2_SUMS[0]
    u -= 1.0
    if u <= LOG2_SUMS[0]:
        return whole + u
    least = r_uniform(bits)
    while True:
        another = r_uniform(bits)
        if another < least:
            least = another
        i += 1
        if u <= LOG2_SUMS[i]:
            return whole + least * LOG2_SUMS[0]


cdef inline double small_gamma(bitgen_t *bits, double shape, double scale) noexcept nogil:
    """Algorithm GS: a power below 1, an exponential above, each thinned by an exponential."""
    cdef double b = 1.0 + 0.36787944117144233 * shape  # (e + a) / e
    cdef double p, x
    while True:
        p = b * r_uniform(bits)
        if p >= 1.0:
            x = -log((b - p) / shape)
            if r_exponential(bits) >= (1.0 - shape) * log(x):
                break
        else:
            x = exp(log(p) / shape)
            if r_exponential(bits) >= x:
                break
    return scale * x


cdef void prepare_gamma(GammaShape *g, double shape) noexcept nogil:
    """Steps 1 and 4 of algorithm GD."""
    cdef double r
    g.shape = shape
    if not 1.0 <= shape < INFINITY:
        return
    g.s2 = shape - 0.5
    g.s = sqrt(g.s2)
    g.d = 5.656854 - g.s * 12.0
    r = 1.0 / shape
    g.q0 = ((((((2.424e-4 * r + 2.4511e-4) * r - 7.388e-5) * r + 1.44121e-3) * r
              + 8.01191e-3) * r + 2.083148e-2) * r + 4.166669e-2) * r
    if shape <= 3.686:
        g.b = 0.463 + g.s + 0.178 * g.s2
        g.si = 1.235
        g.c = 0.195 / g.s - 0.079 + 0.16 * g.s
    elif shape <= 13.022:
        g.b = 1.654 + 0.0076 * g.s2
        g.si = 1.68 / g.s + 0.275
        g.c = 0.062 / g.s + 0.024
    else:
        g.b = 1.77
        g.si = 0.75
        g.c = 0.1515 / g.s


cdef inline double quotient(const GammaShape *g, double t) noexcept nogil:
    """The function q of algorithm GD: the log of the gamma density over the normal one."""
    cdef double v = t / (g.s + g.s)
    if fabs(v) <= 0.25:
        return g.q0 + 0.5 * t * t * (
            (((((0.1233795 * v - 0.1367177) * v + 0.1423657) * v - 0.1662921) * v
              + 0.2000062) * v - 0.250003) * v + 0.3333333) * v
    return g.q0 - g.s * t + 0.25 * t * t + (g.s2 + g.s2) * log(1.0 + v)


cdef double gamma_variate(bitgen_t *bits, const GammaShape *g, double scale) noexcept nogil:
    """One gamma variate of a prepared shape: steps 2 to 12 of algorithm GD, or GS."""
    cdef double t, x, u, e, q
    if g.shape == 0.0 or scale == 0.0:
        return 0.0
    if isinf(g.shape) or isinf(scale):
        return INFINITY
    if g.shape < 1.0:
        return small_gamma(bits, g.shape, scale)
    t = r_normal(bits)
    x = g.s + 0.5 * t
    if t >= 0.0:
        return scale * (x * x)
    u = r_uniform(bits)
    if g.d * u <= t * t * t:
        return scale * (x * x)
    if x > 0.0 and log(1.0 - u) <= quotient(g, t):
        return scale * (x * x)
    while True:  # double exponential rejection
        e = r_exponential(bits)
        u = r_uniform(bits)
        u = u + u - 1.0
        t = g.b - g.si * e if u < 0.0 else g.b + g.si * e
        if t < -0.71874483771719:
            continue
        q = quotient(g, t)
        if q > 0.0 and g.c * fabs(u) <= expm1(q) * exp(e - 0.5 * t * t):
            x = g.s + 0.5 * t
            return scale * x * x


cdef double r_gamma(bitgen_t *bits, double shape, double scale) noexcept nogil:
    cdef GammaShape g
    prepare_gamma(&g, shape)
    return gamma_variate(bits, &g, scale)


cdef double r_chisq(bitgen_t *bits, double df) noexcept nogil:
    return r_gamma(bits, df / 2.0, 2.0)


cdef double r_t(bitgen_t *bits, double df) noexcept nogil:
    cdef double z = r_normal(bits)
    if isinf(df):
        return z
    return z / sqrt(r_chisq(bits, df) / df)


cdef void prepare_beta(BetaShapes *s, double a, double b) noexcept nogil:
    """The first steps of algorithms BB (both shapes above 1) and BC."""
    cdef double delta
    s.first, s.second = a, b
    s.low, s.high = (a, b) if a < b else (b, a)
    s.total = s.low + s.high
    if s.low <= 1.0:
        s.beta = 1.0 / s.low
        delta = 1.0 + s.high - s.low
        s.k1 = delta * (0.0138889 + 0.0416667 * s.low) / (s.high * s.beta - 0.777778)
        s.k2 = 0.25 + (0.5 + 0.25 / delta) * s.low
    else:
        s.beta = sqrt((s.total - 2.0) / (2.0 * s.low * s.high - s.total))
        s.gamma = s.low + 1.0 / s.beta


cdef inline double grown(double shape, double v) noexcept nogil:
    """shape * exp(v), kept finite."""
    cdef double w
    if v > LOG_HUGE:
        return HUGE
    w = shape * exp(v)
    return HUGE if isinf(w) else w


cdef inline double beta_bb(bitgen_t *bits, const BetaShapes *s) noexcept nogil:
    """Algorithm BB, for two shapes above 1."""
    cdef double u, v, w, z, r, t, accepted
    while True:
        u = r_uniform(bits)
        z = r_uniform(bits)
        v = s.beta * log(u / (1.0 - u))
        w = grown(s.low, v)
        z = u * u * z
        r = s.gamma * v - 1.3862944  # log 4
        accepted = s.low + r - w
        if accepted + 2.609438 >= 5.0 * z:  # 1 + log 5
            break
        t = log(z)
        if accepted > t or not r + s.total * log(s.total / (s.high + w)) < t:
            break  # also where shapes an ulp above 1 leave beta undefined: R stops there too
    return w / (s.high + w) if s.first == s.low else s.high / (s.high + w)


cdef inline double beta_bc(bitgen_t *bits, const BetaShapes *s) noexcept nogil:
    """Algorithm BC, for a shape of at most 1."""
    cdef double u, second, v, w, y, z
    cdef bint sure
    while True:
        u = r_uniform(bits)
        second = r_uniform(bits)
        sure = False
        if u < 0.5:
            y = u * second
            z = u * y
            if 0.25 * second + z - y >= s.k1:
                continue
        else:
            z = u * u * second
            sure = z <= 0.25
            if not sure and z >= s.k2:
                continue
        v = s.beta * log(u / (1.0 - u))
        w = grown(s.high, v)
        if sure or s.total * (log(s.total / (s.low + w)) + v) - 1.3862944 >= log(z):
            break
    return s.low / (s.low + w) if s.first == s.low else w / (s.low + w)


cdef inline double beta_variate(bitgen_t *bits, const BetaShapes *s) noexcept nogil:
    """One beta variate of prepared shapes; shapes of 0 and infinity are R's limits."""
    if s.low == 0.0 and s.high == 0.0:
        return 0.0 if r_uniform(bits) < 0.5 else 1.0
    if s.low == 0.0 or (isinf(s.high) and not isinf(s.low)):
        return 1.0 if s.first == s.high else 0.0
    if isinf(s.total):  # both infinite, or so large that their sum is
        return 0.5
    return beta_bb(bits, s) if s.low > 1.0 else beta_bc(bits, s)


cdef double r_beta(bitgen_t *bits, double a, double b) noexcept nogil:
    cdef BetaShapes s
    prepare_beta(&s, a, b)
    return beta_variate(bits, &s)


cdef enum:
    UNIFORM, NORMAL, EXPONENTIAL, GAMMA, CHI_SQUARED, BETA, STUDENT, F
    CAUCHY, LOGISTIC, WEIBULL, LOGNORMAL


FAMILIES = {
    "runif": UNIFORM, "rnorm": NORMAL, "rexp": EXPONENTIAL, "rgamma": GAMMA,
    "rchisq": CHI_SQUARED, "rbeta": BETA, "rt": STUDENT, "rf": F, "rcauchy": CAUCHY,
    "rlogis": LOGISTIC, "rweibull": WEIBULL, "rlnorm": LOGNORMAL,
}


cdef struct Kept:  # what a loop keeps while the parameters repeat
    GammaShape gamma
    BetaShapes beta


cdef inline double kept_gamma(bitgen_t *bits, Kept *kept, double shape,
                              double scale) noexcept nogil:
    if shape != kept.gamma.shape:
        prepare_gamma(&kept.gamma, shape)
    return gamma_variate(bits, &kept.gamma, scale)


cdef inline double ratio_part(bitgen_t *bits, Kept *kept, double df) noexcept nogil:
    """A chi-squared variate over its degrees of freedom."""
    return 1.0 if isinf(df) else kept_gamma(bits, kept, df / 2.0, 2.0) / df


cdef inline double variate(bitgen_t *bits, int family, Kept *kept, double a,
                           double b) noexcept nogil:
    """One variate; the parameters are R's C-level ones: scales, never rates."""
    cdef double u
    if family == UNIFORM:
        return a + (b - a) * r_uniform(bits) if a < b else a
    if family == NORMAL:
        return a + b * r_normal(bits) if b > 0.0 and isfinite(a) else a
    if family == GAMMA:
        return kept_gamma(bits, kept, a, b)
    if family == CHI_SQUARED:
        return kept_gamma(bits, kept, a / 2.0, 2.0)
    if family == BETA:
        if a != kept.beta.first or b != kept.beta.second:
            prepare_beta(&kept.beta, a, b)
        return beta_variate(bits, &kept.beta)
    if family == EXPONENTIAL:
        return a * r_exponential(bits) if a > 0.0 else 0.0
    if family == STUDENT:
        u = r_normal(bits)
        return u if isinf(a) else u / sqrt(kept_gamma(bits, kept, a / 2.0, 2.0) / a)
    if family == F:
        u = ratio_part(bits, kept, a)
        return u / ratio_part(bits, kept, b)
    if family == WEIBULL:
        return b * pow(-log(r_uniform(bits)), 1.0 / a) if b > 0.0 else 0.0
    if family == LOGNORMAL:
        return exp(a + b * r_normal(bits) if b > 0.0 and isfinite(a) else a)
    if b == 0.0 or isinf(a):  # a location without spread
        return a
    u = r_uniform(bits)
    if family == CAUCHY:
        return a + b * tan(PI * u)
    return a + b * log(u / (1.0 - u))


def fill(object bit_generator, int family, const double[::1] a, const double[::1] b,
         double[::1] out):
    """Fill ``out`` with variates of a family, recycling both parameters in one pass."""
    cdef Source source = source_of(bit_generator, True)
    cdef Py_ssize_t i, j = 0, k = 0
    cdef Kept kept
    kept.gamma.shape = kept.beta.first = kept.beta.second = -1.0  # none prepared
    with nogil:
        for i in range(out.shape[0]):
            if i & 0xFFFFF == 0:  # Ctrl-C, every million or so
                with gil:
                    PyErr_CheckSignals()
            out[i] = variate(source.bits, family, &kept, a[j], b[k])
            j += 1
            if j == a.shape[0]:
                j = 0
            k += 1
            if k == b.shape[0]:
                k = 0
