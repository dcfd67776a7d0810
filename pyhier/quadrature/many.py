"""Many densities of one coordinate at once, each a sum over its own uniform grid.

On z, with x = middle + width sinh(z), the tails of a density that falls off exponentially in x fall
off doubly so, and a sum over a uniform grid in z converges exponentially in its step (Takahasi and
Mori 1974, Publ. RIMS 9). Nodes that alternate in sign say how well: their sum is the square root of
the error, about. All arrays have a row a density, and all rows as many nodes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.quadrature.rule import COEFFICIENTS, NODES, ORDER, WEIGHTS, chebyshev

Rows = NDArray[np.intp]
# Log densities of densities (their numbers) at places of shape (rows, points).
LogDensities = Callable[[Rows, Floats], Floats]

DEEP = 38.0  # below the top, in logs, nodes end
COARSE, PAD = 14, 2.0  # nodes of the first look, and how far beyond the ends they go
FAR_APART, MANY = 13.0, 5  # ends that far apart get so many times as many
STEEP, ZOOMS = 4.0, 40  # fall to the next node for which one looks nearer, and how often
WIDEST, NARROWEST = 1.0, 1e-7  # widths
FARTHEST = 600.0  # of x, from the middle
SHORT, LONGER, EXTENDED = 2.0, 1.35, 20  # of a tail that is no power: first, then, and how often
ALMOST = 0.85  # of the depth will do


@dataclass(frozen=True)
class Grids:
    """Uniform grids in z, one a density.

    Attributes
    ----------
    middle, width : ndarray, shape (rows,)
        x = middle + width * sinh(z).
    low, high : ndarray, shape (rows,)
        The first and the last z.
    """

    middle: Floats
    width: Floats
    low: Floats
    high: Floats

    def __getitem__(self, rows: Rows) -> "Grids":
        return Grids(self.middle[rows], self.width[rows], self.low[rows], self.high[rows])

    def nodes(self, size: int) -> Floats:
        """The z of every grid with so many nodes, shape (rows, size)."""
        share = np.linspace(0.0, 1.0, size)
        return self.low[:, None] + (self.high - self.low)[:, None] * share

    def step(self, size: int) -> Floats:
        """Its step, shape (rows,)."""
        return (self.high - self.low) / (size - 1.0)

    def wider(self, factor: float, size: int) -> tuple["Grids", int]:
        """Grids with ends so many times as far out; and nodes of about as short steps."""
        low, high = (np.arcsinh(factor * np.sinh(end)) for end in (self.low, self.high))
        grids = Grids(self.middle, self.width, low, high)
        return grids, 2 * int(np.ceil(0.5 * size * (1.0 + 0.5 * np.log(factor)))) + 1

    def x(self, z: Floats) -> Floats:
        """Places x at z, shape (rows, points)."""
        return self.middle[:, None] + self.width[:, None] * np.sinh(z)

    def z(self, x: Floats) -> Floats:
        """And back."""
        return np.arcsinh((x - self.middle[:, None]) / self.width[:, None])

    def log_slope(self, z: Floats) -> Floats:
        """Log of the slope of x by z, shape (rows, points)."""
        far = np.abs(z)
        slope: Floats = np.log(0.5 * self.width)[:, None] + far + np.log1p(np.exp(-2.0 * far))
        return slope


def place(
    log_density: LogDensities,
    low: Floats,
    high: Floats,
    beside: Floats,
    falls: tuple[Floats, Floats],
    tilt: Floats,
) -> tuple[Grids, NDArray[np.bool_]]:
    """Grids that cover the mass of densities with one peak each.

    Parameters
    ----------
    log_density : callable
    low, high : ndarray, shape (rows,)
        Between them, about, the densities have their structure.
    beside : ndarray, shape (rows, places)
        Where else they may have.
    falls : (ndarray, ndarray)
        Exponents with which they fall off on both sides; inf where that is no power.
    tilt : ndarray, shape (rows,)
        Expectations of exp(k x) are asked for up to this k.

    Returns
    -------
    grids : Grids
    found : ndarray of bool, shape (rows,)
        Where a peak was found, with tails, and nothing was seen beyond them.
    """
    looks = _looks(log_density, low - PAD, high + PAD, beside)
    middle, width, top = _peaks(log_density, looks)
    sides, reaches = [], []
    known = np.isfinite(top) & np.isfinite(width)
    for sign, fall in zip((-1.0, 1.0), falls, strict=True):
        up = tilt if sign > 0.0 else np.zeros(tilt.size)
        power = np.isfinite(fall)
        reach = DEEP / np.maximum(np.where(power, fall - up, 1.0), 1e-3) + WIDEST
        reach = np.minimum(np.where(power, reach, SHORT), FARTHEST)
        ends, deep = _ends(log_density, middle, sign * reach, top, up)
        known &= deep
        reaches.append(ends)
        sides.append(np.arcsinh(ends / width))
    for rows, x, values in looks:
        off = x - middle[rows, None]
        outside = (off < reaches[0][rows, None]) | (off > reaches[1][rows, None])
        counts = values + np.maximum(off, 0.0) * tilt[rows, None]
        with np.errstate(invalid="ignore"):
            seen = outside & (counts > top[rows, None] - ALMOST * DEEP)
        known[rows] &= ~seen.any(axis=1)
    return Grids(middle, width, *sides), known


Look = tuple[Rows, Floats, Floats]  # rows, and at places of theirs, ascending, the values


def _looks(log_density: LogDensities, low: Floats, high: Floats, beside: Floats) -> list[Look]:
    """A first look at each: between its ends, at more places if these are far apart, and beside."""
    found = []
    far = high - low > FAR_APART
    for rows, size in ((np.flatnonzero(~far), COARSE), (np.flatnonzero(far), MANY * COARSE)):
        if rows.size:
            share = np.linspace(0.0, 1.0, size)
            x = low[rows, None] + (high - low)[rows, None] * share
            x = np.sort(np.hstack([x, beside[rows]]), axis=1)
            found.append((rows, x, log_density(rows, x)))
    return found


def _highest(looks: list[Look], size: int) -> tuple[Floats, Floats]:
    """The highest place seen of each, and how far away the next one may be."""
    centre, step = np.empty(size), np.empty(size)
    for rows, x, values in looks:
        every, last = np.arange(rows.size), x.shape[1] - 1
        at = values.argmax(axis=1)
        centre[rows] = x[every, at]
        before, after = x[every, np.maximum(at - 1, 0)], x[every, np.minimum(at + 1, last)]
        step[rows] = np.maximum(centre[rows] - before, after - centre[rows])
    return centre, step


def _peaks(log_density: LogDensities, looks: list[Look]) -> tuple[Floats, Floats, Floats]:
    """The highest place of each, the width there by the curvature, and the height."""
    size = sum(rows.size for rows, _, _ in looks)
    centre, step = _highest(looks, size)
    every = np.arange(size)
    three = log_density(every, centre[:, None] + step[:, None] * np.array([-1.0, 0.0, 1.0]))
    left, around = every, np.arange(-4.0, 5.0) / 4.0
    for _ in range(ZOOMS):
        fall = three[left, 1] - np.minimum(three[left, 0], three[left, 2])
        outside = ~np.isfinite(three[left]).all(axis=1)
        left = left[(fall > STEEP) | outside]
        if not left.size:
            break
        near = centre[left, None] + step[left, None] * around
        found = log_density(left, near)
        at = found.argmax(axis=1)
        centre[left], step[left] = near[np.arange(left.size), at], 0.25 * step[left]
        three[left] = _about(found, at)
    before, top, after = three.T
    with np.errstate(invalid="ignore", divide="ignore"):
        curvature = (2.0 * top - before - after) / step**2
        width = 1.0 / np.sqrt(np.maximum(curvature, WIDEST**-2.0))
        shift = np.clip(0.5 * (after - before) / (2.0 * top - before - after), -1.0, 1.0)
    shift = np.where(np.isfinite(shift), shift, 0.0)
    width = np.where(width >= NARROWEST, width, np.nan)
    return centre + shift * step, width, top


def _about(values: Floats, at: Rows) -> Floats:
    """Values before, at and after the highest, shape (rows, 3); at an end the end's own slope."""
    rows, last = np.arange(len(values)), values.shape[1] - 1
    inner = np.clip(at, 1, last - 1)
    before, mid, after = (values[rows, inner + k] for k in (-1, 0, 1))
    top = values[rows, at]
    before = np.where(at == 0, top, np.where(at == last, mid, before))
    after = np.where(at == last, top, np.where(at == 0, mid, after))
    return np.column_stack([before, top, after])


