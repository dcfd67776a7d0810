"""Intercepts of groups within groups, from raw rows: the effects given the coefficients.

The finest groups' means are estimates of their effects, of variance sigma^2 over their number of
rows: what nested_effects.py takes. All variances are over sigma^2 here, as in varying.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier.models.nested_effects import Place, Tree, prior_draws
from pyhier.models.reductions import Linear
from pyhier.models.row_sums import NestedSums


@dataclass(frozen=True, eq=False)
class NestedIntercepts(Frozen):
    """The intercepts of all groups of nested grouping factors.

    Attributes
    ----------
    sums : NestedSums
    unit : ndarray, shape (p,)
        The common intercept among the coefficients; 0 where there is none.
    """

    sums: NestedSums
    unit: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """The levels, the outermost first."""
        return self.sums.nesting.levels

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the finest groups."""
        return self.sums.nesting.labels[-1]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the effects: those of the finest groups."""
        return self.groups

    @property
    def new_effects(self) -> tuple[str, ...]:
        """The intercept of a new group in new ones."""
        return ("theta_new",)

    @cached_property
    def tree(self) -> Tree:
        """The finest groups' means as estimates, of the variances over sigma^2."""
        f, root = self.sums.centred()[:, 0], self.sums.r
        x, y = f[:, :-1] / root, f[:, -1] / root[:, 0]
        return Tree(self.sums.nesting, y + x @ self.sums.about, x, 1.0 / root[:, 0] ** 2)

    # --- What quantities are ------------------------------------------------------------------

    def effect(self, number: int) -> Place:
        """A finest group's intercept, with the common one."""
        return self.tree.finest(np.intp(number)).with_row(self.unit)

    def named(self, name: str) -> Place:
        """``LEVEL[LABEL]``, ``theta_new`` or ``theta_new[LEVEL[LABEL]]``; KeyError for another."""
        return self.tree.named(name).with_row(self.unit)

    # --- Given the sds, at nodes --------------------------------------------------------------

    def linear(self, quantity: Place, factor: Floats) -> Linear:
        """An intercept as a linear function of beta, at log (tau / sigma), (nodes, levels)."""
        return self.tree.linear(quantity, np.exp(2.0 * factor))

    def several(self, numbers: Sequence[int], factor: Floats) -> Linear:
        """The finest groups' intercepts, shape (effects, nodes)."""
        at = np.asarray(numbers, dtype=np.intp)
        place = self.tree.finest(at)
        rows = np.broadcast_to(self.unit, (at.size, self.unit.size))
        return self.tree.linear(replace(place, x=rows), np.exp(2.0 * factor))

    def difference(self, first: Place, second: Place, factor: Floats) -> Linear:
        """The difference of two intercepts; what they share cancels."""
        a, b = self.linear(first, factor), self.linear(second, factor)
        var = self.tree.var_of_difference(first, second, np.exp(2.0 * factor))
        direction = np.asarray(a.direction) - np.asarray(b.direction)
        intercept = a.intercept - b.intercept
        return Linear(intercept, 1.0, var, a.grows or b.grows, direction)

    def own(self, level: int, j: int, factor: Floats) -> Linear:
        """What one group of a level adds to those above it."""
        return self.tree.own(level, j, np.exp(2.0 * factor))

    def shares(self, factor: Floats, z: Floats) -> Floats:
        """The share of a row's variance that every level makes, and all, (nodes, levels + 1)."""
        tau2 = np.exp(2.0 * factor)
        total = tau2.sum(axis=1, keepdims=True)
        found: Floats = np.hstack([tau2, total]) / (1.0 + total)
        return found

    def pooling(self, factor: Floats) -> Floats:
        """Shrinkage towards the centre of a group's own group, shape (nodes, finest groups)."""
        found: Floats = 1.0 / (1.0 + np.exp(2.0 * factor[:, -1:]) / self.tree.var)
        return found

    def draws(self, beta: Floats, factor: Floats, sigma: Floats, rng: Generator) -> Floats:
        """Draws of the finest groups' intercepts, (n, groups)."""
        drawn = self.tree.draws(beta, np.exp(2.0 * factor), rng, sigma[:, np.newaxis])
        found: Floats = drawn - beta @ self.tree.x.T + (beta @ self.unit)[:, np.newaxis]
        return found

    def draws_of_new(self, beta: Floats, factor: Floats, sigma: Floats, rng: Generator) -> Floats:
        """Draws of the intercept of a new group in new ones, shape (n, 1)."""
        sd = sigma * np.sqrt(np.exp(2.0 * factor).sum(axis=-1))
        drawn: Floats = (beta @ self.unit + sd * normals(rng, (len(beta),), 1)[:, 0])[:, np.newaxis]
        return drawn

    def prior_draws(self, beta: Floats, factor: Floats, sigma: Floats, rng: Generator) -> Floats:
        """Draws of the finest groups' intercepts without the data, shape (n, groups)."""
        tau = sigma[:, np.newaxis] * np.exp(factor)
        return (beta @ self.unit)[:, np.newaxis] + prior_draws(self.sums.nesting, tau, rng)
