"""Noncentral chi-squared, beta, F and t distributions: ``ncp`` of R's d, p and q functions.

The first three are Poisson mixtures of central ones: a sum of positive terms, on the logarithmic
scale, about its largest term, so that both tails keep their digits however far out. Where the
terms run smoothly over many counts, every n-th will do: such sums converge like trapezoid rules of
normal densities. Student's t is an integral over the scale in its denominator, by the trapezoid
rule in that scale's logarithm, halved until two steps agree. (Johnson, Kotz and Balakrishnan 1995,
Continuous Univariate Distributions 2, chapters 29 to 31.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import flag
from pyhier.kernels import densities, distribution_functions
from pyhier.rstats._families import Given, finish, recycled

LogTerm = Callable[[Floats], Floats]
Kind = str  # "density", "lower" or "upper"

FAR = (
    45.0  # terms below exp(-45) of the largest are left out: what follows them has less than 1e-17
)
SMOOTH = 400  # terms over more counts than this are so smooth that one in (their number / 400) do


def log_of(family: str, kind: Kind, x: Floats, par: Sequence[Floats]) -> Floats:
    """Logarithm of a central family's density or tail."""
    out, table = np.empty(x.size), np.column_stack(par)
    if kind == "density":
        densities.fill(family, x, table, True, out)
    else:
        distribution_functions.fill_probabilities(family, x, table, kind == "lower", True, out)
    return out


# --- Sums over a Poisson count --------------------------------------------------------------------


def _top(log_term: LogTerm, start: float) -> float:
    """The count of the largest term; they rise to it and fall from it."""
    low, high = 0.0, 4.0 * np.floor(start) + 64.0
    while _rises(log_term, 0.5 * high):
        high *= 2.0
    while high - low > 2.0:
        counts = np.unique(np.floor(np.linspace(low, high, 33)))
        k = int(np.argmax(log_term(counts)))
        low, high = counts[max(k - 1, 0)], counts[min(k + 1, counts.size - 1)]
    counts = np.arange(low, high + 1.0)
    return float(counts[np.argmax(log_term(counts))])


def _rises(log_term: LogTerm, count: float) -> bool:
    here, further = log_term(np.array([count, 2.0 * count]))
    return bool(further > here) and count < 1e17


def _edge(log_term: LogTerm, top: float, least: float, sign: float) -> float:
    """Where the terms are far below the largest, on one side of it; 0 where there is an end."""
    step = 1.0
    while top + sign * step > 0.0 and log_term(np.array([top + sign * step]))[0] > least:
        step *= 2.0
    return max(top + sign * step, 0.0)


def log_sum(log_term: LogTerm, start: float) -> float:
    """Logarithm of the sum over all counts of positive terms that rise and then fall."""
    top = _top(log_term, start)
    largest = log_term(np.array([top]))[0]
    if not np.isfinite(largest):
        return float(largest)
    low, high = (_edge(log_term, top, largest - FAR, sign) for sign in (-1.0, 1.0))
    stride = max(1.0, np.floor((high - low) / SMOOTH)) if low > 0.0 else 1.0
    terms = log_term(np.arange(low, high + 1.0, stride))
    return float(largest + np.log(np.sum(np.exp(terms - largest)) * stride))


@dataclass(frozen=True)
class _Mixture:
    """A noncentral family as a mixture: its central one at each count, and the possible parameters.

    ``at(x, par, counts)`` gives the central points, parameters and the logarithm of the density's
    factor; ``line`` maps the quantiles' search to the support.
    """

    central: str
    at: Callable[[float, Floats, Floats], tuple[Floats, list[Floats], Any]]
    possible: Callable[[Floats], bool]
    line: Callable[[float], float]

    def log(self, kind: Kind, x: float, par: Floats) -> float:
        """Logarithm of the density or a tail; ``par`` ends in the noncentrality."""
        rate = 0.5 * par[-1]

        def log_term(counts: Floats) -> Floats:
            points, parameters, factor = self.at(x, par, counts)
            weights = log_of("pois", "density", counts, [np.full(counts.size, rate)])
            found = log_of(self.central, kind, points, parameters)
            return weights + found + (factor if kind == "density" else 0.0)

        return log_sum(log_term, rate)


def _chisq(x: float, par: Floats, counts: Floats) -> tuple[Floats, list[Floats], Any]:
    points = np.full(counts.size, x)
    return points, [0.5 * par[0] + counts, np.full(counts.size, 2.0)], 0.0


def _beta(x: float, par: Floats, counts: Floats) -> tuple[Floats, list[Floats], Any]:
    points = np.full(counts.size, x)
    return points, [par[0] + counts, np.full(counts.size, par[1])], 0.0


