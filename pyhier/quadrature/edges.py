"""Where a density is not smooth: its ends, poles at them, and the rounding of its values.

All functions take the log density as a function of arrays, and places on the line.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, log, nan

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats

LogDensity = Callable[[Floats], Floats]

NEAREST = 1e-7  # how near to an end panels go; from there a power of the distance takes over
PARTS = np.geomspace(1.0, 1000.0, 48)  # of the distance to a pole at which it is looked at
SURE = 1e-8  # error of a pole's mass that is good enough
LARGEST = 1e300  # of a log density whose products with the parts are doubles
HALVINGS = 60  # of a bracket, down to neighbouring doubles


@dataclass(frozen=True)
class Tail:
    """The mass beyond the first or the last panel.

    Attributes
    ----------
    log_mass : float
        Log of the integral there, on the scale of the panels' values; -inf where there is none.
    edge : float
        Where the density ends; infinite where it goes on.
    power, bend, curve : float
        Towards the edge the density is the distance to it, as a part of that of the panels, raised
        to this power, times 1 + bend * distance + curve * distance^2.
    error : float
        Of the mass, relative to it.
    """

    log_mass: float = -inf
    edge: float = inf
    power: float = nan
    bend: float = 0.0
    curve: float = 0.0
    error: float = 0.0

    @property
    def terms(self) -> tuple[float, float]:
        """What bend and curve add to the mass within the whole distance, relative to the rest."""
        first = 1.0 + self.power
        return self.bend * first / (first + 1.0), self.curve * first / (first + 2.0)

    def mass_within(self, part: Floats) -> Floats:
        """The share of the mass within parts of the distance."""
        bend, curve = self.terms
        share: Floats = part ** (1.0 + self.power) * (1.0 + part * (bend + part * curve))
        return share / (1.0 + bend + curve)

    def density_at(self, part: Floats) -> Floats:
        """The slope of `mass_within`."""
        (bend, curve), first = self.terms, 1.0 + self.power
        slope: Floats = part**self.power * (
            first + part * (bend * (first + 1.0) + part * curve * (first + 2.0))
        )
        return slope / (1.0 + bend + curve)

    def part_with(self, share: Floats) -> Floats:
        """The parts of the distance with these shares of the mass."""
        bend, curve = self.terms
        part = share ** (1.0 / (1.0 + self.power))
        for _ in range(5):  # the bend is small
            inner = share * (1.0 + bend + curve) / (1.0 + part * (bend + part * curve))
            part = inner ** (1.0 / (1.0 + self.power))
        return part


NO_TAIL = Tail()


def bisect_ends(log_density: LogDensity, inside: Floats, outside: Floats) -> Floats:
    """The last point of a density on the way from a point inside to one outside, for each pair."""
    inside, outside = inside.copy(), outside.copy()
    for _ in range(HALVINGS):
        middle = 0.5 * (inside + outside)
        alive = log_density(middle) > -inf
        inside, outside = np.where(alive, middle, inside), np.where(alive, outside, middle)
    return inside


def bisect_steps(
    log_density: LogDensity, low: Floats, high: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Neighbouring points on both sides of each step between ``low`` and ``high``.

    Last comes whether it is one: whether most of the difference is still there.
    """
    low, high = low.copy(), high.copy()
    at_low, at_high = log_density(low), log_density(high)
    whole = np.abs(at_high - at_low)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        value = log_density(middle)
        with np.errstate(invalid="ignore"):  # -inf amid numbers, as scipy's ncf has it
            right = np.abs(at_high - value) > np.abs(value - at_low)
        low, at_low = np.where(right, middle, low), np.where(right, value, at_low)
        high, at_high = np.where(right, high, middle), np.where(right, at_high, value)
    with np.errstate(invalid="ignore"):
        return low, high, np.asarray(np.abs(at_high - at_low) > 0.5 * whole)


