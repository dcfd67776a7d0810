"""Any log density a user may hand over, as the one kind of object the kernels call."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pyhier.kernels.density import CallableDensity, CheckedDensity, ForeignDensity, LogDensity

SIGNATURE = "float64(intc, CPointer(float64), CPointer(int64))"

LogPosterior = LogDensity | Callable[..., float] | Any


def check_log_posterior(name: str, value: Any) -> Any:
    """Return what `log_density` takes as a function, which is the argument ``name``."""
    foreign = type(value).__module__.startswith("scipy.") and isinstance(value, tuple)
    if not (callable(value) or foreign or hasattr(value, "compiled_for")):
        raise TypeError(
            f"{name} is {value!r}: it must be callable, a numba.njit function or a "
            "scipy.LowLevelCallable"
        )
    return value


def log_density(
    function: LogPosterior,
    ndim: int,
    args: tuple[Any, ...] = (),
    named: Mapping[str, Any] | None = None,
    start: str = "the start",
) -> LogDensity:
    """Return a `LogDensity` of ``ndim`` coordinates.

    Parameters
    ----------
    function : LogDensity, scipy.LowLevelCallable, numba.njit function or callable
        ``function(x, *args)`` with ``x`` of shape (ndim,). An object with ``compiled_for(*args)``
        says itself which compiled density stands for it.
    ndim : int
        The number of coordinates.
    args : tuple
        The data that the function takes after ``x``.
    named : mapping, optional
        More of them, by the function's own names.
    start : str
        What the number of coordinates is from, for the error.

    Raises
    ------
    TypeError
        If the function cannot be called, or takes no data and some is given.
    """
    kind = type(function).__module__
    if named:
        args = _in_order(function, args, named)
    if hasattr(function, "compiled_for"):
        density: LogDensity = function.compiled_for(*args)
    elif isinstance(function, LogDensity):
        density = _without_data(function, args)
    elif kind.startswith("scipy.") and isinstance(function, tuple):  # scipy.LowLevelCallable
        capsule = tuple.__getitem__(_without_data(function, args), 0)  # it hides its own
        density = ForeignDensity.from_capsule(capsule, ndim, function)
    elif kind.startswith("numba.") and hasattr(function, "py_func"):
        density = _numba_density(function, ndim, args)
    elif callable(function):
        density = CallableDensity(function, args, ndim)
    else:
        raise TypeError(
            f"the log posterior is a {kind}.{type(function).__name__}: it must be callable, a "
            "numba.njit function or a scipy.LowLevelCallable"
        )
    if density.ndim != ndim:
        raise ValueError(
            f"{start} has {ndim} coordinates and the log posterior takes {density.ndim}"
        )
    return density


def _in_order(function: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
    """All data in the order of the function's parameters."""
    try:
        signature = inspect.signature(getattr(function, "py_func", function))
        bound = signature.bind(None, *args, **named)
    except (TypeError, ValueError) as error:
        names = ", ".join(named)
        raise TypeError(f"the log posterior does not take {names} by name: {error}") from None
    if bound.kwargs:
        raise TypeError(
            f"the log posterior takes {', '.join(bound.kwargs)} by name alone: make it a parameter "
            "that may be given by its place"
        )
    bound.apply_defaults()
    return bound.args[1:]


def _without_data(function: Any, args: tuple[Any, ...]) -> Any:
    if args:
        raise TypeError("this log posterior has its data inside: give none beside it")
    return function


def _numba_density(function: Any, ndim: int, args: tuple[Any, ...]) -> LogDensity:
    """Compile a C function that calls the user's with a copy of x and the data.

    numba swallows an exception at the border to C, so it is caught before, and x is recorded.
    """
    import numba
    import numpy as np

    carray: Any = numba.carray  # type: ignore[attr-defined,unused-ignore]

    @numba.njit  # type: ignore[untyped-decorator,unused-ignore]
    def bound(point):  # type: ignore[no-untyped-def]
        return function(point, *args)

    def call(n, x, record):  # type: ignore[no-untyped-def]
        point = carray(x, (ndim,)).copy()
        bits = point.view(np.int64).copy()
        try:
            return bound(point)
        except Exception:
            kept = carray(record, (ndim + 1,))
            kept[1:] = bits
            kept[0] = 1
            return np.nan

    compiled: Any = numba.cfunc(SIGNATURE)(call)
    return CheckedDensity(compiled.address, ndim, lambda x: function(x, *args), (compiled, args))
