"""One function of R beside ours: random inputs for both, and how far the answers are apart."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.live_r import RError, evaluate

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """A function of R and ours, with inputs for both.

    Attributes
    ----------
    package, function : str
        The R package and R's name of the function.
    inputs : callable
        ``inputs(rng)`` makes one case: R variables by name, which are our keyword arguments too.
    in_r : str
        R code of these variables; a component that is no part of the comparison is left out of it.
    ours : callable
        Its result has R's components as keys or attributes.
    tolerance : float
        Largest difference, relative (see `difference`); 0 for identical draws.
    why : str
        Why that tolerance.
    refuses : str
        Why ours raises ValueError where R returns something; empty where it never may.
    slow : int
        How many cases one of a function counts for that takes R long.
    """

    package: str
    function: str
    inputs: Callable[[np.random.Generator], Inputs]
    in_r: str
    ours: Callable[..., Any]
    tolerance: float
    why: str
    refuses: str = ""
    slow: int = 1

    def cases(self, n: int, seed: int = 0) -> Iterator[Inputs]:
        """The same n inputs for the same seed, whatever other functions are compared."""
        name = f"{self.package}::{self.function}".encode()
        for case in range(n):
            yield self.inputs(np.random.default_rng([seed, case, *name]))


@dataclass
class Outcome:
    """What came of comparing one function.

    Attributes
    ----------
    comparison : Comparison
    cases, identical, refused : int
        Inputs tried; with the same bits; where only ours stopped with an error, or both did.
    largest : float
        The largest difference.
    r_seconds, seconds : list of float
        Times of R and of ours, a case each.
    failures : list of str
        What was beyond the tolerance.
    """

    comparison: Comparison
    cases: int = 0
    identical: int = 0
    refused: int = 0
    largest: float = 0.0
    r_seconds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything was within its tolerance, and something was compared."""
        return not self.failures and self.cases > self.refused

    def add(self, case: int, theirs: Any, ours: Any) -> None:
        """Count one case; ``RError`` and ``ValueError`` stand for a refusal."""
        self.cases += 1
        if isinstance(ours, ValueError):
            self.refused += 1
            if not isinstance(theirs, RError) and not self.comparison.refuses:
                self.failures.append(f"case {case}: ours stops: {ours}")
            return
        if isinstance(theirs, RError):
            self.failures.append(f"case {case}: R stops: {theirs}")
            return
        apart = difference(theirs, ours)
        self.identical += apart == 0.0
        self.largest = max(self.largest, apart)
        if not apart <= self.comparison.tolerance:
            self.failures.append(f"case {case}: {apart:.2g} apart")


def compare(comparison: Comparison, n: int, seed: int = 0) -> Outcome:
    """Run R and ours on n random inputs.

    Parameters
    ----------
    comparison : Comparison
    n : int
        Of a function that is slow in R accordingly fewer.
    seed : int
        Other seeds are other inputs.

    Returns
    -------
    Outcome
    """
    outcome = Outcome(comparison)
    for case, inputs in enumerate(comparison.cases(-(-n // comparison.slow), seed)):
        theirs, r_seconds = in_r(comparison, inputs)
        begun = time.perf_counter()
        ours = answer(comparison, inputs)
        outcome.seconds.append(time.perf_counter() - begun)
        outcome.r_seconds.append(r_seconds)
        outcome.add(case, theirs, ours)
    return outcome


def in_r(comparison: Comparison, inputs: Inputs) -> tuple[Any, float]:
    """R's result, or its `RError`; and the seconds it took, by R's clock."""
    code = (
        f"suppressMessages(library({comparison.package})); .begun <- Sys.time(); "
        f".value <- suppressWarnings({{ {comparison.in_r} }}); "
        "list(value = .value, seconds = as.numeric(Sys.time() - .begun, units = 'secs'))"
    )
    try:
        result = evaluate(code, **inputs)
    except RError as error:
        return error, 0.0
    return result["value"], result["seconds"]


def answer(comparison: Comparison, inputs: Inputs) -> Any:
    """Our result, or the ValueError it was refused with; warnings are kept quiet, as R's are."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return comparison.ours(**inputs)
    except ValueError as error:
        return error


def difference(theirs: Any, ours: Any) -> float:
    """How far our result is from R's, component by component: the largest of them.

    Numbers: relative to R's, or to a hundredth of the largest number of the same component where
    R's is smaller than that (sums near 0 have the rounding of their terms). Text, names, NaNs and
    infinities are equal (0) or not (inf).
    """
    if isinstance(theirs, Mapping):
        return max((difference(v, _component(ours, k)) for k, v in theirs.items()), default=0.0)
    if theirs is None or isinstance(theirs, str):
        return 0.0 if ours == theirs or str(ours) == theirs else np.inf
    if isinstance(theirs, list):
        parts = list(ours)
        if len(parts) != len(theirs):
            return np.inf
        return max(map(difference, theirs, parts), default=0.0)
    a, b = np.asarray(theirs), np.asarray(ours)
    if a.size != b.size or (a.ndim > 1 and a.shape != b.shape):
        return np.inf
    if a.dtype.kind in "OUS":
        return 0.0 if np.array_equal(a.astype(str).ravel(), b.astype(str).ravel()) else np.inf
    return _apart(a.astype(np.float64).ravel(), b.astype(np.float64).ravel())


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Largest relative difference of numbers."""
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return np.inf
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return np.inf
    a, b = a[finite], b[finite]
    if not a.size or np.array_equal(a, b):
        return 0.0
    size = np.maximum(np.abs(a), 0.01 * np.abs(a).max())
    return float((np.abs(a - b) / np.where(size > 0.0, size, 1.0)).max())


def _component(result: Any, name: str) -> Any:
    """A component by R's name: an entry, or an attribute with underscores for dots."""
    if isinstance(result, Mapping):
        return result[name]
    return getattr(result, name.replace(".", "_"))
