"""What ``rng=`` takes: None, an int, a NumPy Generator or an R stream."""

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.rstats.streams import RStream

Generator = np.random.Generator | RStream
RNG = None | int | Generator


def as_generator(rng: RNG, stage: int = 0) -> Generator:
    """Return the generator that ``rng`` stands for; an int or None makes a new NumPy one.

    An int makes other numbers at every stage, so that predictions with the seed of the effects
    they are made from are not made of the same numbers.
    """
    if isinstance(rng, RStream | np.random.Generator):
        return rng
    if rng is None or (isinstance(rng, int | np.integer) and not isinstance(rng, bool)):
        if rng is not None and rng < 0:
            raise ValueError(f"rng is {rng}: a seed must not be negative (RStream takes R's seeds)")
        return np.random.default_rng([int(rng), stage] if rng is not None and stage else rng)
    raise TypeError(
        f"rng is a {type(rng).__name__}: it must be None, an int, a numpy.random.Generator "
        "or a pyhier.RStream"
    )


def for_chains(rng: Generator, chains: int) -> list:  # type: ignore[type-arg]
    """One generator a chain: independent children, or R's one stream for all, as in an R loop."""
    if chains == 1 or isinstance(rng, RStream):
        return [rng] * chains
    try:
        return list(rng.spawn(chains))
    except TypeError:
        raise TypeError(
            "this rng cannot be split between chains: make it by numpy.random.default_rng(seed)"
        ) from None


def uniforms(rng: Generator, n: int) -> Floats:
    """``n`` uniform numbers."""
    return rng.runif(n) if isinstance(rng, RStream) else rng.random(n)


def normals(rng: Generator, draws: tuple[int, ...], groups: int) -> Floats:
    """Standard normals of shape ``(*draws, groups)``.

    An R stream is used group by group, all draws of the first group first, as an R script that
    loops over the groups uses it.
    """
    if isinstance(rng, RStream):
        flat = rng.standard_normal(groups * int(np.prod(draws)))
        return np.ascontiguousarray(flat.reshape(groups, -1).T).reshape(*draws, groups)
    return rng.standard_normal((*draws, groups))


def betas(rng: Generator, a: Floats, b: Floats) -> Floats:
    """Beta variates of the shape that ``a`` and ``b`` broadcast to."""
    return _variates(rng, "beta", a, b)


def gammas(rng: Generator, shape: Floats, rate: Floats) -> Floats:
    """Gamma variates of the shape that ``shape`` and ``rate`` broadcast to."""
    return _variates(rng, "gamma", shape, rate)


def chi_squares(rng: Generator, n: int, df: float) -> Floats:
    """``n`` chi-squared numbers with ``df`` degrees of freedom."""
    return _variates(rng, "chisquare", np.full(n, df))


def picks(rng: Generator, weight: Floats, n: int) -> NDArray[np.int64]:
    """``n`` of 0, 1, ... with replacement, by their weights; R's ``sample`` of an R stream."""
    if isinstance(rng, RStream):
        drawn: NDArray[np.int64] = rng.sample(weight.size, n, True, weight) - 1
        return drawn
    total = np.cumsum(weight)
    found = np.searchsorted(total, rng.random(n) * total[-1], side="right")
    picked: NDArray[np.int64] = np.minimum(found, weight.size - 1)
    return picked


def binomials(rng: Generator, trials: Floats, probability: Floats) -> Floats:
    """Binomial variates, as floats."""
    return _variates(rng, "binomial", trials.astype(np.int64), probability)


def poissons(rng: Generator, mean: Floats) -> Floats:
    """Poisson variates, as floats."""
    return _variates(rng, "poisson", mean)


def _variates(rng: Generator, family: str, *parameters: Floats) -> Floats:
    """Variates of a family; an R stream is used group by group, as for `normals`."""
    parts = list(np.broadcast_arrays(*parameters))
    if not isinstance(rng, RStream):
        if family == "gamma":  # NumPy takes the scale, R the rate
            parts[1] = 1.0 / parts[1]
        return np.asarray(getattr(rng, family)(*parts), dtype=np.float64)
    by_group = [np.moveaxis(part, -1, 0) if part.ndim > 1 else part for part in parts]
    names = {
        "beta": "rbeta",
        "gamma": "rgamma",
        "chisquare": "rchisq",
        "binomial": "rbinom",
        "poisson": "rpois",
    }
    flat = getattr(rng, names[family])(by_group[0].size, *(part.ravel() for part in by_group))
    drawn = np.asarray(flat, dtype=np.float64).reshape(by_group[0].shape)
    return np.ascontiguousarray(np.moveaxis(drawn, 0, -1)) if drawn.ndim > 1 else drawn
