"""Errors on purpose: `.ci/sanitize` holds that each of its checks ends the process."""

from libc.stdlib cimport free, malloc


def address(int n):
    """Read behind the end of a piece of memory: n is its length."""
    cdef double *piece = <double *> malloc(n * sizeof(double))
    cdef double found
    for i in range(n):
        piece[i] = i
    found = piece[n]
    free(piece)
    return found


def integer(int n):
    """Overflow an int: n is the greatest."""
    cdef int one = 1
    return n + one


def cast(double x):
    """Make an int of what is none."""
    return <int> x


def bounds(double[::1] x):
    """Read element n of n."""
    return x[x.shape[0]]


cdef double silent(double[::1] x) noexcept nogil:
    return x[x.shape[0]]


def silent_bounds(double[::1] x):
    """The same where nothing can be raised."""
    return silent(x)
