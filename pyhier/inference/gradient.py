"""Any log density with a gradient a user may hand over, as the kind of object the kernels call."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import as_array, float_array
from pyhier.kernels.gradients import (
    Bounded,
    CheckedGradient,
    ForeignGradient,
    GradientDensity,
    PythonGradient,
)

SIGNATURE = "float64(intc, CPointer(float64), CPointer(float64), CPointer(int64))"
EPSILON = float(np.finfo(np.float64).eps)
MOST = 100  # coordinates along each of which a gradient is checked; beyond, random directions

GradientLike = GradientDensity | Callable[..., Any] | tuple[Any, Any] | Any


def gradient_density(
    function: GradientLike, ndim: int, args: tuple[Any, ...] = ()
) -> GradientDensity:
    """Return a `GradientDensity` of ``ndim`` coordinates.

    Parameters
    ----------
    function : callable, numba.njit function, scipy.LowLevelCallable, pair or GradientDensity
        ``function(x, *args)`` with ``x`` of shape (ndim,) returns (value, gradient); or two
        functions, the value's and the gradient's. A ``LowLevelCallable`` has the signature
        ``double (int, double *, double *, void *)`` and fills the gradient; a pair of them
        ``double (int, double *, void *)`` and ``void (int, double *, double *, void *)``.
    ndim : int
    args : tuple
        The data that the function takes after ``x``.

    Raises
    ------
    TypeError
        If the function cannot be called, or takes no data and some is given.
    """
    if args and (isinstance(function, GradientDensity) or _is_low_level(function)):
        raise TypeError("this log density has its data inside: give none beside it")
    if isinstance(function, GradientDensity):
        return _of_size(function, ndim)
    if _is_low_level(function):
        capsule: Any = tuple.__getitem__(function, 0)  # type: ignore[index]
        return ForeignGradient.from_capsule(capsule, ndim, function)
    if isinstance(function, tuple) and len(function) == 2:
        return _pair(function, ndim, args)
    if _is_numba(function):
        return _numba_density(function, ndim, args)
    plain: Any = function
    return PythonGradient(plain, args, ndim)


def need_density(engine: str, function: Any) -> None:
    """Raise TypeError unless there is something that may be a log density with its gradient."""
    if isinstance(function, tuple) or (callable(function) and not isinstance(function, type)):
        return
    given = "a class" if isinstance(function, type) else f"a {type(function).__name__}"
    raise TypeError(
        f"model is {given}: {engine} takes a model, or a log density: a callable that returns "
        "(value, gradient), a numba.njit function or scipy.LowLevelCallable of this kind, or a "
        "pair of functions, the log density's and its gradient's"
    )


def _is_low_level(function: Any) -> bool:
    return isinstance(function, tuple) and type(function).__module__.startswith("scipy.")


def _is_numba(function: Any) -> bool:
    return type(function).__module__.startswith("numba.") and hasattr(function, "py_func")


def _of_size(density: GradientDensity, ndim: int) -> GradientDensity:
    if density.ndim != ndim:
        raise ValueError(
            f"the start has {ndim} coordinates and the log density takes {density.ndim}"
        )
    return density


def _pair(pair: tuple[Any, Any], ndim: int, args: tuple[Any, ...]) -> GradientDensity:
    value, gradient = pair
    if _is_low_level(value) and _is_low_level(gradient):
        if args:
            raise TypeError("this log density has its data inside: give none beside it")
        first, second = (tuple.__getitem__(part, 0) for part in pair)
        return ForeignGradient.from_pair(first, second, ndim, pair)
    if not (callable(value) and callable(gradient)):
        raise TypeError(
            "the log density is a pair of which one is no function: give the log density and its "
            "gradient, both callable or both scipy.LowLevelCallable"
        )
    if _is_numba(value) and _is_numba(gradient):
        return _numba_density(_joined(value, gradient), ndim, args)
    return PythonGradient(lambda x, *more: (value(x, *more), gradient(x, *more)), args, ndim)


def _joined(value: Any, gradient: Any) -> Any:
    """Two numba functions as one; its parameters cannot be variadic, so the data is one tuple."""
    import numba

    @numba.njit  # type: ignore[untyped-decorator,unused-ignore]
    def both(point, *data):  # type: ignore[no-untyped-def]
        return value(point, *data), gradient(point, *data)

    return both


def _numba_density(function: Any, ndim: int, args: tuple[Any, ...]) -> GradientDensity:
    """Compile a C function that calls the user's with a copy of x and the data.

    numba swallows an exception at the border to C, so it is caught before, and x is recorded; a
    gradient of the wrong length is treated as one, and its Python twin says what is wrong.
    """
    import numba

    carray: Any = numba.carray  # type: ignore[attr-defined,unused-ignore]

    @numba.njit  # type: ignore[untyped-decorator,unused-ignore]
    def bound(point):  # type: ignore[no-untyped-def]
        return function(point, *args)

    def call(n, x, gradient, record):  # type: ignore[no-untyped-def]
        point = carray(x, (ndim,)).copy()
        bits = point.view(np.int64).copy()
        try:
            value, slopes = bound(point)
            if slopes.size == ndim:
                carray(gradient, (ndim,))[:] = slopes
                return value
        except Exception:
            pass
        kept = carray(record, (ndim + 1,))
        kept[1:] = bits
        kept[0] = 1
        return np.nan

    compiled: Any = numba.cfunc(SIGNATURE)(call)
    twin = PythonGradient(function, args, ndim)  # looks at the length, and raises what it raises
    return CheckedGradient(compiled.address, ndim, twin, (compiled, args))


# --- Bounds ---------------------------------------------------------------------------------------


def bounds(lower: ArrayLike | None, upper: ArrayLike | None, ndim: int) -> Floats | None:
    """Both ends of every coordinate, shape (2, ndim); None where there are none."""
    if lower is None and upper is None:
        return None
    low = _end("lower", -np.inf if lower is None else lower, ndim)
    high = _end("upper", np.inf if upper is None else upper, ndim)
    wrong = np.flatnonzero(~(low < high))
    if wrong.size:
        k = int(wrong[0])
        raise ValueError(f"lower[{k}] is {low[k]} and upper[{k}] {high[k]}: lower must be less")
    return np.stack([low, high])


def _end(name: str, value: Any, ndim: int) -> Floats:
    ends = as_array(name, [np.nan if v is None else v for v in np.ravel(np.asarray(value, object))])
    array = float_array(name, ends, 1)
    array[[v is None for v in np.ravel(np.asarray(value, object))]] = (
        -np.inf if name == "lower" else np.inf
    )
    if array.size not in (1, ndim):
        raise ValueError(f"{name} has {array.size} entries: give one, or {ndim}, one a coordinate")
    return np.array(np.broadcast_to(array, (ndim,)))


def bounded(density: GradientDensity, ends: Floats | None) -> GradientDensity:
    """The density in coordinates on the whole line, where any of its own is not."""
    if ends is None or not np.isfinite(ends).any():
        return density
    return Bounded(density, np.ascontiguousarray(ends[0]), np.ascontiguousarray(ends[1]))


# --- Is the gradient one? -------------------------------------------------------------------------


def check_gradient(density: GradientDensity, point: Floats) -> None:
    """Raise where the gradient is not that of the value, by differences at one point.

    Along each coordinate, or along 20 random directions of many: of steps twenty decades apart the
    one at which a tenth of it changes the difference least, and that change is how far the two may
    be apart.
    """
    value, gradient = density(point)
    for name, direction in _directions(point.size):
        slope = float(gradient @ direction)
        found, error = _best_difference(density, point, direction, value)
        if abs(slope - found) > 10.0 * error + 1e-4 * (abs(slope) + abs(found)):
            raise ValueError(
                f"the gradient disagrees with differences of the log density at the start: "
                f"{name} it is {slope:.6g}, and they give {found:.6g} (check_gradient=False "
                "skips this look)"
            )


def _directions(p: int) -> list[tuple[str, Floats]]:
    if p <= MOST:
        return [(f"along coordinate {k}", row) for k, row in enumerate(np.eye(p))]
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((20, p)) / np.sqrt(p)
    return [("along a random direction", row) for row in rows]


def _best_difference(
    density: GradientDensity, point: Floats, direction: Floats, value: float
) -> tuple[float, float]:
    """A directional derivative by central differences, and its error."""
    scale = max(float(np.abs(point[direction != 0.0]).max(initial=0.0)), 1.0)
    steps = scale * 10.0 ** -np.arange(0.0, 21.0)
    ends = point + np.concatenate([steps, -steps])[:, np.newaxis] * direction
    values = density.evaluate(ends)[0].reshape(2, -1)
    with np.errstate(invalid="ignore"):
        slopes = (values[0] - values[1]) / (2.0 * steps)
        size = np.abs(values).max(axis=0) + abs(value) + 1.0  # sums of terms that may cancel
        rounding = 4.0 * EPSILON * size / steps
        errors = np.abs(np.diff(slopes)) + rounding[1:]
    errors[~np.isfinite(errors)] = np.inf
    best = int(np.argmin(errors))
    return (float(slopes[best + 1]), float(errors[best])) if np.isfinite(errors[best]) else (
        0.0, np.inf
    )  # fmt: skip
