"""Integrals of a smooth density of one to four coordinates by sums over a uniform lattice.

For an analytic density with fast tails such a sum converges exponentially in the step (Trefethen
and Weideman 2014, SIAM Review 56). So the coordinates are put on axes on which tails are short
(stretch.py), the nodes grow from the mode wherever the density matters (growth.py), and an axis'
step is shortened until twice the step changes the integrals by no more than the square root of
what may be left: halving a step squares the error, or more.

A model plugs in by one function of many points, log_density(psi (nodes, d)) -> (nodes,), and by
what its coordinates are: logs of positive numbers, atanh of numbers in (-1, 1), or plain ones of
order one. The nodes with their weights are then good for the expectation of anything smooth; what
ends abruptly (an indicator) must come from the marginal along an axis (`Lattice.along`), which is
a density of its own at any place.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.quadrature.fitting import (
    Coordinate,
    check_tails,
    first_axes,
    moments_of,
    refit,
)
from pyhier.quadrature.growth import Grown, Index, UnresolvedError, grow
from pyhier.quadrature.stretch import Stretch
from pyhier.quadrature.transforms import from_line

LogDensity = Callable[[Floats], Floats]
Grid = Callable[[Index], Any]

LIMIT = 3_000_000  # nodes
# By the number of coordinates: how far below the top nodes matter, and the error to be met.
DEPTH = {1: 40.0, 2: 34.0, 3: 28.0, 4: 25.0}
TOLERANCE = {1: 1e-12, 2: 1e-11, 3: 1e-9, 4: 1e-7}
FIRST = {1: 0.5, 2: 0.55, 3: 0.6, 4: 0.72}  # steps to begin with, in scales
ROUNDS, FAR_OFF = 8, 2_000  # of shorter steps; steps from the mode
COARSE, LOOK, NEAR = 1.3, 50_000, 100  # step of the first look, its most nodes and steps
ROUGH, FINEST = 0.01, 0.1  # change by twice a step that has it halved, and how often
FAR_BELOW, FORGIVEN = 12.0, 2.3  # log of a density by the mass; log of how much more is borne
DIGITLESS = 1e9  # of a log density: its differences are good to 1e-7 no more
TOGETHER = 600_000  # nodes of lattices at places along an axis, about, that are held at a time
BLOCK = 8192  # nodes at a time
SQUARED = 0.02  # error of a sum by the square of what twice the step changes
SLAB = {
    1: 0.0,
    2: 30.0,
    3: 25.0,
    4: 16.0,
}  # the depth of a marginal's nodes below the top at its place


@dataclass(frozen=True)
class Lattice:
    """Nodes and weights.

    Attributes
    ----------
    log_density : callable
    coordinates : tuple of Coordinate
    stretches : tuple of Stretch
    step : ndarray, shape (d,)
    index : ndarray of int, shape (nodes, d)
    psi : ndarray, shape (nodes, d)
    values : ndarray, shape (nodes,)
        Log density of z at the nodes.
    weight : ndarray, shape (nodes,)
        They add up to one.
    log_total : float
        Log of the integral of the density.
    error : float
        Estimate of the relative error of the integrals.
    tails : ndarray, shape (d, 2)
        Exponents with which the density of every coordinate falls far out.
    """

    log_density: LogDensity
    coordinates: tuple[Coordinate, ...]
    stretches: tuple[Stretch, ...]
    step: Floats
    index: Index
    psi: Floats
    values: Floats
    weight: Floats
    log_total: float
    error: float
    tails: Floats

    def at(self, z: Floats) -> Floats:
        """Log density of z at places (points, d)."""
        return on_axes(self.log_density, self.stretches, z)

    def along(self, k: int, places: Floats, wider: float = 1.0) -> Floats:
        """Log of the marginal density of z[k] at places, shape (places,), up to `log_total`.

        The other coordinates are integrated out over a lattice of their own at each place, as deep
        below the top there as the whole lattice is below its own: relative errors do not grow in
        the tails. Its steps may be ``wider``, for the error is nearly the same factor everywhere.
        """
        each = self.weight.size / (float(np.ptp(self.index[:, k])) + 1.0)
        each *= wider ** (1.0 - self.step.size)
        parts = int(min(np.ceil(places.size * each / TOGETHER), places.size))
        if parts > 1:
            return np.concatenate([self.along(k, p, wider) for p in np.array_split(places, parts)])
        order = [k, *(i for i in range(self.step.size) if i != k)]
        steps = wider * self.step[order[1:]]
        grids: list[Grid] = [places.take, *map(multiples, steps)]
        stretches = [self.stretches[i] for i in order]

        def evaluate(index: Index) -> tuple[Floats, Floats]:
            psi, slope = places_of(stretches, grids, index)
            found = density_of_z(self.log_density, psi[:, np.argsort(order)], slope)
            return found, found

        which, near = self._nearest(k, places)
        others = np.round(near[:, order[1:]] / wider).astype(np.int64)
        seeds = distinct(np.column_stack([which, others]))
        grown = grow(evaluate, seeds, SLAB[len(order)], LIMIT, problems=True)
        sums, change = log_sums(grown, places.size)
        sums += float(np.log(steps).sum())
        below = self.log_total - sums  # far out, where there is little, digits are worth less
        rough = change > ROUGH * np.exp(np.clip(0.25 * (below - FAR_BELOW), 0.0, FORGIVEN))
        finer = rough.sum() * each * 2 ** (self.step.size - 1)
        if 0 < finer < TOGETHER and wider > FINEST:  # far out, where bends may be too sharp
            with suppress(UnresolvedError):  # then what there is must do
                sums[rough] = self.along(k, places[rough], 0.5 * wider)
        return sums

    def _nearest(self, k: int, places: Floats) -> tuple[Index, Index]:
        """The nodes that matter at the lattice's place nearest to each place, and which that is."""
        order = np.argsort(self.index[:, k], kind="stable")
        known, first, row = np.unique(self.index[order, k], return_index=True, return_inverse=True)
        top = np.maximum.reduceat(self.values[order], first)
        kept = self.values[order] >= top[row.ravel()] - SLAB[self.step.size]
        order, row = order[kept], row.ravel()[kept]
        wanted = places / self.step[k]
        at = np.searchsorted(0.5 * (known[1:] + known[:-1]), wanted)
        start, end = np.searchsorted(row, at), np.searchsorted(row, at, side="right")
        which = np.repeat(np.arange(places.size), end - start)
        before = np.cumsum(end - start) - (end - start)
        nodes: Index = self.index[order[np.arange(which.size) + (start - before)[which]]]
        return which, nodes


