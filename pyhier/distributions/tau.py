"""Marginals known by quadrature; they speak scipy.stats.

tau's is a density on panels; the others (mixtures.py) are mixtures of normals over its nodes.
"""

from collections.abc import Callable
from functools import cached_property
from math import exp, inf, isfinite, isinf, log

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import numbers
from pyhier.distributions.base import Marginal, flat_points
from pyhier.distributions.inverse import invert_tail
from pyhier.quadrature.panels import CHANGE, HIGHEST, LOWEST
from pyhier.quadrature.rule import NODES, WEIGHTS, Panels

SMALLEST = -745.0  # log of the least double


class TauMarginal(Marginal):
    """The distribution of tau, by its log density on panels of log tau.

    Parameters
    ----------
    panels : Panels
        Of the log density of log tau, with all constants of the model.
    log_density : callable
        The same log density anywhere, an array of log tau at a time.
    tails : (float, float)
        Its exponents towards tau = 0 and for large tau.
    powers : (float, float)
        The log tau below and above which it is a power of tau to rounding.
    support : (float, float)
        The log tau where it ends, if it does.
    """

    support = (0.0, np.inf)

    def __init__(
        self,
        panels: Panels,
        log_density: Callable[[Floats], Floats],
        tails: tuple[float, float],
        powers: tuple[float, float],
        support: tuple[float, float] = (-np.inf, np.inf),
    ) -> None:
        self._peak, self._panels, self._support = panels.peak, panels.lowered, support
        self._log_z = self._panels.log_total
        self._tails, self._powers = tails, powers
        self._unnormalised = log_density
        self._weights = panels.shares
        mass = self._weights.sum(axis=1)
        self.outside = left, right = self._outside()
        self._below, self._above = np.empty((2, mass.size + 1))
        self._below[0], self._above[-1] = left, right
        self._below[1:] = left + mass.cumsum()
        self._above[:-1] = right + mass[::-1].cumsum()[::-1]

    def _log_density(self, log_tau: Floats) -> Floats:
        return self._unnormalised(log_tau) - self._peak - self._log_z

    @property
    def _ends(self) -> tuple[float, float]:
        return float(self._panels.start[0]), self._panels.end

    def _outside(self) -> tuple[float, float]:
        """Mass left and right of all panels: known, or of no account (1e-35)."""
        mass = list(self._panels.beyond)
        heights, slopes = self._panels.at_ends
        for side in (0, 1):
            if mass[side] > 0.0 or self._at_edge(side) or slopes[side] == 0.0:
                continue
            if heights[side] - self._log_z < -30.0:
                mass[side] = exp(heights[side] - self._log_z) / abs(slopes[side])
        return mass[0], mass[1]

    def _at_edge(self, side: int) -> bool:
        """Whether the density ends where the panels do; the end is a sum, so rounded."""
        return abs(self._ends[side] - self._support[side]) <= 1e-9

    def _beyond(self, log_tau: Floats, side: int) -> Floats:
        """Mass outside each point of a tail."""
        tail = self._panels.tails[side]
        if isfinite(tail.edge):  # a power of the distance to where the density ends
            end = self._ends[side]
            part = np.clip((log_tau - tail.edge) / (end - tail.edge), 0.0, 1.0)
            return self.outside[side] * tail.mass_within(part)
        return np.array([self._integrate_out(float(edge), side) for edge in log_tau])

    def _integrate_out(self, edge: float, side: int) -> float:
        """Mass outside one point: panels, until the rest is a power of tau or nothing."""
        sign, total = (1.0 if side else -1.0), 0.0
        length = float(self._panels.length[-side])  # of the panel beside it
        index, power = self._tails[side], self._powers[side]
        for _ in range(2000):
            if sign * edge >= sign * power and np.isfinite(index):
                return (
                    total + float(np.exp(self._log_density_anywhere(np.array([edge])))[0]) / index
                )
            log_values = self._log_density_anywhere(edge + sign * 0.5 * length * (NODES + 1.0))
            if log_values[0] == -np.inf:  # beyond the support
                break
            if log_values[0] - log_values[-1] > CHANGE and length > 1e-9:
                length *= 0.5  # too steep for one panel
                continue
            added = 0.5 * length * float(np.exp(log_values) @ WEIGHTS)
            total += added
            if added <= 1e-17 * total:
                break
            edge += sign * length
            if log_values[0] - log_values[-1] < 0.25 * CHANGE:
                length = min(2.0 * length, 1.0)
        return total

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape; 0 below 0."""
        return np.exp(self.logpdf(x))

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape; without underflow."""
        flat, shape = flat_points(x)
        values = np.where(np.isnan(flat), np.nan, -np.inf)
        positive = (flat > 0.0) & (flat < np.inf)
        log_tau = np.log(flat[positive])
        values[positive] = self._log_density_anywhere(log_tau) - log_tau
        values[flat == 0.0] = self._log_at_zero()
        return values.reshape(shape)

    def _log_density_anywhere(self, log_tau: Floats) -> Floats:
        """The log density of log tau, by its power where tau^2 leaves a double."""
        inside = np.clip(log_tau, LOWEST, HIGHEST)
        values = self._log_density(inside)
        for side, away in ((0, log_tau - inside < 0.0), (1, log_tau - inside > 0.0)):
            if away.any():
                index = self._tails[side] * (1.0 if side == 0 else -1.0)
                gone = np.isinf(index) | np.isneginf(values[away])
                fall = np.where(gone, 0.0, index) * (log_tau - inside)[away]
                values[away] = np.where(gone, -np.inf, values[away] + fall)
        return values

    def _log_at_zero(self) -> float:
        left = self._tails[0]
        if abs(left - 1.0) > 1e-9:
            return -np.inf if left > 1.0 else np.inf
        log_tau = np.array([self._ends[0] - 30.0])
        return float((self._log_density(log_tau) - log_tau)[0])

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape; accurate near 0."""
        return self._tail_of(x, 0)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        return self._tail_of(x, 1)

    def _tail_of(self, x: ArrayLike, side: int) -> Floats:
        flat, shape = flat_points(x)
        mass = np.where(np.isnan(flat), np.nan, float(side))
        positive = (flat > 0.0) & (flat < np.inf)
        mass[positive] = self._tail(np.log(flat[positive]), side)
        mass[flat == np.inf] = 1.0 - side
        return np.minimum(mass, 1.0).reshape(shape)  # of many panels' masses it may be an ulp more

    def _tail(self, log_tau: Floats, side: int) -> Floats:
        """Mass below (side 0) or above (side 1) every log tau."""
        start, panels = self._panels.start, self._panels
        mass = np.full(log_tau.size, np.nan)
        outside = [log_tau < self._ends[0], log_tau >= self._ends[1]]
        for on, beyond in enumerate(outside):
            if np.any(beyond):
                part = self._beyond(log_tau[beyond], on)
                mass[beyond] = part if on == side else 1.0 - part
        inside = ~outside[0] & ~outside[1] & ~np.isnan(log_tau)
        panel = np.searchsorted(start, log_tau[inside], side="right") - 1
        stop = start[panel] + panels.length[panel]
        points = np.minimum(log_tau[inside], stop)  # between two panels there is no mass
        if side == 0:
            part = panels.partial(panel, start[panel], points, self._log_z)
            mass[inside] = self._below[panel] + part
        else:
            part = panels.partial(panel, points, stop, self._log_z)
            mass[inside] = self._above[panel + 1] + part
        return mass

    def cdf_at(self, log_tau: Floats) -> Floats:
        """Probability of at most every log tau."""
        return self._tail(log_tau, 0)

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        """Invert the tail asked for where it is the smaller one, and the other where it is not."""
        side, tau = int(upper), np.empty(q.size)
        small = q <= 0.5
        for on, part, mass in ((side, small, q), (1 - side, ~small, 1.0 - q)):
            if part.any():
                tau[part] = self._invert_tail(mass[part], on)
        return tau

    def _invert_tail(self, q: Floats, side: int) -> Floats:
        """Tau with mass ``q`` outside it: on the panels, or beyond them."""
        outer = self._above if side else self._below
        log_tau = self._panels.quantiles(q, bool(side), outer, self._log_z)
        beyond = np.isnan(log_tau)
        if not beyond.any():
            return np.exp(log_tau)
        tau = np.exp(log_tau)
        tau[beyond] = self._invert_beyond(q[beyond], side)
        return tau

    def _invert_beyond(self, q: Floats, side: int) -> Floats:
        """Tau with mass ``q`` outside it, beyond the panels: by the tail's power, if it has one."""
        tail, end, mass = self._panels.tails[side], self._ends[side], self.outside[side]
        if isfinite(tail.edge):
            part = tail.part_with(np.minimum(q / mass, 1.0))
            return np.exp(tail.edge + (end - tail.edge) * part)
        if tail.log_mass > -inf:
            sign, index = (1.0 if side == 0 else -1.0), self._tails[side]
            with np.errstate(divide="ignore", over="ignore"):
                return np.exp(end + sign * np.log(q / mass) / index)
        return self._search_beyond(q, side)

    def _search_beyond(self, q: Floats, side: int) -> Floats:
        """Where no power is known of the tail: by the masses of panels beyond the panels."""

        def log_tail(log_tau: Floats) -> Floats:
            return np.log(self._tail(log_tau, side))

        ends = (SMALLEST, HIGHEST)
        guess = self._guess(q, side)
        log_tau = invert_tail(log_tail, self._log_density, q, guess, ends, bool(side))
        return np.where(q > 0.0, np.exp(log_tau), np.inf if side else 0.0)

    def _guess(self, q: Floats, side: int) -> Floats:
        """Log tau by the running sum of the nodes' weights, on the scale of its log."""
        weights, log_tau = self._weights.ravel(), self._panels.nodes.ravel()
        if side:
            weights, log_tau = weights[::-1], log_tau[::-1]
        mass = np.cumsum(weights) - 0.5 * weights
        with np.errstate(divide="ignore"):
            return np.interp(np.log(q), np.log(mass), log_tau)

    def mean(self) -> float:
        """The mean; ``inf`` where there is none."""
        return self._moments[0]

    def var(self) -> float:
        """The variance; ``inf`` where there is none."""
        return self._moments[1]

    @cached_property
    def _moments(self) -> tuple[float, float]:
        log_tau, points, mass = self._panels.nodes, *self._lumps
        weights, tau = self._weights, np.exp(log_tau)
        if weights.min() > 1e-280:
            mean = float((weights * tau).sum())
        else:  # small ones may count for moments, and their products are no doubles
            mean = float(np.exp(self._log_weights + log_tau).sum())
        mean += self._moment_beyond(1, 0.0) + sum(m * t for m, t in zip(mass, points, strict=True))
        if isinf(mean):
            return np.inf, np.inf
        away = tau - mean
        if weights.min() > 1e-280:
            var = float((weights * (away * away)).sum())
        else:
            with np.errstate(divide="ignore"):  # a log of 0, where tau is the mean
                var = float(np.exp(self._log_weights + 2.0 * np.log(np.abs(away))).sum())
        var += sum(m * (t - mean) ** 2 for m, t in zip(mass, points, strict=True))
        return mean, var + self._moment_beyond(2, mean)

    @cached_property
    def _log_weights(self) -> Floats:
        """Logs of the nodes' weights: small ones may count for moments.

        By the sum of the weights, for the log of the integral may be large, and is rounded.
        """
        height = self._panels.values[0] - self._panels.values[0].max()
        weights: Floats = height + np.log(self._panels.weights)
        return weights - log(float(np.exp(weights).sum()) / float(self._weights.sum()))

    @property
    def _lumps(self) -> tuple[list[float], list[float]]:
        """Tau near which tails are as good as points, and their masses."""
        points, masses = [], []
        for side, tail in enumerate(self._panels.tails):
            if isfinite(tail.edge) or (side == 0 and tail.log_mass > -inf):
                points.append(exp(self._centre(side)) if isfinite(tail.edge) else 0.0)
                masses.append(self.outside[side])
        return points, masses

    def _centre(self, side: int) -> float:
        """The mean log tau between the panels' end and the pole beside it."""
        tail, end = self._panels.tails[side], self._ends[side]
        return tail.edge + (end - tail.edge) * (1.0 + tail.power) / (2.0 + tail.power)

    def _moment_beyond(self, k: int, about: float) -> float:
        """The part of E[(tau - about)^k] beyond the last panel: of a power of tau."""
        right = self._tails[1]
        if right <= k + 1e-6:
            return np.inf
        if isinf(right) or isfinite(self._panels.tails[1].edge):
            return 0.0
        density, edge = exp(self._panels.at_ends[0][1] - self._log_z), exp(self._ends[1])
        first = edge / (right - 1.0) - about / right
        if k == 1:
            return density * first
        return density * (edge * edge / (right - 2.0) - about * (edge / (right - 1.0) + first))

    def expect(self, function: Callable[[Floats], Floats], growth: float) -> float:
        """E[function(log tau)] of a function that grows as tau^growth in the far tail."""
        right, end = self._tails[1], self._ends[1]
        if right <= growth + 1e-6:
            return np.inf
        inside = float((np.exp(self._log_weights) * function(self._panels.nodes)).sum())
        inside += self._expect_below(function)
        if np.isinf(right):
            return inside
        at_end = float(np.exp(self._log_density(np.array([end])))[0])
        return inside + at_end * float(function(np.array([end]))[0]) / (right - growth)

    def _expect_below(self, function: Callable[[Floats], Floats]) -> float:
        """What tails add that are not negligible: of a power of tau by Laguerre's rule."""
        total = 0.0
        for side in (0, 1):
            tail, mass = self._panels.tails[side], self.outside[side]
            if isfinite(tail.edge):
                total += mass * float(function(np.array([self._centre(side)]))[0])
            elif side == 0 and tail.log_mass > -inf:
                nodes, weights = np.polynomial.laguerre.laggauss(8)
                total += mass * float(weights @ function(self._ends[0] - nodes / self._tails[0]))
        return total


