"""A marginal known by its log density on an unconstrained line, such as log theta."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import numbers
from pyhier.distributions.base import Marginal
from pyhier.quadrature.nested import CUT
from pyhier.quadrature.rule import COEFFICIENTS, NODES, WEIGHTS, Panels
from pyhier.quadrature.transforms import Line, from_line, log_slope, to_line

LENGTH = 0.75  # of the panels in t, to begin with
ROUGH = 1e-11  # last coefficients of a resolved panel, relative to its largest
HALVINGS = 14  # of panels at most, in which a spike in a wide density is found
SPIKES = 5  # halvings after which panels are halved only for their mass
NO_ERROR = 1e-11  # of t's density at its highest, of a panel's mass
MOST = 600  # panels that may be halved at a time; what is rough then counts as an error
ROUNDING = 2e-15  # of a place, times the slope of the log density there: no panel is smoother
LIMIT = 700.0  # beyond which, on either side, a log or a logit is of no double
ENDS = {
    "identity": (-np.inf, np.inf),
    "log": (0.0, np.inf),
    "logit": (0.0, 1.0),
    "atanh": (-1.0, 1.0),
}


def _mass(logs: Floats, length: Floats) -> Floats:
    """The integral of a density over panels."""
    mass: Floats = np.exp(logs) @ WEIGHTS * (0.5 * length)
    return mass


class LineMarginal(Marginal):
    """The distribution of one quantity by the log density of its place on a line.

    Parameters
    ----------
    line : {"identity", "log", "logit", "atanh"}
    log_density : callable
        At an array of places on the line, up to a constant.
    centre, scale : float
        A guess at where the mass is.
    index : float
        Exponent below which powers of the quantity have expectations.
    moments : (float, float), optional
        Mean and variance, where they are known otherwise.
    beyond : (float, float), optional
        The mass below -LIMIT and above LIMIT on the line, where it is known otherwise.

    Attributes
    ----------
    error : float
        About how far probabilities are off: what panels that stay rough leave, and whatever the
        density's own error is.
    """

    def __init__(
        self,
        line: Line,
        log_density: Callable[[Floats], Floats],
        centre: float,
        scale: float,
        index: float = np.inf,
        moments: tuple[float, float] | None = None,
        beyond: tuple[float, float] | None = None,
    ) -> None:
        self._line, self._log_density = line, log_density
        self._centre, self._scale = centre, scale
        self._index, self._known = index, moments
        self._beyond = beyond or (0.0, 0.0)
        far = LIMIT if beyond and line in ("log", "logit") else np.inf
        self._ends = self._t(np.array([-far, far]))
        self.support = ENDS[line]
        self.error = 0.0

    def places(self, below: Floats) -> Floats:
        """Nodes with about these shares of the mass below them, of below's shape."""
        mass = np.cumsum(self._weights)
        at = np.searchsorted(mass, below * mass[-1])
        return self._place(self._panels.nodes.ravel()[np.minimum(at, mass.size - 1)])

    # --- The line ---------------------------------------------------------------------------------

    def _to_line(self, x: Floats) -> Floats:
        return to_line(self._line, x)

    def _from_line(self, place: Floats) -> Floats:
        return from_line(self._line, place)

    def _log_slope(self, place: Floats) -> Floats:
        return log_slope(self._line, place)

    # --- The density in t, with place = centre + scale * sinh(t) (nested.py) ----------------------

    def _place(self, t: Floats) -> Floats:
        return self._centre + self._scale * np.sinh(t)

    def _t(self, place: Floats) -> Floats:
        t: Floats = np.arcsinh((place - self._centre) / self._scale)
        return t

    def _values(self, start: Floats, length: Floats) -> Floats:
        """Log of t's density at the nodes of panels, up to a constant; (panels, ORDER)."""
        t = start[:, None] + 0.5 * length[:, None] * (NODES + 1.0)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            logs = self._log_density(self._place(t.ravel())).reshape(t.shape) + np.log(np.cosh(t))
        return np.where(np.isnan(logs), -np.inf, logs)

    def _cover(self) -> tuple[Floats, Floats, Floats]:
        """Panels over all of the mass: their starts and lengths, and values at the nodes."""
        start, length = self._clipped(LENGTH * np.arange(-3.0, 3.0))
        values = self._values(start, length)
        for _ in range(100):
            more, low, high = [], start[0], start[-1] + length[-1]
            if values[0, 0] > values.max() - CUT and low > self._ends[0]:
                more.append(low - LENGTH * np.array([2.0, 1.0]))
            if values[-1, -1] > values.max() - CUT and high < self._ends[1]:
                more.append(high + LENGTH * np.arange(2.0))
            if not more:
                return start, length, values
            new, size = self._clipped(np.concatenate(more))
            start, length = np.concatenate([start, new]), np.concatenate([length, size])
            values = np.concatenate([values, self._values(new, size)])
            order = np.argsort(start)
            start, length, values = start[order], length[order], values[order]
        raise ValueError("the mass of the density does not end: the posterior is improper")

    def _clipped(self, start: Floats) -> tuple[Floats, Floats]:
        """Starts and lengths of panels, as far as they are between the ends of the line."""
        low, high = np.clip([start, start + LENGTH], *self._ends)
        some = high > low
        return low[some], (high - low)[some]

    @cached_property
    def _resolved(self) -> tuple[Panels, float]:
        """The log density in t on panels that carry it as polynomials; log of its integral."""
        start, length, values = self._cover()
        best = values.max()
        values = np.maximum(values, best - 1e4)
        done: list[tuple[Floats, Floats, Floats]] = []
        for level in range(HALVINGS):
            size = np.abs((values - best) @ COEFFICIENTS.T)
            last = size[:, -2:].max(axis=1)
            allowed = np.maximum(1.0, size.max(axis=1)) * ROUGH
            rough = last > np.maximum(allowed, self._rounding(start, length, size))
            rough &= values.max(axis=1) > best - CUT
            left = np.where(rough, np.minimum(last, 1.0) * _mass(values - best, length), 0.0)
            if level >= SPIKES or rough.sum() > MOST:  # what is left is small, or an error
                rough &= (left > NO_ERROR) & (level < HALVINGS - 1) & (rough.sum() <= MOST)
                self.error += float(left[~rough].sum())
            done.append((start[~rough], length[~rough], values[~rough]))
            if not rough.any():
                break
            half = 0.5 * length[rough]
            start, length = np.concatenate([start[rough], start[rough] + half]), np.tile(half, 2)
            values = np.maximum(self._values(start, length), best - 1e4)
        start, length, values = (np.concatenate(part) for part in zip(*done, strict=True))
        order = np.argsort(start)
        panels = Panels(start[order], length[order], values[np.newaxis, order] - best)
        with np.errstate(over="ignore", divide="ignore"):
            known = np.exp(np.log(sum(self._beyond)) - np.log(self._scale) - best)
        total = float((np.exp(panels.values[0]) * panels.weights).sum() + known)
        self.error /= total
        panels = Panels(panels.start, panels.length, panels.values - np.log(total))
        return panels, float(best) + np.log(total) + float(np.log(self._scale))

    def _rounding(self, start: Floats, length: Floats, size: Floats) -> Floats:
        """How rough the rounding of places makes the log density on panels."""
        low, high = self._place(start), self._place(start + length)
        steepness: Floats = size[:, 1:].sum(axis=1) / (high - low)
        return ROUNDING * steepness * np.maximum(np.abs(low), np.abs(high))

    @property
    def log_mass(self) -> float:
        """Log of the integral of the density that was given."""
        return self._resolved[1]

    @property
    def _panels(self) -> Panels:
        return self._resolved[0]

    @cached_property
    def _weights(self) -> Floats:
        weights: Floats = np.exp(self._panels.values[0]) * self._panels.weights
        return weights

    @cached_property
    def _cumulated(self) -> tuple[Floats, Floats]:
        """Mass left of every panel's start, and right of it; the last entry is of the end."""
        mass = self._weights.sum(axis=1)
        before, after = np.array(self._beyond) * np.exp(-self._resolved[1])
        below = before + np.append(0.0, np.cumsum(mass))
        return below, after + np.append(np.cumsum(mass[::-1])[::-1], 0.0)

    def _tail(self, t: Floats, side: int) -> Floats:
        """Mass below (side 0) or above (side 1) every t."""
        panels, (below, above) = self._panels, self._cumulated
        inside = np.clip(t, panels.start[0], panels.end)
        panel = np.clip(np.searchsorted(panels.start, inside, side="right") - 1, 0, None)
        start = panels.start[panel]
        if side == 0:
            return below[panel] + panels.partial(panel, start, inside, 0.0)
        return above[panel + 1] + panels.partial(panel, inside, start + panels.length[panel], 0.0)

    # --- scipy.stats' functions -------------------------------------------------------------------

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape; without underflow."""
        points = numbers("x", x)
        place = self._to_line(points.ravel())
        values = np.where(np.isnan(place), -np.inf, place)
        inside = np.isfinite(place)
        density = self._log_density(place[inside]) - self._log_slope(place[inside])
        values[inside] = density - self._resolved[1]
        values[~inside] = -np.inf
        values[np.isnan(points.ravel())] = np.nan
        return values.reshape(points.shape)

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        return np.exp(self.logpdf(x))

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        return self._mass(x, 0)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        return self._mass(x, 1)

    def _mass(self, x: ArrayLike, side: int) -> Floats:
        points = numbers("x", x)
        low, high = self.support
        place = self._to_line(np.clip(points.ravel(), low, high))
        mass = self._tail(self._t(place), side)
        return np.where(np.isnan(points), np.nan, mass.reshape(points.shape))

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        side, small = int(upper), q <= 0.5
        t = np.empty(q.size)
        t[small] = self._invert_tail(q[small], side)
        t[~small] = self._invert_tail(1.0 - q[~small], 1 - side)
        values = self._from_line(self._place(t))
        below, above = self._cumulated
        first, last = self.support[::-1] if upper else self.support
        near, far = (above[-1], below[0]) if upper else (below[0], above[-1])
        return np.where(q <= near, first, np.where(1.0 - q <= far, last, values))

    def _invert_tail(self, q: Floats, side: int) -> Floats:
        """The t with mass ``q`` outside it; NaN where it is beyond the panels."""
        outer = self._cumulated[side]
        return self._panels.quantiles(q, bool(side), np.ascontiguousarray(outer), 0.0)

    def mean(self) -> float:
        """The mean; ``inf`` where there is none."""
        if self._index <= 1.0 + 1e-6:
            return np.inf
        return self._moments[0]

    def var(self) -> float:
        """The variance; ``inf`` where there is none."""
        return np.inf if self._index <= 2.0 + 1e-6 else self._moments[1]

    @cached_property
    def _moments(self) -> tuple[float, float]:
        if self._known is not None:
            return self._known
        values = self._from_line(self._place(self._panels.nodes))
        mean = float((self._weights * values).sum())
        return mean, float((self._weights * (values - mean) ** 2).sum())
