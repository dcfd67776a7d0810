"""Integrals of many densities of one coordinate at once, by the trapezoid rule on a stretched line.

On t, with x = centre + scale * sinh(t), a smooth density on the whole line falls off at least
doubly as fast as on x, so that even a power tail of exp(x) is short; there the trapezoid rule
converges exponentially (Takahasi and Mori 1974; Trefethen and Weideman 2014, SIAM Review 56): when
halving the step changes a sum by epsilon, the error left is about epsilon^2. An integral over a
plane is nested: the inner one at every node of the outer one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats

Rows = NDArray[np.intp]
Function = Callable[[Rows, Floats], Floats]

CUT = 45.0  # nodes below the highest by exp(-CUT) = 3e-20 are left out
STEP = 0.8  # of t, to begin with
TOLERANCE = 1e-7  # of the last halving's change: below 1e-12 after it, or 1e-9 by bad luck
ROUNDING = 2e-14  # of log densities, by their size: far out, where there is no mass, they are large
COARSEST = 1e-3  # change that rounding excuses
REACH, MORE, LIMIT = 5, 2, 880  # steps of t on each side: to begin with, more at a time, at most
LEVELS = 8
UNNOTICED = 1e-14  # of the largest row's integral: by how much others may be off in the end
NEGLIGIBLE = 1e-17  # share of the integral of nodes that may be left out


@dataclass(frozen=True)
class Rule:
    """Nodes and weights of all rows' integrals.

    Attributes
    ----------
    row : ndarray of int, shape (nodes,)
        Whose node it is, in ascending order.
    x, log_weight : ndarray, shape (nodes,)
        Where it is; log of the density there times the rule's weight.
    log_integral, centre, scale : ndarray, shape (rows,)
    low, high : ndarray, shape (rows,)
        The t between which there is mass.
    """

    row: Rows
    x: Floats
    log_weight: Floats
    log_integral: Floats
    centre: Floats
    scale: Floats
    low: Floats
    high: Floats


def integrate(function: Function, centre: Floats, scale: Floats) -> Rule:
    """Integrate the exponential of a function over the line, for every row.

    Parameters
    ----------
    function : callable
        Takes rows' numbers and points, each of shape (n,); returns the log densities there.
    centre, scale : ndarray, shape (rows,)
        A guess at where each has its mass.

    Raises
    ------
    ValueError
        If an integral is infinite, or does not converge for an edge in the density.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _integrate(function, centre, scale)


def _integrate(function: Function, centre: Floats, scale: Floats) -> Rule:
    centre, scale, alive = _settle(function, centre, scale)
    rows = np.flatnonzero(alive)
    values = _first_level(function, rows, centre[rows], scale[rows])
    step, log_sum = STEP, _log_sums(values) + np.log(STEP)
    before = np.ones(rows.size)
    kept: list[tuple[Rows, Floats, Floats]] = []
    final = np.full(centre.size, -np.inf)
    ends = np.zeros((2, centre.size))
    for level in range(LEVELS):
        values = _halve(function, rows, centre[rows], scale[rows], values, step)
        step *= 0.5
        refined = _log_sums(values) + np.log(step)
        # A change may be small by chance; its square root, the change before, would not be too.
        change = np.abs(refined - log_sum)
        allowed = TOLERANCE + np.minimum(ROUNDING * np.abs(refined), COARSEST)
        done = np.maximum(change, before**2) <= allowed
        if level == LEVELS - 1:
            off = change * np.exp(refined - max(final.max(), refined.max()))
            done |= off <= UNNOTICED
        if level == LEVELS - 1 and not done.all():
            raise ValueError(
                "the quadrature does not converge: the posterior is improper, or nearly so (few "
                "groups under a flat prior?), or its density has an edge or a kink (a prior that "
                "ends abruptly?); take a proper and smooth prior, or rwmetrop"
            )
        final[rows[done]] = refined[done]
        half = values.shape[1] // 2
        # At the size of 1e17 a log density less CUT is itself.
        row, column = np.nonzero(values[done] >= values[done].max(axis=1, keepdims=True) - CUT)
        which, t = rows[done][row], (column - half) * step
        x = centre[which] + scale[which] * np.sinh(t)
        kept.append((which, x, values[done][row, column] + np.log(step)))
        if row.size:
            first = np.flatnonzero(np.diff(row, prepend=-1))
            ends[0, rows[done]] = t[first]
            ends[1, rows[done]] = t[np.append(first[1:], row.size) - 1]
        rows, values, log_sum = rows[~done], values[~done], refined[~done]
        before = change[~done]
        if not rows.size:
            break
    row, x, log_weight = (np.concatenate(part) for part in zip(*kept, strict=True))
    order = np.argsort(row, kind="stable")
    return Rule(row[order], x[order], log_weight[order], final, centre, scale, ends[0], ends[1])