def lattice(
    log_density: LogDensity,
    start: Floats,
    coordinates: Sequence[Coordinate],
    *,
    tails: Floats | None = None,
    tolerance: float | None = None,
    limit: int = LIMIT,
    units: Sequence[float] | None = None,
) -> Lattice:
    """Cover the mass of a density by a lattice that resolves it.

    Parameters
    ----------
    log_density : callable
        At points (n, d), up to a constant; -inf where there is no density.
    start : ndarray, shape (d,)
        Where the search for the mode begins.
    coordinates : sequence of Coordinate
    tails : ndarray, shape (d, 2), optional
        Exponents with which the density of every coordinate falls far out on both sides, infinite
        where it falls faster; they are looked for where they are not known.
    tolerance : float
        The relative error to be met, by the estimate.
    limit : int
        The most nodes.
    units : sequence of float, optional
        About how wide each coordinate is, where that may be anything; 1 without it.

    Raises
    ------
    UnresolvedError
        If that takes more nodes.
    ValueError
        If the density does not fall off, naming the coordinate.

    Examples
    --------
    >>> def log_density(x):  # a normal one in two coordinates
    ...     return -0.5 * (x[:, 0] ** 2 - x[:, 0] * x[:, 1] + x[:, 1] ** 2)
    >>> plain = [Coordinate("a", "a", "identity"), Coordinate("b", "b", "identity")]
    >>> found = lattice(log_density, np.zeros(2), plain)
    >>> round(float(found.weight @ found.psi[:, 0] ** 2), 10)
    1.3333333333
    """
    d = len(coordinates)
    tolerance = TOLERANCE[d] if tolerance is None else tolerance
    stretches, seen = first_axes(
        log_density, start, coordinates, DEPTH[d], (1.0,) * d if units is None else units
    )
    tails = seen if tails is None else tails
    check_tails(tails, coordinates)
    stretches, narrow, psi = _look(log_density, coordinates, stretches, tails)
    step = FIRST[d] * narrow
    for _ in range(ROUNDS):
        seeds = _seeds(stretches, step, psi)
        found = _sum(log_density, coordinates, stretches, step, tails, limit, seeds)
        psi = found.psi[found.values > found.values.max() - DEPTH[d]]
        if found.error <= tolerance:
            return found
        change = _by_axis(_changes(found), d)
        wanted = np.sqrt(tolerance / (SQUARED * 2 * d))
        finer = np.clip((np.log(wanted) / np.log(np.minimum(change, 0.5))) ** -0.75, 0.4, 0.9)
        step = np.where(change > wanted, step * finer, step)
    raise UnresolvedError(
        f"its error is {found.error:.1g} with {found.weight.size:,} nodes, and does not fall"
    )


