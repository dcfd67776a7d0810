"""Log likelihoods of one effect as tables for the kernels: polynomials on panels, and two ends.

Likelihoods whose logs have no singularity within pi of the line are right to rounding by
polynomials of degree 16 on panels of 1.2 (src_cython/likelihood_table.h).
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints

ORDER = 16  # nodes of a panel
WIDTH = 1.2  # of panels
BEYOND = 1e-5  # first terms of the series beyond the panels, of which the fourth do not matter
RESERVE = 40.0  # logs that a likelihood without a highest value may still grow beyond the panels
NEWTON = 100

_ANGLES = np.pi * (np.arange(ORDER) + 0.5) / ORDER


_TO_CHEBYSHEV = np.cos(np.outer(np.arange(ORDER), _ANGLES)) * (2.0 / ORDER)
_TO_CHEBYSHEV[0] *= 0.5
# Row k: the coefficients of powers of the k-th Chebyshev polynomial.
_POWERS = np.array(
    [np.pad(np.polynomial.chebyshev.cheb2poly(row[: k + 1]), (0, ORDER - k - 1))
     for k, row in enumerate(np.eye(ORDER))]
)  # fmt: skip


@dataclass(frozen=True)
class End(Frozen):
    """An end of log likelihoods: a line less a series in z = exp(-distance from 0 outward).

    Attributes
    ----------
    terms : ndarray, shape (3, groups)
        Of the series in z, z^2 and z^3.
    beyond : ndarray, shape (groups,)
        The scale times z at which the panels end.
    scale : ndarray, shape (groups,)
        Times z it is one where the likelihood turns into its end.
    offset : ndarray, shape (groups,)
        What the distance outward plus it is, where the log of that is added to the line; NaN where
        nothing is.
    rated : ndarray, shape (groups,), optional
        Whether the slope is nowhere further from the line's than the scale times z.
    """

    terms: Floats
    beyond: Floats
    scale: Floats
    offset: Floats
    rated: NDArray[np.bool_]

    @property
    def place(self) -> Floats:
        """How far outward the panels end."""
        found: Floats = np.log(self.scale) - np.log(self.beyond)
        return found

    def rest(self) -> Floats:
        """The series where the panels end, shape (groups,)."""
        z = np.exp(-self.place)
        total: Floats = z * (self.terms[0] + z * (self.terms[1] + z * self.terms[2]))
        return total


class EffectLikelihood(Protocol):
    """Likelihoods of one effect a group, log-concave; y is a slope, y - most the other end's."""

    @property
    def y(self) -> Floats:
        """The slope of the log likelihood far to the left, shape (groups,)."""

    @property
    def most(self) -> Floats:
        """By how much it is more than that far to the right; 0: nothing is learned."""

    @property
    def columns(self) -> Floats:
        """What the likelihoods depend on, shape (k, groups)."""

    def take(self, groups: Ints) -> Self:
        """Those of some groups."""

    def ends(self) -> tuple[End, End]:
        """The log likelihoods' left and right ends."""

    def guess(self) -> Floats:
        """About the likeliest effects, shape (groups,)."""

    def excess(self, theta: Floats) -> Floats:
        """Minus the log likelihoods' two derivatives at (groups, points), (2, groups, points)."""

    def log_mass(self, theta: Floats) -> Floats:
        """Log likelihoods at one effect a group, (groups,)."""


@dataclass(frozen=True)
class LikelihoodTables(Frozen):
    """Log likelihoods of effects.

    Attributes
    ----------
    hat, highest, information : ndarray, shape (groups,)
        Where they are highest, infinite where nowhere; how high, or what they come near; and the
        curvature there.
    tables : ndarray
        One after another.
    start : ndarray, shape (groups,)
        Where each begins.
    """

    hat: Floats
    highest: Floats
    information: Floats
    tables: Floats
    start: Floats


