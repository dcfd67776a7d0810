"""One embedded R, through rpy2's low-level interface.

Vectors cross as NumPy arrays and back through ``numpy.asarray``: rpy2's ``memoryview`` drops a
reference to None a call, which ends the process after about a thousand of them.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

INSTALL = (
    "install R (Debian: apt-get install r-base-core r-base-dev libtirpc-dev r-cran-learnbayes "
    "r-cran-coda r-cran-metafor r-cran-lme4), then pip install 'pyhier[r]'"
)


TIMES = {"Date", "POSIXct", "POSIXlt", "difftime"}


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
    if shutil.which("R") is None and not os.environ.get("R_HOME"):
        raise RUnavailableError(f"there is no R on the PATH; {INSTALL}")
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
        exceptions come back unchanged. Whole numbers beyond R's integers go as doubles.

    Returns
    -------
    object
        R vectors of length 1 as Python scalars, longer ones and matrices as arrays of R's shape (of
        floats where a logical or integer one has an NA), factors as their labels, lists with names
        as dicts, other lists as lists, NULL as None. Names of vectors and dimensions and other
        attributes are not carried: ask R for them.

    Raises
    ------
    RError
        If R stops with an error.
    ValueError
        If an R list has names for some elements only, or one twice, which a dict cannot have.
    TypeError
        If an input is of a kind that R has not, or a value a date, a time or a difference of times,
        whose unit would not be carried.
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
    array = _for_r(array)
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


def _for_r(array: np.ndarray) -> np.ndarray:
    """Numbers that R has: its integers are of 32 bits, and the least of these is its NA."""
    if array.dtype.kind not in "fiubU":
        raise TypeError(f"an array of {array.dtype} has no place in R: give numbers or strings")
    if array.dtype.kind in "iu" and array.size:
        size = max(abs(int(array.min())), abs(int(array.max())))
        if size > 2**53:
            raise ValueError(f"{size} is more than R's numbers hold exactly (2^53)")
        if size >= 2**31:
            return array.astype(np.float64)
    return array


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
    kind = set(interface.baseenv["class"](value)) if value.list_attrs() else set()
    for name in TIMES & kind:
        raise TypeError(
            f"the R value is of class {name}, whose unit is not carried: take as.numeric() of it, "
            'as.numeric(x, units = "days") of a difference, or format() of it'
        )
    if isinstance(value, interface.ListSexpVector):
        items = [_from_r(item) for item in value]
        names = interface.baseenv["names"](value)
        if names is interface.NULL:
            return items
        return _named(["" if n is interface.NA_Character else str(n) for n in names], items)
    if "factor" in kind:
        value = interface.baseenv["as.character"](value)
    if isinstance(value, interface.StrSexpVector):
        array = np.array([None if s is interface.NA_Character else s for s in value], dtype=object)
    elif isinstance(value, interface.sexp.SexpVector):
        array = _numbers(value, "integer64" in kind)
    else:
        return value
    return array.item() if array.size == 1 and array.ndim == 1 else array


def _named(names: list[str], items: list[Any]) -> dict[str, Any]:
    """A named list as a dict, which has every name once."""
    wrong = [name for name in names if not name or names.count(name) > 1]
    if wrong:
        which = f"{wrong[0]!r} more than once" if wrong[0] else "no name for some elements"
        raise ValueError(f"the R list has {which}: name all differently, or unname() it")
    return dict(zip(names, items, strict=True))


def _numbers(value: Any, integer64: bool) -> np.ndarray:
    """Numbers and logicals; with R's NA they are floats, and bit64's integers are no doubles."""
    interface = _interface()
    array = np.array(np.asarray(value))
    if integer64:
        array = array.view(np.int64)
        missing = array == np.iinfo(np.int64).min
    elif isinstance(value, interface.BoolSexpVector | interface.IntSexpVector):
        missing = array == np.iinfo(np.int32).min
    else:
        return array
    if missing.any():
        return np.where(missing, np.nan, array)
    return array.astype(bool) if isinstance(value, interface.BoolSexpVector) else array


def versions() -> dict[str, str]:
    """Versions of R and of those packages compared with that are installed, for reports."""
    return dict(
        evaluate(
            "compared <- c('LearnBayes', 'coda', 'metafor', 'lme4');"
            "here <- compared[nzchar(vapply(compared, function(p) system.file(package = p), ''))];"
            "c(list(R = paste(R.version$major, R.version$minor, sep = '.')), "
            "sapply(here, function(p) as.character(packageVersion(p)), simplify = FALSE))"
        )
    )
