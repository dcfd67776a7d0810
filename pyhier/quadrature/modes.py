"""The mode of a smooth density by differences of its log, and how wide it is along each axis."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pyhier._types import Floats

LogDensity = Callable[[Floats], Floats]

STEPS = 0.2 * 0.25 ** np.arange(12.0)  # of differences, from which the largest fit one is taken
BEND = 0.3  # change of the log density, by curvature, over a step that fits
LADDER = np.array([1.0, 0.5, 0.2, 0.05, 0.01, 0.001])  # of Newton steps, all tried at once
EDGE = 100.0  # fall of the log density beyond which it counts as no deeper in differences
SEARCHES = 60  # of a peak on a line
FALL = 2.0  # of the log density at the points by which the width is judged


def climb(log_density: LogDensity, start: Floats) -> tuple[Floats, float]:
    """A point near the mode, shape (d,), and the log density there.

    Near is enough: what is made of it is a lattice's origin.
    """
    point = np.array(start, dtype=np.float64)
    value = float(log_density(point[None])[0])
    if not np.isfinite(value):
        raise ValueError(f"the log density is {value} at the start {start}")
    for _ in range(60):
        gradient, hessian = derivatives(log_density, point, value)
        curvature, axes = np.linalg.eigh(hessian)
        floor = max(1e-9, 1e-8 * float(np.abs(curvature).max()))
        step = axes @ ((axes.T @ gradient) / np.maximum(np.abs(curvature), floor))
        step *= min(1.0, 2.0 / max(1e-300, float(np.abs(step).max())))
        tried = point + LADDER[:, None] * step
        values = _numbers(log_density(tried))
        best = int(np.argmax(values))
        if not values[best] > value:
            break
        gain = float(values[best]) - value
        point, value = tried[best], float(values[best])
        if gain < 1e-6:
            break
    return point, value


def peak_on_line(log_density: LogDensity, start: float) -> tuple[float, float]:
    """The place of a density's peak on a line, and its width, from a place near it.

    The width is 1 of what is wider, and inf where no peak is found.
    """
    centre, step = start, 1.0
    for _ in range(SEARCHES):
        places = centre + step * np.arange(-4.0, 5.0)
        values = log_density(places)
        best = int(values.argmax())
        centre = float(places[best])
        if best in (0, 8):
            continue
        if 2.0 * values[best] - values[best - 1] - values[best + 1] < 4.0:
            return centre, step
        step *= 0.25
    return centre, np.inf


def derivatives(log_density: LogDensity, point: Floats, value: float) -> tuple[Floats, Floats]:
    """Gradient (d,) and Hessian (d, d) by central differences."""
    step = fitting_steps(log_density, point, value)
    d = point.size
    unit = np.diag(step)
    pairs = list(combinations(range(d), 2))
    corners = [s * unit[i] + t * unit[j] for i, j in pairs for s in (1, -1) for t in (1, -1)]
    around = np.array([*unit, *-unit, *corners])
    # Beyond an edge the density is 0: a deep fall, of which differences can still be taken.
    found = np.maximum(_numbers(log_density(point + around)), value - EDGE)
    up, down = found[:d], found[d : 2 * d]
    gradient = (up - down) / (2.0 * step)
    hessian = np.diag((up + down - 2.0 * value) / step**2)
    crossed = found[2 * d :].reshape(-1, 4) @ np.array([1.0, -1.0, -1.0, 1.0])
    for (i, j), cross in zip(pairs, crossed, strict=True):
        hessian[i, j] = hessian[j, i] = cross / (4.0 * step[i] * step[j])
    return gradient, hessian


def fitting_steps(log_density: LogDensity, point: Floats, value: float) -> Floats:
    """For every axis the largest step over which the log density bends little, shape (d,)."""
    d = point.size
    around = np.concatenate([np.eye(d), -np.eye(d)])[:, None, :] * STEPS[:, None]
    found = _numbers(log_density(point + around.reshape(-1, d))).reshape(2, d, STEPS.size)
    fits = np.abs(found.sum(axis=0) - 2.0 * value) < BEND
    return STEPS[np.where(fits.any(axis=1), fits.argmax(axis=1), STEPS.size - 1)]


@dataclass(frozen=True)
class Scan:
    """A log density along one axis through a point.

    Attributes
    ----------
    scale : float
        Half the distance between the points where it has fallen by FALL, over 2 for a normal.
    centre : float
        The point midway between these.
    down, up : float
        How far from the centre it has fallen by the depth, in scales; infinite if it never has.
    left, right : float
        Exponents with which the density falls far out; infinite where it ends or falls faster.
    wall : float or None
        A place where the density ends abruptly, within the depth.
    """

    scale: float
    centre: float
    down: float
    up: float
    left: float
    right: float
    wall: float | None = None


def scan(values: Callable[[Floats], Floats], at: float, far: float, depth: float) -> Scan:
    """Look along an axis, at places up to ``far`` from ``at`` on both sides."""
    away = np.concatenate([[0.0], far * np.exp(-np.arange(0.0, 18.0, 0.09))[::-1]])
    sides = [_numbers(values(at + sign * away)) for sign in (-1.0, 1.0)]
    top = max(float(side.max()) for side in sides)
    half = [_fallen(side, away, top - FALL) for side in sides]
    width = min(half[0], far) + min(half[1], far)
    scale = 0.25 * width
    centre = at + 0.5 * (min(half[1], far) - min(half[0], far))
    ends = [_fallen(side, away, top - depth) for side in sides]
    slopes = [_slope(side, away) for side in sides]
    down, up = (ends[0] + centre - at) / scale, (ends[1] - centre + at) / scale
    walls = [_wall(side, away, top - depth) for side in sides]
    found = [at + sign * w for sign, w in zip((-1.0, 1.0), walls, strict=True) if w is not None]
    return Scan(scale, centre, down, up, slopes[0], slopes[1], found[0] if found else None)


def _wall(values: Floats, away: Floats, level: float) -> float | None:
    """The first place beyond an end from above a level: what underflows is far below it before."""
    ended = np.flatnonzero((values[:-1] > level) & (values[1:] == -np.inf))
    return float(away[ended[0] + 1]) if ended.size else None


def _fallen(values: Floats, away: Floats, level: float) -> float:
    """Where the values last cross the level, going outwards."""
    above = np.flatnonzero(values > level)
    if not above.size:
        return float(away[1])
    last = int(above[-1])
    if last == away.size - 1:
        return np.inf
    a, b = values[last], max(values[last + 1], -1e300)
    return float(away[last] + (away[last + 1] - away[last]) * (a - level) / (a - b))


def _slope(values: Floats, away: Floats) -> float:
    """The fall by unit length at the far end; infinite where the density is 0 there."""
    if not np.isfinite(values[-4:]).all():
        return np.inf
    near, last = (float((values[k] - values[k + 1]) / (away[k + 1] - away[k])) for k in (-4, -2))
    return last if abs(last - near) < 1e-2 * max(1.0, abs(near)) else np.inf


def _numbers(values: Floats) -> Floats:
    """With -inf for what is no number, far out."""
    return np.where(np.isnan(values), -np.inf, values)
