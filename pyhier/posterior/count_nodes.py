"""Nodes that carry the densities of effects of many data sets of counts (effect_nodes.py).

Of a data set with a plane of its own (count_parts.py) every row of the plane is taken with as many
nodes as its components' width asks for. The further the groups are pooled the narrower these are;
but what a row says of an effect is then a smooth function of 1 / size, near a straight line. So
rows with a size of more than `NARROW` times the whole data's are replaced by a few, by the Gauss
rule of their weights (Golub and Welsch 1969, Math. Comp. 23), even rows and odd rows by themselves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.posterior.count_parts import CountPart, inner_values, log_sums
from pyhier.posterior.effect_nodes import LINEAR, Grids, Nodes
from pyhier.quadrature.transforms import Form, Line

MATTERS = 1e-13  # share of rows, and of nodes, that are taken
NARROW = 30.0  # times the data's own size: rows of a larger one are replaced
GAUSS = 2  # by so many
PER_WIDTH = 0.8  # of a component, at most, between nodes: aliases are below exp(-30)
COUNTS = (40, 64, 96, 144, 216, 320, 480, 720, 1080)  # nodes of a row
# Of a row its log size, the half it is of, and of its nodes locations, log weights and log sizes.
Piece = tuple[float, int, Floats, Floats, Floats]
FARTHEST = 600.0  # of a log, on either side


@dataclass(frozen=True)
class CountNodes(Frozen):
    """Nodes of one data set, as `Population` takes them.

    Attributes
    ----------
    line, form : str
    linear, close : Nodes
    narrow : Grids
        None.
    """

    line: Line
    form: Form
    linear: Nodes
    close: Nodes
    narrow: Grids


@dataclass(frozen=True)
class SizeRows(Frozen):
    """Rows of planes: a log of the size each, and what its nodes add up to.

    Attributes
    ----------
    which : ndarray of int, shape (rows,)
        Data sets.
    log_size, log_weight : ndarray, shape (rows,)
    odd : ndarray of int, shape (rows,)
        Of which half the row is.
    """

    which: Ints
    log_size: Floats
    log_weight: Floats
    odd: Ints


def nodes_of_part(part: CountPart) -> list[CountNodes]:
    """The nodes of every data set."""
    rows = _rows(part)
    wanted = _wanted(part, rows)
    pieces: list[list[Piece]] = [[] for _ in part.index]
    for count in COUNTS:
        some = np.flatnonzero(wanted == count)
        if not some.size:
            continue
        which, log_size = rows.which[some], rows.log_size[some]
        location, logs = inner_values(
            part.data, which, log_size[:, None], part.planes.t(count)[which]
        )
        location, logs = location[:, 0], logs[:, 0]
        logs += (rows.log_weight[some] - log_sums(logs))[:, None]
        for k, d in enumerate(which.tolist()):
            kept = logs[k] > np.log(MATTERS)
            first, last = kept.argmax(), kept.size - kept[::-1].argmax()
            span = slice(first - first % 2, last)
            if kept.any():
                size = float(log_size[k])
                pieces[d].append((size, int(rows.odd[some[k]]), location[k, span], logs[k, span],
                                  np.full(span.stop - span.start, size)))  # fmt: skip
    return [_nodes(part, some) for some in pieces]


def _rows(part: CountPart) -> SizeRows:
    """Rows of planes that matter, those of pooled groups by a few."""
    count, nodes = part.shape
    every = np.arange(len(part.data))
    z = part.planes.grids.nodes(count)
    log_size = part.planes.grids.x(z)
    logs = log_sums(inner_values(part.data, every, log_size, part.planes.t(nodes))[1])
    logs += part.planes.grids.log_slope(z)
    logs += (part.planes.log_area(count, nodes) - part.log_total)[:, None]
    limit = np.log(NARROW * part.data.whole)[:, None]
    own = (log_size <= limit) & (logs > np.log(MATTERS))
    which, row = np.nonzero(own)
    found = [SizeRows(which, log_size[own], logs[own], row % 2)]
    for odd in (0, 1):
        far = log_size[:, odd::2] > limit
        share = np.where(far, np.exp(np.minimum(limit - log_size[:, odd::2], 0.0)), 0.0)
        inverse, mass = gauss_rules(share, np.where(far, np.exp(logs[:, odd::2]), 0.0))
        some = mass > MATTERS
        which = np.nonzero(some)[0]
        large = (limit - np.log(np.maximum(inverse, 1e-300)))[some]
        found.append(SizeRows(which, large, np.log(mass[some]), np.full(which.size, odd)))
    fields = zip(*((r.which, r.log_size, r.log_weight, r.odd) for r in found), strict=True)
    return SizeRows(*(np.concatenate(field) for field in fields))


def gauss_rules(x: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Gauss rules of weights at points, a row a rule; (rows, GAUSS) nodes and weights.

    By Stieltjes' recurrence. A rule of fewer different points, or without weight, has nodes of
    weight 0 beside.
    """
    total = weight.sum(axis=1)
    safe = np.where(total > 0.0, total, 1.0)
    share = weight / safe[:, None]
    before, here = np.zeros(x.shape), np.ones(x.shape)
    off, matrix = np.ones(len(x)), np.zeros((len(x), GAUSS, GAUSS))
    for k in range(GAUSS):
        diagonal = (share * x * here**2).sum(axis=1)
        matrix[:, k, k] = diagonal
        after = (x - diagonal[:, None]) * here - off[:, None] * before * (k > 0)
        size = np.sqrt((share * after**2).sum(axis=1))
        alive = size > 1e-12
        if k + 1 < GAUSS:
            matrix[:, k, k + 1] = matrix[:, k + 1, k] = np.where(alive, size, 0.0)
        before, here = here, np.where(alive, 1.0 / np.where(alive, size, 1.0), 0.0)[:, None] * after
        off = np.where(alive, size, 0.0)
    nodes, vectors = np.linalg.eigh(matrix)
    return nodes, vectors[:, 0, :] ** 2 * total[:, None]