def distinct(index: Index) -> Index:
    """Those nodes that differ."""
    order = np.lexsort(index.T)
    new = (np.diff(index[order], axis=0) != 0).any(axis=1)
    found: Index = index[order[np.append(True, new)]]
    return found


def _seeds(stretches: tuple[Stretch, ...], step: Floats, psi: Floats) -> Index:
    """The nodes nearest to places where there is mass, and the one at 0."""
    z = [stretch.z(column) for stretch, column in zip(stretches, psi.T, strict=True)]
    near = np.round(np.column_stack(z) / step)
    near = near[(np.abs(near) < FAR_OFF).all(axis=1)]
    return distinct(np.vstack([np.zeros_like(step), near]).astype(np.int64))


def _look(
    log_density: LogDensity,
    coordinates: Sequence[Coordinate],
    stretches: tuple[Stretch, ...],
    tails: Floats,
) -> tuple[tuple[Stretch, ...], Floats, Floats]:
    """The axes anew, by a coarse lattice, which are how much narrower through the mode, and where.

    The last are places with mass.
    """
    d, lines = len(coordinates), [c.line for c in coordinates]
    for share in (1.0, 0.3):
        with suppress(UnresolvedError):
            depth = share * DEPTH[d]
            look = _sum(log_density, coordinates, stretches, COARSE, tails, LOOK, depth=depth)
            used = look.values > look.values.max() - depth
            psi, weight = look.psi[used], look.weight[used]
            again = tuple(
                refit(stretch, line, psi[:, k], weight, share)
                for k, (stretch, line) in enumerate(zip(stretches, lines, strict=True))
            )
            pairs = zip(stretches, again, strict=True)
            return again, np.array([min(1.0, old.scale / new.scale) for old, new in pairs]), psi
    return stretches, np.ones(d), np.empty((0, d))  # as the lines through the mode say


def on_axes(log_density: LogDensity, stretches: Sequence[Stretch], z: Floats) -> Floats:
    """Log density of z at places (points, d)."""
    psi, slope = np.empty_like(z), np.zeros(len(z))
    for k, stretch in enumerate(stretches):
        psi[:, k] = stretch.psi(z[:, k])
        slope += stretch.log_slope(z[:, k])
    return density_of_z(log_density, psi, slope)


def density_of_z(log_density: LogDensity, psi: Floats, slope: Floats) -> Floats:
    """Log density of z, with psi there, and the log of psi's area by that of z."""
    values = np.empty(len(psi))
    for i in range(0, len(psi), BLOCK):
        values[i : i + BLOCK] = log_density(psi[i : i + BLOCK])
    with np.errstate(invalid="ignore"):
        return np.where(values == -np.inf, -np.inf, values + slope)


def multiples(step: float) -> Grid:
    """The places of an axis with equal steps."""
    return lambda index: index * step


def places_of(
    stretches: Sequence[Stretch], grids: Sequence[Grid], index: Index
) -> tuple[Floats, Floats]:
    """Psi at nodes, and the log of its area by that of z: an axis has few places."""
    psi, slope = np.empty(index.shape), np.zeros(len(index))
    for k, (stretch, grid) in enumerate(zip(stretches, grids, strict=True)):
        column = index[:, k]
        low = int(column.min())
        z, at = grid(np.arange(low, int(column.max()) + 1)), column - low
        psi[:, k] = stretch.psi(z)[at]
        slope += stretch.log_slope(z)[at]
    return psi, slope


