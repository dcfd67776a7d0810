"""Quantiles of very many groups' effects, by series in log var and in y.

An effect is a mixture of normal laws over the nodes of tau. Its quantile, less its mean and in its
sds, is a smooth function of log var and of how far y is from mu. So on every unit of log var a
polynomial of both, through quantiles of mixtures at Chebyshev's nodes, has those of all groups.
Whether it is right is asked of the mixtures at other places. Groups further out, and units where it
is not, have their own mixtures.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.posterior.line_quadrature import Nodes
from pyhier.quadrature.surface import chebyshev_nodes

WORTH = 1000  # groups in a unit from which its series are worth their mixtures
REACH = 6.0  # how far y may be from mu, in their sds
SIZES = (10, 20), (14, 40)  # of polynomials, in log var and in y: the larger where tau is open
PLACES = 40  # at which they are compared
GOOD = 2e-10  # sds by which they may be off there
NOTHING = 1e-12  # of last coefficients, together
BLOCK = 4096  # groups at a time
Moments = Callable[[Nodes, Floats, Floats], Floats]
Quantiles = Callable[[Floats, Floats], Floats]


class QuantileSeries:
    """Effects' quantiles, as far as series tell them.

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
        self._units: dict[int, Floats | None] = {}

    def __call__(
        self, y: Floats, var: Floats, mean: Floats, sd: Floats
    ) -> tuple[Floats, NDArray[np.intp]]:
        """Quantiles (groups, q) and the groups of which they are not to be had this way."""
        found = np.full((y.size, self._z.size), np.nan)
        log_var = np.log(var)
        unit = np.floor(log_var).astype(np.int16)
        lowest = int(unit.min())
        out = (y - self._origin) / (REACH * np.sqrt(var + self._tau2))
        order, ends = np.argsort(unit, kind="stable"), np.bincount(unit - lowest).cumsum().tolist()
        for number, (begin, end) in enumerate(pairwise([0, *ends]), lowest):
            series = self._unit(number) if end - begin >= WORTH else None
            if series is None:
                continue
            for start in range(begin, end, BLOCK):
                some = order[start : min(start + BLOCK, end)]
                some = some[np.abs(out[some]) <= 1.0]
                moved = _values(series, 2.0 * (log_var[some] - number) - 1.0, out[some])
                found[some] = mean[some, None] + sd[some, None] * (self._z + moved)
        return found, np.flatnonzero(np.isnan(found[:, 0]))

    def _unit(self, number: int) -> Floats | None:
        """Coefficients on a unit of log var, (in log var, in y, q); None where not right."""
        if number not in self._units:
            self._units[number] = self._made(number)
        return self._units[number]

    def _made(self, number: int) -> Floats | None:
        rng = np.random.default_rng(1)
        held = rng.uniform(-1.0, 1.0, (2, PLACES))
        wanted, rounding = self._moved(number, *held)
        for size in SIZES:
            (u, to_u), (t, to_t) = (chebyshev_nodes(n) for n in size)
            values, _ = self._moved(number, np.repeat(u, t.size), np.tile(t, u.size))
            series = np.einsum("iu,jt,utq->ijq", to_u, to_t, values.reshape(u.size, t.size, -1))
            if (np.abs(_values(series, *held) - wanted) <= GOOD + rounding).all():
                return _shortened(series)
        return None

    def _moved(self, number: int, u: Floats, t: Floats) -> tuple[Floats, Floats]:
        """How far mixtures' quantiles are from normal ones, in sds, (places, q), and its rounding.

        At places of a unit of log var and parts of the reach, both from -1 to 1.
        """
        var = np.exp(number + 0.5 * (np.clip(u, -1.0 + 1e-9, 1.0 - 1e-9) + 1.0))
        y = self._origin + REACH * t * np.sqrt(var + self._tau2)
        mean, sd, _ = self._moments(self._nodes, y, var)[..., np.newaxis]
        found = self._exact(y, var)
        return (found - mean) / sd - self._z, 4.0 * np.finfo(np.float64).eps * np.abs(found) / sd


def _values(series: Floats, u: Floats, t: Floats) -> Floats:
    """Values of series in two variables at places (n,): shape (n, q)."""
    # A row each polynomial: sums over a few of them run along the places.
    in_u, in_t = (chebvander(x, n - 1).T for x, n in zip((u, t), series.shape, strict=False))
    rows = [((one.T @ in_u) * in_t).sum(axis=0) for one in np.moveaxis(series, 2, 0)]
    return np.stack(rows, axis=1)


def _shortened(series: Floats) -> Floats:
    """Less the last coefficients that are nothing."""
    for axis in (0, 1):
        size = np.abs(series).sum(axis=(1 - axis, 2))
        last = int(np.argmax(size[::-1].cumsum() > NOTHING)) if size.sum() > NOTHING else size.size
        series = np.moveaxis(np.moveaxis(series, axis, 0)[: max(1, size.size - last)], 0, axis)
    return np.ascontiguousarray(series)
