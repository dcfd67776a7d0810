"""R's densities, distribution functions and quantiles, and its gamma and beta functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison

from pyhier import rstats

N = 25
Draw = Callable[[np.random.Generator], np.ndarray]

ROUNDING = "other sums; R's own rounding of exp(log p) far in the tails"
OTHER_ROOTS = "a quantile moves by its probability's rounding over the density"


def spread(low: float, high: float) -> Draw:
    """Numbers from 10^low to 10^high."""
    return lambda rng: 10.0 ** rng.uniform(low, high, N)


def counts(low: float, high: float) -> Draw:
    """Whole numbers from 10^low to 10^high."""
    return lambda rng: np.floor(10.0 ** rng.uniform(low, high, N))


def centre(rng: np.random.Generator) -> np.ndarray:
    """Locations."""
    return rng.normal(0.0, 10.0, N)


def share(rng: np.random.Generator) -> np.ndarray:
    """Probabilities."""
    return rng.random(N)


# Above shapes of 1e4 R 4.2's dgamma and dpois lose digits: tests/against_r/test_distributions.py.
FAMILIES: dict[str, dict[str, Draw]] = {
    "norm": {"mean": centre, "sd": spread(-3, 3)},
    "lnorm": {"meanlog": lambda rng: rng.normal(size=N), "sdlog": spread(-2, 0.5)},
    "logis": {"location": centre, "scale": spread(-3, 3)},
    "cauchy": {"location": centre, "scale": spread(-3, 3)},
    "unif": {"min": lambda rng: -spread(-3, 3)(rng), "max": spread(-3, 3)},
    "exp": {"rate": spread(-4, 4)},
    "gamma": {"shape": spread(-2, 3), "rate": spread(-3, 3)},
    "chisq": {"df": spread(-1.5, 3)},
    "weibull": {"shape": spread(-1, 2), "scale": spread(-3, 3)},
    "beta": {"shape1": spread(-2, 5), "shape2": spread(-2, 5)},
    "f": {"df1": spread(-1, 5), "df2": spread(-1, 5)},
    "t": {"df": spread(-1, 6)},
    "binom": {"size": counts(0, 6), "prob": share},
    "geom": {"prob": spread(-6, 0)},
    "hyper": {"m": counts(0, 4), "n": counts(0, 4), "k": counts(0, 2)},
    "nbinom": {"size": spread(-2, 4), "prob": spread(-3, 0)},
    "pois": {"lambda": spread(-3, 4)},
}


def parameters(family: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """R's parameters of N distributions of a family."""
    given = {name: draw(rng) for name, draw in FAMILIES[family].items()}
    if family == "hyper":
        given["k"] = np.minimum(given["k"], given["m"] + given["n"])
    return given


def ours(kind: str, family: str) -> Callable[..., Any]:
    """Our function, of R's names of the parameters."""
    function = getattr(rstats, kind + family)

    def call(first: Any, given: Mapping[str, Any], **options: bool) -> Any:
        names = {("lambda_" if name == "lambda" else name): x for name, x in given.items()}
        return function(first, **names, **options)

    return call


def tails(rng: np.random.Generator) -> np.ndarray:
    """Logarithms of probabilities, from the centre to 1e-40."""
    return np.where(rng.random(N) < 0.5, np.log(rng.random(N)), -rng.uniform(0.0, 92.0, N))


def points(family: str, given: Mapping[str, Any], rng: np.random.Generator) -> Any:
    """Where the distributions have mass, on either side."""
    quantile, p = ours("q", family), tails(rng)
    left = rng.random(N) < 0.5
    x = np.where(left, quantile(p, given, log_p=True),
                 quantile(p, given, lower_tail=False, log_p=True))  # fmt: skip
    return np.where(np.isfinite(x), x, 1.0)


def _density(family: str) -> Comparison:
    def inputs(rng: np.random.Generator) -> dict[str, Any]:
        given = parameters(family, rng)
        return {"x": points(family, given, rng), "given": given}

    def run(x: Any, given: Any) -> list[Any]:
        call = ours("d", family)
        return [call(x, given), call(x, given, log=True)]

    code = (
        f"d <- function(...) do.call(d{family}, c(list(x), given, ...)); list(d(), d(log = TRUE))"
    )
    return Comparison("stats", f"d{family}", inputs, code, run, 1e-11, ROUNDING)


OPTIONS = [(lower, log) for lower in (True, False) for log in (False, True)]
R_OPTIONS = ", ".join(
    f"f(lower.tail = {str(lower).upper()}, log.p = {str(log).upper()})" for lower, log in OPTIONS
)


def _four(call: Callable[..., Any], first: Sequence[Any], given: Any) -> list[Any]:
    return [
        call(x, given, lower_tail=lower, log_p=log)
        for x, (lower, log) in zip(first, OPTIONS, strict=True)
    ]


def _probability(family: str) -> Comparison:
    def inputs(rng: np.random.Generator) -> dict[str, Any]:
        given = parameters(family, rng)
        return {"q": points(family, given, rng), "given": given}

    code = f"f <- function(...) do.call(p{family}, c(list(q), given, ...)); list({R_OPTIONS})"
    return Comparison(
        "stats", f"p{family}", inputs, code,
        lambda q, given: _four(ours("p", family), [q] * 4, given), 1e-11, ROUNDING,
    )  # fmt: skip


def _quantile(family: str) -> Comparison:
    def inputs(rng: np.random.Generator) -> dict[str, Any]:
        log_p = np.log(rng.uniform(0.01, 0.99, N))
        return {"p": np.exp(log_p), "log_p": log_p, "given": parameters(family, rng)}

    code = f"""f <- function(...) {{ o <- list(...)
        do.call(q{family}, c(list(if (o$log.p) log_p else p), given, o)) }}; list({R_OPTIONS})"""
    return Comparison(
        "stats", f"q{family}", inputs, code,
        lambda p, log_p, given: _four(ours("q", family), [p, log_p, p, log_p], given),
        1e-9, OTHER_ROOTS,
    )  # fmt: skip


def _special(name: str, *arguments: Draw) -> Comparison:
    letters = "ab"[: len(arguments)]

    def inputs(rng: np.random.Generator) -> dict[str, Any]:
        return {letter: draw(rng) for letter, draw in zip(letters, arguments, strict=True)}

    return Comparison(
        "stats", name, inputs, f"{name}({', '.join(letters)})",
        lambda **given: getattr(rstats, name)(*given.values()), 1e-15,
        "the same operations; a last bit of digamma's",
    )  # fmt: skip


SPECIAL = (
    _special("gamma", spread(-5, 2.2)),
    _special("lgamma", spread(-300, 300)),
    _special("beta", spread(-3, 3), spread(-3, 3)),
    _special("lbeta", spread(-5, 12), spread(-5, 12)),
    _special("choose", counts(0, 4), counts(0, 2)),
    _special("lchoose", counts(0, 9), counts(0, 9)),
    _special("factorial", spread(-3, 2.2)),
    _special("lfactorial", spread(-3, 9)),
    _special("digamma", spread(-5, 12)),
    _special("trigamma", spread(-5, 9)),
)

COMPARISONS = (
    *(make(family) for family in FAMILIES for make in (_density, _probability, _quantile)),
    *SPECIAL,
)
