"""Axes of a lattice: places z on which a density's tails are short.

A lattice's sum converges exponentially in its step where the density is analytic, and it is as
long as the tails are. The log of a standard deviation has a left tail that falls as a power of
it, slowly and for ever; an atanh has two such tails. On z, with

    psi = middle + scale (z - exp(-b (z - left)) + exp(b (z - right)) + constant),

they fall doubly exponentially from ``left`` and ``right`` on. A bend inside the mass costs more
in smoothness than a short tail saves, so bends begin where a normal density would be about as far
down as the tail's length asks, and short tails have none. Where psi's range ends, at the bound of
a prior, that end is moved to infinity first.
"""

from dataclasses import dataclass

import numpy as np

from pyhier._types import Floats

BEND = 0.9  # b: analytic within pi / (2 b) of the line where a tail falls as exp(psi)
REACH = 7.5  # the z by which tails are to have ended, as those of a normal density have
SHORT = 10.0  # tails that end within so many scales are left as they are


@dataclass(frozen=True)
class Stretch:
    """A monotone map from z to a coordinate psi.

    Attributes
    ----------
    middle, scale : float
        Where the mass is and how wide, on the line on which psi's range has no ends.
    left, right : float
        The z at which the bends begin; infinite for none.
    low, high : float
        The range of psi.
    """

    middle: float
    scale: float
    left: float = -np.inf
    right: float = np.inf
    low: float = -np.inf
    high: float = np.inf

    def bent(self, down: float, up: float) -> "Stretch":
        """The same with bends for tails that go on for ``down`` and ``up`` scales."""
        return Stretch(self.middle, self.scale, -_bend(down), _bend(up), self.low, self.high)

    def psi(self, z: Floats) -> Floats:
        """The coordinate at places."""
        return to_range(self._line(z), self.low, self.high)

    def log_slope(self, z: Floats) -> Floats:
        """Log of d psi / d z."""
        return self._line_log_slope(z) + _range_log_slope(self._line(z), self.low, self.high)

    def z(self, psi: Floats) -> Floats:
        """The places of values of the coordinate, by Newton's method.

        Beyond a bend the map's slope only grows, and the start is on the bend's side of the place,
        so the steps go one way.
        """
        target: Floats = (from_range(psi, self.low, self.high) - self.middle) / self.scale
        if np.isinf(self.left) and np.isinf(self.right):
            return target
        with np.errstate(all="ignore"):
            far = np.maximum(np.abs(target), 1e-300)
            z = np.where(target < 0.0, np.maximum(target, self.left - np.log(far) / BEND), target)
            z = np.where(target > 0.0, np.minimum(target, self.right + np.log(far) / BEND), z)
            for _ in range(100):
                off = (self._line(z) - self.middle) / self.scale - target
                step = off * self.scale * np.exp(-self._line_log_slope(z))
                z = z - np.where(np.isfinite(step), step, 0.0)
                if not (np.abs(step) > 1e-14 * (1.0 + np.abs(z))).any():
                    break
        return z

    def _line(self, z: Floats) -> Floats:
        line = z
        with np.errstate(over="ignore"):
            if np.isfinite(self.left):
                line = line - (np.exp(-BEND * (z - self.left)) - np.exp(BEND * self.left))
            if np.isfinite(self.right):
                line = line + (np.exp(BEND * (z - self.right)) - np.exp(-BEND * self.right))
        return self.middle + self.scale * line

    def _line_log_slope(self, z: Floats) -> Floats:
        bends = np.zeros_like(z)
        with np.errstate(over="ignore"):
            if np.isfinite(self.left):
                bends += np.exp(-BEND * (z - self.left))
            if np.isfinite(self.right):
                bends += np.exp(BEND * (z - self.right))
        slope: Floats = np.log(self.scale) + np.log1p(BEND * bends)
        return slope


def _bend(length: float) -> float:
    """Where a tail of so many scales must begin to bend to have ended at REACH."""
    if length <= SHORT:
        return np.inf
    return max(0.0, REACH - float(np.log(length - REACH)) / BEND)


def to_range(line: Floats, low: float, high: float) -> Floats:
    """Values within a range, at places on a line without ends."""
    if np.isinf(low) and np.isinf(high):
        return line
    if np.isinf(low):
        return high - np.logaddexp(0.0, -line)
    if np.isinf(high):
        return low + np.logaddexp(0.0, line)
    values: Floats = low + (high - low) * np.exp(-np.logaddexp(0.0, -line))
    return values


def from_range(values: Floats, low: float, high: float) -> Floats:
    """Places on the line without ends; infinite at an end."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if np.isinf(low) and np.isinf(high):
            return values
        if np.isinf(low):
            return -np.log(np.expm1(high - values))
        if np.isinf(high):
            return np.log(np.expm1(values - low))
        line: Floats = np.log(values - low) - np.log(high - values)
    return line


def _range_log_slope(line: Floats, low: float, high: float) -> Floats:
    if np.isinf(low) and np.isinf(high):
        return np.zeros_like(line)
    down, up = -np.logaddexp(0.0, line), -np.logaddexp(0.0, -line)
    if np.isinf(low):
        return down
    return up if np.isinf(high) else np.log(high - low) + down + up
