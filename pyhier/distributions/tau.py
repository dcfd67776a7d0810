"""Marginals known by quadrature; they speak scipy.stats.

tau's is a density on panels; the others (mixtures.py) are mixtures of normals over its nodes.
"""

from collections.abc import Callable
from functools import cached_property
from math import exp, isfinite, isinf

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import numbers
from pyhier.distributions.base import Marginal, flat_points
from pyhier.quadrature.panels import CHANGE, NODES, WEIGHTS, Panels


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
        self._panels, self._log_z, self._support = panels, panels.log_total, support
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
        return self._unnormalised(log_tau) - self._log_z

    @property
    def _ends(self) -> tuple[float, float]:
        return float(self._panels.start[0]), self._panels.end

    def _outside(self) -> tuple[float, float]:
        """Mass left and right of all panels: of a power of tau, or of no account (1e-35)."""
        mass = [0.0, 0.0]
        heights, slopes = self._panels.at_ends[0], self._panels.at_ends[1].copy()
        for side, (sign, end) in enumerate(zip((-1.0, 1.0), self._ends, strict=True)):
            if isfinite(self._tails[side]) and sign * end >= sign * self._powers[side]:
                slopes[side] = self._tails[side]
            inside = abs(end - self._support[side]) > 1e-9  # the end is a sum, so rounded
            if inside and slopes[side] != 0.0:
                mass[side] = exp(heights[side] - self._log_z) / abs(slopes[side])
        return mass[0], mass[1]

    def _beyond(self, log_tau: Floats, side: int) -> Floats:
        """Mass outside each point of a tail."""
        return np.array([self._integrate_out(float(edge), side) for edge in log_tau])

    def _integrate_out(self, edge: float, side: int) -> float:
        """Mass outside one point: panels, until the rest is a power of tau or nothing."""
        sign, total = (1.0 if side else -1.0), 0.0
        length = float(self._panels.length[-side])  # of the panel beside it
        index, power = self._tails[side], self._powers[side]
        for _ in range(2000):
            if sign * edge >= sign * power and np.isfinite(index):
                return total + float(np.exp(self._log_density(np.array([edge])))[0]) / index
            log_values = self._log_density(edge + sign * 0.5 * length * (NODES + 1.0))
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
        positive = flat > 0.0
        log_tau = np.log(flat[positive])
        values[positive] = self._log_density(log_tau) - log_tau
        values[flat == 0.0] = self._log_at_zero()
        return values.reshape(shape)

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
        positive = flat > 0.0
        mass[positive] = self._tail(np.log(flat[positive]), side)
        return mass.reshape(shape)

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
        points = log_tau[inside]
        panel = np.searchsorted(start, points, side="right") - 1
        if side == 0:
            part = panels.partial(panel, start[panel], points, self._log_z)
            mass[inside] = self._below[panel] + part
        else:
            stop = start[panel] + panels.length[panel]
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
        """Newton's method on the log of the tail's mass, inside a bracket on log tau."""
        sign = -1.0 if side else 1.0  # the mass grows with sign * log tau
        at = self._guess(q, side)
        low, high = np.full(q.size, -745.0), np.full(q.size, 354.0)  # tau^2 stays finite
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            target = np.log(q)
            for _ in range(200):
                mass = self._tail(at, side)
                excess = sign * (np.log(mass) - target)
                step = excess * mass / np.exp(self._log_density(at))
                high, low = np.where(excess > 0.0, at, high), np.where(excess > 0.0, low, at)
                middle = 0.5 * (low + high)
                new = np.where((at - step > low) & (at - step < high), at - step, middle)
                new = np.where(excess == 0.0, at, new)
                moved = np.abs(new - at) > 1e-11  # the next step would be about its square
                at = new
                if not np.any(moved & (q > 0.0)):
                    break
        return np.where(q > 0.0, np.exp(at), np.inf if side else 0.0)

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
        weights, tau = self._weights.ravel(), np.exp(self._panels.nodes.ravel())
        mean = float(weights @ tau) + self._moment_beyond(1, 0.0)
        if isinf(mean):
            return np.inf, np.inf
        away = tau - mean
        return mean, float(weights @ (away * away)) + self._moment_beyond(2, mean)

    def _moment_beyond(self, k: int, about: float) -> float:
        """The part of E[(tau - about)^k] beyond the last panel: of a power of tau."""
        right = self._tails[1]
        if right <= k + 1e-6:
            return np.inf
        if isinf(right):
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
        inside = float((self._weights * function(self._panels.nodes)).sum())
        if np.isinf(right):
            return inside
        at_end = float(np.exp(self._log_density(np.array([end])))[0])
        return inside + at_end * float(function(np.array([end]))[0]) / (right - growth)


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