def likelihood_tables(likelihood: EffectLikelihood) -> LikelihoodTables:
    """Tables of the log likelihoods; equal data have one."""
    _, first, which = np.unique(likelihood.columns, axis=1, return_index=True, return_inverse=True)
    some = np.flatnonzero(likelihood.most[first] > 0.0)
    hat, highest, information, start = np.zeros((4, first.size))
    tables = np.zeros(1)
    if some.size:
        inner = likelihood.take(first[some])
        ends = inner.ends()
        hat[some], information[some] = _likeliest(inner, ends)
        highest[some] = _highest(inner, ends, hat[some])
        parts = _tables(inner, ends, hat[some])
        start[some] = np.cumsum([0, *(part.size for part in parts[:-1])])
        tables = np.concatenate(parts)
    at = which.ravel()
    return LikelihoodTables(hat[at], highest[at], information[at], tables, start[at])


def power_terms(a: Floats, b: Floats, g: Floats) -> Floats:
    """Terms in z, z^2 and z^3 of the log of 2F1(-a, -b; g + 1; z), shape (3, groups)."""
    one = a * b / (g + 1.0)
    two = one * (a - 1.0) * (b - 1.0) / (2.0 * (g + 2.0))
    three = two * (a - 2.0) * (b - 2.0) / (3.0 * (g + 3.0))
    return np.array([one, two - one**2 / 2.0, three - one * two + one**3 / 3.0])


def _likeliest(likelihood: EffectLikelihood, ends: tuple[End, End]) -> tuple[Floats, Floats]:
    """Effects where the slopes are 0, and the curvatures there, each (groups,)."""
    y = likelihood.y
    hat = np.where(y == 0.0, -np.inf, np.inf)
    information = np.zeros(y.size)
    inside = np.flatnonzero((y > 0.0) & (y < likelihood.most))
    if not inside.size:
        return hat, information
    some = likelihood.take(inside)
    low, high = -ends[0].place[inside], ends[1].place[inside]
    theta = np.clip(some.guess(), low, high)
    for _ in range(NEWTON):
        off, var = some.excess(theta[:, np.newaxis])[..., 0]
        low, high = np.where(off < 0.0, theta, low), np.where(off > 0.0, theta, high)
        step = -off / var
        step = np.where(
            (theta + step < low) | (theta + step > high), 0.5 * (low + high) - theta, step
        )
        theta = theta + step
        if (np.abs(step) * np.sqrt(var) <= 1e-9).all():
            break
    hat[inside] = theta
    information[inside] = some.excess(theta[:, np.newaxis])[1, :, 0]
    return hat, information


def _reserve(end: End) -> Floats:
    """What the log likelihood may grow beyond the panels."""
    return np.where(np.isnan(end.offset), 0.0, RESERVE)


def _highest(likelihood: EffectLikelihood, ends: tuple[End, End], hat: Floats) -> Floats:
    """The highest log likelihoods, or what they come near at an end, shape (groups,)."""
    left, right = ends
    place = np.where(hat < 0.0, -left.place, right.place)
    rest = np.where(hat < 0.0, left.rest() + _reserve(left), right.rest() + _reserve(right))
    held = np.isfinite(hat)
    found: Floats = likelihood.log_mass(np.where(held, hat, place)) + np.where(held, 0.0, rest)
    return found


def _tables(likelihood: EffectLikelihood, ends: tuple[End, End], hat: Floats) -> list[Floats]:
    """The groups' tables, in which a finite ``hat`` is the middle of a panel."""
    left, right = -ends[0].place, ends[1].place
    middle = np.where(np.isfinite(hat), hat, left + 0.5 * WIDTH)
    before = np.ceil((middle - left) / WIDTH - 0.5).astype(np.intp)
    left = middle - (before + 0.5) * WIDTH
    panels = np.ceil((right - left) / WIDTH).astype(np.intp)
    right = left + panels * WIDTH
    rows = _rows(likelihood, left, panels)
    parts = []
    for j, powers in enumerate(np.split(rows, np.cumsum(panels)[:-1])):
        slopes = likelihood.y[j] - np.array([0.0, likelihood.most[j]])
        sides = _side(ends[0], j, left[j], 1.0), _side(ends[1], j, right[j], -1.0)
        tail = _with_heights(powers, slopes, int(before[j]), sides)
        parts.append(np.concatenate([[left[j], right[j], len(powers), 1.0 / WIDTH], *tail]))
    return parts


