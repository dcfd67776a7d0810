"""The axes of a lattice, fitted to a density: where, how wide, and where the tails must bend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pyhier._types import Floats
from pyhier.quadrature.growth import UnresolvedError
from pyhier.quadrature.modes import Scan, climb, scan
from pyhier.quadrature.stretch import Stretch, from_range
from pyhier.quadrature.transforms import Line, from_line

LogDensity = Callable[[Floats], Floats]
Range = tuple[float, float]

# On a log or atanh line functions of the natural value have singularities at a distance of pi / 2.
WIDEST = 0.7
FAR, FAR_SCALES = 30.0, 1e4  # from the mode: how far along the lines
SCANS, ALIKE = 100, 3.0  # at most, until a scale is about the one before
LONGEST = 1e6  # tails, in scales


@dataclass(frozen=True)
class Coordinate:
    """What a coordinate is.

    Attributes
    ----------
    name : str
        Of the coordinate, such as "log_tau".
    natural : str
        Of what it stands for, such as "tau".
    line : {"log", "atanh", "identity", "logit"}
        How the natural value is put on the line.
    range : (float, float)
        The values of the coordinate that the prior allows.
    """

    name: str
    natural: str
    line: Line = "log"
    range: Range = (-np.inf, np.inf)


def moments_of(coordinate: Coordinate, right: float) -> int:
    """How many moments a natural value has, up to two, by its right tail."""
    if coordinate.line != "log" or np.isfinite(coordinate.range[1]):
        return 2
    return 2 if right > 2.05 else 1 if right > 1.05 else 0


def first_axes(
    log_density: LogDensity,
    start: Floats,
    coordinates: Sequence[Coordinate],
    depth: float,
    units: Sequence[float],
) -> tuple[tuple[Stretch, ...], Floats]:
    """The axes by the lines through the mode, and exponents of the tails along them, (d, 2)."""
    pairs = zip(coordinates, units, strict=True)
    plain = [Stretch(0.0, unit, low=c.range[0], high=c.range[1]) for c, unit in pairs]

    def on_lines(u: Floats) -> Floats:
        psi = np.column_stack([one.psi(u[:, k]) for k, one in enumerate(plain)])
        values = log_density(psi) + sum(one.log_slope(u[:, k]) for k, one in enumerate(plain))
        return np.where(np.isnan(values), -np.inf, values)

    u = np.array([one.z(np.atleast_1d(start[k]))[0] for k, one in enumerate(plain)])
    mode, _ = climb(on_lines, u)
    scans = [_scan_line(on_lines, mode, k, c.line, depth) for k, c in enumerate(coordinates)]
    for k, found in enumerate(scans):
        if found.wall is not None:
            _refuse_wall(log_density, plain, mode, coordinates[k], k, found.wall)
    parts = zip(plain, coordinates, scans, strict=True)
    axes = tuple(_axis(one, coordinate.line, found) for one, coordinate, found in parts)
    return axes, np.array([[found.left, found.right] for found in scans])


def _refuse_wall(
    log_density: LogDensity,
    plain: Sequence[Stretch],
    mode: Floats,
    coordinate: Coordinate,
    k: int,
    wall: float,
) -> None:
    """Raise where a density ends within its mass; what is no number there is told elsewhere."""
    place = np.where(np.arange(mode.size) == k, wall, mode)
    psi = np.array([[float(one.psi(x)) for one, x in zip(plain, place, strict=True)]])
    if np.isnan(log_density(psi)[0]):
        return
    value = float(from_line(coordinate.line, psi[0, k]))
    raise UnresolvedError(
        f"the density of {coordinate.natural} ends abruptly near {value:.3g}, which no number of "
        "nodes resolves: a prior given as a function tells no support, one of scipy.stats does"
    )


def _scan_line(on_lines: LogDensity, mode: Floats, k: int, line: Line, depth: float) -> Scan:
    def along(x: Floats) -> Floats:
        points = np.tile(mode, (x.size, 1))
        points[:, k] = x
        return on_lines(points)

    found = scan(along, float(mode[k]), FAR, depth)
    for _ in range(SCANS if line == "identity" else 0):  # its unit means nothing
        before, found = found, scan(along, float(mode[k]), FAR_SCALES * found.scale, depth)
        if 1.0 / ALIKE < found.scale / before.scale < ALIKE:
            break
    return found


def _axis(plain: Stretch, line: Line, found: Scan) -> Stretch:
    scale = found.scale if line == "identity" else min(found.scale, WIDEST)
    down, up = (min(length * found.scale / scale, LONGEST) for length in (found.down, found.up))
    middle, scale = plain.scale * found.centre, plain.scale * scale
    return replace(plain, middle=middle, scale=scale).bent(down, up)


def refit(stretch: Stretch, line: Line, psi: Floats, weight: Floats, share: float) -> Stretch:
    """The axis by its marginal, from weighted nodes of a first look.

    That went down to a ``share`` of the depth; exponential tails go on accordingly.
    """
    places = from_range(psi, stretch.low, stretch.high)
    low, middle, high = _quantiles(places, weight, (0.159, 0.5, 0.841))
    scale = max(0.5 * (high - low), stretch.scale)
    scale = scale if line == "identity" else min(scale, WIDEST)
    down, up = (middle - places.min()) / (share * scale), (places.max() - middle) / (share * scale)
    again = replace(stretch, middle=middle, scale=scale)
    return again.bent(float(min(down, LONGEST)), float(min(up, LONGEST)))


def _quantiles(places: Floats, weight: Floats, q: Sequence[float]) -> list[float]:
    order = np.argsort(places)
    at, first = np.unique(places[order], return_index=True)
    mass = np.add.reduceat(weight[order], first)
    below = (np.cumsum(mass) - 0.5 * mass) / mass.sum()
    return [float(x) for x in np.interp(q, below, at)]


def check_tails(tails: Floats, coordinates: Sequence[Coordinate]) -> None:
    """Raise where the density does not fall off: it has no integral."""
    for (left, right), coordinate in zip(tails, coordinates, strict=True):
        if min(left, right) < 0.02:
            side = "small" if left < right else "large"
            raise ValueError(
                f"the posterior density of {coordinate.natural} does not fall off towards {side} "
                "values: it is improper"
            )
