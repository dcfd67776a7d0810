"""Nodes for the density of a group's effect, by a nested quadrature over the hyperparameters.

Given the hyperparameters phi the effect's density is that of the population, p(z | phi), times the
likelihood of the group's own data, by the probability m(phi) of that data. So its density is

    L(z) sum_k [w_k / m(phi_k)] p(z | phi_k)

over the nodes k of the plane, in which only w_k / m(phi_k) depends on the group; and a rule that
resolves the population's density resolves every effect's. That is narrow where the groups are
almost pooled. A row of the plane (one value of the spread) is, by the width of its components:

- the quadrature's own nodes, where these are no further apart than half a width;
- nodes of its own, half a width apart, where the components are not much narrower than the density
  of the location;
- a grid on which the density of the location is interpolated, where they are. A Gauss-Hermite rule
  under each component integrates it.

How far sums over even and over odd nodes, and over even and odd rows, are apart says how good they
are: for analytic densities what is left is about the square.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.distributions.families import Family, Gamma
from pyhier.models.interface import PlaneModel
from pyhier.quadrature.axes import coordinate_axis
from pyhier.quadrature.nested import NEGLIGIBLE, Plane
from pyhier.quadrature.transforms import Form, Line

Rows = NDArray[np.intp]

RESOLVED = 2.0  # nodes to a width, at least: sums over every other one are good to 4e-4
MATTERS = 1e-13  # weight of nodes, and of rows, that must be resolved
SMOOTH = 0.9  # width of the edges of wide components: they bend within a unit of the line
THIN = 0.1  # concentrations of a log-gamma distribution below which it goes on for 1 / c
# Of nodes, by the sd of a row: of those that the row needs itself.
STEPS = (0.5, 0.35, 0.2, 0.1, 0.05)
EXACT = 1e-11  # of all mass, by which a row's may be off
ALMOST = 1e-6  # and by every other node
LEAST_RATE = -600.0  # of log mu: the inverse of what is further out is no double
FAR = 350.0  # how far on nodes of thin rows stay as close: half of where a rate is a double
LINEAR = 1e4  # concentrations up to which the rounding of linear terms is below 1e-11
WIDE = 30.0  # concentrations from which on components reach but a part of a row
NARROW = 1.0 / 40.0  # width of components, of the line's unit, for a Gauss-Hermite rule
NARROWER = 1.0 / 20.0  # and by the width of the density of the location
PER_WIDTH = 10.0  # grid points of that density by its width, for interpolation
DEEPEST = 120.0
RULE_ERROR = 1e-12
ORDERS = (1, 2, 3, 5, 7, 9, 11, 13)
RULES = [np.polynomial.hermite_e.hermegauss(order) for order in ORDERS]

LogDensity = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Nodes:
    """Nodes in rows, one row after the other.

    Attributes
    ----------
    number : ndarray of int, shape (rows,)
        Of the row in the plane.
    first : ndarray of int, shape (rows + 1,)
        Where each row begins, and the last ends.
    w, log_weight : ndarray, shape (nodes,)
        The location, and the log of the node's weight.
    phi : ndarray, shape (nodes, 2)
    low, high : ndarray, shape (rows,)
        The places on the effect's line that a row serves.
    """

    number: Rows
    first: Rows
    w: Floats
    log_weight: Floats
    phi: Floats
    low: Floats
    high: Floats

    @property
    def parity(self) -> NDArray[np.int32]:
        """Whether a row's number is odd."""
        odd: NDArray[np.int32] = (self.number % 2).astype(np.int32)
        return odd


@dataclass(frozen=True)
class Grids:
    """Rows of narrow components: grids of the density of the location.

    Attributes
    ----------
    nodes : Nodes
    start, spacing, concentration : ndarray, shape (rows,)
    order : ndarray of int, shape (rows,)
        Of the rule under a component.
    """

    nodes: Nodes
    start: Floats
    spacing: Floats
    concentration: Floats
    order: NDArray[np.int32]


class EffectRows(Protocol):
    """Nodes for effects, by the form that the sums take them in."""

    @property
    def line(self) -> Line:
        """The effect's line."""

    @property
    def form(self) -> Form:
        """Which distribution a component is there."""

    @property
    def linear(self) -> Nodes:
        """Nodes whose components' log densities are taken as linear functions."""

    @property
    def close(self) -> Nodes:
        """Nodes whose are taken by distances."""

    @property
    def narrow(self) -> Grids:
        """Grids of rows of narrow components."""


@dataclass
class Piece:
    """A row's nodes or grid, to be put beside others."""

    number: int
    w: Floats
    log_weight: Floats
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Span:
    """A part of a row that takes nodes of its own.

    Attributes
    ----------
    number : int
    c : float
        The concentration.
    low, high : float
        From where to where nodes are wanted.
    whole : bool
        Whether that is all of the row.
    serves : (float, float)
        The places on the effect's line.
    """

    number: int
    c: float
    low: float
    high: float
    whole: bool = False
    serves: tuple[float, float] = (-np.inf, np.inf)


