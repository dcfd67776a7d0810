"""The marginal density of a density's first and last coordinate, anywhere on their plane.

At the places of a grid on stretched axes the others are integrated out, by a lattice of their own
at each place; between these the log of the density is a polynomial through the nearest.
Polynomials of two degrees say how close the grid must be.
"""

from dataclasses import dataclass, replace
from math import comb

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.quadrature.growth import UnresolvedError, grow
from pyhier.quadrature.lattice import (
    LIMIT,
    SLAB,
    Grid,
    LogDensity,
    density_of_z,
    log_sums,
    multiples,
    on_axes,
    places_of,
)
from pyhier.quadrature.nested import CUT, Plane, Rule
from pyhier.quadrature.stretch import Stretch

POINTS = 12  # of a polynomial, along each axis
STEP = 0.25  # of the grid to begin with, in scales
APART = 0.5  # of the nodes of a quadrature, at most
ROUNDS = 5  # of closer places
ROUGH = {2: 1e-11, 3: 2e-9, 4: 2e-8}  # of the log density, by the density
MISSED = 1e-10  # of the whole, by fewer places: a row may be narrower than all of them
FAR_OFF, FARTHEST = 1e-6, 60.0  # how much less it counts far out, at least; where it does not
TOGETHER = 400_000  # nodes at a time, about
DEEP = 2e3  # below the highest, where logs stop
MARGIN = 3  # steps beyond the nodes that a lattice has


def _midway(points: int) -> Floats:
    """Weights of so many values at equal steps in the middle of them."""
    at = np.arange(points) - 0.5 * (points - 1)
    weight = np.array([(-1.0) ** j * comb(points - 1, j) for j in range(points)]) / at
    found: Floats = weight / weight.sum()
    return found


_OFF = _midway(POINTS) - np.concatenate([[0.0], _midway(POINTS - 2), [0.0]])


@dataclass(frozen=True)
class PlaneTable:
    """Log density of (first, last), up to the constants of the density that it is a marginal of.

    Attributes
    ----------
    stretches : (Stretch, Stretch)
    start, step : ndarray, shape (2,)
        The first places of the grid, and their distance.
    values : ndarray, shape (m, n)
        Log density of the stretched coordinates.
    every : (int, int)
        Which places are nodes of a quadrature.
    """

    stretches: tuple[Stretch, Stretch]
    start: Floats
    step: Floats
    values: Floats
    every: tuple[int, int] = (1, 1)

    def __call__(self, first: Floats, last: Floats) -> Floats:
        """Log density at places, each (n,)."""
        slope, inside, outward = np.zeros(first.size), [], np.zeros(first.size)
        for k, (stretch, x) in enumerate(zip(self.stretches, (first, last), strict=True)):
            with np.errstate(all="ignore"):
                z = stretch.z(x)
                slope += stretch.log_slope(z)
            at = (np.clip(z, -1e6, 1e6) - self.start[k]) / self.step[k]
            inside.append(np.clip(at, 0.0, self.values.shape[k] - 1.0))
            outward += np.abs(at - inside[k])
        found = self._between(*inside)
        out = np.flatnonzero(outward > 0.0)
        if out.size:  # beyond the grid the log density goes on falling as it does at the rim
            found[out] -= outward[out] * self._fall
        values: Floats = np.where(np.isfinite(slope), found - slope, -np.inf)
        return values

    def plane(self) -> "TablePlane":
        """The trapezoid rule, as a nested quadrature."""
        by = np.array(self.every)
        logs = self.values[:: by[0], :: by[1]].T  # a row of each last place
        step, shape = by * self.step, logs.shape
        first, last = (
            start + width * np.arange(size)
            for start, width, size in zip(self.start, step, shape[::-1], strict=True)
        )
        slope = self.stretches[1].log_slope(last)
        row, column = np.nonzero(logs > logs.max() - CUT)
        known, row = np.unique(row, return_inverse=True)
        x, weight = self.stretches[0].psi(first)[column], logs[known[row], column]
        weight = weight - slope[known[row]] + np.log(step[0])
        inner = _rows(row, x, weight, known.size)
        logs = inner.log_integral + slope[known] + np.log(step[1])
        outer = _rows(np.zeros(known.size, np.intp), self.stretches[1].psi(last[known]), logs, 1)
        return TablePlane(outer, inner, self)

    def halved(self) -> "PlaneTable":
        """With as many places again of the last coordinate, midway."""
        m, n = self.values.shape
        i, j = (part.ravel() for part in np.indices((m, n - 1)).astype(np.float64))
        midway = self._between(i, j + 0.5).reshape(m, n - 1)
        values = np.empty((m, 2 * n - 1))
        values[:, ::2] = self.values
        highest = np.maximum(self.values[:, 1:], self.values[:, :-1])
        values[:, 1::2] = np.minimum(midway, highest + 1.0)  # at a rim polynomials may swing
        step = self.step * np.array([1.0, 0.5])
        first, last = self.every
        return PlaneTable(self.stretches, self.start, step, values, (first, 2 * last))

    @property
    def _fall(self) -> float:
        """Of the log density in a step, at the rim, at least."""
        v = self.values
        ends = [v[1] - v[0], v[-2] - v[-1], v[:, 1] - v[:, 0], v[:, -2] - v[:, -1]]
        tops = [float(part[int(np.argmax(row))]) for part, row in
                zip(ends, (v[0], v[-1], v[:, 0], v[:, -1]), strict=True)]  # fmt: skip
        return max(1.0, min(tops))

    def _between(self, i: Floats, j: Floats) -> Floats:
        """By polynomials along both axes, at positions on the grid."""
        (a, left), (b, right) = (
            weights_near(x, size) for x, size in zip((i, j), self.values.shape, strict=True)
        )
        found = np.empty(i.size)
        near = np.arange(POINTS)
        for k in range(0, i.size, 4096):
            part = slice(k, k + 4096)
            rows, columns = a[part, None] + near, b[part, None] + near
            around = self.values[rows[:, :, None], columns[:, None, :]]
            found[part] = np.einsum("na,nab,nb->n", left[part], around, right[part])
        return found


