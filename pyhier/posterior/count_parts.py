"""Blocks of data sets of counts whose posteriors are worked out together, on planes of nodes.

The outer nodes are those of the log of the size, z on a uniform grid (quadrature/many.py). At each
the inner ones are those of the location, on a uniform grid of t with location = centre + width 2
sinh(t / 2), where centre and width are smooth functions of the size: so a data set's nodes are a
uniform grid in two coordinates, in which an analytic density's sums converge exponentially. How
far sums over even and over odd nodes are apart, and over even and odd rows, says how good they are:
what is left is about the square.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.kernels import count_planes as kernel
from pyhier.models.count_many import CountMany
from pyhier.quadrature.many import DEEP, PAD, Grids, place

SIZES = ((80, 64), (104, 80), (144, 120))  # rows and nodes of a row
APART = 1e-6  # of sums over every other node or row
LOOK = 0.75 * np.arange(-23.5, 24.0)  # of t, to see where there is mass
ROWS = 24  # at which to look
PERIODS = (2, 3, 4)  # of nodes, whose sums are apart
BEND = 0.5  # of a row, in t: tails are seldom far from a normal distribution's
NEGLIGIBLE = 1e-18  # weight of nodes that may be left out
AT_ENDS = 1e-13  # share of what is on the outermost nodes


@dataclass(frozen=True)
class Planes(Frozen):
    """Grids of two coordinates.

    Attributes
    ----------
    grids : Grids
        Of the log of the size.
    low, high : ndarray, shape (data sets,)
        The first and the last t.
    """

    grids: Grids
    low: Floats
    high: Floats

    def __getitem__(self, rows: Ints) -> "Planes":
        return Planes(self.grids[rows], self.low[rows], self.high[rows])

    def t(self, nodes: int) -> Floats:
        """The t of every data set with so many nodes, shape (data sets, nodes)."""
        share = np.linspace(0.0, 1.0, nodes)
        return self.low[:, None] + (self.high - self.low)[:, None] * share

    @staticmethod
    def spread(centre: Floats, width: Floats, t: Floats) -> tuple[Floats, Floats]:
        """Locations at t, and the logs of their slopes."""
        location = centre + width * (np.sinh(BEND * t) / BEND)
        return location, np.log(np.cosh(BEND * t)) + np.log(width)

    def log_area(self, rows: int, nodes: int) -> Floats:
        """Log of what a node stands for, (data sets,)."""
        inner = (self.high - self.low) / (nodes - 1.0)
        found: Floats = np.log(self.grids.step(rows) * inner)
        return found


def inner_values(
    data: CountMany, which: Ints, log_size: Floats, t: Floats
) -> tuple[Floats, Floats]:
    """Locations, and log densities of (log size, t), at t of data sets, (rows, nodes).

    ``log_size`` has shape (rows, places); both results (rows, places, nodes).
    """
    shape = (*log_size.shape, t.shape[1])
    centre, width = data.ridge(which, log_size)
    location, slope = Planes.spread(centre[..., None], width[..., None], t[:, None, :])
    flat = location.reshape(-1, shape[2])
    sizes = np.broadcast_to(log_size[..., None], shape).reshape(flat.shape)
    values = data.log_density(np.repeat(which, shape[1]), flat, sizes).reshape(shape)
    values += slope
    return location, values


def log_sums(values: Floats) -> Floats:
    """Logs of sums over the last axis."""
    top = values.max(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sums: Floats = top + np.log(np.exp(values - top[..., None]).sum(axis=-1))
    return np.where(np.isneginf(top), -np.inf, sums)


def placed(data: CountMany) -> tuple[Planes, NDArray[np.bool_]]:
    """Where the planes' mass is, and for which data sets that is certain."""
    every = np.arange(len(data))
    low, high = data.log_scales

    def log_density(rows: Ints, log_size: Floats) -> Floats:
        look = np.broadcast_to(LOOK, (rows.size, LOOK.size))
        sums = log_sums(inner_values(data, rows, log_size, look)[1])
        return sums + data.prior.moments[2] * np.maximum(low[rows, None] - PAD - log_size, 0.0)

    own = np.broadcast_to(data.prior.places, (len(data), data.prior.places.size))
    tilt = np.full(len(data), data.prior.moments[0])
    grids, found = place(log_density, low, high, own, data.falls, tilt)
    z = grids.nodes(ROWS)
    look = np.broadcast_to(LOOK, (len(data), LOOK.size))
    log_size = grids.x(z)
    location, values = inner_values(data, every, log_size, look)
    values += grids.log_slope(z)[..., None]
    values += _tilts(data, location, log_size, grids.middle[:, None])
    with np.errstate(invalid="ignore"):
        seen = (values > values.max(axis=(1, 2), keepdims=True) - DEEP).any(axis=1)
    first, last = seen.argmax(axis=1), LOOK.size - 1 - seen[:, ::-1].argmax(axis=1)
    found = found & (first > 0) & (last < LOOK.size - 1)
    step = LOOK[1] - LOOK[0]
    return Planes(grids, LOOK[first] - step, LOOK[last] + step), found


