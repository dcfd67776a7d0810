"""Densities on unconstrained lines, each on panels of its own; many are resolved at once.

Panels are of t, with place = centre + scale * sinh(t) (quadrature/nested.py): first as many as hold
the mass, then halves of what no polynomial carries, all densities' values in one call. A density's
panels do not depend on the others beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels import panels as kernel
from pyhier.quadrature.nested import CUT
from pyhier.quadrature.rule import COEFFICIENTS, NODES, ORDER, WEIGHTS, Panels, nodes_of
from pyhier.quadrature.transforms import Line, from_line

Rows = NDArray[np.intp]
Function = Callable[[Rows, Floats], Floats]
OnPanels = Callable[[Rows, Floats], tuple[Floats, Floats]]

LENGTH = 0.75  # of the panels in t, to begin with
ROUGH = 1e-11  # last coefficients of a resolved panel, relative to its largest
HALVINGS = 14  # of panels at most, in which a spike in a wide density is found
SPIKES = 5  # halvings after which panels are halved only for their mass
NO_ERROR = 1e-11  # of t's density at its highest, of a panel's mass
MOST = 600  # panels of a density that may be halved at a time; what is rough then is an error
ROUNDING = 2e-15  # of a place, times the slope of the log density there: no panel is smoother
DEEP = 1e4  # below the highest, where logs stop
LIMIT = 700.0  # beyond which, on either side, a log or a logit is of no double
ENDS = {
    "identity": (-np.inf, np.inf),
    "log": (0.0, np.inf),
    "logit": (0.0, 1.0),
    "atanh": (-1.0, 1.0),
}


def _mass(logs: Floats, length: Floats) -> Floats:
    """The integral of a density over panels."""
    mass: Floats = np.exp(logs) @ WEIGHTS * (0.5 * length)
    return mass


def _sums_before(mass: Floats, first: Rows) -> Floats:
    """Sums of each row's numbers before every one of them, and of all: one more than numbers.

    Each row's are summed by themselves, whatever is beside it.
    """
    sizes = np.diff(first)
    row = np.repeat(np.arange(sizes.size), sizes)
    table = np.zeros((sizes.size, int(sizes.max(initial=0)) + 1))
    table[row, np.arange(mass.size) - first[row] + 1] = mass
    np.cumsum(table, axis=1, out=table)
    sums: Floats = table[np.arange(table.shape[1]) <= sizes[:, None]]
    return sums


@dataclass(frozen=True)
class Pieces:
    """Panels of several densities, in any order.

    Attributes
    ----------
    row : ndarray of int, shape (panels,)
        Whose each is.
    start, length : ndarray, shape (panels,)
    values : ndarray, shape (panels, ORDER)
        Of the log density of t, at the nodes.
    doubt : ndarray, shape (panels, ORDER)
        About the densities' relative errors there.
    """

    row: Rows
    start: Floats
    length: Floats
    values: Floats
    doubt: Floats

    def __getitem__(self, some: NDArray[np.bool_] | Rows) -> "Pieces":
        return Pieces(*(column[some] for column in self._columns))

    @property
    def _columns(self) -> tuple[Any, ...]:
        return self.row, self.start, self.length, self.values, self.doubt

    @staticmethod
    def together(parts: "list[Pieces]") -> "Pieces":
        """All parts' panels, by row and from left to right."""
        found = Pieces(*map(np.concatenate, zip(*(p._columns for p in parts), strict=True)))
        return found[np.lexsort((found.start, found.row))]


