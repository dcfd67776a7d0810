"""LearnBayes' log posteriors at random points, of random data."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison

from pyhier import learnbayes as lb

Case = tuple[Any, Any]


def _sizes(rng: np.random.Generator) -> int:
    return int(rng.integers(2, 60))


def _trials(rng: np.random.Generator) -> Any:
    groups = _sizes(rng)
    n = rng.integers(1, 10 ** rng.integers(1, 4) + 1, groups).astype(float)
    y = rng.binomial(n.astype(int), rng.beta(2, 5, groups)).astype(float)
    return np.column_stack([y, n])


def _betabinexch(rng: np.random.Generator) -> Case:
    return [rng.uniform(-4, 3), rng.uniform(-2, 7)], _trials(rng)


def _betabinexch0(rng: np.random.Generator) -> Case:
    return [rng.uniform(0.01, 0.99), np.exp(rng.uniform(-2, 7))], _trials(rng)


def _bfexch(rng: np.random.Generator) -> Case:
    return rng.uniform(-4, 3), {"data": _trials(rng), "K": np.exp(rng.uniform(-2, 6))}


def _poissgamexch(rng: np.random.Generator) -> Case:
    groups = _sizes(rng)
    e = rng.uniform(10, 5000, groups)
    y = rng.poisson(e * rng.gamma(2, 0.005, groups)).astype(float)
    data = {"data": np.column_stack([e, y]), "z0": rng.uniform(0.1, 5)}
    return [rng.uniform(-2, 5), rng.uniform(-8, -2)], data


def _bradley_terry_post(rng: np.random.Generator) -> Case:
    teams = int(rng.integers(2, 9))
    first, second = np.triu_indices(teams, 1)
    wins = rng.integers(0, 20, (len(first), 2))
    data = np.column_stack([first + 1, second + 1, wins]).astype(float)
    return np.append(rng.normal(size=teams), rng.normal()), data


def _cauchyerrorpost(rng: np.random.Generator) -> Case:
    data = 50 + 10 * rng.standard_cauchy(_sizes(rng))
    return [rng.normal(50, 10), rng.uniform(-3, 5)], data


def _groupeddatapost(rng: np.random.Generator) -> Case:
    """Bins within a few standard deviations: R subtracts pnorms, without digits further out."""
    cuts = 10 + np.cumsum(rng.uniform(0.5, 1.5, int(rng.integers(2, 9))))
    f = rng.integers(0, 20, len(cuts) + 1).astype(float)
    data = {"int.lo": np.append(-np.inf, cuts), "int.hi": np.append(cuts, np.inf), "f": f}
    return [cuts.mean() + 0.3 * rng.normal(), rng.uniform(0.5, 2)], data


def _howardprior(rng: np.random.Generator) -> Case:
    return rng.uniform(size=2), rng.uniform(0.3, 4, 5)


def _lbinorm(rng: np.random.Generator) -> Case:
    root = rng.normal(size=(2, 3))
    return rng.normal(size=2) * 3, {"m": rng.normal(size=2), "v": root @ root.T}


def _logctablepost(rng: np.random.Generator) -> Case:
    return rng.normal(size=2) * 3, rng.integers(0, 30, 4).astype(float)


def _logisticpost(rng: np.random.Generator) -> Case:
    rows = _sizes(rng)
    n = rng.integers(1, 20, rows)
    return rng.normal(size=2) * 2, np.column_stack(
        [rng.normal(size=rows), n, rng.binomial(n, 0.4)]
    ).astype(float)


def _logpoissgamma(rng: np.random.Generator) -> Case:
    data = {"data": rng.poisson(5, _sizes(rng)).astype(float), "par": rng.uniform(0.2, 5, 2)}
    return rng.normal(1.5, 0.4, 4), data


def _logpoissnormal(rng: np.random.Generator) -> Case:
    data = {"data": rng.poisson(5, _sizes(rng)).astype(float), "par": rng.uniform(0.2, 5, 2)}
    return rng.normal(1.5, 0.4, 4), data


def _normchi2post(rng: np.random.Generator) -> Case:
    return [rng.normal(25, 3), rng.uniform(5, 50)], rng.normal(25, 5, _sizes(rng))


def _transplantpost(rng: np.random.Generator) -> Case:
    rows = _sizes(rng)
    indicators = rng.integers(0, 2, (2, rows))
    data = [rng.exponential(100, rows), indicators[0], rng.exponential(20, rows), indicators[1]]
    return rng.normal([0, 3, -0.5], 1.5), np.column_stack(data)


def _weibullregpost(rng: np.random.Generator) -> Case:
    rows, covariates = _sizes(rng), int(rng.integers(1, 4))
    time = np.exp(rng.normal(5, 0.5, rows))
    data = np.column_stack([time, rng.integers(0, 2, rows), rng.normal(size=(rows, covariates))])
    return np.concatenate(
        [[rng.normal(0, 0.5), rng.normal(6, 0.5)], 0.3 * rng.normal(size=covariates)]
    ), data


def _comparison(make: Callable[[np.random.Generator], Case]) -> Comparison:
    """Both functions by their name, which is that of ``make``."""
    python = make.__name__.removeprefix("_")
    ours, name = getattr(lb, python), python.replace("_", ".")

    def inputs(rng: np.random.Generator) -> dict[str, Any]:
        theta, data = make(rng)
        return {"theta": theta, "data": data}

    return Comparison(
        "LearnBayes", name, inputs, f"{name}(theta, data)",
        lambda theta, data: ours(theta, data), 1e-10,
        "sums in another order; ratios of gamma functions are products here, lgammas in R",
    )  # fmt: skip


COMPARISONS = tuple(
    map(
        _comparison,
        [
            _betabinexch, _betabinexch0, _bfexch, _bradley_terry_post, _cauchyerrorpost,
            _groupeddatapost, _howardprior, _lbinorm, _logctablepost, _logisticpost, _logpoissgamma,
            _logpoissnormal, _normchi2post, _poissgamexch, _transplantpost, _weibullregpost,
        ],
    )
)  # fmt: skip