def _tilts(data: CountMany, location: Floats, log_size: Floats, middle: Floats) -> Floats | float:
    """What moments that are asked for make of nodes far out, in logs."""
    of_size, above, of_inverse, below = data.prior.moments
    if not max(data.prior.moments) > 0.0:
        return 0.0
    away = location - data.ridge(np.arange(len(data)), middle)[0][..., None]
    outside = (log_size - middle)[..., None]
    size = np.maximum(of_size * outside, -of_inverse * outside)
    most: Floats = size + np.maximum(above * away, -below * away)
    return most


@dataclass(frozen=True)
class CountPart(Frozen):
    """Data sets with as many groups, each resolved by as many nodes.

    Attributes
    ----------
    index : ndarray of int, shape (data sets,)
        Their numbers in the batch.
    columns : ndarray of int, shape (data sets, groups)
        Where their groups stand in it.
    data : CountMany
    planes : Planes
    shape : (int, int)
        Rows and nodes of a row.
    log_total : ndarray, shape (data sets,)
        Logs of the integrals of likelihood times prior.
    hyper, effects : ndarray, shape (2, data sets, hyperparameters) and (2, data sets, groups + 1)
        Means and variances; a new group's effect is the last.
    """

    index: Ints
    columns: Ints
    data: CountMany
    planes: Planes
    shape: tuple[int, int]
    log_total: Floats
    hyper: Floats
    effects: Floats

    def __getitem__(self, rows: Ints) -> "CountPart":
        return CountPart(
            self.index[rows], self.columns[rows], self.data[rows], self.planes[rows], self.shape,
            self.log_total[rows], self.hyper[:, rows], self.effects[:, rows],
        )  # fmt: skip


@dataclass(frozen=True)
class Sums(Frozen):
    """Sums over planes of nodes, and for which data sets these resolve them.

    Attributes
    ----------
    log_total : ndarray, shape (data sets,)
    hyper, effects : ndarray
        As `CountPart` has them.
    good : ndarray of bool, shape (data sets,)
    """

    log_total: Floats
    hyper: Floats
    effects: Floats
    good: NDArray[np.bool_]


