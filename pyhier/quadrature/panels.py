"""A density of one coordinate on panels, each with the nodes of a Gauss-Legendre rule.

The log density of log tau is a sum of functions that are analytic in a strip of half-width pi / 2,
so a polynomial of degree 15 carries it on a panel of unit length or less, and exp of it is
integrated to rounding where it does not change by more than a factor e^8 within the panel. Panels
are halved until both hold; halves of a panel whose polynomial is good get their values from it, so
that a sharp peak over many groups costs no more passes over the data (src_cython/panels.pyx).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels import panels as kernel

Function = Callable[[Floats], Floats]

ORDER = 16
CUT = 80.0  # panels below the peak by exp(-CUT) = 2e-35 are left out
CHANGE = 8.0

# To the left panels are long, for there the density is a power of tau; to the right they are of
# unit length, for the mixtures change there. FAR is as far as the first look goes, BATCH as many
# panels as a later one adds.
LONG, FAR, BATCH = 8.0, 200.0, 4
LEFT = np.concatenate([[2.0, 4.0], np.arange(LONG, FAR + LONG, LONG)])

NODES, WEIGHTS = np.polynomial.legendre.leggauss(ORDER)


def _chebyshev(x: Floats) -> Floats:
    """Chebyshev polynomials below ORDER at points within [-1, 1], on a new last axis."""
    angle = np.arccos(np.clip(x, -1.0, 1.0))
    values: Floats = np.cos(angle[..., None] * np.arange(ORDER))
    return values


# Chebyshev coefficients of the polynomial through values at the nodes.
COEFFICIENTS: Floats = np.asarray(np.linalg.inv(_chebyshev(NODES)), dtype=np.float64)
_LEFT, _RIGHT = (_chebyshev(0.5 * (NODES + side)) @ COEFFICIENTS for side in (-1.0, 1.0))
_SLOPE = np.polynomial.chebyshev.chebder(np.eye(ORDER)).T  # of each polynomial, in these
_ENDS = _chebyshev(np.array([-1.0, 1.0]))
_AT_ENDS = _ENDS @ COEFFICIENTS
_SLOPES_AT_ENDS = 2.0 * _ENDS[:, :-1] @ _SLOPE.T @ COEFFICIENTS


@dataclass(frozen=True)
class Panels:
    """Panels in ascending order.

    Attributes
    ----------
    start, length : ndarray, shape (panels,)
    values : ndarray, shape (rows, panels, ORDER)
        At the nodes: the log density first, then whatever came with it.
    """

    start: Floats
    length: Floats
    values: Floats

    @cached_property
    def nodes(self) -> Floats:
        """The nodes, shape (panels, ORDER)."""
        return _nodes(self.start, self.length)

    @property
    def end(self) -> float:
        """Right end of the last panel."""
        return float(self.start[-1] + self.length[-1])

    @cached_property
    def at_ends(self) -> tuple[list[float], list[float]]:
        """The log density at the first start and at the last end, and its slope there."""
        outer, length = self.values[0, [0, -1]], self.length[[0, -1]]
        slopes = (_SLOPES_AT_ENDS * outer).sum(axis=1) / length
        return (_AT_ENDS * outer).sum(axis=1).tolist(), slopes.tolist()

    @cached_property
    def weights(self) -> Floats:
        """Weights of the rule, without the density, shape (panels, ORDER)."""
        return self.length[:, None] * (0.5 * WEIGHTS)

    @property
    def shares(self) -> Floats:
        """Weights of the rule times the density, to a sum of one, shape (panels, ORDER)."""
        return self._sums[0]

    @property
    def log_total(self) -> float:
        """Log of the integral."""
        return self._sums[1]

    @cached_property
    def _sums(self) -> tuple[Floats, float]:
        peak = float(self.values[0].max())
        shares = np.exp(self.values[0] - peak) * self.weights
        total = float(shares.sum())
        return shares / total, peak + log(total)

    def partial(
        self, panel: NDArray[np.intp], left: Floats, right: Floats, log_scale: float
    ) -> Floats:
        """Integrate exp(log density - log_scale) from left to right, within one panel each."""
        inner = left[:, None] + 0.5 * (right - left)[:, None] * (NODES + 1.0)
        at = 2.0 * (inner - self.start[panel, None]) / self.length[panel, None] - 1.0
        coefficients = self.values[0][panel] @ COEFFICIENTS.T
        density = np.exp(np.einsum("ijk,ik->ij", _chebyshev(at), coefficients) - log_scale)
        integral: Floats = 0.5 * (right - left) * (density @ WEIGHTS)
        return integral

    def quantiles(self, q: Floats, upper: bool, outer: Floats, log_scale: float) -> Floats:
        """Points with mass ``q`` below (above) them; NaN for those on no panel.

        ``outer`` is the mass below (above) the ends of all panels, that off the panels included.
        """
        values = np.ascontiguousarray(self.values[0])
        rule = (NODES, WEIGHTS, COEFFICIENTS)
        return kernel.quantiles(q, upper, outer, self.start, self.length, values, log_scale, *rule)

    def interpolate(self, panel: NDArray[np.intp], x: Floats) -> Floats:
        """The log density at points, within one panel each."""
        at = 2.0 * (x - self.start[panel]) / self.length[panel] - 1.0
        coefficients = self.values[0][panel] @ COEFFICIENTS.T
        values: Floats = np.einsum("ik,ik->i", _chebyshev(at), coefficients)
        return values

    def cells(self, n: int) -> tuple[Floats, Floats, Floats]:
        """Cut every panel into ``n`` cells: their ends, the rows there, and the rows' slopes.

        Returns
        -------
        knots : ndarray, shape (panels * n + 1,)
        rows, slopes : ndarray, shape (rows, panels * n + 1)
        """
        at = np.append(np.tile(np.linspace(-1.0, 1.0, n, endpoint=False), self.start.size), 1.0)
        panel = np.minimum(np.arange(at.size) // n, self.start.size - 1)
        knots = self.start[panel] + 0.5 * self.length[panel] * (at + 1.0)
        coefficients = self.values @ COEFFICIENTS.T
        powers = _chebyshev(at)
        rows = np.einsum("ij,rij->ri", powers, coefficients[:, panel])
        inner = coefficients[:, panel] @ _SLOPE
        slopes = np.einsum("ij,rij->ri", powers[:, :-1], inner) * (2.0 / self.length[panel])
        return knots, rows, slopes


def _nodes(start: Floats, length: Floats) -> Floats:
    return start[:, None] + 0.5 * length[:, None] * (NODES + 1.0)


def resolve(
    function: Function,
    low: float,
    high: float,
    right_of_high: float,
    support: tuple[float, float] = (-np.inf, np.inf),
) -> Panels:
    """Cover all of a density's mass by panels on which it is resolved.

    Parameters
    ----------
    function : callable
        Takes nodes (n,); returns rows (rows, n), the log density first.
    low, high : float
        Between them the density may have structure; outside it falls off smoothly.
    right_of_high : float
        How far to go to the right of ``high`` even where there is little mass.
    support : (float, float)
        Where the density ends abruptly, if it does.

    Returns
    -------
    Panels
    """
    start, length = _first(function, low, high, right_of_high, support)
    values = _evaluate(function, start, length)
    start, length, values = _extend(function, start, length, values, support)
    done: list[tuple[Floats, Floats, Floats]] = []
    best = -np.inf
    for _ in range(40):
        best = max(best, float(values[0].max()))
        *resolved, (start, length) = kernel.split(
            start, length, values, best - CUT, CHANGE, COEFFICIENTS, _LEFT, _RIGHT
        )
        done.append((resolved[0], resolved[1], resolved[2]))
        if not start.size:
            break
        values = _evaluate(function, start, length)
    return _in_order(done)


def _evaluate(function: Function, start: Floats, length: Floats) -> Floats:
    rows = function(_nodes(start, length).ravel())
    return rows.reshape(len(rows), len(start), ORDER)


def _in_order(parts: list[tuple[Floats, Floats, Floats]]) -> Panels:
    if len(parts) == 1:
        return Panels(*parts[0])
    start, length = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    order = start.argsort()
    values = np.concatenate([part[2] for part in parts], axis=1)
    return Panels(start[order], length[order], np.take(values, order, axis=1))


def _within(ends: Floats, support: tuple[float, float]) -> Floats:
    bounded = np.isfinite(support[0]) or np.isfinite(support[1])
    return np.unique(np.clip(ends, *support)) if bounded else ends


def _first(
    function: Function, low: float, high: float, right_of_high: float, support: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Panels to begin with: one beside the other, over all that could hold mass.

    The ends between ``low`` and ``high`` are tried first. Within a panel the log density rises
    above its ends by no more than its curvature allows, for which the second difference serves,
    doubled. Outside, it goes on falling with at least its slope there.
    """
    ends = _within(np.arange(np.floor(low) - 2.0, np.ceil(high) + 3.0), support)
    at_ends = function(ends)[0]
    first, last, left, right = 0, ends.size - 1, 0.0, right_of_high
    rise = at_ends[1:] - at_ends[:-1]
    if np.isfinite(rise).all():
        bend = np.zeros(ends.size)
        bend[1:-1] = abs(rise[1:] - rise[:-1])
        reach = np.maximum(at_ends[:-1], at_ends[1:]) + np.maximum(bend[:-1], bend[1:])
        floor = at_ends.max() - CUT
        chosen = (reach > floor).nonzero()[0]
        # Between two stretches of mass nothing is left out: panels stay one beside the other.
        first, last = chosen[0], chosen[-1] + 1
        left = _distance(at_ends[first] - floor, rise[first])
        right = max(right, _distance(at_ends[last] - floor, -rise[last - 1]))
    grid = [ends[first : last + 1]]
    if left > 0.0:
        grid.insert(0, ends[first] - LEFT[np.searchsorted(LEFT, min(left, LEFT[-1])) :: -1])
    if right > 0.0:
        grid.append(ends[last] + np.arange(1.0, np.ceil(right) + 1.0))
    ends = _within(np.concatenate(grid), support)
    return ends[:-1], ends[1:] - ends[:-1]


def _distance(height: float, slope: float) -> float:
    """How far a log density goes on above the floor, at this height above it."""
    return min(height / slope, FAR) if height > 0.0 and slope > 0.0 else 0.0


def _extend(
    function: Function, start: Floats, length: Floats, values: Floats, support: tuple[float, float]
) -> tuple[Floats, Floats, Floats]:
    """Go on with panels on both sides until the mass is gone."""
    for _ in range(1000):
        floor, grids = values[0].max() - CUT, []
        left, right = start[0], start[-1] + length[-1]
        if values[0, 0, 0] > floor and left > support[0]:
            grids.append(_within(left - LONG * np.arange(BATCH, -1.0, -1.0), support))
        if values[0, -1, -1] > floor and right < support[1]:
            grids.append(_within(right + np.arange(BATCH + 1.0), support))
        if not grids:
            break
        for grid in grids:
            new, size = grid[:-1], grid[1:] - grid[:-1]
            parts = [(start, length, values), (new, size, _evaluate(function, new, size))]
            first, second = parts if new[0] >= right else parts[::-1]
            start, length = (np.concatenate([first[k], second[k]]) for k in (0, 1))
            values = np.concatenate([first[2], second[2]], axis=1)
    return start, length, values
