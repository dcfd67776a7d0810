"""Exact draws from the density that a lattice covers, by rejection from what its nodes say.

About every node is a cell of one step. There the log density is bounded by the node's value, the
gradient that its neighbours show, and a slack for the curvature; what is drawn from these bounds
is accepted by the density itself. Should a draw ever be found above its bound, all bounds are
raised and all draws made anew, so that what is returned is exact.
"""

from functools import cached_property

import numpy as np

from pyhier._random import Generator, uniforms
from pyhier._types import Floats
from pyhier.quadrature.lattice import Lattice

SLACK = 0.2  # by which bounds are above the tangent, to begin with
STEEPEST = 30.0  # change of the log density over a cell that a bound follows


class LatticeDraws:
    """Independent draws of psi.

    Parameters
    ----------
    lattice : Lattice
    """

    def __init__(self, lattice: Lattice) -> None:
        self._lattice = lattice
        self._more = 0.0

    def draw(self, n: int, rng: Generator) -> Floats:
        """``n`` draws, shape (n, d)."""
        d = self._lattice.step.size
        found: list[Floats] = []
        missing = n
        while missing > 0:
            tries = int(1.2 * missing * np.exp(SLACK + self._more + 0.1 * d)) + 16
            u = uniforms(rng, (2 + d) * tries).reshape(2 + d, tries)
            z, above = self._propose(u)
            if above > 0.0:
                self._more += above + 0.1
                self.__dict__.pop("_cells", None)
                found, missing = [], n
                continue
            found.append(z[:missing])
            missing -= len(found[-1])
        drawn = np.concatenate(found)
        stretches = self._lattice.stretches
        return np.column_stack([stretch.psi(drawn[:, k]) for k, stretch in enumerate(stretches)])

    def _propose(self, u: Floats) -> tuple[Floats, float]:
        """The accepted draws of z, and by how much a density was above its bound, if one was."""
        gradient, level, below = self._cells
        picked = np.searchsorted(below, u[0] * below[-1], side="right")
        picked = np.minimum(picked, below.size - 1)
        slope = gradient[picked]
        offset = _tilted(u[2:].T, slope)
        z = (self._lattice.index[picked] + offset) * self._lattice.step
        density = self._lattice.at(z)
        excess = density - level[picked] - (slope * offset).sum(axis=1)
        with np.errstate(divide="ignore"):
            taken = np.log(u[1]) < excess
        return z[taken], float(excess.max(initial=0.0))

    @cached_property
    def _cells(self) -> tuple[Floats, Floats, Floats]:
        """Gradient of every cell's bound over its sides, level at the node, cumulated mass."""
        gradient, curvature = self._differences
        values = self._lattice.values
        bulge = 0.125 * np.maximum(curvature, 0.0).sum(axis=1)
        level = values + SLACK + self._more + bulge
        log_mass = level + _log_mean_tilt(gradient).sum(axis=1)
        return gradient, level, np.cumsum(np.exp(log_mass - log_mass.max()))

    @cached_property
    def _differences(self) -> tuple[Floats, Floats]:
        """First and second differences of the log density at every node along every axis."""
        index, values = self._lattice.index, self._lattice.values
        low = index.min(axis=0) - 1
        shape = tuple(index.max(axis=0) - low + 2)
        box = np.full(int(np.prod(shape)), np.nan)
        cells = np.ravel_multi_index(tuple((index - low).T), shape)
        box[cells] = values
        strides = np.append(np.cumprod(shape[:0:-1])[::-1], 1)
        up = np.stack([box[cells + stride] for stride in strides], axis=1) - values[:, None]
        down = values[:, None] - np.stack([box[cells - stride] for stride in strides], axis=1)
        for one, other in ((up, down), (down, up)):  # at the rim only one neighbour is known
            np.copyto(one, other, where=~np.isfinite(one))
        up, down = (np.where(np.isfinite(part), part, 0.0) for part in (up, down))
        gradient = np.clip(0.5 * (up + down), -STEEPEST, STEEPEST)
        return gradient, np.clip(up - down, -STEEPEST, STEEPEST)


def _log_mean_tilt(slope: Floats) -> Floats:
    """Log of the mean of exp(slope * x) over x in (-1/2, 1/2)."""
    half = 0.5 * np.abs(slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = half + np.log(-np.expm1(-2.0 * half)) - np.log(2.0 * half)
    return np.where(half < 1e-4, half * half / 6.0, logs)


def _tilted(u: Floats, slope: Floats) -> Floats:
    """Draws from the density exp(slope * x) on (-1/2, 1/2), by inversion."""
    size = np.abs(slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = -np.log1p(-u * -np.expm1(-size)) / size  # from the high end
    x = np.where(size < 1e-6, u, x)
    return np.where(slope > 0.0, 0.5 - x, x - 0.5)
