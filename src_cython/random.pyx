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
from libc.math cimport fabs, log, sqrt


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


def fill_r_normal(object bit_generator, double[::1] out):
    """Fill ``out`` with R's ``norm_rand``."""
    cdef Source source = source_of(bit_generator, True)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            out[i] = r_normal(source.bits)