def _rows(likelihood: EffectLikelihood, left: Floats, panels: Ints) -> Floats:
    """Coefficients of powers of all panels but their constants, (panels, ORDER + 1)."""
    of = np.repeat(np.arange(panels.size), panels)
    number = np.arange(of.size) - np.repeat(np.cumsum(panels) - panels, panels)
    centre = left[of] + (number + 0.5) * WIDTH
    theta = centre[:, np.newaxis] + 0.5 * WIDTH * np.cos(_ANGLES)
    # By way of Chebyshev's, which fall: from values to powers at once would lose five digits.
    slope = -likelihood.take(of).excess(theta)[0] @ _TO_CHEBYSHEV.T @ _POWERS
    own = 0.5 * WIDTH * slope / np.arange(1.0, ORDER + 1.0)
    return np.concatenate([np.zeros((of.size, 1)), own], axis=1)


@dataclass(frozen=True)
class _Side(Frozen):
    """A group's end from the panels on: what the kernels take, the series there, the reserve."""

    beyond: Floats  # from END_TERMS on
    rest: float
    reserve: float


def _side(end: End, j: int, edge: float, toward: float) -> _Side:
    """A group's end beyond an edge; ``toward`` is 1 on the left and -1 on the right."""
    terms, z = end.terms[:, j], np.exp(toward * edge)
    growth = reserve = 0.0
    if not np.isnan(end.offset[j]):
        line = end.offset[j] - toward * edge
        growth = 1.0 / line
        reserve = RESERVE - np.log(line / (end.offset[j] + end.place[j]))
    rate = end.scale[j] if end.rated[j] else np.inf
    beyond = np.array([*terms, growth, -toward * np.log(end.scale[j]), rate])
    rest = float(z * (terms[0] + z * (terms[1] + z * terms[2])))
    return _Side(beyond, rest, reserve)


def _with_heights(
    powers: Floats, slopes: Floats, middle: int, sides: tuple[_Side, _Side]
) -> tuple[Floats, Floats, Floats]:
    """Both ends and the panels: heights are 0 at the highest, carried on from panel to panel."""
    signs = (-1.0) ** np.arange(ORDER + 1)
    low, high = powers @ signs, powers.sum(axis=1)  # heights at ends, of the middle's
    left, right = sides
    if slopes[0] == 0.0:
        heights = _onward(-left.rest - left.reserve - low[0], low, high)
    elif slopes[1] == 0.0:
        heights = _onward(-right.rest - right.reserve - high[-1], high[::-1], low[::-1])[::-1]
    else:
        up = _onward(0.0, low[middle:], high[middle:])
        down = _onward(0.0, high[middle::-1], low[middle::-1])
        heights = np.concatenate([down[:0:-1], up])
    powers[:, 0] = heights
    lines = [heights[0] + low[0] + left.rest, heights[-1] + high[-1] + right.rest]
    lines = [
        -side.reserve if slope == 0.0 else line
        for side, slope, line in zip(sides, slopes, lines, strict=True)
    ]
    below, above = (
        np.array([slope, line, *side.beyond])
        for side, slope, line in zip(sides, slopes, lines, strict=True)
    )
    return below, above, powers.ravel()


def _onward(first: float, entry: Floats, leave: Floats) -> Floats:
    """Heights of middles from the first one's on, by what panels rise from middle to ends."""
    heights: Floats = np.cumsum(np.concatenate([[first], leave[:-1] - entry[1:]]))
    return heights
