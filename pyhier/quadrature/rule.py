"""A density of one coordinate on panels, each with the nodes of a Gauss-Legendre rule.

A polynomial carries the log density on each panel, and the rule integrates exp of it; which panels
do is quadrature/panels.py's concern.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels import panels as kernel
from pyhier.quadrature.edges import NO_TAIL, Tail

ORDER = 16
BLOCK = 16_384  # parts of panels that are integrated at a time
NODES, WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
FROM_START = NODES + 1.0


def chebyshev(x: Floats) -> Floats:
    """Chebyshev polynomials below ORDER at points within [-1, 1], on a new last axis."""
    angle = np.arccos(np.clip(x, -1.0, 1.0))
    values: Floats = np.cos(angle[..., None] * np.arange(ORDER))
    return values


# From values at the nodes to Chebyshev coefficients; to values at the nodes of each half.
COEFFICIENTS: Floats = np.asarray(np.linalg.inv(chebyshev(NODES)), dtype=np.float64)
TO_LEFT, TO_RIGHT = (chebyshev(0.5 * (NODES + side)) @ COEFFICIENTS for side in (-1.0, 1.0))
_SLOPE = np.polynomial.chebyshev.chebder(np.eye(ORDER)).T  # of each polynomial, in these
_ENDS = chebyshev(np.array([-1.0, 1.0]))
AT_ENDS = _ENDS @ COEFFICIENTS
NEXT_TO_ENDS = np.array([-1.0, 1.0]) * (1.0 - 1e-6)  # poles may be at the ends themselves
TO_NEXT = chebyshev(NEXT_TO_ENDS) @ COEFFICIENTS
_SLOPESAT_ENDS = 2.0 * _ENDS[:, :-1] @ _SLOPE.T @ COEFFICIENTS


def nodes_of(start: Floats, length: Floats) -> Floats:
    """The nodes of panels, shape (panels, ORDER)."""
    return start[:, None] + (0.5 * length)[:, None] * FROM_START


Parts = tuple[Floats, Floats, Floats, Floats]  # start, length, error and values of panels


def in_order(parts: list[list[Floats]]) -> Parts:
    """Panels of several lots in ascending order."""
    if len(parts) == 1:
        start, length, error, values = parts[0]
        return start, length, error, values
    start, length, error = (np.concatenate([part[k] for part in parts]) for k in range(3))
    order = start.argsort()
    values = np.concatenate([part[3] for part in parts], axis=1)
    return start[order], length[order], error[order], np.take(values, order, axis=1)


def cut(start: Floats, length: Floats, parts: int) -> tuple[Floats, Floats]:
    """Panels cut into so many equal parts."""
    ends = start[:, None] + length[:, None] * (np.arange(parts + 1.0) / parts)
    return ends[:, :-1].ravel(), np.diff(ends, axis=1).ravel()


@dataclass(frozen=True)
class Panels:
    """Panels in ascending order; between two of them there may be a gap, without mass.

    Attributes
    ----------
    start, length : ndarray, shape (panels,)
    values : ndarray, shape (rows, panels, ORDER)
        At the nodes: the log density first, then whatever came with it.
    tails : (Tail, Tail)
        What is before the first panel, and after the last.
    lost : float
        About the relative error of the integral, and of an expectation that is of its size.
    worst : float
        The place where most of it comes from.
    edges : tuple of float
        Where the density ends.
    known_sums : (ndarray, float, float) or None
        `shares`, `peak` and the log of the integral by it, where they were computed already.
    """

    start: Floats
    length: Floats
    values: Floats
    tails: tuple[Tail, Tail] = (NO_TAIL, NO_TAIL)
    lost: float = 0.0
    worst: float = 0.0
    edges: tuple[float, ...] = ()
    known_sums: tuple[Floats, float, float] | None = None

    @cached_property
    def nodes(self) -> Floats:
        """The nodes, shape (panels, ORDER)."""
        return nodes_of(self.start, self.length)

    @property
    def end(self) -> float:
        """Right end of the last panel."""
        return float(self.start[-1] + self.length[-1])

    @cached_property
    def at_ends(self) -> tuple[list[float], list[float]]:
        """The log density at the first start and at the last end, and its slope there."""
        outer, length = self.values[0, [0, -1]], self.length[[0, -1]]
        slopes = (_SLOPESAT_ENDS * outer).sum(axis=1) / length
        return (AT_ENDS * outer).sum(axis=1).tolist(), slopes.tolist()

    @cached_property
    def weights(self) -> Floats:
        """Weights of the rule, without the density, shape (panels, ORDER)."""
        return self.length[:, None] * (0.5 * WEIGHTS)

    @property
    def shares(self) -> Floats:
        """Weights of the rule times the density, shape (panels, ORDER).

        With the shares of the tails their sum is one.
        """
        return self._sums[0]

    @cached_property
    def beyond(self) -> tuple[float, float]:
        """Share of the integral before the first panel and after the last."""
        left, right = (tail.log_mass - self.peak - self._sums[2] for tail in self.tails)
        return exp(left), exp(right)

    def nodes_beyond(self, side: int) -> tuple[Floats, Floats]:
        """Nodes between the first or the last panel and a pole, and their shares, ascending."""
        tail, end = self.tails[side], (float(self.start[0]), self.end)[side]
        part = tail.part_with(0.5 * (NODES + 1.0))
        nodes = tail.edge + (end - tail.edge) * part[:: -1 if side else 1]
        return nodes, 0.5 * self.beyond[side] * WEIGHTS

    @property
    def log_total(self) -> float:
        """Log of the integral."""
        return self.peak + self._sums[2]

    @property
    def peak(self) -> float:
        """The highest log density that was seen."""
        return self._sums[1]

    @cached_property
    def lowered(self) -> "Panels":
        """The density alone, by its `peak`.

        Where logs are of the size of 1e7, so is the log of the integral, rounded to 2e-9: what is
        normalised by it is as far off.
        """
        shares, peak, log_rest = self._sums
        left, right = (
            tail if tail is NO_TAIL else replace(tail, log_mass=tail.log_mass - peak)
            for tail in self.tails
        )
        values, sums = self.values[:1] - peak, (shares, 0.0, log_rest)
        return Panels(
            self.start, self.length, values, (left, right), self.lost, self.worst, self.edges, sums
        )

    @cached_property
    def _sums(self) -> tuple[Floats, float, float]:
        if self.known_sums is not None:
            return self.known_sums
        peak = float(self.values[0].max())
        shares = np.exp(self.values[0] - peak) * self.weights
        total = float(shares.sum())
        for tail in self.tails:
            if tail.log_mass > -inf:
                total += exp(tail.log_mass - peak)
        return shares / total, peak, log(total)

    def partial(
        self, panel: NDArray[np.intp], left: Floats, right: Floats, log_scale: float
    ) -> Floats:
        """Integrate exp(log density - log_scale) from left to right, within one panel each."""
        if panel.size > BLOCK:  # a table of polynomials for all of them would be a gigabyte
            blocks = [slice(i, i + BLOCK) for i in range(0, panel.size, BLOCK)]
            parts = [self.partial(panel[b], left[b], right[b], log_scale) for b in blocks]
            return np.concatenate(parts)
        inner = left[:, None] + 0.5 * (right - left)[:, None] * (NODES + 1.0)
        at = 2.0 * (inner - self.start[panel, None]) / self.length[panel, None] - 1.0
        coefficients = self.values[0][panel] @ COEFFICIENTS.T
        # Where a density falls off a cliff no polynomial follows it: a part is less than the whole.
        logs = np.einsum("ijk,ik->ij", chebyshev(at), coefficients) - log_scale
        density = np.exp(np.minimum(logs, 600.0))
        whole = np.exp(self.values[0][panel] - log_scale) @ WEIGHTS * (0.5 * self.length[panel])
        part: Floats = np.minimum(0.5 * (right - left) * (density @ WEIGHTS), whole)
        return part

    def quantiles(self, q: Floats, upper: bool, outer: Floats, log_scale: float) -> Floats:
        """Points with mass ``q`` below (above) them; NaN for those on no panel.

        ``outer`` is the mass below (above) the ends of all panels, that off the panels included.
        """
        values = np.ascontiguousarray(self.values[0])
        rule = (NODES, WEIGHTS, COEFFICIENTS)
        first = np.array([0, self.start.size])
        panels = (first, self.start, self.length, values)
        found: Floats = kernel.quantiles(q, upper, outer, *panels, log_scale, *rule)[0]
        return found

    def interpolate(self, panel: NDArray[np.intp], x: Floats) -> Floats:
        """The log density at points, within one panel each."""
        at = 2.0 * (x - self.start[panel]) / self.length[panel] - 1.0
        coefficients = self.values[0][panel] @ COEFFICIENTS.T
        values: Floats = np.einsum("ik,ik->i", chebyshev(at), coefficients)
        return values

    def cells(self, n: int) -> tuple[Floats, Floats, Floats]:
        """Cut every panel into ``n`` cells: their ends, the rows there, and the rows' slopes.

        Returns
        -------
        knots : ndarray, shape (panels * (n + 1),)
            Two panels that meet have a knot each there.
        rows, slopes : ndarray, shape (rows, panels * (n + 1))
        """
        at = np.tile(np.linspace(-1.0, 1.0, n + 1), self.start.size)
        panel = np.arange(at.size) // (n + 1)
        knots = self.start[panel] + 0.5 * self.length[panel] * (at + 1.0)
        coefficients = self.values @ COEFFICIENTS.T
        powers = chebyshev(at)
        rows = np.einsum("ij,rij->ri", powers, coefficients[:, panel])
        inner = coefficients[:, panel] @ _SLOPE
        slopes = np.einsum("ij,rij->ri", powers[:, :-1], inner) * (2.0 / self.length[panel])
        return knots, rows, slopes
