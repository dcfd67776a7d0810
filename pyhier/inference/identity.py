"""What a run is of, as fingerprints by name: the same call alone goes on with a checkpoint."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from importlib.metadata import version
from inspect import signature
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from pyhier._frozen import READ_ONLY
from pyhier._random import RNG
from pyhier.rstats.streams import RStream

Identity = dict[str, tuple[str, str]]  # by the argument's name: a fingerprint, and words for it

WORDS = 60  # letters of a value in a message
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))


def identity_of(values: Mapping[str, Any]) -> Identity:
    """Fingerprints of values under their names."""
    return {name: (fingerprint(value), _words(value)) for name, value in values.items()}


def identity_of_model(model: Any) -> Identity:
    """Fingerprints of what a model was made of, under its constructor's names.

    The rows that a formula made are among them; how it would code new ones (``design``) is not.
    """
    parts = {name: part for name, part in _parts(model) if name != "design"}
    return {"model": (type(model).__qualname__,) * 2} | identity_of(parts)


def identity_of_rng(rng: RNG) -> Identity:
    """Of a generator as it is now; None stands for one of which nothing is known."""
    if rng is None or isinstance(rng, int | np.integer):
        return identity_of({"rng": None if rng is None else int(rng)})
    state: Any = rng.bit_generator.state
    seeds = getattr(rng.bit_generator, "seed_seq", None)
    children = getattr(seeds, "n_children_spawned", 0) if not isinstance(rng, RStream) else 0
    words = f"a {type(rng).__name__} in one state or another"
    return {"rng": (fingerprint((type(rng).__name__, state, children)), words)}


def this_version() -> Identity:
    """Of the package: another one's chain may differ."""
    return identity_of({"version": version("pyhier")})


def first_difference(ours: Identity, theirs: Mapping[str, Any]) -> str:
    """What differs first, in words; empty where nothing does."""
    for name in dict.fromkeys((*ours, *theirs)):
        mine, other = ours.get(name), theirs.get(name)
        if mine is None or other is None or mine[0] != other[0]:
            here, there = ("not given" if one is None else one[1] for one in (mine, other))
            told = f": {there} there, {here} here" if here != there else ""
            return f"{name} differs{told}"
    return ""


def fingerprint(value: Any) -> str:
    """A hash of what something is, the same in another process.

    Arrays, frames and containers by their contents, functions by their code and what it closes
    over, and anything else by what pickles of it, without caches; of what does not pickle by its
    class.
    """
    found = hashlib.sha256()
    _feed(found.update, value, set())
    return found.hexdigest()[:32]


def _words(value: Any) -> str:
    if hasattr(value, "dist") and hasattr(value, "kwds"):  # of scipy.stats
        given = [f"{x!r}" for x in value.args] + [f"{k}={v!r}" for k, v in value.kwds.items()]
        return f"{value.dist.name}({', '.join(given)})"
    if hasattr(value, "shape") and np.ndim(value) > 0:
        return f"{type(value).__name__} of shape {value.shape}"
    if callable(value):
        return f"the function {getattr(value, '__qualname__', type(value).__name__)}"
    text = repr(value)
    if " at 0x" in text:  # where it lies
        return f"a {type(value).__name__}"
    return text if len(text) <= WORDS else f"{text[:WORDS]}..."


def _parts(model: Any) -> Iterator[tuple[str, Any]]:
    """What a model was made of by its arguments' names, as its pickle says."""
    make, args, *rest = model.__reduce_ex__(4)
    if isinstance(make, partial):
        yield from make.keywords.items()
        names = [name for name in signature(make.func).parameters if name not in make.keywords]
        yield from zip(names, args, strict=False)
        return
    state = rest[0] if rest else None
    yield from _without_caches(model, state).items() if isinstance(state, dict) else ()
    if not isinstance(state, dict):
        yield "data", (args[1:], state)


def _without_caches(value: Any, state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: part
        for name, part in state.items()
        if name != READ_ONLY and not isinstance(getattr(type(value), name, None), cached_property)
    }


def _feed(put: Any, value: Any, within: set[int]) -> None:
    """Hand what something is to a hash, piece by piece, each with its kind before it."""
    put(f"<{type(value).__qualname__}>".encode())
    if isinstance(value, np.generic):
        _feed(put, value.item(), within)
    elif isinstance(value, PLAIN):
        put((value.hex() if isinstance(value, float) else repr(value)).encode())
    elif isinstance(value, type | BuiltinFunctionType | np.ufunc | ModuleType):
        name = getattr(value, "__qualname__", value.__name__)
        put(f"{getattr(value, '__module__', '')}.{name}".encode())
    elif id(value) not in within:  # else it holds itself
        inner = within | {id(value)}
        for part in _pieces(value):
            _feed(put, part, inner)
        if isinstance(value, np.ndarray) and value.dtype != object:
            put(np.ascontiguousarray(value).tobytes())
    put(b";")


def _pieces(value: Any) -> Iterator[Any]:
    """The parts that say what something is."""
    if isinstance(value, np.ndarray):
        yield from (value.dtype.str, *value.shape)
        yield from value.ravel().tolist() if value.dtype == object else ()
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            yield from (key, value[key])
    elif isinstance(value, set | frozenset):
        yield from sorted(value, key=repr)
    elif isinstance(value, list | tuple) and type(value).__reduce_ex__ is object.__reduce_ex__:
        yield from value
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, FunctionType) or hasattr(value, "py_func"):  # numba's has it
        yield from _of_function(getattr(value, "py_func", value))
    elif isinstance(value, CodeType):
        yield from (value.co_code, value.co_consts, value.co_names)
    elif hasattr(value, "to_numpy"):  # a frame, a series or an index of pandas
        yield from (getattr(value, name, None) for name in ("index", "columns", "name"))
        columns = value.items() if getattr(value, "ndim", 1) == 2 else [(None, value)]
        yield from (np.asarray(column) for _, column in columns)
    elif hasattr(value, "dist") and hasattr(value, "kwds"):  # a distribution of scipy.stats
        yield from (type(value.dist), value.dist.name, value.args, value.kwds)
    else:
        yield from _pickled(value)


def _of_function(function: Any) -> Iterator[Any]:
    yield from (function.__code__, function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet filled
            yield None
    # What the code takes from around it: numbers, arrays and other functions.
    known = function.__globals__
    for name in function.__code__.co_names:
        if name in known and isinstance(known[name], (*PLAIN, np.ndarray, FunctionType)):
            yield from (name, known[name])


def _pickled(value: Any) -> Iterator[Any]:
    try:
        parts = value.__reduce_ex__(4)
    except Exception:  # it does not pickle: its class alone is known
        return
    if isinstance(parts, str):
        yield parts
        return
    for part in parts:
        if isinstance(part, dict):
            yield _without_caches(value, part)
        elif hasattr(part, "__next__"):
            yield list(part)
        else:
            yield part