class LinePanels:
    """Densities of one kind of quantity, by the logs of the densities of their places on a line.

    Parameters
    ----------
    line : {"identity", "log", "logit", "atanh"}
    log_density : callable
        Takes densities' numbers and places on the line, each (n,); up to constants.
    centre, scale : ndarray, shape (rows,)
        A guess at where the mass of each is.
    beyond : ndarray, shape (rows, 2), optional
        The mass below -LIMIT and above LIMIT on the line, where it is known otherwise.
    on_panels : callable, optional
        Takes the numbers of panels' densities, (panels,), and places in order, (panels, ORDER);
        returns the logs of the densities and about their relative errors, each (panels * ORDER,).
    """

    def __init__(
        self,
        line: Line,
        log_density: Function,
        centre: Floats,
        scale: Floats,
        beyond: Floats | None = None,
        on_panels: OnPanels | None = None,
    ) -> None:
        self.line, self.log_density, self._on_panels = line, log_density, on_panels
        self._centre, self._scale = centre, scale
        self._beyond = np.zeros((centre.size, 2)) if beyond is None else beyond
        far = LIMIT if beyond is not None and line in ("log", "logit") else np.inf
        rows = np.arange(centre.size)
        self._ends = np.array([self.t(rows, np.full(rows.size, end)) for end in (-far, far)])

    def place(self, row: Rows, t: Floats) -> Floats:
        """The places at t, of t's shape (n,)."""
        return self._centre[row] + self._scale[row] * np.sinh(t)

    def t(self, row: Rows, place: Floats) -> Floats:
        """T at places, of their shape (n,)."""
        t: Floats = np.arcsinh((place - self._centre[row]) / self._scale[row])
        return t

    def _values(self, row: Rows, start: Floats, length: Floats) -> Pieces:
        """Panels with the log of t's density at their nodes."""
        t = nodes_of(start, length)
        whose = row[:, None]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            place = self.place(whose, t)
            if self._on_panels is None:
                logs = self.log_density(np.repeat(row, ORDER), place.ravel())
                doubt = np.zeros(t.shape)
            else:
                logs, doubt = self._on_panels(row, place)
            logs = logs.reshape(t.shape) + np.log(np.cosh(t))
        logs[np.isnan(logs)] = -np.inf
        return Pieces(row, start, length, logs, doubt.reshape(t.shape))

    def _clipped(self, row: Rows, start: Floats) -> Pieces:
        """Panels as far as they are between the ends of the line."""
        low, high = np.clip([start, start + LENGTH], *self._ends[:, row])
        some = high > low
        return self._values(row[some], low[some], (high - low)[some])

    def _cover(self) -> tuple[Pieces, Floats]:
        """Panels over all of the mass, and the highest log density of each row."""
        rows = np.arange(self._centre.size)
        found = self._clipped(np.repeat(rows, 6), np.tile(LENGTH * np.arange(-3.0, 3.0), rows.size))
        for _ in range(100):
            first = np.searchsorted(found.row, rows)
            last = np.append(first[1:], found.row.size) - 1
            top = np.maximum.reduceat(found.values.max(axis=1), first)
            low, high = found.start[first], found.start[last] + found.length[last]
            left = (found.values[first, 0] > top - CUT) & (low > self._ends[0])
            right = (found.values[last, -1] > top - CUT) & (high < self._ends[1])
            if not (left.any() or right.any()):
                return found, top
            row = np.concatenate([np.tile(rows[left], 2), np.tile(rows[right], 2)])
            starts = [low[left] - 2.0 * LENGTH, low[left] - LENGTH, high[right]]
            more = self._clipped(row, np.concatenate([*starts, high[right] + LENGTH]))
            found = Pieces.together([found, more])
        raise ValueError("the mass of the density does not end: the posterior is improper")

    @cached_property
    def _resolved(self) -> tuple[Pieces, Rows, Floats, Floats]:
        """Panels that carry the log densities; where each row's begin; log masses and errors."""
        found, best = self._cover()
        rows, error, done = best.size, np.zeros(best.size), []
        for level in range(HALVINGS):
            values = np.maximum(found.values, best[found.row, None] - DEEP)
            found = replace(found, values=values)
            rough, left = self._rough(found, best)
            many = np.bincount(found.row[rough], minlength=rows)[found.row]
            late = (many > MOST) | (level >= SPIKES)  # what is left is small, or an error
            again = (left > NO_ERROR) & (level < HALVINGS - 1) & (many <= MOST)
            rough &= ~late | again
            error += np.bincount(found.row, np.where(late & ~rough, left, 0.0), rows)
            done.append(found[~rough])
            if not rough.any():
                break
            row, half = found.row[rough], 0.5 * found.length[rough]
            start = np.concatenate([found.start[rough], found.start[rough] + half])
            found = self._values(np.tile(row, 2), start, np.tile(half, 2))
        return self._normalised(Pieces.together(done), best, error)

    def _rough(self, found: Pieces, best: Floats) -> tuple[NDArray[np.bool_], Floats]:
        """Which panels no polynomial carries, and about how much of the mass that may cost."""
        logs = (found.values - best[found.row, None]).T.copy()  # NumPy is quick along long axes
        size = np.abs(COEFFICIENTS @ logs)
        last = np.maximum(size[-1], size[-2])
        allowed = np.maximum(1.0, size.max(axis=0)) * ROUGH
        rough = last > np.maximum(allowed, self._rounding(found, size))
        rough &= logs.max(axis=0) > -CUT
        left = np.zeros(last.size)
        mass = np.exp(logs[:, rough]).T @ WEIGHTS * (0.5 * found.length[rough])
        left[rough] = np.minimum(last[rough], 1.0) * mass
        return rough, left

    def _rounding(self, found: Pieces, size: Floats) -> Floats:
        """How rough the rounding of places makes the log density on panels."""
        low = self.place(found.row, found.start)
        high = self.place(found.row, found.start + found.length)
        steepness: Floats = size[1:].sum(axis=0) / (high - low)
        return ROUNDING * steepness * np.maximum(np.abs(low), np.abs(high))

    def _normalised(
        self, found: Pieces, best: Floats, error: Floats
    ) -> tuple[Pieces, Rows, Floats, Floats]:
        first = np.searchsorted(found.row, np.arange(best.size + 1))
        logs = found.values - best[found.row, None]
        with np.errstate(over="ignore", divide="ignore"):
            known = np.exp(np.log(self._beyond.sum(axis=1)) - np.log(self._scale) - best)
        total = np.add.reduceat(_mass(logs, found.length), first[:-1]) + known
        values = logs - np.log(total)[found.row, None]
        panels = replace(found, values=values)
        return panels, first, best + np.log(total) + np.log(self._scale), error / total

    @property
    def log_mass(self) -> Floats:
        """Logs of the integrals of the densities that were given, shape (rows,)."""
        return self._resolved[2]

    @property
    def error(self) -> Floats:
        """About what panels that stay rough leave of the mass, shape (rows,)."""
        return self._resolved[3]

    @property
    def doubt(self) -> Floats:
        """About how far the densities' own errors put probabilities off, shape (rows,)."""
        found, first = self._resolved[:2]
        known = np.where(self.weights > 0.0, found.doubt, 0.0)
        doubt: Floats = np.add.reduceat((self.weights * known).sum(axis=1), first[:-1])
        return doubt

    def alone(self, row: int) -> "LinePanels":
        """The panels of one density, which know of no other."""
        found, first, log_mass, error = self._resolved
        panels = found[np.arange(first[row], first[row + 1])]
        one = LinePanels(
            self.line, self.log_density, self._centre[[row]], self._scale[[row]],
            self._beyond[[row]],
        )  # fmt: skip
        own = replace(panels, row=np.zeros_like(panels.row))
        ends = np.array([0, panels.row.size])
        one.__dict__["_resolved"] = own, ends, log_mass[[row]], error[[row]]
        return one

    def of(self, row: int) -> Panels:
        """The panels of one density, its integral one."""
        found, first = self._resolved[:2]
        part = slice(first[row], first[row + 1])
        return Panels(found.start[part], found.length[part], found.values[np.newaxis, part])

    @cached_property
    def weights(self) -> Floats:
        """The nodes' parts of the mass, shape (panels, ORDER)."""
        found = self._resolved[0]
        weights: Floats = np.exp(found.values) * (0.5 * found.length[:, None] * WEIGHTS)
        return weights

    @property
    def _outside(self) -> Floats:
        """The mass below -LIMIT and above LIMIT, of all, shape (rows, 2)."""
        with np.errstate(divide="ignore"):  # an integral may be of the size of exp(-10,000)
            return np.exp(np.log(self._beyond) - self.log_mass[:, None])

    @cached_property
    def cumulated(self) -> tuple[Floats, Floats]:
        """Mass below the ends of all panels, and above them: one more than panels for each row."""
        first, mass = self._resolved[1], self.weights.sum(axis=1)
        below, above = _sums_before(mass, first), _sums_before(mass[::-1], mass.size - first[::-1])
        above = above[::-1]
        lowest, highest = (np.repeat(side, np.diff(first) + 1) for side in self._outside.T)
        return below + lowest, above + highest

    def places(self, below: Floats) -> tuple[Rows, Floats]:
        """Nodes with about these shares of the mass below them, the rows one after the other."""
        found, first = self._resolved[:2]
        nodes, rows = nodes_of(found.start, found.length).ravel(), np.arange(first.size - 1)
        mass = np.cumsum(self.weights)
        before = np.append(0.0, mass)[ORDER * first]
        asked = before[:-1, None] + below * np.diff(before)[:, None]
        at = np.minimum(np.searchsorted(mass, asked), ORDER * first[1:, None] - 1).ravel()
        row = np.repeat(rows, below.size)
        return row, self.place(row, nodes[at])

    def quantiles(
        self,
        q: Floats,
        upper: bool,
        value: Callable[[Floats], Floats] | None = None,
        support: tuple[float, float] | None = None,
    ) -> Floats:
        """The values with ``q`` below (above) them, each by the smaller tail; shape (rows, q).

        What a place's value is, and between which ends, is the line's own where it is not given.
        """
        side, small = int(upper), q <= 0.5
        t = np.empty((self._centre.size, q.size))
        t[:, small] = self._invert(q[small], side)
        t[:, ~small] = self._invert(1.0 - q[~small], 1 - side)
        row = np.arange(self._centre.size)[:, None]
        place = self.place(row, t)
        values = from_line(self.line, place) if value is None else value(place)
        outside = self._outside
        near, far = (
            (outside[:, [1]], outside[:, [0]]) if upper else (outside[:, [0]], outside[:, [1]])
        )
        ends = ENDS[self.line] if support is None else support
        first, last = ends[::-1] if upper else ends
        return np.where(q <= near, first, np.where(1.0 - q <= far, last, values))

    def _invert(self, q: Floats, side: int) -> Floats:
        """T with mass ``q`` outside it; NaN where it is beyond the panels."""
        found, first = self._resolved[:2]
        panels = (first, found.start, found.length, found.values)
        rule = (NODES, WEIGHTS, COEFFICIENTS)
        outer = self.cumulated[side]
        return kernel.quantiles(np.ascontiguousarray(q), bool(side), outer, *panels, 0.0, *rule)
