"""Mixtures of the distributions of an effect over the nodes of the hyperparameters."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats
from pyhier._validation import numbers
from pyhier.distributions.base import Marginal
from pyhier.distributions.density import LineMarginal
from pyhier.distributions.families import Components, Family
from pyhier.kernels.log_sums import log_mixture
from pyhier.quadrature.transforms import from_line, log_slope, to_line

FEW = 50  # components whose tails are quicker summed than their density integrated

DOUBLES = 760.0  # logs and logits beyond are those of 0, 1 or inf: components may be so wide

UNRESOLVED = 1e-10  # log of the mass that panels may miss


def amid(weight: Floats, centre: Floats, sd: Floats) -> tuple[float, float]:
    """Median and half the quartiles' distance of the points one sd off the nodes' centres.

    Not the mean and sd: where a beta's parameters may be next to 0, logits have hardly any.
    """
    points, weights = np.concatenate([centre - sd, centre + sd]), np.tile(weight, 2)
    order = np.argsort(points)
    below = np.cumsum(weights[order]) - 0.5 * weights[order]
    low, middle, high = np.interp([0.5, 1.0, 1.5], below, points[order])
    return float(middle), float(0.5 * (high - low))


class FamilyMixture(Marginal):
    """A mixture of distributions of one family over nodes.

    Parameters
    ----------
    family : Family
        The components.
    weight : ndarray, shape (nodes,)
        Their weights; they add up to one.
    """

    def __init__(self, family: Family, weight: Floats) -> None:
        self._family, self._weight = family, weight
        ends = {"identity": (-np.inf, np.inf), "log": (0.0, np.inf), "logit": (0.0, 1.0)}
        self.support = ends[family.line]

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape; without underflow."""
        points = numbers("x", x)
        z = to_line(self._family.line, points.ravel())
        with np.errstate(invalid="ignore", over="ignore"):
            density = self._log_line_density(z) - log_slope(self._family.line, z)
        density[~(np.isfinite(z))] = -np.inf
        values: Floats = density.reshape(points.shape)
        return values

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        return np.exp(self.logpdf(x))

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        points = numbers("x", x)
        below: Floats = self._family.cdf(points.ravel()) @ self._weight
        return below.reshape(points.shape)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        points = numbers("x", x)
        above: Floats = self._family.sf(points.ravel()) @ self._weight
        return above.reshape(points.shape)

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        """By the density, where panels resolve it; else by Newton's steps on logs of tails."""
        if self._weight.size > FEW and self._by_density is not None:
            return self._by_density.isf(q) if upper else self._by_density.ppf(q)
        flat = q
        mean, sd = self._family.line_moments()
        reach = np.inf if self._family.line == "identity" else DOUBLES
        low = np.full(flat.size, max(float(np.min(mean - 40.0 * sd)), -reach))
        high = np.full(flat.size, min(float(np.max(mean + 40.0 * sd)), reach))
        z = np.clip(self._guess(1.0 - flat if upper else flat), low, high)
        left = np.flatnonzero((flat > 0.0) & (flat < 1.0) & (low < high))
        for _ in range(80):
            if left.size == 0:
                break
            z[left], done = self._closer(z[left], flat[left], low, high, left, upper)
            left = left[~done]
        values = from_line(self._family.line, z)
        values = np.where(flat == (1.0 if upper else 0.0), self.support[0], values)
        return np.where(flat == (0.0 if upper else 1.0), self.support[1], values)

    @cached_property
    def _by_density(self) -> LineMarginal | None:
        """The same distribution from its density on the line, which is far quicker to evaluate.

        None where components are too narrow for panels: then they miss the mass, which is one.
        """
        middle, scale = amid(self._weight, *self._family.line_moments())
        line = LineMarginal(self._family.line, self._log_line_density, middle, scale)
        return line if abs(line.log_mass) < UNRESOLVED else None

    def _guess(self, q: Floats) -> Floats:
        """Quantiles on the line, by the trapezoid rule between points of the density."""
        mean, sd = self._family.line_moments()
        centre = float(self._weight @ mean)
        spread = float(np.sqrt(self._weight @ (sd**2 + (mean - centre) ** 2)))
        z = centre + spread * np.linspace(-10.0, 10.0, 201)
        below = np.cumsum(np.exp(self._log_line_density(z)))
        guess: Floats = np.interp(q * below[-1], below, z)
        return guess

    @cached_property
    def _terms(self) -> tuple[Floats, Floats]:
        """Natural parameters of the components that have a weight, and what is added to them."""
        natural, partition = self._family.natural()
        kept = self._weight > 0.0
        return natural[kept], np.log(self._weight[kept]) - partition[kept]

    def _log_line_density(self, z: Floats) -> Floats:
        """Log of the density at places on the line, shape (points,)."""
        with np.errstate(over="ignore"):
            return log_mixture(self._family.statistics(z), *self._terms)

    def _closer(
        self,
        z: Floats,
        q: Floats,
        low: Floats,
        high: Floats,
        at: NDArray[np.intp],
        upper: bool,
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """A step from each ``z`` and whether it was the last; narrows the brackets ``at`` there."""
        x = from_line(self._family.line, z)
        mass = self.sf(x) if upper else self.cdf(x)
        beyond = (mass < q) if upper else (mass > q)
        high[at], low[at] = np.where(beyond, z, high[at]), np.where(beyond, low[at], z)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            off = np.log(mass) - np.log(q)
            step = (1.0 if upper else -1.0) * off * mass / np.exp(self._log_line_density(z))
        new = z + step
        new = np.where((new >= low[at]) & (new <= high[at]), new, 0.5 * (low[at] + high[at]))
        new = np.where(np.abs(off) <= 2e-15, z, new)  # as near as the logs can tell
        size = np.maximum(np.abs(low[at]), np.abs(high[at]))
        shut = high[at] - low[at] <= 4e-13 * size  # about a jump, the quantile is its upper side
        new = np.where(shut, high[at], new)
        return new, shut | (np.abs(new - z) <= 1e-13 * np.abs(new))

    def mean(self) -> float:
        """The mean."""
        return float(self._weight @ self._family.mean)

    def var(self) -> float:
        """The variance."""
        away = self._family.mean - self.mean()
        return float(self._weight @ (self._family.var + away**2))


def flattened(law: Family | Components, weight: Floats) -> tuple[Family, Floats]:
    """A family and weights (n,) of the mixture of a law over nodes with these weights."""
    if isinstance(law, Components):
        return law.family, (weight[:, np.newaxis] * law.weight).ravel()
    return law, weight
