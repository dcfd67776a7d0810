"""R's binomial and Poisson variates, and what is made of them, bit for bit.

From the papers that R's help pages name:

- binomial: algorithm BTPE of Kachitvichyanukul and Schmeiser, Communications of the ACM 31 (1988),
  216-222, from n min(p, 1 - p) = 30 up, and their inversion BINV below;
- Poisson: algorithm PD of Ahrens and Dieter, ACM Transactions on Mathematical Software 8 (1982),
  163-179, from a mean of 10 up, and its table look-up (case B) below.

As in ``streams.pyx`` the order of the operations is part of the algorithm, and a variate's
constants are kept while the parameters repeat. The callers hold the bit generator's lock and have
validated the parameters.
"""
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport copysign, exp, fabs, floor, isinf, log, pow, sqrt
from libc.stdint cimport int32_t, uint32_t

from pyhier.kernels.random cimport Source, r_uniform, r_normal, source_of
from pyhier.kernels.streams cimport r_chisq, r_exponential, r_gamma

cdef double LARGEST = 2147483647.0  # from this many trials on R inverts the distribution
cdef double SMALL_MEAN = 30.0
cdef double ROOT_2PI_INVERSE = 0.398942280401432677939946059934
cdef double[10] FACTORIALS = [1.0, 1.0, 2.0, 6.0, 24.0, 120.0, 720.0, 5040.0, 40320.0, 362880.0]


cdef void prepare_binomial(Binomial *b, double n, double p) noexcept nogil:
    """Step 0 of BTPE, or the start of BINV."""
    cdef double a, mean
    b.n, b.p = n, p
    b.low = p if p < 1.0 - p else 1.0 - p
    b.high = 1.0 - b.low
    mean = n * b.low
    b.odds = b.low / b.high
    b.g = b.odds * (n + 1.0)
    if mean < SMALL_MEAN:
        b.start = pow(b.high, n)
        return
    b.centre = mean + b.low
    b.mode = floor(b.centre)
    b.npq = mean * b.high
    b.p1 = floor(2.195 * sqrt(b.npq) - 4.6 * b.high) + 0.5
    b.middle = b.mode + 0.5
    b.left = b.middle - b.p1
    b.right = b.middle + b.p1
    b.c = 0.134 + 20.5 / (15.3 + b.mode)
    a = (b.centre - b.left) / (b.centre - b.left * b.low)
    b.left_rate = a * (1.0 + 0.5 * a)
    a = (b.right - b.centre) / (b.right * b.high)
    b.right_rate = a * (1.0 + 0.5 * a)
    b.p2 = b.p1 * (1.0 + b.c + b.c)
    b.p3 = b.p2 + b.c / b.left_rate
    b.p4 = b.p3 + b.c / b.right_rate


cdef inline double inverted(bitgen_t *bits, const Binomial *b) noexcept nogil:
    """BINV: subtract the probabilities of 0, 1, ... from a uniform; start again beyond 110."""
    cdef double u, f
    cdef int x
    while True:
        x, f = 0, b.start
        u = r_uniform(bits)
        while True:
            if u < f:
                return x
            if x > 110:
                break
            u -= f
            x += 1
            f *= b.g / x - b.odds


cdef inline double stirling(double x) noexcept nogil:
    """The paper's correction of Stirling's formula, step 5.3."""
    cdef double square = x * x
    return (13860.0 - (462.0 - (132.0 - (99.0 - 140.0 / square) / square) / square)
            / square) / x / 166320.0


cdef inline double r_square(double k) noexcept nogil:
    """k * k as R has it: in 32 bits, so that it overflows from 46341 on (seen in R 4.2.2's draws).

    With tens of millions of trials it lets some values through that are six standard deviations
    out; without it the draws would not be R's.
    """
    cdef uint32_t wrapped = <uint32_t>k * <uint32_t>k
    return <double><int32_t>wrapped


cdef inline bint below_density(const Binomial *b, double x, double v) noexcept nogil:
    """Step 5: whether v is below the density at x over that at the mode."""
    cdef double k = fabs(x - b.mode)
    cdef double f = 1.0
    cdef double i, slack, normal, level, x1, f1, z, w
    if k <= 20.0 or k >= b.npq / 2.0 - 1.0:
        if b.mode < x:
            i = b.mode + 1.0
            while i <= x:
                f *= b.g / i - b.odds
                i += 1.0
        else:
            i = x + 1.0
            while i <= b.mode:
                f /= b.g / i - b.odds
                i += 1.0
        return v <= f
    slack = (k / b.npq) * ((k * (k / 3.0 + 0.625) + 0.1666666666666) / b.npq + 0.5)
    normal = -(r_square(k) / (2.0 * b.npq))
    level = log(v)
    if level < normal - slack:
        return True
    if level > normal + slack:
        return False
    x1, f1 = x + 1.0, b.mode + 1.0
    z, w = b.n + 1.0 - b.mode, b.n - x + 1.0
    return level <= (b.middle * log(f1 / x1) + (b.n - b.mode + 0.5) * log(z / w)
                     + (x - b.mode) * log(w * b.low / (x1 * b.high))
                     + stirling(f1) + stirling(z) + stirling(x1) + stirling(w))


