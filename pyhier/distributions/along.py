"""The marginal of a lattice's coordinate: a smooth density along its axis.

At any place the other coordinates are integrated out, which is a lattice sum of its own; between
places half a step apart the log of the density is a polynomial through the nearest of them.
"""

from math import comb
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.distributions.density import LineMarginal
from pyhier.distributions.line_panels import ENDS
from pyhier.quadrature.fitting import moments_of
from pyhier.quadrature.lattice import DEPTH, SLAB, Lattice
from pyhier.quadrature.nested import CUT
from pyhier.quadrature.stretch import Stretch
from pyhier.quadrature.transforms import Line, from_line, log_slope, to_line

POINTS = 12  # of the polynomial; log densities are analytic for several steps about each
MORE = 6  # places added at a time on each side
LIMIT = 400  # places

WIDER = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.15}  # the other axes' steps, by those of the lattice
# Error of the log density where there is mass, and how much less it counts far out.
ROUGH, FAR_OFF = {1: 1e-11, 2: 1e-11, 3: 1e-10, 4: 3e-8}, 1e-4
HALVINGS = 3
DEEP = {d: DEPTH[d] - SLAB[d] for d in DEPTH}  # below the top, where a lattice is deep enough

_BARYCENTRIC = {
    points: np.array([(-1.0) ** j * comb(points - 1, j) for j in range(points)])
    for points in (POINTS, POINTS - 2)
}


class AxisMarginal(LineMarginal):
    """The distribution of a coordinate's natural value, or of the coordinate itself.

    Parameters
    ----------
    lattice : Lattice
    k : int
        Which coordinate.
    line : str, optional
        How the quantity is put on the coordinate's line; as the coordinate says without it, and
        "identity" for the coordinate itself.
    index : float
        Exponent below which powers of the quantity have expectations, where its tails do not say.
    """

    def __init__(
        self, lattice: Lattice, k: int, line: Line | None = None, index: float = np.inf
    ) -> None:
        coordinate = lattice.coordinates[k]
        natural: Line = coordinate.line if line is None else line
        self._stretch, self._natural = lattice.stretches[k], natural
        value = from_line(natural, lattice.psi[:, k])
        mean = float((lattice.weight * value).sum())
        var = float((lattice.weight * (value - mean) ** 2).sum())
        if natural == "log" and moments_of(coordinate, lattice.tails[k, 1]) < 2:
            index = float(lattice.tails[k, 1])
        density = AxisDensity(lattice, k)
        z = lattice.index[:, k] * lattice.step[k]
        centre = float((lattice.weight * z).sum())
        scale = float(np.sqrt((lattice.weight * (z - centre) ** 2).sum()))
        super().__init__(natural, density, centre, scale, index, (mean, var))
        low, high = (from_line(natural, np.array(end)) for end in coordinate.range)
        ends = ENDS[natural]
        self.support = (
            float(low) if np.isfinite(coordinate.range[0]) else ends[0],
            float(high) if np.isfinite(coordinate.range[1]) else ends[1],
        )

    def _to_line(self, x: Floats) -> Floats:
        return self._stretch.z(to_line(self._natural, x))

    def _from_line(self, place: Floats) -> Floats:
        return from_line(self._natural, self._stretch.psi(place))

    def _log_slope(self, place: Floats) -> Floats:
        slope = self._stretch.log_slope(place)
        return slope + log_slope(self._natural, self._stretch.psi(place))


