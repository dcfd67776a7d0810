"""The densities of effects on a lattice of four hyperparameters, as sums over its nodes.

Given the hyperparameters an effect's density is N(theta; mu, tau) times the likelihood of the
group's own data given theta, by that of the data itself. The first depends on (mu, tau) alone, the
second on the other two, (alpha, sigma): a sum over the nodes is one over rows, one for each of the
latter, and over columns. Where tau is less than the places of mu are apart, what stands before
N(theta; mu, tau) goes on between them as a polynomial of its log, under a Gauss-Hermite rule.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.models.crossed import Crossed
from pyhier.quadrature.lattice import SQUARED, Lattice
from pyhier.quadrature.plane_table import weights_near
from pyhier.quadrature.stretch import Stretch

NEGLIGIBLE = 1e-15  # weight of all nodes that are left out
CLOSE = 1.5  # steps of mu to a tau, below which they are too far apart
POINTS = 12  # of a polynomial
RULE = np.polynomial.hermite_e.hermegauss(21)
LARGEST = 30_000_000  # numbers of a table of rows by columns
TOGETHER = 4_000_000  # numbers of tables of effects that are held at a time
LEAST = 1e-290  # of sums whose logs are taken
LOG_2PI = float(np.log(2.0 * np.pi))


class TooManyError(ValueError):
    """A lattice whose rows by columns are more than are held."""


@dataclass(frozen=True)
class Slice:
    """The columns of one tau.

    Attributes
    ----------
    tau : float
    wide : float
        The least that is so wide that sums over mu's places do, and tau at least.
    first, count : int
        Of the columns.
    start : int
        The first column's place, in steps of mu.
    close : bool
        Whether mu's places are close enough for sums over them.
    odd : bool
        Whether tau's place is odd.
    """

    tau: float
    wide: float
    first: int
    count: int
    start: int
    close: bool
    odd: bool

    @property
    def columns(self) -> slice:
        """Which they are."""
        return slice(self.first, self.first + self.count)


class Table:
    """A lattice's nodes as rows, of the last two coordinates, by columns, of the first two."""

    def __init__(self, lattice: Lattice) -> None:
        order = np.argsort(lattice.weight)
        least = int(np.searchsorted(np.cumsum(lattice.weight[order]), NEGLIGIBLE))
        kept = np.sort(order[least:])
        index = lattice.index[kept]
        self.psi, self.log_weight = lattice.psi[kept], np.log(lattice.weight[kept])
        self._stretch: Stretch = lattice.stretches[0]
        self._step = float(lattice.step[0])
        self._rows, self.row = _numbered(index[:, 2:])
        self.beside = _first(self.psi[:, 2:], self.row)
        columns, self.column = self._filled(index[:, [1, 0]])
        if len(self.beside) * len(columns) > LARGEST:
            raise TooManyError(f"{len(self.beside):,} by {len(columns):,} nodes are too many")
        self.odd_row = (self._rows & 1).astype(np.bool_)
        self.odd_mu = (columns[:, 1] & 1).astype(np.bool_)
        self.place = columns[:, 1].astype(np.float64) * self._step
        self.mu = self._stretch.psi(self.place)
        self.slices = self._slices(columns)

    def _filled(self, index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """All columns, tau by tau, with those that are missing between others, and each node's."""
        tau, at = np.unique(index[:, 0], return_inverse=True)
        low = np.full(tau.size, np.iinfo(np.int64).max)
        high = np.full(tau.size, np.iinfo(np.int64).min)
        np.minimum.at(low, at.ravel(), index[:, 1])
        np.maximum.at(high, at.ravel(), index[:, 1])
        first = np.append(0, np.cumsum(high - low + 1))
        columns = [
            np.column_stack([np.full(b - a + 1, t), np.arange(a, b + 1)])
            for t, a, b in zip(tau, low, high, strict=True)
        ]
        return np.concatenate(columns), first[at.ravel()] + index[:, 1] - low[at.ravel()]

    def _slices(self, columns: NDArray[np.int64]) -> list[Slice]:
        first = np.flatnonzero(np.append(True, np.diff(columns[:, 0]) != 0))
        ends = np.append(first[1:], len(columns))
        log_tau = np.full(len(columns), -np.inf)
        np.maximum.at(log_tau, self.column, self.psi[:, 1])
        mass = np.bincount(self.column, np.exp(self.log_weight), len(columns))
        apart = self._step * np.exp(self._stretch.log_slope(self.place))
        found = []
        for a, b in zip(first.tolist(), ends.tolist(), strict=True):
            tau = float(np.exp(log_tau[a:b].max()))
            typical = float((mass[a:b] * apart[a:b]).sum() / mass[a:b].sum())
            close = tau > CLOSE * typical
            start, odd = int(columns[a, 1]), bool(columns[a, 0] & 1)
            wide = max(tau, CLOSE * typical)
            found.append(Slice(tau, wide, a, b - a, start, close, odd))
        return found

    @cached_property
    def alone(self) -> Floats:
        """The columns' weights, (columns,)."""
        weight = np.zeros(self.mu.size)
        np.add.at(weight, self.column, np.exp(self.log_weight))
        return weight

    def weights(self, log_likelihood: Floats) -> tuple[Floats, float]:
        """Of rows by columns, without a group's own data, by the exp of what comes with them."""
        logs = self.log_weight - log_likelihood
        top = float(logs.max())
        table = np.zeros((len(self.beside), self.mu.size))
        table[self.row, self.column] = np.exp(logs - top)
        return table, top

    def mixed(self, sums: Floats, theta: Floats) -> Floats:
        """What sums over rows, (effects, columns), are under N(theta; mu, tau); (effects,)."""
        total = np.zeros(theta.size)
        for one in self.slices:
            part = sums[:, one.columns]
            if one.close:
                total += self._by_nodes(one, part, theta, one.tau)
            elif one.count > 1:  # one alone has next to no mass
                total += self._between(one, part, theta, min(POINTS, one.count))
        return total

    def _by_nodes(
        self, one: Slice, sums: Floats, theta: Floats, tau: float, odd: bool = False
    ) -> Floats:
        away = (theta[:, np.newaxis] - self.mu[one.columns]) / tau
        density = np.exp(-0.5 * (away * away + LOG_2PI)) / tau
        if odd:
            density[:, self.odd_mu[one.columns]] *= -1.0
        found: Floats = (sums * density).sum(axis=1)
        return found

    def _between(self, one: Slice, sums: Floats, theta: Floats, points: int) -> Floats:
        """By polynomials of the logs of sums, between mu's places, under a rule."""
        node, weight = RULE
        mu = theta[:, np.newaxis] + one.tau * node
        place = self._stretch.z(mu.ravel())
        position = (place / self._step - one.start).reshape(mu.shape)
        inside = (position >= 0.0) & (position <= one.count - 1.0)
        begin, by = weights_near(np.where(inside, position, 0.0).ravel(), one.count, points)
        logs = np.log(np.maximum(sums, LEAST))
        row = np.repeat(np.arange(theta.size), node.size)[:, np.newaxis]
        near = logs[row, begin[:, np.newaxis] + np.arange(points)]
        found = (by * near).sum(axis=1).reshape(mu.shape)
        slope = self._stretch.log_slope(place).reshape(mu.shape) + np.log(self._step)
        rule = weight / weight.sum()
        mean: Floats = (rule * np.where(inside, np.exp(found - slope), 0.0)).sum(axis=1)
        return mean

    def change(self, table: Floats, given: Floats, theta: Floats) -> Floats:
        """What lattices of half the nodes change of densities, and fewer points; (theta, ways)."""
        wanted = self.mixed(given @ table, theta)
        alpha, sigma = np.where(self.odd_row, -1.0, 1.0).T
        changes = []
        for sign in (1.0, alpha, sigma, alpha * sigma):
            sums = (given * sign) @ table
            parts = np.zeros((4, theta.size))
            for one in self.slices:
                part = sums[:, one.columns]
                plain = self._by_nodes(one, part, theta, one.wide)
                turn = -1.0 if one.odd else 1.0
                parts[:2] += plain, turn * plain
                if one.close:
                    other = self._by_nodes(one, part, theta, one.wide, odd=True)
                    parts[2:] += other, turn * other
            changes += list(parts[0 if np.ndim(sign) else 1 :])
        found: Floats = SQUARED * (np.array(changes).T / wanted[:, np.newaxis]) ** 2
        return np.column_stack([found, self.fewer(given @ table, theta) / wanted])

    def fewer(self, sums: Floats, theta: Floats) -> Floats:
        """By how much polynomials of fewer points are off."""
        off = np.zeros(theta.size)
        for one in self.slices:
            if not one.close and one.count >= POINTS:
                part = sums[:, one.columns]
                many, few = (self._between(one, part, theta, n) for n in (POINTS, POINTS - 2))
                off += np.abs(many - few)
        return off


class EffectOnLattice:
    """The log density of one group's effect, or of a new one's (None).

    Parameters
    ----------
    model : Crossed
    table : Table
    group : int or None
    """

    def __init__(self, model: Crossed, table: Table, group: int | None) -> None:
        self._model, self._table, self._group = model, table, group
        if group is None:
            self._weights, self._top = table.alone[np.newaxis], 0.0
        else:
            own = model.group_log_likelihood(group, table.psi)
            self._weights, self._top = table.weights(own)

    def _given(self, theta: Floats) -> tuple[Floats, Floats]:
        """What the own data says of effects at rows, by its highest, and the logs of that."""
        if self._group is None:
            return np.ones((theta.size, 1)), np.zeros(theta.size)
        logs = self._model.log_given_effect(self._group, theta, self._table.beside)
        top = logs.max(axis=1)
        return np.exp(logs - top[:, np.newaxis]), top

    def __call__(self, theta: Floats) -> Floats:
        """Log densities at effects, shape (n,)."""
        found = np.empty(theta.size)
        each = max(1, TOGETHER // max(len(self._table.beside), self._table.mu.size))
        for i in range(0, theta.size, each):
            some = theta[i : i + each]
            given, top = self._given(some)
            with np.errstate(divide="ignore"):
                logs = np.log(self._table.mixed(given @ self._weights, some))
            found[i : i + each] = logs + top + self._top
        return found

    def error(self, theta: Floats) -> float:
        """The mean relative error of densities at effects, each as the density there counts."""
        given, top = self._given(theta)
        sums = given @ self._weights
        wanted = self._table.mixed(sums, theta)
        if self._group is None:
            off = self._table.fewer(sums, theta) / wanted
        else:
            off = self._table.change(self._weights, given, theta).sum(axis=1)
        share = wanted * np.exp(top - top.max())
        return float((off * share).sum() / share.sum())


def _numbered(index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    found, which = np.unique(index, axis=0, return_inverse=True)
    return found, which.ravel()


def _first(values: Floats, which: NDArray[np.intp]) -> Floats:
    return np.ascontiguousarray(values[np.unique(which, return_index=True)[1]])
