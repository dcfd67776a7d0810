"""The densities of groups' effects, as sums over the nodes of the plane (effect_nodes.py).

What the nodes say of the population is worked out once; an effect adds the probability of its own
data at each node, and what that data says of the effect.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels.effect_sums import sums
from pyhier.models.interface import PlaneModel
from pyhier.posterior.effect_nodes import ORDERS, RULES, EffectNodes, Rows

DEPTH = 45.0  # below which components are left out
LEAST_OF_DEPTH = -35.0  # log of the weight of nodes that matter for it
LARGEST_RULE = 32  # as in effect_sums.h


class Population:
    """The population's distribution at all nodes, in the forms that the sums take.

    Parameters
    ----------
    model : PlaneModel
    nodes : EffectNodes

    Attributes
    ----------
    phi : ndarray, shape (nodes, 2)
        Of the linear nodes, the close ones and the grids, one after the other.
    ends : ndarray of int, shape (4,)
        Where each of the three begins, and the end.
    offset : tuple of ndarray
        What is added to the logs of each one's components.
    """

    def __init__(self, model: PlaneModel, nodes: EffectNodes) -> None:
        parts = (nodes.linear, nodes.close, nodes.narrow.nodes)
        self.line, self._nodes = nodes.line, nodes
        self.phi = np.concatenate([part.phi for part in parts])
        self.weight = np.exp(np.concatenate([part.log_weight for part in parts[:2]]))
        self.ends = np.cumsum([0, *(part.log_weight.size for part in parts)])
        self._family = model.theta_given(None, self.phi)
        self.statistics = self._family.statistics
        natural, partition = self._natural()
        some = slice(*self.ends[:2])
        linear, close, narrow = parts
        self.linear = linear.first, linear.parity, *np.ascontiguousarray(natural[some].T)
        height = self._family.near(np.zeros(len(self.phi)))[slice(*self.ends[1:3])]
        self.close_weight = close.log_weight
        self.offset = (
            linear.log_weight - partition[some], close.log_weight + height, narrow.log_weight,
        )  # fmt: skip

    def _natural(self) -> tuple[Floats, Floats]:
        """Natural parameters and log partition function."""
        natural, partition = self._family.natural()
        if self.line == "log":  # the family's rates end where doubles do; the location goes on
            parts = (self._nodes.linear, self._nodes.close, self._nodes.narrow.nodes)
            shape = self._family.concentration
            log_rate = np.log(shape) - np.concatenate([part.w for part in parts])
            partition = partition + shape * (np.log(-natural[:, 1]) - log_rate)
            natural[:, 1] = -np.exp(np.minimum(log_rate, 700.0))
        return natural, partition

    @cached_property
    def close(self) -> tuple[NDArray[np.generic], ...]:
        """The close rows but for what is added."""
        close, w = self._nodes.close, self._nodes.close.w
        small = np.exp(-np.abs(w))
        c = self._family.concentration[slice(*self.ends[1:3])][close.first[:-1]]
        less, side = small / (1.0 + small), np.where(w > 0.0, -1.0, 1.0)
        return close.first, close.parity, c, close.low, close.high, w, less, side

    @cached_property
    def grids(self) -> tuple[NDArray[np.generic], ...]:
        """The grids but for their values and rules."""
        narrow, rows = self._nodes.narrow, self._nodes.narrow.nodes
        places = rows.low, rows.high, narrow.start, narrow.spacing
        return rows.first, rows.parity, narrow.concentration, *places

    @cached_property
    def rules(self) -> tuple[NDArray[np.generic], ...]:
        """The grids' rules."""
        order = self._nodes.narrow.order
        rules = np.zeros((2, order.size, LARGEST_RULE))
        for row, size in enumerate(order):
            node, weight = RULES[ORDERS.index(int(size))]
            rules[:, row, :size] = node, np.log(weight) + 0.5 * node**2
        return order, *rules


class EffectDensities:
    """Log densities of effects on their line, at any points of it.

    Parameters
    ----------
    model : PlaneModel
    population : Population
    quantities : sequence of (int or None)
        Groups, and None for a new one.
    """

    def __init__(
        self, model: PlaneModel, population: Population, quantities: list[int | None]
    ) -> None:
        self._own, self._population = model.own_likelihood(quantities), population
        own = np.split(self._own.given_phi(population.phi), population.ends[1:3], axis=1)
        linear, close, narrow = (
            np.ascontiguousarray(_finite(offset - part))
            for offset, part in zip(population.offset, own, strict=True)
        )
        # The group's own data may raise what the population has far out.
        kept = population.close_weight > LEAST_OF_DEPTH
        ahead = self._own.highest[:, None] - own[1][:, kept]
        self._depth = DEPTH + ahead.max(axis=1, initial=0.0)
        self._parts = (
            (*population.linear, linear), (*population.close, close),
            (*population.grids, narrow, *population.rules),
        )  # fmt: skip

    def __call__(self, effect: Rows, z: Floats) -> Floats:
        """Log densities of effects, by their places in ``quantities``, at places on the line."""
        top, parts = self._sums(effect, z)
        with np.errstate(divide="ignore"):
            own = self._own.given_effect(z, effect)
            density: Floats = own + top + np.log(parts.sum(axis=1))
        return density

    def error(self, effect: Rows, z: Floats) -> Floats:
        """About the relative error of the densities at places on the line, shape (points,)."""
        parts = self._sums(effect, z)[1]
        signs = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
        with np.errstate(invalid="ignore"):
            apart = (parts @ signs.T) / parts.sum(axis=1, keepdims=True)
        error: Floats = (apart**2).sum(axis=1)
        return error

    def beyond(self, limit: float) -> Floats:
        """Probabilities that effects are below -limit on their line, and above; (effects, 2)."""
        phi = self._population.phi[: self._population.ends[2]]
        both = self._own.beyond(phi, limit)
        return np.column_stack([part @ self._population.weight for part in both])

    def _sums(self, effect: Rows, z: Floats) -> tuple[Floats, Floats]:
        with np.errstate(over="ignore"):
            statistics = self._population.statistics(z)
        return sums(self._population.line, effect, z, statistics, *self._parts, self._depth)


@dataclass(frozen=True)
class EffectDensity:
    """The log density of one effect on its line, at any points of it.

    Attributes
    ----------
    all : EffectDensities
    effect : int
        Its place there.
    """

    all: EffectDensities
    effect: int = 0

    def __call__(self, z: Floats) -> Floats:
        """Log density at places on the line, shape (points,)."""
        return self.all(np.full(z.size, self.effect), z)


def _finite(logs: Floats) -> Floats:
    """Logs of weights, -inf where a shape is too small for a double."""
    return np.where(np.isnan(logs), -np.inf, logs)
