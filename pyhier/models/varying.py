"""Coefficients that vary by group, given the common ones and their covariance.

y_j = X_j beta + Z_j b_j + noise, b_j ~ N(0, Sigma): of a group nothing is needed but the triangular
factor R_j of Z_j and what its rotation leaves of the rest (row_sums.py). All covariances are over
sigma^2 here, which whoever asks puts back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier.kernels import regression as kernel
from pyhier.models.reductions import Collapsed, Linear
from pyhier.models.row_sums import RowSums

NONE = -1  # instead of a group's number: no group's


@dataclass(frozen=True, eq=False)
class Combination:
    """x' beta + z' b of a group.

    Attributes
    ----------
    x : ndarray, shape (p,)
    z : ndarray, shape (q,)
    group : int
        Its number; ``NONE`` for a new group.
    """

    x: Floats
    z: Floats
    group: int = NONE

    def minus(self, other: "Combination") -> "Combination | None":
        """The difference, where it is of one group's coefficients; None where it is of two."""
        both = self.z.any() and other.z.any()
        if both and self.group != other.group:
            return None
        group = self.group if self.z.any() else other.group
        return Combination(self.x - other.x, self.z - other.z, group)


@dataclass(frozen=True, eq=False)
class VaryingCoefficients(Frozen):
    """The coefficients of all groups of one grouping factor.

    Attributes
    ----------
    sums : RowSums
    groups : tuple of str
        Names of the groups.
    names : tuple of str
        Of the coefficients that vary.
    units : ndarray, shape (q, p)
        The common coefficient of each, a unit vector; 0 where there is none.
    """

    sums: RowSums
    groups: tuple[str, ...]
    names: tuple[str, ...]
    units: Floats

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the effects: ``GROUP,NAME``."""
        return tuple(f"{group},{name}" for group in self.groups for name in self.names)

    @property
    def new_effects(self) -> tuple[str, ...]:
        """Names of a new group's coefficients."""
        return tuple(f"theta_new[{name}]" for name in self.names)

    @cached_property
    def _f(self) -> Floats:
        """F with the design as it was given, and the response less the fit."""
        return self.sums.centred()

    # --- What quantities are ------------------------------------------------------------------

    def effect(self, number: int, own: bool = False) -> Combination:
        """A group's coefficient by the number of its effect, or what it adds to the common one."""
        group, k = divmod(number, len(self.names))
        unit = np.zeros(self.units.shape[1]) if own else self.units[k]
        return Combination(unit, np.eye(len(self.names))[k], group)

    def named(self, name: str) -> Combination:
        """``b[GROUP,NAME]`` or ``theta_new[NAME]``; KeyError for another."""
        if name in self.new_effects:
            k = self.new_effects.index(name)
            return Combination(self.units[k], np.eye(len(self.names))[k])
        if name.startswith("b["):
            return self.effect(self._number[name[2:-1]], own=True)
        raise KeyError(name)

    @cached_property
    def _number(self) -> dict[str, int]:
        return {label: e for e, label in enumerate(self.labels)}

    # --- Given the covariance, at nodes -------------------------------------------------------

    def linear(self, quantity: Combination, factor: Floats) -> Linear:
        """A quantity as a linear function of beta, at factors (nodes, q (q + 1) / 2)."""
        if quantity.group == NONE:
            return self._new(quantity, factor)
        return self._of_group(quantity, *self._effects(quantity.group, factor))

    def several(self, numbers: Sequence[int], factor: Floats) -> Linear:
        """Groups' coefficients, shape (effects, nodes); groups of one kind are looked at once."""
        kind, q = self.sums.kinds[1], len(self.names)
        found: list[Linear | None] = [None] * len(numbers)
        groups = np.asarray(numbers) // q
        for one in np.unique(kind[groups]):
            at = np.flatnonzero(kind[groups] == one)
            gain, root = self._effects(int(groups[at[0]]), factor)
            for k in at.tolist():
                found[k] = self._of_group(self.effect(int(numbers[k])), gain, root)
        parts = [
            (np.asarray(one.intercept), np.asarray(one.var), np.asarray(one.direction))
            for one in found
            if one is not None
        ]
        intercept, var, direction = map(np.array, zip(*parts, strict=True))
        return Linear(intercept, 1.0, var, self._loose(numbers), direction)

    def moments(
        self, numbers: range, factor: Floats, collapsed: Collapsed, sigma: Floats
    ) -> tuple[Floats, Floats, bool]:
        """Means and sds of groups' coefficients, (effects, nodes), and whether the sds grow."""
        q, kind = len(self.names), self.sums.kinds[1]
        groups = range(numbers.start // q, (numbers.stop - 1) // q + 1)
        rows, parts = _factors(collapsed), []
        known: tuple[int, Any] = (NONE, None)
        for j in groups:
            if kind[j] != known[0]:
                known = int(kind[j]), self._effects(j, factor)
            gain, root = known[1]
            parts.append(
                kernel.moments(
                    gain, root, self._f[j], self.units, np.eye(q), self.sums.about, rows, sigma
                )
            )
        kept = slice(numbers.start - groups.start * q, numbers.stop - groups.start * q)
        mean, sd = (np.concatenate(part)[kept] for part in zip(*parts, strict=True))
        return mean, sd, self._loose(numbers)

    def predictors(
        self, group: int, x: Floats, z: Floats, factor: Floats, collapsed: Collapsed, sigma: Floats
    ) -> tuple[Floats, Floats, bool]:
        """Means and sds of x' beta + z' b of one group (or a new one), (rows, nodes)."""
        if group == NONE:
            known = [self._new(Combination(*pair), factor) for pair in zip(x, z, strict=True)]
            found = [replace(one, var=one.var * sigma**2).moments(collapsed) for one in known]
            mean, sd = (np.array(part) for part in zip(*found, strict=True))
            return mean, sd, True
        gain, root = self._effects(group, factor)
        x, z = np.ascontiguousarray(x), np.ascontiguousarray(z)
        mean, sd = kernel.moments(
            gain, root, self._f[group], x, z, self.sums.about, _factors(collapsed), sigma
        )
        return mean, sd, self._loose([group * len(self.names)])

    def _effects(self, group: int, factor: Floats) -> tuple[Floats, Floats]:
        gain, root = kernel.effects(
            np.ascontiguousarray(factor), np.ascontiguousarray(self.sums.r[group]), len(self.names)
        )
        return gain, root

    def _loose(self, numbers: Sequence[int]) -> bool:
        """Whether a group's own rows leave a coefficient open, so that its sd grows with tau."""
        q = len(self.names)
        diagonal = np.array([k * q - k * (k - 1) // 2 for k in range(q)])
        r = np.abs(self.sums.r[np.unique(np.asarray(numbers) // q)][:, diagonal])
        return bool((r <= 1e-12 * np.abs(self.sums.r).max()).any())

    def _of_group(self, quantity: Combination, gain: Floats, root: Floats) -> Linear:
        f = self._f[quantity.group]
        weight = np.tensordot(quantity.z, gain, 1)  # of the rows of F, (q, nodes)
        own = f.T @ weight
        intercept = own[-1] + self.sums.about @ own[:-1]
        var = (np.tensordot(quantity.z, root, 1) ** 2).sum(axis=0)
        numbers = [quantity.group * len(self.names)]
        direction = quantity.x[:, np.newaxis] - own[:-1]
        return Linear(intercept, 1.0, var, self._loose(numbers), direction)

    def _new(self, quantity: Combination, factor: Floats) -> Linear:
        whole = np.zeros((len(factor), len(self.names), len(self.names)))
        whole[:, *np.tril_indices(len(self.names))] = factor
        var = ((quantity.z @ whole) ** 2).sum(axis=1)
        return Linear(0.0, 1.0, var, True, quantity.x[:, np.newaxis])

    def difference(self, first: Combination, second: Combination, factor: Floats) -> Linear:
        """The difference of two quantities; what they share cancels."""
        apart = first.minus(second)
        if apart is not None:
            return self.linear(apart, factor)
        return self.linear(first, factor).minus(self.linear(second, factor))

    def shares(self, factor: Floats, z: Floats) -> Floats:
        """The share of a row's variance that its group makes, shape (nodes, 1)."""
        var = self._new(Combination(np.zeros(self.units.shape[1]), z), factor).var
        return np.asarray(var / (1.0 + var))[:, np.newaxis]

    def pooling(self, factor: Floats) -> Floats:
        """The share of the common coefficient in every group's own, shape (nodes, effects)."""
        q = len(self.names)
        r, kind = self.sums.kinds
        shares = np.empty((len(r), q, len(factor)))
        for one, packed in enumerate(r):
            gain, _ = kernel.effects(np.ascontiguousarray(factor), packed, q)
            whole = np.zeros((q, q))
            whole[np.triu_indices(q)] = packed
            shares[one] = 1.0 - np.einsum("kin,ik->kn", gain, whole)
        found: Floats = shares[kind].reshape(-1, len(factor)).T
        return found

    def draws(self, beta: Floats, factor: Floats, sigma: Floats, rng: Generator) -> Floats:
        """Draws of the groups' coefficients, (n, effects), given beta (n, p), factors and sigma."""
        n, q = len(beta), len(self.names)
        noise = normals(rng, (n,), len(self.groups) * q).reshape(n, -1, q) * sigma[:, None, None]
        away = beta - self.sums.about
        theta = np.empty((n, len(self.groups), q))
        r, kind = self.sums.kinds
        order = np.argsort(kind, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(kind))[:-1])
        for packed, inside in zip(r, members, strict=True):
            gain, root = kernel.effects(np.ascontiguousarray(factor), packed, q)
            for j in inside.tolist():
                left = self._f[j, :, -1] - away @ self._f[j, :, :-1].T
                theta[:, j] = np.einsum("kin,ni->nk", gain, left)
                theta[:, j] += np.einsum("kin,ni->nk", root, noise[:, j])
        theta += (beta @ self.units.T)[:, np.newaxis]
        return theta.reshape(n, -1)

    def draws_of_new(self, beta: Floats, factor: Floats, sigma: Floats, rng: Generator) -> Floats:
        """Draws of a new group's coefficients, shape (n, q)."""
        return self._drawn_new(beta, factor, sigma, rng, 1)[:, 0]

    def prior_draws(self, beta: Floats, factor: Floats, sigma: Floats, rng: Generator) -> Floats:
        """Draws of all groups' coefficients without the data, shape (n, effects)."""
        return self._drawn_new(beta, factor, sigma, rng, len(self.groups)).reshape(len(beta), -1)

    def _drawn_new(
        self, beta: Floats, factor: Floats, sigma: Floats, rng: Generator, groups: int
    ) -> Floats:
        q = len(self.names)
        whole = np.zeros((len(factor), q, q))
        whole[:, *np.tril_indices(q)] = factor
        noise = normals(rng, (len(beta),), groups * q).reshape(len(beta), groups, q)
        drawn: Floats = np.einsum("nki,nji->njk", whole, noise * sigma[:, np.newaxis, np.newaxis])
        drawn += (beta @ self.units.T)[:, np.newaxis]
        return drawn


def _factors(collapsed: Collapsed) -> Floats:
    """The rows of what is collapsed, with a factor of the covariance where one is plain."""
    rows = collapsed.rows
    return np.vstack([rows[:2], np.sqrt(rows[2])]) if collapsed.plain else rows