def _sum(
    log_density: LogDensity,
    coordinates: Sequence[Coordinate],
    stretches: tuple[Stretch, ...],
    step: Floats | float,
    tails: Floats,
    limit: int,
    seeds: Index | None = None,
    depth: float | None = None,
) -> Lattice:
    """The lattice of this step; with a depth of its own it is only a first look."""
    d = len(coordinates)
    step = np.broadcast_to(np.asarray(step, dtype=np.float64), (d,))
    tilt = _tilt(coordinates, tails)
    grids = [multiples(one) for one in step]
    middle = np.array([stretch.middle for stretch in stretches])
    found_psi: list[Floats] = []

    def evaluate(index: Index) -> tuple[Floats, Floats]:
        psi, slope = places_of(stretches, grids, index)
        values = density_of_z(log_density, psi, slope)
        if np.isnan(values).any():
            raise ValueError(
                f"the log density is no number at {_describe(coordinates, psi, values)}"
            )
        found_psi.append(psi)
        return values, values + np.maximum(psi - middle, 0.0) @ tilt

    rounds = FAR_OFF if depth is None else NEAR
    seeds = np.zeros((1, d), dtype=np.int64) if seeds is None else seeds
    grown = grow(evaluate, seeds, depth or DEPTH[d], limit, rounds=rounds)
    top = float(grown.values.max())
    if abs(top) > DIGITLESS:
        raise UnresolvedError(
            f"the log density is {top:.1g} at its top, so large that its differences have no "
            "digits: an sd that is given may be far too small for the data"
        )
    weight = np.exp(grown.values - top)
    total = float(weight.sum())
    log_total = top + float(np.log(total)) + float(np.log(step).sum())
    found = Lattice(
        log_density, tuple(coordinates), stretches, step, grown.index, np.concatenate(found_psi),
        grown.values, weight / total, log_total, np.inf, tails,
    )  # fmt: skip
    return replace(found, error=SQUARED * float((_changes(found) ** 2).sum()))


def _tilt(coordinates: Sequence[Coordinate], tails: Floats) -> Floats:
    """Powers of the natural values whose expectations nodes must be good for, up to the second."""
    return np.array(
        [moments_of(coordinate, right) if coordinate.line == "log" else 0
         for coordinate, right in zip(coordinates, tails[:, 1], strict=True)]
    )  # fmt: skip


def _describe(coordinates: Sequence[Coordinate], psi: Floats, values: Floats) -> str:
    bad = psi[int(np.flatnonzero(np.isnan(values))[0])]
    return ", ".join(f"{c.name} = {x:.6g}" for c, x in zip(coordinates, bad, strict=True))


def _changes(found: Lattice) -> Floats:
    """What lattices of half the nodes change: the mass, and means by the sds; shape (2^d - 1,).

    Entry v - 1 is of the nodes whose places along the axes in v (its bits) add up to an even
    number. It is the Fourier transform at half of what the whole lattice takes for 0.
    """
    d = found.step.size
    parity = np.zeros(found.weight.size, dtype=np.int64)
    for k in range(d):
        parity += (found.index[:, k] & 1) << k
    columns = [found.weight]
    for k, coordinate in enumerate(found.coordinates):
        natural = [found.psi[:, k]]
        if moments_of(coordinate, found.tails[k, 1]) == 2:
            natural.append(from_line(coordinate.line, found.psi[:, k]))
        for value in natural:
            mean = (found.weight * value).sum()  # no BLAS: its threads cost more than they save
            away = value - mean
            scale = np.sqrt((found.weight * away * away).sum())
            columns.append(found.weight * (away / scale if scale > 0.0 else 1.0))
    sums = np.array([np.bincount(parity, column, 2**d) for column in columns])
    for k in range(d):  # Walsh and Hadamard's transform
        pairs = sums.reshape(len(sums), -1, 2, 2**k)
        even, odd = pairs[:, :, 0], pairs[:, :, 1]
        sums = np.stack([even + odd, even - odd], axis=2).reshape(len(sums), -1)
    changes: Floats = np.abs(sums[:, 1:]).max(axis=0)
    return changes


def _by_axis(changes: Floats, d: int) -> Floats:
    """The largest change of a lattice that an axis has a part in, shape (d,)."""
    v = np.arange(1, 2**d)
    return np.array([changes[(v >> k) & 1 == 1].max() for k in range(d)])


def log_sums(grown: Grown, problems: int) -> tuple[Floats, Floats]:
    """Log of the sum of exp(values) of every problem, and what twice a step changes of it."""
    which = grown.index[:, 0]
    top = np.where(np.isfinite(grown.top), grown.top, 0.0)
    shares = np.exp(grown.values - top[which])
    total = np.bincount(which, shares, problems)
    change = np.zeros(problems)
    with np.errstate(divide="ignore", invalid="ignore"):
        for column in grown.index.T[1:]:
            signed = np.where(column & 1, -shares, shares)
            change = np.fmax(change, np.abs(np.bincount(which, signed, problems)) / total)
        sums: Floats = top + np.log(total)
    return sums, change
