"""Every public function with one or two of its arguments replaced by something wild.

The calls are those of the tables of wrong inputs, which have every public function; what is wild
here is not known to be wrong, so an answer is as good as a refusal. It must be in good order.
"""

import contextlib
import dataclasses
import io
import math
import re
import warnings
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import test_wrong_inputs as basic
import test_wrong_inputs_of_coda as of_coda
import test_wrong_inputs_of_learnbayes as of_learnbayes
import test_wrong_inputs_of_more as of_more
import test_wrong_inputs_of_rstats as of_rstats
from hypothesis import strategies as st

# These would write where a wild path says, or ask at the terminal.
LEFT_OUT = of_coda.ASKS | of_coda.OF_FILES | {"NormalSums.load", "plots.save"}
FILES = frozenset({"checkpoint", "file", "folder", "out", "path", "resume", "stem"})
# An extra may not be installed.
REFUSALS = (TypeError, ValueError, KeyError, MemoryError, FileNotFoundError, ModuleNotFoundError)
# Of lines inside that meant something else: a check was missed at the boundary.
ACCIDENTS = re.compile(
    r"has no attribute|object is not|argument must be|must be real number|unsupported operand|"
    r"not subscriptable|truth value of|could not be broadcast|inhomogeneous|ufunc|NoneType|buffer|"
    r"missing \d+ required|cannot unpack|zero-size array|setting an array element|"
    r"index \d+ is out of|dimensions? mismatch"
)
NUMPYS = re.compile(r"encountered|ean of empty|Degrees of freedom|Casting complex|Ill-cond")

NUMBERS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 1e-300, 5e-324, 1e-8, 1e8, 1e15, 1e155, 1e300, -1e300,
    1.7976931348623157e308, 0.1, 1 - 1e-16, math.pi, math.nan, math.inf, -math.inf,
)  # fmt: skip
COUNTS = (0, 1, 2, 3, 7, -1, -(2**63), 10**15, 2**63, 10**30, True, 2.0, 2.5)
ODD = (
    None, "", "x", "mu", "0.5", (), [], [[]], {}, {"a": 1}, [[1.0], [1.0, 2.0]], object,
    b"ab", range(3), pd.NA, 3 + 1j, 10**400, np.array(2.0), np.zeros(0), np.zeros((0, 3)),
    np.array([1, 2], "i1"), np.array([1, 2], "f4"), np.array(["a", None], object),
    np.ma.array([1.0, 2.0], mask=[0, 1]), np.array(["2020-01-01"], "M8[D]"),
    pd.Series([1.0, 2.0, 3.0], index=["b", "a", "b"]), pd.DataFrame({"a": [1.0, 2.0]}),
)  # fmt: skip
# Arguments of which a great value is great work, and no fault.
SIZES = frozenset({
    "draws", "n", "size", "chains", "tune", "burn_in", "m", "pool", "threads", "max_treedepth",
    "iterations", "nbins", "lag_max", "lags", "max_bins", "bin_width", "subdivisions", "niter", "g",
    "nsim", "nvar", "thin", "start", "end", "cuts", "order", "max_length", "rng", "seed", "digits",
    "nsmall", "k", "limits", "trace", "gr_bin", "gr_max", "geweke_nbin", "control",
})  # fmt: skip


@cache
def rows() -> list[tuple[str, str, tuple[str, ...]]]:
    """The module of a table, the name of a call, and what of it may be replaced."""
    found = [("basic", case[0], case[2]) for case in basic.ALL]
    names: dict[tuple[str, str], set[str]] = {}
    for module, name, argument in found:
        names.setdefault((module, name), set()).add(argument)
    for module, table in (
        ("coda", of_coda),
        ("learnbayes", of_learnbayes),
        ("more", of_more),
        ("rstats", of_rstats),
    ):
        for name, row in table.ROWS.items():
            names.setdefault((module, name), set()).update(row[-1])
    kept = {key: sorted(names[key] - FILES) for key in sorted(names) if key[1] not in LEFT_OUT}
    return [(*key, tuple(arguments)) for key, arguments in kept.items() if arguments]


