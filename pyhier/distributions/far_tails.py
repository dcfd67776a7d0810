"""Mixtures of normals over a density on panels, where the mixture's nodes do not tell enough.

Far out a normal density changes faster with the node than the panels were made for, and what counts
there may be off all panels. So there the product of both is put on panels of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, log

import numpy as np

from pyhier._types import Floats
from pyhier.quadrature.panels import HIGHEST, LOWEST, Cover, Falls, Shape, UnresolvedError
from pyhier.quadrature.rule import Panels

LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))

Law = Callable[[Floats], tuple[Floats, Floats, Floats]]


@dataclass(frozen=True)
class FarTails:
    """A mixture of normals at single points, by a quadrature for each.

    Attributes
    ----------
    law : callable
        At nodes (n,): the log density of the mixing coordinate, and mean and sd given it.
    panels : Panels
        Of the log density alone.
    smooth : bool
        Whether it is analytic.
    falls : Falls
        How it falls off on the left.
    whole : (bool, bool)
        Whether the first of the mixture's nodes stands for all to its left, the last for all to its
        right.
    """

    law: Law
    panels: Panels
    smooth: bool
    falls: Falls
    whole: tuple[bool, bool]

    def log_density(self, x: float) -> float:
        """Log of the mixture's density."""

        def kernel(mean: Floats, sd: Floats) -> Floats:
            z = (x - mean) / sd
            logs: Floats = -0.5 * z * z - np.log(sd) - LOG_SQRT_2PI
            return logs

        return self._integrate(kernel)

    def log_tail(self, x: float, upper: bool) -> float:
        """Log of the probability of less than x, or of more."""
        from scipy.special import log_ndtr

        sign = -1.0 if upper else 1.0

        def kernel(mean: Floats, sd: Floats) -> Floats:
            logs: Floats = log_ndtr(sign * (x - mean) / sd)
            return logs

        return self._integrate(kernel)

    def _integrate(self, kernel: Callable[[Floats, Floats], Floats]) -> float:
        def rows(place: Floats) -> Floats:
            logs, mean, sd = self.law(place)
            return (logs + kernel(mean, sd))[np.newaxis]

        shape = Shape(
            0.0, 0.0, powers=self.falls, limits=(LOWEST, HIGHEST), smooth=self.smooth
        )  # the panels that there are say where to begin
        cover = Cover(rows, shape)
        cover.edges = list(self.panels.edges)
        ends = float(self.panels.start[0]), self.panels.end
        tails = zip(self.panels.tails, ends, strict=True)
        cover.poles = {tail.edge: end for tail, end in tails if isfinite(tail.edge)}
        try:
            found = cover.over(self.panels.start, self.panels.length)
        except UnresolvedError as error:
            raise ValueError(f"exact cannot tell so far out: {error}") from None
        if not found.lost <= 1e-9:
            raise ValueError("exact cannot tell so far out: the density there is not resolved")
        return found.log_total


def quantile(tails: FarTails, q: float, upper: bool, x: float) -> float:
    """The point with probability q below (above) it, by Newton's method on logs from a guess."""
    for _ in range(50):
        log_tail = tails.log_tail(x, upper)
        slope = np.exp(tails.log_density(x) - log_tail)
        step = (log_tail - log(q)) / slope * (1.0 if upper else -1.0)
        x += step
        if abs(step) * slope <= 1e-7:  # the next step would be about its square
            return float(x)
    raise ValueError(f"exact cannot tell the quantile of {q}: it is too far out")
