"""One embedded R, through rpy2's low-level interface.

Vectors cross as NumPy arrays and back through ``numpy.asarray``: rpy2's ``memoryview`` drops a
reference to None a call, which ends the process after about a thousand of them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

INSTALL = (
    "install R (Debian: apt-get install r-base-core r-base-dev libtirpc-dev r-cran-learnbayes "
    "r-cran-coda r-cran-metafor), then pip install 'pyhier[r]'"
)


class RUnavailableError(RuntimeError):
    """R, rpy2 or an R package is missing; the message says what to install."""


class RError(RuntimeError):
    """R stopped with an error; the message is R's."""


@dataclass
class _Callbacks:
    """The Python functions in one call of R (R does not own them), and what one of them raised."""

    functions: list[Any] = field(default_factory=list)
    failure: BaseException | None = None


@cache
def _interface() -> Any:
    """Start R, once; rpy2 prints what R prints to the console, which is kept quiet here."""
    try:
        import rpy2.rinterface as interface
        from rpy2.rinterface_lib import callbacks
    except Exception as error:  # rpy2 raises what its linker says, not only ImportError
        hint = ""
        if "undefined symbol" in str(error) or "R_getVar" in str(error):
            hint = " (this rpy2 is too new for this R: R 4.2 needs rpy2<3.7)"
        raise RUnavailableError(f"rpy2 cannot be loaded: {error}{hint}; {INSTALL}") from error
    callbacks.consolewrite_warnerror = lambda s: None
    callbacks.consolewrite_print = lambda s: None
    interface.initr()
    return interface


def evaluate(code: str, **inputs: Any) -> Any:
    """Run R code and return the value of its last expression.

    Parameters
    ----------
    code : str
        Any number of R expressions.
    **inputs
        R variables for the code: numbers, strings, bools, None, arrays (of up to any number of
        dimensions), sequences and mappings of such (R lists), and Python functions of arrays, whose
        exceptions come back unchanged.

    Returns
    -------
    object
        R vectors of length 1 as Python scalars, longer ones and matrices as arrays of R's shape (of
        floats where a logical one has an NA), lists with names as dicts, other lists as lists,
        NULL as None.

    Raises
    ------
    RError
        If R stops with an error.
    RUnavailableError
        If R, rpy2 or an R package that the code loads is missing.

    Examples
    --------
    >>> evaluate("x %*% y", x=np.eye(2), y=[1.0, 2.0])
    array([[1.],
           [2.]])
    """
    interface = _interface()
    environment = interface.baseenv["new.env"](parent=interface.globalenv)
    callbacks = _Callbacks()
    for name, value in inputs.items():
        environment[name] = _to_r(value, callbacks)
    with _r_errors(interface, callbacks):
        expressions = interface.baseenv["parse"](text=interface.StrSexpVector([code]))
        return _from_r(interface.baseenv["eval"](expressions, environment))


@contextmanager
def _r_errors(interface: Any, callbacks: _Callbacks) -> Iterator[None]:
    try:
        yield
    except interface.embedded.RRuntimeError as error:
        if callbacks.failure is not None:
            raise callbacks.failure from None
        message = str(error).strip()
        if "there is no package called" in message:
            raise RUnavailableError(f"{message}; {INSTALL}") from None
        raise RError(message) from None


def _to_r(value: Any, callbacks: _Callbacks) -> Any:
    interface = _interface()
    if value is None:
        return interface.NULL
    if callable(value):
        return _r_function(value, callbacks)
    if isinstance(value, Mapping):
        items = [_to_r(item, callbacks) for item in value.values()]
        names = interface.StrSexpVector(list(map(str, value)))
        return interface.baseenv["structure"](interface.ListSexpVector(items), names=names)
    array = np.asarray(value)
    if array.dtype == object:
        return interface.ListSexpVector([_to_r(item, callbacks) for item in value])
    kinds = {
        "f": interface.FloatSexpVector,
        "i": interface.IntSexpVector,
        "u": interface.IntSexpVector,
        "b": interface.BoolSexpVector,
        "U": interface.StrSexpVector,
    }
    vector = kinds[array.dtype.kind](array.ravel(order="F").tolist())
    if array.ndim < 2:
        return vector
    return interface.baseenv["array"](vector, dim=interface.IntSexpVector(array.shape))


# rpy2 swallows an exception in a callback and R goes on; this makes R stop.
_STOPPING = "function(f) function(...) { v <- f(...); if (!length(v)) stop('in Python'); v }"


def _r_function(function: Callable[..., Any], callbacks: _Callbacks) -> Any:
    """An R function that calls Python; R only learns that it failed, so the exception is kept."""
    interface = _interface()

    def call(*args: Any) -> Any:
        try:
            return _to_r(function(*map(_from_r, args)), callbacks)
        except BaseException as error:
            callbacks.failure = error
            return interface.BoolSexpVector([])

    callbacks.functions.append(interface.rternalize(call))
    return interface.evalr(_STOPPING)(callbacks.functions[-1])


def _from_r(value: Any) -> Any:
    interface = _interface()
    if value is interface.NULL:
        return None
    if isinstance(value, interface.ListSexpVector):
        items = [_from_r(item) for item in value]
        names = _from_r(interface.baseenv["names"](value))
        return items if names is None else dict(zip(np.atleast_1d(names), items, strict=True))
    if isinstance(value, interface.StrSexpVector):
        array = np.array(list(value), dtype=object)
    elif isinstance(value, interface.sexp.SexpVector):
        array = np.array(np.asarray(value))
        if isinstance(value, interface.BoolSexpVector):
            missing = array == np.iinfo(np.int32).min  # R's NA
            array = np.where(missing, np.nan, array) if missing.any() else array.astype(bool)
    else:
        return value
    return array.item() if array.size == 1 and array.ndim == 1 else array


def versions() -> dict[str, str]:
    """Versions of R and of the packages compared with, for reports."""
    return dict(
        evaluate(
            "c(list(R = paste(R.version$major, R.version$minor, sep = '.')), sapply("
            "c('LearnBayes', 'coda', 'metafor'), function(p) as.character(packageVersion(p)), "
            "simplify = FALSE))"
        )
    )