def _ends(
    log_density: LogDensities, middle: Floats, reach: Floats, top: Floats, tilt: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """How far from the middles nodes go on one side, and where the density is low enough there.

    A first guess may end too early: where the tail is no power, or not yet.
    """
    reach, done = reach.copy(), np.zeros(middle.size, dtype=np.bool_)
    left = np.flatnonzero(np.isfinite(top))
    for _ in range(EXTENDED):
        values = log_density(left, (middle[left] + reach[left])[:, None])[:, 0]
        values += tilt[left] * reach[left]
        with np.errstate(invalid="ignore"):
            deep = ~(values > top[left] - ALMOST * DEEP)
        done[left[deep]] = True
        left = left[~deep]
        if not left.size:
            break
        reach[left] = np.sign(reach[left]) * np.minimum(LONGER * np.abs(reach[left]), FARTHEST)
    return reach, done


def alternating(weight: Floats, values: Floats | float = 1.0) -> Floats:
    """How far sums over every other node are apart, relative to all, shape (rows,)."""
    part = weight * values
    signs = 1.0 - 2.0 * (np.arange(weight.shape[1]) % 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart: Floats = np.abs(part @ signs) / np.abs(part).sum(axis=1)
    return apart


# --- The distribution functions of the coordinates themselves, by panels in z ---------------------


@dataclass(frozen=True)
class PanelRows:
    """Densities in z on panels, as many each: for distribution functions and quantiles.

    Attributes
    ----------
    start, length : ndarray, shape (rows, panels)
    values : ndarray, shape (rows, panels, ORDER)
        Logs of the densities at the nodes; each integrates to one.
    below, above : ndarray, shape (rows, panels + 1)
        The mass below and above the ends of the panels.
    rough : ndarray, shape (rows, panels)
        By how much the mass on each may be off by its polynomial.
    """

    start: Floats
    length: Floats
    values: Floats
    below: Floats
    above: Floats
    rough: Floats

    @classmethod
    def of(
        cls, grids: Grids, panels: int, log_density: LogDensities, log_total: Floats
    ) -> "PanelRows":
        """Panels of equal length over the grids' ranges; densities have these integrals."""
        ends = grids.nodes(panels + 1)
        start, length = ends[:, :-1], np.diff(ends, axis=1)
        z = (start[..., None] + 0.5 * length[..., None] * (NODES + 1.0)).reshape(len(start), -1)
        values = log_density(np.arange(len(start)), grids.x(z)) + grids.log_slope(z)
        values = (values - log_total[:, None]).reshape(*start.shape, ORDER)
        mass = np.exp(values) @ (0.5 * WEIGHTS) * length
        below, above = np.zeros((2, len(start), panels + 1))
        np.cumsum(mass, axis=1, out=below[:, 1:])
        above[:, :-1] = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
        last = np.abs(values @ COEFFICIENTS[-2:].T).sum(axis=2)
        return cls(start, length, values, below, above, 0.25 * mass * last)

    @property
    def off(self) -> Floats:
        """By how much the mass differs from one, or may be off by the polynomials, (rows,)."""
        found: Floats = np.maximum(np.abs(self.below[:, -1] - 1.0), self.rough.sum(axis=1))
        return found

    def tail_off(self, z: Floats, upper: bool) -> Floats:
        """By how much the lower (upper) tails at z, (rows, points), may be off."""
        rough = self.rough[:, ::-1] if upper else self.rough
        off = np.cumsum(rough, axis=1)
        share = (z - self.start[:, :1]) / self.length[:, :1]
        last = self.start.shape[1] - 1
        at = np.clip(last - share + 1.0 if upper else share, 0.0, last).astype(np.intp)
        found: Floats = np.take_along_axis(off, at, axis=1)
        return found

    def tails(self, z: Floats) -> tuple[Floats, Floats]:
        """Mass below and above a z of each row, shape (rows,) each."""
        rows, panels = np.arange(z.size), self.start.shape[1]
        share = (z - self.start[:, 0]) / (self.length[:, 0])
        at = np.clip(share, 0.0, panels - 1e-9).astype(np.intp)
        part = np.clip(share - at, 0.0, 1.0)
        lower = self.below[rows, at] + self._within(at, np.zeros(z.size), part)
        rest = self._within(at, part, np.ones(z.size))
        upper = self.above[rows, at + 1] + rest
        return np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)

    def _within(self, at: Rows, first: Floats, last: Floats) -> Floats:
        """Mass between two shares of a panel of each row."""
        rows, size = np.arange(at.size), last - first
        inner = first[:, None] + size[:, None] * 0.5 * (NODES + 1.0)
        logs = np.einsum(
            "rnk,rk->rn", chebyshev(2.0 * inner - 1.0), self.values[rows, at] @ COEFFICIENTS.T
        )
        mean = np.exp(np.minimum(logs, 600.0)) @ (0.5 * WEIGHTS)
        mass: Floats = mean * size * self.length[rows, at]
        return mass