class EffectNodes:
    """Nodes that carry the density of any effect.

    Parameters
    ----------
    model : PlaneModel
    plane : Plane
    least : float
        Shares of the whole of nodes that are left out.

    Attributes
    ----------
    line, form : str
        The effect's line, and which distribution a component is there (effect_sums.h).
    linear, close : Nodes
        Those whose components' log densities are taken as linear functions, and those by distances.
    narrow : Grids
    """

    def __init__(self, model: PlaneModel, plane: Plane, least: float = NEGLIGIBLE) -> None:
        self._model, self._plane = model, plane
        self._at = coordinate_axis(model.location).phi
        row, w, log_weight = plane.inner.row, plane.inner.x, plane.log_weight
        kept = log_weight > np.log(least)
        row, w, log_weight = row[kept], w[kept], log_weight[kept]
        family = self._population(plane.outer.x[row], w)
        self.line: Line = family.line
        self.form: Form = getattr(family, "form", family.line)
        self._sign = -1.0 if self.form == "inverse-log" else 1.0
        self._measure(row, w, log_weight)
        concentration = _by_row(row, family.concentration, plane.outer.x.size)
        rough = _unresolved(family, w, row, log_weight, plane.outer.x.size)
        linear = (concentration <= LINEAR) & (self.line != "identity")
        plain = self._pieces(row, w, log_weight, ~rough)
        close: list[Piece] = []
        grids: list[Piece] = []
        spans: list[Span] = []
        for number in np.flatnonzero(rough):
            ends = w[row == number][[0, -1]]
            some, grid = self._rough(int(number), float(concentration[number]), *ends)
            spans += some
            grids += grid
        for piece in self._between(spans):
            (close if concentration[piece.number] >= WIDE else plain).append(piece)
        sorted_out = [self._by_form(piece, bool(linear[piece.number])) for piece in plain]
        plain = [piece for some, _ in sorted_out for piece in some]
        close += [piece for _, some in sorted_out for piece in some]
        self.linear, self.close = self._nodes(plain), self._nodes(close)
        self.narrow = self._grids(grids, concentration)

    def _measure(self, row: Rows, w: Floats, log_weight: Floats) -> None:
        """Each row's weight, where it begins (ends, of mirrored components), and how wide it is."""
        weight, rows = np.exp(log_weight), self._plane.outer.x.size
        outer, sums = self._plane.outer, np.bincount(row, weight, rows)
        self._mass = np.exp(outer.log_weight - outer.log_integral[0])
        self._start = np.full(rows, np.inf)
        np.minimum.at(self._start, row, self._sign * w)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(row, weight * w, rows) / sums
            self._sd = np.sqrt(np.bincount(row, weight * (w - mean[row]) ** 2, rows) / sums)

    def _population(self, outer: Floats, w: Floats) -> Family:
        return self._model.theta_given(None, self._at(w, outer))

    def _log_densities(self, number: Sequence[int], w: Sequence[Floats]) -> list[Floats]:
        """Log densities at places of rows, all of them at once."""
        size = np.array([each.size for each in w])
        row, places = np.repeat(np.array(number), size), np.concatenate(w)
        at = self._at(places, self._plane.outer.x[row])
        found = self._plane.log_share[row] + self._model.marginal.log_density(at)
        return np.split(np.where(np.isnan(found), -np.inf, found), np.cumsum(size)[:-1])

    # --- Rows as they are -------------------------------------------------------------------------

    def _by_form(self, piece: Piece, linear: bool) -> tuple[list[Piece], list[Piece]]:
        """A row's nodes as linear ones and as close ones."""
        if not linear:
            return [], [piece]
        limit = self._sign * LEAST_RATE
        if self.line != "log" or (self._sign * piece.w >= LEAST_RATE).all():
            return [piece], []
        cut = int(np.searchsorted(piece.w, limit))
        cut -= cut % 2  # even and odd nodes stay what they are
        far, near = (
            Piece(piece.number, piece.w[some], piece.log_weight[some])
            for some in (slice(0, cut), slice(cut, None))[:: int(self._sign)]
        )
        return [near] if near.w.size else [], [far] if far.w.size else []

    @staticmethod
    def _pieces(row: Rows, w: Floats, log_weight: Floats, chosen: NDArray[np.bool_]) -> list[Piece]:
        ends = np.searchsorted(row, np.arange(chosen.size + 1))
        parts = [(int(k), slice(ends[k], ends[k + 1])) for k in np.flatnonzero(chosen)]
        return [Piece(k, w[part], log_weight[part]) for k, part in parts if part.stop > part.start]

    def _nodes(self, pieces: list[Piece]) -> Nodes:
        number = np.array([piece.number for piece in pieces], dtype=np.intp)
        size = np.array([piece.w.size for piece in pieces], dtype=np.intp)
        w = np.concatenate([np.empty(0), *(piece.w for piece in pieces)])
        logs = np.concatenate([np.empty(0), *(piece.log_weight for piece in pieces)])
        phi = self._at(w, self._plane.outer.x[np.repeat(number, size)])
        low, high = (np.array([getattr(p, end) for p in pieces]) for end in ("low", "high"))
        return Nodes(number, np.append(0, np.cumsum(size)), w, logs, phi, low, high)

    # --- Rows with narrow components --------------------------------------------------------------

    def _rough(
        self, number: int, c: float, low: float, high: float
    ) -> tuple[list[Span], list[Piece]]:
        """Where a row's components are wide enough for nodes, and a grid for the rest."""
        scale = float(self._plane.inner.scale[number])
        low, high = low - 0.5 * scale, high + 0.5 * scale
        most = max(NARROW**-2, (NARROWER * scale) ** -2)
        if self._sharpest(c, low, high) <= 4.0 * most:
            return [Span(number, c, low, high, whole=True)], []
        if self.line != "logit":
            return [], [self._grid(number, low, high)]
        # Towards both ends of the line the components of a row widen.
        edge = -_logit_of_concentration(c / most)
        reach = 1.0 + np.sqrt(2.0 * DEEPEST / most)
        spans = []
        if low < -edge:
            end = min(high, reach - edge)
            spans.append(Span(number, c, low, end, serves=(-np.inf, -edge)))
        if high > edge:
            start = max(low, edge - reach)
            spans.append(Span(number, c, start, high, serves=(edge, np.inf)))
        grid = self._grid(number, low, high)
        grid.low, grid.high = -edge, edge
        return spans, [grid]

    def _sharpest(self, c: float, low: float, high: float) -> float:
        """The largest concentration of the log-gamma distributions that are as wide."""
        if self.line != "logit":
            return c
        nearest = min(max(0.0, low), high)
        return c * float(_expit_slope(np.array(nearest)))

    def _between(self, spans: list[Span]) -> list[Piece]:
        """Nodes at equal steps of a coordinate in which they are half a width apart."""
        found: list[Piece | None] = [None] * len(spans)
        for share in STEPS:
            left = [k for k, piece in enumerate(found) if piece is None]
            if not left:
                break
            spread = [self._spread(spans[k], share) for k in left]
            number, w = [spans[k].number for k in left], [places for places, _ in spread]
            logs = self._log_densities(number, w)
            for k, (places, width), log in zip(left, spread, logs, strict=True):
                piece = Piece(spans[k].number, places, log + width, *spans[k].serves)
                if share == STEPS[-1] or not spans[k].whole or self._is_resolved(piece):
                    found[k] = piece
        return [piece for piece in found if piece is not None]

    def _is_resolved(self, piece: Piece) -> bool:
        """Whether a whole row's nodes do not miss its integral, which is known."""
        mass, weight = self._mass[piece.number], np.exp(piece.log_weight)
        half = abs(2.0 * weight[::2].sum() - mass)
        return bool(abs(weight.sum() - mass) <= EXACT and half <= ALMOST)

    def _spread(self, span: Span, share: float) -> tuple[Floats, Floats]:
        """Nodes from one end to the other, and the logs of the lengths that they stand for."""
        c, low, high, sd = span.c, span.low, span.high, self._sd[span.number]
        start = self._sign * (self._start[span.number] + 20.0)
        middle = start if c < THIN else 0.5 * (low + high)
        row = min(share * sd, SMOOTH / RESOLVED), middle
        first, last = self._stretched(c, row, np.array([low, high]))
        k = np.linspace(first, last, max(2, int(np.ceil(last - first)) + 1))
        knots = _about(low, high, middle)
        w = np.interp(k, self._stretched(c, row, knots), knots)
        for _ in range(6):
            w = w - (self._stretched(c, row, w) - k) / self._density_of_nodes(c, row, w)
        return w, np.log(float(k[1] - k[0]) / self._density_of_nodes(c, row, w))

    def _stretched(self, c: float, row: tuple[float, float], w: Floats) -> Floats:
        """A coordinate that grows by one from node to node."""
        unit, centre = row
        if self.line == "logit":
            less = np.exp(-np.abs(w))
            near_end = np.arcsin(np.sqrt(less / (1.0 + less)))
            angle = np.where(w < 0.0, near_end, 0.5 * np.pi - near_end)
            steps: Floats = w / unit + 2.0 * RESOLVED * np.sqrt(c) * angle
        else:
            near = _near(c)
            away = near * np.arcsinh((w - centre) / near)
            steps = (RESOLVED * np.sqrt(c) + 1.0 / unit) * away
        return steps

    def _density_of_nodes(self, c: float, row: tuple[float, float], w: Floats) -> Floats:
        """Nodes to a unit of w."""
        unit, centre = row
        if self.line == "logit":
            return RESOLVED * np.sqrt(c * _expit_slope(w)) + 1.0 / unit
        thin = np.sqrt(1.0 + ((w - centre) / _near(c)) ** 2)
        density: Floats = (RESOLVED * np.sqrt(c) + 1.0 / unit) / thin
        return density

    def _grid(self, number: int, low: float, high: float) -> Piece:
        spacing = float(self._plane.inner.scale[number]) / PER_WIDTH
        w = low + spacing * np.arange(max(16.0, np.ceil((high - low) / spacing) + 1.0))
        logs = self._log_densities([number], [w])[0]
        return Piece(number, w, np.maximum(logs, logs.max() - 700.0))

    def _grids(self, pieces: list[Piece], concentration: Floats) -> Grids:
        nodes = self._nodes(pieces)
        start = np.array([piece.w[0] for piece in pieces])
        spacing = np.array([piece.w[1] - piece.w[0] for piece in pieces])
        outer = self._plane.outer
        mass = np.exp(outer.log_weight - outer.log_integral[0])[nodes.number]
        c = concentration[nodes.number]
        width = np.minimum(1.0 / np.sqrt(c), np.inf)
        if self.line == "logit":
            width = np.full(c.size, 1.0)
            width = np.maximum(2.0 / np.sqrt(c), 1.0 / np.sqrt(c * _expit_slope(nodes.high)))
        scale = self._plane.inner.scale[nodes.number]
        return Grids(nodes, start, spacing, c, _orders(self.line, width, width / scale, mass))


