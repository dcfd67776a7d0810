"""What crosses between R and Python, and how a call of Python's is run for R.

Numbers cross as addresses. reticulate converts NumPy arrays only where its own build fits the NumPy
that runs, so no array is ever handed to it: each side says where its numbers are, and the other one
copies them. R's call, or a `Block` that R holds, keeps them alive for that long.

An R function arrives as the address of C code in the R package and that of the function; an R
condition in it (an error, Ctrl-C) is kept on R's side and raised again there, once Python has been
left in an orderly way. While it runs, R's random numbers are those of the call's stream, as if the
sampler that calls it were written in R.
"""

import ctypes
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier._words import in_r_words
from pyhier.rstats import RStream

Entry = Callable[..., Any]


class RConditionError(RuntimeError):
    """An R function stopped; R knows why."""


class RFunction:
    """An R function of numbers that returns one number.

    Parameters
    ----------
    evaluate : str
        Address of the R package's C function, hexadecimal.
    function : str
        Address of the R function.
    name : str
        What R keeps the function under, until it reads the name in `released`.
    """

    released: list[str] = []  # noqa: RUF012

    def __init__(self, evaluate: str, function: str, name: str) -> None:
        # Python's lock is kept: the R function may call Python.
        address = ctypes.c_void_p
        kind = ctypes.PYFUNCTYPE(ctypes.c_int, address, ctypes.c_int, address, address, address)
        self._evaluate = kind(int(evaluate, 16))
        self._function = int(function, 16)
        self._thread = threading.get_ident()
        self._name = name

    def __del__(self) -> None:
        # Perhaps in another thread, so R cannot be told at once.
        self.released.append(self._name)

    def __call__(self, *x: Any) -> float:
        """The value at one vector, or at numbers that are made one."""
        if threading.get_ident() != self._thread:
            raise RuntimeError("an R function can only be called from R's own thread")
        point = np.array(x if len(x) > 1 else x[0], dtype=np.float64, ndmin=1)
        value = ctypes.c_double()
        status = self._evaluate(
            self._function, point.size, point.ctypes.data, ctypes.addressof(value), _lent()
        )
        if status == 1:
            raise RConditionError("the R function stopped")
        if status == 2:
            raise TypeError("the R function must return one number")
        if status == 3:
            raise ValueError("the R function changed RNGkind(): its sampler goes by the old one")
        return value.value


class Block:
    """Numbers for R to copy; R holds this while it does."""

    def __init__(self, array: Floats) -> None:
        self.array = array


class Handle:
    """A model or a posterior that stays in Python; R holds this."""

    def __init__(self, value: Any) -> None:
        self.value = value


# --- What crosses ---------------------------------------------------------------------------------


def from_r(value: Any) -> Any:
    """Turn what R sent into Python's own things."""
    if isinstance(value, Handle):
        return value.value
    if isinstance(value, Mapping):
        if "function" in value:
            return RFunction(value["evaluate"], value["function"], value["name"])
        if "address" in value:
            return _copy(value["address"], [int(n) for n in value["dim"]])
        if "text" in value:
            return list(value["text"])
        return {name: from_r(item) for name, item in value.items()}
    return value


def _copy(address: str, dim: Sequence[int]) -> Floats:
    """A copy of R's doubles, in R's shape."""
    size = int(np.prod(dim))
    if size == 0:
        return np.empty(dim)
    numbers = (ctypes.c_double * size).from_address(int(address, 16))
    return np.array(np.ctypeslib.as_array(numbers).reshape(dim, order="F"), order="C")


def to_r(value: Any) -> Any:
    """Turn a result into what reticulate converts without NumPy."""
    if value is None or isinstance(value, bool | str | Handle):
        return value
    if isinstance(value, int | float | np.number | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else float(value)
    if isinstance(value, np.ndarray):
        block = np.asarray(value, dtype=np.float64)
        stride = [step // block.itemsize for step in block.strides]
        if block.ndim == 0:
            return float(block)
        return {
            "address": hex(block.ctypes.data), "dim": list(block.shape), "stride": stride,
            "block": Block(block),
        }  # fmt: skip
    if isinstance(value, Mapping):
        return {str(name): to_r(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_r(item) for item in value]
    if hasattr(value, "columns") and hasattr(value, "index"):  # a DataFrame
        columns = {name: value[name].to_numpy() for name in value.columns}
        return {"columns": to_r(columns), "rows": [str(row) for row in value.index]}
    return Handle(value)


def run(entry: Entry, arguments: Mapping[str, Any] | list[Any]) -> dict[str, Any]:
    """Run an entry for R.

    Parameters
    ----------
    entry : callable
    arguments : mapping
        As R sends them, none as an empty list; ``rng`` is a seed or R's ``.Random.seed``.

    Returns
    -------
    dict
        ``value``; or ``error``, its message in R's words, with ``kind``. ``warnings`` are messages,
        each once, ``released`` the names of R functions that are no longer called;
        ``random_seed`` is R's stream after the call, where it was sent, after an error too.
    """
    answer: dict[str, Any] = {}
    with _interruptible(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            given = {key: from_r(item) for key, item in dict(arguments).items()}
            with _lending(given, answer):
                answer["value"] = to_r(entry(**given))
        except (Exception, KeyboardInterrupt) as error:
            answer["kind"] = type(error).__name__
            answer["error"] = in_r_words(str(error.args[0] if error.args else error))
    answer["released"] = [RFunction.released.pop() for _ in range(len(RFunction.released))]
    said = [in_r_words(str(w.message)) for w in caught if _for_users(w.category)]
    answer["warnings"] = list(dict.fromkeys(said))
    return answer


_streams: list[int | None] = []  # of the calls that run, one within the other


def _lent() -> int | None:
    """Address of the Mersenne Twister that an R function is to draw from; None: R's own."""
    return _streams[-1] if _streams else None


@contextmanager
def _lending(given: dict[str, Any], answer: dict[str, Any]) -> Iterator[None]:
    """Make the stream of a call, lend it to the R functions that the call calls, and return it."""
    address = None
    if "rng" in given:
        given["rng"] = _stream(given["rng"])
        address = given["rng"].bit_generator.ctypes.state_address
    _streams.append(address)
    try:
        yield
    finally:
        _streams.pop()
        if "rng" in given:
            answer["random_seed"] = to_r(given["rng"].random_seed)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Python's own Ctrl-C, in place of reticulate's, which asks R; R hands it back afterwards."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _for_users(category: type[Warning]) -> bool:
    return not issubclass(category, DeprecationWarning | PendingDeprecationWarning)


def _stream(rng: Any) -> RStream:
    """R's stream after ``set.seed``, or where R's session has it."""
    if isinstance(rng, int | float):
        return RStream(rng)
    stream = RStream(0)
    # R reads the word -2^31 as NA.
    stream.__setstate__(np.where(np.isnan(rng), -(2.0**31), rng).astype(np.int32))
    return stream
