"""A density of one coordinate on panels, each with the nodes of a Gauss-Legendre rule.

The log density of log tau is a sum of functions that are analytic in a strip of half-width pi / 2,
so a polynomial of degree 15 carries it on a panel of unit length or less, and exp of it is
integrated to rounding where it does not change by more than a factor e^8 within the panel. Panels
are halved until both hold; halves of a panel whose polynomial is good get their values from it, so
that a sharp peak over many groups costs no more passes over the data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]

ORDER = 16
CUT = 80.0  # panels below the peak by exp(-CUT) = 2e-35 are left out
CHANGE = 8.0

NODES, WEIGHTS = np.polynomial.legendre.leggauss(ORDER)


def _chebyshev(x: Floats) -> Floats:
    """Chebyshev polynomials below ORDER at points within [-1, 1], on a new last axis."""
    angle = np.arccos(np.clip(x, -1.0, 1.0))
    values: Floats = np.cos(angle[..., None] * np.arange(ORDER))
    return values


# Chebyshev coefficients of the polynomial through values at the nodes.
COEFFICIENTS = np.linalg.inv(_chebyshev(NODES))
_LEFT, _RIGHT = (_chebyshev(0.5 * (NODES + side)) @ COEFFICIENTS for side in (-1.0, 1.0))
_SLOPE = np.polynomial.chebyshev.chebder(np.eye(ORDER)).T  # of each polynomial, in these


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

    @property
    def nodes(self) -> Floats:
        """The nodes, shape (panels, ORDER)."""
        return _nodes(self.start, self.length)

    @property
    def end(self) -> float:
        """Right end of the last panel."""
        return float(self.start[-1] + self.length[-1])

    def at_ends(self) -> tuple[Floats, Floats]:
        """The log density at the first start and at the last end, and its slope there."""
        ends = COEFFICIENTS @ self.values[0][[0, -1]].T
        powers = _chebyshev(np.array([-1.0, 1.0]))
        slopes = np.einsum("ij,ji->i", powers[:, :-1], _SLOPE.T @ ends)
        return np.einsum("ij,ji->i", powers, ends), slopes * 2.0 / self.length[[0, -1]]

    @property
    def weights(self) -> Floats:
        """Weights of the rule, without the density, shape (panels, ORDER)."""
        return 0.5 * self.length[:, None] * WEIGHTS

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
    ends = np.arange(np.floor(low) - 2.0, np.ceil(high) + 3.0)
    ends = np.unique(np.clip(ends, *support))
    start, length, values = _sweep(function, ends)
    best = values[0].max()
    start, length, values = _extend(function, start, length, values, best, -1.0, 0.0, support)
    start, length, values = _extend(
        function, start, length, values, best, 1.0, right_of_high, support
    )
    return _refine(function, start, length, values)


def _evaluate(function: Function, start: Floats, length: Floats) -> Floats:
    rows = function(_nodes(start, length).ravel())
    return rows.reshape(len(rows), len(start), ORDER)


def _sweep(function: Function, ends: Floats) -> tuple[Floats, Floats, Floats]:
    """Panels between neighbouring ends that could hold mass.

    The ends are tried first. Within a panel the log density rises above its ends by no more than
    its curvature allows, for which the second difference serves, doubled.
    """
    at_ends = function(ends)[0]
    chosen = np.array([0, ends.size - 2])
    if np.all(np.isfinite(at_ends)):
        bend = np.abs(np.diff(at_ends, 2, prepend=at_ends[0], append=at_ends[-1]))
        reach = np.maximum(at_ends[:-1], at_ends[1:]) + np.maximum(bend[:-1], bend[1:])
        chosen = np.flatnonzero(reach > at_ends.max() - CUT)
    # Between two stretches of mass nothing is left out: panels stay one beside the other.
    ends = ends[chosen[0] : chosen[-1] + 2]
    start, length = ends[:-1], np.diff(ends)
    return start, length, _evaluate(function, start, length)


def _extend(
    function: Function,
    start: Floats,
    length: Floats,
    values: Floats,
    best: float,
    side: float,
    distance: float,
    support: tuple[float, float],
) -> tuple[Floats, Floats, Floats]:
    """Add panels to one side until the mass is gone, and as far as the given distance.

    To the left they are long, for there the density is a power of tau; ``_refine`` halves them
    where it is not. To the right they are of unit length (the mixtures change there).
    """
    step = 8.0 if side < 0.0 else 1.0
    edge = start[0] if side < 0.0 else start[-1] + length[-1]
    origin, batch = edge, 4
    limit = support[0] if side < 0.0 else support[1]
    while abs(edge - origin) < 2000.0 and edge != limit:
        outer = values[0][0, 0] if side < 0.0 else values[0][-1, -1]
        if outer < best - CUT and abs(edge - origin) >= distance:
            break
        grid = np.unique(np.clip(edge + side * step * np.arange(batch + 1), *support))
        new, sizes = grid[:-1], np.diff(grid)
        found = _evaluate(function, new, sizes)
        parts = [(new, sizes, found), (start, length, values)]
        first, second = parts if side < 0.0 else parts[::-1]
        start = np.concatenate([first[0], second[0]])
        length = np.concatenate([first[1], second[1]])
        values = np.concatenate([first[2], second[2]], axis=1)
        edge, batch = grid[0] if side < 0.0 else grid[-1], min(2 * batch, 8)
    return start, length, values


def _refine(function: Function, start: Floats, length: Floats, values: Floats) -> Panels:
    """Halve panels until each is resolved or holds no mass beside the others."""
    done: list[tuple[Floats, Floats, Floats]] = []
    best = -np.inf
    for _ in range(40):
        best = max(best, values[0].max())
        smooth = _is_smooth(values)
        change = np.ptp(values[0], axis=1) <= CHANGE
        alive = values[0].max(axis=1) > best - CUT
        finished = (smooth & change) | ~alive
        done.append((start[finished], length[finished], values[:, finished]))
        if np.all(finished):
            break
        start, length, values, smooth = (
            start[~finished], length[~finished], values[:, ~finished], smooth[~finished],
        )  # fmt: skip
        start, length, values = _halve(function, start, length, values, smooth)
    order = np.argsort(np.concatenate([s for s, _, _ in done]))
    start, length = (np.concatenate([part[k] for part in done])[order] for k in (0, 1))
    values = np.concatenate([part[2] for part in done], axis=1)[:, order]
    return Panels(start, length, values)


def _is_smooth(values: Floats) -> NDArray[np.bool_]:
    """Whether a polynomial carries the log density: its last coefficients are rounding."""
    coefficients = np.abs(values[0] @ COEFFICIENTS.T)
    size = np.maximum(1.0, coefficients.max(axis=1))
    return np.asarray(coefficients[:, -3:].max(axis=1) <= 1e-13 * size)


def _halve(
    function: Function,
    start: Floats,
    length: Floats,
    values: Floats,
    smooth: NDArray[np.bool_],
) -> tuple[Floats, Floats, Floats]:
    half = 0.5 * length
    starts, lengths = np.concatenate([start, start + half]), np.concatenate([half, half])
    children = np.concatenate([values @ _LEFT.T, values @ _RIGHT.T], axis=1)
    rough = np.flatnonzero(~np.concatenate([smooth, smooth]))
    if rough.size:
        children[:, rough] = _evaluate(function, starts[rough], lengths[rough])
    return starts, lengths, children