def _wanted(part: CountPart, rows: SizeRows) -> Ints:
    """How many nodes rows take, (rows,): so that none is further from the next than a component."""
    which, size = rows.which, rows.log_size
    nodes = COUNTS[0]
    t = part.planes.t(nodes)[which]
    location, logs = inner_values(part.data, which, size[:, None], t)
    location, logs = location[:, 0], logs[:, 0]
    slope = part.data.component(location, size[:, None])
    apart = np.diff(location, axis=1) * np.maximum(slope[:, 1:], slope[:, :-1])
    near = logs + (rows.log_weight - log_sums(logs))[:, None] > np.log(MATTERS)
    apart = np.where(near[:, 1:] | near[:, :-1], apart, 0.0).max(axis=1)
    least = apart / PER_WIDTH * (nodes - 1.0) + 1.0
    at = np.searchsorted(np.array(COUNTS), least)
    found: Ints = np.array([*COUNTS, COUNTS[-1]])[at]
    return found


def _nodes(part: CountPart, pieces: list[Piece]) -> CountNodes:
    """Pieces in the forms that the sums take."""
    line: Line = "logit" if part.data.binomial else "log"
    linear: list[Piece] = []
    close: list[Piece] = []
    for piece in pieces:
        plain = piece[0] <= np.log(LINEAR) and (
            part.data.binomial or (np.abs(piece[2]) < FARTHEST).all()
        )
        (linear if plain else close).append(piece)
    none = np.empty(0)
    rest = Grids(_joined(part, []), none, none, none, none.astype(np.int32))
    return CountNodes(line, line, _joined(part, linear), _joined(part, close), rest)


def _joined(part: CountPart, pieces: list[Piece]) -> Nodes:
    size = np.array([piece[2].size for piece in pieces], dtype=np.intp)
    w, logs, sizes = (np.concatenate([np.empty(0), *(p[k] for p in pieces)]) for k in (2, 3, 4))
    odd: NDArray[np.intp] = np.array([piece[1] for piece in pieces], dtype=np.intp)
    ends = np.full(size.size, np.inf)
    first = np.append(0, np.cumsum(size))
    return Nodes(odd, first, w, logs, part.data.phi(w, sizes), -ends, ends)