def _f(x: float, par: Floats, counts: Floats) -> tuple[Floats, list[Floats], Any]:
    df1 = par[0] + 2.0 * counts
    ratio = par[0] / df1
    return x * ratio, [df1, np.full(counts.size, par[1])], np.log(ratio)


def _expit(u: float) -> float:
    return float(1.0 / (1.0 + np.exp(-u)))


def _exp(u: float) -> float:
    return float(np.exp(u))


# --- Student's t ----------------------------------------------------------------------------------


class _StudentT:
    """An integral over u, the logarithm of s in t = (z + ncp) / s, where n s^2 is chi-squared."""

    @staticmethod
    def possible(par: Floats) -> bool:
        return bool(par[0] > 0.0 and np.isfinite(par[1]))

    @staticmethod
    def line(u: float) -> float:
        return float(np.sinh(u))

    def log(self, kind: Kind, x: float, par: Floats) -> float:
        df, ncp = par
        if df == np.inf or not np.isfinite(x):
            return float(log_of("norm", kind, np.array([x]), [np.array([ncp]), np.ones(1)])[0])

        log_scale = _log_scale(float(df))

        def integrand(u: Floats) -> Floats:
            z = x * np.exp(np.minimum(u, 300.0)) - ncp
            found = log_of("norm", kind, z, [np.zeros(u.size), np.ones(u.size)])
            return found + log_scale(u) + (u if kind == "density" else 0.0)

        # z has ncp's rounding
        noise = 1e-13 * max(1.0, 0.1 * abs(ncp))
        try:
            with np.errstate(over="ignore"):
                return log_integral(integrand, log_scale, 1.0 / np.sqrt(2.0 * df), noise)
        except ArithmeticError:
            raise ArithmeticError(
                f"ncp = {ncp:g} with df = {df:g} at {x:g}: the integral over the denominator is "
                "not resolved to 13 digits; scipy.stats.nct answers, without an error estimate"
            ) from None


def _log_scale(df: float) -> LogTerm:
    """Logarithm of the density of u: its value at u = 0, and the rest without terms that cancel."""
    at_0 = log_of("gamma", "density", np.array([df]), [np.array([0.5 * df]), np.array([2.0])])[0]
    constant = np.log(2.0 * df) + at_0
    return lambda u: constant - df * _beyond_linear(u)


def _beyond_linear(u: Floats) -> Floats:
    """(exp(2u) - 1) / 2 - u, by its series where the two cancel."""
    term, total = u, np.zeros_like(u)
    for k in range(2, 14):
        term = term * (2.0 * u) / k
        total = total + term
    with np.errstate(over="ignore"):
        return np.where(np.abs(u) < 0.1, total, 0.5 * np.expm1(2.0 * u) - u)


def log_integral(integrand: LogTerm, above: LogTerm, width: float, within: float) -> float:
    """Logarithm of an integral over the line, under a concave bound ``above`` with its mode at 0.

    The window is where the bound is not far below what the integrand reaches, and then where the
    integrand itself is not; there the trapezoid rule converges exponentially.
    """
    low, high, best = -width, width, -np.inf
    for _ in range(60):
        found = float(np.max(integrand(np.linspace(low, high, SMOOTH + 1))))
        best = max(best, found)
        wider = _reach(above, best - FAR, -width), _reach(above, best - FAR, width)
        if found <= best and (low, high) == wider:
            break
        low, high = wider
    low, high = _narrowed(integrand, low, high)
    before = -np.inf
    for points in SMOOTH * 2 ** np.arange(10):
        terms = integrand(np.linspace(low, high, points + 1))
        top = terms.max()
        found = float(top + np.log(np.sum(np.exp(terms - top)) * (high - low) / points))
        if abs(found - before) < within * max(1.0, abs(found)):
            return found
        before = found
    raise ArithmeticError("two steps differ")


def _reach(above: LogTerm, least: float, step: float) -> float:
    """A point on one side beyond which the bound is below ``least``."""
    while above(np.array([step]))[0] > least and abs(step) < 1e6:
        step *= 1.5
    return step


def _narrowed(integrand: LogTerm, low: float, high: float) -> tuple[float, float]:
    """The part of the window that holds all but what is far below the largest value."""
    for _ in range(20):
        grid = np.linspace(low, high, SMOOTH + 1)
        values = integrand(grid)
        kept = np.flatnonzero(values > values.max() - FAR)
        first, last = grid[max(kept[0] - 1, 0)], grid[min(kept[-1] + 1, SMOOTH)]
        if last - first > 0.8 * (high - low):
            break
        low, high = float(first), float(last)
    return low, high


# --- By name --------------------------------------------------------------------------------------


def _positive(par: Floats) -> bool:
    return bool(np.all(par[:-1] > 0.0) and np.all(np.isfinite(par)) and par[-1] >= 0.0)