def summed(
    data: CountMany, planes: Planes, shape: tuple[int, int], moments: Mapping[str, float]
) -> Sums:
    """Sums over the nodes; ``moments`` are how many each quantity but the groups' effects has."""
    rows, nodes = shape
    every = np.arange(len(data))
    z = planes.grids.nodes(rows)
    log_size = planes.grids.x(z)
    location, logs = inner_values(data, every, log_size, planes.t(nodes))
    logs += planes.grids.log_slope(z)[..., None]
    top = logs.max(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        weight = np.exp(logs - top[:, None, None])
    total = weight.sum(axis=(1, 2))
    weight /= total[:, None, None]
    apart = [_apart(weight)]
    for axis in (1, 2):
        ends = np.take(weight, [0, -1], axis=axis).sum(axis=(1, 2))
        apart.append(np.where(ends <= AT_ENDS, 0.0, np.inf))
    hyper = np.full((2, len(data), len(moments) - 1), np.inf)
    shapes = data.shapes(location, log_size[..., None])
    beta = data.shapes(-location, log_size[..., None])[0] if data.binomial else None
    for k, (name, exist) in enumerate(moments.items()):
        if exist > 0.0 and name != "theta_new":
            values = data.hyperparameter(name, *shapes, beta, location)
            with np.errstate(over="ignore", invalid="ignore"):
                first = weight * values
                hyper[0, :, k] = mean = first.sum(axis=(1, 2))
                second = weight * (values - mean[:, None, None]) ** 2
                hyper[1, :, k] = second.sum(axis=(1, 2))
                apart += [_apart(first), _apart(second)]
    mean, var, off = _effects(data, weight, shapes, beta)
    if moments["theta_new"] > 0.0:
        apart.append(_apart(weight * data.about(mean[:, -1, None, None], *shapes)))
    else:
        mean[:, -1], var[:, -1], off[:, -1] = np.inf, np.inf, 0.0
    log_total = top + np.log(total) + planes.log_area(rows, nodes)
    with np.errstate(invalid="ignore"):
        good = (np.column_stack([*apart, off]) <= APART).all(axis=1) & np.isfinite(log_total)
    return Sums(log_total, hyper, np.stack([mean, var]), good)


def _effects(
    data: CountMany, weight: Floats, shapes: tuple[Floats, Floats], beta: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """Means and variances of effects, a new group's last, and how far every other node is off."""
    alpha = np.broadcast_to(shapes[0], weight.shape)
    kinds = np.stack([alpha] if beta is None else [alpha, beta])
    b = np.ascontiguousarray(np.broadcast_to(shapes[1], weight.shape))
    counts = np.stack([data.y] if beta is None else [data.y, data.size - data.y])
    whole = counts.sum(axis=2, keepdims=True)
    side = np.concatenate([counts, whole], axis=2).argmin(axis=0).astype(np.int32)
    edge = np.zeros((len(data), 1))
    counts = np.concatenate([counts, np.broadcast_to(edge, (len(counts), *edge.shape))], axis=2)
    size = np.hstack([data.size, edge])
    least = 0.0 if max(data.prior.moments) > 0.0 else NEGLIGIBLE
    mean, var, off = kernel.effect_moments(data.family, weight, kinds, b, counts, size, side, least)
    return mean, var, off


def _apart(part: Floats) -> Floats:
    """How far sums over every other node, row and diagonal are apart, by the whole, (data sets,).

    That may be small by chance. Where sums converge exponentially those over every third and fourth
    say the same by powers.
    """
    rows, nodes = part.shape[1:]
    by_row, by_node = _waves(rows), _waves(nodes)
    inner = part @ by_node  # (data sets, rows, waves)
    whole = np.abs(part.sum(axis=2)).sum(axis=1)
    found = np.zeros(len(part))
    for k, period in enumerate(PERIODS):
        c, s = by_row[:, 2 * k + 1], by_row[:, 2 * k + 2]
        along, cos, sin = inner[..., 0], inner[..., 2 * k + 1], inner[..., 2 * k + 2]
        sums = [
            (along @ c, along @ s), (cos.sum(axis=1), sin.sum(axis=1)),
            (cos @ c - sin @ s, cos @ s + sin @ c), (cos @ c + sin @ s, sin @ c - cos @ s),
        ]  # fmt: skip
        with np.errstate(invalid="ignore", divide="ignore"):
            wave = np.max([np.hypot(*pair) for pair in sums], axis=0) / whole
        found = np.maximum(found, wave ** (0.5 * period))
    return np.where(np.isnan(found), np.inf, found)


def _waves(size: int) -> Floats:
    """One, and a cosine and a sine of each period, at whole numbers; (size, 7)."""
    angle = 2.0 * np.pi * np.arange(size)[:, None] / np.array(PERIODS)
    pairs = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(size, -1)
    return np.hstack([np.ones((size, 1)), pairs])