@dataclass(frozen=True)
class TablePlane(Plane):
    """The trapezoid rule on a table.

    Attributes
    ----------
    table : PlaneTable
    """

    table: PlaneTable

    def finer(self) -> "TablePlane":
        """With a row more between any two neighbours."""
        table = self.table.halved() if self.table.every[1] == 1 else self.table
        first, last = table.every
        return replace(table, every=(first, (last + 1) // 2)).plane()


def _rows(row: NDArray[np.intp], x: Floats, weight: Floats, rows: int) -> Rule:
    """Nodes of rows in ascending order, and where each has its mass."""
    top = np.full(rows, -np.inf)
    np.maximum.at(top, row, weight)
    share = np.exp(weight - top[row])
    total = np.bincount(row, share, rows)
    centre = np.bincount(row, share * x, rows) / total
    scale = np.sqrt(np.bincount(row, share * (x - centre[row]) ** 2, rows) / total)
    found = top + np.log(total)
    ends = np.zeros((2, rows))
    return Rule(row, x, weight, found, centre, scale, ends[0], ends[1])


def weights_near(
    position: Floats, size: int, points: int = POINTS
) -> tuple[NDArray[np.int64], Floats]:
    """The first of the nearest of ``size`` places, and their weights, (n, points)."""
    start = np.clip(np.floor(position).astype(np.int64) - points // 2 + 1, 0, size - points)
    away = (position - start)[:, None] - np.arange(points)
    exact = away == 0.0
    barycentric = np.array([(-1.0) ** j * comb(points - 1, j) for j in range(points)])
    weight = barycentric / np.where(exact, 1.0, away)
    weight = np.where(exact.any(axis=1)[:, None], exact, weight)
    return start, weight / weight.sum(axis=1, keepdims=True)


def plane_table(
    log_density: LogDensity,
    stretches: tuple[Stretch, ...],
    reach: Floats,
    step: float,
    like: Floats | None = None,
    widest: float = np.inf,
) -> PlaneTable:
    """The marginal of the first and last coordinate where a lattice says that there is mass.

    Parameters
    ----------
    log_density : callable
        At points (n, d).
    stretches : tuple of Stretch
    reach : ndarray, shape (2, 2)
        The ends of the stretched first coordinate, and of the last, between which there is mass.
    step : float
        Of the lattices of the other coordinates.
    like : ndarray, shape (2,), optional
        Steps of the grid to begin with, such as did for a table of the same density.
    widest : float
        The widest step of the first coordinate itself.
    """
    d = len(stretches)
    spacing = np.array([min(STEP, widest / stretches[0].scale), STEP])
    spacing = spacing if like is None else np.minimum(spacing, like)
    before = np.full(2, np.inf)
    for round_ in range(ROUNDS):
        size = np.maximum(np.ceil((reach[:, 1] - reach[:, 0]) / spacing) + 2 * MARGIN, POINTS + 2)
        if not size.prod() < LIMIT:
            raise UnresolvedError(f"more than {LIMIT:,} places matter")
        start = reach.mean(axis=1) - 0.5 * (size - 1.0) * spacing
        axes = [start[k] + spacing[k] * np.arange(int(size[k])) for k in range(2)]
        values = _on_grid(log_density, stretches, axes, step)
        values = np.fmax(values, values.max(where=np.isfinite(values), initial=-np.inf) - DEEP)
        off = np.array([_roughness(part) for part in (values, values.T)])
        rough = (off > ROUGH[d]) & (off < 0.3 * before)  # what does not fall is rounding
        thin = np.array([_missed(part, 2) for part in (values, values.T)]) > np.sqrt(MISSED)
        if round_ == ROUNDS - 1 or not (rough | thin).any():
            break
        before = np.where(rough, off, before)
        finer = np.clip((0.3 * ROUGH[d] / np.maximum(off, 1e-300)) ** (1.0 / POINTS), 0.5, 0.9)
        spacing = np.where(rough, finer * spacing, np.where(thin, 0.5 * spacing, spacing))
    most = np.maximum(1, (APART / spacing).astype(np.int64)).tolist()
    first, last = (_every(part, k) for part, k in zip((values, values.T), most, strict=True))
    return PlaneTable((stretches[0], stretches[-1]), start, spacing, values, (first, last))


def _missed(values: Floats, every: int) -> float:
    """How far sums along the first axis are off by every so many of the places, of the whole."""
    shares = np.exp(values - values.max())
    some = every * shares[::every].sum(axis=0)
    return float(np.abs(some - shares.sum(axis=0)).sum() / shares.sum())


def _every(values: Floats, most: int) -> int:
    """Every how many of the places along the first axis are enough for sums, at most so many."""
    return next((k for k in range(most, 1, -1) if _missed(values, k) <= MISSED), 1)


def _roughness(values: Floats) -> float:
    """How far apart polynomials of two degrees are midway, along the first axis."""
    windows = np.lib.stride_tricks.sliding_window_view(values, POINTS, axis=0)
    off = np.abs(windows @ _OFF)
    middle = windows[..., POINTS // 2 - 1 : POINTS // 2 + 1].max(axis=-1)
    below = np.minimum(middle - values.max(), 0.0)
    return float((off * np.where(below > -FARTHEST, np.exp(below) + FAR_OFF, 0.0)).max())


def _on_grid(
    log_density: LogDensity, stretches: tuple[Stretch, ...], axes: list[Floats], step: float
) -> Floats:
    """Log of the sums over the other coordinates at all places of a grid."""
    # One place of the last coordinate after the other: what is known of it stays near.
    first, last = (part.ravel() for part in np.meshgrid(*axes))
    d, shape = len(stretches), (axes[1].size, axes[0].size)
    if d == 2:
        found = on_axes(log_density, stretches, np.column_stack([first, last]))
        return np.ascontiguousarray(found.reshape(shape).T)
    each = (15.0 / step) ** (d - 2)
    parts = int(np.ceil(first.size * each / TOGETHER))
    sums = [
        _sums(log_density, stretches, a, b, step)
        for a, b in zip(np.array_split(first, parts), np.array_split(last, parts), strict=True)
    ]
    return np.ascontiguousarray(np.concatenate(sums).reshape(shape).T)


def _sums(
    log_density: LogDensity,
    stretches: tuple[Stretch, ...],
    first: Floats,
    last: Floats,
    step: float,
) -> Floats:
    d = len(stretches)
    grids: list[Grid] = [first.take, *(multiples(step) for _ in range(d - 2)), last.take]

    def evaluate(index: NDArray[np.int64]) -> tuple[Floats, Floats]:
        both = np.column_stack([index, index[:, 0]])  # a problem is a place of two axes
        found = density_of_z(log_density, *places_of(stretches, grids, both))
        return found, found

    seeds = np.zeros((first.size, d - 1), dtype=np.int64)
    seeds[:, 0] = np.arange(first.size)
    grown = grow(evaluate, seeds, SLAB[d], LIMIT, problems=True)
    sums, _ = log_sums(grown, first.size)
    found: Floats = sums + (d - 2) * float(np.log(step))
    return found