LAWS: dict[str, _Mixture | _StudentT] = {
    "chisq": _Mixture(
        "gamma", _chisq, lambda par: bool(np.isfinite(par).all() and (par >= 0.0).all()), _exp
    ),
    "beta": _Mixture("beta", _beta, _positive, _expit),
    "f": _Mixture(
        "f", _f, lambda par: _positive(par[[0, 2]]) and bool(par[1] > 0.0), _exp
    ),
    "t": _StudentT(),
}  # fmt: skip
ENDS = {"chisq": (0.0, np.inf), "beta": (0.0, 1.0), "f": (0.0, np.inf), "t": (-np.inf, np.inf)}


def _each(
    function: str, family: str, given: Given, value: Callable[[float, Floats], float]
) -> Floats:
    """A function of each point and its parameters; NaN where these are impossible."""
    columns, shape = recycled(given)
    out = np.full(columns[0].size, np.nan)
    for i, (x, *row) in enumerate(np.column_stack(columns)):
        par = np.array(row)
        if not np.isnan(x) and LAWS[family].possible(par):
            out[i] = value(float(x), par)
    result: Floats = finish(function, given, columns, out, shape, depth=5)
    return result


def density(family: str, x: ArrayLike, given: Given, log: bool) -> Floats:
    """A noncentral family's density at ``x``."""
    law, (least, most) = LAWS[family], ENDS[family]
    log = flag("log", log)

    def value(point: float, par: Floats) -> float:
        inside = least <= point <= most and np.isfinite(point)
        found = law.log("density", point, par) if inside else -np.inf
        return float(found if log else np.exp(found))

    return _each(f"d{family}", family, {"x": x, **given}, value)


def _log_tail(family: str, kind: Kind, x: float, par: Floats) -> float:
    """Logarithm of a tail: by the other one where that is the smaller."""
    least, most = ENDS[family]
    if x < least or x >= most:
        return 0.0 if (kind == "lower") == (x >= most) else -np.inf
    if family == "chisq" and x == 0.0 and par[0] == 0.0:  # a lump at 0
        return float(-0.5 * par[1] if kind == "lower" else np.log(-np.expm1(-0.5 * par[1])))
    own = LAWS[family].log(kind, x, par)
    if own < -0.5:
        return float(own)
    other = LAWS[family].log("upper" if kind == "lower" else "lower", x, par)
    return float(np.log1p(-np.exp(other))) if other < 0.0 else -np.inf


def probability(family: str, q: ArrayLike, given: Given, lower_tail: bool, log_p: bool) -> Floats:
    """A noncentral family's distribution function at ``q``."""
    kind = "lower" if flag("lower_tail", lower_tail) else "upper"
    log_p = flag("log_p", log_p)

    def value(point: float, par: Floats) -> float:
        found = _log_tail(family, kind, point, par)
        return found if log_p else float(np.exp(found))

    return _each(f"p{family}", family, {"q": q, **given}, value)


def quantiles(family: str, p: ArrayLike, given: Given, lower_tail: bool, log_p: bool) -> Floats:
    """A noncentral family's quantiles."""
    least, most = ENDS[family]
    lower_tail, log_p = flag("lower_tail", lower_tail), flag("log_p", log_p)

    def value(point: float, par: Floats) -> float:
        if not (point <= 0.0 if log_p else 0.0 <= point <= 1.0):
            return np.nan
        with np.errstate(divide="ignore"):
            own, other = (
                (point, np.log(-np.expm1(point))) if log_p else (np.log(point), np.log1p(-point))
            )
        lower, upper = (own, other) if lower_tail else (other, own)
        if -np.inf in (lower, upper):
            return least if lower == -np.inf else most
        with np.errstate(over="ignore"):
            return _quantile(family, float(lower), float(upper), par)

    return _each(f"q{family}", family, {"p": p, **given}, value)


def _quantile(family: str, lower: float, upper: float, par: Floats) -> float:
    """Where the smaller tail has its logarithm: bracketed by doubling, then Brent's method."""
    from scipy.optimize import brentq

    line = LAWS[family].line
    kind, target, sign = ("lower", lower, 1.0) if lower < upper else ("upper", upper, -1.0)

    def rising(u: float) -> float:
        found = _log_tail(family, kind, line(u), par)
        return sign * (max(found, -1e300) - target)

    low, high = -1.0, 1.0
    while rising(low) > 0.0 and low > -700.0:
        low, high = 2.0 * low, low
    while rising(high) < 0.0 and high < 700.0:
        low, high = high, 2.0 * high
    if rising(low) > 0.0:  # a lump at the least value, or too near it for numbers
        return ENDS[family][0]
    return line(float(brentq(rising, low, high, xtol=1e-14, rtol=4.0 * np.finfo(float).eps)))