def ladder_to(edge: float, near: float, far: float) -> Floats:
    """Ends of panels from ``far`` to about ``near``, each half as far from the edge as the last."""
    steps = max(1, int(np.ceil(np.log2((far - edge) / (near - edge)))))
    ends = edge + (far - edge) * 0.5 ** np.arange(steps + 1.0)
    ends[0] = far
    return np.sort(ends)


def find_pole(log_density: LogDensity, edge: float, far: float) -> tuple[float, Tail] | None:
    """How near to an edge a power of the distance takes over, and its tail; None if none does.

    Nearer where the rest of the log density is steep; but there distances are rounded. What is
    least in doubt counts.
    """
    best, least = None, inf
    for nearest in NEAREST * 10.0 ** -np.arange(4.0):
        width = min(nearest * max(1.0, abs(edge)), 1e-3 * abs(far - edge))
        near = edge + (width if far > edge else -width)
        if near == edge:
            break
        tail = pole(log_density, edge, near)
        doubt = tail.log_mass + log(max(tail.error, 1e-16))
        if tail.error < 1e-3 and doubt < least:
            best, least = (near, tail), doubt
        if tail.error < SURE:
            break
    return None if best is None or abs(best[1].power) < 1e-6 else best


def pole(log_density: LogDensity, edge: float, near: float) -> Tail:
    """The mass between a point and the edge beside it, as that of a power of the distance.

    For the rest of the log density a square in the distance is taken, from points up to a thousand
    times as far away; where twice as far gives another power or another mass, twice the difference
    is the error. Points count by their distance, as whose part it is rounded.
    """
    width = near - edge
    powers, masses = [], []
    for far in (2.0, 1.0):
        part = far * PARTS
        values = log_density(edge + width * part)
        if not np.abs(values).max() < LARGEST:
            break
        terms = np.column_stack([np.ones(part.size), np.log(part), part, part * part])
        size = part[-1] ** np.array([0.0, 0.0, 1.0, 2.0])  # that the terms be of one size
        fit = np.linalg.lstsq(terms / size * part[:, None], values * part, rcond=None)[0] / size
        height, power, bend, square = fit.tolist()
        powers.append(power)
        if not power > -1.0 or abs(bend) > 0.1:
            break
        curve = square + 0.5 * bend * bend
        tail = Tail(0.0, edge, power, bend, curve)
        masses.append(float(height) + log(abs(width) * (1.0 + sum(tail.terms)) / (1.0 + power)))
    if len(masses) < 2:
        at_near = float(log_density(np.array([near]))[0])
        # None of known size; but it may not matter.
        return Tail(at_near + log(abs(width)), edge, 0.0, error=10.0)
    error = 2.0 * max(abs(powers[1] - powers[0]) / (1.0 + power), abs(masses[1] - masses[0]))
    return replace(tail, log_mass=masses[1], error=error + abs(bend) ** 3 + abs(bend * square))


def noise(log_density: LogDensity, start: Floats, length: Floats) -> Floats:
    """How the log density is rounded, within each panel (More and Wild 2011, ECnoise).

    Fourth differences of points so close that a smooth function has none leave the rounding.
    """
    at = start + 0.37 * length
    step = np.maximum(2e-5 * length, 4e-15 * np.maximum(1.0, np.abs(at)))
    points = at[:, None] + step[:, None] * np.arange(7.0)
    values = log_density(points.ravel()).reshape(points.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        differences = np.diff(values, n=4, axis=1)
        size: Floats = np.sqrt((differences**2).mean(axis=1) / 70.0)
    return np.where(np.isfinite(size), size, inf)


def steps_within(nodes: Floats, values: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Which panels look as if they held one step, and the nodes on both sides of it."""
    finite = np.isfinite(values).all(axis=1, keepdims=True)
    rise = np.abs(np.diff(np.where(finite, values, 0.0), axis=1))
    at = rise.argmax(axis=1)
    rows = np.arange(len(nodes))
    largest = rise[rows, at]
    rest = np.where(np.arange(rise.shape[1]) == at[:, None], 0.0, rise).max(axis=1)
    return np.asarray(largest > 8.0 * rest + 1e-6), nodes[rows, at], nodes[rows, at + 1]