def _about(low: float, high: float, middle: float) -> Floats:
    """Points from end to end that are closer about a middle."""
    first, last = np.arcsinh(np.array([low, high]) - middle).tolist()
    points: Floats = middle + np.sinh(np.linspace(first, last, 4000))
    return points


def _near(c: float) -> float:
    """The distance within which nodes are as close as edges of components ask for.

    Below concentrations of about a tenth, a log-gamma distribution goes on for 1 / c.
    """
    return 50.0 + FAR * min(1.0, 1e3 * c) if c < THIN else 1e6


def _by_row(row: Rows, values: Floats, rows: int) -> Floats:
    """A number that all nodes of a row share; 0 for rows without nodes."""
    found = np.zeros(rows)
    found[row] = values
    return found


def _unresolved(
    family: Family, w: Floats, row: Rows, log_weight: Floats, rows: int
) -> NDArray[np.bool_]:
    """Which rows have components narrower than their nodes are apart, where that matters."""
    width, apart = np.minimum(family.line_moments()[1], SMOOTH), np.diff(w)
    matters = np.maximum(log_weight[1:], log_weight[:-1]) > np.log(MATTERS)
    bad = (np.diff(row) == 0) & matters & (np.minimum(width[1:], width[:-1]) < RESOLVED * apart)
    rough = np.zeros(rows, dtype=np.bool_)
    rough[row[1:][bad]] = True
    return rough


