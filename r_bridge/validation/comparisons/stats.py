"""R's own functions: streams, quantiles and text, optim and its Hessian, small linear algebra."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison
from pyhier.r_bridge.validation.comparisons.inputs import drawn, seed

from pyhier import rstats

SAME = "the same operations in the same order"
N = 100

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
    "rlogis": (real, positive()),
    "rlnorm": (lambda rng: rng.normal(size=N), positive(-3.0, 0.5)),
    "rf": (positive(-1.0), positive(-1.0)),
    "rbinom": (lambda rng: np.floor(positive(0.0, 6.0)(rng)), lambda rng: rng.random(N)),
    "rpois": (positive(-3.0, 6.0),),
    "rgeom": (lambda rng: 10.0 ** rng.uniform(-6, 0, N),),
    "rnbinom": (positive(-2.0, 4.0), lambda rng: 10.0 ** rng.uniform(-4, 0, N)),
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


def _multinomial(rng: np.random.Generator) -> dict[str, Any]:
    k = int(rng.choice([2, 3, 10, 50]))
    return {"size": int(10 ** rng.uniform(0, 9)), "prob": rng.random(k) + 1e-9}


def _normals(rng: np.random.Generator) -> dict[str, Any]:
    return {"x": rng.normal(size=N) * rng.choice([1.0, 10.0], N)}


def _chances(rng: np.random.Generator) -> dict[str, Any]:
    tiny = 10.0 ** rng.uniform(-300, 0, N)
    return {"p": np.where(rng.random(N) < 0.5, tiny, rng.random(N))}


def _quantile(rng: np.random.Generator) -> dict[str, Any]:
    x = rng.normal(size=int(rng.choice([2, 7, 100]))) * 10.0 ** rng.integers(-3, 4)
    return {"x": x, "probs": rng.random(10), "kind": int(rng.integers(1, 10))}


def _few_numbers(rng: np.random.Generator) -> dict[str, Any]:
    x = rng.normal(size=int(rng.integers(2, 9))) * 10.0 ** rng.integers(-8, 9)
    return {"x": x, "digits": int(rng.integers(1, 11))}


# A curved valley, in the same operations in both languages, so that it has the same bits.
VALLEY = """function(x, at, steep) {
    -((x[1] - at) * (x[1] - at) + steep * ((x[2] - x[1] * x[1]) * (x[2] - x[1] * x[1])))
}"""


def _valley(x: Any, at: float, steep: float) -> float:
    across, along = x[1] - x[0] * x[0], x[0] - at
    return -float(along * along + steep * (across * across))


def _valleys(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "start": rng.normal(size=2) * 2.0, "at": float(rng.normal()),
        "steep": float(10.0 ** rng.uniform(-1, 2)),
    }  # fmt: skip


def _hessian(start: Any, at: float, steep: float) -> Any:
    return rstats.optimHess(start, _valley, at, steep)


def _optim(start: Any, at: float, steep: float) -> dict[str, Any]:
    fit = rstats.optim(start, _valley, at, steep, control={"fnscale": -1}, hessian=True)
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
    drawn(
        "stats", "rmultinom", _multinomial, "rmultinom(10, size, prob)",
        lambda size, prob: rstats.rmultinom(10, size, prob),
    ),
    Comparison("stats", "pnorm, plain", _normals, "pnorm(x)", lambda x: rstats.pnorm(x), 0.0, SAME),
    Comparison("stats", "qnorm, plain", _chances, "qnorm(p)", lambda p: rstats.qnorm(p), 0.0, SAME),
    Comparison(
        "stats", "quantile", _quantile, "unname(quantile(x, probs, type = kind))",
        lambda x, probs, kind: rstats.quantile(x, probs, kind), 1e-12,
        "an average of two neighbours, in another order of operations",
    ),
    Comparison(
        "stats", "format", _few_numbers, "format(x, digits = digits)",
        lambda x, digits: rstats.format_numbers(x, digits), 0.0, "R's text",
    ),
    Comparison(
        "stats", "signif", _few_numbers, "signif(x, digits)",
        lambda x, digits: rstats.signif(x, digits), 1e-15,
        "the last bit: R scales by powers of ten, ours rounds the decimal text",
    ),
    Comparison(
        "stats", "optimHess", _valleys,
        f"optimHess(start, {VALLEY}, at = at, steep = steep)", _hessian, 0.0, SAME,
    ),
    Comparison(
        "stats", "optim", _valleys,
        f"""o <- optim(start, {VALLEY}, at = at, steep = steep, hessian = TRUE,
            control = list(fnscale = -1)); o[c("par", "value", "hessian")]""",
        _optim, 0.0, SAME,
    ),
    Comparison(
        "stats", "solve and chol", _covariance, "list(solve = solve(a), chol = chol(a))",
        lambda a: {"solve": rstats.solve(a), "chol": rstats.chol(a)}, 0.0, SAME,
    ),
)  # fmt: skip
