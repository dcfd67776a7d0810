"""The normal model's likelihood of any number of groups as a few hundred sums.

As functions of x = log var, log(e^x + t), 1 / (e^x + t) and its products with other such functions
are analytic within pi of the real line, for every t = tau^2. So on bins of log var of width one
sums of Chebyshev polynomials, of these times y and times y^2, tell the sums over all groups of
such functions to rounding. Every bin's y are counted from their own mean: nothing cancels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import floor, log
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pyhier._threads import in_threads, thread_count
from pyhier._types import Floats
from pyhier.kernels.variance_bins import span_sums
from pyhier.models.sums import whole_counts

TERMS = 16  # as in variance_bins.h
SPAN = 2**16  # groups a thread sums at a time
CENTRED = np.cos(np.pi * (np.arange(TERMS) + 0.5) / TERMS)  # Chebyshev's nodes, on [-1, 1]
_POLYNOMIALS = np.cos(np.outer(np.arange(TERMS), np.arccos(CENTRED)))  # T_m at the nodes
# Values at the nodes times this are coefficients; sums of T_m times its transpose are weights.
TO_SERIES = _POLYNOMIALS * (np.where(np.arange(TERMS) == 0, 1.0, 2.0)[:, None] / TERMS)


@dataclass(frozen=True)
class Bins:
    """Sums over groups on bins of log var.

    Attributes
    ----------
    lowest : int
        Log var where the first bin begins.
    centre : ndarray, shape (bins,)
        What y are counted from in each; 0 in an empty one.
    table : ndarray, shape (bins, 3, TERMS)
        Sums of T_m, of T_m (y - centre), of T_m (y - centre)^2.
    ends : ndarray, shape (4,)
        The least and the largest y, the least and the largest var.
    """

    lowest: int
    centre: Floats
    table: Floats
    ends: Floats

    @classmethod
    def of(cls, y: Floats, var: Floats) -> "Bins":
        """The sums of a span of groups."""
        ends = np.array([y.min(), y.max(), var.min(), var.max()])
        lowest, highest = floor(log(ends[2])), floor(log(ends[3]))
        return cls(lowest, *span_sums(y, var, float(lowest), highest - lowest + 1), ends)

    @property
    def groups(self) -> int:
        """How many groups were summed."""
        return int(self.table[:, 0, 0].sum())

    def arrays(self) -> dict[str, Any]:
        """What a file holds."""
        return asdict(self)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What was written; ValueError where it was not."""
        centre, table, ends = (arrays[key] for key in ("centre", "table", "ends"))
        shapes = centre.shape == table.shape[:1], table.shape[1:] == (3, TERMS), ends.shape == (4,)
        if not all(shapes) or not all(np.isfinite(x).all() for x in (centre, table, ends)):
            raise ValueError("its arrays have other shapes")
        if not whole_counts("the numbers of groups", table[:, 0, 0]).any():
            raise ValueError("its counts are none")
        return cls(int(arrays["lowest"]), centre, table, ends)

    def __add__(self, other: "Bins") -> "Bins":
        """The sums over the groups of both."""
        lowest = min(self.lowest, other.lowest)
        highest = max(self.lowest + self.centre.size, other.lowest + other.centre.size)
        (c, first), (d, second) = (part._over(lowest, highest) for part in (self, other))
        n, m = first[:, 0, 0], second[:, 0, 0]
        share = m / np.maximum(n + m, 1.0)
        centre = np.where(n == 0.0, d, np.where(m == 0.0, c, c + share * (d - c)))
        low, high = np.minimum(self.ends, other.ends), np.maximum(self.ends, other.ends)
        ends = np.array([low[0], high[1], low[2], high[3]])
        return Bins(lowest, centre, _moved(first, centre - c) + _moved(second, centre - d), ends)

    def _over(self, lowest: int, highest: int) -> tuple[Floats, Floats]:
        """Centres and table of more bins."""
        sides = self.lowest - lowest, highest - self.lowest - self.centre.size
        return np.pad(self.centre, sides), np.pad(self.table, (sides, (0, 0), (0, 0)))


def _moved(table: Floats, by: Floats) -> Floats:
    """A table about centres that are further on by so much."""
    found, step = table.copy(), by[:, None]
    found[:, 1] -= step * table[:, 0]
    found[:, 2] -= step * (2.0 * table[:, 1] - step * table[:, 0])
    return found


def together(parts: Sequence[Bins]) -> Bins:
    """The sums of all parts, two neighbours at a time: the order is always the same."""
    while len(parts) > 1:
        pairs = [parts[k] + parts[k + 1] for k in range(0, len(parts) - 1, 2)]
        parts = pairs + list(parts[2 * len(pairs) :])
    return parts[0]


def binned(y: Floats, var: Floats, threads: int | None) -> Bins:
    """The sums over groups, by so many threads: the same for any number."""
    parts = list(spans(y.size))
    made = in_threads(lambda part: Bins.of(y[part], var[part]), parts, thread_count(threads))
    return together(list(made))


def spans(groups: int) -> Iterator[slice]:
    """The groups, a span at a time."""
    return (slice(start, start + SPAN) for start in range(0, groups, SPAN))


