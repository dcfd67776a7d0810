"""Quantiles of very many groups' effects, where tau is known so well that they are nearly normal.

An effect is a mixture of normal laws over the nodes of tau. Its third and fourth cumulant are
polynomials in y whose coefficients are functions of log var, analytic as in
models/variance_bins.py; with them an expansion (Cornish and Fisher 1937) has the quantiles at some
nanoseconds a group. Whether it is right is asked of the mixtures themselves, in every bin of log
var on a lattice of var and of y, ever further out. Groups beyond have their own mixture's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels import variance_bins as kernel
from pyhier.models.variance_bins import CENTRED, TO_SERIES
from pyhier.posterior.line_quadrature import Nodes

MANY = 4096  # groups from which on it is worth its lattice
GOOD = 2e-10  # sds by which a quantile may be off on the lattice
# How far y are from mu, in their sds.
OUT = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0])
PLACES = np.linspace(-1.0, 1.0, 5)  # of var in a bin
Moments = Callable[[Nodes, Floats, Floats], Floats]
Quantiles = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Bin:
    """A bin of log var.

    Attributes
    ----------
    series : ndarray, shape (9, TERMS)
        Of the coefficients of the third cumulant and of the fourth.
    reach : float
        How far y may be from mu, in sds of y; negative where it may not be at all.
    """

    series: Floats
    reach: float


class NearNormal:
    """Effects' quantiles by their cumulants, as far as they are right.

    Parameters
    ----------
    nodes : Nodes
        The quadrature over tau.
    q : ndarray
        Probabilities between 0 and 1.
    moments : callable
        Means, sds and more of groups' effects, (nodes, y, var) -> (3, groups).
    exact : callable
        Quantiles of groups' effects by their mixtures, (y, var) -> (groups, q).
    """

    def __init__(self, nodes: Nodes, q: Floats, moments: Moments, exact: Quantiles) -> None:
        from scipy.special import ndtri

        self._nodes, self._z, self._moments, self._exact = nodes, ndtri(q), moments, exact
        self._origin = float(nodes.weight @ nodes.mean)
        self._tau2 = float(nodes.weight @ np.exp(2.0 * nodes.log_tau))
        self._bins: dict[int, Bin] = {}

    def __call__(
        self, y: Floats, var: Floats, mean: Floats, sd: Floats
    ) -> tuple[Floats, NDArray[np.intp]]:
        """Quantiles (groups, q) and the groups of which they are not to be had this way."""
        lowest, highest = (int(np.floor(np.log(end))) for end in (var.min(), var.max()))
        bins = [self._bin(k) for k in range(lowest, highest + 1)]
        series = np.array([one.series for one in bins])
        found = kernel.quantiles(y, var, float(lowest), series, self._origin, mean, sd, self._z)
        reach = np.array([one.reach for one in bins])
        at = np.clip(np.floor(np.log(var)).astype(np.intp) - lowest, 0, len(bins) - 1)
        # A var at the end of a bin may be in the next one by the kernel's logarithm.
        beside = [reach[np.clip(at + step, 0, len(bins) - 1)] for step in (-1, 0, 1)]
        near = np.minimum.reduce(beside)
        out = np.abs(y - self._origin) / np.sqrt(var + self._tau2)
        return found, np.flatnonzero(~(out <= near))

    def _bin(self, number: int) -> Bin:
        if number not in self._bins:
            series = self._series(number)
            self._bins[number] = Bin(series, self._reach(number, series))
        return self._bins[number]

    def _reach(self, number: int, series: Floats) -> float:
        """The largest of OUT up to which the expansion is that of the mixtures."""
        var = np.exp(number + 0.5 * (np.clip(PLACES, -1.0 + 1e-9, 1.0 - 1e-9) + 1.0))
        sd_y = np.sqrt(var + self._tau2)
        out = np.concatenate([-OUT[:0:-1], OUT])
        y = (self._origin + sd_y[:, None] * out).ravel()
        spread: Floats = np.repeat(var, out.size)
        mean, sd, _ = self._moments(self._nodes, y, spread)
        found = kernel.quantiles(
            y, spread, float(number), series[None], self._origin, mean, sd, self._z
        )
        rounding = 4.0 * np.finfo(np.float64).eps * np.abs(found)
        off = (np.abs(found - self._exact(y, spread)) - rounding).max(axis=1) / sd
        worst = off.reshape(var.size, out.size).max(axis=0)
        both = np.maximum(worst[OUT.size - 1 :], worst[OUT.size - 1 :: -1])
        good = np.logical_and.accumulate(both <= GOOD)
        return float(OUT[good][-1]) if good[0] else -1.0

    def _series(self, number: int) -> Floats:
        """Series of the nine coefficients in a bin, shape (9, TERMS)."""
        nodes, weight = self._nodes, self._nodes.weight
        var = np.exp(number + 0.5 * (CENTRED + 1.0))[:, None]
        tau2 = np.exp(2.0 * nodes.log_tau)
        rest, pull = tau2 / (var + tau2), var / (var + tau2)
        moved, noise = pull * (nodes.mean - self._origin), var * rest + pull**2 * nodes.var
        a, b, v = (part - (part @ weight)[:, None] for part in (rest, moved, noise))

        def mean(*parts: Floats) -> Floats:
            product = parts[0]
            for part in parts[1:]:
                product = product * part
            return np.asarray(product @ weight)

        aa, ab, bb = mean(a, a), mean(a, b), mean(b, b)
        table = np.array([
            3.0 * mean(b, v) + mean(b, b, b),
            3.0 * mean(a, v) + 3.0 * mean(a, b, b),
            3.0 * mean(a, a, b),
            mean(a, a, a),
            3.0 * mean(v, v) + 6.0 * mean(v, b, b) + mean(b, b, b, b) - 3.0 * bb**2,
            12.0 * mean(v, a, b) + 4.0 * mean(a, b, b, b) - 12.0 * ab * bb,
            6.0 * mean(v, a, a) + 6.0 * mean(a, a, b, b) - 12.0 * ab**2 - 6.0 * aa * bb,
            4.0 * mean(a, a, a, b) - 12.0 * aa * ab,
            mean(a, a, a, a) - 3.0 * aa**2,
        ])  # fmt: skip
        return np.ascontiguousarray(table @ TO_SERIES.T)
