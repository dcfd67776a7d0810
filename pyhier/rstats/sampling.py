"""R's ``sample``, with R's draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._validation import aligned, as_array, count, flag, float_array
from pyhier.kernels import sampling

Integers = NDArray[np.int64]

LARGEST = 4.5e15  # R's limit: whole numbers that a double holds, with a margin
HASH_FROM = 1e7  # R remembers the drawn ones, instead of listing all, above this many
ALIAS_FROM = 200  # R's Walker alias method: more likely cells than this


def sample(
    bit_generator: np.random.MT19937,
    x: int | ArrayLike,
    size: int | None,
    replace: bool,
    prob: ArrayLike | None,
) -> NDArray[Any]:
    """Draw from a population; see `RStream.sample`."""
    aligned(x=x, prob=prob)
    replace = flag("replace", replace)
    population: NDArray[Any] | None = None
    if as_array("x", x).ndim == 0:
        n = _population(x)
    else:
        population = np.asarray(x)
        if population.ndim != 1 or population.size == 0:
            raise ValueError(f"x has shape {population.shape}: give a number or a non-empty vector")
        n = population.size
    wanted = n if size is None else count("size", size, 0)
    if n > LARGEST:
        raise ValueError(f"x is {n}: R samples from at most {LARGEST:g}")
    if not replace and wanted > n:
        raise ValueError(f"size is {wanted}: without replacement there are only {n} to draw")
    if prob is None:
        index = _equal(bit_generator, n, wanted, replace)
    else:
        index = _unequal(bit_generator, n, wanted, replace, prob)
    return index if population is None else population[index - 1]


def _population(x: Any) -> int:
    """The n of R's ``sample(n)``, which cuts a fraction off."""
    if isinstance(x, bool | np.bool_) or not isinstance(x, int | float | np.integer | np.floating):
        raise TypeError(f"x is {x!r}: give a number or a vector")
    if not (np.isfinite(x) and x >= 1):
        raise ValueError(f"x is {x!r}: the population 1, ..., x needs at least 1")
    return int(x)


def _equal(bit_generator: np.random.MT19937, n: int, size: int, replace: bool) -> Integers:
    out = np.empty(size, dtype=np.int64)
    with bit_generator.lock:
        if replace or size < 2:
            sampling.integers(bit_generator, float(n), out)
        elif n > HASH_FROM and size <= n / 2:
            table = np.zeros(1 << (2 * size).bit_length(), dtype=np.int64)
            sampling.distinct(bit_generator, float(n), table, out)
        else:
            sampling.shuffled(bit_generator, np.arange(n), out)
    return out


def _unequal(
    bit_generator: np.random.MT19937, n: int, size: int, replace: bool, prob: ArrayLike
) -> Integers:
    p = probabilities(prob, n)
    if not replace and size > np.count_nonzero(p):
        raise ValueError(
            f"prob has only {np.count_nonzero(p)} positive entries: {size} cannot be drawn "
            "without replacement"
        )
    out = np.empty(size, dtype=np.int64)
    labels = np.arange(1, n + 1)
    with bit_generator.lock:
        if replace and np.count_nonzero(n * p > 0.1) > ALIAS_FROM:
            sampling.alias(bit_generator, n * p, out)
        elif replace or size < 2:
            sampling.weighted(bit_generator, p, labels, out)
        else:
            sampling.weighted_distinct(bit_generator, p, labels, out)
    return out


def probabilities(prob: ArrayLike, n: int) -> NDArray[np.float64]:
    """Weights as probabilities, summed in R's order."""
    p = float_array("prob", prob, 1)
    if p.size != n:
        raise ValueError(f"prob has {p.size} entries: give {n}, one for each that can be drawn")
    bad = np.flatnonzero(~(np.isfinite(p) & (p >= 0.0)))
    if bad.size:
        i = int(bad[0])
        raise ValueError(f"prob[{i}] is {p[i]}: weights must be finite and not negative")
    total = float(np.add.accumulate(p)[-1]) if n else 0.0  # one after the other, as R adds
    if not total > 0.0:
        raise ValueError("prob has no positive entry: nothing can be drawn")
    p /= total
    return p