@st.composite
def calls(draw: Any) -> tuple[str, str, dict[str, Any]]:
    """A call of the tables, and what is wild in it."""
    module, name, arguments = draw(st.sampled_from(rows()))
    chosen = draw(st.lists(st.sampled_from(arguments), min_size=1, max_size=2, unique=True))
    if module == "basic":  # its calls take one
        chosen = chosen[:1]
    valid = given_of(module, name)
    return module, name, {key: draw(_wild(key, valid.get(key))) for key in chosen}


def given_of(module: str, name: str) -> dict[str, Any]:
    """The arguments of a call that works."""
    if module == "basic":
        return next(case[1] for case in basic.ALL if case[0] == name)
    table = {"coda": of_coda, "learnbayes": of_learnbayes, "more": of_more, "rstats": of_rstats}[
        module
    ]
    return table.ROWS[name][-2]


def _wild(argument: str, valid: Any) -> st.SearchStrategy[Any]:
    if argument in SIZES:
        return st.one_of(st.sampled_from(COUNTS), st.sampled_from(ODD))
    numbers = st.sampled_from(NUMBERS)
    kinds = [numbers, st.lists(numbers, max_size=5), st.sampled_from(ODD)]
    if isinstance(valid, list | tuple) and valid and all(isinstance(v, int | float) for v in valid):
        places = st.lists(st.one_of(st.none(), numbers), min_size=len(valid), max_size=len(valid))
        changed = places.map(
            lambda new: [o if w is None else w for o, w in zip(valid, new, strict=True)]
        )
        kinds += [changed, changed, changed.map(lambda values: np.array(values))]
    return st.one_of(kinds)


def check(example: tuple[str, str, dict[str, Any]]) -> None:
    """An answer in which nothing is silently NaN, or a refusal in the package's own words."""
    module, name, wild = example
    answer, told = None, ""
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            answer = _run(module, name, wild)
        except REFUSALS as error:
            told = f"{type(error).__name__}: {error}"
        finally:
            plt.close("all")
    meant = any(re.search(rf"\b({key}|{basic.OTHERWISE.get(key, key)})\b", told) for key in wild)
    assert meant or not ACCIDENTS.search(told), told
    assert not told.endswith(": "), f"an error without words: {told}"
    numpys = [str(w.message) for w in caught if NUMPYS.search(str(w.message))]
    assert not numpys, numpys
    if (
        module == "basic"
        and name.split()[0] not in ("plots", "post", "marginal")
        and finite(wild)
        and not caught
    ):
        assert not nans(answer), f"a NaN from finite input: {answer!r:.300}"


def _run(module: str, name: str, wild: dict[str, Any]) -> Any:
    if module == "basic":
        ((argument, value),) = wild.items()
        return basic.call(name, given_of(module, name), argument, value)
    table = {"coda": of_coda, "learnbayes": of_learnbayes, "more": of_more, "rstats": of_rstats}[
        module
    ]
    given = given_of(module, name)
    first, *rest = wild.items()
    return table.run(name, given | dict(rest), *first)


def finite(value: Any) -> bool:
    """Whether there is no NaN and nothing infinite in what was given, as far as one sees."""
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(finite, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return (
        not isinstance(value, np.ndarray)
        or value.dtype.kind != "f"
        or bool(np.isfinite(value).all())
    )


def nans(answer: Any) -> bool:
    """Whether there is a NaN in an answer: a number, an array, a table, or fields of a result."""
    if isinstance(answer, float | np.floating):
        return bool(np.isnan(answer))
    if isinstance(answer, np.ndarray):
        return answer.dtype.kind == "f" and bool(np.isnan(answer).any())
    if isinstance(answer, pd.DataFrame | pd.Series):
        return nans(
            answer.select_dtypes("number").to_numpy() if answer.ndim == 2 else answer.to_numpy()
        )
    if isinstance(answer, dict):
        return any(map(nans, answer.values()))
    if isinstance(answer, list | tuple):
        return any(map(nans, answer))
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        return any(nans(getattr(answer, field.name, None)) for field in dataclasses.fields(answer))
    return False
