"""Log densities with their gradients behind one small C interface.

A ``GradientDensity`` is a C function ``double f(int ndim, const double *x, double *gradient, void
*data)`` with its data. The Hamiltonian sampler and the variational approximation call that and
nothing else: a joint density of ours, a ``numba.njit`` function, a C function by address and a
Python callable run through the same loop. Only the last one takes the GIL, and it remembers an
exception for the loop's caller to raise.

Functions here write to nothing but the gradient, so that chains in threads may share one, except
``Bounded``, of which each chain has its own.
"""
from cpython.pycapsule cimport PyCapsule_GetContext, PyCapsule_GetName, PyCapsule_GetPointer
from libc.math cimport INFINITY, NAN, exp, fabs, log, log1p, nextafter
from libc.stdint cimport uintptr_t
from libc.stdlib cimport free, malloc

from pyhier.kernels.density cimport LogDensity, density_t

import numpy as np


cdef class GradientDensity:
    """A log density of ``ndim`` coordinates with its gradient."""

    def __cinit__(self):
        self.failed = &self.own_failed

    def __call__(self, x):
        """Value and gradient at one point."""
        cdef double[::1] point = np.array(x, dtype=np.float64).ravel()
        gradient = np.zeros(self.ndim)
        cdef double[::1] out = gradient
        self.check(point.shape[0])
        value = self.function(self.ndim, &point[0], &out[0], self.data)
        self.raise_error()
        return value, gradient

    def fill(self, const double[::1] x, double[::1] gradient):
        """The value at one point; its gradient goes into an array, as in the loops."""
        cdef double value
        self.check(x.shape[0])
        self.check(gradient.shape[0])
        with nogil:
            value = self.function(self.ndim, &x[0], &gradient[0], self.data)
        self.raise_error()
        return value

    def evaluate(self, x):
        """Values at every row of ``x``, shape (n, ndim), and gradients of its shape."""
        cdef const double[:, ::1] points = np.array(x, dtype=np.float64, order="C", ndmin=2)
        self.check(points.shape[1])
        values, gradients = np.empty(points.shape[0]), np.zeros_like(points)
        cdef double[::1] out = values
        cdef double[:, ::1] slopes = gradients
        cdef Py_ssize_t i
        with nogil:
            for i in range(points.shape[0]):
                out[i] = self.function(self.ndim, &points[i, 0], &slopes[i, 0], self.data)
                if self.failed[0]:
                    break
        self.raise_error()
        return values, gradients

    cdef check(self, Py_ssize_t found):
        if self.function == NULL:
            raise TypeError("GradientDensity is a base class: make one of its kinds")
        if found != self.ndim:
            raise ValueError(f"x has {found} coordinates: this density takes {self.ndim}")

    def fresh(self):
        """One that a chain may have to itself; itself where chains may share it."""
        return self

    def raise_error(self):
        """Raise, once, what a Python callable raised inside a loop."""
        if self.part is not None:
            self.part.raise_error()
        if self.own_failed:
            error, self.error, self.own_failed = self.error, None, False
            raise error


cdef Smooth smooth(density) except *:
    """A prior as the joint densities take it: None, a log density, or one with its gradient."""
    cdef GradientDensity whole
    cdef LogDensity plain
    if density is None:
        return Smooth(NULL, NULL, NULL, NULL)
    if isinstance(density, GradientDensity):
        whole = density
        return Smooth(NULL, NULL, whole.function, whole.data)
    plain = density
    return Smooth(plain.reference, plain.slope, NULL, plain.data)


cdef bint *flag_of(part, bint *own) except NULL:
    """Where a density says that it failed: where the part says it that may be Python's."""
    if part is None:
        return own
    if isinstance(part, GradientDensity):
        return (<GradientDensity>part).failed
    return (<LogDensity>part).failed


# --- The user's own densities ---------------------------------------------------------------------