class Places(NamedTuple):
    """Where functions of var are to be known for their sums over all groups.

    Attributes
    ----------
    var, centre : ndarray, shape (places,)
        Chebyshev's nodes in the bins, and what y are counted from; a group that is alone in its bin
        is there itself.
    weights : ndarray, shape (3, places)
        With which values of a function add up to its sums times (y - centre)^k, k = 0, 1, 2.
    alone : ndarray, shape (places,)
        Whether it is a group.
    """

    var: Floats
    centre: Floats
    weights: Floats
    alone: NDArray[np.bool_]


def places(bins: Bins) -> Places:
    """The places of all bins that hold groups, in the order of the bins."""
    count = bins.table[:, 0, 0]
    starts = bins.lowest + np.arange(float(count.size))
    nodes = np.broadcast_to(CENTRED, (count.size, TERMS)).copy()
    weights = np.moveaxis(bins.table @ TO_SERIES, 1, 0)
    one = count == 1.0
    nodes[one] = bins.table[one, 0, 1:2]  # T_1 of one group is its place
    weights[:, one] = 0.0
    weights[:, one, 0] = np.moveaxis(bins.table[one, :, 0], 1, 0)
    some = np.broadcast_to((count > 0.0)[:, None], nodes.shape).copy()
    some[one, 1:] = False
    var = np.exp(starts[:, None] + 0.5 * (nodes + 1.0))[some]
    alone = np.broadcast_to(one[:, None], some.shape)[some]
    if alone[0]:
        var[0] = bins.ends[2]  # to the last bit
    centre = np.broadcast_to(bins.centre[:, None], some.shape)[some]
    return Places(var, centre, np.ascontiguousarray(weights[:, some]), alone)


class SummedGroups:
    """Sums over all groups of functions of var, weighted by powers of y less a number.

    Parameters
    ----------
    bins : Bins

    Attributes
    ----------
    var : ndarray, shape (nodes,)
        Of the `places`.
    """

    def __init__(self, bins: Bins) -> None:
        at = places(bins)
        self.var, self._weights, self._centre = at.var, at.weights, at.centre
        self.groups, self.ends = bins.groups, bins.ends
        self._origin = float(bins.centre[bins.table[:, 0, 0].argmax()])

    def about(self, mu: float) -> Floats:
        """Weights of the nodes in sums of f(var) (y - mu)^k, k = 0, 1, 2, shape (3, nodes)."""
        zero, first, second = self._weights
        away = self._centre - mu
        return np.array([zero, first + away * zero, second + away * (2.0 * first + away * zero)])

    def rows(self, tau2: Floats) -> Floats:
        """What `kernels.normal_groups.sums` gives, at values of tau^2: shape (5, values)."""
        total = self.var[:, None] + tau2
        zero, first, second = self._weights
        from_origin = self._centre - self._origin
        weight = 1.0 / total
        weights = zero @ weight
        away = ((first + from_origin * zero) @ weight) / weights
        mean = self._origin + away
        part = mean - self._origin
        lost = (self._origin - (mean - part)) + (away - part)
        shift = from_origin[:, None] - away
        inner = second[:, None] + shift * (2.0 * first[:, None] + shift * zero[:, None])
        squares = np.maximum((inner * weight).sum(axis=0), 0.0)
        return np.array([zero @ np.log(total), weights, mean, squares, lost])

    def compared(self, log_tau: Floats, reference: float) -> Floats:
        """`rows` at log tau, but what they add to -2 log likelihood beside that at a reference.

        It is in the first row, and the fourth is 0: of 1e9 groups the sums themselves are rounded
        to 1e-7, and so much of the likelihood nobody wants to lose.
        """
        tau2, at = np.exp(2.0 * log_tau), np.array([np.exp(2.0 * reference)])
        rows, own = self.rows(tau2), self.rows(at)[:, 0]
        more = tau2 if reference == -np.inf else at * np.expm1(2.0 * (log_tau - reference))
        total = self.var + at
        ratio = more / total[:, None]
        near = ratio > -0.5
        far = np.log(self.var[:, None] + tau2) - np.log(total)[:, None]
        logs = self._weights[0] @ np.where(near, np.log1p(np.where(near, ratio, 0.0)), far)
        squares = self.about(own[2])[2] / total
        weight = 1.0 / (self.var[:, None] + tau2)
        fall = -more * (squares @ weight)
        moved = ((rows[2] - own[2]) + rows[4]) ** 2 * rows[1]
        # At the reference's own mean squares are least but for what its rounding leaves.
        rows[0], rows[3] = logs + fall - moved, 0.0
        return rows

    def derivatives(self, mu: float, tau2: float) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log likelihood of (mu, log tau)."""
        zero, first, second = self.about(mu)
        weight = 1.0 / (self.var + tau2)
        share = weight * tau2
        excess = weight * second - zero
        cross = -2.0 * float((share * weight) @ first)
        curvature = 2.0 * float(share @ excess - share**2 @ (2.0 * excess + zero))
        gradient = np.array([weight @ first, share @ excess])
        return gradient, np.array([[-weight @ zero, cross], [cross, curvature]])

    @cached_property
    def precision(self) -> float:
        """The sum of the inverse variances."""
        return float(self._weights[0] @ (1.0 / self.var))

    def squared_precisions(self) -> float:
        """The sum of the squares of the inverse variances."""
        return float(self._weights[0] @ (1.0 / self.var**2))

    def squares(self) -> float:
        """The sum of squares of y about their mean."""
        zero, first, _ = self._weights
        away = float((first + (self._centre - self._origin) * zero).sum()) / self.groups
        return float(self.about(self._origin + away)[2].sum())