def _log_sums(values: Floats) -> Floats:
    top = values.max(axis=1)
    sums: Floats = top + np.log(np.exp(values - top[:, None]).sum(axis=1))
    return sums


def _settle(
    function: Function, centre: Floats, scale: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Move every centre to its density's peak, and make the scale the peak's width.

    Also returned is which rows have a density at all, about the centre they were given.
    """
    centre, scale = centre.copy(), scale.copy()
    rows, alive = np.arange(centre.size), np.ones(centre.size, dtype=np.bool_)
    offsets = np.arange(-2.0, 3.0)
    for _ in range(300):
        x = centre[rows, None] + scale[rows, None] * offsets
        values = function(np.repeat(rows, 5), x.ravel()).reshape(x.shape)
        values = np.where(np.isnan(values), -np.inf, values)
        best = np.argmax(values, axis=1)
        at = np.arange(rows.size)
        top = values[at, best]
        left = top - values[at, np.maximum(best - 1, 0)]
        right = top - values[at, np.minimum(best + 1, 4)]
        edge = (best == 0) | (best == 4)
        wide = ~edge & (np.minimum(left, right) > 3.0)
        narrow = edge | (np.maximum(left, right) < 0.1)
        centre[rows] = x[at, best]
        scale[rows] *= np.where(wide, 0.4, np.where(narrow, 2.0, 1.0))
        nowhere = np.isneginf(top)
        alive[rows[nowhere]] = False
        rows = rows[(wide | narrow | (best != 2)) & ~nowhere]
        if not rows.size:
            return centre, scale, alive
    raise ValueError("the density has no peak: the posterior is improper, give a proper prior")


def _at(
    function: Function, rows: Rows, centre: Floats, scale: Floats, t: Floats, wanted: Floats
) -> Floats:
    """Log density of t at a grid of it, shape (rows, t), where wanted; -inf elsewhere."""
    values = np.full((rows.size, t.size), -np.inf)
    row, column = np.nonzero(wanted)
    if not row.size:
        return values
    at = t[column]
    x = centre[row] + scale[row] * np.sinh(at)
    found = function(rows[row], x) + np.log(scale[row] * np.cosh(at))
    values[row, column] = np.where(np.isnan(found), -np.inf, found)
    return values


def _first_level(function: Function, rows: Rows, centre: Floats, scale: Floats) -> Floats:
    """Values at multiples of `STEP`, as far out as any row has mass, shape (rows, 2 n + 1)."""
    n = REACH
    t = STEP * np.arange(-n, n + 1.0)
    values = _at(function, rows, centre, scale, t, np.ones((rows.size, t.size)))
    while True:
        alive = values[:, [0, -1]] > values.max(axis=1, keepdims=True) - CUT
        if not alive.any():
            return values
        if n > LIMIT:
            raise ValueError(
                "the posterior is improper, or nearly: its mass does not end; give a proper prior"
            )
        outer = STEP * np.arange(n + 1.0, n + MORE + 1.0)
        left, right = (
            _at(function, rows, centre, scale, side, np.tile(alive[:, [k]], MORE))
            for k, side in enumerate((-outer[::-1], outer))
        )
        values, n = np.concatenate([left, values, right], axis=1), n + MORE


def _halve(
    function: Function, rows: Rows, centre: Floats, scale: Floats, values: Floats, step: float
) -> Floats:
    """Put the points between into a grid, where its cells have mass."""
    half = values.shape[1] // 2
    alive = values > values.max(axis=1, keepdims=True) - CUT
    t = step * (np.arange(-half, half) + 0.5)
    between = _at(function, rows, centre, scale, t, alive[:, :-1] | alive[:, 1:])
    finer = np.empty((rows.size, 4 * half + 1))
    finer[:, ::2], finer[:, 1::2] = values, between
    return finer


class Nested:
    """A density of two coordinates with one of them integrated out, at any value of the other.

    What is learnt of the inner integrals' places serves the next calls as a guess.

    Parameters
    ----------
    log_density : callable
        Takes the outer and the inner coordinate, each (n,).
    outer, inner, scale : float
        A point with mass, and the width of the inner density there.
    """

    def __init__(
        self,
        log_density: Callable[[Floats, Floats], Floats],
        outer: float,
        inner: float,
        scale: float,
    ) -> None:
        self._log_density = log_density
        self._known = np.array([[outer], [inner], [np.log(scale)]])

    def rule(self, outer: Floats) -> Rule:
        """The inner integrals at values of the outer coordinate, shape (n,)."""
        known = self._known
        centre = np.interp(outer, known[0], known[1])
        scale = np.exp(np.interp(outer, known[0], known[2]))
        rule = integrate(lambda row, x: self._log_density(outer[row], x), centre, scale)
        self.learn(outer, rule)
        return rule

    def learn(self, outer: Floats, rule: Rule) -> None:
        """Take the places of inner integrals as guesses for the next."""
        self.guess(outer, rule.centre, rule.scale)

    def guess(self, outer: Floats, centre: Floats, scale: Floats) -> None:
        """Take centres and scales of inner integrals as guesses for the next."""
        found = np.array([outer, centre, np.log(scale)])
        merged = np.concatenate([self._known, found], axis=1)
        self._known = merged[:, np.unique(merged[0], return_index=True)[1]]

    def __call__(self, outer: Floats) -> Floats:
        """Log of the inner integral at values of the outer coordinate, shape (n,)."""
        return self.rule(outer).log_integral


@dataclass(frozen=True)
class Plane:
    """A nested quadrature: the inner rule of every outer node.

    Attributes
    ----------
    outer, inner : Rule
        ``inner.row`` counts the outer nodes.
    """

    outer: Rule
    inner: Rule

    @property
    def log_share(self) -> Floats:
        """Log of the outer rule's weights by the whole integral, without any density."""
        outer = self.outer
        share: Floats = outer.log_weight - outer.log_integral[0] - self.inner.log_integral
        return share

    @property
    def log_weight(self) -> Floats:
        """Log of every node's share of the integral, shape (inner nodes,)."""
        return self.log_share[self.inner.row] + self.inner.log_weight


@dataclass(frozen=True)
class Search:
    """Where to look for the mass of a density of two coordinates.

    Attributes
    ----------
    outer, inner : float
        A point with some mass.
    width : float
        Of the mass along the outer coordinate.
    known : (ndarray, ndarray, ndarray), optional
        Values of the outer coordinate, and the inner density's centres and scales there. Where
        densities fall off as powers a walk from the point may else end far from the inner peak.
    """

    outer: float
    inner: float
    width: float = 1.0
    known: tuple[Floats, Floats, Floats] | None = None


def nested_quadrature(log_density: Callable[[Floats, Floats], Floats], search: Search) -> Plane:
    """Integrate a density of (outer, inner) over the plane."""
    outer, inner, scale, known = search.outer, search.inner, 1.0, search.known
    if known is not None:
        inner = float(np.interp(outer, known[0], known[1]))
        scale = float(np.exp(np.interp(outer, known[0], np.log(known[2]))))
    nested = Nested(log_density, outer, inner, scale)
    if known is not None:
        nested.guess(*known)
    kept: list[tuple[Floats, Rule]] = []

    def integrated(row: Rows, x: Floats) -> Floats:
        kept.append((x, nested.rule(x)))
        return kept[-1][1].log_integral

    rule = integrate(integrated, np.array([outer]), np.array([search.width]))
    return Plane(rule, _rows_at(rule.x, kept))


def _rows_at(outer: Floats, kept: Sequence[tuple[Floats, Rule]]) -> Rule:
    """The inner rules of outer nodes, of all that have been made, each the last time."""
    x = np.concatenate([places for places, _ in kept])
    order = np.argsort(x, kind="stable")
    last = np.searchsorted(x[order], outer, side="right") - 1
    return _taken([rule for _, rule in kept], order[last])


def thinned(plane: Plane, by_outer: int, by_inner: int) -> Plane:
    """The quadrature with every so many of its outer nodes, and of the inner ones of each."""
    outer, inner = plane.outer, plane.inner
    first = np.searchsorted(inner.row, np.arange(outer.x.size))
    number = np.arange(inner.row.size) - first[inner.row]
    some = (inner.row % by_outer == 0) & (number % by_inner == 0)
    row, nothing = inner.row[some] // by_outer, np.zeros(-(-outer.x.size // by_outer), np.intp)
    rows = {
        name: getattr(inner, name)[::by_outer]
        for name in ("log_integral", "centre", "scale", "low", "high")
    }
    log_weight = outer.log_weight[::by_outer] + np.log(by_outer)
    fewer = replace(outer, row=nothing, x=outer.x[::by_outer], log_weight=log_weight)
    log_weight = inner.log_weight[some] + np.log(by_inner)
    return Plane(fewer, Rule(row=row, x=inner.x[some], log_weight=log_weight, **rows))


def halved(plane: Plane, log_density: Callable[[Floats, Floats], Floats]) -> Plane:
    """The quadrature with an outer node more between any two neighbours."""
    outer, inner = plane.outer, plane.inner
    centre, scale = outer.centre[0], outer.scale[0]
    t = np.arcsinh((outer.x - centre) / scale)
    middle, step = 0.5 * (t[1:] + t[:-1]), float(np.median(np.diff(t)))
    x = centre + scale * np.sinh(middle)
    nested = Nested(log_density, float(outer.x[0]), float(inner.centre[0]), float(inner.scale[0]))
    nested.learn(outer.x, inner)
    new = nested.rule(x)
    weight = new.log_integral + np.log(0.5 * step * scale * np.cosh(middle))
    both = np.concatenate([outer.x, x])
    order = np.argsort(both)
    log_weight = np.concatenate([outer.log_weight - np.log(2.0), weight])[order]
    rows = replace(outer, row=np.zeros(both.size, np.intp), x=both[order], log_weight=log_weight)
    return Plane(rows, _taken([inner, new], order))


def _taken(rules: Sequence[Rule], rows: Rows) -> Rule:
    """Rows of several rules as those of one, in the order given."""
    sizes = [rule.centre.size for rule in rules]
    place = np.full(sum(sizes), -1)
    place[rows] = np.arange(rows.size)
    before = np.cumsum([0, *sizes[:-1]])
    row = np.concatenate([place[rule.row + k] for rule, k in zip(rules, before, strict=True)])
    nodes = np.flatnonzero(row >= 0)
    nodes = nodes[np.argsort(row[nodes], kind="stable")]

    def every(name: str, some: Rows) -> Floats:
        values: Floats = np.concatenate([getattr(rule, name) for rule in rules])[some]
        return values

    return Rule(
        row[nodes], every("x", nodes), every("log_weight", nodes), every("log_integral", rows),
        every("centre", rows), every("scale", rows), every("low", rows), every("high", rows),
    )  # fmt: skip