cdef inline double btpe(bitgen_t *bits, const Binomial *b) noexcept nogil:
    """Steps 1 to 5 of BTPE: triangle, parallelograms and two exponential tails."""
    cdef double u, v, x
    while True:
        u = r_uniform(bits) * b.p4
        v = r_uniform(bits)
        if u <= b.p1:
            return floor(b.middle - b.p1 * v + u)
        if u <= b.p2:
            x = b.left + (u - b.p1) / b.c
            v = v * b.c + 1.0 - fabs(b.middle - x) / b.p1
            if v > 1.0 or v <= 0.0:
                continue
            x = floor(x)
        elif u > b.p3:
            x = floor(b.right - log(v) / b.right_rate)
            if x > b.n:
                continue
            v = v * (u - b.p3) * b.right_rate
        else:
            x = b.left + log(v) / b.left_rate
            if x <= -1.0:
                continue
            x = floor(x) if x > 0.0 else 0.0  # towards 0
            v = v * (u - b.p2) * b.left_rate
        if below_density(b, x, v):
            return x


cdef double binomial_variate(bitgen_t *bits, const Binomial *b) noexcept nogil:
    """One binomial variate; minus the uniform number where the caller has to invert."""
    cdef double x
    if b.n == 0.0 or b.p == 0.0:
        return 0.0
    if b.p == 1.0:
        return b.n
    if b.n >= LARGEST:
        return -r_uniform(bits)
    x = inverted(bits, b) if b.n * b.low < SMALL_MEAN else btpe(bits, b)
    return b.n - x if b.p > 0.5 else x


cdef double r_binomial(bitgen_t *bits, double n, double p) noexcept nogil:
    cdef Binomial b
    prepare_binomial(&b, n, p)
    return binomial_variate(bits, &b)


cdef void prepare_poisson(Poisson *s, double mu) noexcept nogil:
    """Steps N and P of algorithm PD, or an empty table of case B."""
    cdef double b1, b2
    s.mu = mu
    s.known = 0
    if mu < 10.0:
        s.p = s.q = s.table[0] = exp(-mu)
        return
    s.s = sqrt(mu)
    s.d = 6.0 * mu * mu
    s.whole = floor(mu - 1.1484)
    s.omega = ROOT_2PI_INVERSE / s.s
    b1 = 1.0 / (24.0 * mu)
    b2 = 0.3 * b1 * b1
    s.c3 = 1.0 / 7.0 * b1 * b2
    s.c2 = b2 - 15.0 * s.c3
    s.c1 = b1 - 6.0 * b2 + 45.0 * s.c3
    s.c0 = 1.0 - b1 + 3.0 * b2 - 15.0 * s.c3
    s.c = 0.1069 / mu


cdef inline double looked_up(bitgen_t *bits, Poisson *s) noexcept nogil:
    """Case B: invert by a table that grows as far as it is needed, to 35."""
    cdef double u
    cdef int k, middle
    while True:
        u = r_uniform(bits)
        middle = 0
        if u > 0.458:  # then the mode or more, the paper's short cut
            middle = <int>s.mu if <int>s.mu < s.known else s.known
        for k in range(middle, 36):
            if k > s.known:
                s.p *= s.mu / k
                s.q += s.p
                s.table[k] = s.q
                s.known = k
            if u <= s.table[k]:
                return k


cdef inline void densities(const Poisson *s, double k, double *px, double *py, double *fx,
                           double *fy) noexcept nogil:
    """Procedure F: the Poisson probability of k and the discrete normal one, as factor and log."""
    cdef double difference = s.mu - k
    cdef double delta, v, x
    if k < 10.0:
        px[0] = -s.mu
        py[0] = pow(s.mu, k) / FACTORIALS[<int>k]
    else:
        delta = 0.083333333333333333333 / k
        delta = delta - 4.8 * delta * delta * delta
        v = difference / k
        if fabs(v) <= 0.25:
            px[0] = k * v * v * (((((((0.1250060 * v - 0.1384794) * v + 0.1421878) * v
                                     - 0.1661269) * v + 0.2000118) * v - 0.2500068) * v
                                  + 0.3333333) * v - 0.5) - delta
        else:
            px[0] = k * log(1.0 + v) - difference - delta
        py[0] = ROOT_2PI_INVERSE / sqrt(k)
    x = (0.5 - difference) / s.s
    x *= x
    fx[0] = -0.5 * x
    fy[0] = s.omega * (((s.c3 * x + s.c2) * x + s.c1) * x + s.c0)


