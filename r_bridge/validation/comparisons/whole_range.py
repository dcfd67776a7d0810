"""R's d, p and q functions over their whole range, far tails included; noncentral ones, too."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison
from pyhier.r_bridge.validation.comparisons.distributions import (
    FAMILIES,
    ours,
)
from pyhier.r_bridge.validation.comparisons.distributions import N as DRAWN

from pyhier import rstats

N = 12
WIDE: dict[str, dict[str, tuple[float, float]]] = {
    "gamma": {"shape": (-3, 9), "rate": (-3, 3)},
    "chisq": {"df": (-2, 9)},
    "beta": {"shape1": (-3, 7), "shape2": (-3, 7)},
    "f": {"df1": (-2, 7), "df2": (-2, 7)},
    "t": {"df": (-1.5, 12)},
    "pois": {"lambda": (-5, 12)},
    "nbinom": {"size": (-3, 7), "prob": (-6, 0)},
}
# R's own rounding where it is the larger one: the densities of R 4.2's dpois_raw have 3e-9 of it at
# means of 4e7. tests/against_r/test_distributions.py holds ours to 40 digits there.
LOST_IN_R = {"gamma", "chisq", "pois"}
FAR = 2.7  # 1e-217: from about 1e-270 on R's pbeta is 0 with some shapes, and so its pf and pnbinom
COUNTS = ("binom", "pois", "geom", "nbinom", "hyper")
# R's algorithms for noncentral beta and F stop at an absolute error of 1e-9, for t at 1e-12, in its
# lower tail of the positive side; its densities of t are differences of such.
ABSOLUTE = {"chisq": 1e-12, "beta": 3e-9, "f": 3e-9, "t": 1e-9}


def wide(family: str, rng: np.random.Generator, n: int) -> dict[str, Any]:
    """R's parameters of n distributions of a family, over all that there is."""
    given = {}
    for name, draw in FAMILIES[family].items():
        values = np.concatenate([draw(rng) for _ in range(-(-n // DRAWN))])[:n]
        ends = WIDE.get(family, {}).get(name)
        given[name] = values if ends is None else 10.0 ** rng.uniform(*ends, n)
    if family == "hyper":
        given["k"] = np.floor(rng.random(n) * (given["m"] + given["n"]))
    return given


def far_tails(rng: np.random.Generator, n: int, far: float = FAR) -> Any:
    """Logarithms of probabilities, half of them out to 1e-217."""
    return np.where(rng.random(n) < 0.5, np.log(rng.random(n)), -(10.0 ** rng.uniform(-1, far, n)))


def points(
    family: str, given: Mapping[str, Any], rng: np.random.Generator, far: float = FAR
) -> Any:
    """Where the distributions have mass, on either side, however little."""
    n = len(next(iter(given.values())))
    quantile, p, left = ours("q", family), far_tails(rng, n, far), rng.random(n) < 0.5
    x = np.where(left, quantile(p, given, log_p=True),
                 quantile(p, given, lower_tail=False, log_p=True))  # fmt: skip
    return np.where(np.isfinite(x) & ((np.abs(x) > 1e-300) | (x == 0.0)), x, 1.0)


# Every number by itself: plain ones relative to themselves, logarithms to 1 where they are nearer
# to 0 (the 100 beside them says so), as they have the rounding of their terms.
EACH = """
    of <- function(kind, x, given, ...)
      suppressWarnings(do.call(paste0(kind, family), c(list(x), given, list(...))))
    logs <- function(x) lapply(x, c, 100)
"""
VALUES = (
    EACH
    + """
    p <- function(lower, log) of("p", x, given, lower.tail = lower, log.p = log)
    d <- function(log) of("d", at, dense, log = log)
    list(d = as.list(d(FALSE)), log_d = logs(d(TRUE)), p = as.list(p(TRUE, FALSE)),
      log_p = logs(p(TRUE, TRUE)), upper = as.list(p(FALSE, FALSE)),
      log_upper = logs(p(FALSE, TRUE)))
"""
)
# Our quantile is one by R's p function, as near as R's own or nearer (R stops short of what
# underflows or overflows, and may find none); a count is the first to reach its probability.
QUANTILES = (
    EACH
    + """
    p <- function(x) of("p", x, given, lower.tail = tail, log.p = TRUE)
    above <- function(x) (if (tail) 1 else -1) * (p(x) - log_p)
    check <- quote({
      theirs <- of("q", log_p, given, lower.tail = tail, log.p = TRUE)
      back <- p(x); near <- abs(x - theirs) <= 1e-11 * abs(theirs) | x == theirs
      near <- near | abs(back - log_p) <= pmax(abs(p(theirs) - log_p), 1e-11 * pmax(1, -log_p))
      near <- near | (x >= 0 & x < 1e-300 & above(1e-300) >= 0) | (x == Inf & above(1e300) <= 0)
      if (counts) near <- near | (above(x) >= -1e-10 & above(x - 1) < 1e-10)
      ifelse(near & !is.na(near), log_p, back)
    })
    list(lower = { x <- lower; tail <- TRUE; eval(check) },
      upper = { x <- upper; tail <- FALSE; eval(check) })
"""
)


def _inputs(family: str, rng: np.random.Generator) -> dict[str, Any]:
    given, dense = wide(family, rng, N), wide(family, rng, N)
    if family in LOST_IN_R:
        dense = {name: draw(rng)[:N] for name, draw in FAMILIES[family].items()}
    return {
        "family": family, "given": given, "x": points(family, given, rng),
        "dense": dense, "at": points(family, dense, rng),
    }  # fmt: skip


def _each(values: Any) -> list[Any]:
    return [float(value) for value in values]


def _logs(values: Any) -> list[Any]:
    return [[float(value), 100.0] for value in values]


def _values(family: str, given: Any, x: Any, dense: Any, at: Any) -> dict[str, Any]:
    d, p = ours("d", family), ours("p", family)
    upper = {"lower_tail": False}
    return {
        "d": _each(d(at, dense)), "log_d": _logs(d(at, dense, log=True)), "p": _each(p(x, given)),
        "log_p": _logs(p(x, given, log_p=True)), "upper": _each(p(x, given, **upper)),
        "log_upper": _logs(p(x, given, log_p=True, **upper)),
    }  # fmt: skip


def _quantile_inputs(family: str, rng: np.random.Generator) -> dict[str, Any]:
    given, log_p, q = wide(family, rng, N), far_tails(rng, N), ours("q", family)
    return {
        "family": family, "counts": family in COUNTS, "given": given, "log_p": log_p,
        "lower": q(log_p, given, log_p=True),
        "upper": q(log_p, given, lower_tail=False, log_p=True),
    }  # fmt: skip


def _comparisons(family: str) -> tuple[Comparison, Comparison]:
    shaped = family in WIDE or family in ("binom", "hyper")
    return (
        Comparison(
            "stats", f"d and p{family}, far", partial(_inputs, family), VALUES, _values,
            1e-10 if shaped else 2e-12,
            "exp(log p) far in the tails; with shapes of 1e6 and more x's rounding is magnified"
            if shaped else "R's rounding of exp(log p) far in the tails",
            slow=2,
        ),
        Comparison(
            "stats", f"q{family}, far", partial(_quantile_inputs, family), QUANTILES,
            lambda log_p, **_: {"lower": log_p, "upper": log_p}, 1e-11,
            "which quantiles count as R's is said in the R code: the probability asked for",
            slow=2,
        ),
    )  # fmt: skip


def noncentral(family: str, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], Any]:
    """Parameters, and points amid their mass."""
    shapes, ncp = 10.0 ** rng.uniform(-0.3, 2, (2, n)), 10.0 ** rng.uniform(-2, 2, n)
    if family == "chisq":
        return {"df": shapes[0], "ncp": ncp}, rng.noncentral_chisquare(shapes[0], ncp)
    if family == "t":
        shift = np.clip(rng.normal(0, 8, n), -35, 35)
        scale = np.sqrt(rng.chisquare(shapes[0]) / shapes[0])
        return {"df": shapes[0], "ncp": shift}, (rng.normal(size=n) + shift) / scale
    ratio = rng.noncentral_f(2 * shapes[0], 2 * shapes[1], ncp)
    if family == "f":
        return {"df1": 2 * shapes[0], "df2": 2 * shapes[1], "ncp": ncp}, ratio
    odds = ratio * shapes[0] / shapes[1]
    return {"shape1": shapes[0], "shape2": shapes[1], "ncp": ncp}, odds / (1 + odds)


def _amid(family: str, rng: np.random.Generator) -> dict[str, Any]:
    given, x = noncentral(family, rng, N)
    return {"family": family, "given": given, "x": x}


def _with_quantiles(family: str, rng: np.random.Generator) -> dict[str, Any]:
    given, x = noncentral(family, rng, N)
    p, few = rng.uniform(0.02, 0.98, 3), {name: value[:3] for name, value in given.items()}
    found = getattr(rstats, f"q{family}")(p, **few)
    return {"family": family, "given": given, "x": x, "p": p, "few": few, "found": found}


# The 100 makes what is below 1 absolute.
NONCENTRAL = (
    EACH
    + """
    list(p = c(of("p", x, given), 100), upper = c(1 - of("p", x, given), 100),
      back = c(of("p", found, few), 100))
"""
)


def _noncentral(family: str, given: Any, x: Any, p: Any, **_: Any) -> dict[str, Any]:
    cdf = getattr(rstats, f"p{family}")
    return {
        "p": [*cdf(x, **given), 100.0], "upper": [*cdf(x, **given, lower_tail=False), 100.0],
        "back": [*p, 100.0],
    }  # fmt: skip


def _noncentral_comparisons(family: str) -> tuple[Comparison, Comparison]:
    return (
        Comparison(
            "stats", f"p and q{family}, noncentral", partial(_with_quantiles, family), NONCENTRAL,
            _noncentral, ABSOLUTE[family], "where R's own sums stop", slow=4,
        ),
        Comparison(
            "stats", f"d{family}, noncentral", partial(_amid, family),
            EACH + "as.list(of('d', x, given))",
            lambda family, given, x, **_: _each(getattr(rstats, f"d{family}")(x, **given)),
            1e-7 if family == "t" else 1e-10,
            "R's is a difference of two probabilities" if family == "t" else "where R's sums stop",
            slow=4,
        ),
    )  # fmt: skip


COMPARISONS = (
    *(c for family in FAMILIES for c in _comparisons(family)),
    *(c for family in ABSOLUTE for c in _noncentral_comparisons(family)),
)