cdef double call_python(int ndim, const double *x, double *gradient, void *data) noexcept with gil:
    cdef PythonGradient density = <PythonGradient>data
    cdef double[::1] point
    cdef const double[::1] slopes
    cdef int i
    try:
        array = np.empty(ndim)
        point = array
        for i in range(ndim):
            point[i] = x[i]
        value, found = value_and_gradient(density.user(array, *density.args), ndim)
        slopes = found
        for i in range(ndim):
            gradient[i] = slopes[i]
        return value
    except BaseException as error:  # KeyboardInterrupt too: the loop ends, its caller decides
        density.error = error
        density.own_failed = True
        return NAN


def value_and_gradient(pair, int ndim):
    """What a user's function returned, as a float and an array of shape (ndim,)."""
    try:
        value, gradient = pair
    except (TypeError, ValueError):
        raise TypeError(
            f"the log density returned {pair!r}: it must return two things, its value and its "
            "gradient"
        ) from None
    try:
        number = float(np.asarray(value, dtype=np.float64).reshape(()))
        slopes = np.ascontiguousarray(gradient, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise TypeError(
            f"the log density returned {pair!r}: the first must be a number, the second its "
            "gradient, an array of numbers"
        ) from None
    if slopes.shape[0] != ndim:
        raise ValueError(
            f"the gradient has {slopes.shape[0]} entries: there are {ndim} coordinates"
        )
    return number, slopes


cdef class PythonGradient(GradientDensity):
    """A Python callable ``function(x, *args)`` that returns (value, gradient)."""
    cdef object user
    cdef tuple args

    def __init__(self, function, tuple args, int ndim):
        self.user, self.args, self.ndim, self.compiled = function, args, ndim, False
        self.function = call_python
        self.data = <void *>self


cdef class CheckedGradient(GradientDensity):
    """A C function that says when it failed, by address; ``retry`` is its Python twin.

    The function's data is ``record``: it sets the first number and puts the bits of x in the rest.
    ``retry`` is then called there, to raise the failure with its own traceback.
    """
    cdef object retry
    cdef object record
    cdef long long[::1] view

    def __init__(self, uintptr_t address, int ndim, retry, keep_alive):
        self.ndim, self.compiled, self.retry, self.keep_alive = ndim, True, retry, keep_alive
        self.record = np.zeros(ndim + 1, dtype=np.int64)
        self.view = self.record
        self.function = <gradient_t>address
        self.data = &self.view[0]
        self.failed = <bint *>&self.view[0]

    def raise_error(self):
        """Raise, once, what the function raised inside a loop."""
        if self.failed[0]:
            self.view[0] = 0
            self.retry(self.record[1:].view(np.float64).copy())
            raise RuntimeError("the compiled log density failed where its Python twin does not")


cdef struct Pair:
    density_t value
    void *value_data
    void (*gradient)(int, double *, double *, void *) noexcept nogil
    void *gradient_data


cdef double call_pair(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef Pair *pair = <Pair *>data
    pair.gradient(ndim, <double *>x, gradient, pair.gradient_data)
    return pair.value(ndim, <double *>x, pair.value_data)


cdef class ForeignGradient(GradientDensity):
    """C functions that something else compiled, in scipy's capsules.

    The capsule's name is the C signature, its context the data.
    """
    cdef Pair pair

    def __init__(self, int ndim, keep_alive):
        self.ndim, self.compiled, self.keep_alive = ndim, True, keep_alive

    @staticmethod
    def from_capsule(capsule, int ndim, keep_alive):
        """One function that returns the value and fills the gradient."""
        cdef ForeignGradient density = ForeignGradient(ndim, keep_alive)
        cdef const char *signature = PyCapsule_GetName(capsule)
        expect(signature, "double(int,double*,double*,void*)", "log density with its gradient")
        density.function = <gradient_t>PyCapsule_GetPointer(capsule, signature)
        density.data = PyCapsule_GetContext(capsule)
        return density

    @staticmethod
    def from_pair(value, gradient, int ndim, keep_alive):
        """A log density, and a function that fills its gradient."""
        cdef ForeignGradient density = ForeignGradient(ndim, keep_alive)
        cdef const char *first = PyCapsule_GetName(value)
        cdef const char *second = PyCapsule_GetName(gradient)
        expect(first, "double(int,double*,void*)", "log density")
        expect(second, "void(int,double*,double*,void*)", "gradient")
        density.pair.value = <density_t>PyCapsule_GetPointer(value, first)
        density.pair.value_data = PyCapsule_GetContext(value)
        density.pair.gradient = <void (*)(int, double *, double *, void *) noexcept nogil>(
            PyCapsule_GetPointer(gradient, second))
        density.pair.gradient_data = PyCapsule_GetContext(gradient)
        density.function, density.data = call_pair, &density.pair
        return density


cdef expect(const char *signature, str wanted, str what):
    if signature.decode().replace(" ", "") != wanted:
        spaced = wanted.replace("(", " (").replace(",", ", ").replace("*", " *")
        raise ValueError(
            f"the {what}'s C signature is {signature.decode()!r}: it must be {spaced!r}"
        )


# --- A gradient by differences --------------------------------------------------------------------

cdef enum:
    MOST = 32  # coordinates of a density that is differentiated numerically


cdef double by_differences(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef Smooth *density = <Smooth *>data
    cdef double[MOST] point
    cdef double here
    cdef int k
    for k in range(ndim):
        point[k] = x[k]
    here = density.value(ndim, point, density.data)
    for k in range(ndim):
        gradient[k] = difference(density.value, density.data, ndim, point, k, here)
    return here


cdef class Differences(GradientDensity):
    """A log density of a few coordinates, its gradient by the priors' five-point rule."""
    cdef Smooth density

    def __init__(self, LogDensity density):
        if density.ndim > MOST:
            raise ValueError(f"{density.ndim} coordinates are too many for differences: {MOST}")
        self.ndim, self.compiled, self.part = density.ndim, density.compiled, density
        self.failed = density.failed
        self.density = Smooth(density.reference, NULL, NULL, density.data)
        self.function, self.data = by_differences, &self.density


cdef double call_points(int ndim, const double *x, double *gradient, void *data) noexcept with gil:
    cdef PointsGradient density = <PointsGradient>data
    cdef const double[::1] values
    cdef int k
    try:
        array = density.steps + np.asarray(<const double[:ndim]>x)
        values = np.ascontiguousarray(density.user(array), dtype=np.float64)
        for k in range(ndim):
            gradient[k] = five_points(values[0], &values[1 + 4 * k], 1e-3)
        return values[0]
    except BaseException as error:  # KeyboardInterrupt too: the loop ends, its caller decides
        density.error = error
        density.own_failed = True
        return NAN


cdef class PointsGradient(GradientDensity):
    """A Python function of many points, shape (n, ndim), its gradient by the priors' rule.

    All points are one call, so that a function of arrays costs no more than its value does.
    """
    cdef object user, steps

    def __init__(self, function, int ndim):
        self.user, self.ndim, self.compiled = function, ndim, False
        self.steps = np.zeros((1 + 4 * ndim, ndim))
        for k in range(ndim):
            self.steps[1 + 4 * k: 5 + 4 * k, k] = 1e-3 * np.array([-2.0, -1.0, 1.0, 2.0])
        self.function, self.data = call_points, <void *>self


# --- The value alone ------------------------------------------------------------------------------

cdef struct Whole:
    gradient_t function
    void *data


cdef double without_gradient(int ndim, double *x, void *data) noexcept nogil:
    cdef Whole *whole = <Whole *>data
    cdef double *gradient = <double *>malloc(ndim * sizeof(double))
    cdef double value = NAN
    if gradient != NULL:
        value = whole.function(ndim, x, gradient, whole.data)
    free(gradient)
    return value


cdef class ValueDensity(LogDensity):
    """A density with a gradient as one without."""
    cdef Whole whole

    def __init__(self, GradientDensity density):
        self.ndim, self.compiled, self.keep_alive = density.ndim, density.compiled, density
        self.whole = Whole(density.function, density.data)
        self.reference = self.fast = without_gradient
        self.data, self.failed = &self.whole, density.failed

    def raise_error(self):
        """Raise, once, what a Python callable raised inside a loop."""
        self.keep_alive.raise_error()


# --- Bounds ---------------------------------------------------------------------------------------

cdef struct BoundedData:
    gradient_t function
    void *data
    const double *low
    const double *high
    double *point


cdef inline double off_the_ends(double x, double low, double high) noexcept nogil:
    """What rounds to an end as the number next to it: a density need not be finite there."""
    if x <= low:
        return nextafter(low, INFINITY)
    return nextafter(high, -INFINITY) if x >= high else x


cdef inline double inside(double u, double low, double high, double *slope, double *log_slope,
                          double *bend) noexcept nogil:
    """x at u on the whole line; dx/du, its log, and the derivative of that log."""
    cdef double e, x
    if low == -INFINITY and high == INFINITY:
        slope[0], log_slope[0], bend[0] = 1.0, 0.0, 0.0
        return u
    if high == INFINITY:
        slope[0], log_slope[0], bend[0] = exp(u), u, 1.0
        return off_the_ends(low + slope[0], low, high)
    if low == -INFINITY:
        slope[0], log_slope[0], bend[0] = exp(-u), -u, -1.0
        return off_the_ends(high - slope[0], low, high)
    e = exp(-fabs(u))
    slope[0] = (high - low) * e / ((1.0 + e) * (1.0 + e))
    log_slope[0] = log(high - low) - fabs(u) - 2.0 * log1p(e)
    bend[0] = (1.0 - e) / (1.0 + e) if u < 0.0 else (e - 1.0) / (1.0 + e)
    # From the nearer end, so that what is close to it keeps its digits.
    x = high - (high - low) * e / (1.0 + e) if u > 0.0 else low + (high - low) * e / (1.0 + e)
    return off_the_ends(x, low, high)


cdef double bounded(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef BoundedData *b = <BoundedData *>data
    cdef double value = 0.0, slope, log_slope, bend
    cdef int k
    for k in range(ndim):
        b.point[k] = inside(x[k], b.low[k], b.high[k], &slope, &log_slope, &bend)
        value += log_slope
    value += b.function(ndim, b.point, gradient, b.data)
    for k in range(ndim):
        inside(x[k], b.low[k], b.high[k], &slope, &log_slope, &bend)
        gradient[k] = gradient[k] * slope + bend
    return value


cdef class Bounded(GradientDensity):
    """A density between bounds, in coordinates on the whole line, the Jacobian included.

    x = low + exp(u), high - exp(-u) or low + (high - low) / (1 + exp(-u)), never an end itself.
    """
    cdef BoundedData bounds
    cdef const double[::1] low, high
    cdef double[::1] point
    cdef GradientDensity inner

    def __init__(self, GradientDensity density, const double[::1] low, const double[::1] high):
        self.inner, self.part, self.failed = density, density, density.failed
        self.ndim, self.compiled = density.ndim, density.compiled
        self.low, self.high, self.point = low, high, np.empty(density.ndim)
        self.bounds = BoundedData(density.function, density.data, &self.low[0], &self.high[0],
                                  &self.point[0])
        self.function, self.data = bounded, &self.bounds

    def fresh(self):
        """Another one, for it writes to an array of its own."""
        return Bounded(self.inner.fresh(), self.low, self.high)


def constrain(points, const double[::1] low, const double[::1] high):
    """Points on the line, shape (..., ndim), put between the bounds."""
    out = np.array(points, dtype=np.float64, order="C")
    cdef double[:, ::1] rows = out.reshape(-1, low.shape[0])
    cdef double slope, log_slope, bend
    cdef Py_ssize_t i, k
    with nogil:
        for i in range(rows.shape[0]):
            for k in range(rows.shape[1]):
                rows[i, k] = inside(rows[i, k], low[k], high[k], &slope, &log_slope, &bend)
    return out


def unconstrain(points, low, high):
    """Points strictly between the bounds put on the line; NaN elsewhere."""
    x = np.array(points, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        above, below = np.log(x - low), np.log(high - x)
        both = above - below
    return np.where(np.isinf(low) & np.isinf(high), x,
                    np.where(np.isinf(high), above, np.where(np.isinf(low), -below, both)))
