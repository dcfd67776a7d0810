"""Mixtures of the distributions of an effect over the nodes of the hyperparameters."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import numbers
from pyhier.distributions.base import Marginal
from pyhier.distributions.density import LineMarginal
from pyhier.distributions.families import Components, Family
from pyhier.distributions.inverse import invert_tail
from pyhier.distributions.line_panels import ENDS
from pyhier.kernels.log_sums import log_mixture
from pyhier.quadrature.transforms import from_line, log_slope, to_line

FEW = 50  # components whose tails are quicker summed than their density integrated

DOUBLES = 760.0  # logs and logits beyond are those of 0, 1 or inf: components may be so wide

UNRESOLVED = 1e-10  # log of the mass that panels may miss


def amid(weight: Floats, centre: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Median and half the quartiles' distance of the points one sd off nodes' centres.

    The nodes are the last axis. Not the mean and sd: where a beta's parameters may be next to 0,
    logits have hardly any.
    """
    points, weights = np.concatenate([centre - sd, centre + sd], axis=-1), np.tile(weight, 2)
    order = np.argsort(points, axis=-1)
    points, weights = np.take_along_axis(points, order, axis=-1), weights[order]
    below = np.cumsum(weights, axis=-1) - 0.5 * weights
    low, middle, high = (_crossing(points, below, share) for share in (0.5, 1.0, 1.5))
    return middle, 0.5 * (high - low)


def _crossing(points: Floats, below: Floats, share: float) -> Floats:
    """Where ``below``, which grows along the last axis, reaches a share: between two points."""
    at = np.clip((below < share).sum(axis=-1, keepdims=True), 1, below.shape[-1] - 1)
    ends = [
        [np.take_along_axis(x, at - k, axis=-1)[..., 0] for x in (points, below)] for k in (1, 0)
    ]
    (left, less), (right, more) = ends
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.clip((share - less) / (more - less), 0.0, 1.0)
    crossing: Floats = left + np.where(np.isnan(part), 0.0, part) * (right - left)
    return crossing


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
        self.support = ENDS[family.line]

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
        return np.minimum(below.reshape(points.shape), 1.0)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        points = numbers("x", x)
        above: Floats = self._family.sf(points.ravel()) @ self._weight
        return np.minimum(above.reshape(points.shape), 1.0)

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        """By the density, where panels resolve it; else by their tails."""
        if self._weight.size > FEW and self._by_density is not None:
            return self._by_density.isf(q) if upper else self._by_density.ppf(q)
        mean, sd = self._family.line_moments()
        reach = np.inf if self._family.line == "identity" else DOUBLES
        far = getattr(self._family, "reach", 40.0)
        ends = (
            max(float(np.min(mean - far * sd)), -reach),
            min(float(np.max(mean + far * sd)), reach),
        )
        guess = self._guess(1.0 - q if upper else q)
        tail = self._log_upper if upper else self._log_lower
        z = invert_tail(tail, self._log_line_density, q, guess, ends, upper)
        values = from_line(self._family.line, z)
        values = np.where(q == (1.0 if upper else 0.0), self.support[0], values)
        return np.where(q == (0.0 if upper else 1.0), self.support[1], values)

    def _log_lower(self, z: Floats) -> Floats:
        return self.logcdf(from_line(self._family.line, z))

    def _log_upper(self, z: Floats) -> Floats:
        return self.logsf(from_line(self._family.line, z))

    @cached_property
    def _by_density(self) -> LineMarginal | None:
        """The same distribution from its density on the line, which is far quicker to evaluate.

        None where components are too narrow for panels: then they miss the mass, which is one.
        """
        middle, scale = map(float, amid(self._weight, *self._family.line_moments()))
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
        own = getattr(self._family, "log_mixture", None)  # of what is no exponential family
        if own is not None:
            with np.errstate(divide="ignore"):
                mixed: Floats = own(z, np.log(self._weight))
            return mixed
        base = getattr(self._family, "log_base", None)  # what all components have in common
        with np.errstate(over="ignore"):
            density = log_mixture(self._family.statistics(z), *self._terms)
            return density if base is None else density + base(z)

    def mean(self) -> float:
        """The mean; ``inf`` where there is none."""
        if getattr(self._family, "index", np.inf) <= 1.0:
            return np.inf
        return float(self._weight @ self._family.mean)

    def var(self) -> float:
        """The variance; ``inf`` where there is none."""
        if getattr(self._family, "index", np.inf) <= 2.0:
            return np.inf
        away = self._family.mean - self.mean()
        return float(self._weight @ (self._family.var + away**2))


def flattened(law: Family | Components, weight: Floats) -> tuple[Family, Floats]:
    """A family and weights (n,) of the mixture of a law over nodes with these weights."""
    if isinstance(law, Components):
        return law.family, (weight[:, np.newaxis] * law.weight).ravel()
    return law, weight