cdef inline double poisson_pd(bitgen_t *bits, const Poisson *s) noexcept nogil:
    """Algorithm PD: a rounded normal, corrected by a double exponential."""
    cdef double g = s.mu + s.s * r_normal(bits)
    cdef double k = -1.0
    cdef double u = 0.0, e, t, difference
    cdef double px, py, fx, fy
    if g >= 0.0:
        k = floor(g)
        if k >= s.whole:
            return k
        difference = s.mu - k
        u = r_uniform(bits)
        if s.d * u >= difference * difference * difference:
            return k
        densities(s, k, &px, &py, &fx, &fy)
        if fy - u * fy <= py * exp(px - fx):
            return k
    while True:
        e = r_exponential(bits)
        u = 2.0 * r_uniform(bits) - 1.0
        t = 1.8 + copysign(e, u)
        if t > -0.6744:
            k = floor(s.mu + s.s * t)
            densities(s, k, &px, &py, &fx, &fy)
            if s.c * fabs(u) <= py * exp(px + e) - fy * exp(fx + e):
                return k


cdef double poisson_variate(bitgen_t *bits, Poisson *s) noexcept nogil:
    if s.mu == 0.0:
        return 0.0
    return looked_up(bits, s) if s.mu < 10.0 else poisson_pd(bits, s)


cdef double r_poisson(bitgen_t *bits, double mu) noexcept nogil:
    cdef Poisson s
    prepare_poisson(&s, mu)
    return poisson_variate(bits, &s)


cdef inline double noncentral(bitgen_t *bits, Poisson *s, double df, double ncp) noexcept nogil:
    """A chi-squared variate whose degrees of freedom grow by twice a Poisson variate."""
    cdef double extra, value
    if ncp == 0.0:
        return 0.0 if df == 0.0 else r_gamma(bits, df / 2.0, 2.0)
    if s.mu != ncp / 2.0:
        prepare_poisson(s, ncp / 2.0)
    extra = poisson_variate(bits, s)
    value = r_chisq(bits, 2.0 * extra) if extra > 0.0 else 0.0
    return value + r_gamma(bits, df / 2.0, 2.0) if df > 0.0 else value


cdef enum:
    BINOMIAL, POISSON, GEOMETRIC, NEGATIVE_BINOMIAL, NEGATIVE_BINOMIAL_MEAN, NONCENTRAL


FAMILIES = {
    "rbinom": BINOMIAL, "rpois": POISSON, "rgeom": GEOMETRIC, "rnbinom": NEGATIVE_BINOMIAL,
    "rnbinom_mu": NEGATIVE_BINOMIAL_MEAN, "rchisq_ncp": NONCENTRAL,
}


cdef inline double variate(bitgen_t *bits, int family, Binomial *binomial, Poisson *poisson,
                           double a, double b) noexcept nogil:
    if family == BINOMIAL:
        if a != binomial.n or b != binomial.p:
            prepare_binomial(binomial, a, b)
        return binomial_variate(bits, binomial)
    if family == POISSON:
        if a != poisson.mu:
            prepare_poisson(poisson, a)
        return poisson_variate(bits, poisson)
    if family == GEOMETRIC:
        return r_poisson(bits, r_exponential(bits) * ((1.0 - a) / a))
    if family == NEGATIVE_BINOMIAL:
        return 0.0 if b == 1.0 else r_poisson(bits, r_gamma(bits, a, (1.0 - b) / b))
    if family == NEGATIVE_BINOMIAL_MEAN:
        return 0.0 if b == 0.0 else r_poisson(bits, r_gamma(bits, a, b / a))
    return noncentral(bits, poisson, a, b)


def fill(object bit_generator, int family, const double[::1] a, const double[::1] b,
         double[::1] out):
    """Fill ``out`` with variates of a family, recycling both parameters in one pass.

    A binomial of so many trials that R inverts its distribution is left as minus its uniform.
    """
    cdef Source source = source_of(bit_generator, True)
    cdef Py_ssize_t i, j = 0, k = 0
    cdef Binomial binomial
    cdef Poisson poisson
    binomial.n = poisson.mu = -1.0  # none prepared
    with nogil:
        for i in range(out.shape[0]):
            if i & 0xFFFFF == 0:  # Ctrl-C, every million or so
                with gil:
                    PyErr_CheckSignals()
            out[i] = variate(source.bits, family, &binomial, &poisson, a[j], b[k])
            j += 1
            if j == a.shape[0]:
                j = 0
            k += 1
            if k == b.shape[0]:
                k = 0


def fill_multinomial(object bit_generator, double n, const double[::1] p, double[:, ::1] out):
    """Fill each row of ``out`` with a multinomial draw: binomials of what is left."""
    cdef Source source = source_of(bit_generator, True)
    cdef Py_ssize_t i, k, last = p.shape[0] - 1
    cdef double left, share
    cdef long double total, whole = 0.0  # as in R: their last bits can show in a draw
    with nogil:
        for k in range(last + 1):
            whole += p[k]
        for i in range(out.shape[0]):
            left, total = n, whole
            for k in range(last + 1):
                out[i, k] = 0.0
            for k in range(last):
                if p[k] > 0.0:
                    share = <double>(p[k] / total)
                    out[i, k] = r_binomial(source.bits, left, share) if share < 1.0 else left
                    left -= out[i, k]
                if left <= 0.0:
                    break
                total -= p[k]
            if left > 0.0:
                out[i, last] = left