def _expit_slope(z: Floats) -> Floats:
    """The product of eta and 1 - eta at logit eta."""
    small = np.exp(-np.abs(z))
    slope: Floats = small / (1.0 + small) ** 2
    return slope


def _logit_of_concentration(ratio: float) -> float:
    """The negative logit at which eta (1 - eta) is 1 / ratio, ratio > 4."""
    less = 2.0 / (ratio * (1.0 + np.sqrt(1.0 - 4.0 / ratio)))
    return float(np.log(less) - np.log1p(-less))


def _orders(line: Line, width: Floats, ratio: Floats, mass: Floats) -> NDArray[np.int32]:
    """The least orders of rules that integrate components of these widths well enough."""
    order = np.full(width.size, ORDERS[-1], dtype=np.int32)
    for (node, weight), size in zip(RULES[::-1], ORDERS[::-1], strict=True):
        away = np.outer(node, width)
        logs = 0.5 * node**2 + np.log(weight)
        shape = Gamma(width**-2.0, width**-2.0).near(-away) + np.log(width)
        skewed = np.exp(logs[:, None] + shape).sum(axis=0) - 1.0
        smooth = weight @ np.exp(-0.5 * np.outer(node, ratio) ** 2) / np.sqrt(2.0 * np.pi)
        error = np.abs(smooth * np.sqrt(1.0 + ratio**2) - 1.0)
        if line != "identity":
            error += np.abs(skewed)
        order[error * mass <= RULE_ERROR] = size
    return order
