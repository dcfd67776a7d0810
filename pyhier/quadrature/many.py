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
    falls: tuple[Floats, Floats],
    tilt: Floats,
) -> tuple[Grids, NDArray[np.bool_]]:
    """Grids that cover the mass of densities with one peak each.

    Parameters
    ----------
    log_density : callable
    low, high : ndarray, shape (rows,)
        Between them, about, the densities have their structure.
    falls : (ndarray, ndarray)
        Exponents with which they fall off on both sides; inf where that is no power.
    tilt : ndarray, shape (rows,)
        Expectations of exp(k x) are asked for up to this k.

    Returns
    -------
    grids : Grids
    found : ndarray of bool, shape (rows,)
        Where a peak was found, with tails.
    """
    middle, width, top = _peaks(log_density, low - PAD, high + PAD)
    sides = []
    known = np.isfinite(top) & np.isfinite(width)
    for sign, fall in zip((-1.0, 1.0), falls, strict=True):
        up = tilt if sign > 0.0 else np.zeros(tilt.size)
        power = np.isfinite(fall)
        reach = DEEP / np.maximum(np.where(power, fall - up, 1.0), 1e-3) + WIDEST
        reach = np.minimum(np.where(power, reach, SHORT), FARTHEST)
        ends, deep = _ends(log_density, middle, sign * reach, top, up)
        known &= deep
        sides.append(np.arcsinh(ends / width))
    return Grids(middle, width, *sides), known


def _peaks(log_density: LogDensities, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """The highest place of each, the width there by the curvature, and the height."""
    every = np.arange(low.size)
    share = np.linspace(0.0, 1.0, COARSE)
    x = low[:, None] + (high - low)[:, None] * share
    values = log_density(every, x)
    best = values.argmax(axis=1)
    step, centre = (high - low) / (COARSE - 1.0), x[every, best]
    three = _about(values, best)
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
    below : ndarray, shape (rows, panels + 1)
        The mass below the ends of the panels.
    off : ndarray, shape (rows,)
        By how much the mass on the panels differs from one, or may be off by their polynomials.
    """

    start: Floats
    length: Floats
    values: Floats
    below: Floats
    off: Floats

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
        below = np.zeros((len(start), panels + 1))
        np.cumsum(mass, axis=1, out=below[:, 1:])
        last = np.abs(values @ COEFFICIENTS[-2:].T).sum(axis=2)
        rough = 0.25 * (mass * last).sum(axis=1)
        return cls(start, length, values, below, np.maximum(np.abs(below[:, -1] - 1.0), rough))

    def cdf(self, z: Floats) -> Floats:
        """Mass below a z of each row, shape (rows,)."""
        rows, panels = np.arange(z.size), self.start.shape[1]
        share = (z - self.start[:, 0]) / (self.length[:, 0])
        at = np.clip(share, 0.0, panels - 1e-9).astype(np.intp)
        part = np.clip(share - at, 0.0, 1.0)
        inner = part[:, None] * 0.5 * (NODES + 1.0)
        logs = np.einsum(
            "rnk,rk->rn", chebyshev(2.0 * inner - 1.0), self.values[rows, at] @ COEFFICIENTS.T
        )
        within = np.exp(np.minimum(logs, 600.0)) @ (0.5 * WEIGHTS) * part * self.length[rows, at]
        found: Floats = np.clip(self.below[rows, at] + within, 0.0, 1.0)
        return found
