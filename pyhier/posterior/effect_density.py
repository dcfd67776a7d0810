"""The densities of groups' effects, as sums over the nodes of the plane (effect_nodes.py).

What the nodes say of the population is worked out once; an effect adds the probability of its own
data at each node, and what that data says of the effect.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels.effect_panels import panel_sums
from pyhier.kernels.effect_sums import sums
from pyhier.models.interface import PlaneModel
from pyhier.posterior.effect_nodes import ORDERS, RULES, EffectRows, Rows
from pyhier.posterior.heavy_density import HeavyDensities

DEPTH = 45.0  # below which components are left out
LEAST_OF_DEPTH = -35.0  # log of the weight of nodes that matter for it
LARGEST_RULE = 32  # as in effect_sums.h
MANY = 6000  # nodes, of which most are nowhere near a point: not for few effects
SHARING = 32  # effects
TINY = 1e-250  # sums by the largest weight, in which what is no double may be missing
# Differences of sums over even and odd nodes, and over even and odd rows, from sums over classes.
APART = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])


class Population:
    """The population's distribution at all nodes, in the forms that the sums take.

    Parameters
    ----------
    model : PlaneModel
    nodes : EffectRows

    Attributes
    ----------
    phi : ndarray, shape (nodes, 2)
        Of the linear nodes, the close ones and the grids, one after the other.
    ends : ndarray of int, shape (4,)
        Where each of the three begins, and the end.
    log_weight, height : ndarray, shape (nodes,)
        Logs of the nodes' weights, and of their components at the highest.
    """

    def __init__(self, model: PlaneModel, nodes: EffectRows) -> None:
        parts = (nodes.linear, nodes.close, nodes.narrow.nodes)
        self.line, self.form, self._nodes, self._model = nodes.line, nodes.form, nodes, model
        self.phi = np.concatenate([part.phi for part in parts])
        self.log_weight = np.concatenate([part.log_weight for part in parts])
        self.ends = np.cumsum([0, *(part.log_weight.size for part in parts)])
        self._family = model.theta_given(None, self.phi)
        self.statistics = self._family.statistics
        self.height = self._family.near(np.zeros(len(self.phi)))
        some, linear = slice(*self.ends[:2]), nodes.linear
        natural, partition = self._natural()
        below = _finite(-partition[some] - self.height[some])
        self.linear = linear.first, linear.parity, *np.ascontiguousarray(natural[some].T), below

    def densities(self, quantities: list[int | None]) -> "EffectDensities":
        """The densities of groups' effects, or of a new one's (None)."""
        return EffectDensities(self._model, self, quantities)

    def _natural(self) -> tuple[Floats, Floats]:
        """Natural parameters and log partition function."""
        natural, partition = self._family.natural()
        if self.line == "log":  # the family's rates end where doubles do; the location goes on
            parts = (self._nodes.linear, self._nodes.close, self._nodes.narrow.nodes)
            shape = self._family.concentration
            w = np.concatenate([part.w for part in parts])
            log_rate = np.log(shape) - (-w if self.form == "inverse-log" else w)
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
        own, narrow = self._own.given_phi(population.phi), population.ends[2]
        logs = population.log_weight - own
        # By their components' heights: those of grids differ from point to point.
        self._logs = _finite(logs[:, :narrow] + population.height[:narrow])
        self._values = _finite(logs[:, narrow:].copy())
        # The group's own data may raise what the population has far out.
        close = slice(*population.ends[1:3])
        kept = population.log_weight[close] > LEAST_OF_DEPTH
        ahead = self._own.highest[:, None] - own[:, close][:, kept]
        self._depth = DEPTH + ahead.max(axis=1, initial=0.0)

    @cached_property
    def _parts(self) -> tuple[tuple[NDArray[np.generic], ...], ...]:
        """The three forms of nodes, with the effects' own logs."""
        population = self._population
        linear = self._logs[:, : population.ends[1]] + population.linear[-1]
        close = np.ascontiguousarray(self._logs[:, population.ends[1] :])
        return (
            (*population.linear[:-1], _finite(linear)), (*population.close, close),
            (*population.grids, self._values, *population.rules),
        )  # fmt: skip

    @cached_property
    def _weights(self) -> tuple[Floats, Floats, Floats]:
        """Logs of the largest weights, (effects,), the others by these, and the grids' logs."""
        raised = self._values + self._population.height[self._population.ends[2] :]
        top = np.maximum(*(x.max(axis=1, initial=-np.inf) for x in (self._logs, raised)))
        return top, np.exp(self._logs - top[:, None]), self._values - top[:, None]

    def __call__(self, effect: Rows, z: Floats) -> Floats:
        """Log densities of effects, by their places in ``quantities``, at places on the line."""
        return self._at(effect, z)[0]

    def error(self, effect: Rows, z: Floats) -> Floats:
        """About the relative error of the densities at places on the line, shape (points,)."""
        return self._at(effect, z)[1]

    def _at(self, effect: Rows, z: Floats) -> tuple[Floats, Floats]:
        with np.errstate(over="ignore"):
            statistics = self._population.statistics(z)
        linear, close, narrow = self._parts
        form = self._population.form
        top, parts = sums(form, effect, z, statistics, linear, close, narrow, self._depth)
        total = parts.sum(axis=1)
        with np.errstate(invalid="ignore"):
            apart = (parts @ APART.T) / total[:, None]
        return self._with_own(effect, z, top, total), (apart**2).sum(axis=1)

    def _with_own(self, effect: Rows, z: Floats, top: Floats, total: Floats) -> Floats:
        """The log densities by sums over nodes and the logs of their units, each (points,)."""
        with np.errstate(divide="ignore"):
            logs: Floats = self._own.given_effect(z, effect) + top + np.log(total)
        return logs

    def on_panels(self, effect: Rows, z: Floats) -> tuple[Floats, Floats]:
        """Log densities at the nodes of panels, shape (panels, ORDER), and their relative errors.

        What effects have the same nodes share the exponentials there.
        """
        each = np.repeat(effect, z.shape[1])
        if self._population.ends[2] > MANY and self._own.highest.size < SHARING:
            return self._at(each, z.ravel())
        order = np.lexsort((z[:, -1], z[:, 0]))
        ends = z[order][:, [0, -1]]
        new = np.flatnonzero(np.append(True, (ends[1:] != ends[:-1]).any(axis=1)))
        task = np.append(new, order.size)
        total, error = np.empty((2, *z.shape))
        total[order], error[order] = self._on(z[order[new]], task, effect[order])
        z, total, error = z.ravel(), total.ravel(), error.ravel()
        logs = self._with_own(each, z, self._weights[0][each], total)
        lost = np.flatnonzero(~(total > TINY))
        logs[lost], error[lost] = self._at(each[lost], z[lost])
        return logs, error

    def _on(self, z: Floats, task: Rows, effect: Rows) -> tuple[Floats, Floats]:
        """Sums over nodes and their relative errors, shape (tasks, ORDER)."""
        population, weights = self._population, self._weights[1:]
        with np.errstate(over="ignore"):
            statistics = population.statistics(z.ravel()).reshape(*z.shape, 2)
        statistics = np.ascontiguousarray(np.moveaxis(statistics, 2, 1))
        parts = population.linear, population.close, population.grids + population.rules
        depth = float(self._depth.max(initial=0.0))
        return panel_sums(population.form, task, effect, z, statistics, *parts, *weights, depth)

    def beyond(self, limit: float) -> Floats:
        """Probabilities that effects are below -limit on their line, and above; (effects, 2)."""
        phi = self._population.phi[: self._population.ends[2]]
        both = self._own.beyond(phi, limit)
        weight = np.exp(self._population.log_weight[: self._population.ends[2]])
        return np.column_stack([part @ weight for part in both])


@dataclass(frozen=True)
class EffectDensity:
    """The log density of one effect on its line, at any points of it.

    Attributes
    ----------
    all : EffectDensities or HeavyDensities
    effect : int
        Its place there.
    """

    all: "EffectDensities | HeavyDensities"
    effect: int = 0

    def __call__(self, z: Floats) -> Floats:
        """Log density at places on the line, shape (points,)."""
        return self.all(np.full(z.size, self.effect), z)


def _finite(logs: Floats) -> Floats:
    """Logs of weights, -inf where a shape is too small for a double; in their place."""
    logs[np.isnan(logs)] = -np.inf
    return logs
