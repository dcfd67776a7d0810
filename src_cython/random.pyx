"""Random numbers for the kernels: one struct, two sources.

Both sources read a NumPy bit generator through its C interface. R's default generator is the
Mersenne Twister that NumPy ships, so an R stream is NumPy's MT19937 seeded in R's way
(``pyhier.rstats``) and read through R's transformations: ``unif_rand`` is one 32-bit word, and
``norm_rand`` (kind "Inversion") puts two of them through the normal quantile. The quantile is
Wichura's AS 241 (Applied Statistics 37, 1988, 477-484, routine PPND16), evaluated in the order of
the paper with libm's ``log``; contraction to fused multiply-adds is switched off in the build, so
the bits equal R's. Every other generator gives NumPy's own ziggurat normals and exponentials.

The callers hold the bit generator's lock.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport INFINITY, exp, fabs, floor, log, sqrt


cdef Source source_of(object bit_generator, bint as_r) except *:
    cdef Source source
    source.bits = <bitgen_t *>PyCapsule_GetPointer(bit_generator.capsule, "BitGenerator")
    source.as_r = as_r
    return source


cdef double qnorm(double p) noexcept nogil:
    """The standard normal quantile at p in (0, 1), by AS 241."""
    cdef double q = p - 0.5
    cdef double r, value
    if fabs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * (((((((r * 2509.0809287301226727 + 33430.575583588128105) * r
                         + 67265.770927008700853) * r + 45921.953931549871457) * r
                       + 13731.693765509461125) * r + 1971.5909503065514427) * r
                     + 133.14166789178437745) * r + 3.387132872796366608) \
            / (((((((r * 5226.495278852854561 + 28729.085735721942674) * r
                    + 39307.89580009271061) * r + 21213.794301586595867) * r
                  + 5394.1960214247511077) * r + 687.1870074920579083) * r
                + 42.313330701600911252) * r + 1.0)
    r = sqrt(-log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        r = r - 1.6
        value = (((((((r * 7.7454501427834140764e-4 + 0.0227238449892691845833) * r
                      + 0.24178072517745061177) * r + 1.27045825245236838258) * r
                    + 3.64784832476320460504) * r + 5.7694972214606914055) * r
                  + 4.6303378461565452959) * r + 1.42343711074968357734) \
            / (((((((r * 1.05075007164441684324e-9 + 5.475938084995344946e-4) * r
                    + 0.0151986665636164571966) * r + 0.14810397642748007459) * r
                  + 0.68976733498510000455) * r + 1.6763848301838038494) * r
                + 2.05319162663775882187) * r + 1.0)
    else:
        r = r - 5.0
        value = (((((((r * 2.01033439929228813265e-7 + 2.71155556874348757815e-5) * r
                      + 0.0012426609473880784386) * r + 0.026532189526576123093) * r
                    + 0.29656057182850489123) * r + 1.7848265399172913358) * r
                  + 5.4637849111641143699) * r + 6.6579046435011037772) \
            / (((((((r * 2.04426310338993978564e-15 + 1.4215117583164458887e-7) * r
                    + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r
                  + 0.0148753612908506148525) * r + 0.13692988092273580531) * r
                + 0.59983220655588793769) * r + 1.0)
    return -value if q < 0.0 else value


# Cody's coefficients: |x| below the upper quartile, up to sqrt(32), beyond.
cdef double[5] NEAR_UP = [2.2352520354606839287, 161.02823106855587881, 1067.6894854603709582,
                          18154.981253343561249, 0.065682337918207449113]
cdef double[4] NEAR_DOWN = [47.20258190468824187, 976.09855173777669322, 10260.932208618978205,
                            45507.789335026729956]
cdef double[9] MIDDLE_UP = [0.39894151208813466764, 8.8831497943883759412, 93.506656132177855979,
                            597.27027639480026226, 2494.5375852903726711, 6848.1904505362823326,
                            11602.651437647350124, 9842.7148383839780218, 1.0765576773720192317e-8]
cdef double[8] MIDDLE_DOWN = [22.266688044328115691, 235.38790178262499861, 1519.377599407554805,
                              6485.558298266760755, 18615.571640885098091, 34900.952721145977266,
                              38912.003286093271411, 19685.429676859990727]
cdef double[6] FAR_UP = [0.21589853405795699, 0.1274011611602473639, 0.022235277870649807,
                         0.001421619193227893466, 2.9112874951168792e-5, 0.02307344176494017303]
cdef double[5] FAR_DOWN = [1.28426009614491121, 0.468238212480865118, 0.0659881378689285515,
                           0.00378239633202758244, 7.29751555083966205e-5]


cdef double pnorm(double x) noexcept nogil:
    """The standard normal distribution function, by Cody's rational approximations.

    Mathematics of Computation 23 (1969), 631-637, in the form of ANORM of his package SPECFUN
    (ACM Transactions on Mathematical Software 19 (1993), 22-32), which R's help page names.
    """
    cdef double y = fabs(x)
    cdef double square, up, down, tail, sixteenth, rest
    cdef int i
    if y <= 0.67448975:
        square = x * x if y > 1.1102230246251565e-16 else 0.0
        up, down = NEAR_UP[4] * square, square
        for i in range(3):
            up = (up + NEAR_UP[i]) * square
            down = (down + NEAR_DOWN[i]) * square
        return 0.5 + x * (up + NEAR_UP[3]) / (down + NEAR_DOWN[3])
    if y <= 5.656854249492380195206754896838:
        up, down = MIDDLE_UP[8] * y, y
        for i in range(7):
            up = (up + MIDDLE_UP[i]) * y
            down = (down + MIDDLE_DOWN[i]) * y
        tail = (up + MIDDLE_UP[7]) / (down + MIDDLE_DOWN[7])
    elif -37.5193 < x < 8.2924:
        square = 1.0 / (x * x)
        up, down = FAR_UP[5] * square, square
        for i in range(4):
            up = (up + FAR_UP[i]) * square
            down = (down + FAR_DOWN[i]) * square
        tail = square * (up + FAR_UP[4]) / (down + FAR_DOWN[4])
        tail = (0.398942280401432677939946059934 - tail) / y
    else:
        return x if x != x else (1.0 if x > 0.0 else 0.0)
    sixteenth = floor(y * 16.0) / 16.0
    rest = (y - sixteenth) * (y + sixteenth)
    tail = exp(-sixteenth * sixteenth * 0.5) * exp(-rest * 0.5) * tail
    return 1.0 - tail if x > 0.0 else tail


def fill_pnorm(const double[::1] x, double[::1] out):
    """Fill ``out`` with the normal distribution function at ``x``."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            out[i] = pnorm(x[i])


def fill_qnorm(const double[::1] p, double[::1] out):
    """Fill ``out`` with the normal quantiles of ``p``, from 0 to 1."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            if 0.0 < p[i] < 1.0:
                out[i] = qnorm(p[i])
            else:
                out[i] = -INFINITY if p[i] <= 0.0 else INFINITY


def fill_r_normal(object bit_generator, double[::1] out):
    """Fill ``out`` with R's ``norm_rand``."""
    cdef Source source = source_of(bit_generator, True)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            out[i] = r_normal(source.bits)
