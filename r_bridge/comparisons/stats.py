"""R's own functions: streams, optim and its Hessian, small linear algebra."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pyhier.r_bridge.comparison import Comparison
from pyhier.r_bridge.comparisons.inputs import normal_data, seed

from pyhier import learnbayes as lb
from pyhier import rstats

SAME = "the same operations in the same order"
N = 200

Draw = Callable[[np.random.Generator], np.ndarray]


def positive(low: float = -3.0, high: float = 4.0) -> Draw:
    """Parameters from 10^low to 10^high, and 1, where algorithms change their branch."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        return np.where(rng.random(N) < 0.1, 1.0, 10.0 ** rng.uniform(low, high, N))

    return draw


def real(rng: np.random.Generator) -> np.ndarray:
    """Locations."""
    return rng.normal(0.0, 100.0, N)


FAMILIES: dict[str, tuple[Draw, ...]] = {
    "rnorm": (real, positive()),
    "runif": (lambda rng: -positive()(rng), positive()),
    "rexp": (positive(),),
    "rgamma": (positive(), positive()),
    "rchisq": (positive(),),
    "rbeta": (positive(), positive()),
    "rt": (positive(-1.0),),
    "rcauchy": (real, positive()),
    "rweibull": (positive(-1.0, 2.0), positive()),
}


def _variates(function: str, parameters: tuple[Draw, ...]) -> Comparison:
    names = "ab"[: len(parameters)]

    def inputs(rng: np.random.Generator) -> dict[str, Any]:
        return {"seed": seed(rng)} | {
            name: draw(rng) for name, draw in zip(names, parameters, strict=True)
        }

    def ours(seed: int, **given: Any) -> dict[str, Any]:
        rstats.set_seed(seed)
        return {"x": getattr(rstats, function)(N, *given.values()), "after": rstats.runif(1)}

    arguments = ", ".join(names)
    code = f"set.seed(seed); list(x = {function}({N}, {arguments}), after = runif(1))"
    return Comparison("stats", function, inputs, code, ours, 0.0, SAME)


def _population(rng: np.random.Generator) -> dict[str, Any]:
    n = int(rng.integers(1, 500))
    return {
        "seed": seed(rng), "n": n, "size": int(rng.integers(1, n + 1)),
        "prob": rng.random(n) * rng.choice([1.0, 1e-6], n),
    }  # fmt: skip


def _sample(seed: int, n: int, size: int, prob: Any) -> dict[str, Any]:
    rstats.set_seed(seed)
    return {
        "plain": rstats.sample(n, size),
        "again": rstats.sample(n, size, replace=True),
        "weighted": rstats.sample(n, size, replace=True, prob=prob),
        "after": rstats.runif(1),
    }


def _optim(data: Any, start: Any) -> dict[str, Any]:
    fit = rstats.optim(start, lb.normnormexch, data, control={"fnscale": -1}, hessian=True)
    return {"par": fit.par, "value": fit.value, "hessian": fit.hessian}


def _covariance(rng: np.random.Generator) -> dict[str, Any]:
    p = int(rng.integers(1, 9))
    root = rng.normal(size=(p, p + 2))
    return {"a": root @ root.T}


COMPARISONS = (
    *(_variates(function, parameters) for function, parameters in FAMILIES.items()),
    Comparison(
        "stats", "sample", _population,
        """set.seed(seed); list(plain = sample(n, size), again = sample(n, size, TRUE),
           weighted = sample(n, size, TRUE, prob), after = runif(1))""",
        _sample, 0.0, SAME,
    ),
    Comparison(
        "stats", "optim", normal_data,
        """LearnBayes::normnormexch -> f; o <- optim(start, f, data = data, hessian = TRUE,
           control = list(fnscale = -1)); o[c("par", "value", "hessian")]""",
        _optim, 0.0, SAME,
    ),
    Comparison(
        "stats", "solve and chol", _covariance, "list(solve = solve(a), chol = chol(a))",
        lambda a: {"solve": rstats.solve(a), "chol": rstats.chol(a)}, 0.0, SAME,
    ),
)  # fmt: skip