class AxisDensity:
    """Log density of z along one axis, at any places; beyond the last ones psi's tails go on."""

    def __init__(self, lattice: Lattice, k: int) -> None:
        self._stretch: Stretch = lattice.stretches[k]
        self._left, self._right = lattice.tails[k]
        self._step = float(lattice.step[k])
        self._wider = WIDER[len(lattice.coordinates)]
        self._rough = ROUGH[len(lattice.coordinates)]
        self._first, self._values = self._on_nodes(lattice, k)
        for _ in range(LIMIT // MORE):
            if not self._extend(lattice, k):
                break
        else:
            raise ValueError(
                f"the density of {lattice.coordinates[k].name} does not end: it is improper"
            )
        a, b = np.flatnonzero(np.isfinite(self._values))[[0, -1]].tolist()
        if b - a >= POINTS:  # beyond these psi is at the end of its range
            self._first, self._values = self._first + a, self._values[a : b + 1]
        for _ in range(HALVINGS):
            if self._halved(lattice, k):
                break

    def _on_nodes(self, lattice: Lattice, k: int) -> tuple[int, Floats]:
        """The first place with nodes, and the density at all of them.

        Near the top the lattice itself is deep enough; far out every place takes one of its own.
        """
        at = lattice.index[:, k]
        first = int(at.min())
        top = np.full(int(at.max()) - first + 1, -np.inf)
        np.maximum.at(top, at - first, lattice.values)
        mass = np.bincount(at - first, lattice.weight)
        far = np.flatnonzero(top < lattice.values.max() - DEEP[len(lattice.coordinates)])
        with np.errstate(divide="ignore"):
            values = np.log(mass / self._step)
        if far.size:
            values[far] = self._at(lattice, k, first + far)
        return first, values

    def _halved(self, lattice: Lattice, k: int) -> bool:
        """Halve the step unless two polynomials agree midway; whether they do.

        Where they agree well the midway values are the polynomial's.
        """
        middle = np.arange(self._values.size - 1) + 0.5
        values = self._between(middle, POINTS)
        off = np.abs(values - self._between(middle, POINTS - 2))
        off *= np.exp(np.minimum(values - self._values.max(), 0.0)) + FAR_OFF
        if (off < self._rough).all():
            return True
        rough = off > 0.01 * self._rough
        values[rough] = self._at(lattice, k, self._first + middle[rough])
        both = np.empty(2 * self._values.size - 1)
        both[::2], both[1::2] = self._values, values
        self._first, self._step, self._values = 2 * self._first, 0.5 * self._step, both
        return False

    def _extend(self, lattice: Lattice, k: int) -> bool:
        """Add places on both sides while there is mass, no known tail begins, or there are few."""
        few, floor = self._values.size < POINTS, self._values.max() - CUT - 1.0
        end = self._first + self._values.size
        left = few or (self._values[0] > floor and not self._in_tail(0, -1.0, self._left))
        right = few or (
            self._values[-1] > floor and not self._in_tail(self._values.size - 1, 1.0, self._right)
        )
        if left:
            more = self._at(lattice, k, np.arange(self._first - MORE, self._first))
            self._first, self._values = self._first - MORE, np.concatenate([more, self._values])
        if right:
            more = self._at(lattice, k, np.arange(end, end + MORE))
            self._values = np.concatenate([self._values, more])
        return left or right

    def _in_tail(self, end: int, side: float, index: float) -> bool:
        """Whether the density falls off at an end as it does far out."""
        return np.isfinite(index) and abs(-side * self._slope(end, side) - index) < 1e-5 * index

    def _slope(self, end: int, side: float) -> float:
        """Of the log density of psi, at an end."""
        _, psi, near = self._edge(end, side)
        return float((near[1] - near[0]) / (psi[1] - psi[0]))

    def _mean_slope(self, end: int, side: float) -> float:
        """The same over several places, for rounding; falling as a power at least."""
        near = np.array([end - POINTS // 2 * int(side), end])
        at = (near + self._first) * self._step
        psi = self._stretch.psi(at)
        first, last = self._values[near] - self._stretch.log_slope(at)
        away = abs(psi[1] - self._stretch.middle)
        return float(-side * max(-side * (last - first) / (psi[1] - psi[0]), 1.0 / away))

    def _edge(self, end: int, side: float) -> tuple[Floats, Floats, Floats]:
        """The two outermost places, psi there and the log of its density."""
        edge = np.array([end - int(side), end])
        at = (edge + self._first) * self._step
        return at, self._stretch.psi(at), self._values[edge] - self._stretch.log_slope(at)

    def _at(self, lattice: Lattice, k: int, steps: Any) -> Floats:
        return lattice.along(k, steps * self._step, self._wider) - lattice.log_total

    def __call__(self, z: Floats) -> Floats:
        """Log density at places."""
        position = z / self._step - self._first
        end = self._values.size - 1
        inside = self._between(np.clip(position, 0.0, end))
        if (position >= 0.0).all() and (position <= end).all():
            return inside
        left = self._beyond(z, 0, self._left, -1.0)
        right = self._beyond(z, end, self._right, 1.0)
        return np.where(position < 0.0, left, np.where(position > end, right, inside))

    def _between(self, position: Any, points: int = POINTS) -> Floats:
        """By the polynomial through so many of the nearest places, in barycentric form."""
        size, near = self._values.size, np.arange(points)
        start = np.clip(np.floor(position).astype(np.int64) - points // 2 + 1, 0, size - points)
        away = (position - start)[:, None] - near
        exact = away == 0.0
        weights = _BARYCENTRIC[points] / np.where(exact, 1.0, away)
        weights = np.where(exact.any(axis=1)[:, None], exact, weights)
        around = self._values[start[:, None] + near]
        values: Floats = (weights * around).sum(axis=1) / weights.sum(axis=1)
        return values

    def _beyond(self, z: Floats, end: int, index: float, side: float) -> Floats:
        """A power tail from the last place on; a steeper one goes on as steeply as it was."""
        _, psi, near = self._edge(end, side)
        with np.errstate(all="ignore"):
            slope = -side * index if np.isfinite(index) else self._mean_slope(end, side)
            on = slope * (self._stretch.psi(z) - psi[1])
            values: Floats = near[1] + on + self._stretch.log_slope(z)
        return np.where(np.isnan(values), -np.inf, values)
