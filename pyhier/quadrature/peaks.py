"""Peaks of a density beside the one that a lattice grew from: where a prior says they may be."""

from collections.abc import Sequence

import numpy as np

from pyhier._types import Floats
from pyhier.quadrature.growth import UnresolvedError
from pyhier.quadrature.lattice import Lattice, LogDensity
from pyhier.quadrature.transforms import from_line

Peak = tuple[int, float, float]  # the coordinate, its place, its width

MATTERS = 23.0  # of a log density, below the top: 1e-10 of it
WIDEST = 1.0  # step of a lattice, by a peak's width


def highest(log_density: LogDensity, start: Floats, peaks: Sequence[Peak]) -> Floats:
    """The start, or where coordinates of it at peaks have a higher density."""
    for k, place, _ in peaks:
        tried = np.array([start, start])
        tried[1, k] = place
        values = log_density(tried)
        if values[1] > values[0] or not np.isfinite(values[0]):
            start = tried[int(np.isfinite(values[1]))]
    return start


def check_peaks(found: Lattice, peaks: Sequence[Peak]) -> None:
    """Raise where a peak that matters has no nodes about it, or none near enough one another."""
    top = int(np.argmax(found.values))
    for k, place, width in peaks:
        point = found.psi[[top, top]]
        point[1, k] = place
        values = found.log_density(point)
        if not values[1] > values[0] - MATTERS:
            continue
        places = np.unique(found.psi[:, k])
        at = int(np.searchsorted(places, place))
        inside = 0 < at < places.size
        if inside and places[at] - places[at - 1] < WIDEST * width:
            continue
        coordinate = found.coordinates[k]
        value = float(from_line(coordinate.line, np.array(place)))
        told = "one far narrower than the others" if inside else "apart from the others"
        raise UnresolvedError(f"{coordinate.natural} has a peak near {value:.3g}, {told}")
