"""A density of one coordinate on panels, each with the nodes of a Gauss-Legendre rule.

The log density of log tau is a sum of functions that are analytic in a strip of half-width pi / 2,
so a polynomial of degree 15 carries it on a panel of unit length or less, and exp of it is
integrated to rounding where it does not change by more than a factor e^8 within the panel. Panels
are halved until both hold; halves of a panel whose polynomial is good get their values from it, so
that a sharp peak over many groups costs no more passes over the data (src_cython/panels.pyx). Where
a density is not smooth panels end (quadrature/edges.py). What is lost at last is added up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, exp, floor, inf, isfinite, log

import numpy as np

from pyhier._types import Floats
from pyhier.kernels import panels as kernel
from pyhier.quadrature.averaging import WORTH, averaged, leverage, lost_moment
from pyhier.quadrature.edges import (
    NEAREST,
    NO_TAIL,
    Tail,
    bisect_steps,
    find_pole,
    ladder_to,
    noise,
    pole,
    steps_within,
)
from pyhier.quadrature.rule import (
    AT_ENDS,
    COEFFICIENTS,
    NEXT_TO_ENDS,
    ORDER,
    TO_LEFT,
    TO_NEXT,
    TO_RIGHT,
    WEIGHTS,
    in_order,
    nodes_of,
)
from pyhier.quadrature.rule import NODES as NODES
from pyhier.quadrature.rule import Panels as Panels

Function = Callable[[Floats], Floats]

CUT = 80.0  # panels below the peak by exp(-CUT) = 2e-35 are left out
NONE = -1e290  # log density, of which polynomials and slopes overflow: as good as none
CHANGE = 8.0

# To the left panels are long, for there the density is a power of tau; to the right they are of
# unit length, for the mixtures change there. FAR: of the first look; MOST_AT_ONCE: of a later one.
LONG, FAR, MOST_AT_ONCE = 8.0, 200.0, 256
LEFT = np.concatenate([[2.0, 4.0], np.arange(LONG, FAR + LONG, LONG)])

# Panels that count for mean or variance are kept: where the density times tau or tau^2 is above
# exp(-SPREAD) = 2e-16 of its top, though the density itself be thin.
SPREAD = 36.0
LOWEST, HIGHEST = -700.0, 350.0  # log tau of which a double holds tau, and its square far out
ROUNDS, STEPS_AT = 80, (6, 12, 20)  # of halving; those before which steps are looked for
MOST_NODES = 300_000  # evaluated; more take seconds
NARROWEST = 4e-14  # panels are not halved below it: what is rough there is lost
FIRST_LEVELS = 2  # of halving, at which every panel is asked to be good
# What panels may be off by each level of halving, for no smooth density is any more: rounding is.
NOT_TOLD = (0.0, 0.0, 0.0, 2e-10, 2e-10, 2e-10, 1e-9)
FINE = 3e-13  # a panel's error times its part of the mass' width that is of no account


class UnresolvedError(ValueError):
    """A density that no panels carry; ``place`` is where on the line."""

    def __init__(self, why: str, place: float) -> None:
        super().__init__(why)
        self.place = place


@dataclass(frozen=True)
class Falls:
    """How a density falls off: as exp(left * x) below ``low``, as exp(-right * x) above ``high``.

    Exponents are inf where it falls faster, or where that is not known. Expectations of exp(k * x)
    are asked for up to k = ``moments``.
    """

    left: float = inf
    right: float = inf
    low: float = -inf
    high: float = inf
    moments: int = 0


UNKNOWN = Falls()
NOTHING = np.empty((0, 2))


@dataclass(frozen=True)
class Shape:
    """What is known of a density of one coordinate before it is looked at.

    Attributes
    ----------
    low, high : float
        Between them the density may have structure; outside it falls off smoothly.
    right_of_high : float
        How far to go to the right of ``high`` even where there is little mass.
    support : (float, float)
        Where the density ends abruptly, if it does.
    places : ndarray or None
        Further ends of panels, near which it has structure narrower than a unit.
    powers : Falls
        Beyond which the rest is known.
    limits : (float, float)
        How far the density can be evaluated.
    smooth : bool
        Whether the log density is analytic near the line: a panel's nodes then tell all of it.
    rough : callable or None
        The part of the log density that may have structure anywhere, at arrays of the coordinate.
    rounding : float
        How rough its values are known to be by rounding.
    """

    low: float
    high: float
    right_of_high: float = 0.0
    support: tuple[float, float] = (-inf, inf)
    places: Floats | None = None
    powers: Falls = UNKNOWN
    limits: tuple[float, float] = (-inf, inf)
    smooth: bool = True
    rough: Callable[[Floats], Floats] | None = None
    rounding: float = 0.0


def resolve(
    function: Function,
    low: float,
    high: float,
    right_of_high: float = 0.0,
    support: tuple[float, float] = (-inf, inf),
) -> Panels:
    """Cover all of a smooth density's mass by panels on which it is resolved: see `cover`."""
    return cover(function, Shape(low, high, right_of_high, support))