class TransformedTau(Marginal):
    """The distribution of log tau or of tau^2, by tau's.

    Parameters
    ----------
    tau : TauMarginal
    power : int
        2 for tau^2, 0 for log tau.
    """

    def __init__(self, tau: TauMarginal, power: int) -> None:
        self._tau, self._power = tau, power
        self.support = (0.0, np.inf) if power else (-np.inf, np.inf)

    def _of_log(self, log_tau: Floats) -> Floats:
        return np.exp(self._power * log_tau) if self._power else log_tau

    def _inverse(self, x: ArrayLike) -> Floats:
        points = numbers("x", x)
        if not self._power:
            return np.exp(points)
        return np.where(points > 0.0, np.sqrt(np.maximum(points, 0.0)), np.minimum(points, 0.0))

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        tau = self._inverse(x)
        slope = 2.0 * tau if self._power else 1.0 / tau  # d x / d tau
        with np.errstate(divide="ignore", invalid="ignore"):
            density: Floats = np.where(tau > 0.0, self._tau.pdf(tau) / slope, 0.0)
        return density

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        return self._tau.cdf(self._inverse(x))

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape."""
        return self._tau.sf(self._inverse(x))

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        with np.errstate(divide="ignore"):
            return self._of_log(np.log(self._tau.isf(q) if upper else self._tau.ppf(q)))

    def mean(self) -> float:
        """The mean; ``inf`` where there is none."""
        return self._tau.expect(self._of_log, self._power)

    def var(self) -> float:
        """The variance; ``inf`` where there is none."""
        mean = self.mean()
        if np.isinf(mean):
            return np.inf
        return self._tau.expect(
            lambda log_tau: (self._of_log(log_tau) - mean) ** 2, 2 * self._power
        )
