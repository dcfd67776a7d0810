"""Sums over long series for the diagnostics of chains.

``lagged_products`` gives all lags in one pass: the products of one value with its next ``lags``
values lie side by side in memory, so that the processor multiplies several at once, and the series
is read once instead of once a lag. Each lag's sum is kept by blocks of ``BLOCK`` values, which
keeps the rounding error of a million terms near that of a few thousand.

``centre`` takes the mean off (twice, so that the rounding of the first mean is gone) and gives the
sum of products with time, for the straight line through the series.
"""

cdef enum:
    BLOCK = 1024


def centre(double[::1] x):
    """Take the mean off in place; return the sum of products with time about its middle."""
    cdef Py_ssize_t n = x.shape[0], i, times
    cdef double total, part, slope = 0.0, middle = 0.5 * (n - 1)
    with nogil:
        for times in range(2):
            total = 0.0
            part = 0.0
            for i in range(n):
                part += x[i]
                if i % BLOCK == BLOCK - 1:
                    total += part
                    part = 0.0
            total = (total + part) / n
            for i in range(n):
                x[i] -= total
        for i in range(n):
            slope += (i - middle) * x[i]
    return slope


def lagged_products(const double[::1] x, double[::1] out):
    """Put the sum over i of x[i] x[i + k] into out[k]; out is shorter than x or as long."""
    if out.shape[0] > x.shape[0]:
        raise ValueError("more lags than values")
    if out.shape[0]:
        with nogil:
            _lagged_products(&x[0], x.shape[0], &out[0], out.shape[0])


cdef void _lagged_products(
    const double *x, Py_ssize_t n, double *out, Py_ssize_t lags
) noexcept nogil:
    cdef Py_ssize_t first, width, block, start, stop, i, k
    cdef double part[8]
    cdef double value
    for k in range(lags):
        out[k] = 0.0
    for block in range(n // BLOCK + 1):
        start = block * BLOCK
        for first in range(0, lags, 8):
            width = min(8, lags - first)
            for k in range(8):
                part[k] = 0.0
            # All eight lags while none of them runs past the end, then those that remain.
            stop = min(start + BLOCK, max(n - first - 7, start))
            for i in range(start, stop):
                value = x[i]
                for k in range(8):
                    part[k] += value * x[i + first + k]
            for i in range(stop, min(start + BLOCK, n - first)):
                for k in range(min(8, n - first - i)):
                    part[k] += x[i] * x[i + first + k]
            for k in range(width):
                out[first + k] += part[k]