def cover(function: Function, shape: Shape) -> Panels:
    """Cover all of a density's mass by panels on which it is resolved.

    Parameters
    ----------
    function : callable
        Takes nodes (n,); returns rows (rows, n), the log density first.
    shape : Shape

    Returns
    -------
    Panels

    Raises
    ------
    UnresolvedError
        If the density has no mass, or more structure than there is room for.
    """
    found = Cover(function, shape)
    return found.over(*found.first())


class Cover:
    """What is learnt of a density on the way to its panels."""

    def __init__(self, function: Function, shape: Shape) -> None:
        self.function, self.shape, self.powers = function, shape, shape.powers
        support, limits = shape.support, shape.limits
        self.span = max(support[0], limits[0]), min(support[1], limits[1])
        self.edges = [end for end in support if isfinite(end)]
        orders = range(self.powers.moments + 1)
        # The highest moment that there is: it moves the right end.
        self.tilt = float(max(k for k in orders if k == 0 or self.powers.right - k > 1e-6))
        self.best, self.best_tilted = -inf, -inf if self.tilt else inf
        self.best_once = -inf if self.tilt == 2.0 else inf  # the mean may need what lies between
        self.width = 1.0
        self.evaluated, self.dropped, self.lost_at = 0, 0.0, 0.0
        self.poles: dict[float, float] = {}  # edges, and how near to them panels go
        self.nothing = -inf  # where the highest is below it, that is all that is asked

    def over(self, start: Floats, length: Floats) -> Panels:
        """Resolve the density from panels to begin with."""
        start, length, values = self._extend(start, length, self._evaluate(start, length))
        self.rounding = self._rounding(start, length, values)
        loose, done = np.full(start.size, self.rounding), []
        for level in range(ROUNDS):
            if level in STEPS_AT:
                if self.best < self.nothing:
                    raise UnresolvedError("it is nothing there", float(start[0]))
                start, length, values, loose = self._at_steps(start, length, values, loose)
            least = self.best - CUT, self.best_tilted - SPREAD, self.best_once - SPREAD
            *resolved, rough = kernel.split(
                start, length, values, self._next_to_ends(start, length), loose,
                *least, self.tilt, CHANGE, COEFFICIENTS, TO_LEFT, TO_RIGHT, TO_NEXT,
            )  # fmt: skip
            done.append(resolved)
            if not rough[0].size:
                break
            if level >= FIRST_LEVELS:
                self.width = self._width(done, rough[1])
            start, length, loose = self._again(level, *rough)
            values = self._evaluate(start, length)
        return self._finish(*in_order(done))

    def _evaluate(self, start: Floats, length: Floats) -> Floats:
        """Rows at the nodes, the highest log density noted; where there is none, it is -inf."""
        nodes = nodes_of(start, length)
        self.evaluated += nodes.size
        if self.evaluated > MOST_NODES:
            raise self._too_many(start)
        rows = self.function(nodes.ravel())
        values = rows.reshape(len(rows), len(start), ORDER)
        best, tilted, once, finite = kernel.survey(values, start, self.tilt)
        if not finite or values[0].min() < NONE:
            values[0][~(values[0] > NONE)] = -inf
        self.best, self.best_tilted = max(self.best, best), max(self.best_tilted, tilted)
        self.best_once = max(self.best_once, once)
        return values

    @staticmethod
    def _too_many(start: Floats) -> UnresolvedError:
        why = "its density changes too often, or too fast for the precision of its values"
        return UnresolvedError(why, float(start[len(start) // 2]))

    def _next_to_ends(self, start: Floats, length: Floats) -> Floats:
        """The log density next to both ends of each panel, where it may not be smooth."""
        if self.shape.smooth:
            return NOTHING
        points = start[:, None] + 0.5 * length[:, None] * (NEXT_TO_ENDS + 1.0)
        return np.ascontiguousarray(self._log_density(points.ravel())).reshape(points.shape)

    def _within(self, ends: Floats) -> Floats:
        """Ascending ends, clipped."""
        if ends[0] >= self.span[0] and ends[-1] <= self.span[1]:
            return ends
        return np.unique(np.clip(ends, *self.span))

    def first(self) -> tuple[Floats, Floats]:
        """Panels to begin with: one beside the other, over all that could hold mass.

        The ends between ``low`` and ``high`` are tried first. Within a panel the log density rises
        above its ends by no more than its curvature allows, for which the second difference
        serves, doubled. Outside, it goes on falling with at least its slope there.
        """
        shape = self.shape
        ends = self._within(_ends_about(floor(shape.low), ceil(shape.high)))
        if shape.places is not None:
            ends = np.unique(np.concatenate([ends, np.clip(shape.places, *self.span)]))
        at_ends = self.function(self._inside(ends))[0]
        first, last, left, right = 0, ends.size - 1, 0.0, shape.right_of_high
        if at_ends.min() > -inf:
            rise = at_ends[1:] - at_ends[:-1]
            bend = np.zeros(ends.size)
            bend[1:-1] = abs(rise[1:] - rise[:-1])
            reach = np.maximum(at_ends[:-1], at_ends[1:]) + np.maximum(bend[:-1], bend[1:])
            least = at_ends.max() - CUT
            chosen = (reach >= least).nonzero()[0]
            # Between two stretches of mass nothing is left out: panels stay one beside the other.
            first, last = chosen[0], chosen[-1] + 1
            if last < ends.size - 1 and self.tilt:
                tilted = reach + self.tilt * ends[1:]
                last = max(last, int((tilted >= tilted.max() - SPREAD).nonzero()[0][-1]) + 1)
            left = _distance(at_ends[first] - least, rise[first] / (ends[first + 1] - ends[first]))
            width = ends[last] - ends[last - 1]
            right = max(right, _distance(at_ends[last] - least, -rise[last - 1] / width))
        grid = [ends[first : last + 1]]
        if left > 0.0:
            further = ends[first] - LEFT[np.searchsorted(LEFT, min(left, LEFT[-1])) :: -1]
            if further[0] < self.powers.low and isfinite(self.powers.left):
                further = further[np.searchsorted(further, self.powers.low) - 1 :]
            grid.insert(0, further)
        if right > 0.0:
            grid.append(ends[last] + np.arange(1.0, np.ceil(right) + 1.0))
        ends = self._within(np.concatenate(grid))
        return ends[:-1], ends[1:] - ends[:-1]

    def _inside(self, ends: Floats) -> Floats:
        """The ends, those at an edge a little off it: there may be a pole."""
        if not self.edges:
            return ends
        low, high = self.span
        off = NEAREST * min(1.0, high - low)
        return np.clip(ends, low + off, high - off)

    def _extend(
        self, start: Floats, length: Floats, values: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Go on with panels on both sides until the mass is gone, or known."""
        known = self.powers.low if isfinite(self.powers.left) else -inf
        for batch in np.minimum(4 * 2 ** np.arange(16.0), MOST_AT_ONCE):
            least, grids = self.best - CUT, []
            left, right = start[0], start[-1] + length[-1]
            if values[0, 0, 0] > least and left > max(self.span[0], known):
                grids.append(self._within(left - LONG * np.arange(batch, -1.0, -1.0)))
            if self._goes_on(float(values[0, -1, -1]), float(right)):
                grids.append(self._within(right + np.arange(batch + 1.0)))
            if not grids:
                break
            for grid in grids:
                new, size = grid[:-1], grid[1:] - grid[:-1]
                parts = [(start, length, values), (new, size, self._evaluate(new, size))]
                first, second = parts if new[0] >= right else parts[::-1]
                start, length = (np.concatenate([first[k], second[k]]) for k in (0, 1))
                values = np.concatenate([first[2], second[2]], axis=1)
        return start, length, values

    def _goes_on(self, value: float, right: float) -> bool:
        """Whether there is mass to the right, or what moments need."""
        if right >= self.span[1]:
            return False
        if value > self.best - CUT:
            return True
        known = isfinite(self.powers.right) and right >= self.powers.high
        tilted = value + self.tilt * right
        return self.tilt > 0.0 and not known and tilted > self.best_tilted - SPREAD

    def _again(
        self, level: int, start: Floats, length: Floats, last: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Panels that no polynomial carried, halved by now, and how rough they may be this time.

        An error that is small beside the panel's part of a unit is of no account; nor is rounding;
        and what is narrower than numbers tell apart is taken as it is.
        """
        if self.evaluated + start.size * ORDER > MOST_NODES:
            raise self._too_many(start)
        for edge in self.edges:
            start, length = self._to_edge(edge, start, length)
        if level < FIRST_LEVELS:
            return start, length, np.full(start.size, self.rounding)
        least = max(self.rounding, NOT_TOLD[min(level, len(NOT_TOLD) - 1)])
        loose = np.maximum(FINE * self.width / np.maximum(length, 1e-300), least)
        if (small := length < 0.02).any():
            rounding = noise(self._log_density, start[small], length[small])
            loose[small] = np.maximum(loose[small], 10.0 * rounding)
        loose[length < _narrowest(start)] = inf
        return start, length, loose

    def _width(self, done: list[list[Floats]], rough: Floats) -> float:
        """How wide the mass is, a unit at most: the integral over the density at its highest."""
        heights = ((part[3][0].max(axis=1), part[1]) for part in done)
        # Logs of 1e14 and more may be above the best by their own rounding.
        parts = (np.exp(np.minimum(top - self.best, 0.0)) @ length for top, length in heights)
        known = float(sum(parts))
        return min(1.0, known + float(rough.sum()))

    def _rounding(self, start: Floats, length: Floats, values: Floats) -> float:
        """How rough rounding makes a log density of this size; 0 where it does not matter."""
        if abs(self.best) < 500.0:
            return self.shape.rounding
        at = values[0].max(axis=1).argmax()
        found = 10.0 * float(noise(self._log_density, start[[at]], length[[at]])[0])
        return max(found, self.shape.rounding)

    def _log_density(self, x: Floats) -> Floats:
        values: Floats = self.function(x)[0]
        return values

    def _to_edge(self, edge: float, start: Floats, length: Floats) -> tuple[Floats, Floats]:
        """A rough panel beside an edge, made into a ladder that ends next to it, once."""
        after = np.abs(start - edge) < _narrowest(start)
        beside = after | (np.abs(start + length - edge) < _narrowest(start))
        if edge in self.poles or not beside.any():
            return start, length
        at = int(beside.argmax())
        far = float(start[at] + length[at] if after[at] else start[at])
        found = find_pole(self._log_density, edge, far)
        if found is None:  # it is rough elsewhere
            return start, length
        ends = ladder_to(edge, found[0], far)
        self.poles[edge] = float(ends[0] if after[at] else ends[-1])
        return (
            np.concatenate([np.delete(start, at), ends[:-1]]),
            np.concatenate([np.delete(length, at), np.diff(ends)]),
        )

    def _at_steps(
        self, start: Floats, length: Floats, values: Floats, loose: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Cut panels in two where they hold a step."""
        found, low, high = steps_within(nodes_of(start, length), values[0])
        found &= (length < 0.1) & np.isfinite(values[0]).all(axis=1) & (loose < inf)
        if not found.any():
            return start, length, values, loose
        before, after, is_step = bisect_steps(self._log_density, low[found], high[found])
        found[found] = is_step
        if not is_step.any():
            return start, length, values, loose
        before, after = before[is_step], after[is_step]
        new_start = np.concatenate([start[found], after])
        new_length = np.concatenate([before - start[found], (start + length)[found] - after])
        values = np.concatenate([values[:, ~found], self._evaluate(new_start, new_length)], axis=1)
        return (
            np.concatenate([start[~found], new_start]),
            np.concatenate([length[~found], new_length]),
            values,
            np.concatenate([loose[~found], np.zeros(new_start.size)]),
        )

    # --- What is left -----------------------------------------------------------------------------

    def _finish(self, start: Floats, length: Floats, error: Floats, values: Floats) -> Panels:
        if not start.size:
            raise UnresolvedError("no mass was found", 0.5 * float(np.clip(0.0, *self.span)))
        if not error.max() < inf:
            start, length, error, values = self._without_ends(start, length, error, values)
            if not start.size:
                raise UnresolvedError(
                    "its prior is -inf just where the mass would be", self.lost_at
                )
        shares, total, lost, worst = kernel.account(length, error, values, WEIGHTS, self.best)
        if 0.5 * lost > WORTH * total and self.shape.rounding < WORTH:
            panels = averaged(
                self._evaluate, self._log_density, (start, length, error, values), shares / total
            )
            start, length, error, values = panels
            shares, total, lost, worst = kernel.account(length, error, values, WEIGHTS, self.best)
            lost *= leverage(start, length, shares / total, worst)
        tails, at_poles = self._tails(start, length, values)
        for tail in tails:
            if tail is not NO_TAIL:
                total += exp(min(tail.log_mass - self.best, 700.0))
        if not 0.0 < total < inf:  # beside what was too steep for panels there is nothing
            raise UnresolvedError("it falls too fast for panels where its mass is", self.lost_at)
        shares /= total
        # Errors of different panels are as good as independent; and what the last coefficients add
        # to an integral is a quarter of them or less.
        lost = (0.5 * lost + at_poles + self.dropped + self._off_edges(start, length)) / total
        moment = lost_moment(start, length, error, values, self.tilt) if self.tilt else (0.0, 0)
        lost, worst = max((lost, worst), moment)
        sums = shares, self.best, log(total)
        worst_at, edges = float(start[worst]), tuple(self.edges)
        return Panels(start, length, values, tails, lost, worst_at, edges, sums)

    def _off_edges(self, start: Floats, length: Floats) -> float:
        """What the rounding of edges beside the mass changes, relative to the highest."""
        ends = np.array([start[0], start[-1] + length[-1]])
        near = [
            e for e in self.edges if (np.abs(ends - e) <= 2.0 * NEAREST * max(1.0, abs(e))).any()
        ]
        return float(sum(4e-16 * max(1.0, abs(edge)) for edge in near))

    def _without_ends(
        self, start: Floats, length: Floats, error: Floats, values: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Panels that hold an end of the density, as narrow as they get by now: lost."""
        ends = ~(values[0] > -inf).all(axis=1)
        self.dropped = float((np.exp(values[0].max(axis=1) - self.best) * length)[ends].sum())
        kept, self.lost_at = ~ends, float(start[0])
        return start[kept], length[kept], error[kept], np.ascontiguousarray(values[:, kept])

    def _tails(
        self, start: Floats, length: Floats, values: Floats
    ) -> tuple[tuple[Tail, Tail], float]:
        """What is beyond the panels, and mass that is known badly, relative to the highest."""
        ends = float(start[0]), float(start[-1] + length[-1])
        tails = [self._power_tail(end, side, values[0, -side]) for side, end in enumerate(ends)]
        lost = 0.0
        for edge, near in self.poles.items():
            tail = pole(self._log_density, edge, near)
            mass = exp(min(tail.log_mass - self.best, 700.0))
            side = 0 if edge < near else 1
            if abs(near - ends[side]) <= 1e-12 * max(1.0, abs(near)):
                tails[side], lost = tail, lost + mass * tail.error
            else:
                lost += mass
        return (tails[0], tails[1]), lost

    def _power_tail(self, end: float, side: int, values: Floats) -> Tail:
        """The mass beyond an end from which on the density is a power of tau."""
        powers = self.powers
        index = powers.right if side else powers.left
        if index < inf and (end >= powers.high if side else end <= powers.low):
            return Tail(float(AT_ENDS[side] @ values) - log(index))
        if abs(end - self.shape.limits[side]) < 1e-9 and values.max() > self.best - 50.0:
            raise UnresolvedError("its mass goes on further than doubles do", end)
        return NO_TAIL


def _ends_about(low: float, high: float) -> Floats:
    """Ends a unit apart; half a unit amid a short range, where polynomials carry no more."""
    if high - low > 8.0:
        return np.arange(low - 2.0, high + 3.0)
    middle = np.arange(low, high, 0.5)
    return np.concatenate([[low - 2.0, low - 1.0], middle, [high, high + 1.0, high + 2.0]])


def _narrowest(start: Floats) -> Floats:
    width: Floats = NARROWEST * np.maximum(1.0, np.abs(start))
    return width


def _distance(height: float, slope: float) -> float:
    """How far a log density goes on above the floor, at this height above it."""
    return min(height / slope, FAR) if height > 0.0 and slope > 0.0 else 0.0
