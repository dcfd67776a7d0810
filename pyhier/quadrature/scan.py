"""Where a density has mass of which nothing is known but its values: by looking everywhere.

Only one part of the log density, the rough one, may do as it likes; the rest is smooth. The rough
part is looked at on a ladder: fine where the density has mass or the data have theirs, coarse far
beyond. Its ends are found by bisection, panels lie between them, and at every rung the panels'
polynomials are held against the values; where they are not the same, panels are made narrower.
"""

from dataclasses import replace
from math import inf

import numpy as np

from pyhier._types import Floats
from pyhier.quadrature.edges import bisect_ends
from pyhier.quadrature.panels import CUT, Cover, Function, Shape, UnresolvedError
from pyhier.quadrature.rule import COEFFICIENTS, Panels, chebyshev

FINE, COARSE, REACH = 1.0 / 128.0, 1.0 / 8.0, 60.0  # rungs, and how far beyond the data's scales
LOOKED_AT = 30.0  # the fine ladder covers the mass down to exp(-LOOKED_AT) of the peak
SAME = 1e-8  # what a rough part may be off its polynomial
TIMES = 8  # that panels are made anew


def scan(function: Function, shape: Shape) -> Panels:
    """Cover a density's mass by panels: see `cover`, which takes the same."""
    rungs, rough = _ladder(shape)
    height = _heights(function, rungs, rough)
    wanted: Floats = rungs[height > height.max() - LOOKED_AT]
    more = _rungs(wanted[0] - COARSE, wanted[-1] + COARSE, FINE, shape)
    rungs, rough = _merged(shape, rungs, rough, more)
    height = _heights(function, rungs, rough)
    edges = _edges(shape, rungs, rough, height)
    shape = replace(shape, support=(-inf, inf))
    extra = np.empty(0)
    for _ in range(TIMES):
        found = Cover(function, shape)
        found.edges = edges.tolist()
        panels = found.over(*_between(rungs, height, np.concatenate([edges, extra])))
        off = _off(panels, rungs, rough, shape)
        if not off.size:
            return panels
        extra = np.concatenate([extra, off - 0.5 * FINE, off, off + 0.5 * FINE])
    raise UnresolvedError("its prior has structure narrower than it was looked at", float(off[0]))


def _rungs(low: float, high: float, step: float, shape: Shape) -> Floats:
    """Multiples of a step within the shape's limits; a little off, for priors that like e."""
    rungs = (np.arange(np.floor(low / step), np.ceil(high / step) + 1.0) + 0.137) * step
    within: Floats = rungs[(rungs > shape.limits[0]) & (rungs < shape.limits[1])]
    return within


def _ladder(shape: Shape) -> tuple[Floats, Floats]:
    """Rungs and the rough part there; fine about the data's scales, coarse beyond."""
    assert shape.rough is not None
    coarse = _rungs(shape.low - REACH, shape.high + REACH, COARSE, shape)
    fine = _rungs(shape.low - 3.0, shape.high + 3.0, FINE, shape)
    rungs = np.unique(np.concatenate([coarse, fine]))
    rough = shape.rough(rungs)
    if not rough.max() > -inf:
        raise UnresolvedError("its prior is -inf wherever it was looked at", float(rungs[0]))
    return rungs, rough


def _merged(shape: Shape, rungs: Floats, rough: Floats, more: Floats) -> tuple[Floats, Floats]:
    """With further rungs among them."""
    assert shape.rough is not None
    more = more[~np.isin(more, rungs)]
    if not more.size:
        return rungs, rough
    both, values = np.concatenate([rungs, more]), np.concatenate([rough, shape.rough(more)])
    order = both.argsort()
    return both[order], values[order]


def _heights(function: Function, rungs: Floats, rough: Floats) -> Floats:
    """The log density at the rungs, its smooth part interpolated between some of them."""
    height = np.full(rungs.size, -inf)
    alive = np.flatnonzero(rough > -inf)
    some = np.unique(np.concatenate([alive[:: max(1, alive.size // 400)], alive[[0, -1]]]))
    smooth = function(rungs[some])[0] - rough[some]
    height[alive] = rough[alive] + np.interp(rungs[alive], rungs[some], smooth)
    return height


def _edges(shape: Shape, rungs: Floats, rough: Floats, height: Floats) -> Floats:
    """Where the density ends, between rungs of which one has mass and the next is not in it."""
    assert shape.rough is not None
    alive = rough > -inf
    at = np.flatnonzero(alive[1:] != alive[:-1])
    at = at[np.maximum(height[at], height[at + 1]) > height.max() - CUT]
    inside, outside = np.where(alive[at], at, at + 1), np.where(alive[at], at + 1, at)
    return bisect_ends(shape.rough, rungs[inside], rungs[outside])


def _between(rungs: Floats, height: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Panels a unit long or less between ends, where there is mass at a rung, or beside it."""
    low, high = rungs[0], rungs[-1]
    grid = np.unique(np.concatenate([np.arange(np.floor(low), np.ceil(high) + 1.0), ends]))
    at = np.searchsorted(grid, rungs, side="right") - 1
    mass = np.zeros(grid.size - 1, dtype=np.bool_)
    mass[at[height > height.max() - CUT]] = True
    some = np.zeros(grid.size - 1, dtype=np.bool_)
    some[at[height > -inf]] = True
    beside = mass.copy()
    beside[1:] |= mass[:-1]
    beside[:-1] |= mass[1:]
    # A piece between two ends may be too short to hold a rung.
    kept = (mass | beside) & (some | (np.diff(grid) < 2.0 * FINE))
    return grid[:-1][kept], np.diff(grid)[kept]


def _off(panels: Panels, rungs: Floats, rough: Floats, shape: Shape) -> Floats:
    """Rungs in panels with mass, at which the rough part is not what the panel's polynomial is."""
    assert shape.rough is not None
    heights = panels.values[0].max(axis=1)
    at = np.clip(np.searchsorted(panels.start, rungs, side="right") - 1, 0, None)
    inside = (rungs >= panels.start[0]) & (rungs < (panels.start + panels.length)[at])
    inside &= heights[at] > heights.max() - LOOKED_AT
    at, rungs, rough = at[inside], rungs[inside], rough[inside]
    series = shape.rough(panels.nodes.ravel()).reshape(panels.nodes.shape) @ COEFFICIENTS.T
    place = 2.0 * (rungs - panels.start[at]) / panels.length[at] - 1.0
    with np.errstate(invalid="ignore"):
        values = np.einsum("ij,ij->i", chebyshev(place), series[at])
        off = ~(np.abs(values - rough) <= SAME * (1.0 + np.abs(rough)))
    wrong: Floats = rungs[off]
    return wrong
