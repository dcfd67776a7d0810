"""Mixtures of normals over a density on panels, where the mixture's nodes do not tell enough.

Far out a normal density changes faster with the node than the panels were made for, and what counts
there may be off all panels. So there the product of both is put on panels of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, inf, isfinite, log
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels import mixtures as kernel
from pyhier.quadrature.edges import bisect_ends, noise
from pyhier.quadrature.panels import CUT, Cover, Falls, Shape, UnresolvedError
from pyhier.quadrature.rule import COEFFICIENTS, ORDER, Panels, nodes_of

LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))
LAST = np.ascontiguousarray(COEFFICIENTS[[14, 15, 12, 13, 6, 7, 8, 9]])
TOLERANCE = 1e-10  # of what the mixture's own nodes tell
PROMISE = 1e-9
ROUNDED = 5e-12  # of the mass: panels that lose more stand beside a pole, or are rough
EPSILON = 4e-16  # of a score, and of what it is the difference of
LOWEST_LOG = -1e16
REMEMBERED = 500  # lots of places at which the law is kept
AWAY = 30.0  # to the right, where effects are as free as they get
LEAST = -800.0  # logs of doubles are above it, those of integrals with them
LADDER = 2.0 ** np.arange(-3.0, 10.0)  # beyond the panels, where the density may have ended
STEPS, FURTHEST = 100, 3.0  # of Newton's method, on a log

DENSITY, LOWER, UPPER = 0, -1, 1
Part = Callable[[Floats, Floats], Floats]
Parts = tuple[Floats, Floats, Floats]


class TooFarError(ValueError):
    """A point at which no panels carry the mixture; ``best`` is the log of its highest part."""

    def __init__(self, x: float, why: str, best: float) -> None:
        super().__init__(
            f"exact cannot tell so far out as {x:g}: {why}; take a smoother or wider prior of tau "
            "(see check_prior)"
        )
        self.best = best


class Law(Protocol):
    """A mixing coordinate, and the normal distributions given it."""

    @property
    def grows(self) -> bool:
        """Whether sds grow as exp of the coordinate."""

    def __call__(self, place: Floats, /) -> tuple[Floats, Floats, Floats]:
        """The log density of the coordinate, and mean and sd given it, at places (n,)."""

    def on_panels(self, panels: Panels) -> tuple[Floats, Floats, Floats]:
        """The same at all nodes of the panels of its density."""


@dataclass(frozen=True)
class Components:
    """All components on all panels, ORDER a panel, and what may be missing.

    Attributes
    ----------
    log_density, rule, mean, sd : ndarray, shape (nodes,)
        Of the coordinate; the rule's weights; the components.
    log_missing : float
        Log of the probability that is off the panels.
    least_sd : float
        Of any component, on the panels or off.
    """

    log_density: Floats
    rule: Floats
    mean: Floats
    sd: Floats
    log_missing: float
    least_sd: float

    def enough(self, x: Floats, kind: int) -> NDArray[np.bool_]:
        """Whether they tell the density or a tail at every x."""
        missing = self.log_missing - (log(self.least_sd) if kind == DENSITY else 0.0)
        table = self.log_density, self.rule, self.mean, self.sd
        return kernel.resolved(x, kind, *table, LAST, missing, TOLERANCE)


@dataclass(frozen=True)
class Top:
    """The highest log part of a mixture at a point, how it and others are rounded, its place."""

    height: float
    rounding: float
    roughest: float
    place: float


@dataclass(frozen=True)
class FarTails:
    """A mixture of normals at single points, by a quadrature for each where that is needed.

    Attributes
    ----------
    law : Law
    panels : Panels
        Of the law's density alone.
    shape : Shape
        What is known of it.
    """

    law: Law
    panels: Panels
    shape: Shape

    @cached_property
    def components(self) -> Components:
        """All that the panels tell."""
        panels, parts = self.panels, [self._on_panels()]
        for side in (0, 1):
            if isfinite(panels.tails[side].edge):
                place, share = panels.nodes_beyond(side)
                _, mean, sd = self.law(place)
                part = np.zeros(ORDER), share, mean, sd
                parts = [part, *parts] if side == 0 else [*parts, part]
        rows = [np.concatenate(part) for part in zip(*parts, strict=True)]
        log_density, rule, mean, sd = (np.ascontiguousarray(row) for row in rows)
        missing = [*self._missing, self._in_gaps(), self._unresolved]
        # What is on the left of the panels falls off faster than sds do.
        right = min(panels.end + AWAY, self._reach[1])
        least = min(float(sd.min()), float(self.law(np.array([right]))[2][0]))
        return Components(log_density, rule, mean, sd, float(np.logaddexp.reduce(missing)), least)

    def _on_panels(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Log density, rule, mean and sd at the nodes; a tail on the left is the first node's."""
        panels = self.panels
        log_density, mean, sd = self.law.on_panels(panels)
        rule = panels.weights.ravel()
        if not isfinite(panels.tails[0].edge) and panels.beyond[0] > 0.0:
            rule = rule.copy()
            rule[0] += panels.beyond[0] * exp(-float(log_density[0]))
        return log_density, rule, mean, sd

    @cached_property
    def _looked_at(self) -> dict[bytes, tuple[Floats, Floats, Floats]]:
        return {}

    def _law_at(self, place: Floats) -> tuple[Floats, Floats, Floats]:
        """The law at places, which many points ask for at the same ones: beside its edges."""
        key = place.tobytes()
        found = self._looked_at.get(key)
        if found is None:
            found = self.law(place)
            if len(self._looked_at) < REMEMBERED:
                self._looked_at[key] = found
        return found

    @property
    def _reach(self) -> tuple[float, float]:
        """How far the coordinate goes."""
        low, high = self.shape.limits
        return max(low, self.shape.support[0]), min(high, self.shape.support[1])

    @cached_property
    def _alive(self) -> tuple[float, float]:
        """How far the density goes: it may underflow on the way, beyond the panels."""
        nodes, found = self.panels.nodes, list(self._reach)

        for side, sign in ((0, -1.0), (1, 1.0)):
            inner = float(nodes[-side, -side])
            steps = inner + sign * LADDER
            steps = steps[sign * steps < sign * found[side]]
            dead = ~(self._log_law(steps) > -inf)
            if dead.any():
                first = int(dead.argmax())
                inside = np.array([steps[first - 1] if first else inner])
                found[side] = float(bisect_ends(self._log_law, inside, steps[[first]])[0])
        return found[0], found[1]

    @property
    def _underflows(self) -> list[float]:
        """Ends of the density that are none of its prior's, and at no end of the panels."""
        ends = zip(self._alive, self._reach, strict=True)
        known = np.array([inf, *self.panels.edges])
        return [end for end, last in ends if end != last and abs(known - end).min() > 1e-9]

    @property
    def _missing(self) -> list[float]:
        """Logs of the probabilities that are before the panels and after them, at most."""
        panels, found = self.panels, [-inf, -inf]
        ends = float(panels.start[0]), panels.end
        for side in (0, 1):
            tail = panels.tails[side]
            at_edge = any(abs(ends[side] - edge) < 1e-9 for edge in panels.edges)
            if isfinite(tail.edge) or at_edge:
                continue
            if tail.log_mass > -inf:
                found[side] = tail.log_mass - panels.log_total if side else -inf
            else:
                found[side] = panels.at_ends[0][side] - panels.log_total + log(10.0)
        return found

    @property
    def _unresolved(self) -> float:
        """Log of what panels beside poles leave out of the mass, where it is more than rounding."""
        lost = self.panels.lost
        return log(lost) if lost > ROUNDED else -inf

    def _in_gaps(self) -> float:
        """Log of what may be between panels."""
        panels = self.panels
        gaps = panels.start[1:] - (panels.start + panels.length)[:-1]
        whole = float(gaps[gaps > 1e-9].sum())
        if not whole:
            return -inf
        return float(panels.values[0].max()) - CUT - panels.log_total + log(whole)

    def log_density(self, x: float, least: float = -inf) -> float:
        """Log of the mixture's density; a TooFarError where it is far below ``least``."""

        def part(mean: Floats, sd: Floats) -> Floats:
            z = (x - mean) / sd
            logs: Floats = -0.5 * z * z - np.log(sd) - LOG_SQRT_2PI
            return logs

        return self._integrate(x, part, 1.0, least)

    def log_tail(self, x: float, upper: bool, least: float = -inf) -> float:
        """Log of the probability of less than x, or of more; as `log_density`."""
        from scipy.special import log_ndtr

        sign = -1.0 if upper else 1.0

        def part(mean: Floats, sd: Floats) -> Floats:
            logs: Floats = log_ndtr(sign * (x - mean) / sd)
            return logs

        return self._integrate(x, part, 0.0, least)

    def _integrate(self, x: float, part: Part, power: float, least: float) -> float:
        def rows(place: Floats) -> Floats:
            logs, mean, sd = self._law_at(place)
            with np.errstate(over="ignore"):
                return (logs + part(mean, sd))[np.newaxis]

        start, length, top = self._first(x, part, power == 0.0)
        if not start.size:  # nowhere is it a double, nor its log
            return -inf
        rounding = max(top.roughest, self._roughness)
        shape = replace(self._like, powers=self._falls(x, power), rounding=rounding)
        cover = Cover(rows, shape)
        cover.edges = [*self.panels.edges, *self._underflows]
        beyond = self._beyond_doubles(x)
        cover.nothing = least
        try:
            if top.height < LOWEST_LOG:
                raise UnresolvedError("its log leaves the precision of doubles", top.place)
            found = cover.over(start, length)
        except UnresolvedError as error:
            raise TooFarError(x, str(error), max(cover.best, top.height, beyond)) from None
        if beyond > cover.best - 50.0:
            raise TooFarError(x, "its mass goes on further than doubles do", beyond)
        if not found.lost <= PROMISE + top.rounding:
            why = f"its error is about {found.lost:.1g} of the whole"
            raise TooFarError(x, why, cover.best)
        return found.log_total

    def _beyond_doubles(self, x: float) -> float:
        """Log of what may be where the coordinate leaves the doubles, at most."""
        limit = self.shape.limits[1]
        if not self.law.grows or self.shape.support[1] <= limit:
            return -inf
        if self.shape.powers.right < inf:  # from the point as wide as x is away it is known
            return inf if self._as_wide(x) + 30.0 > limit else -inf
        return float(self.law(np.array([limit]))[0][0]) + log(limit)

    @property
    def _like(self) -> Shape:
        """The density's shape; the panels that there are say where to begin."""
        low, high = self._alive
        return replace(
            self.shape, low=0.0, high=0.0, right_of_high=0.0, places=None, rough=None,
            support=(low, high),
        )  # fmt: skip

    @cached_property
    def _roughness(self) -> float:
        """How rough the density's values are by rounding; 0 where its panels lost nothing by it.

        What was averaged out once, and normalised, is to be taken at the very same nodes again:
        others are rounded alike too, but not to the same whole.
        """
        panels = self.panels
        if not panels.lost > ROUNDED:
            return 0.0
        at = [int(panels.values[0].max(axis=1).argmax())]
        return 10.0 * float(noise(self._log_law, panels.start[at], panels.length[at])[0])

    def _log_law(self, place: Floats) -> Floats:
        return self.law(place)[0]

    def _falls(self, x: float, power: float) -> Falls:
        """How the product falls off far out, where normal parts are a power of their sds."""
        known = self.shape.powers
        # Below, tau^2 is nothing beside the variances even thousands of sds away.
        low, high, right = known.low - 10.0, known.high, known.right
        if self.law.grows and right < inf:
            high, right = max(high, self._as_wide(x) + 30.0), right + power
        return Falls(known.left, right, low, high)

    def _as_wide(self, x: float) -> float:
        """The coordinate at which sds that grow with it are as wide as x is away."""
        _, mean, _ = self.law(np.array([self.panels.end]))
        return log(max(abs(x - float(mean[0])), 1e-300))

    def _first(self, x: float, part: Part, tail: bool) -> tuple[Floats, Floats, "Top"]:
        """Panels to begin with, near the product's mass, one beside the other; and its top."""
        start, length, law = self._known(x)
        log_density, mean, sd = law
        with np.errstate(over="ignore"):
            own = part(mean, sd)
            values = log_density + own
            score, size = np.abs(x - mean) / sd, abs(x) + np.abs(mean)
        height, at = values.reshape(-1, ORDER).max(axis=1), int(values.argmax())
        least = max(float(height.max()) - CUT - 20.0, -1e308)
        kept, near = np.flatnonzero(height >= least), values >= least
        with np.errstate(over="ignore"):
            slope = _slope_of_tail(score, own) if tail else score
            rounding = np.where(near, EPSILON * slope * (score + size / sd), 0.0)
        place = float(start[at // ORDER])
        top = Top(float(height.max()), float(rounding[at]), float(rounding.max()), place)
        if not kept.size:
            return start[:0], length[:0], top
        # Lengths stay as they are: of a peak 1e-7 wide the rounding of ends is 1e-8.
        start, length = start[kept[0] : kept[-1] + 1], length[kept[0] : kept[-1] + 1]
        end = start + length
        gap = np.flatnonzero(start[1:] - end[:-1] > 1e-12 * np.maximum(1.0, np.abs(start[1:])))
        length = np.append(length, start[gap + 1] - end[gap])
        start = np.append(start, end[gap])
        for side, beyond in enumerate(self.panels.tails):
            if isfinite(beyond.edge):  # how near to a pole panels go is found anew
                last = self.panels.end if side else float(self.panels.start[0])
                ends = sorted([beyond.edge, last])
                start, length = np.append(start, ends[0]), np.append(length, ends[1] - ends[0])
        order = start.argsort()
        return start[order], length[order], top

    def _known(self, x: float) -> tuple[Floats, Floats, Parts]:
        """Starts and lengths of panels, further ones with them, and the law at their nodes."""
        panels, further = self.panels, self._further(x)
        start, length, law = panels.start, panels.length, self.law.on_panels(panels)
        if not further.size:
            return start, length, law
        more = self.law(nodes_of(further[:-1], np.diff(further)).ravel())
        whole = [np.concatenate(pair) for pair in zip(law, more, strict=True)]
        start, length = np.append(start, further[:-1]), np.append(length, np.diff(further))
        return start, length, (whole[0], whole[1], whole[2])

    def _further(self, x: float) -> Floats:
        """Ends of panels to where sds are as wide as x is away, if that is beyond the others.

        Those that do not grow with the coordinate have an end, near where structure has.
        """
        at_pole = isfinite(self.panels.tails[1].edge)
        far = min(self._as_wide(x) + 3.0, self._alive[1])
        if not self.law.grows:
            far = min(far, self.shape.high + 20.0)
        if at_pole or far < self.panels.end + 1.0:
            return np.empty(0)
        ends: Floats = np.minimum(np.arange(self.panels.end, far + 1.0), far)
        return ends


def _slope_of_tail(score: Floats, log_tail: Floats) -> Floats:
    """The slope of the log of a normal tail, at most: next to none where the tail is nearly one."""
    over_half = log_tail > -log(2.0)
    density = np.exp(-0.5 * score * score - LOG_SQRT_2PI)
    slope: Floats = np.where(over_half, 2.0 * density, np.sqrt(-2.0 * log_tail) + 0.8)
    return slope


def doubled(function: Callable[..., float], *point: object) -> float:
    """Exp of a log density or tail; 0 where that is all that doubles say of it."""
    try:
        return exp(function(*point, LEAST))
    except TooFarError as error:
        if error.best > LEAST:
            raise
        return 0.0


def quantile(tails: FarTails, q: float, upper: bool, x: float, centre: float) -> float:
    """The point with probability q below (above) it, by Newton's method from a guess.

    Not by `invert_tail`: each step is a quadrature, so that there is no bracket to begin with, and
    steps on the log of the distance are few.

    The log of a tail is nearly a straight line of the log of the distance from the centre where it
    is heavy, and bends down where it is not; so a step outwards is at most one of FURTHEST.
    """
    side = 1.0 if upper else -1.0
    u = log(abs(x - centre))
    for _ in range(STEPS):
        x = centre + side * exp(u)
        log_tail = tails.log_tail(x, upper)
        slope = exp(tails.log_density(x) - log_tail + u)
        step = min((log_tail - log(q)) / slope, FURTHEST)
        u += step
        # The next step would be about its square; or no double lies between.
        if abs(step) * slope <= 1e-7 or abs(step) * exp(u) <= 4e-16 * abs(x):
            return centre + side * exp(u)
    raise ValueError(f"exact cannot tell the quantile of {q}: it is too far out")
